// patch_mask.cu: the random order of each sample's patches: noise -> rank -> visible and masked ids, in one launch.
//
//   rank(i) = #{j : noise[j] < noise[i]} + #{j < i : noise[j] = noise[i]}
//
//   Shapes   noise f32, ids_restore [B, L]; ids_keep [B, V]; ids_masked [B, used], V + used <= L; any L
//   Tiles    one block of 256 threads a sample: item of x = a sample. Counting instead of sorting: a thread compares
//   its
//            key with all keys, four a broadcast read of shared memory, in tiles of 4,096 keys (16 KB). The order is
//            found the same way, thread r looks for the patch of rank r: whole sectors are written and no bank
//            conflicts arise, as they would from a scatter
//   Order    the floats are compared as integers of the same order, -0 as 0, so that even NaN gives a permutation
//   Traffic  reads 4L bytes and its ranks once more, writes 4(L + V + used) a sample; L > 4096: reads both L/256 times
//   FLOPs    none; about 5 integer instructions a pair of patches (L 196: 2,200 a warp)
//   Regs     39 at most, sm_80 to sm_120; no spills, no stack
//   Source   He et al. 2021, arXiv:2111.06377, section 3 (random masking by a shuffle)
#include "rows.cuh"

constexpr int kThreads = 256, kTile = 4096;

/** An integer of the same order as the float; equal for -0 and 0. */
__device__ inline int key_of(float noise) {
  int bits = __float_as_int(noise + 0.0f);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

/** The values first, first + 1, ... of `count`, in shared memory. */
struct Tile {
  int* shared;
  int count, first = 0;

  /** Values of the tile, up to a multiple of 32. */
  __device__ int size() const { return count - first < kTile ? (count - first + 31) / 32 * 32 : kTile; }
  /** Writes value(i) for the i of this tile, `rest` behind the last. */
  template <class F>
  __device__ void fill(int rest, F value) const {
    __syncthreads();
    for (int j = threadIdx.x; j < size(); j += kThreads) shared[j] = first + j < count ? value(first + j) : rest;
    __syncthreads();
  }
  /** f(i, four values) for the i in [begin, end) of the tile, multiples of 4. */
  template <class F>
  __device__ void fours(int begin, int end, F f) const {
#pragma unroll 4
    for (int j = begin; j < end; j += 4) f(first + j, *reinterpret_cast<const int4*>(shared + j));
  }

  /** How many keys come before key `own` of patch i. */
  __device__ int before(int i, int own) const {
    // A warp's patches start at a multiple of 32: before them equal keys count, behind them they do not.
    int low = min(max(i / 32 * 32 - first, 0), size()), high = min(max(i / 32 * 32 + 32 - first, 0), size()), rank = 0;
    fours(0, low, [&](int, int4 k) { rank += (k.x <= own) + (k.y <= own) + (k.z <= own) + (k.w <= own); });
    for (int j = low; j < high; j++) rank += shared[j] < own || (shared[j] == own && first + j < i);
    fours(high, size(), [&](int, int4 k) { rank += (k.x < own) + (k.y < own) + (k.z < own) + (k.w < own); });
    return rank;
  }
  /** The i whose value is `rank`; `found` if there is none. */
  __device__ int find(int rank, int found) const {
    fours(0, size(), [&](int i, int4 r) {
      found = r.x == rank ? i : r.y == rank ? i + 1 : r.z == rank ? i + 2 : r.w == rank ? i + 3 : found;
    });
    return found;
  }
};

SK_KERNEL(sk_patch_mask, kThreads, 1, 1)
(int* ids_keep, int* ids_masked, int* ids_restore, const float* noise, int, int patches, int visible, int used) {
  __shared__ __align__(16) int shared[kTile];
  i64 sample = blockIdx.x;
  int* ranks = ids_restore + sample * patches;
  const float* values = noise + sample * patches;
  for (int base = 0; base < patches; base += kThreads) {
    int i = base + threadIdx.x, own = i < patches ? key_of(values[i]) : 0, rank = 0;
    for (Tile tile{shared, patches}; tile.first < patches; tile.first += kTile) {
      if (base == 0 || patches > kTile) tile.fill(0x7fffffff, [=](int j) { return key_of(values[j]); });
      rank += tile.before(i, own);
    }
    if (i < patches) ranks[i] = rank;
  }
  for (int base = 0; base < visible + used; base += kThreads) {
    int rank = base + threadIdx.x, i = 0;
    for (Tile tile{shared, patches}; tile.first < patches; tile.first += kTile) {
      if (base == 0 || patches > kTile) tile.fill(-1, [=](int j) { return ranks[j]; });
      i = tile.find(rank, i);
    }
    if (rank < visible)
      ids_keep[sample * visible + rank] = i;
    else if (rank < visible + used)
      ids_masked[sample * used + rank - visible] = i;
  }
}
