// gemm.cu: the linear layer, forward and both gradients, on one tiled matrix product (gemm_tiles.cuh).
//
//   C[m, n] = sum_k A[m, k] B[k, n]      A             B               C
//   forward          m rows, n out, k in    x             weight^T        y, with an epilogue   (k inner in both)
//   input gradient   m rows, n in, k out    dy            weight          dx
//   weight gradient  m out, n in, k rows    dy^T          x               dweight, added to     (k outer in both)
//
//   Shapes    x, dx [R, in], weight [out, in], y, pre, residual, dy [R, out] in T; bias, dbias [out], dweight
//             [out, in], scale [samples] in f32; any sizes from 1 on. An operand whose pointer or pitch is not a
//             multiple of 16 bytes takes a slower path.
//   Variants  _t128: tiles of 128 x 128 (f32: 128 x 64); _t64: 64 x 64. Take _t128 if
//             ceil(m / 128) * ceil(n / 128) * parts >= 96 (parts: of a weight gradient, else 1). Both make the same
//             bits.
//   Launch    item of x: a column of C; of y: a row of C; z: the parts of a weight gradient, else 1.
//   Weight    k = R is cut into parts, by the shape alone, so that about 192 tiles of 128 x 128 are under way:
//   gradient    tiles = ceil(out / 128) * ceil(in / 128)
//               each  = ceil(R / min(ceil(192 / tiles), ceil(R / 512))) rounded up to a multiple of 32
//               parts = ceil(R / each)
//             A single part adds to dweight and dbias itself and does not touch the workspace. Several write sums of
//             their own to the workspace, f32 [parts * out * (in + 1)], and sk_linear_backward_weight_sum (x: out * in
//             + out items) adds these up in order. dbias comes from the fragments of dy that the products load anyway.
//   Traffic   a block of M x N reads (M + N) k values, mostly from L2: 64 FLOP a byte (bf16 t128), 32 (bf16 t64), 21
//             (f32 t128), 16 (f32 t64). HBM: at least the tensors once; a split weight gradient writes and reads its
//             workspace too. ViT-B fc1 at 4,800 rows, with pre: 22.6 GFLOP, 71 MB, 319 FLOP a byte: bound by the
//             tensor cores (ridge of an A100-80: 153).
//   FLOPs     2 R in out a pass. f32 runs three times that at the rate of tf32: at most 52 TFLOP/s on an A100, where
//             FFMA has 19.5; it is the slower choice on GPUs whose tf32 rate is below three times that of FFMA.
//   Copies    a block has 3 of 4 stages under way: 48 KB (f32 t128: 36 KB; t64: 24 KB).
//   Epilogue  the tile of C passes through shared memory in fp32, so that C, pre, residual and dweight are read and
//             written 16 bytes a thread, in whole rows of the tile. gelu is of the unrounded pre.
//   Sums      each value over k in order, in fp32, starting from the bias: no atomics, no dependence on the grid.
//   Error     f32, random values, on the simulated device: 4.5e-7 of the largest value at k = 3,072, 2.7e-7 in a weight
//             gradient over 3,000 rows, where one chain of fp32 FMAs has 1.9e-6 and 1.5e-6.
//
//   Registers (spills and stack: 0), shared memory, blocks an SM of an A100 (164 KB); ptxas 13.0 on compute_80 PTX:
//                        sm_80/86/89   sm_90   sm_100   sm_120   shared   blocks
//   forward_bf16_t128            194       198      184      190    64 KB       2
//   gelu_forward_bf16_t128       194       198      184      190    64 KB       2
//   residual_forward_bf16_t128   194       198      184      188    64 KB       2
//   backward_input_bf16_t128     190       196      188      194    64 KB       2
//   backward_weight_bf16_t128    212       214      214      216    64 KB       2
//   forward_bf16_t64              88        94       78       84    32 KB       4
//   gelu_forward_bf16_t64         88        94       78       84    32 KB       4
//   residual_forward_bf16_t64     88        90       78       84    32 KB       4
//   backward_input_bf16_t64       80        88       80       86    32 KB       4
//   backward_weight_bf16_t64      96       100      100      102    32 KB       4
//   forward_f32_t128             168       168      167      167    48 KB       3
//   gelu_forward_f32_t128        168       168      167      167    48 KB       3
//   residual_forward_f32_t128    167       168      168      168    48 KB       3
//   backward_input_f32_t128      196       192      195      194    48 KB       2
//   backward_weight_f32_t128     205       202      207      208    48 KB       2
//   forward_f32_t64              122       123      117      116    32 KB       4
//   gelu_forward_f32_t64         122       123      117      116    32 KB       4
//   residual_forward_f32_t64     122       122      117      116    32 KB       4
//   backward_input_f32_t64       122       123      119      119    32 KB       4
//   backward_weight_f32_t64      132       133      133      134    32 KB       3
//   backward_weight_sum           26        28       28       26     0 KB       8
#include "gelu.cuh"
#include "gemm_tiles.cuh"

