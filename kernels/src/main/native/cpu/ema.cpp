// ema.cpp: teacher += (1 - momentum) * (student - teacher), over flat memory, with the teacher's bf16 copy.
//
//   Shapes   teacher, student [n]; low [n] bf16, nullable; momentum [1]
//   Tiles    64 Ki values a task
//   Traffic  reads 8n bytes, writes 4n, + 2n with low
//   FLOPs    3n: memory-bound
//   Stores   plain, as in adamw.cpp: 46 GB/s against 40 with streaming stores
//   Source   Tarvainen and Valpola 2017, arXiv:1703.01780, written as one step towards the student: where both are
//            equal the teacher keeps its bits
#include "pool.h"
#include "sdae_kernels.h"
#include "update.h"

extern "C" void SK(ema)(sk_f32 teacher, sk_bf16 low, sk_cf32 student, sk_cf32 momentum, int64_t n) {
  float rate = 1 - momentum[0];
  bf16* copy = Storage<bf16>()(low);
  parallel_range(n, kUpdateChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) {
      prefetch_page(student + i);
      move_teacher(teacher, copy, get(student + i, count), rate, i, count);
    });
  });
}
