// atomics.cpp: atom and red. The lanes of a warp go one after the other; between blocks the host's atomics order them.
#include "access.h"
#include "decode.h"
#include "numeric.h"
#include <atomic>
#include <unordered_map>

namespace sim {

using ptx::Form;

namespace {

/** One lane: d = old value; memory = F(old, b, c). */
template <class T, auto F>
const Instruction* run_atomic(Warp& w, const Instruction& i) {
  Access m;
  access_memory(w, i, sizeof(T), Use::atomic, m);
  const T *b = w.at<T>(i.b), *c = i.c ? w.at<T>(i.c) : b;
  T* d = w.at<T>(i.d);
  each_lane(w.mask, [&](int l) {
    std::atomic_ref<T> place(*reinterpret_cast<T*>(m.data[l]));
    T operand = b[l], second = c[l], old = place.load();
    while (!place.compare_exchange_weak(old, F(old, operand, second))) {
    }
    if (i.d) d[l] = old;
  });
  return next(i);
}

using U = uint32_t;
using S = int32_t;
using L = uint64_t;
using G = int64_t;
using H = uint16_t;

template <class T>
constexpr auto exchange = [](T, T b, T) -> T { return b; };
template <class T>
constexpr auto compare_and_swap = [](T old, T b, T c) -> T { return old == b ? c : old; };
template <class T>
constexpr auto plus = [](T old, T b, T) -> T { return static_cast<T>(old + b); };
template <class T>
constexpr auto least = [](T old, T b, T) -> T { return b < old ? b : old; };
template <class T>
constexpr auto most = [](T old, T b, T) -> T { return old < b ? b : old; };
template <class T>
constexpr auto both = [](T old, T b, T) -> T { return old & b; };
template <class T>
constexpr auto either = [](T old, T b, T) -> T { return old | b; };
template <class T>
constexpr auto differ = [](T old, T b, T) -> T { return old ^ b; };
constexpr auto increment = [](U old, U b, U) -> U { return old >= b ? 0 : old + 1; };
constexpr auto decrement = [](U old, U b, U) -> U { return old == 0 || old > b ? b : old - 1; };

constexpr auto f16_plus = [](H old, H b, H) -> H { return f32_to_f16(f16_to_f32(old) + f16_to_f32(b), Round::rn); };
constexpr auto bf16_plus = [](H old, H b, H) -> H { return f32_to_bf16(bf16_to_f32(old) + bf16_to_f32(b), Round::rn); };
template <auto F>
constexpr auto on_halves = [](U old, U b, U) -> U {
  return static_cast<U>(F(static_cast<H>(old), static_cast<H>(b), H{0})) |
         static_cast<U>(F(static_cast<H>(old >> 16), static_cast<H>(b >> 16), H{0})) << 16;
};

struct AtomicOp {
  Op run;
  int operands;  // beside the address
};

const std::unordered_map<std::string, AtomicOp> kAtomics = {
    {"exch.b32", {run_atomic<U, exchange<U>>, 1}},
    {"exch.b64", {run_atomic<L, exchange<L>>, 1}},
    {"cas.b16", {run_atomic<H, compare_and_swap<H>>, 2}},
    {"cas.b32", {run_atomic<U, compare_and_swap<U>>, 2}},
    {"cas.b64", {run_atomic<L, compare_and_swap<L>>, 2}},
    {"add.u32", {run_atomic<U, plus<U>>, 1}},
    {"add.s32", {run_atomic<U, plus<U>>, 1}},
    {"add.u64", {run_atomic<L, plus<L>>, 1}},
    {"add.f32", {run_atomic<float, plus<float>>, 1}},
    {"add.f64", {run_atomic<double, plus<double>>, 1}},
    {"add.noftz.f16", {run_atomic<H, f16_plus>, 1}},
    {"add.noftz.f16x2", {run_atomic<U, on_halves<f16_plus>>, 1}},
    {"add.noftz.bf16", {run_atomic<H, bf16_plus>, 1}},
    {"add.noftz.bf16x2", {run_atomic<U, on_halves<bf16_plus>>, 1}},
    {"inc.u32", {run_atomic<U, increment>, 1}},
    {"dec.u32", {run_atomic<U, decrement>, 1}},
    {"min.u32", {run_atomic<U, least<U>>, 1}},
    {"min.s32", {run_atomic<S, least<S>>, 1}},
    {"min.u64", {run_atomic<L, least<L>>, 1}},
    {"min.s64", {run_atomic<G, least<G>>, 1}},
    {"max.u32", {run_atomic<U, most<U>>, 1}},
    {"max.s32", {run_atomic<S, most<S>>, 1}},
    {"max.u64", {run_atomic<L, most<L>>, 1}},
    {"max.s64", {run_atomic<G, most<G>>, 1}},
    {"and.b32", {run_atomic<U, both<U>>, 1}},
    {"and.b64", {run_atomic<L, both<L>>, 1}},
    {"or.b32", {run_atomic<U, either<U>>, 1}},
    {"or.b64", {run_atomic<L, either<L>>, 1}},
    {"xor.b32", {run_atomic<U, differ<U>>, 1}},
    {"xor.b64", {run_atomic<L, differ<L>>, 1}}};

}  // namespace

/** atom{.sem}{.scope}{.space}.op.type d, [a], b{, c}; red the same without d */
void decode_atomic(Decoder& d) {
  for (auto m : {"relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys", "cluster"}) d.take(m);
  d.i.space = d.take_space();
  std::string key;
  for (auto& m : d.modifiers) key += (key.empty() ? "" : ".") + m;
  auto found = kAtomics.find(key);
  if (found == kAtomics.end()) d.unsupported();
  std::string type = d.take_type();
  size_t n = 0;
  if (d.statement.opcode == "atom") {
    const ptx::Operand& to = d.operand(n++);
    if (to.form != Form::sink) d.i.d = d.target(to, type);
  }
  d.address(d.operand(n++));
  d.i.b = d.source(d.operand(n++), type);
  if (found->second.operands == 2) d.i.c = d.source(d.operand(n++), type);
  if (n != d.operands()) d.unsupported();
  d.modifiers.clear();
  d.emit(found->second.run);
}

}  // namespace sim
