// access.cpp: the checks of every access to memory.
#include "access.h"
#include "counters.h"
#include "touched.h"
#include <algorithm>

namespace sim {

using ptx::Space;

namespace {

std::string hex(uint64_t v) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(v));
  return text;
}

const char* verb(Use use) {
  return use == Use::read ? "read" : use == Use::write ? "write" : use == Use::atomic ? "atomic operation" : "cp.async";
}

std::string request(Use use, const char* where, int bytes, uint64_t address) {
  return std::string(where) + " " + verb(use) + " of " + std::to_string(bytes) + " bytes at " + hex(address);
}

/** Every byte was written, and no cp.async is on its way there. */
bool all_known(const uint8_t* known, int bytes) {
  constexpr uint64_t kWritten = 0x0101010101010101;
  uint64_t v[2] = {kWritten, kWritten};
  std::memcpy(v, known, static_cast<size_t>(bytes));
  return v[0] == kWritten && v[1] == kWritten;
}

/** A cp.async is on its way there. */
bool has_pending(const uint8_t* known, int bytes) {
  for (int b = 0; b < bytes; b++)
    if (known[b] == 2) return true;
  return false;
}

struct Check {
  Warp& w;
  const Instruction& i;
  Block& b;
  int bytes;
  Use use;
  Access& out;

  [[noreturn]] void fault(FaultKind kind, int lane, const std::string& what) const { b.fault(kind, w, i, lane, what); }

  void alignment(uint32_t lanes, const uint64_t* address, const char* where) const {
    uint64_t low = 0, odd = static_cast<uint64_t>((out.alignment ? out.alignment : bytes) - 1);
    if (lanes == w.mask) {
      for (int l = 0; l < 32; l++) low |= address[l];
    } else {
      low = odd;
    }
    if (!(low & odd)) return;
    each_lane(lanes, [&](int l) {
      if (address[l] & odd)
        fault(FaultKind::misaligned, l,
              request(use, where, bytes, address[l]) + ": not a multiple of " + std::to_string(odd + 1));
    });
  }

  /** Lanes side by side, in order: one run of bytes. */
  bool side_by_side(uint32_t lanes) const {
    if (lanes != ~0u) return false;
    uint64_t apart = 0, first = reinterpret_cast<uint64_t>(out.data[0]);
    for (int l = 0; l < 32; l++)
      apart |= reinterpret_cast<uint64_t>(out.data[l]) ^ (first + static_cast<uint64_t>(l * bytes));
    return apart == 0;
  }

  /** The whole run is known, or becomes so: the check of most requests. */
  bool known_run(uint8_t* run) const {
    size_t n = static_cast<size_t>(32 * bytes);
    uint64_t all = 0x0101010101010101, any = 0;
    for (size_t at = 0; at < n; at += 8) {
      uint64_t v;
      std::memcpy(&v, run + at, 8);
      all &= v;
      any |= v;
    }
    if (use == Use::write && (any & 0x0202020202020202) == 0) return std::memset(run, 1, n) != nullptr;
    return use == Use::read && all == 0x0101010101010101 && any == all;
  }

  void known(uint32_t lanes, const uint64_t* address, const char* where) {
    out.together = side_by_side(lanes);
    if (out.together && (!out.known[0] || known_run(out.known[0]))) return;
    each_lane(lanes, [&](int l) {
      uint8_t* k = out.known[l];
      if (!k) return;
      bool reads = use == Use::read || use == Use::atomic,
           async = where[0] == 's';  // only shared memory has bytes under way
      if (reads ? !all_known(k, bytes) : async && has_pending(k, bytes)) not_known(l, k, address[l], where);
      if (use != Use::read) std::memset(k, 1, static_cast<size_t>(bytes));
    });
  }

  [[noreturn]] void not_known(int lane, const uint8_t* k, uint64_t address, const char* where) const {
    bool pending = has_pending(k, bytes);
    fault(pending ? FaultKind::missing_wait : FaultKind::uninitialised, lane,
          request(use, where, bytes, address) +
              (pending ? ": a cp.async to there has not been waited for" : ": nothing was written there"));
  }

