// ema.cu: teacher += (1 - momentum) * (student - teacher) over flat memory, with the teacher's bf16 copy.
//
//   Shapes   teacher, student [n] f32; low [n] bf16, nullable; momentum [1] in device memory
//   Tiles    256 threads, four values a thread (16-byte accesses, 8 for bf16): item of x = a value
//   Traffic  reads 8n bytes, writes 4n, + 2n with low
//   FLOPs    3n: memory-bound
//   Regs     26, sm_80 to sm_120; no spills, no stack
//   Source   Tarvainen and Valpola 2017, arXiv:1703.01780, written as one step towards the student: where both are
//            equal the teacher keeps its bits
#include "rows.cuh"

SK_KERNEL(sk_ema, kFlatThreads, kFlatThreads * 4, 1)
(float* teacher, bf16* low, const float* student, const float* momentum, i64 n) {
  float rate = 1 - momentum[0];
  bool vector = aligned(teacher, 16) && aligned(low, 8) && aligned(student, 16);
  flat<4>(n, vector, [=](i64 first, auto share) {
    float t[4], s[4];
    share.get(t, teacher + first);
    share.get(s, student + first);
    for (int j = 0; j < 4; j++) t[j] = fmaf(s[j] - t[j], rate, t[j]);
    share.put(teacher + first, t);
    if (low) share.put(low + first, t);
  });
}
