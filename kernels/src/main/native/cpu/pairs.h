// pairs.h: matrices of bf16 as products of pairs want them, and the product itself.
//
// c[i][j] (+)= sum over k of a[i][k] b[k][j] with a row by row, and b by pairs: row r of b holds for each column j the
// two values k = 2r and 2r + 1 side by side. One form multiplies tiles of 16 x 32 by 32 x 16 (AMX), the other
// broadcasts a pair of a against a vector of pairs of b (vdpbf16ps). Both skip denormals, and add in f32.
#pragma once
#include "attention_tiles.h"

#if defined(__AVX512BF16__)
namespace {

inline long up16(long n) { return (n + 15) / 16 * 16; }
inline long up32(long n) { return (n + 31) / 32 * 32; }

inline __m512i pair_row(vfloat even, vfloat odd) { return (__m512i)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even); }

/** The 32 values of two vectors next to each other, as bf16. */
inline void store_halves(bf16* to, vfloat first, vfloat second) { _mm512_storeu_si512(to, pair_row(first, second)); }

/** Pairs (even[i], odd[i]) of two rows of 32 values: 16 pairs in `low`, 16 in `high`. */
inline void interleave(__m512i even, __m512i odd, void* low, void* high) {
  const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37,
                                         5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
  _mm512_storeu_si512(low, _mm512_permutex2var_epi16(even, first, odd));
  _mm512_storeu_si512(high, _mm512_permutex2var_epi16(even, second, odd));
}

inline __m512i load_halves(const bf16* p, long n) {
  return n >= 32 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi16((__mmask32)((1ull << (n > 0 ? n : 0)) - 1), p);
}

/** to[rows up to 16][size up to 32] = from, zeros outside. */
inline void copy_rows(bf16* to, RowsOf<const bf16> from, long rows, long size) {
  const long stride = up32(size);
  for (long i = 0; i < up16(rows); i++)
    for (long d = 0; d < stride; d += 32)
      _mm512_storeu_si512(to + i * stride + d, i < rows ? load_halves(from[i] + d, size - d) : __m512i{});
}

/** b by pairs of rows: to[up32(rows)/2][up32(size)] pairs, zeros outside. */
inline void pair_rows(bf16* to, RowsOf<const bf16> from, long rows, long size) {
  const long width = up32(size);
  for (long i = 0; i < up32(rows); i += 2)
    for (long d = 0; d < width; d += 32) {
      __m512i even = i < rows ? load_halves(from[i] + d, size - d) : __m512i{};
      __m512i odd = i + 1 < rows ? load_halves(from[i + 1] + d, size - d) : __m512i{};
      bf16* at = to + i * width + 2 * d;
      interleave(even, odd, at, at + 32);
    }
}

/** Transposes pairs: to[stride of `columns` pairs] row r = pair r of rows first..first+15 of `from`, whose width is
 * even. */
inline void turn_pairs(void* to, long columns, const bf16* from, long from_stride, long pairs) {
  Rows rows{reinterpret_cast<const float*>(from), from_stride / 2};
  transpose<vfloat>(static_cast<float*>(to), columns, rows, 0, 16, static_cast<int>(pairs));
}

/** Memory to ask for while a product is computed: so many lines with every 32 steps of k. */
struct Fetch {
  const char* next = nullptr;
  long lines = 0;
  void some() {
    for (long i = 0; i < lines; i++, next += 64) __builtin_prefetch(next, 0, 2);
  }
};

#if defined(__AMX_BF16__)

