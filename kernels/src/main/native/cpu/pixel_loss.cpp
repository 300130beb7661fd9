// pixel_loss.cpp: MAE's loss, squared error against the pixels of the masked patches.
//
//   t = the patch (norm_pix: (t - mean)/sqrt(var + 1e-6), var with divisor P-1)
//   loss = mean over patches of the mean over P of (s - t)^2;  ds = 2 dloss/(B M P) (s - t)
//
//   Shapes   pred s [B, M, P], values row, column, channel; images [B, C, height, width]; ids [B, M];
//            stats [B, M, 2] = mean, rstd of each patch (0, 1 without norm_pix); pred, dpred f32 or bf16
//   Tiles    16 patches a task; the target is read from the image into P floats of scratch (L1), never stored;
//            a patch's error is summed in f32 (lanes), patches and tasks in f64, in order
//   Traffic  f32: forward and backward read 8 B M P bytes, backward writes 4 B M P
//   Source   He et al. 2021, arXiv:2111.06377, section 3 (reconstruction target)
#include "pool.h"
#include "rows.h"
#include "sdae_kernels.h"

namespace {
constexpr long kPatches = 16;

/** What locates a patch's pixels. */
struct Pixels {
  const float* images;
  const int32_t* ids;
  long channels, height, width, patch, count;

  long values() const { return channels * patch * patch; }

  /** Patch `row` of [B, M] in the order row, column, channel. */
  void read(float* target, long row) const {
    long grid = width / patch, id = ids[row];
    const float* corner =
        images + row / count * channels * height * width + id / grid * patch * width + id % grid * patch;
    for (long c = 0; c < channels; c++)
      for (long y = 0; y < patch; y++)
        for (long x = 0; x < patch; x++) target[(y * patch + x) * channels + c] = corner[(c * height + y) * width + x];
  }
};

template <typename T>
void forward(float* loss, float* stats, const T* pred, const Pixels& pixels, long rows, int norm_pix) {
  long n = pixels.values(), tasks = ceil_div(rows, kPatches);
  double* partial = static_cast<double*>(sk_pool_scratch(0, tasks * 8));
  parallel_for(tasks, [=](long task, int thread) {
    float* t = static_cast<float*>(sk_thread_scratch(thread, n * 4));
    double sum = 0;
    for (long r = task * kPatches; r < min_of(rows, (task + 1) * kPatches); r++) {
      pixels.read(t, r);
      Moments m = norm_pix ? moments(t, n) : Moments{0.0f, 1.0f};
      stats[2 * r] = m.mean;
      stats[2 * r + 1] = m.rstd;
      sum += sum_over(n, [=](long i, int lanes) {
        vfloat e = keep(error(pred + r * n, t, m, i, lanes), lanes);
        return e * e;
      });
    }
    partial[task] = sum;
  });
  double total = 0;
  for (long task = 0; task < tasks; task++) total += partial[task];
  loss[0] = static_cast<float>(total / (static_cast<double>(rows) * static_cast<double>(n)));
}

template <typename T>
void backward(T* dpred, const float* dloss, const float* stats, const T* pred, const Pixels& pixels, long rows) {
  long n = pixels.values();
  vfloat scale = splat(static_cast<float>(2.0 * dloss[0] / (static_cast<double>(rows) * static_cast<double>(n))));
  parallel_for(ceil_div(rows, kPatches), [=](long task, int thread) {
    float* t = static_cast<float*>(sk_thread_scratch(thread, n * 4));
    for (long r = task * kPatches; r < min_of(rows, (task + 1) * kPatches); r++) {
      pixels.read(t, r);
      Moments m = {stats[2 * r], stats[2 * r + 1]};
      sweep(0, n,
            [=](long i, int lanes) { put(dpred + r * n + i, scale * error(pred + r * n, t, m, i, lanes), lanes); });
    }
  });
}
}  // namespace

extern "C" {
void SK(pixel_loss_forward)(sk_f32 loss, sk_f32 stats, sk_cany pred, sk_cf32 images, sk_ci32 ids, int batch,
                            int channels, int height, int width, int patch, int count, int norm_pix, int dtype) {
  Pixels pixels = {images, ids, channels, height, width, patch, count};
  with_storage(dtype,
               [=](auto as) { forward(loss, stats, as(pred), pixels, static_cast<long>(batch) * count, norm_pix); });
}

void SK(pixel_loss_backward)(sk_any dpred, sk_cf32 dloss, sk_cf32 stats, sk_cany pred, sk_cf32 images, sk_ci32 ids,
                             int batch, int channels, int height, int width, int patch, int count, int, int dtype) {
  Pixels pixels = {images, ids, channels, height, width, patch, count};
  with_storage(dtype,
               [=](auto as) { backward(as(dpred), dloss, stats, as(pred), pixels, static_cast<long>(batch) * count); });
}
}
