// attention_tiles.cuh: tiles in shared memory and the matrix products of the attention kernels, for bf16 and f32 alike.
//
//   A tile is rows of kChunks chunks of 16 bytes. Chunk c of row r lies at place c ^ swizzle(r) of its row: any 8 rows
//   of an aligned group of 8 then put the same c into 8 different groups of 4 banks, for every row length that is a
//   multiple of 2 chunks. So ldmatrix, stores of fragments and copies of whole rows are free of bank conflicts. The
//   swizzle needs r % 8 only: a lane works it out once, and steps along the row are one exclusive or (Lane::at), steps
//   down the rows are immediate offsets.
//
//   Products are mma.sync, f32 accumulators. A step along the summed dimension is two chunks: 16 values of bf16
//   (m16n8k16), 8 of f32 (m16n8k8). Where rows of a tile are summed over (Cols), a step is 16 or 8 rows.
//   f32 values are split into two tf32 parts, x = hi + lo, and three products (lo*hi, hi*lo, hi*hi) are summed: what is
//   dropped is 2^-22 of a product, that is the rounding of f32 arithmetic. FFMA would need 32 instructions where this
//   takes 3 mma and 6 conversions, and a data flow of its own; so both storage types share this one.
//
//   Fragments (lane = 4 g + t): accumulator tile 16x8: c[0], c[1] = row g, columns 2t, 2t+1; c[2], c[3] = row g+8.
//   For f32 the summed index k = t, t+4 of m16n8k8 stands for rows 2t, 2t+1 wherever rows are summed over, so that
//   accumulators serve as A operands as they are (the order of a sum's terms is free).
#pragma once
#include "common.cuh"

namespace attention {

typedef unsigned int u32;

constexpr float kLog2e = 1.44269504088896341f, kLn2 = 0.693147180559945309f;

__device__ inline u32 lane_id() { return threadIdx.x & 31; }
__device__ inline float infinity() { return __int_as_float(0x7f800000); }

/** 2^x; at most 2 ulp off (PTX ISA), below the rounding of the bf16 or the split f32 value that it becomes. */
__device__ inline float exp2_of(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/** log2(x), 2^-22 off, for x >= 1. */
__device__ inline float log2_of(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ inline float quad_max(float v) {
  v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 1));
  return fmaxf(v, __shfl_xor_sync(0xffffffffu, v, 2));
}

__device__ inline float quad_sum(float v) {
  v += __shfl_xor_sync(0xffffffffu, v, 1);
  return v + __shfl_xor_sync(0xffffffffu, v, 2);
}

// ---- shared memory

/** Address of the block's dynamic shared memory. */
__device__ inline u32 shared_memory() {
  extern __shared__ __align__(128) unsigned char memory[];
  return static_cast<u32>(__cvta_generic_to_shared(memory));
}

__device__ inline void ldmatrix(u32 (&r)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

__device__ inline void ldmatrix_half(u32 (&r)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(address)
               : "memory");
}

__device__ inline void ldmatrix_transposed(u32 (&r)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

__device__ inline u32 load_word(u32 address) {
  u32 v;
  asm volatile("ld.shared.b32 %0, [%1];" : "=r"(v) : "r"(address) : "memory");
  return v;
}

__device__ inline uint4 load_chunk(u32 address) {
  uint4 v;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address)
               : "memory");
  return v;
}

__device__ inline void store_word(u32 address, u32 v) {
  asm volatile("st.shared.b32 [%0], %1;" ::"r"(address), "r"(v) : "memory");
}

__device__ inline void store_chunk(u32 address, const u32 (&v)[4]) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3])
               : "memory");
}

__device__ inline void store_float2(u32 address, float a, float b) {
  asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(address), "f"(a), "f"(b) : "memory");
}

/** Copies 16 bytes to shared memory, or writes 16 zero bytes and reads nothing (`from` may then be anywhere). */
__device__ inline void copy_chunk(u32 to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(valid ? 16 : 0) : "memory");
}

__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/** Waits until at most `kPending` groups of this thread's copies are under way. */
template <int kPending>
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// ---- tiles

template <int kChunks>
__device__ inline u32 swizzle(u32 row) {
  static_assert(kChunks % 2 == 0, "rows of whole pairs of chunks");
  return (row & 7) >> (kChunks % 8 == 0 ? 0 : kChunks % 4 == 0 ? 1 : 2);
}

/** A lane's row of a tile, from chunk `half` (0 or 1) on. */
template <int kChunks>
struct Lane {
  static constexpr u32 kMask = kChunks % 8 == 0 ? 7 : kChunks % 4 == 0 ? 3 : 1;
  static constexpr u32 kRow = kChunks * 16;  // bytes
  u32 address;

  __device__ Lane(u32 tile, u32 row, u32 half) : address(tile + row * kRow + ((half ^ swizzle<kChunks>(row)) << 4)) {}
  /** Address of chunk `chunk` + half. */
  __device__ u32 chunk(u32 chunk) const { return (address ^ ((chunk & kMask) << 4)) + ((chunk & ~kMask) << 4); }
  __device__ u32 at(u32 step) const { return chunk(2 * step); }
  /** The same lane `rows` rows further down, a multiple of 8. */
  __device__ Lane down(int rows) const {
    Lane lane = *this;
    lane.address += rows * kRow;
    return lane;
  }
};