/** Eight tiles of 16 rows of 64 bytes. */
struct TileShapes {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
/** Tiles for as long as it lives; a thread that leaves them on pays for them at every switch. */
struct Tiles {
  Tiles() {
    TileShapes shapes;
#if defined(SK_EMULATED)
    (void)shapes;
#else
    asm volatile("ldtilecfg %0" ::"m"(shapes));
#endif
  }
  ~Tiles() { _tile_release(); }
};

template <int kRows, int kVecs, bool kOnce>
inline void tile_block(float* c, long ldc, const bf16* a, long lda, long a_step, const bf16* b, long ldb, long k,
                       bool add, Fetch& fetch) {
  if (add) {
    _tile_loadd(0, c, ldc * 4);
    if constexpr (kVecs > 1) _tile_loadd(1, c + 16, ldc * 4);
    if constexpr (kRows > 1) _tile_loadd(2, c + 16 * ldc, ldc * 4);
    if constexpr (kRows > 1 && kVecs > 1) _tile_loadd(3, c + 16 * ldc + 16, ldc * 4);
  } else {
    _tile_zero(0);
    if constexpr (kVecs > 1) _tile_zero(1);
    if constexpr (kRows > 1) _tile_zero(2);
    if constexpr (kRows > 1 && kVecs > 1) _tile_zero(3);
  }
  Fetch local = fetch;
  for (long i = 0; i < k; i += 32, a += a_step) {
    local.some();
    _tile_loadd(4, a, lda * 2);
    if constexpr (kRows > 1) _tile_loadd(5, a + 16 * lda, lda * 2);
    if constexpr (kOnce) {
      _tile_stream_loadd(6, b + i * ldb, ldb * 4);
      if constexpr (kVecs > 1) _tile_stream_loadd(7, b + i * ldb + 32, ldb * 4);
    } else {
      _tile_loadd(6, b + i * ldb, ldb * 4);
      if constexpr (kVecs > 1) _tile_loadd(7, b + i * ldb + 32, ldb * 4);
    }
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kVecs > 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kRows > 1) _tile_dpbf16ps(2, 5, 6);
    if constexpr (kRows > 1 && kVecs > 1) _tile_dpbf16ps(3, 5, 7);
  }
  fetch = local;
  _tile_stored(0, c, ldc * 4);
  if constexpr (kVecs > 1) _tile_stored(1, c + 16, ldc * 4);
  if constexpr (kRows > 1) _tile_stored(2, c + 16 * ldc, ldc * 4);
  if constexpr (kRows > 1 && kVecs > 1) _tile_stored(3, c + 16 * ldc + 16, ldc * 4);
}

/**
 * Strides of a and c in values, of b in pairs; 32 values of a row of a are followed by the next 32 a_step further; k a
 * multiple of 32; rows and columns are rounded up to 16. kOnce: b shall not take a's place in L1.
 */
template <bool kOnce>
inline void pair_product(float* c, long ldc, const bf16* a, long lda, const bf16* b, long ldb, long rows, long columns,
                         long k, bool add, long a_step, Fetch& fetch) {
  asm volatile("" ::: "memory");  // GCC 12 does not know that a tile load reads
  for (long i = 0; i < rows; i += 32)
    for (long j = 0; j < columns; j += 32) {
      float* to = c + i * ldc + j;
      const bf16 *left = a + i * lda, *right = b + 2 * j;
      bool tall = rows - i > 16, wide = columns - j > 16;
      if (tall && wide) tile_block<2, 2, kOnce>(to, ldc, left, lda, a_step, right, ldb, k, add, fetch);
      if (tall && !wide) tile_block<2, 1, kOnce>(to, ldc, left, lda, a_step, right, ldb, k, add, fetch);
      if (!tall && wide) tile_block<1, 2, kOnce>(to, ldc, left, lda, a_step, right, ldb, k, add, fetch);
      if (!tall && !wide) tile_block<1, 1, kOnce>(to, ldc, left, lda, a_step, right, ldb, k, add, fetch);
    }
  asm volatile("" ::: "memory");
}

#else

struct Tiles {
  Tiles() {}
};

/** As with tiles, but columns alone are rounded up. */
template <bool>
inline void pair_product(float* c, long ldc, const bf16* a, long lda, const bf16* b, long ldb, long rows, long columns,
                         long k, bool add, long a_step, Fetch& fetch) {
  for_tiles(
      rows, up16(columns) / 16, SK_TILE(long row, long vec) {
        __m512 acc[kRows][kVecs];
        float* to = c + row * ldc + vec * 16;
        each<kRows, kVecs>(
            [&](int r, int v) { acc[r][v] = add ? (__m512)load(to + r * ldc + v * 16) : (__m512)vfloat{}; });
        const bf16* left = a + row * lda;
        for (long i = 0; i < k; i += 2, left += i % 32 ? 2 : a_step - 30) {
          if (i % 32 == 0) fetch.some();
          __m512i right[kVecs];
          each<1, kVecs>([&](int, int v) { right[v] = _mm512_loadu_si512(b + i * ldb + 2 * (vec + v) * 16); });
          each<kRows, kVecs>([&](int r, int v) {
            int32_t pair;
            __builtin_memcpy(&pair, left + r * lda, 4);
            acc[r][v] = _mm512_dpbf16_ps(acc[r][v], (__m512bh)_mm512_set1_epi32(pair), (__m512bh)right[v]);
          });
        }
        each<kRows, kVecs>([&](int r, int v) { store(to + r * ldc + v * 16, (vfloat)acc[r][v]); });
      });
}

#endif

inline void pair_product(float* c, long ldc, const bf16* a, long lda, const bf16* b, long ldb, long rows, long columns,
                         long k, bool add) {
  Fetch nothing;
  pair_product<false>(c, ldc, a, lda, b, ldb, rows, columns, k, add, 32, nothing);
}

}  // namespace
#endif
