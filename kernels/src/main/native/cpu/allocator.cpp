// allocator.cpp: all native memory of the engine, counted, with one limit for all of it.
//
// A block carries its size in a 64-byte header in front of it, so that free needs no table.
#include "sdae_kernels.h"
#include "pool.h"
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace {
constexpr int64_t kHeader = 64;
constexpr int64_t kPage = 4 << 10;
constexpr int64_t kHugePage = 2 << 20;
constexpr int64_t kHuge = 4 * kHugePage;  // larger blocks get huge pages where the system has them
constexpr int64_t kMapped = 1 << 20;      // larger blocks get pages of their own: freed memory goes back at once

std::atomic<int64_t> live{0}, blocks{0}, peak{0}, limit{INT64_MAX};

int64_t mapped_size(int64_t bytes) {
  int64_t page = bytes >= kHuge ? kHugePage : kPage;
  return (bytes + kHeader + page - 1) / page * page;
}
}  // namespace

extern "C" {
sk_ptr sk_alloc(int64_t bytes) {
  if (bytes < 0) sk_fail("memory: negative size %lld", static_cast<long long>(bytes));
  int64_t now = live.fetch_add(bytes) + bytes;
  if (now > limit.load()) {
    live.fetch_sub(bytes);
    sk_fail("memory: %.1f MiB asked, %.1f MiB in use, limit %.1f MiB; lower the batch size or raise the limit",
            bytes / 1048576.0, (now - bytes) / 1048576.0, limit.load() / 1048576.0);
  }
  char* raw;
  if (bytes >= kMapped) {
    void* pages = mmap(nullptr, mapped_size(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    raw = pages == MAP_FAILED ? nullptr : static_cast<char*>(pages);
    if (raw && bytes >= kHuge) madvise(raw, mapped_size(bytes), MADV_HUGEPAGE);
  } else {
    int64_t size = (bytes + kHeader + 63) / 64 * 64;
    raw = static_cast<char*>(std::aligned_alloc(64, size));
    if (raw) std::memset(raw, 0, size);
  }
  if (!raw) {
    live.fetch_sub(bytes);
    sk_fail("memory: the system refused %.1f MiB (%.1f MiB in use); lower the batch size", bytes / 1048576.0,
            (now - bytes) / 1048576.0);
  }
  for (int64_t seen = peak.load(); now > seen && !peak.compare_exchange_weak(seen, now);) {
  }
  blocks.fetch_add(1);
  std::memcpy(raw, &bytes, sizeof bytes);
  return raw + kHeader;
}
void sk_free(sk_ptr p) {
  if (!p) return;
  char* raw = static_cast<char*>(p) - kHeader;
  int64_t bytes;
  std::memcpy(&bytes, raw, sizeof bytes);
  live.fetch_sub(bytes);
  blocks.fetch_sub(1);
  if (bytes >= kMapped)
    munmap(raw, mapped_size(bytes));
  else
    std::free(raw);
}
int64_t sk_live_bytes(void) { return live.load(); }
int64_t sk_live_blocks(void) { return blocks.load(); }
int64_t sk_peak_bytes(void) { return peak.load(); }
int64_t sk_memory_limit(void) { return limit.load(); }
void sk_set_memory_limit(int64_t bytes) { limit.store(bytes); }
void sk_copy(sk_ptr to, sk_cptr from, int64_t bytes) { std::memcpy(to, from, bytes); }
void sk_upload_floats(sk_f32 to, const float* from, int64_t offset, int64_t n) {
  std::memcpy(to, from + offset, n * 4);
}
void sk_download_floats(float* to, int64_t offset, sk_cf32 from, int64_t n) { std::memcpy(to + offset, from, n * 4); }
void sk_upload_ints(sk_i32 to, const int32_t* from, int64_t offset, int64_t n) {
  std::memcpy(to, from + offset, n * 4);
}
void sk_download_ints(int32_t* to, int64_t offset, sk_ci32 from, int64_t n) { std::memcpy(to + offset, from, n * 4); }
}