/** One value, or 16 bytes of neighbours (rows.cuh). */
template <class O>
__device__ inline void load(float (&v)[1], const O* p) {
  v[0] = to_float(*p);
}
template <class O>
__device__ inline void store(O* p, const float (&v)[1]) {
  *p = from_float<O>(v[0]);
}

namespace {
using gemm::ceil_div;
using gemm::kThreads;

constexpr int kParts = 192;     // blocks that a weight gradient is split for
constexpr int kPartRows = 512;  // rows of a part, at least

extern __shared__ __align__(128) unsigned char shared[];
__device__ inline unsigned shared_address() { return static_cast<unsigned>(__cvta_generic_to_shared(shared)); }

/** What happens to the sums on their way to C [m, n]. `before`, if any, is what C's new value builds on. */
enum Kind { kWrite, kGelu, kResidual, kAdd };

template <class O>
struct Output {
  O* c;
  int m, n;
  O* pre = nullptr;
  const O* before = nullptr;
  const float* scale = nullptr;
  int rows_per_sample = 1;
};

/** V values of the staged tile from (row, col) on; 8 in two accesses that spread a quarter warp over all banks. */
template <class Tile, int V>
__device__ inline void read_staged(float (&v)[V], const float* staged, int row, int col) {
  if constexpr (V == 1) {
    v[0] = staged[Tile::place(row, col)];
  } else if constexpr (V == 4) {
    load(v, staged + Tile::place(row, col));
  } else {
    int swap = col >> 3 & 4;
    float low[4], high[4];
    load(low, staged + Tile::place(row, col + swap));
    load(high, staged + Tile::place(row, col + 4 - swap));
#pragma unroll
    for (int i = 0; i < 4; i++) {
      v[i] = swap ? high[i] : low[i];
      v[i + 4] = swap ? low[i] : high[i];
    }
  }
}

/** Takes the staged tile at (row0, col0) of C there, V values an access. */
template <class Tile, Kind kKind, int V, class O>
__device__ inline void write_out(const Output<O>& out, const float* staged, int row0, int col0) {
  constexpr bool kReads = kKind == kResidual || kKind == kAdd;
  constexpr int kRounds = Tile::kTileRows * Tile::kTileCols / kThreads / V;
  constexpr int kBatch = kReads ? (kRounds < 8 ? kRounds : 8) : 2;  // as many loads of `before` are under way
#pragma unroll 1
  for (int first = 0; first < kRounds; first += kBatch) {
    float before[kBatch][V];
    auto row = [=](int i) { return ((first + i) * kThreads + static_cast<int>(threadIdx.x)) * V / Tile::kTileCols; };
    int col = threadIdx.x * V % Tile::kTileCols;
    auto inside = [=](int i) { return row0 + row(i) < out.m && col0 + col < out.n; };
    auto at = [=](int i) { return static_cast<i64>(row0 + row(i)) * out.n + col0 + col; };
    if (kReads && out.before)
#pragma unroll
      for (int i = 0; i < kBatch; i++)
        if (inside(i)) load(before[i], out.before + at(i));
#pragma unroll
    for (int i = 0; i < kBatch; i++) {
      if (!inside(i)) continue;
      float v[V];
      read_staged<Tile>(v, staged, row(i), col);
      if (kKind == kGelu) {
        if (out.pre) store(out.pre + at(i), v);
#pragma unroll
        for (int u = 0; u < V; u++) v[u] = gelu(v[u]);
      }
      if (kReads && out.before) {
        float scale = kKind == kResidual && out.scale ? out.scale[(row0 + row(i)) / out.rows_per_sample] : 1.0f;
#pragma unroll
        for (int u = 0; u < V; u++) v[u] = fmaf(v[u], scale, before[i][u]);
      }
      store(out.c + at(i), v);
    }
  }
}

template <class Tile, Kind kKind, class O>
__device__ inline void finish(const Tile& tile, const Output<O>& out, int row0, int col0) {
  const float* staged = reinterpret_cast<const float*>(shared);
  tile.stage(shared_address());
  if (out.n % kWide<O> == 0 && aligned(out.c, 16) && aligned(out.pre, 16) && aligned(out.before, 16))
    write_out<Tile, kKind, kWide<O>>(out, staged, row0, col0);
  else
    write_out<Tile, kKind, 1>(out, staged, row0, col0);
}

/** C = A B^T (kInnerB) or A B, A [m, k]; block (x, y) makes tile (y, x). */
template <int kTileM, int kTileN, Kind kKind, bool kInnerB, class T>
__device__ inline void product(const Output<T>& out, const T* a, const T* b, const float* bias, int k) {
  int row0 = blockIdx.y * kTileM, col0 = blockIdx.x * kTileN;
  gemm::Tile<T, kTileM, kTileN, true, kInnerB> tile(out.m - row0, out.n - col0, bias ? bias + col0 : nullptr);
  tile.multiply({a, k, row0, 0, out.m}, {b, kInnerB ? k : out.n, col0, 0, out.n}, k, false, shared_address());
  finish<decltype(tile), kKind>(tile, out, row0, col0);
}

/** Rows of one part of a weight gradient: see the comment of its kernels. */
__device__ inline int part_rows(int rows, int in, int out) {
  int tiles = ceil_div(out, 128) * ceil_div(in, 128);
  int parts = min(ceil_div(kParts, tiles), ceil_div(rows, kPartRows));
  return (ceil_div(rows, parts) + 31) / 32 * 32;
}

template <int kTileM, int kTileN, class T>
__device__ inline void weight_gradient(float* dweight, float* dbias, const T* dy, const T* x, int rows, int in, int out,
                                       float* workspace) {
  using Tile = gemm::Tile<T, kTileM, kTileN, false, false, true>;
  int row0 = blockIdx.y * kTileM, col0 = blockIdx.x * kTileN;
  int each = part_rows(rows, in, out), parts = ceil_div(rows, each), part = blockIdx.z, k = part * each;
  bool split = parts > 1;
  Tile tile(out - row0, in - col0, nullptr);
  bool sums = dbias && blockIdx.x == 0 && tile.col == 0;
  tile.multiply({dy, out, row0, k, out}, {x, in, col0, k, in}, min(each, rows - k), sums, shared_address());
  if (sums) {
    float* to = split ? workspace + (static_cast<i64>(parts) * in + part) * out : dbias;
#pragma unroll
    for (int i = 0; i < Tile::kM; i++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float sum = tile.sums[i][half];
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        int row = row0 + tile.row + i * 16 + half * 8 + threadIdx.x % 32 / 4;
        if (threadIdx.x % 4 == 0 && row < out) to[row] = split ? sum : to[row] + sum;
      }
  }
  float* to = split ? workspace + static_cast<i64>(part) * out * in : dweight;
  finish<Tile, kAdd>(tile, Output<float>{to, out, in, nullptr, split ? nullptr : dweight}, row0, col0);
}
}  // namespace

