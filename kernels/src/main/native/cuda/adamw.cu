// adamw.cu: one AdamW step over flat memory, with all that follows it: bf16 copy, cleared gradient, teacher.
//
//   g = gradient scale * grad;  p *= 1 - lr * decay;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps);  grad = 0;  low = bf16(p)
//   teacher += (1 - momentum) * (p - teacher);  teacher_low = bf16(teacher)
//
//   Shapes   param, m, v, grad, teacher [n] f32; low, teacher_low [n] bf16; low, teacher, teacher_low nullable;
//            hyper [8] = {lr, b1, b2, eps, decay, 1 - b1^t, 1 - b2^t, gradient scale} and momentum [1] in device memory
//   Tiles    256 threads, four values a thread (16-byte accesses, 8 for bf16): item of x = a value
//   Traffic  bytes a parameter: 32 (reads p, m, v, g; writes p, m, v, 0), + 2 with low, + 8 with teacher, + 2 with
//            teacher_low: 34 on a bf16 step, 44 on one that moves the teacher. With one kernel for each part: 38 and 56
//   FLOPs    about 20n, one root and one division a value among them, both rounded as on the CPU: memory-bound
//   Regs     54 at most, sm_80 to sm_120; no spills, no stack
//   Source   Loshchilov and Hutter 2019, arXiv:1711.05101
#include "rows.cuh"

/** What a launch needs of hyper. */
struct Step {
  float beta1, beta2, eps, grad_scale, shrink, step, root;

  __device__ explicit Step(const float* hyper)
      : beta1(hyper[1]),
        beta2(hyper[2]),
        eps(hyper[3]),
        grad_scale(hyper[7]),
        shrink(1 - hyper[0] * hyper[4]),
        step(hyper[0] / hyper[5]),
        root(1 / sqrtf(hyper[6])) {}

  __device__ void apply(float& param, float& m, float& v, float grad) const {
    float g = grad * grad_scale;
    m = fmaf(m, beta1, g * (1 - beta1));
    v = fmaf(v, beta2, g * (1 - beta2) * g);
    param = fmaf(param, shrink, -(m * step / fmaf(sqrtf(v), root, eps)));
  }
};

SK_KERNEL(sk_adamw, kFlatThreads, kFlatThreads * 4, 1)
(float* param, bf16* low, float* m, float* v, float* grad, float* teacher, bf16* teacher_low, const float* hyper,
 const float* momentum, i64 n) {
  Step step(hyper);
  float rate = teacher ? 1 - momentum[0] : 0.0f;
  bool vector = aligned(param, 16) && aligned(low, 8) && aligned(m, 16) && aligned(v, 16) && aligned(grad, 16) &&
                aligned(teacher, 16) && aligned(teacher_low, 8);
  flat<4>(n, vector, [=](i64 first, auto share) {
    float p[4], m1[4], v1[4], g[4], t[4];
    share.get(p, param + first);
    share.get(m1, m + first);
    share.get(v1, v + first);
    share.get(g, grad + first);
    if (teacher) share.get(t, teacher + first);
    for (int j = 0; j < 4; j++) step.apply(p[j], m1[j], v1[j], g[j]);
    share.put(param + first, p);
    share.put(m + first, m1);
    share.put(v + first, v1);
    for (float& each : g) each = 0;
    share.put(grad + first, g);
    if (low) share.put(low + first, p);
    if (!teacher) return;
    for (int j = 0; j < 4; j++) t[j] = fmaf(p[j] - t[j], rate, t[j]);
    share.put(teacher + first, t);
    if (teacher_low) share.put(teacher_low + first, t);
  });
}
