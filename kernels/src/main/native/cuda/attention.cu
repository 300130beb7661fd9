// attention.cu: out = softmax(q k^T / sqrt(Dh)) v per head, and its gradient, a whole head in a block's shared memory.
//
//   Shapes   qkv, dqkv [B, N, 3, H, Dh] read and written in place, out, dout [B, N, H, Dh], lse [B, H, N] f32 (nullable
//            in the forward); T bf16 or f32; any Dh in 16..128, rows that are no whole chunks of 16 bytes (odd Dh, or
//            pointers off 16 bytes) value by value
//   Variant  _n<n>_d<d> for N <= n tokens and Dh <= d: of those below whose shared memory (the launch's fourth number)
//            the device grants a block, the one with the smallest n, then the smallest d; if there is none, a kernel of
//            attention_tiled.cu. A block gets 163 KB on sm_80, 227 KB on sm_90 and sm_100, 99 KB on sm_86, 89, 120.
//   Launch   grid: x tokens (n of them an item: always one block), y heads, z images (both below 65,536)
//   Forward  a warp has 16 queries and whole rows of scores in registers: the true maximum first, then exp2 with the
//            scale in one FFMA, no rescaling; P is packed in place as the A operand of P v; the sum divides out, not P.
//            More queries than warps: a warp takes every kWarps-th 16.
//   Backward n56: attention_backward.cuh, from dout, qkv alone (out and lse are not read); others: attention_keys.cuh.
//            One kernel, no atomics, no workspace, a fixed order of sums.
//   Stores   two lanes of a quad swap halves so that a quad writes 32 bytes of a row at once (8 bytes a lane): whole
//            sectors, as 16-byte stores by way of shared memory would give, without its traffic and its barrier
//   Numbers  counted by simulation, bf16, one head, forward / backward; registers of sm_80:
//              N=50, Dh=64   25,600 + lse 200 / 44,800 bytes; 240 / 608 mma;     78 / 96 registers
//              N=197, Dh=32  51,220 / 101,652 bytes;          1,326 / 3,380 mma; 164 / 128 registers
//            = compulsory bytes in whole sectors, and mma of the padded tiles (3,380: key tiles of 16, not 8); no bank
//            conflict in any variant. n200_d32 backward: 128 registers let two blocks of 7 warps on an SM, a quarter of
//            which then has 4 warps.
//   FLOPs    4 N^2 Dh forward, 10 N^2 Dh backward
//   Source   Vaswani et al. 2017, arXiv:1706.03762, eq. 1; backward as in Dao et al. 2022, arXiv:2205.14135, B.4
#include "attention_backward.cuh"
#include "attention_keys.cuh"

namespace attention {

template <class T, int kN, int kD, int kWarps>
__device__ inline void forward(T* out, float* lse, const T* qkv, int tokens, int heads, int size) {
  typedef Shape<T, kN, kD> S;
  constexpr int kThreads = kWarps * 32, kC = S::kChunks;
  constexpr bool kOnce = kWarps * 16 >= S::kRows;  // a warp has one tile of queries
  const Head<T> h(tokens, heads, size, bits(qkv) | bits(out));
  const u32 q = shared_memory();
#pragma unroll
  for (int part = 0; part < 3; part++)
    load_tile<T, kC, S::kRows, kThreads>(q + part * S::kTile, qkv + h.at + part * h.part, h.stride, tokens, size,
                                         h.whole);
  commit_copies();
  wait_copies<0>();
  __syncthreads();

  const Lane<kC> rows = rows_lane<kC>(q), pairs = pair_lane<kC>(q);
  const Cols<T, kC> cols(q);
#pragma unroll 1
  for (int first = threadIdx.x / 32 * 16; first < tokens; first += kWarps * 16) {
    float s[1][S::kTiles][4], peak[2], sum[2];
    clear(s);
    multiply_rows<T>(s, rows.down(first), pairs, 0, S::kTile);
    mask_columns(s[0], tokens);
    exponentials(s[0], peak, sum, h.scale2);
    if (lse != nullptr) store_lse(lse, h.from(first), peak, sum);
    float y[1][kD / 8][4];
    clear(y);
    multiply_scores<S::kSteps>(y, s[0], cols, 2 * S::kTile);
    const Head<T> own = (kOnce ? Head<T>(tokens, heads, size, bits(qkv) | bits(out)) : h).from(first);
    store_rows(out + own.out_at, own.out_stride, own.tokens, size, own.whole, y[0], 1 / sum[0], 1 / sum[1]);
    if (kOnce) break;
  }
}

}  // namespace attention

