// gemm_tiles.cuh: one tile of C = A B on the tensor cores, for the kernels of gemm.cu.
//
//   Block    128 threads, a tile of C of kTile x kTile (128 or 64), in 2 x 2 warps
//   Depth    64 bytes of k at a time (32 bf16, 16 f32), four stages in shared memory, filled by cp.async; one barrier a
//            stage. An operand that is not aligned to 16 bytes (pointer or pitch) is loaded value by value.
//   bf16     mma.m16n8k16, fp32 accumulators
//   f32      3xTF32 (Ootomo and Yokota 2022, doi:10.1177/10943420221090256): x = big + small, both tf32 rounded to
//            nearest; a b = big big + (small big + big small). |x - big - small| <= 2^-22 |x| and the dropped
//            small small <= 2^-22 |a b|: below 3 * 2^-22 |a b| a product. The tensor core need not round its sums to
//            nearest, so each 8 products are summed from zero there and added up by FADD. Values that round to
//            infinity in tf32 (from 2^128 - 2^116 on) give NaN.
//   Shared   rows of k (kInner: k is contiguous in memory) are 64 bytes, two in a 128-byte line; rows of items are
//            kTile values. 16-byte chunks are permuted by exclusive or, so that every ldmatrix, load and store takes
//            the least number of passes.
//   Edges    chunks outside a tensor are zero-filled without being read. Tiles of 16 x 8 and steps of k wholly outside
//            are skipped, so the mma count is ceil(m/16) ceil(n/8) ceil(k/16) (f32: 3 ceil(m/16) ceil(n/8) ceil(k/8)).
#pragma once
#include "rows.cuh"