/** Lanes 0-7, 8-15 fetch rows 0-7, 8-15 of chunk 2s, the others the same of chunk 2s+1: A operands. */
template <int kChunks>
__device__ inline Lane<kChunks> rows_lane(u32 tile) {
  return Lane<kChunks>(tile, lane_id() & 15, lane_id() >> 4);
}

/** Lanes 0-7, 8-15 fetch rows 0-7 of chunks 2s, 2s+1, the others rows 8-15: B operands of two column tiles. */
template <int kChunks>
__device__ inline Lane<kChunks> pair_lane(u32 tile) {
  return Lane<kChunks>(tile, (lane_id() & 7) + (lane_id() >> 4) * 8, (lane_id() >> 3) & 1);
}

// ---- fragments and products

template <class T>
struct Fragment;  // A operand of 16 rows and a step

template <>
struct Fragment<bf16> {
  u32 r[4];
};

template <>
struct Fragment<float> {
  u32 hi[4], lo[4];
};

/** {a, b} as bf16, a in the low half. */
__device__ inline u32 pack(float a, float b) {
  u32 v;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(b), "f"(a));
  return v;
}

__device__ inline void split(u32& hi, u32& lo, float x) {
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(hi) : "f"(x));
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(lo) : "f"(x - __uint_as_float(hi)));
}

__device__ inline void set_fragment(Fragment<bf16>& a, const u32 (&r)[4]) {
#pragma unroll
  for (int i = 0; i < 4; i++) a.r[i] = r[i];
}

__device__ inline void set_fragment(Fragment<float>& a, const u32 (&r)[4]) {
#pragma unroll
  for (int i = 0; i < 4; i++) split(a.hi[i], a.lo[i], __uint_as_float(r[i]));
}

/** Step k of an A operand whose columns are the accumulators of kTiles column tiles. */
template <int kTiles>
__device__ inline void set_fragment(Fragment<bf16>& a, const float (&c)[kTiles][4], int k) {
  a.r[0] = pack(c[2 * k][0], c[2 * k][1]);
  a.r[1] = pack(c[2 * k][2], c[2 * k][3]);
  const bool more = 2 * k + 1 < kTiles;
  a.r[2] = more ? pack(c[(2 * k + 1) % kTiles][0], c[(2 * k + 1) % kTiles][1]) : 0;
  a.r[3] = more ? pack(c[(2 * k + 1) % kTiles][2], c[(2 * k + 1) % kTiles][3]) : 0;
}

template <int kTiles>
__device__ inline void set_fragment(Fragment<float>& a, const float (&c)[kTiles][4], int k) {
  split(a.hi[0], a.lo[0], c[k][0]);
  split(a.hi[1], a.lo[1], c[k][2]);
  split(a.hi[2], a.lo[2], c[k][1]);
  split(a.hi[3], a.lo[3], c[k][3]);
}

/** c += a b, b one column tile. */
__device__ inline void multiply(float (&c)[4], const Fragment<bf16>& a, u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "r"(b0), "r"(b1));
}