#define SK_ATTENTION_FORWARD(T, N, D, WARPS, BLOCKS)                                                       \
  extern "C" __global__ void __launch_bounds__(WARPS * 32, BLOCKS) sk_attention_forward_##T##_n##N##_d##D( \
      T* out, float* lse, const T* qkv, int batch, int tokens, int heads, int head_size) {                 \
    attention::forward<T, N, D, WARPS>(out, lse, qkv, tokens, heads, head_size);                           \
  }                                                                                                        \
  SK_LAUNCH(sk_attention_forward_##T##_n##N##_d##D, WARPS * 32, N, 1, (3 * attention::Shape<T, N, D>::kTile))

#define SK_ATTENTION_BACKWARD(T, N, D, WARPS, BLOCKS)                                                               \
  extern "C" __global__ void __launch_bounds__(WARPS * 32, BLOCKS)                                                  \
      sk_attention_backward_##T##_n##N##_d##D(T* dqkv, const T* dout, const T* qkv, const T* out, const float* lse, \
                                              int batch, int tokens, int heads, int head_size) {                    \
    attention::backward_rows<T, N, D, WARPS>(dqkv, dout, qkv, tokens, heads, head_size);                            \
  }                                                                                                                 \
  SK_LAUNCH(sk_attention_backward_##T##_n##N##_d##D, WARPS * 32, N, 1, (attention::RowsPlan<T, N, D>::kBytes))

#define SK_ATTENTION_BACKWARD_KEYS(T, N, D, WARPS, MANY, BLOCKS)                                                    \
  extern "C" __global__ void __launch_bounds__(WARPS * 32, BLOCKS)                                                  \
      sk_attention_backward_##T##_n##N##_d##D(T* dqkv, const T* dout, const T* qkv, const T* out, const float* lse, \
                                              int batch, int tokens, int heads, int head_size) {                    \
    attention::backward_keys<T, N, D, WARPS, MANY>(dqkv, dout, qkv, out, lse, tokens, heads, head_size);            \
  }                                                                                                                 \
  SK_LAUNCH(sk_attention_backward_##T##_n##N##_d##D, WARPS * 32, N, 1, (attention::KeysPlan<T, N, D>::kBytes))

typedef float f32;

// BLOCKS: how many of them registers must leave room for on an SM. As many as the shared memory of sm_80 holds, less
// where ptxas would spill for it on some architecture (f32 forward n256_d32 spills even alone: tiled).
SK_ATTENTION_FORWARD(bf16, 56, 32, 4, 6)
SK_ATTENTION_FORWARD(bf16, 56, 64, 4, 6)
SK_ATTENTION_FORWARD(bf16, 56, 80, 4, 5)
SK_ATTENTION_FORWARD(bf16, 56, 128, 4, 3)
SK_ATTENTION_FORWARD(bf16, 128, 32, 4, 3)
SK_ATTENTION_FORWARD(bf16, 128, 64, 4, 3)
SK_ATTENTION_FORWARD(bf16, 128, 80, 4, 2)
SK_ATTENTION_FORWARD(bf16, 128, 128, 8, 1)
SK_ATTENTION_FORWARD(bf16, 200, 32, 4, 3)
SK_ATTENTION_FORWARD(bf16, 200, 64, 4, 2)
SK_ATTENTION_FORWARD(bf16, 200, 80, 8, 1)
SK_ATTENTION_FORWARD(bf16, 200, 128, 8, 1)
SK_ATTENTION_FORWARD(bf16, 256, 32, 4, 2)
SK_ATTENTION_FORWARD(bf16, 256, 64, 8, 1)
SK_ATTENTION_FORWARD(bf16, 256, 80, 8, 1)
SK_ATTENTION_FORWARD(f32, 56, 32, 4, 4)
SK_ATTENTION_FORWARD(f32, 56, 64, 4, 3)
SK_ATTENTION_FORWARD(f32, 200, 32, 4, 2)
SK_ATTENTION_FORWARD(f32, 200, 64, 8, 1)

SK_ATTENTION_BACKWARD(bf16, 56, 32, 4, 5)
SK_ATTENTION_BACKWARD(bf16, 56, 64, 4, 5)
SK_ATTENTION_BACKWARD(bf16, 56, 80, 4, 3)
SK_ATTENTION_BACKWARD(bf16, 56, 128, 4, 2)
SK_ATTENTION_BACKWARD_KEYS(bf16, 128, 32, 4, 2, 3)
SK_ATTENTION_BACKWARD_KEYS(bf16, 128, 64, 8, 1, 2)
SK_ATTENTION_BACKWARD_KEYS(bf16, 128, 80, 8, 1, 1)
SK_ATTENTION_BACKWARD_KEYS(bf16, 128, 128, 8, 1, 1)
SK_ATTENTION_BACKWARD_KEYS(bf16, 200, 32, 7, 2, 2)
SK_ATTENTION_BACKWARD_KEYS(bf16, 200, 64, 13, 1, 1)
SK_ATTENTION_BACKWARD_KEYS(bf16, 200, 80, 13, 1, 1)
SK_ATTENTION_BACKWARD_KEYS(bf16, 256, 32, 8, 2, 1)
SK_ATTENTION_BACKWARD_KEYS(bf16, 256, 64, 16, 1, 1)
SK_ATTENTION_BACKWARD(f32, 56, 32, 4, 4)
SK_ATTENTION_BACKWARD(f32, 56, 64, 4, 2)
SK_ATTENTION_BACKWARD_KEYS(f32, 128, 64, 8, 1, 1)
SK_ATTENTION_BACKWARD_KEYS(f32, 200, 32, 13, 1, 1)
SK_ATTENTION_BACKWARD_KEYS(f32, 256, 32, 16, 1, 1)