namespace gemm {
constexpr int kThreads = 128, kStages = 4, kRowBytes = 64;

/** Of a block: its stages. The tile of C fits in there too when they are done with. */
__host__ __device__ constexpr int shared_bytes(int tile_m, int tile_n) {
  return kStages * (tile_m + tile_n) * kRowBytes;
}

__device__ inline int ceil_div(int a, int b) { return (a - 1) / b + 1; }

template <class T>
__device__ inline void cp_async(unsigned to, const T* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ inline void cp_async_word(unsigned to, const float* from, int bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kPending>
__device__ inline void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

/** One operand: `items` rows of A or columns of B. kInner: its k is contiguous in memory, else its items are. */
template <class T, int kTile, bool kInner>
struct Operand {
  static constexpr int kDepth = kRowBytes / sizeof(T), kChunk = 16 / sizeof(T);
  static constexpr int kWidth = kInner ? kDepth : kTile;  // values of a row in shared memory
  static constexpr int kRowChunks = kWidth / kChunk, kPitch = kWidth * static_cast<int>(sizeof(T));
  static constexpr int kRound = kThreads / kRowChunks, kRounds = kTile * 4 / kThreads;  // rows a round; rounds
  static constexpr int kBytes = kTile * kRowBytes;

  const T* next;  // first value of the stage to load
  i64 pitch;
  int items;  // from the tile's first on
  bool wide;

  /** The tile that starts at item `item` and depth k. */
  __device__ Operand(const T* p, int inner, int item, int k, int item_end)
      : next(p + (kInner ? item * static_cast<i64>(inner) + k : k * static_cast<i64>(inner) + item)),
        pitch(inner),
        items(item_end - item),
        wide(aligned(p, 16) && inner % kChunk == 0) {}

  /** Where chunk c of a row lies in a stage. */
  __device__ static int place(int row, int c) {
    if (kInner) return (row >> 1) * 128 + (((row & 1) * 4 + c) ^ ((row >> 1) & 7)) * 16;
    return row * kPitch + (c & ~7) * 16 + ((c ^ (sizeof(T) == 2 ? row & 7 : (row & 3) * 2)) & 7) * 16;
  }

  /** Starts the copy of the next kDepth (of `depth` left) and moves on. */
  __device__ void load(unsigned stage, int depth) {
    int rows = kInner ? items : depth, cols = kInner ? depth : items;
    if (wide) {
      int row = threadIdx.x / kRowChunks, c = threadIdx.x % kRowChunks;
      const T* from = next + row * pitch + c * kChunk;
      unsigned to = stage + place(row, c);
#pragma unroll
      for (int i = 0; i < kRounds; i++, from += kRound * pitch) {
        bool inside = row + i * kRound < rows && c * kChunk < cols;
        cp_async(to + i * kRound * kPitch, from, inside ? 16 : 0);
      }
    } else {
      load_values(stage, rows, cols);
    }
    next += kInner ? kDepth : kDepth * pitch;
  }

 private:
  __device__ void load_values(unsigned stage, int rows, int cols) {
    constexpr int kBatch = sizeof(T) == 4 ? 1 : 4;  // loads under way; cp.async needs no help, but has no 2 bytes
#pragma unroll 1
    for (int first = threadIdx.x; first < kTile * kDepth; first += kBatch * kThreads) {
      unsigned short value[kBatch];
#pragma unroll
      for (int i = 0; i < kBatch; i++) {
        int row = (first + i * kThreads) / kWidth, col = (first + i * kThreads) % kWidth;
        bool inside = row < rows && col < cols;
        const T* from = inside ? next + row * pitch + col : next;
        if constexpr (sizeof(T) == 4)
          cp_async_word(stage + place(row, col / kChunk) + col % kChunk * 4, from, inside ? 4 : 0);
        else
          value[i] = inside ? *reinterpret_cast<const unsigned short*>(from) : 0;
      }
      if constexpr (sizeof(T) == 2)
#pragma unroll
        for (int i = 0; i < kBatch; i++) {
          int row = (first + i * kThreads) / kWidth, col = (first + i * kThreads) % kWidth;
          asm volatile("st.shared.u16 [%0], %1;" ::"r"(stage + place(row, col / kChunk) + col % kChunk * 2),
                       "h"(value[i])
                       : "memory");
        }
    }
  }

 public:
  /** Fragments of 16 items from `item` on and 32 bytes of k: r[half of the items][half of k]. */
  __device__ static void fetch(unsigned (&r)[2][2], unsigned stage, int item, int step) {
    int lane = threadIdx.x % 32;
    if constexpr (kInner) {
      unsigned from = stage + item * kRowBytes + place(lane & 15, step * 2 + (lane >> 4));
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                   : "=r"(r[0][0]), "=r"(r[1][0]), "=r"(r[0][1]), "=r"(r[1][1])
                   : "r"(from)
                   : "memory");
    } else if constexpr (sizeof(T) == 2) {
      unsigned from = stage + place(step * 16 + (lane >> 4) * 8 + (lane & 7), item / 8 + ((lane >> 3) & 1));
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                   : "=r"(r[0][0]), "=r"(r[1][0]), "=r"(r[0][1]), "=r"(r[1][1])
                   : "r"(from)
                   : "memory");
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        unsigned from = stage + place(step * 8 + (i & 1) * 4 + (lane & 3), item / 4 + (i >> 1) * 2 + (lane >> 4)) +
                        (lane >> 2 & 3) * 4;
        asm volatile("ld.shared.b32 %0, [%1];" : "=r"(r[i >> 1][i & 1]) : "r"(from) : "memory");
      }
    }
  }
};