__device__ inline void multiply_tf32(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ inline void multiply(float (&c)[4], const Fragment<float>& a, u32 b0, u32 b1) {
  u32 hi0, lo0, hi1, lo1;
  split(hi0, lo0, __uint_as_float(b0));
  split(hi1, lo1, __uint_as_float(b1));
  multiply_tf32(c, a.lo, hi0, hi1);
  multiply_tf32(c, a.hi, lo0, lo1);
  multiply_tf32(c, a.hi, hi0, hi1);
}

/** A tile whose rows are summed over: B operands (columns as they lie) and transposed A operands. */
template <class T, int kChunks>
struct Cols;

template <int kChunks>
struct Cols<bf16, kChunks> {
  static constexpr int kStep = 16;  // rows
  Lane<kChunks> rows, pair;

  __device__ explicit Cols(u32 tile) : Cols(rows_lane<kChunks>(tile), pair_lane<kChunks>(tile)) {}
  __device__ Cols(const Lane<kChunks>& rows, const Lane<kChunks>& pair) : rows(rows), pair(pair) {}
  /** The same columns from `count` rows further down on, a multiple of 8. */
  __device__ Cols down(int count) const { return {rows.down(count), pair.down(count)}; }
  /** b[0..1], b[2..3]: column tiles 2p, 2p+1 of rows [16 k, 16 k + 16). */
  __device__ void load(u32 (&b)[4], int k, int p, u32 offset) const {
    ldmatrix_transposed(b, rows.at(p) + (offset + k * 16 * kChunks * 16));
  }
  /** Columns [16 m, 16 m + 16) as rows of an A operand, rows [16 k, 16 k + 16) as its columns. */
  __device__ void load_transposed(Fragment<bf16>& a, int k, int m) const {
    ldmatrix_transposed(a.r, pair.at(m) + k * 16 * kChunks * 16);
  }
};

template <int kChunks>
struct Cols<float, kChunks> {
  static constexpr int kStep = 8;
  static_assert(kChunks % 8 == 0, "rows 0, 2, 4, 6 of other tiles meet in banks");
  Lane<kChunks> even, odd;  // rows 2t, 2t+1; column g

  __device__ explicit Cols(u32 tile) : Cols(lane(tile, 0), lane(tile, 1)) {}
  __device__ Cols(const Lane<kChunks>& even, const Lane<kChunks>& odd) : even(even), odd(odd) {}
  __device__ static Lane<kChunks> lane(u32 tile, u32 odd) {
    u32 g = lane_id() >> 2, t = lane_id() & 3;
    Lane<kChunks> lane(tile, 2 * t + odd, g >> 2);
    lane.address += (g & 3) * 4;
    return lane;
  }
  __device__ Cols down(int count) const { return {even.down(count), odd.down(count)}; }
  __device__ void load(u32 (&b)[4], int k, int p, u32 offset) const {
    const u32 at = offset + k * 8 * kChunks * 16;
    b[0] = load_word(even.at(2 * p) + at);
    b[1] = load_word(odd.at(2 * p) + at);
    b[2] = load_word(even.at(2 * p + 1) + at);
    b[3] = load_word(odd.at(2 * p + 1) + at);
  }
  __device__ void load_transposed(Fragment<float>& a, int k, int m) const {
    const int at = k * 8 * kChunks * 16;
    u32 r[4] = {load_word(even.at(2 * m) + at), load_word(even.at(2 * m + 1) + at), load_word(odd.at(2 * m) + at),
                load_word(odd.at(2 * m + 1) + at)};
    set_fragment(a, r);
  }
};

/**
 * c[m][j] += rows of tile a times rows of tile b, over the whole row: kMany x 16 rows against kTiles x 8 rows. The rows
 * lie `a_offset`, `b_offset` bytes behind the lanes' (constants: they cost no register).
 */
template <class T, int kMany, int kTiles, int kChunks>
__device__ inline void multiply_rows(float (&c)[kMany][kTiles][4], const Lane<kChunks>& a, const Lane<kChunks>& b,
                                     u32 a_offset, u32 b_offset) {
#pragma unroll
  for (int step = 0; step < kChunks / 2; step++) {
    Fragment<T> fragment[kMany];
#pragma unroll
    for (int m = 0; m < kMany; m++) {
      u32 r[4];
      ldmatrix(r, a.at(step) + (a_offset + m * 16 * kChunks * 16));
      set_fragment(fragment[m], r);
    }
#pragma unroll
    for (int j = 0; j < kTiles; j += 2) {
      u32 r[4];
      if (j + 1 < kTiles)
        ldmatrix(r, b.at(step) + (b_offset + j * 8 * kChunks * 16));
      else
        ldmatrix_half(r, b.at(step) + (b_offset + j * 8 * kChunks * 16));
#pragma unroll
      for (int m = 0; m < kMany; m++) {
        multiply(c[m][j], fragment[m], r[0], r[1]);
        if (j + 1 < kTiles) multiply(c[m][(j + 1) % kTiles], fragment[m], r[2], r[3]);
      }
    }
  }
}

/** c[m] += a[m] times step k of b's rows, all columns; the rows lie `offset` bytes behind b's. */
template <class T, int kMany, int kAll, int kTiles, int kChunks>
__device__ inline void multiply_cols(float (&c)[kAll][kTiles][4], const Fragment<T> (&a)[kMany],
                                     const Cols<T, kChunks>& b, int k, u32 offset) {
#pragma unroll
  for (int p = 0; p < kTiles / 2; p++) {
    u32 r[4];
    b.load(r, k, p, offset);
#pragma unroll
    for (int m = 0; m < kMany; m++) {
      multiply(c[m][2 * p], a[m], r[0], r[1]);
      multiply(c[m][2 * p + 1], a[m], r[2], r[3]);
    }
  }
}

/** c += p b, p accumulators [rows][rows of b]. bf16 is packed at once: that halves the registers it takes. */
template <int kSteps, int kTiles, int kCols, int kChunks>
__device__ inline void multiply_scores(float (&c)[1][kCols][4], const float (&p)[kTiles][4],
                                       const Cols<bf16, kChunks>& b, u32 offset) {
  Fragment<bf16> a[kSteps][1];
#pragma unroll
  for (int k = 0; k < kSteps; k++) set_fragment(a[k][0], p, k);
#pragma unroll
  for (int k = 0; k < kSteps; k++) multiply_cols(c, a[k], b, k, offset);
}

template <int kSteps, int kTiles, int kCols, int kChunks>
__device__ inline void multiply_scores(float (&c)[1][kCols][4], const float (&p)[kTiles][4],
                                       const Cols<float, kChunks>& b, u32 offset) {
#pragma unroll
  for (int k = 0; k < kSteps; k++) {
    Fragment<float> a[1];
    set_fragment(a[0], p, k);
    multiply_cols(c, a, b, k, offset);
  }
}

}  // namespace attention
