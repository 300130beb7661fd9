// pixel_loss.cu: MAE's loss, squared error against the pixels of the masked patches.
//
//   t = the patch (norm_pix: (t - mean)/sqrt(var + 1e-6), var with divisor P-1)
//   loss = mean over patches of the mean over P of (s - t)^2;  ds = 2 dloss/(B M P) (s - t)
//
//   Shapes   pred s [B, M, P], values row, column, channel (f32 | bf16, b = 4 | 2 bytes); images [B, C, height, width];
//            ids [B, M]; stats [B, M, 2] f32 = mean, rstd of each patch (0, 1 without norm_pix); P = C*p*p <= 4096
//   Tiles    a patch and its prediction are held in registers by a warp (P <= 1024) or by the block of 128 threads:
//   item
//            of x = a patch, 8 a block; the patches of a block are added up in f64, then ..._sum adds up the blocks
//   Order    an image is read row by row of a patch (4 bytes a lane, whole sectors at p 8, 16, ...) into shared memory,
//            where a value's place is its place in pred: neighbours lie C words apart, no conflict while C is odd
//   Traffic  forward and backward read (4 + b) B M P bytes, backward writes b B M P
//   Regs     149 at most, sm_80 to sm_120; no spills, no stack
//   Source   He et al. 2021, arXiv:2111.06377, section 3 (reconstruction target)
#include "rows.cuh"

constexpr int kPatches = 8;

/** What locates a patch's pixels. */
struct Pixels {
  const float* images;
  const int* ids;
  int channels, height, width, patch, count;

  __device__ int values() const { return channels * patch * patch; }

  /** Patch `row` of [B, M] in the order row, column, channel; by way of the group's part of `shared` [kMaxCols]. */
  template <class G>
  __device__ void get(RowValues& v, i64 row, float* shared, const G& group) const {
    int grid = width / patch, id = ids[row], area = patch * patch;
    const float* corner = images + (row / count * channels * height + id / grid * patch) * width + id % grid * patch;
    shared += group.index() * kNarrowCols;
    group.sync();
    for (int i = group.lane(); i < values(); i += G::kGroupLanes) {
      int channel = i / area, pixel = i % area;
      shared[pixel * channels + channel] =
          corner[static_cast<i64>(channel * height + pixel / patch) * width + pixel % patch];
    }
    group.sync();
    group.get(v, shared);
  }
};

template <class T>
__device__ inline void forward(float* stats, const T* pred, Pixels pixels, int rows, int norm_pix, double* partial) {
  __shared__ __align__(16) float shared[kMaxCols];
  float* target = shared;
  int values = pixels.values();
  with_group(values, aligned(pred, 4 * sizeof(T)), [=](auto group) {
    double loss = 0;
    group.template rows<kPatches>(rows, [&](i64 row) {
      RowValues t, s;
      group.get(s, pred + row * values);
      pixels.get(t, row, target, group);
      Moments m = norm_pix ? moments(t, group) : Moments{0, 1};
      if (group.lane() == 0) {
        stats[2 * row] = m.mean;
        stats[2 * row + 1] = m.rstd;
      }
      loss += group.sum_over([&](int k, int j) {
        float e = s[k][j] - standardized(t[k][j], m);
        return e * e;
      });
    });
    put_partial(partial, group.lane() == 0 ? loss : 0.0);
  });
}

template <class T>
__device__ inline void backward(T* dpred, const float* dloss, const float* stats, const T* pred, Pixels pixels,
                                int rows) {
  __shared__ __align__(16) float shared[kMaxCols];
  float* target = shared;
  int values = pixels.values();
  float scale = 2.0f * dloss[0] / (static_cast<float>(rows) * static_cast<float>(values));
  with_group(values, aligned(dpred, 4 * sizeof(T)) && aligned(pred, 4 * sizeof(T)), [=](auto group) {
    group.template rows<kPatches>(rows, [=](i64 row) {
      RowValues t, s;
      group.get(s, pred + row * values);
      pixels.get(t, row, target, group);
      Moments m = {stats[2 * row], stats[2 * row + 1]};
      group.units([&](int k, int c, auto unit) {
        for (int j = 0; j < 4; j++) s[k][j] = scale * (s[k][j] - standardized(t[k][j], m));
        unit.put(dpred + row * values + c, s[k]);
      });
    });
  });
}

// Forward leaves a double a block in partial: 8 * ceil(B*M/8) bytes.
#define FAMILY(T, suffix)                                                                                              \
  SK_KERNEL(sk_pixel_loss_forward_##suffix, kRowThreads, kPatches, 1)                                                  \
  (float*, float* stats, const T* pred, const float* images, const int* ids, int batch, int channels, int height,      \
   int width, int patch, int count, int norm_pix, double* partial) {                                                   \
    forward(stats, pred, Pixels{images, ids, channels, height, width, patch, count}, batch* count, norm_pix, partial); \
  }                                                                                                                    \
  SK_KERNEL(sk_pixel_loss_backward_##suffix, kRowThreads, kPatches, 1)                                                 \
  (T * dpred, const float* dloss, const float* stats, const T* pred, const float* images, const int* ids, int batch,   \
   int channels, int height, int width, int patch, int count, int) {                                                   \
    backward(dpred, dloss, stats, pred, Pixels{images, ids, channels, height, width, patch, count}, batch* count);     \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)

// loss [1] = the sum of the `count` = ceil(B*M/8) partials / values, values = B*M*P; one block.
SK_KERNEL(sk_pixel_loss_forward_sum, kSumThreads, 1, 1)(float* loss, const double* partial, int count, i64 values) {
  double sum = sum_partials(partial, count);
  if (threadIdx.x == 0) loss[0] = static_cast<float>(sum / static_cast<double>(values));
}