/** c += a b: bf16. */
__device__ inline void mma(float (&c)[4], const unsigned (&a)[2][2], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0][0]), "r"(a[1][0]), "r"(a[0][1]), "r"(a[1][1]), "r"(b[0]), "r"(b[1]));
}
/** c += a b: tf32. */
__device__ inline void mma_tf32(float (&c)[4], const unsigned (&a)[2][2], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0][0]), "r"(a[1][0]), "r"(a[0][1]), "r"(a[1][1]), "r"(b[0]), "r"(b[1]));
}
__device__ inline unsigned to_tf32(float x) {
  unsigned r;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(x));
  return r;
}
/** x = big + small. */
__device__ inline void split(unsigned (&big)[2][2], unsigned (&small)[2][2], const unsigned (&x)[2][2]) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    float value = __uint_as_float(x[i >> 1][i & 1]);
    big[i >> 1][i & 1] = to_tf32(value);
    small[i >> 1][i & 1] = to_tf32(value - __uint_as_float(big[i >> 1][i & 1]));
  }
}
template <class T>
__device__ inline float sum(const unsigned (&x)[2]);
template <>
__device__ inline float sum<float>(const unsigned (&x)[2]) {
  return __uint_as_float(x[0]) + __uint_as_float(x[1]);
}
template <>
__device__ inline float sum<bf16>(const unsigned (&x)[2]) {
  return (__uint_as_float(x[0] << 16) + __uint_as_float(x[0] & 0xffff0000u)) +
         (__uint_as_float(x[1] << 16) + __uint_as_float(x[1] & 0xffff0000u));
}

/** A tile of C, spread over the block's registers. kSums: also the sums of A's rows over k. */
template <class T, int kTileM, int kTileN, bool kInnerA, bool kInnerB, bool kSums = false>
struct Tile {
  using A = Operand<T, kTileM, kInnerA>;
  using B = Operand<T, kTileN, kInnerB>;
  static constexpr int kM = kTileM / 32, kN = kTileN / 16;  // tiles of 16 x 8 of a warp
  static constexpr int kTileRows = kTileM, kTileCols = kTileN, kStage = A::kBytes + B::kBytes;
  static constexpr int kDepth = A::kDepth, kStep = kDepth / 2;

  float c[kM][kN][4];
  float sums[kM][2];
  int row, col;  // of the warp in the tile
  int m_tiles, n_tiles;

  /** m x n values of C lie in the tile; starts from bias[column] (nullable: 0). */
  __device__ Tile(int m, int n, const float* bias) {
    int warp = __shfl_sync(0xffffffffu, threadIdx.x / 32, 0);
    row = warp / 2 * (kTileM / 2);
    col = warp % 2 * (kTileN / 2);
    m_tiles = m > row ? min(kM, ceil_div(m - row, 16)) : 0;
    n_tiles = n > col ? min(kN, ceil_div(n - col, 8)) : 0;
#pragma unroll
    for (int j = 0; j < kN; j++) {
      int at = col + j * 8 + threadIdx.x % 4 * 2;
      float left = bias && at < n ? bias[at] : 0.0f, right = bias && at + 1 < n ? bias[at + 1] : 0.0f;
#pragma unroll
      for (int i = 0; i < kM; i++) {
        c[i][j][0] = c[i][j][2] = left;
        c[i][j][1] = c[i][j][3] = right;
      }
    }
    if (kSums)
#pragma unroll
      for (int i = 0; i < kM; i++) sums[i][0] = sums[i][1] = 0.0f;
  }

  /** Adds the products over `depth` values of k. */
  __device__ void multiply(A a, B b, int depth, bool with_sums, unsigned shared) {
    int count = ceil_div(depth, kDepth);
#pragma unroll 1
    for (int s = 1 - kStages; s < count; s++) {
      if (s >= 0) {
        cp_async_wait<kStages - 2>();
        __syncthreads();  // stage s is there for all, and all are done with the one that is loaded now
      }
      int ahead = s + kStages - 1;
      if (ahead < count) {
        unsigned stage = shared + ahead % kStages * kStage;
        a.load(stage, depth - ahead * kDepth);
        b.load(stage + A::kBytes, depth - ahead * kDepth);
      }
      cp_async_commit();
      if (s < 0) continue;
      unsigned stage = shared + s % kStages * kStage;
      int left = depth - s * kDepth;
      if (m_tiles == kM && n_tiles == kN && left >= kDepth)
        multiply_stage<false>(stage, 2, with_sums);
      else
        multiply_stage<true>(stage, left > kStep ? 2 : 1, with_sums);
    }
    cp_async_wait<0>();
    __syncthreads();  // the stages are free
  }

