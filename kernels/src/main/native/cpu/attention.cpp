// attention.cpp: out = softmax(Q K^T / sqrt(Dh)) V per head, and its gradient: heads to tasks.
//
//   Shapes   qkv [B, N, 3, H, Dh], out [B, N, H, Dh], f32 or bf16; lse [B, H, N], f32 (natural log of the sum);
//            N <= 1024, Dh <= 128
//   Types    attention_f32.h computes a head in f32 and rounds on the store; attention_bf16.h multiplies bf16 where the
//            CPU can; neither backward reads out
//   Tasks    the heads of an image one after the other, the next one's memory asked for meanwhile (attention_ahead.h)
//   Traffic  forward reads 3 and writes 1, backward reads 4 and writes 3 tensors of N*Dh; scores stay in L1/L2
//   FLOPs    4 N^2 Dh forward, 10 N^2 Dh backward
//   Source   Vaswani et al. 2017, arXiv:1706.03762, eq. 1; backward as in Dao et al. 2022, arXiv:2205.14135, B.4
#include "attention_ahead.h"
#include "attention_bf16.h"
#include "attention_f32.h"
#include "attention_sizes.h"
#include "pool.h"
#include "sdae_kernels.h"

namespace {

// Work of one task at least, in multiply-adds: a head of 13 tokens takes less time than handing it to a thread.
constexpr long kTaskWork = 1 << 18;
// Else all heads of an image, so that memory can be asked for ahead, but for so many tasks.
constexpr long kMinTasks = 16;

struct None {};

/** f(head, next, scratch), next being the head that this thread does then, or -1; one Scope a task. */
template <typename Scope, typename F>
void for_heads(const Sizes& s, long bytes, F f) {
  long pairs = s.batch * s.heads, work = 2 * s.tokens * s.tokens * s.size;
  long group = max_of(ceil_div(kTaskWork, work), min_of(s.heads, pairs / kMinTasks));
  parallel_for(ceil_div(pairs, group), [&](long task, int thread) {
    [[maybe_unused]] Scope scope;
    float* scratch = static_cast<float*>(sk_thread_scratch(thread, bytes));
    long end = min_of(pairs, (task + 1) * group);
    for (long head = task * group; head < end; head++) f(head, head + 1 < end ? head + 1 : -1, scratch);
  });
}

/** All that the next head reads and writes, if there is one. */
template <typename T>
Ahead ahead_forward(T* out, const T* qkv, const Sizes& s, long next, long calls) {
  Ahead ahead;
  if (next < 0) return ahead;
  for (int part = 0; part < 3; part++) ahead.add(s.part(qkv, next, part), s);
  ahead.add(s.outs(out, next), s);
  ahead.spread(calls);
  return ahead;
}

template <typename T>
Ahead ahead_backward(T* dqkv, const T* dout, const T* qkv, const Sizes& s, long next, long calls) {
  Ahead ahead;
  if (next < 0) return ahead;
  for (int part = 0; part < 3; part++) {
    ahead.add(s.part(qkv, next, part), s);
    ahead.add(s.part(dqkv, next, part), s);
  }
  ahead.add(s.outs(dout, next), s);
  ahead.spread(calls);
  return ahead;
}

template <typename T>
void forward(T* out, float* lse, const T* qkv, const Sizes& s) {
  long most = most_vecs(s.tokens);
  for_heads<None>(s, forward_bytes<T>(s, most), [&](long head, long next, float* scratch) {
    Ahead ahead = ahead_forward(out, qkv, s, next, score_tiles(s));
    forward_head(out, lse, qkv, s, head, most, scratch, ahead);
  });
}

template <typename T>
void backward(T* dqkv, const T* dout, const T* qkv, const float* lse, const Sizes& s) {
  long most = most_vecs(s.tokens);
  for_heads<None>(s, backward_bytes<T>(s, most), [&](long head, long next, float* scratch) {
    Ahead ahead = ahead_backward(dqkv, dout, qkv, s, next, 2 * score_tiles(s));
    backward_head(dqkv, dout, qkv, lse, s, head, most, scratch, ahead);
  });
}

}  // namespace

extern "C" {
#if defined(__AVX512BF16__)
// The sets behind avx512 multiply pairs of bf16; f32 is avx512's there.
decltype(sk_attention_forward) sk_attention_forward_avx512;
decltype(sk_attention_backward) sk_attention_backward_avx512;
#endif

void SK(attention_forward)(sk_any out, sk_f32 lse, sk_cany qkv, int batch, int tokens, int heads, int head_size,
                           int dtype) {
  Sizes s(batch, tokens, heads, head_size);
#if defined(__AVX512BF16__)
  if (dtype == SK_F32) return sk_attention_forward_avx512(out, lse, qkv, batch, tokens, heads, head_size, dtype);
  bf16* y = static_cast<bf16*>(out);
  const bf16* x = static_cast<const bf16*>(qkv);
  for_heads<Tiles>(s, ForwardPairs(nullptr, s).bytes, [&](long head, long next, float* scratch) {
    Ahead ahead = ahead_forward(y, x, s, next, s.tokens);
    forward_pairs(y, lse, x, s, head, scratch, ahead);
  });
#else
  with_storage(dtype, [=](auto as) { forward(as(out), lse, as(qkv), s); });
#endif
}

void SK(attention_backward)(sk_any dqkv, sk_cany dout, sk_cany qkv, sk_cany, sk_cf32 lse, int batch, int tokens,
                            int heads, int head_size, int dtype) {
  Sizes s(batch, tokens, heads, head_size);
#if defined(__AVX512BF16__)
  if (dtype == SK_F32)
    return sk_attention_backward_avx512(dqkv, dout, qkv, nullptr, lse, batch, tokens, heads, head_size, dtype);
  bf16* dx = static_cast<bf16*>(dqkv);
  const bf16 *dy = static_cast<const bf16*>(dout), *x = static_cast<const bf16*>(qkv);
  const long calls = ceil_div(s.tokens, kBlock) * up32(s.tokens) / 2;
  for_heads<Tiles>(s, BackwardPairs(nullptr, s).bytes, [&](long head, long next, float* scratch) {
    Ahead ahead = ahead_backward(dx, dy, x, s, next, calls);
    backward_pairs(dx, dy, x, lse, s, head, scratch, ahead);
  });
#else
  with_storage(dtype, [=](auto as) { backward(as(dqkv), as(dout), as(qkv), lse, s); });
#endif
}
}