#define SK_GEMM(name, tile_m, tile_n, blocks)                              \
  SK_LAUNCH(name, 128, tile_n, tile_m, gemm::shared_bytes(tile_m, tile_n)) \
  extern "C" __global__ void __launch_bounds__(128, blocks) name

#define SK_LINEAR(T, suffix, tile_m, tile_n, blocks, back_blocks)                                                   \
  SK_GEMM(sk_linear_forward_##suffix, tile_m, tile_n, blocks)                                                       \
  (T * y, const T* x, const T* weight, const float* bias, int rows, int in, int out) {                              \
    product<tile_m, tile_n, kWrite, true>(Output<T>{y, rows, out}, x, weight, bias, in);                            \
  }                                                                                                                 \
  SK_GEMM(sk_linear_gelu_forward_##suffix, tile_m, tile_n, blocks)                                                  \
  (T * y, T * pre, const T* x, const T* weight, const float* bias, int rows, int in, int out) {                     \
    product<tile_m, tile_n, kGelu, true>(Output<T>{y, rows, out, pre}, x, weight, bias, in);                        \
  }                                                                                                                 \
  SK_GEMM(sk_linear_residual_forward_##suffix, tile_m, tile_n, blocks)                                              \
  (T * y, const T* x, const T* weight, const float* bias, const T* residual, const float* scale, int rows, int in,  \
   int out, int rows_per_sample) {                                                                                  \
    product<tile_m, tile_n, kResidual, true>(Output<T>{y, rows, out, nullptr, residual, scale, rows_per_sample}, x, \
                                             weight, bias, in);                                                     \
  }                                                                                                                 \
  SK_GEMM(sk_linear_backward_input_##suffix, tile_m, tile_n, back_blocks)                                           \
  (T * dx, const T* dy, const T* weight, int rows, int in, int out) {                                               \
    product<tile_m, tile_n, kWrite, false>(Output<T>{dx, rows, in}, dy, weight, nullptr, out);                      \
  }                                                                                                                 \
  SK_GEMM(sk_linear_backward_weight_##suffix, tile_m, tile_n, back_blocks)                                          \
  (float* dweight, float* dbias, const T* dy, const T* x, int rows, int in, int out, float* workspace) {            \
    weight_gradient<tile_m, tile_n>(dweight, dbias, dy, x, rows, in, out, workspace);                               \
  }

SK_LINEAR(bf16, bf16_t128, 128, 128, 2, 2)
SK_LINEAR(bf16, bf16_t64, 64, 64, 4, 4)
SK_LINEAR(float, f32_t128, 128, 64, 3, 2)
SK_LINEAR(float, f32_t64, 64, 64, 4, 3)

SK_LAUNCH(sk_linear_backward_weight_sum, 256, 256, 1, 0)
extern "C" __global__ void __launch_bounds__(256)
    sk_linear_backward_weight_sum(float* dweight, float* dbias, int rows, int in, int out, const float* workspace) {
  i64 weights = static_cast<i64>(out) * in, i = blockIdx.x * 256ll + threadIdx.x;
  int parts = ceil_div(rows, part_rows(rows, in, out));
  bool bias = i >= weights;
  i64 n = bias ? out : weights;
  if (bias) i -= weights;
  if (i >= n || (bias && !dbias)) return;
  const float* from = workspace + (bias ? parts * weights : 0) + i;
  float sum = from[0];
#pragma unroll 4
  for (int part = 1; part < parts; part++) sum += from[part * n];
  float* to = (bias ? dbias : dweight) + i;
  *to += sum;
}