  template <bool kEdge>
  __device__ void multiply_stage(unsigned stage, int steps, bool with_sums) {
#pragma unroll(sizeof(T) == 2 ? 2 : 1)
    for (int step = 0; step < 2; step++) {
      if (kEdge && step >= steps) break;
      if constexpr (sizeof(T) == 2)
        multiply_step<kEdge>(stage, step, with_sums);
      else
        multiply_step_split<kEdge>(stage, step, with_sums);
    }
  }

  template <bool kEdge>
  __device__ void multiply_step(unsigned stage, int step, bool with_sums) {
    unsigned b[kN / 2][2][2];
#pragma unroll
    for (int j = 0; j < kN / 2; j++)
      if (!kEdge || j * 2 < n_tiles) B::fetch(b[j], stage + A::kBytes, col + j * 16, step);
#pragma unroll
    for (int i = 0; i < kM; i++) {
      if (kEdge && i >= m_tiles) break;
      unsigned a[2][2];
      A::fetch(a, stage, row + i * 16, step);
      add_sums(i, a, with_sums);
#pragma unroll
      for (int j = 0; j < kN; j++)
        if (!kEdge || j < n_tiles) mma(c[i][j], a, b[j / 2][j % 2]);
    }
  }

  /** 3xTF32. The kN independent sums hide the latency of an mma. */
  template <bool kEdge>
  __device__ void multiply_step_split(unsigned stage, int step, bool with_sums) {
    unsigned big_b[kN / 2][2][2], small_b[kN / 2][2][2];
#pragma unroll
    for (int j = 0; j < kN / 2; j++) {
      unsigned b[2][2];
      if (kEdge && j * 2 >= n_tiles) break;
      B::fetch(b, stage + A::kBytes, col + j * 16, step);
      split(big_b[j], small_b[j], b);
    }
#pragma unroll
    for (int i = 0; i < kM; i++) {
      if (kEdge && i >= m_tiles) break;
      unsigned a[2][2], big_a[2][2], small_a[2][2];
      A::fetch(a, stage, row + i * 16, step);
      add_sums(i, a, with_sums);
      split(big_a, small_a, a);
      float part[kN][4] = {};
#pragma unroll
      for (int term = 0; term < 3; term++)
#pragma unroll
        for (int j = 0; j < kN; j++)
          if (!kEdge || j < n_tiles)
            mma_tf32(part[j], term == 0 ? small_a : big_a, term == 1 ? small_b[j / 2][j % 2] : big_b[j / 2][j % 2]);
#pragma unroll
      for (int j = 0; j < kN; j++)
#pragma unroll
        for (int v = 0; v < 4; v++) c[i][j][v] += part[j][v];
    }
  }

  __device__ void add_sums(int i, const unsigned (&a)[2][2], bool with_sums) {
    if (kSums && with_sums)
#pragma unroll
      for (int half = 0; half < 2; half++) sums[i][half] += sum<T>(a[half]);
  }

  /** Where C[row, col] lies in shared memory, in floats: rows of kTileN, chunks permuted. */
  __device__ static int place(int row, int col) {
    return row * kTileN + ((col >> 2) ^ ((row & 3) * 2)) * 4 + (col & 3);
  }

  /** Puts the tile into shared memory, for all to read. */
  __device__ void stage(unsigned shared) const {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < kM; i++)
#pragma unroll
      for (int j = 0; j < kN; j++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
          int at = place(row + i * 16 + half * 8 + lane / 4, col + j * 8 + lane % 4 * 2);
          asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(shared + at * 4), "f"(c[i][j][half * 2]),
                       "f"(c[i][j][half * 2 + 1])
                       : "memory");
        }
    __syncthreads();
  }
};
}  // namespace gemm
