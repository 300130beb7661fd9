// ema.cpp: teacher += (1 - momentum) * (student - teacher), over flat memory.
//
//   Shapes   teacher, student [n]; momentum [1]
//   Tiles    64 Ki values a task
//   Traffic  reads 8n bytes, writes 4n
//   FLOPs    3n: memory-bound
//   Stores   plain, as in adamw.cpp: 46 GB/s against 40 with streaming stores
//   Source   Tarvainen and Valpola 2017, arXiv:1703.01780, written as one step towards the student: where both are
//            equal the teacher keeps its bits
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kChunk = 1 << 16;
}

extern "C" void SK(ema)(sk_f32 teacher, sk_cf32 student, sk_cf32 momentum, int64_t n) {
  float rate = 1 - momentum[0];
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) {
      vfloat t = get(teacher + i, count);
      put(teacher + i, fma(get(student + i, count) - t, splat(rate), t), count);
    });
  });
}
