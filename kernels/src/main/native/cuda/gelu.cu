// gelu.cu: y = x Phi(x) = x/2 (1 + erf(x / sqrt(2))) and its gradient dx = dy (Phi(x) + x phi(x)).
//
//   Shapes   x, y, dx, dy [n] (f32 | bf16); dx may be dy; the backward's y is nullable and may be x
//   Tiles    256 threads, one 16-byte access of each tensor a thread: item of x = a value
//   Traffic  forward reads sn bytes, writes sn (s = 4 | 2); backward reads 2sn, writes sn, 2sn with y
//   FLOPs    about 25n forward, 30n backward, 55n with y, one and two on the special function unit: memory-bound
//   Regs     56 at most, sm_80 to sm_120; no spills, no stack
//   Source   Hendrycks and Gimpel 2016, arXiv:1606.08415, the exact form; Phi from gelu.cuh
#include "gelu.cuh"
#include "rows.cuh"

template <class T>
__device__ inline void forward(T* y, const T* x, i64 n) {
  flat<kWide<T>>(n, aligned(y, 16) && aligned(x, 16), [=](i64 first, auto share) {
    float v[kWide<T>];
    share.get(v, x + first);
    for (float& value : v) value = gelu(value);
    share.put(y + first, v);
  });
}

template <class T>
__device__ inline void backward(T* dx, T* y, const T* dy, const T* x, i64 n) {
  const bool wide = aligned(dx, 16) && aligned(y, 16) && aligned(dy, 16) && aligned(x, 16);
  flat<kWide<T>>(n, wide, [=](i64 first, auto share) {
    float d[kWide<T>], v[kWide<T>];
    share.get(d, dy + first);
    share.get(v, x + first);
    for (int j = 0; j < kWide<T>; j++) d[j] *= gelu_grad(v[j]);
    share.put(dx + first, d);
    if (!y) return;
    for (float& value : v) value = gelu(value);
    share.put(y + first, v);
  });
}

#define FAMILY(T, suffix)                                                                                  \
  SK_KERNEL(sk_gelu_forward_##suffix, kFlatThreads, kFlatThreads* kWide<T>, 1)(T * y, const T* x, i64 n) { \
    forward(y, x, n);                                                                                      \
  }                                                                                                        \
  SK_KERNEL(sk_gelu_backward_##suffix, kFlatThreads, kFlatThreads* kWide<T>, 1)                            \
  (T * dx, T * y, const T* dy, const T* x, i64 n) { backward(dx, y, dy, x, n); }
FAMILY(float, f32)
FAMILY(bf16, bf16)
