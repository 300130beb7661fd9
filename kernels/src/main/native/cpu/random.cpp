// random.cpp: uniform numbers by Philox4x32-10, the same bits as sdae.tensor.Philox.
//
//   out[r, c] = (word c % 4 of philox(counter = {c / 4, ids[r], epoch, purpose}, key = {seed lo, seed hi}) >> 8) / 2^24
//
//   Shapes   out [R, C]; ids [R]; key [4] = {seed lo, seed hi, epoch, purpose}
//   Tiles    kLanes / 2 blocks of four numbers at once, one block in each 64-bit lane (the product of two 32-bit words
//            fills it); rows of about 4 Ki numbers a task
//   Traffic  writes 4RC bytes
//   FLOPs    none; 20 multiplications of 32 bits a block of four numbers: compute-bound
//   Source   Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr int kBlocks = kLanes / 2;
constexpr long kValues = 1 << 12;

// A 32-bit word in the low half of each lane; the high half is never looked at.
typedef uint64_t vword __attribute__((vector_size(kLanes * 4)));

inline vword word(uint32_t x) { return static_cast<uint64_t>(x) + vword{}; }

/** The 64-bit products of the low halves. */
inline vword multiply(vword a, vword b) {
#if defined(__AVX512F__)
  return (vword)_mm512_maskz_mul_epu32((__mmask8)-1, (__m512i)a, (__m512i)b);  // masked: see fma in simd.h
#elif defined(__AVX2__)
  return (vword)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#else
  return (vword)_mm_mul_epu32((__m128i)a, (__m128i)b);
#endif
}

/** The top 24 bits of each 32-bit lane as a fraction in [0, 1). */
inline vfloat fraction(vword bits) {
  typedef uint32_t vbits __attribute__((vector_size(kLanes * 4)));
  return __builtin_convertvector((vint)((vbits)bits >> 8), vfloat) * 0x1p-24f;
}

/** The 4 * kBlocks numbers of the blocks first, first + 1, ... of one row. */
inline void philox(float* out, uint32_t first, uint32_t id, const int32_t* key) {
  vword c0 = word(first), c1 = word(id), c2 = word(key[2]), c3 = word(key[3]);
  for (int i = 0; i < kBlocks; i++) c0[i] += i;
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    vword p0 = multiply(word(0xD2511F53u), c0), p1 = multiply(word(0xCD9E8D57u), c2);
    c0 = (p1 >> 32) ^ c1 ^ word(k0);
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ word(k1);
    c3 = p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const vword low = word(0xFFFFFFFFu);
  vfloat words01 = fraction((c0 & low) | (c1 << 32)), words23 = fraction((c2 & low) | (c3 << 32));
  for (int i = 0; i < kBlocks; i++) {
    __builtin_memcpy(out + 4 * i, reinterpret_cast<const char*>(&words01) + 8 * i, 8);
    __builtin_memcpy(out + 4 * i + 2, reinterpret_cast<const char*>(&words23) + 8 * i, 8);
  }
}
}  // namespace

extern "C" void SK(random_uniform)(sk_f32 out, sk_ci32 ids, sk_ci32 key, int rows, int cols) {
  parallel_range(rows, max_of(1, kValues / max_of(cols, 1)), [=](long begin, long end) {
    for (long row = begin; row < end; row++) {
      float* to = out + row * cols;
      long c = 0;
      for (; c + 4 * kBlocks <= cols; c += 4 * kBlocks) philox(to + c, c / 4, ids[row], key);
      if (c == cols) continue;
      float rest[4 * kBlocks];
      philox(rest, c / 4, ids[row], key);
      for (long i = 0; c + i < cols; i++) to[c + i] = rest[i];
    }
  });
}
