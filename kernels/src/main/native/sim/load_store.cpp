// load_store.cpp: ld, ldu, st.
#include "access.h"
#include "decode.h"

namespace sim {

using ptx::Form;
using ptx::Space;

namespace {

enum MemoryFlags : uint8_t { kStrong = 1 };

/** Memory type M into lanes of register type R. */
template <class M, class R>
void load_lanes(Warp& w, const Instruction& i, const Access& m) {
  if (sizeof(M) == sizeof(R) && m.together && i.count == 1) {
    std::memcpy(w.at<R>(i.d), m.data[0], 32 * sizeof(M));
    return;
  }
  for (int k = 0; k < i.count; k++) {
    R* d = w.at<R>(i.count > 1 ? i.detail->registers[k] : i.d);
    each_lane(w.mask, [&](int l) {
      M v;
      std::memcpy(&v, m.data[l] + k * sizeof(M), sizeof(M));
      d[l] = static_cast<R>(v);
    });
  }
}

template <class M, class R>
void store_lanes_to(Warp& w, const Instruction& i, const Access& m) {
  if (sizeof(M) == sizeof(R) && m.together && i.count == 1) {
    std::memcpy(m.data[0], w.at<R>(i.d), 32 * sizeof(M));
    return;
  }
  for (int k = 0; k < i.count; k++) {
    const R* d = w.at<R>(i.count > 1 ? i.detail->registers[k] : i.d);
    each_lane(w.mask, [&](int l) {
      M v = static_cast<M>(d[l]);
      std::memcpy(m.data[l] + k * sizeof(M), &v, sizeof(M));
    });
  }
}

/** Lanes of one store that wrote different values to one place. */
template <class M, class R>
void check_overwritten(Warp& w, const Instruction& i, const Access& m) {
  for (int k = 0; k < i.count; k++) {
    const R* d = w.at<R>(i.count > 1 ? i.detail->registers[k] : i.d);
    each_lane(w.mask, [&](int l) {
      M v = static_cast<M>(d[l]);
      if (std::memcmp(m.data[l] + k * sizeof(M), &v, sizeof(M)))
        w.block->fault(FaultKind::race, w, i, l, "another lane stored another value to the same place");
    });
  }
}

template <class M, class R>
const Instruction* run_load(Warp& w, const Instruction& i) {
  Access m;
  m.strong = i.flags & kStrong;
  access_memory(w, i, static_cast<int>(sizeof(M)) * i.count, Use::read, m);
  load_lanes<M, R>(w, i, m);
  return next(i);
}

template <class M, class R>
const Instruction* run_store(Warp& w, const Instruction& i) {
  Access m;
  m.strong = i.flags & kStrong;
  access_memory(w, i, static_cast<int>(sizeof(M)) * i.count, Use::write, m);
  store_lanes_to<M, R>(w, i, m);
  if (i.space == Space::shared && !m.strong && w.block->races) check_overwritten<M, R>(w, i, m);
  return next(i);
}

// Parameters of device functions, and of calls: a lane's own bytes.
Access own_parameters(Warp& w, const Instruction& i) {
  Access m;
  Block& b = *w.block;
  const uint64_t* a = w.at<uint64_t>(i.a);
  each_lane(w.mask, [&](int l) {
    uint64_t at = a[l] + static_cast<uint64_t>(i.offset);
    if (at + i.bytes * i.count > b.parameter_stride)
      b.fault(FaultKind::out_of_bounds, w, i, l, "no parameter at offset " + std::to_string(at));
    m.data[l] = b.parameters.data() + static_cast<size_t>(w.number * 32 + l) * b.parameter_stride + at;
  });
  return m;
}
template <class M, class R>
const Instruction* run_load_own(Warp& w, const Instruction& i) {
  load_lanes<M, R>(w, i, own_parameters(w, i));
  return next(i);
}
template <class M, class R>
const Instruction* run_store_own(Warp& w, const Instruction& i) {
  store_lanes_to<M, R>(w, i, own_parameters(w, i));
  return next(i);
}

/** A kernel's parameter at a place known when decoding: one value for all lanes. */
template <class M, class R>
const Instruction* run_load_argument(Warp& w, const Instruction& i) {
  const uint8_t* from = w.block->run.launch->parameters + i.offset;
  for (int k = 0; k < i.count; k++) {
    M v;
    std::memcpy(&v, from + static_cast<size_t>(k) * sizeof(M), sizeof(M));
    R *d = w.at<R>(i.count > 1 ? i.detail->registers[static_cast<size_t>(k)] : i.d), value = static_cast<R>(v);
    if (w.mask == ~0u) {
      for (int l = 0; l < 32; l++) d[l] = value;
    } else {
      each_lane(w.mask, [&](int l) { d[l] = value; });
    }
  }
  return next(i);
}

struct MemoryOps {
  Op load, store, load_own, store_own, load_argument;
};
template <class M, class R>
constexpr MemoryOps kOps{run_load<M, R>, run_store<M, R>, run_load_own<M, R>, run_store_own<M, R>,
                         run_load_argument<M, R>};

template <class M>
const MemoryOps* by_register(int bytes) {
  if constexpr (sizeof(M) <= 1)
    if (bytes == 1) return &kOps<M, std::conditional_t<std::is_signed_v<M>, int8_t, uint8_t>>;
  if constexpr (sizeof(M) <= 2)
    if (bytes == 2) return &kOps<M, std::conditional_t<std::is_signed_v<M>, int16_t, uint16_t>>;
  if constexpr (sizeof(M) <= 4)
    if (bytes == 4) return &kOps<M, std::conditional_t<std::is_signed_v<M>, int32_t, uint32_t>>;
  return bytes == 8 ? &kOps<M, std::conditional_t<std::is_signed_v<M>, int64_t, uint64_t>> : nullptr;
}

const MemoryOps* find_ops(std::string_view type, int register_bytes) {
  bool is_signed = type[0] == 's';
  switch (ptx::type_bytes(type)) {
    case 1:
      return is_signed ? by_register<int8_t>(register_bytes) : by_register<uint8_t>(register_bytes);
    case 2:
      return is_signed ? by_register<int16_t>(register_bytes) : by_register<uint16_t>(register_bytes);
    case 4:
      return is_signed ? by_register<int32_t>(register_bytes) : by_register<uint32_t>(register_bytes);
    case 8:
      return by_register<uint64_t>(register_bytes);
    default:
      return nullptr;
  }
}

/** Registers of a scalar or vector operand; all of one size. */
int take_data(Decoder& d, const ptx::Operand& o, uint32_t type_bytes, bool store, std::string_view type) {
  int bytes = 0;
  auto one = [&](const ptx::Operand& e) -> uint32_t {
    if (e.form == Form::sink && !store) {
      if (!bytes) bytes = static_cast<int>(type_bytes);
      return d.scratch(8);
    }
    if (store && e.form != Form::reg) {
      bytes = static_cast<int>(type_bytes);
      return d.source(e, type);
    }
    int own = 0;
    uint32_t at = d.any_register(e, own);
    if (bytes && own != bytes) d.unsupported("registers of different sizes");
    bytes = own;
    return at;
  };
  if (o.form != Form::vector) {
    d.i.d = one(o);
    return bytes;
  }
  if (o.list.size() != d.i.count) d.unsupported("number of registers");
  for (auto& e : o.list)
    if (e.form == Form::reg) one(e);  // the size first, for sinks
  for (auto& e : o.list) d.detail().registers.push_back(one(e));
  return bytes;
}

/** What says how, not what: caches and orders that change nothing here. */
void take_hints(Decoder& d) {
  for (auto m : {"weak",
                 "relaxed",
                 "acquire",
                 "release",
                 "volatile",
                 "cta",
                 "gpu",
                 "sys",
                 "cluster",
                 "nc",
                 "ca",
                 "cg",
                 "cs",
                 "lu",
                 "cv",
                 "wb",
                 "wt",
                 "L1::evict_normal",
                 "L1::evict_unchanged",
                 "L1::evict_first",
                 "L1::evict_last",
                 "L1::no_allocate",
                 "L2::64B",
                 "L2::128B",
                 "L2::256B",
                 "L2::evict_last",
                 "L2::evict_first",
                 "L2::evict_normal",
                 "mmio"})
    d.take(m);
}

}  // namespace

void decode_load_store(Decoder& d) {
  bool store = d.statement.opcode == "st";
  d.i.space = d.take_space();
  bool hinted = d.take("L2::cache_hint");
  for (auto m : {"volatile", "relaxed", "acquire", "release", "mmio"})
    if (d.take(m)) d.i.flags |= kStrong;
  take_hints(d);
  std::string vector = d.take_one({"v2", "v4", "v8"});
  d.i.count = vector.empty() ? 1 : static_cast<uint8_t>(vector[1] - '0');
  std::string type = d.take_type();
  d.i.bytes = static_cast<uint8_t>(ptx::type_bytes(type));
  if (d.operands() != (hinted ? 3u : 2u)) d.unsupported();
  if (d.i.bytes * d.i.count > 16) d.unsupported("more than 16 bytes a lane");
  const ptx::Operand &memory = d.operand(store ? 0 : 1), &data = d.operand(store ? 1 : 0);
  int register_bytes = take_data(d, data, d.i.bytes, store, type);
  const MemoryOps* ops = find_ops(type, register_bytes);
  if (!ops) d.unsupported("size of the registers");
  d.address(memory);
  bool own = false, argument = false;
  if (d.i.space == Space::param) {
    const ptx::Function& f = *d.builder.routine->function;
    bool formal = false;
    for (auto& p : f.parameters) formal |= p.name == memory.name;
    own = !f.kernel || (memory.reg < 0 && !formal);
    if (store && !own) d.unsupported("a kernel's parameters are constant");
    int64_t size = d.i.bytes * d.i.count;
    argument = !own && memory.reg < 0;
    if (argument && (d.i.offset < 0 || d.i.offset % size || d.i.offset + size > d.builder.kernel_parameter_bytes()))
      d.unsupported("it is not inside the kernel's parameters, aligned");
    if (own && !d.i.wide) d.unsupported("a 32-bit address of a parameter");
  }
  if (d.i.space == Space::constant && store) d.unsupported("constant memory cannot be written");
  if (argument) return d.emit(ops->load_argument);
  d.emit(own ? (store ? ops->store_own : ops->load_own) : (store ? ops->store : ops->load));
}

}  // namespace sim
