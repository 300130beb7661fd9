// probe.cpp: what this machine can do, as the denominators of a profile.
//
//   All probes repeat short rounds on all threads of the pool until the time is up and report the best round: other
//   work on the machine then costs rounds, not the result.
#include "pool.h"
#include "sdae_kernels.h"
#include <chrono>
#include <cstring>
#include <immintrin.h>

namespace {
double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr long kSteps = 400000;  // about 2 ms a task
constexpr int kChains = 12;      // independent sums: latency 4 x 2 a cycle, and they fit 16 registers

// sum = sum * x + x, once a chain and step.
template <typename V>
inline __attribute__((always_inline)) void chains(const V& x) {
  V sum[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; i++) sum[i] = x * static_cast<float>(i);
  for (long s = 0; s < kSteps; s++) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) {
      sum[i] = sum[i] * x + x;  // one fma where the instruction set has it
    }
  }
  V total = sum[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; i++) total += sum[i];
  asm volatile("" ::"v"(total));  // the result is used
}
typedef float v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));
typedef float v16 __attribute__((vector_size(64)));
void chains_base() { chains(v4{} + 0.5f); }
__attribute__((target("avx2,fma"))) void chains_avx2() { chains(v8{} + 0.5f); }
__attribute__((target("avx512f"))) void chains_avx512() { chains(v16{} + 0.5f); }

/** sum += x0 * x0 + x1 * x1 for pairs of bf16, once a chain and step. */
__attribute__((target("avx512f,avx512bf16"))) void chains_pairs() {
  __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f003f00);  // 0.5
  __m512 sum[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; i++) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  for (long s = 0; s < kSteps; s++) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) sum[i] = _mm512_dpbf16_ps(sum[i], x, x);
  }
#pragma GCC unroll 12
  for (int i = 0; i < kChains; i++) asm volatile("" ::"v"(sum[i]));
}

constexpr long kTileSteps = 20000;  // about 1 ms a task
constexpr int kTileChains = 6;  // one product every 16 cycles, its sum 52 later; two tiles are left for the operands

/** Products of 16 x 32 by 32 x 16 bf16, summed in six tiles. */
__attribute__((target("avx512f,amx-tile,amx-bf16"))) void chains_tiles() {
  struct {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } shapes;
  uint32_t pairs[256];
  for (uint32_t& pair : pairs) pair = 0x3f003f00;
  asm volatile("ldtilecfg %0" ::"m"(shapes));
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_loadd(6, pairs, 64);
  _tile_loadd(7, pairs, 64);
  for (long s = 0; s < kTileSteps; s++) {
    _tile_dpbf16ps(0, 6, 7);
    _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7);
    _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7);
    _tile_dpbf16ps(5, 6, 7);
  }
  _tile_release();
}

constexpr int64_t kCopy = 256 << 20;  // far larger than any cache; a buffer
constexpr long kPiece = 1 << 20;

void copy_streaming(char* to, const char* from) {
  for (long i = 0; i < kPiece; i += 64) {
    __builtin_prefetch(from + i + 4096);  // a core's own prefetchers stop at the end of a page
    for (int j = 0; j < 64; j += 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + i + j),
                       _mm_load_si128(reinterpret_cast<const __m128i*>(from + i + j)));
  }
  _mm_sfence();
}

/** The least seconds of round() over `seconds`, at least three rounds. */
template <typename F>
double best_round(double seconds, F round) {
  double best = 1e30, end = seconds_now() + seconds;
  for (int r = 0; r < 3 || seconds_now() < end; r++) {
    double start = seconds_now();
    round();
    double took = seconds_now() - start;
    if (took < best) best = took;
  }
  return best;
}

/** The best rate of tasks of that many FLOP on all threads. */
double gflops(double seconds, void (*task)(), double flop) {
  long tasks = 4L * sk_threads();
  double took = best_round(seconds, [&] { parallel_for(tasks, [=](long, int) { task(); }); });
  return flop * static_cast<double>(tasks) / took * 1e-9;
}

/** The set in use, whose instructions the probes execute. */
const char* isa_in_use() {
#if defined(SK_EMULATED)
  return "avx2";
#else
  return sk_isa();
#endif
}
}  // namespace

extern "C" {
double sk_probe_fma_gflops(double seconds) {
  const char* isa = isa_in_use();
  void (*chains)() = chains_base;
  int lanes = 4;
  if (!std::strcmp(isa, "avx2")) chains = chains_avx2, lanes = 8;
  if (!std::strncmp(isa, "avx512", 6) || !std::strcmp(isa, "amx")) chains = chains_avx512, lanes = 16;
  return gflops(seconds, chains, 2.0 * lanes * kChains * kSteps);
}

double sk_probe_bf16_gflops(double seconds) {
  const char* isa = isa_in_use();
  if (!std::strcmp(isa, "amx")) return gflops(seconds, chains_tiles, 2.0 * 16 * 16 * 32 * kTileChains * kTileSteps);
  if (!std::strcmp(isa, "avx512_bf16")) return gflops(seconds, chains_pairs, 2.0 * 32 * kChains * kSteps);
  return sk_probe_fma_gflops(seconds);
}

double sk_probe_copy_gbs(double seconds) {
  struct Buffer {
    char* p = static_cast<char*>(sk_alloc(kCopy));
    ~Buffer() { sk_free(p); }
  } from, to;
  // Unwritten pages are all the same zero page, and that one is in the cache.
  parallel_for(kCopy / kPiece, [&](long t, int) {
    std::memset(from.p + t * kPiece, 1, kPiece);
    std::memset(to.p + t * kPiece, 2, kPiece);
  });
  double best = 1e30;
  for (bool streaming : {false, true}) {
    double took = best_round(seconds / 2, [&] {
      parallel_for(kCopy / kPiece, [&](long t, int) {
        if (streaming)
          copy_streaming(to.p + t * kPiece, from.p + t * kPiece);
        else
          std::memcpy(to.p + t * kPiece, from.p + t * kPiece, kPiece);
      });
    });
    if (took < best) best = took;
  }
  return 2.0 * kCopy / best * 1e-9;
}
}
