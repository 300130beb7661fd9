// race.cpp: who touched a word of shared memory last, and whether that is ordered before the one who touches it now.
#include "race.h"
#include <algorithm>

namespace sim {

Races::Races(uint32_t shared_bytes, uint32_t warps)
    : words_(shared_bytes / 4 + 4), is_split_(shared_bytes / 4 + 4), clocks_(warps) {}

void Races::start_block() {
  uint32_t latest = 0;
  for (auto& c : clocks_) latest = std::max(latest, c.now);
  for (auto& c : clocks_) {
    c.seen.fill(latest);
    c.now = c.all_synced = latest + 1;
    c.pairs.reset();
  }
  released_.clear();
}

/** Those of `lanes` whose access at `time` no collective orders before one of `lane` now. */
uint32_t Races::unordered_lanes(const Clock& c, uint32_t lane, uint32_t lanes, uint32_t time) {
  lanes &= ~(1u << lane);
  if (time < c.all_synced) return 0;
  if (!c.pairs) return lanes;
  uint32_t unordered = 0;
  for (; lanes; lanes &= lanes - 1)
    if (time >= (*c.pairs)[lane][__builtin_ctz(lanes)]) unordered |= lanes & -lanes;
  return unordered;
}

bool Races::ordered(uint32_t w, uint32_t lane, uint32_t other, uint32_t other_lane, uint32_t time) const {
  const Clock& c = clocks_[w];
  if (other != w) return time <= c.seen[other];
  return unordered_lanes(c, lane, 1u << other_lane, time) == 0;
}

Conflict Races::touch(Cell& c, uint32_t w, uint32_t lane, bool write, bool strong, int instruction, uint32_t serial) {
  const Clock& clock = clocks_[w];
  bool same_request = c.write_serial == serial && c.write_warp == w;  // lanes of one store: checked by value elsewhere
  if (!same_request && !(strong && c.write_strong) && !ordered(w, lane, c.write_warp, c.write_lane, c.write_time))
    return {true, true, c.write_warp * 32u + c.write_lane, c.write_instruction};
  if (write) {
    if (!(strong && c.read_strong)) {
      uint32_t racing = c.read_warp == w ? unordered_lanes(clock, lane, c.read_lanes, c.read_time)
                        : c.read_time > clock.seen[c.read_warp] ? c.read_lanes
                                                                : 0;
      if (racing)
        return {true, false, c.read_warp * 32u + static_cast<uint32_t>(__builtin_ctz(racing)), c.read_instruction};
      bool second = c.other_read_warp == w || c.other_read_time <= clock.seen[c.other_read_warp];
      if (!second) return {true, false, c.other_read_warp * 32u, c.other_read_instruction};
    }
    c.write_time = clock.now;
    c.write_warp = static_cast<uint8_t>(w);
    c.write_lane = static_cast<uint8_t>(lane);
    c.write_instruction = instruction;
    c.write_serial = serial;
    c.write_strong = strong;
  } else {
    if (c.read_warp != w) {
      c.other_read_time = c.read_time;
      c.other_read_warp = c.read_warp;
      c.other_read_instruction = c.read_instruction;
      c.read_warp = static_cast<uint8_t>(w);
      c.read_lanes = 0;
    } else {
      c.read_lanes = unordered_lanes(clock, lane, c.read_lanes, c.read_time);
    }
    c.read_lanes |= 1u << lane;
    c.read_time = clock.now;
    c.read_instruction = instruction;
    c.read_strong = strong;
  }
  return {};
}

Races::Cell* Races::split(uint32_t word) {
  auto [found, fresh] = bytes_.try_emplace(word);
  if (fresh) {
    found->second.fill(words_[word]);
    is_split_[word] = 1;
  }
  return found->second.data();
}

Conflict Races::access(uint32_t w, uint32_t lane, uint32_t at, uint32_t bytes, bool write, bool strong, int instruction,
                       uint32_t serial) {
  if (strong) {
    auto r = released_.find(at);
    if (r != released_.end())
      for (size_t v = 0; v < clocks_.size(); v++) clocks_[w].seen[v] = std::max(clocks_[w].seen[v], r->second[v]);
  }
  uint32_t end = at + bytes;
  Conflict conflict;
  while (at < end && !conflict.found) {
    uint32_t word = at / 4, first = at % 4, last = std::min(4u, first + end - at);
    if (!is_split_[word] && first == 0 && last == 4) {
      conflict = touch(words_[word], w, lane, write, strong, instruction, serial);
    } else {
      Cell* cells = split(word);
      for (uint32_t b = first; b < last && !conflict.found; b++)
        conflict = touch(cells[b], w, lane, write, strong, instruction, serial);
    }
    at += last - first;
  }
  if (strong && write && !conflict.found) {
    Clocks& released = released_[end - bytes];
    for (size_t v = 0; v < clocks_.size(); v++) released[v] = std::max(released[v], clocks_[w].seen[v]);
    released[w] = clocks_[w].now;
    clocks_[w].now++;
  }
  return conflict;
}

void Races::warp_sync(uint32_t w, uint32_t members, bool all) {
  Clock& c = clocks_[w];
  c.now++;
  if (all) {
    c.all_synced = c.now;
    c.pairs.reset();
    return;
  }
  if (!c.pairs) c.pairs = std::make_unique<Pairs>();
  for (uint32_t a = members; a; a &= a - 1)
    for (uint32_t b = members; b; b &= b - 1) (*c.pairs)[__builtin_ctz(a)][__builtin_ctz(b)] = c.now;
}

void Races::arrive(uint32_t w, Clocks& arrived) {
  Clock& c = clocks_[w];
  for (size_t v = 0; v < clocks_.size(); v++) arrived[v] = std::max(arrived[v], c.seen[v]);
  arrived[w] = std::max(arrived[w], c.now);
  c.now++;
}

void Races::barrier(uint32_t warps, const Clocks& arrived) {
  Clocks joined = arrived;
  for (uint32_t left = warps; left; left &= left - 1) {
    uint32_t w = static_cast<uint32_t>(__builtin_ctz(left));
    for (size_t v = 0; v < clocks_.size(); v++) joined[v] = std::max(joined[v], clocks_[w].seen[v]);
    joined[w] = std::max(joined[w], clocks_[w].now);
  }
  for (uint32_t left = warps; left; left &= left - 1) {
    Clock& c = clocks_[__builtin_ctz(left)];
    c.seen = joined;
    c.now++;
    c.all_synced = c.now;
    c.pairs.reset();
  }
}

}  // namespace sim
