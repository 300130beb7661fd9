// patch_mask.cpp: the random order of each sample's patches: noise -> rank -> visible and masked ids.
//
//   rank(i) = #{j : noise[j] < noise[i]} + #{j < i : noise[j] = noise[i]}
//
//   Shapes   noise, ids_restore [B, L]; ids_keep [B, V]; ids_masked [B, used], V + used <= L
//   Tiles    one task a sample; its L keys stay in L1; a vector of ranks in a register while all keys pass by.
//            Counting instead of sorting: L^2 compares without a branch are faster than a sort up to about a thousand
//            patches (L = 196: 2,400 vector compares) and need no tie rule beyond the formula
//   Order    the floats are compared as integers of the same order, -0 as 0, so that even NaN gives a permutation
//   Traffic  reads 4L, writes 4(L + V + used) bytes a sample
//   Source   He et al. 2021, arXiv:2111.06377, section 3 (random masking by a shuffle)
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
/** A number of the same order as the float, -0 as 0; what is no number sorts behind or before all. */
inline int32_t order_key(float noise) {
  float value = noise + 0.0f;
  int32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

inline vint load_keys(const int32_t* p) {
  vint v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

/** Ranks of the kLanes keys from `first` on among the `patches` keys; of those past the end, anything. */
inline vint ranks(const int32_t* key, long first, long patches) {
  const vint own = load_keys(key + first);
  vint rank = {};
  long j = 0;
  for (; j < first; j++) rank = splat_int(key[j]) <= own ? rank + 1 : rank;
  for (; j < min_of(patches, first + kLanes); j++) {
    vint after = ~lanes_below(static_cast<int>(j - first + 1)), other = splat_int(key[j]);
    rank = (other < own) | ((other == own) & after) ? rank + 1 : rank;
  }
  for (; j < patches; j++) rank = splat_int(key[j]) < own ? rank + 1 : rank;
  return rank;
}
}  // namespace

extern "C" {
void SK(patch_mask)(sk_i32 ids_keep, sk_i32 ids_masked, sk_i32 ids_restore, sk_cf32 noise, int batch, int patches,
                    int visible, int used) {
  parallel_for(batch, [=](long b, int thread) {
    long padded = ceil_div(patches, kLanes) * kLanes;
    int32_t* key = static_cast<int32_t*>(sk_thread_scratch(thread, 2 * 4 * padded));
    int32_t *shuffled = key + padded, *rank = ids_restore + b * patches;  // shuffled[rank] = id: no branch, all written
    for (long i = 0; i < patches; i++) key[i] = order_key(noise[b * patches + i]);
    for (long first = 0; first < patches; first += kLanes) {
      vint ranks_of = ranks(key, first, patches);
      for (long i = first; i < min_of(patches, first + kLanes); i++) {
        rank[i] = ranks_of[i - first];
        shuffled[rank[i]] = i;
      }
    }
    __builtin_memcpy(ids_keep + static_cast<long>(b) * visible, shuffled, 4l * visible);
    __builtin_memcpy(ids_masked + static_cast<long>(b) * used, shuffled + visible, 4l * used);
  });
}
}
