// One reserved range of addresses, given out from low to high and only used again when it is exhausted: so the address
// of freed memory stays recognisable. A second range of the same size holds the known bytes.
#include "memory.h"
#include "fault.h"
#include <algorithm>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace sim {
namespace {

constexpr uint64_t kAlign = 256;  // what cuMemAlloc promises, and not more
constexpr uint64_t kGap = 256;    // between allocations: a small overrun meets no neighbour
constexpr uint64_t kPage = 4096;
constexpr size_t kMaxTombstones = 1 << 16;  // freed allocations remembered by name

uint64_t round_up(uint64_t v, uint64_t to) { return (v + to - 1) / to * to; }

std::string grouped(uint64_t v) {
  std::string s = std::to_string(v);
  for (int i = int(s.size()) - 3; i > 0; i -= 3) s.insert(size_t(i), ",");
  return s;
}

std::string bytes_text(uint64_t v) { return grouped(v) + (v == 1 ? " byte" : " bytes"); }

uint8_t* reserve(uint64_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<uint8_t*>(p);
}

/** Gives whole pages back to the system; what stays of the edge pages is set to zero. */
void discard(uint8_t* begin, uint8_t* end) {
  uint8_t* first = reinterpret_cast<uint8_t*>(round_up(reinterpret_cast<uint64_t>(begin), kPage));
  uint8_t* last = reinterpret_cast<uint8_t*>(reinterpret_cast<uint64_t>(end) / kPage * kPage);
  if (first >= last) {
    std::memset(begin, 0, size_t(end - begin));
    return;
  }
  std::memset(begin, 0, size_t(first - begin));
  std::memset(last, 0, size_t(end - last));
  madvise(first, size_t(last - first), MADV_DONTNEED);
}

}  // namespace

struct Memory::State {
  using Live = std::map<uint64_t, Allocation>;

  uint64_t limit = 0, used = 0;
  uint64_t size = 0;    // of the reserved range
  uint64_t usable = 0;  // of that, from its begin: the rest cannot be accessed yet
  uint8_t* data = nullptr;
  uint8_t* known = nullptr;
  uint64_t cursor = 0;  // next free address
  Live live;
  std::map<uint64_t, std::unique_ptr<uint8_t[]>> adopted_known;
  std::map<uint64_t, Allocation> freed;
  std::vector<uint64_t> freed_order;  // a ring: begins of `freed`, oldest at freed_at once full
  size_t freed_at = 0;

  uint64_t base() const { return reinterpret_cast<uint64_t>(data); }
  bool owns(uint64_t address) const { return address >= base() && address < base() + size; }

  /** Addresses [begin, begin + bytes) free of live allocations, at or after `from`; 0 if there are none. */
  uint64_t fit(uint64_t from, uint64_t bytes) const {
    uint64_t begin = from;
    for (auto it = live.lower_bound(begin); it != live.end() && owns(it->first); ++it) {
      if (it->first >= begin + bytes + kGap) break;
      begin = round_up(it->second.end + kGap, kAlign);
    }
    return begin + bytes + kGap <= base() + size ? begin : 0;
  }

  /** Makes addresses below `end` accessible; false if the system gives no memory. */
  bool open(uint64_t end) {
    constexpr uint64_t kStep = uint64_t(1) << 24;
    uint64_t wanted = std::min(size, round_up(end - base(), kStep));
    if (wanted <= usable) return true;
    for (uint8_t* range : {data, known})
      if (mprotect(range + usable, wanted - usable, PROT_READ | PROT_WRITE) != 0) return false;
    usable = wanted;
    return true;
  }

  void bury(Allocation a) {
    a.known = nullptr;
    if (freed_order.size() < kMaxTombstones) {
      freed_order.push_back(a.begin);
    } else {
      freed.erase(std::exchange(freed_order[freed_at], a.begin));
      freed_at = (freed_at + 1) % kMaxTombstones;
    }
    freed[a.begin] = std::move(a);
  }

  void forget_tombstones(uint64_t begin, uint64_t end) {
    auto it = freed.lower_bound(begin);
    if (it != freed.begin() && std::prev(it)->second.end > begin) --it;
    while (it != freed.end() && it->first < end) it = freed.erase(it);
  }

  const Allocation* at_or_before(const Live& map, uint64_t address) const {
    auto it = map.upper_bound(address);
    return it == map.begin() ? nullptr : &std::prev(it)->second;
  }
};

