// patch_embed.cpp: images -> the chosen patches as rows, and projected patches -> tokens with class token and
// positions.
//
//   gather   patches[b, i, (c, y, x)] = images[b, c, gy*p + y, gx*p + x], ids[b, i] = gy*(width/p) + gx
//   embed    tokens[s, 0] = cls + pos[0];  tokens[s, 1+i] = projected[s, i] + pos[1 + ids[s, i]]
//   backward dprojected[s, i] = dtokens[s, 1+i];  dcls += sum_s dtokens[s, 0];  dpos[0] likewise;
//            dpos[1+j] += sum over (s, i) with ids[s, i] = j of dtokens[s, 1+i]
//
//   Shapes   images [B, C, height, width]; patches [B, n, C*p*p]; projected [S, n, D], tokens [S, 1+n, D]; cls [D],
//            pos [1+L, D]; ids [.., n] or null; patches, projected, tokens and their gradients f32 or bf16
//   Tiles    gather: 32 patches a task; only the chosen patches are read, so the student never touches masked pixels.
//            embed: one sequence a task. dcls, dpos: one block of 64 columns a task, which walks all rows in order and
//            alone writes its columns: no atomics, any order of ids, the same bits for every thread count
//   Traffic  f32: gather reads and writes 4 B n P bytes; embed reads 8 S n D, writes 4 S (1+n) D; backward reads
//            4 S (1+n) D, writes 4 S n D; with dpos it reads dtokens once more and updates one table row (cached) per
//            token
//   Source   Dosovitskiy et al. 2020, arXiv:2010.11929, equation 1; only the needed patches: arXiv:2111.06377
#include "pool.h"
#include "rows.h"
#include "sdae_kernels.h"
#include "stores.h"

namespace {
constexpr long kPatches = 32;
constexpr long kColumns = 64;
constexpr long kLine = 16;  // pixels of a cache line

template <typename T>
void gather(T* patches, const float* images, const int32_t* ids, long batch, int channels, int height, int width,
            int patch, long n) {
  long grid = width / patch, plane = static_cast<long>(height) * width;
  long values = static_cast<long>(channels) * patch * patch;
  auto corner = [=](long row) {
    long id = ids ? ids[row] : row % n;
    return images + row / n * channels * plane + id / grid * patch * width + id % grid * patch;
  };
  with_stores(patches, batch * n * channels * patch, patch, [=](auto to) {
    parallel_range(batch * n, kPatches, [=](long begin, long end) {
      T* out = patches + begin * values;
      for (long row = begin; row < end; row++) {
        const float *from = corner(row), *next = corner(min_of(row + 1, end - 1));
        for (int c = 0; c < channels; c++)
          for (int y = 0; y < patch; y++, out += patch) {
            long at = c * plane + static_cast<long>(y) * width;
            sweep(0, patch, [=](long k, int count) {
              // Rows lie apart: no hardware looks ahead. Asking twice for a line costs more than this test.
              if (count == kLanes && k % kLine < kLanes) __builtin_prefetch(next + at + k, 0, 2);
              to.put(out + k, get(from + at + k, count), count);
            });
          }
      }
      to.done();
    });
  });
}

template <typename T>
void embed(T* tokens, const T* projected, const float* cls, const float* pos, const int32_t* ids, long sequences,
           long n, long d) {
  parallel_for(sequences, [=](long s, int) {
    T* out = tokens + s * (n + 1) * d;
    add_rows(out, cls, pos, d);
    for (long i = 0; i < n; i++) {
      long id = ids ? ids[s * n + i] : i;
      add_rows(out + (1 + i) * d, projected + (s * n + i) * d, pos + (1 + id) * d, d);
    }
  });
}

template <typename T>
void embed_gradient(T* dprojected, float* dcls, float* dpos, const T* dtokens, const int32_t* ids, long sequences,
                    long n, long d) {
  long stride = (n + 1) * d;
  parallel_for(sequences, [=](long s, int) { copy_row(dprojected + s * n * d, dtokens + s * stride + d, n * d); });
  if (!dcls && !dpos) return;
  parallel_range(d, kColumns, [=](long begin, long end) {
    long width = end - begin;
    float sum[kColumns] = {};
    for (long s = 0; s < sequences; s++) add_rows(sum, sum, dtokens + s * stride + begin, width);
    if (dcls) add_rows(dcls + begin, dcls + begin, sum, width);
    if (!dpos) return;
    add_rows(dpos + begin, dpos + begin, sum, width);
    for (long s = 0; s < sequences; s++)
      for (long i = 0; i < n; i++) {
        float* row = dpos + (1 + (ids ? ids[s * n + i] : i)) * d + begin;
        add_rows(row, row, dtokens + s * stride + (1 + i) * d + begin, width);
      }
  });
}
}  // namespace

extern "C" {
void SK(patch_gather)(sk_any patches, sk_cf32 images, sk_ci32 ids, int batch, int channels, int height, int width,
                      int patch, int n, int dtype) {
  with_storage(dtype, [=](auto as) { gather(as(patches), images, ids, batch, channels, height, width, patch, n); });
}

void SK(embed_tokens_forward)(sk_any tokens, sk_cany projected, sk_cf32 cls, sk_cf32 pos, sk_ci32 ids, int sequences,
                              int n, int cols, int dtype) {
  with_storage(dtype, [=](auto as) { embed(as(tokens), as(projected), cls, pos, ids, sequences, n, cols); });
}

void SK(embed_tokens_backward)(sk_any dprojected, sk_f32 dcls, sk_f32 dpos, sk_cany dtokens, sk_ci32 ids, int sequences,
                               int n, int cols, int dtype) {
  with_storage(dtype,
               [=](auto as) { embed_gradient(as(dprojected), dcls, dpos, as(dtokens), ids, sequences, n, cols); });
}
}
