// adamw.cpp: one AdamW step over flat memory, with all that follows it: bf16 copy, cleared gradient, teacher.
//
//   g = gradient scale * grad;  p *= 1 - lr * decay;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps);  grad = 0;  low = bf16(p)
//   teacher += (1 - momentum) * (p - teacher);  teacher_low = bf16(teacher)
//
//   Shapes   param, m, v, grad, teacher [n]; low, teacher_low [n] bf16; low, teacher, teacher_low nullable;
//            hyper [8] = {lr, b1, b2, eps, decay, 1 - b1^t, 1 - b2^t, gradient scale}; momentum [1]
//   Tiles    64 Ki values a task
//   Traffic  bytes a parameter: 32 (reads p, m, v, g; writes p, m, v, 0), + 2 with low, + 8 with teacher, + 2 with
//            teacher_low: 34 on a bf16 step, 44 on one that moves the teacher. With one pass for each part: 38 and 56
//   FLOPs    about 20n, one root and one division a value among them: memory-bound
//   Stores   plain: the lines written were just read, so no write-allocate is saved. Median of 20 M values on two Zen 4
//            cores: plain 52 GB/s, streaming stores 32 (a copy with streaming stores 37)
//   Source   Loshchilov and Hutter 2019, arXiv:1711.05101
#include "pool.h"
#include "sdae_kernels.h"
#include "update.h"

extern "C" void SK(adamw)(sk_f32 param, sk_bf16 low, sk_f32 m, sk_f32 v, sk_f32 grad, sk_f32 teacher,
                          sk_bf16 teacher_low, sk_cf32 hyper, sk_cf32 momentum, int64_t n) {
  float beta1 = hyper[1], beta2 = hyper[2], eps = hyper[3], grad_scale = hyper[7];
  float shrink = 1 - hyper[0] * hyper[4], step = hyper[0] / hyper[5], root = 1 / __builtin_sqrtf(hyper[6]);
  float rate = teacher ? 1 - momentum[0] : 0;
  bf16 *copy = Storage<bf16>()(low), *teacher_copy = Storage<bf16>()(teacher_low);
  parallel_range(n, kUpdateChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) {
      prefetch_page(grad + i);
      prefetch_page(m + i);
      prefetch_page(v + i);
      prefetch_page(param + i);
      if (copy) prefetch_page(copy + i);
      vfloat g = get(grad + i, count) * grad_scale;
      vfloat m1 = fma(get(m + i, count), splat(beta1), g * (1 - beta1));
      vfloat v1 = fma(get(v + i, count), splat(beta2), g * (1 - beta2) * g);
      vfloat change = m1 * step / fma(vsqrt(v1), splat(root), splat(eps));
      vfloat p = fma(get(param + i, count), splat(shrink), -change);
      put(param + i, p, count);
      put(m + i, m1, count);
      put(v + i, v1, count);
      put(grad + i, vfloat{}, count);
      if (copy) put(copy + i, p, count);
      if (teacher) move_teacher(teacher, teacher_copy, p, rate, i, count);
    });
  });
}
