// Loops over the lanes of a warp. With all lanes active the loop is plain; else it computes all 32 lanes and keeps the
// active ones (functions of lanes never fault: integer division has its own guard).
#pragma once
#include "ops.h"
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

namespace sim {
namespace {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;
using f32 = float;
using f64 = double;

constexpr u32 kAll = ~0u;

template <class D, class F>
[[gnu::always_inline]] inline void store_lanes(u32 mask, D* d, F f) {
  if (mask == kAll) {
#pragma GCC ivdep
    for (int l = 0; l < 32; ++l) d[l] = f(l);
  } else {
#pragma GCC ivdep
    for (int l = 0; l < 32; ++l) {
      D r = f(l);
      d[l] = mask >> l & 1 ? r : d[l];
    }
  }
}

/** For functions too heavy to run in idle lanes. */
template <class D, class F>
[[gnu::always_inline]] inline void store_active(u32 mask, D* d, F f) {
  for (; mask; mask &= mask - 1) {
    int l = __builtin_ctz(mask);
    d[l] = f(l);
  }
}

template <class D, class A, auto F>
const Instruction* unary(Warp& w, const Instruction& i) {
  const A* a = w.at<A>(i.a);
  store_lanes(w.mask, w.at<D>(i.d), [=](int l) { return static_cast<D>(F(a[l])); });
  return next(i);
}

template <class D, class A, class B, auto F>
const Instruction* binary(Warp& w, const Instruction& i) {
  const A* a = w.at<A>(i.a);
  const B* b = w.at<B>(i.b);
  store_lanes(w.mask, w.at<D>(i.d), [=](int l) { return static_cast<D>(F(a[l], b[l])); });
  return next(i);
}

template <class D, class A, class B, class C, auto F>
const Instruction* ternary(Warp& w, const Instruction& i) {
  const A* a = w.at<A>(i.a);
  const B* b = w.at<B>(i.b);
  const C* c = w.at<C>(i.c);
  store_lanes(w.mask, w.at<D>(i.d), [=](int l) { return static_cast<D>(F(a[l], b[l], c[l])); });
  return next(i);
}

template <class D, class A, auto F>
const Instruction* heavy_unary(Warp& w, const Instruction& i) {
  const A* a = w.at<A>(i.a);
  store_active(w.mask, w.at<D>(i.d), [=](int l) { return static_cast<D>(F(a[l])); });
  return next(i);
}

template <class D, class A, class B, auto F>
const Instruction* heavy_binary(Warp& w, const Instruction& i) {
  const A* a = w.at<A>(i.a);
  const B* b = w.at<B>(i.b);
  store_active(w.mask, w.at<D>(i.d), [=](int l) { return static_cast<D>(F(a[l], b[l])); });
  return next(i);
}

template <class D, class A, class B, class C, auto F>
const Instruction* heavy_ternary(Warp& w, const Instruction& i) {
  const A* a = w.at<A>(i.a);
  const B* b = w.at<B>(i.b);
  const C* c = w.at<C>(i.c);
  store_active(w.mask, w.at<D>(i.d), [=](int l) { return static_cast<D>(F(a[l], b[l], c[l])); });
  return next(i);
}

template <class A, auto F>
[[gnu::always_inline]] inline u32 compare_lanes(const A* a, const A* b) {
  u32 m = 0;
  for (int l = 0; l < 32; ++l) m |= static_cast<u32>(F(a[l], b[l])) << l;
  return m;
}

template <class A, auto F>
const Instruction* compare(Warp& w, const Instruction& i) {
  u32 m = compare_lanes<A, F>(w.at<A>(i.a), w.at<A>(i.b));
  u32 n = ~m;
  if (i.flags & 3) {
    u32 c = w.predicate(i.c);
    if (i.flags & kSetpNegate) c = ~c;
    int op = i.flags & 3;
    m = op == kSetpAnd ? m & c : op == kSetpOr ? m | c : m ^ c;
    n = op == kSetpAnd ? n & c : op == kSetpOr ? n | c : n ^ c;
  }
  u32& p = w.predicate(i.d);
  p = (p & ~w.mask) | (m & w.mask);
  if (i.flags & kSetpSecond) {
    u32& q = w.predicate(i.e);
    q = (q & ~w.mask) | (n & w.mask);
  }
  return next(i);
}

}  // namespace
}  // namespace sim