Memory::Memory(uint64_t limit_bytes) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.limit = limit_bytes;
  // As much as the system gives: address space costs nothing, and the more there is the later an address returns.
  for (s.size = uint64_t(1) << 42; s.size >= kPage; s.size /= 2) {
    s.data = reserve(s.size);
    s.known = s.data ? reserve(s.size) : nullptr;
    if (s.known) break;
    if (s.data) munmap(s.data, s.size);
  }
  if (!s.known) throw std::bad_alloc();
  s.cursor = s.base() + kPage;
}

Memory::~Memory() {
  munmap(state_->data, state_->size);
  munmap(state_->known, state_->size);
}

uint64_t Memory::allocate(uint64_t bytes, std::string name) {
  State& s = *state_;
  if (bytes == 0 || bytes > s.limit - s.used) return 0;
  uint64_t begin = s.fit(s.cursor, bytes);
  if (!begin) begin = s.fit(s.base() + kPage, bytes);
  if (!begin || !s.open(begin + bytes)) return 0;
  s.forget_tombstones(begin, begin + bytes + kGap);
  s.cursor = round_up(begin + bytes + kGap, kAlign);
  s.used += bytes;
  std::memset(reinterpret_cast<uint8_t*>(begin), 0xFF, bytes);
  s.live[begin] = Allocation{begin, begin + bytes, s.known + (begin - s.base()), false, std::move(name)};
  return begin;
}

void Memory::adopt(uint64_t address, uint64_t bytes, std::string name) {
  State& s = *state_;
  const Allocation* before = s.at_or_before(s.live, address + bytes - 1);
  if (bytes == 0 || (before && before->end > address))
    throw Fault(FaultKind::invalid_value, bytes ? "this memory is registered already: " + before->name : "no bytes");
  auto known = std::make_unique<uint8_t[]>(bytes);
  std::memset(known.get(), 1, bytes);
  s.live[address] = Allocation{address, address + bytes, known.get(), false, std::move(name)};
  s.adopted_known[address] = std::move(known);
}

void Memory::release(uint64_t address) {
  State& s = *state_;
  auto it = s.live.find(address);
  if (it == s.live.end()) {
    if (auto f = s.freed.find(address); f != s.freed.end())
      throw Fault(FaultKind::invalid_value, "freed twice: " + f->second.name);
    throw Fault(FaultKind::invalid_value, "not the start of an allocation: " + explain(address, 1));
  }
  Allocation a = std::move(it->second);
  s.live.erase(it);
  if (s.adopted_known.erase(address)) return;
  uint64_t bytes = a.end - a.begin;
  s.used -= bytes;
  discard(reinterpret_cast<uint8_t*>(a.begin), reinterpret_cast<uint8_t*>(a.end));
  discard(a.known, a.known + bytes);
  s.bury(std::move(a));
}

void Memory::protect(uint64_t address, bool read_only) { state_->live.at(address).read_only = read_only; }

const Allocation* Memory::find(uint64_t address, uint64_t bytes) const {
  const Allocation* a = state_->at_or_before(state_->live, address);
  return a && address < a->end && bytes <= a->end - address ? a : nullptr;
}

std::string Memory::explain(uint64_t address, uint64_t bytes) const {
  const State& s = *state_;
  auto of = [](const Allocation& a) { return a.name + " (" + bytes_text(a.end - a.begin) + ")"; };
  if (address == 0) return "a null pointer";
  if (const Allocation* a = s.at_or_before(s.live, address)) {
    if (address < a->end && bytes <= a->end - address) return "inside " + of(*a);
    if (address < a->end)
      return "starts inside " + of(*a) + " and runs " + bytes_text(bytes - (a->end - address)) + " past its end";
  }
  if (const Allocation* a = s.at_or_before(s.freed, address); a && address < a->end)
    return bytes_text(address - a->begin) + " into freed memory, once " + of(*a);
  const Allocation* below = s.at_or_before(s.live, address);
  auto above = s.live.upper_bound(address);
  uint64_t past = below && s.owns(below->begin) == s.owns(address) ? address - below->end : UINT64_MAX;
  uint64_t before =
      above != s.live.end() && s.owns(above->first) == s.owns(address) ? above->first - address : UINT64_MAX;
  // A far address says more by being far than by its nearest neighbour.
  constexpr uint64_t kNear = uint64_t(1) << 32;
  if (past <= before && past < kNear) return bytes_text(past) + " past the end of " + of(*below);
  if (before < kNear) return bytes_text(before) + " before " + of(above->second);
  return s.owns(address) ? "no live memory of this device" : "no memory of this device (a host pointer?)";
}

uint64_t Memory::used() const { return state_->used; }
uint64_t Memory::limit() const { return state_->limit; }

}  // namespace sim
