// patch_embed.cu: images -> the chosen patches as rows, and projected patches -> tokens with class token and positions.
//
//   gather   patches[b, i, (c, y, x)] = images[b, c, gy*p + y, gx*p + x], ids[b, i] = gy*(width/p) + gx
//   embed    tokens[s, 0] = cls + pos[0];  tokens[s, 1+i] = projected[s, i] + pos[1 + ids[s, i]]
//   backward dprojected[s, i] = dtokens[s, 1+i];  dcls += sum_s dtokens[s, 0];  dpos[0] likewise;
//            dpos[1+j] += sum over (s, i) with ids[s, i] = j of dtokens[s, 1+i]
//
//   Shapes   images [B, C, height, width] f32; patches [B, n, C*p*p], tokens [S, 1+n, D], projected [S, n, D]
//            f32 | bf16 (s = 4 | 2 bytes); cls [D], pos [1+L, D] f32; ids [.., n] i32 or null
//   Tiles    gather, embed: a warp a row, four values a lane (16 bytes, 8 in bf16) if p and width are multiples of 4.
//            Only the chosen patches are read, so the student never touches masked pixels. dcls, dpos: a block takes
//            one position and 128 columns; its eight warps search the ids in turns of 32 and add up the rows that they
//            find, then the warps' sums: no atomics, any order of ids
//   Traffic  gather reads 4 B n P bytes, writes s B n P; embed reads (s + 4) S n D, writes s S (1+n) D; backward reads
//            s S n D, writes s S n D; dcls reads s S D; dpos reads s S (1+n) D, and every position all of the ids
//   Regs     96 at most, sm_80 to sm_120; no spills, no stack
//   Source   Dosovitskiy et al. 2020, arXiv:2010.11929, equation 1; only the needed patches: arXiv:2111.06377
#include "token_rows.cuh"

/** Where the patches of an image lie. */
struct Patches {
  int channels, height, width, patch;

  __device__ int values() const { return channels * patch * patch; }
  __device__ i64 corner(i64 image, int id) const {
    int grid = width / patch;
    return (image * channels * height + id / grid * patch) * width + id % grid * patch;
  }
  /** Of value v (channel, row, column) from the corner. */
  __device__ int offset(int v) const {
    int area = patch * patch, in = v % area;
    return (v / area * height + in / patch) * width + in % patch;
  }
};

template <class T>
__device__ inline void gather(T* patches, const float* images, const int* ids, int batch, Patches shape, int n) {
  i64 row = static_cast<i64>(blockIdx.x) * kTokenWarps + warp_of();
  if (row >= static_cast<i64>(batch) * n) return;
  const float* corner = images + shape.corner(row / n, ids ? ids[row] : static_cast<int>(row % n));
  bool vector = aligned(patches, 4 * sizeof(T)) && aligned(images, 16) && shape.patch % 4 == 0 && shape.width % 4 == 0;
  over_row<4>(shape.values(), vector, [=](int c, auto share) {
    float v[4] = {};
    if constexpr (decltype(share)::kVectors) {
      if (share.has(0)) load(v, corner + shape.offset(c + share.at(0)));
    } else {
      for (int j = 0; j < 4; j++)
        if (share.has(j)) v[j] = corner[shape.offset(c + share.at(j))];
    }
    share.put(patches + row * shape.values() + c, v);
  });
}

template <class T>
__device__ inline void embed_forward(T* tokens, const T* projected, const float* cls, const float* pos, const int* ids,
                                     int sequences, int n, int cols) {
  i64 row = static_cast<i64>(blockIdx.x) * kTokenWarps + warp_of(), s = row / (n + 1);
  if (s >= sequences) return;
  int i = static_cast<int>(row % (n + 1)) - 1;  // -1: the class token
  const T* from = projected + (s * n + i) * cols;
  const float* place = pos + (i < 0 ? 0 : static_cast<i64>(1 + (ids ? ids[s * n + i] : i)) * cols);
  bool vector =
      aligned(tokens, 4 * sizeof(T)) && aligned(projected, 4 * sizeof(T)) && aligned(cls, 16) && aligned(pos, 16);
  over_row<4>(cols, vector, [=](int c, auto share) {
    float v[4], p[4];
    if (i < 0)
      share.get(v, cls + c);
    else
      share.get(v, from + c);
    share.get(p, place + c);
    for (int j = 0; j < 4; j++) v[j] += p[j];
    share.put(tokens + row * cols + c, v);
  });
}

