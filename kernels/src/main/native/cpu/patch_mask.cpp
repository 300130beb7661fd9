// patch_mask.cpp: the random order of each sample's patches: noise -> rank -> visible and masked ids.
//
//   rank(i) = #{j : noise[j] < noise[i]} + #{j < i : noise[j] = noise[i]}
//
//   Shapes   noise, ids_restore [B, L]; ids_keep [B, V]; ids_masked [B, used], V + used <= L
//   Tiles    one task a sample; its L keys stay in L1. Counting instead of sorting: L^2 compares without a branch are
//            faster than a sort up to about a thousand patches (L = 196: 2,400 vector compares) and need no tie rule
//            beyond the formula
//   Order    the floats are compared as integers of the same order, -0 as 0, so that even NaN gives a permutation
//   Traffic  reads 4L, writes 4(L + V + used) bytes a sample
//   Source   He et al. 2021, arXiv:2111.06377, section 3 (random masking by a shuffle)
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

extern "C" {
void SK(patch_mask)(sk_i32 ids_keep, sk_i32 ids_masked, sk_i32 ids_restore, sk_cf32 noise, int batch, int patches,
                    int visible, int used) {
  parallel_for(batch, [=](long b, int thread) {
    int32_t* key = static_cast<int32_t*>(sk_thread_scratch(thread, 4l * patches));
    for (long i = 0; i < patches; i++) {
      float value = noise[b * patches + i] + 0.0f;
      int32_t bits;
      __builtin_memcpy(&bits, &value, 4);
      key[i] = bits ^ ((bits >> 31) & 0x7fffffff);
    }
    for (int i = 0; i < patches; i++) {
      int32_t own = key[i], rank = 0;
      for (int j = 0; j < i; j++) rank += key[j] <= own;
      for (int j = i + 1; j < patches; j++) rank += key[j] < own;
      ids_restore[b * patches + i] = rank;
      if (rank < visible)
        ids_keep[b * visible + rank] = i;
      else if (rank < visible + used)
        ids_masked[b * used + rank - visible] = i;
    }
  });
}
}