  void global(uint32_t lanes, const uint64_t* address, bool constant) {
    const char* where = constant ? "constant" : "global";
    alignment(lanes, address, where);
    const Allocation*& last = b.last_allocation[i.index];
    if (last && !constant && !(last->read_only && use != Use::read) &&
        all_inside(lanes, address, last->begin, last->end)) {
      uint8_t* known_base = last->known ? last->known - last->begin : nullptr;
      for (int l = 0; l < 32; l++) {
        out.data[l] = reinterpret_cast<uint8_t*>(address[l]);
        out.known[l] = known_base ? known_base + address[l] : nullptr;
      }
      return count_request(lanes, address, where);
    }
    each_lane(lanes, [&](int l) {
      uint64_t a = address[l];
      if (!last || a < last->begin || a + bytes > last->end || a + bytes < a) {
        const Allocation* found = b.run.memory->find(a, static_cast<uint64_t>(bytes));
        if (!found)
          fault(FaultKind::out_of_bounds, l,
                request(use, where, bytes, a) + ": " + b.run.memory->explain(a, static_cast<uint64_t>(bytes)));
        last = found;
      }
      if (last->read_only && use != Use::read)
        fault(FaultKind::out_of_bounds, l, request(use, where, bytes, a) + ": " + last->name + " is constant");
      if (constant && !last->read_only)
        fault(FaultKind::out_of_bounds, l,
              request(use, where, bytes, a) + ": " + last->name + " is not constant memory");
      out.data[l] = reinterpret_cast<uint8_t*>(a);
      out.known[l] = last->known ? last->known + (a - last->begin) : nullptr;
    });
    if (constant) return known(lanes, address, where);
    count_request(lanes, address, where);
  }

  /** All active lanes; idle ones hold an active one's address. */
  bool all_inside(uint32_t lanes, const uint64_t* address, uint64_t begin, uint64_t end) const {
    if (lanes != w.mask) return false;
    uint64_t low = ~uint64_t(0), high = 0;
    for (int l = 0; l < 32; l++) {
      low = std::min(low, address[l]);
      high = std::max(high, address[l]);
    }
    return low >= begin && high <= end - static_cast<uint64_t>(bytes) && end - begin >= static_cast<uint64_t>(bytes);
  }

  void count_request(uint32_t lanes, const uint64_t* address, const char* where) {
    known(lanes, address, where);
    if (b.touched) b.touched->add(lanes, address, bytes, use != Use::write, use != Use::read);
    if (!out.counted) return;
    count_global(b.lines[i.index], address, lanes, bytes);
    uint64_t total = static_cast<uint64_t>(bytes) * static_cast<uint64_t>(__builtin_popcount(lanes));
    if (use != Use::write) b.load_bytes += total;
    if (use != Use::read) b.store_bytes += total;
    if (use == Use::atomic) b.atomic_count += static_cast<uint64_t>(__builtin_popcount(lanes));
  }

  void inside(uint32_t lanes, const uint64_t* address, uint64_t limit, const char* where) const {
    if (all_inside(lanes, address, 0, limit)) return;
    each_lane(lanes, [&](int l) {
      if (address[l] + static_cast<uint64_t>(bytes) > limit || address[l] > limit)
        fault(FaultKind::out_of_bounds, l,
              request(use, where, bytes, address[l]) + ": there are " + std::to_string(limit) + " bytes");
    });
  }

  void shared(uint32_t lanes, const uint64_t* address) {
    inside(lanes, address, b.shared_bytes, "shared");
    alignment(lanes, address, "shared");
    uint32_t small[32];
    uint8_t *data = b.shared.data(), *known_base = b.shared_known.data();
    for (int l = 0; l < 32; l++) {  // idle lanes: a place inside too, or never looked at
      out.data[l] = data + address[l];
      out.known[l] = known_base + address[l];
      small[l] = static_cast<uint32_t>(address[l]);
    }
    known(lanes, address, "shared");
    if (b.races) race(lanes, address);
    if (out.counted) count_shared(b.lines[i.index], small, lanes, std::max(bytes, 4));
  }

  void race(uint32_t lanes, const uint64_t* address) const {
    int lane = 0;
    Conflict c = b.races->access({static_cast<uint32_t>(w.number), lanes, static_cast<uint32_t>(bytes),
                                  use != Use::read, use == Use::atomic || out.strong, i.index, ++b.request_serial},
                                 address, lane);
    if (c.found) report_race(lane, address[lane], c);
  }

  [[noreturn]] void report_race(int lane, uint64_t address, const Conflict& c) const {
    const Source& other = b.image.source[static_cast<size_t>(c.instruction)];
    fault(FaultKind::race, lane,
          request(use, "shared", bytes, address) + ": thread " + b.thread_name(c.thread) +
              (c.other_wrote ? " wrote" : " read") + " there at line " + std::to_string(other.line) + ", `" +
              *other.text + "`, with no barrier between");
  }