template <class T>
__device__ inline void embed_backward(T* dprojected, const T* dtokens, int sequences, int n, int cols) {
  i64 row = static_cast<i64>(blockIdx.x) * kTokenWarps + warp_of(), s = row / n;
  if (s < sequences)
    copy_row(dprojected + row * cols, dtokens + (row + s + 1) * cols, cols,
             aligned(dprojected, 16) && aligned(dtokens, 16));
}

/** f(row of dtokens) for the rows at `position` that fall to this warp. */
template <class F>
__device__ inline void over_rows_at(int position, const int* ids, int sequences, int n, F f) {
  if (position == 0 || !ids) {
    if (position <= n)
      for (int s = warp_of(); s < sequences; s += kTokenWarps) f(static_cast<i64>(s) * (n + 1) + position);
    return;
  }
  int lane = threadIdx.x % 32;
  i64 count = static_cast<i64>(sequences) * n;
  for (i64 first = warp_of() * 32; first < count; first += kTokenThreads) {
    int id = first + lane < count ? ids[first + lane] : -1;
    unsigned found = __ballot_sync(0xffffffffu, id == position - 1);
    for (; found; found &= found - 1) {
      i64 token = first + __ffs(found) - 1;
      f(token + token / n + 1);
    }
  }
}

template <class T>
__device__ inline void embed_backward_sum(float* dcls, float* dpos, const T* dtokens, const int* ids, int sequences,
                                          int n, int cols) {
  __shared__ __align__(16) float part[kTokenWarps][kStrip];
  int position = blockIdx.x;
  bool vector = aligned(dtokens, 4 * sizeof(T)) && aligned(dcls, 16) && aligned(dpos, 16);
  on_strip(cols, vector, [&](int c, auto share) {
    float sum[4] = {}, old[4];
    over_rows_at(position, ids, sequences, n, [&](i64 row) {
      float v[4];
      share.get(v, dtokens + row * cols + c);
      for (int j = 0; j < 4; j++) sum[j] += v[j];
    });
    add_warps(sum, part);
    auto add_to = [&](float* gradient) {
      share.get(old, gradient);
      for (int j = 0; j < 4; j++) old[j] += sum[j];
      share.put(gradient, old);
    };
    if (warp_of() > 0) return;
    if (dcls && position == 0) add_to(dcls + c);
    if (dpos) add_to(dpos + static_cast<i64>(position) * cols + c);
  });
}

// Item of x: a row of the output (..._backward: of dprojected). ..._backward_sum: item of x = a position, of y = a
// column; X = 1 + L, or 1 if dpos is null; not launched if dcls and dpos are null.
#define FAMILY(T, suffix)                                                                                       \
  SK_KERNEL(sk_patch_gather_##suffix, kTokenThreads, kTokenWarps, 1)                                            \
  (T * patches, const float* images, const int* ids, int batch, int channels, int height, int width, int patch, \
   int n) {                                                                                                     \
    gather(patches, images, ids, batch, Patches{channels, height, width, patch}, n);                            \
  }                                                                                                             \
  SK_KERNEL(sk_embed_tokens_forward_##suffix, kTokenThreads, kTokenWarps, 1)                                    \
  (T * tokens, const T* projected, const float* cls, const float* pos, const int* ids, int sequences, int n,    \
   int cols) {                                                                                                  \
    embed_forward(tokens, projected, cls, pos, ids, sequences, n, cols);                                        \
  }                                                                                                             \
  SK_KERNEL(sk_embed_tokens_backward_##suffix, kTokenThreads, kTokenWarps, 1)                                   \
  (T * dprojected, float*, float*, const T* dtokens, const int*, int sequences, int n, int cols) {              \
    embed_backward(dprojected, dtokens, sequences, n, cols);                                                    \
  }                                                                                                             \
  SK_KERNEL(sk_embed_tokens_backward_sum_##suffix, kTokenThreads, 1, kStrip)                                    \
  (float* dcls, float* dpos, const T* dtokens, const int* ids, int sequences, int n, int cols) {                \
    embed_backward_sum(dcls, dpos, dtokens, ids, sequences, n, cols);                                           \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)
