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
    c.floor = latest;
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

/** Most accesses: whatever happened to the word lies behind a barrier of all. */
inline bool Races::touch_quickly(Cell& c, const Request& r, uint32_t lane, const Clock& clock) {
  if (r.strong || c.write_time > clock.floor) return false;
  if (r.write) {
    if (c.read_time > clock.floor || c.other_read_time > clock.floor) return false;
    c.write_time = clock.now;
    c.write_warp = r.warp;
    c.write_lane = lane;
    c.write_instruction = r.instruction;
    c.write_serial = r.serial;
    c.write_strong = false;
    return true;
  }
  if (c.read_time <= clock.floor) {
    c.read_warp = r.warp;
    c.read_lanes = 0;
  } else if (c.read_warp != r.warp || c.read_time != clock.now) {
    return false;
  }
  c.read_lanes |= 1u << lane;
  c.read_time = clock.now;
  c.read_instruction = r.instruction;
  c.read_strong = false;
  return true;
}

Conflict Races::touch(Cell& c, const Request& r, uint32_t lane) {
  uint32_t w = r.warp, serial = r.serial;
  bool write = r.write, strong = r.strong;
  int instruction = r.instruction;
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
      if (!second) return {true, false, c.other_read_warp * 32u, c.read_instruction};
    }
    c.write_time = clock.now;
    c.write_warp = w;
    c.write_lane = lane;
    c.write_instruction = instruction;
    c.write_serial = serial;
    c.write_strong = strong;
  } else {
    if (c.read_warp != w) {
      c.other_read_time = c.read_time;
      c.other_read_warp = c.read_warp;
      c.read_warp = w;
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

Conflict Races::access(const Request& r, const uint64_t at[32], int& lane) {
  for (uint32_t left = r.lanes; left; left &= left - 1) {
    lane = __builtin_ctz(left);
    uint32_t begin = static_cast<uint32_t>(at[lane]), l = static_cast<uint32_t>(lane);
    bool quick = !((begin | r.bytes) & 3);
    for (uint32_t word = begin / 4; quick && word < (begin + r.bytes) / 4; word++)
      quick = !is_split_[word] && touch_quickly(words_[word], r, l, clocks_[r.warp]);
    if (quick) continue;
    Conflict c = access_lane(r, l, begin);
    if (c.found) return c;
  }
  return {};
}

/** Strong accesses order what was before the write before what is after the read. */
void Races::acquire(uint32_t w, uint32_t at) {
  auto r = released_.find(at);
  if (r == released_.end()) return;
  for (size_t v = 0; v < clocks_.size(); v++) clocks_[w].seen[v] = std::max(clocks_[w].seen[v], r->second[v]);
  find_floor(clocks_[w]);
}

void Races::release(uint32_t w, uint32_t at) {
  Clocks& released = released_[at];
  for (size_t v = 0; v < clocks_.size(); v++) released[v] = std::max(released[v], clocks_[w].seen[v]);
  released[w] = clocks_[w].now;
  clocks_[w].now++;
}

Conflict Races::access_lane(const Request& r, uint32_t lane, uint32_t at) {
  if (r.strong) acquire(r.warp, at);
  Conflict conflict;
  for (uint32_t begin = at, end = at + r.bytes; begin < end && !conflict.found;) {
    uint32_t word = begin / 4, first = begin % 4, last = std::min(4u, first + end - begin);
    if (!is_split_[word] && first == 0 && last == 4) {
      conflict = touch(words_[word], r, lane);
    } else {
      Cell* cells = split(word);
      for (uint32_t b = first; b < last && !conflict.found; b++) conflict = touch(cells[b], r, lane);
    }
    begin += last - first;
  }
  if (r.strong && r.write && !conflict.found) release(r.warp, at);
  return conflict;
}

void Races::find_floor(Clock& c) {
  const Clock* first = clocks_.data();
  c.floor = c.all_synced - 1;
  for (size_t v = 0; v < clocks_.size(); v++)
    if (&c != first + v) c.floor = std::min(c.floor, c.seen[v]);
}

void Races::warp_sync(uint32_t w, uint32_t members, bool all) {
  Clock& c = clocks_[w];
  c.now++;
  if (all) {
    c.all_synced = c.now;
    c.pairs.reset();
    find_floor(c);
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
  uint32_t latest = 0;  // all go on from one time, so that their floors are high
  for (uint32_t left = warps; left; left &= left - 1) latest = std::max(latest, joined[__builtin_ctz(left)]);
  for (uint32_t left = warps; left; left &= left - 1) joined[__builtin_ctz(left)] = latest;
  for (uint32_t left = warps; left; left &= left - 1) {
    Clock& c = clocks_[__builtin_ctz(left)];
    c.seen = joined;
    c.now = c.all_synced = latest + 1;
    c.pairs.reset();
    find_floor(c);
  }
}

}  // namespace sim
