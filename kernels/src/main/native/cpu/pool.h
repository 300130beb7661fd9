// pool.h: the one way a kernel uses more than one core.
//
// parallel_for(tasks, f) calls f(task, thread) once for every task in [0, tasks), on the fixed pool.
// Which thread gets which task is not fixed, so a task's result must depend on its number alone:
// cut what is summed into pieces by a constant size, never by the number of threads, write each piece
// to its own place, and add partial sums up afterwards in order of their number. Then every thread
// count gives the same bits. (Whole values may be cut by threads: gemm_bf16.h does.)
#pragma once

// Free of standard headers: instruction-set files include this one.
extern "C" {
void sk_pool_run(long tasks, void (*body)(void* context, long task, int thread), void* context);
/** Scratch memory shared by all tasks of one kernel call; valid until the next call of the same slot. 64-byte aligned.
 */
void* sk_pool_scratch(int slot, long bytes);
/** Scratch memory of one thread of the pool; valid within one task. 64-byte aligned. */
void* sk_thread_scratch(int thread, long bytes);
/** Throws std::runtime_error with a printf-style text; JavaCPP makes it a RuntimeException. */
[[noreturn]] void sk_fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
}

namespace {

template <typename F>
inline void parallel_for(long tasks, F f) {
  sk_pool_run(
      tasks, [](void* context, long task, int thread) { (*static_cast<F*>(context))(task, thread); }, &f);
}

inline long ceil_div(long a, long b) { return (a + b - 1) / b; }
inline long min_of(long a, long b) { return a < b ? a : b; }
inline long max_of(long a, long b) { return a > b ? a : b; }

/** f(begin, end) over [0, n) in pieces of `chunk`. */
template <typename F>
inline void parallel_range(long n, long chunk, F f) {
  parallel_for(ceil_div(n, chunk), [&](long task, int) { f(task * chunk, min_of(n, (task + 1) * chunk)); });
}

}  // namespace