  void local(uint32_t lanes, const uint64_t* address) {
    inside(lanes, address, b.local_stride, "local");
    alignment(lanes, address, "local");
    each_lane(lanes, [&](int l) {
      size_t at = static_cast<size_t>(w.number * 32 + l) * b.local_stride + address[l];
      out.data[l] = b.local.data() + at;
      out.known[l] = b.local_known.data() + at;
    });
    known(lanes, address, "local");
  }

  void parameter(uint32_t lanes, const uint64_t* address) {
    if (use != Use::read) fault(FaultKind::out_of_bounds, __builtin_ctz(lanes), "a kernel's parameters are constant");
    inside(lanes, address, b.run.kernel->parameter_bytes, "parameter");
    alignment(lanes, address, "parameter");
    each_lane(lanes, [&](int l) {
      out.data[l] = const_cast<uint8_t*>(b.run.launch->parameters) + address[l];
      out.known[l] = nullptr;
    });
  }

  void generic(const uint64_t* address) {
    uint64_t inner[32], windowed = 0;
    for (int l = 0; l < 32; l++) windowed |= address[l];
    if (windowed < kSharedWindow) return global(w.mask, address, false);
    uint32_t in_shared = 0, in_local = 0, in_parameter = 0;
    for (int l = 0; l < 32; l++) inner[l] = address[l] & (kWindowBytes - 1);
    each_lane(w.mask, [&](int l) {
      uint64_t window = address[l] & ~(kWindowBytes - 1);
      in_shared |= (window == kSharedWindow ? 1u : 0u) << l;
      in_local |= (window == kLocalWindow ? 1u : 0u) << l;
      in_parameter |= (window == kParamWindow ? 1u : 0u) << l;
    });
    if (in_shared) shared(in_shared, inner);
    if (in_local) local(in_local, inner);
    if (in_parameter) parameter(in_parameter, inner);
    uint32_t others = w.mask & ~(in_shared | in_local | in_parameter);
    if (others) global(others, address, false);
  }
};

}  // namespace

void access_addresses(Warp& w, const Instruction& i, Space space, const uint64_t given[32], int bytes, Use use,
                      Access& out) {
  uint64_t filled[32];
  const uint64_t* address = given;
  if (w.mask != ~0u) {  // idle lanes take the address of an active one, so that checks may look at all 32
    uint64_t first = given[__builtin_ctz(w.mask)];
    for (int l = 0; l < 32; l++) filled[l] = w.mask >> l & 1 ? given[l] : first;
    address = filled;
  }
  Check check{w, i, *w.block, bytes, use, out};
  switch (space) {
    case Space::global:
      return check.global(w.mask, address, false);
    case Space::constant:
      return check.global(w.mask, address, true);
    case Space::shared:
      return check.shared(w.mask, address);
    case Space::local:
      return check.local(w.mask, address);
    case Space::param:
      return check.parameter(w.mask, address);
    default:
      return check.generic(address);
  }
}

void access_memory(Warp& w, const Instruction& i, int bytes, Use use, Access& out) {
  uint64_t address[32];
  uint64_t offset = static_cast<uint64_t>(i.offset);
  if (i.wide) {
    const uint64_t* a = w.at<uint64_t>(i.a);
    for (int l = 0; l < 32; l++) address[l] = a[l] + offset;
  } else {
    const uint32_t* a = w.at<uint32_t>(i.a);
    for (int l = 0; l < 32; l++) address[l] = a[l] + offset;
  }
  access_addresses(w, i, i.space, address, bytes, use, out);
}

void note_arrival(Warp& w, const Instruction& i, int lane, uint32_t at, int bytes) {
  if (!w.block->races) return;
  Access none;
  uint64_t address[32];
  address[lane] = at;
  Check{w, i, *w.block, bytes, Use::async, none}.race(1u << lane, address);
}

uint8_t* access_lane(Warp& w, const Instruction& i, int lane, uint64_t generic, int bytes) {
  uint64_t address[32];
  address[lane] = generic;
  Access out;
  uint32_t outer = w.mask;
  w.mask = 1u << lane;
  access_addresses(w, i, Space::none, address, bytes, Use::read, out);
  w.mask = outer;
  return out.data[lane];
}

}  // namespace sim
