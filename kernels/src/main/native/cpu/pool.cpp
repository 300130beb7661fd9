// pool.cpp: the fixed thread pool. One job at a time; a second caller waits for the first one's job.
#include "pool.h"
#include "sdae_kernels.h"
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <sched.h>
#include <thread>
#include <vector>

namespace {

// A thread looks this often for what it waits for before it sleeps (about 100 us): a step's kernels follow each other
// within microseconds, and waking a sleeping thread costs more than most of them. Every 64th look it offers its core:
// where other threads compete for the cores, a woken worker often starts on the caller's own, and would hold it.
constexpr int kSpins = 4096;

template <typename F>
void spin_until(F done) {
  for (int i = 1; i <= kSpins && !done(); i++)
    if (i % 64)
      __builtin_ia32_pause();
    else
      sched_yield();
}

struct Scratch {
  void* memory = nullptr;
  long bytes = 0;
  void* get(long wanted) {
    if (wanted > bytes) {
      sk_free(memory);
      memory = nullptr;
      bytes = 0;
      memory = sk_alloc(wanted);
      bytes = wanted;
    }
    return memory;
  }
};
constexpr int kSlots = 6, kMaxThreads = 256;
Scratch shared[kSlots], own[kMaxThreads];
std::atomic<long> largest_own{0};

class Pool {
 public:
  ~Pool() { stop(); }

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  void resize(int threads) {
    std::lock_guard<std::mutex> one(job_mutex_);
    stop();
    stopping_ = false;
    for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { work(i); });
  }

  void run(long tasks, void (*body)(void*, long, int), void* context) {
    if (tasks <= 0) return;
    // Inside a task: run here. (No kernel nests, but a nested call must not hang.)
    if (inside_) {
      for (long t = 0; t < tasks; t++) body(context, t, thread_);
      return;
    }
    std::lock_guard<std::mutex> one(job_mutex_);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      body_ = body;
      context_ = context;
      tasks_ = tasks;
      error_ = nullptr;
      next_.store(0, std::memory_order_relaxed);
      open_ = tasks > 1;
      if (open_) generation_.fetch_add(1, std::memory_order_release);
    }
    if (tasks > 1) wake_.notify_all();
    inside_ = true;
    drain(0);
    inside_ = false;
    {
      std::lock_guard<std::mutex> closing(mutex_);
      open_ = false;
    }
    // What is left are tasks that already run; most end before a sleep and a wake-up would.
    spin_until([this] { return busy_.load(std::memory_order_acquire) == 0; });
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    if (error_) std::rethrow_exception(error_);
    level_scratch();
  }

 private:
  /** Gives every thread what the greediest task so far asked for: a thread that gets its first such task in a later
   * step must not allocate then. */
  void level_scratch() {
    long wanted = largest_own.load(std::memory_order_relaxed);
    if (wanted == levelled_bytes_ && threads() == levelled_threads_) return;
    for (int t = 0; t < threads(); t++) own[t].get(wanted);
    levelled_bytes_ = wanted;
    levelled_threads_ = threads();
  }

  /** Runs tasks until none is left. What a task throws (scratch past the memory limit) is kept for the caller of run.
   */
  void drain(int thread) {
    try {
      for (long t; (t = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) body_(context_, t, thread);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
      next_.store(tasks_, std::memory_order_relaxed);
    }
  }

  void work(int thread) {
    inside_ = true;
    thread_ = thread;
    unsigned long seen = 0;
    for (;;) {
      spin_until([&] { return generation_.load(std::memory_order_acquire) != seen; });
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || generation_.load(std::memory_order_relaxed) != seen; });
      if (stopping_) return;
      seen = generation_.load(std::memory_order_relaxed);
      if (!open_) continue;
      busy_++;
      lock.unlock();
      drain(thread);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  void stop() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  std::mutex job_mutex_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> workers_;
  std::atomic<unsigned long> generation_{0};
  std::atomic<long> next_{0};
  void (*body_)(void*, long, int) = nullptr;
  void* context_ = nullptr;
  long tasks_ = 0;
  std::exception_ptr error_;
  std::atomic<int> busy_{0};  // changed under mutex_
  bool open_ = false, stopping_ = false;
  long levelled_bytes_ = 0;
  int levelled_threads_ = 0;
  static thread_local bool inside_;
  static thread_local int thread_;
};
thread_local bool Pool::inside_ = false;
thread_local int Pool::thread_ = 0;

int usable_cpus() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// Never destroyed: a JVM may still be in a kernel while the process ends.
Pool& pool() {
  static Pool* the_pool = [] {
    Pool* p = new Pool;
    p->resize(usable_cpus());
    return p;
  }();
  return *the_pool;
}

}  // namespace

extern "C" {
int sk_threads(void) { return pool().threads(); }
void sk_set_threads(int threads) {
  if (threads < 1 || threads > kMaxThreads) sk_fail("threads must be 1..%d, but is %d", kMaxThreads, threads);
  pool().resize(threads);
}
void sk_pool_run(long tasks, void (*body)(void*, long, int), void* context) { pool().run(tasks, body, context); }
void* sk_pool_scratch(int slot, long bytes) { return shared[slot].get(bytes); }
void* sk_thread_scratch(int thread, long bytes) {
  long seen = largest_own.load(std::memory_order_relaxed);
  while (bytes > seen && !largest_own.compare_exchange_weak(seen, bytes, std::memory_order_relaxed)) {
  }
  return own[thread].get(bytes);
}
}
