// memory_ops.cpp: the opcodes that touch memory; of these here: cvta, isspacep, prefetch, fences, nanosleep.
#include "access.h"
#include "decode.h"
#include <atomic>
#include <cstring>
#include <unordered_map>

namespace sim {

using ptx::Space;

namespace {

template <bool ToGeneric, class T>
const Instruction* run_cvta(Warp& w, const Instruction& i) {
  const T* a = w.at<T>(i.a);
  T* d = w.at<T>(i.d);
  if (!i.offset && w.mask == ~0u) {
    std::memmove(d, a, 32 * sizeof(T));
    return next(i);
  }
  uint64_t window = static_cast<uint64_t>(i.offset);
  each_lane(w.mask, [&](int l) {
    if (!ToGeneric && window && (a[l] & ~(kWindowBytes - 1)) != window && a[l])
      w.block->fault(FaultKind::out_of_bounds, w, i, l, "the generic address is not in this state space");
    d[l] = static_cast<T>(ToGeneric ? a[l] + window : a[l] & (window ? kWindowBytes - 1 : ~0ull));
  });
  return next(i);
}

int64_t window_of(Space s) {
  return static_cast<int64_t>(s == Space::shared  ? kSharedWindow
                              : s == Space::local ? kLocalWindow
                              : s == Space::param ? kParamWindow
                                                  : 0);
}

void decode_cvta(Decoder& d) {
  bool from_generic = d.take("to");
  Space space = d.take_space();
  if (space == Space::none) d.unsupported();
  if (d.take_type() != "u64") d.unsupported("addresses have 64 bits");
  d.i.offset = window_of(space);
  d.i.d = d.target(d.operand(0), "u64");
  d.i.a = d.source(d.operand(1), "u64");
  d.emit(from_generic ? run_cvta<false, uint64_t> : run_cvta<true, uint64_t>);
}

const Instruction* run_isspacep(Warp& w, const Instruction& i) {
  const uint64_t* a = w.at<uint64_t>(i.a);
  uint32_t& p = w.predicate(i.d);
  each_lane(w.mask, [&](int l) {
    uint64_t window = a[l] & ~(kWindowBytes - 1);
    bool windowed = window == kSharedWindow || window == kLocalWindow || window == kParamWindow;
    bool is = i.offset ? window == static_cast<uint64_t>(i.offset) : !windowed;
    if (!windowed && !i.offset) {
      const Allocation* allocation = w.block->run.memory->find(a[l], 1);
      if (allocation) is = allocation->read_only == (i.space == Space::constant);
    }
    p = (p & ~(1u << l)) | (is ? 1u : 0u) << l;
  });
  return next(i);
}

void decode_isspacep(Decoder& d) {
  d.i.space = d.take_space();
  if (d.i.space == Space::none) d.unsupported();
  d.i.offset = window_of(d.i.space);
  d.i.d = d.target(d.operand(0), "pred");
  d.i.a = d.source(d.operand(1), "u64");
  d.emit(run_isspacep);
}

const Instruction* run_nothing(Warp&, const Instruction& i) { return next(i); }
const Instruction* run_fence(Warp&, const Instruction& i) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return next(i);
}

/** The warp's turn ends at its next branch: whom it waits for may run. */
const Instruction* run_nanosleep(Warp& w, const Instruction& i) {
  w.budget = 0;
  return next(i);
}

void decode_nanosleep(Decoder& d) {
  if (d.take_type() != "u32" || d.operands() != 1) d.unsupported();
  d.emit(run_nanosleep);
}

void decode_prefetch(Decoder& d) {
  d.take_space();
  for (auto m : {"L1", "L2", "L2::evict_last", "L2::evict_normal"}) d.take(m);
  d.emit(run_nothing);
}

void decode_fence(Decoder& d) {
  for (auto m : {"sc", "acq_rel", "acquire", "release", "cta", "gl", "gpu", "sys", "cluster"}) d.take(m);
  d.emit(run_fence);
}

void decode_createpolicy(Decoder& d) {
  d.modifiers.clear();
  d.i.d = d.target(d.operand(0), "b64");
  d.emit(run_nothing);
}

}  // namespace

DecodeFunction find_memory(std::string_view opcode) {
  static const std::unordered_map<std::string_view, DecodeFunction> table = {
      {"ld", decode_load_store},      {"ldu", decode_load_store},
      {"st", decode_load_store},      {"cvta", decode_cvta},
      {"isspacep", decode_isspacep},  {"prefetch", decode_prefetch},
      {"prefetchu", decode_prefetch}, {"membar", decode_fence},
      {"fence", decode_fence},        {"createpolicy", decode_createpolicy},
      {"atom", decode_atomic},        {"red", decode_atomic},
      {"cp", decode_async},           {"nanosleep", decode_nanosleep}};
  auto found = table.find(opcode);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace sim
