#include "hazards.h"
#include "fault.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

namespace sim {
namespace {

std::string hex(uint64_t address) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
  return text;
}

/** Of eight bytes at a time: any one change of the content changes it. */
uint64_t hash_of(uint64_t begin, uint64_t end) {
  constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
  uint64_t hash = end - begin;
  for (uint64_t at = begin; at < end; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, reinterpret_cast<const void*>(at), std::min<uint64_t>(8, end - at));
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 29;
  }
  return hash;
}

}  // namespace

void Clock::set(uint32_t timeline, uint64_t tick) {
  if (ticks.size() <= timeline) ticks.resize(timeline + 1);
  ticks[timeline] = tick;
}

void Clock::join(const Clock& other) {
  if (ticks.size() < other.ticks.size()) ticks.resize(other.ticks.size());
  for (size_t i = 0; i < other.ticks.size(); ++i) ticks[i] = std::max(ticks[i], other.ticks[i]);
}

void Hazards::begin(Lane& lane) {
  lane.clock.join(host_);
  lane.clock.set(lane.timeline, lane.clock.of(lane.timeline) + 1);
}

void Hazards::lend(const Lane& lane, const std::shared_ptr<const std::string>& who, uint64_t begin, uint64_t end) {
  loans_.push_back({{lane.timeline, lane.clock.of(lane.timeline), who}, begin, end, hash_of(begin, end)});
}

void Hazards::end_loans(uint64_t begin, uint64_t end) {
  std::erase_if(loans_, [&](const Loan& l) { return l.begin < end && begin < l.end; });
}

void Hazards::host_waits(const Clock& clock) {
  host_.join(clock);
  std::vector<Loan> over;
  std::erase_if(loans_, [&](const Loan& l) {
    bool ends = l.reader.tick <= host_.of(l.reader.timeline);
    if (ends) over.push_back(l);
    return ends;
  });
  for (const Loan& l : over)
    if (hash_of(l.begin, l.end) != l.hash)
      throw Fault(FaultKind::hazard, "the host changed memory at " + hex(l.begin) + " that " + *l.reader.who +
                                         " reads, before it had waited for that");
}

/** Makes a span border at `at`, if a span crosses it; returns the first span at or after `at`. */
Hazards::Spans::iterator Hazards::split(uint64_t at) {
  auto next = spans_.lower_bound(at);
  if (next == spans_.begin()) return next;
  auto before = std::prev(next);
  if (before->second.end <= at) return next;
  Span tail = before->second;
  before->second.end = at;
  return spans_.emplace_hint(next, at, std::move(tail));
}

void Hazards::check(const Access& before, const Clock& now, const std::string& who, uint64_t address, bool was_write,
                    bool write) const {
  if (before.tick == 0 || before.tick <= now.of(before.timeline)) return;
  throw Fault(FaultKind::hazard, who + (write ? " writes " : " reads ") + hex(address) + ", which " + *before.who +
                                     (was_write ? " writes" : " reads") +
                                     ", with no event or synchronisation between them");
}

void Hazards::access(const Lane& lane, const std::shared_ptr<const std::string>& who, uint64_t begin, uint64_t end,
                     bool write) {
  if (begin >= end) return;
  const Clock& now = lane.clock;
  Access mine{lane.timeline, now.of(lane.timeline), who};
  split(begin);
  auto last = split(end);
  auto it = spans_.lower_bound(begin);
  for (auto s = it; s != last; ++s) {
    check(s->second.write, now, *who, s->first, true, write);
    if (write)
      for (const Access& r : s->second.reads) check(r, now, *who, s->first, false, true);
  }
  if (write) {
    spans_.erase(it, last);
    spans_.emplace_hint(last, begin, Span{end, mine, {}});
    return;
  }
  for (uint64_t at = begin; at < end;) {
    if (it == last || it->first > at) it = spans_.emplace_hint(it, at, Span{it == last ? end : it->first, {}, {}});
    std::vector<Access>& reads = it->second.reads;
    // What is ordered before this read is ordered before all that comes after it.
    std::erase_if(reads, [&](const Access& r) { return r.tick <= now.of(r.timeline); });
    reads.push_back(mine);
    at = it->second.end;
    ++it;
  }
}

void Hazards::forget(uint64_t begin, uint64_t end) {
  split(begin);
  auto last = split(end);
  spans_.erase(spans_.lower_bound(begin), last);
}

}  // namespace sim
