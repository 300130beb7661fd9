// resample.cpp: a box of an image, resized by a separable filter, mirrored and normalised: bytes to planes of floats.
//
//   Shapes   in u8 [.., .., C], out [C, rows, columns], C 1 or 3; taps of an output: a span of inputs and their weights
//   Tiles    kLanes output rows by up to kColumns output columns, all in L1: weighted sums of rows, lanes along a row;
//            transposed, so that lanes are rows and the columns' sums need no gather; transposed back when written
//   Order    rows, then columns, as the taps stand; a multiplication and an addition each, rounded: the same bits for
//            every width of vector
//   Traffic  all sums in L1; reads a row of the box for each output row that it counts for, writes out once
//   Source   Pillow, libImaging/Resample.c, has the spans and weights (here the caller computes them); it sums columns
//            first and rounds to bytes between the passes, this does neither
#pragma GCC optimize("fp-contract=off")
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"
#include "transpose.h"

namespace {
// 500 x 375 to 224 x 224: 16, 48, 64 columns 10, 6, 10 % slower (Xeon with AVX-512, load 6, 2026-11-28)
constexpr long kColumns = 32;   // output columns of a tile
constexpr long kSamples = 768;  // input values (pixels x channels) of its rows; wider spans are summed in pieces
constexpr long kPitch = kSamples + 16;  // rows of a tile must not lie a power of two apart
constexpr long kStrip = 4;              // vectors of a row that share a weight

/** kLanes bytes. GCC 12 takes a conversion of vectors of other sizes apart, lane by lane. */
inline vfloat load_bytes(const uint8_t* p) {
#if defined(__AVX512F__)
  __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return (vfloat)_mm512_maskz_cvtepi32_ps((__mmask16)-1, _mm512_maskz_cvtepu8_epi32((__mmask16)-1, v));
#elif defined(__AVX2__)
  return (vfloat)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return (vfloat)_mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
#endif
}

/** The taps of outputs along one axis. */
struct Axis {
  const int32_t* span;
  const float* weights;
  long taps;

  long first(long i) const { return span[2 * i]; }
  long count(long i) const { return span[2 * i + 1]; }
  long end(long i) const { return first(i) + count(i); }
  const float* weight(long i) const { return weights + i * taps; }
};

struct Tile {
  alignas(64) float line[kLanes][kPitch];      // [row][value]: sums over input rows
  alignas(64) float turned[kSamples][kLanes];  // [value][row]
  alignas(64) float out[3][kColumns][kLanes];  // [channel][column][row]
};

/** sum[0..N vectors) = weighted sum over the input rows of one output row. */
template <int N>
inline void sum_rows(float* sum, const uint8_t* in, long pitch, const float* weight, long count) {
  vfloat s[N] = {};
  for (long k = 0; k < count; k++, in += pitch) {
    vfloat w = splat(weight[k]);
    for (int i = 0; i < N; i++) s[i] += w * load_bytes(in + i * kLanes);
  }
  for (int i = 0; i < N; i++) store(sum + i * kLanes, s[i]);
}

/** Values from..from+n of output rows y.. into line and turned. Never reads past from + n. */
void rows_pass(Tile& t, const uint8_t* in, long pitch, const Axis& down, long y, long rows, long from, long n) {
  for (long r = 0; r < rows; r++) {
    const uint8_t* row = in + down.first(y + r) * pitch + from;
    const float* weight = down.weight(y + r);
    long count = down.count(y + r), i = 0;
    for (; i + kStrip * kLanes <= n; i += kStrip * kLanes)
      sum_rows<kStrip>(t.line[r] + i, row + i, pitch, weight, count);
    for (; i + kLanes <= n; i += kLanes) sum_rows<1>(t.line[r] + i, row + i, pitch, weight, count);
    if (i == n) continue;
    if (n >= kLanes) {
      sum_rows<1>(t.line[r] + n - kLanes, row + n - kLanes, pitch, weight, count);  // some values a second time
      continue;
    }
    for (; i < n; i++) {
      float s = 0;
      for (long k = 0; k < count; k++) s += weight[k] * static_cast<float>(row[k * pitch + i]);
      t.line[r][i] = s;
    }
  }
  for (long i = 0; i < n; i += kLanes) transpose(t.turned[i], kLanes, t.line[0] + i, kPitch);
}

/** sums[c] += the taps' share of one output column; `value` is that of the first tap. */
template <int C>
inline void sum_columns(vfloat (&sums)[C], const float (*value)[kLanes], const float* weight, long count) {
  for (long j = 0; j < count; j++) {
    vfloat w = splat(weight[j]);
    for (int c = 0; c < C; c++) sums[c] += w * load(value[j * C + c]);
  }
}

template <int C>
inline void finish(Tile& t, const vfloat (&sums)[C], const float* affine, long column) {
  for (int c = 0; c < C; c++) {
    vfloat v = vmin(splat(255.0f), vmax(vfloat{}, sums[c]));
    store(t.out[c][column], v * splat(affine[c]) + splat(affine[C + c]));
  }
}

/** Writes n columns of the tile at out[c, 0.., 0..]. */
template <int C>
void write(const Tile& t, float* out, long plane, long columns, long rows, long n) {
  for (int c = 0; c < C; c++)
    for (long x = 0; x < n; x += kLanes) {
      float* to = out + c * plane + x;
      if (rows == kLanes && n - x >= kLanes) {
        transpose(to, columns, t.out[c][x], kLanes);
        continue;
      }
      for (long r = 0; r < rows; r++)
        for (long i = 0; i < min_of(kLanes, n - x); i++) to[r * columns + i] = t.out[c][x + i][r];
    }
}

template <int C>
void resample(float* out, const uint8_t* in, long pitch, const Axis& down, const Axis& across, const float* affine,
              long rows, long columns, bool mirrored) {
  constexpr long pixels = kSamples / C;
  Tile t;
  if (rows < kLanes) __builtin_memset(t.line, 0, sizeof t.line);  // rows past the last are summed too
  for (long y = 0; y < rows; y += kLanes) {
    long lanes = min_of(kLanes, rows - y);
    for (long x = 0, n; x < columns; x += n) {
      n = min_of(kColumns, columns - x);
      while (n > 1 && across.end(x + n - 1) - across.first(x) > pixels) n = (n + 1) / 2;
      long first = across.first(x), span = across.end(x + n - 1) - first;
      if (span <= pixels) {
        rows_pass(t, in, pitch, down, y, lanes, first * C, span * C);
        for (long i = 0; i < n; i++) {
          vfloat sums[C] = {};
          sum_columns<C>(sums, t.turned + (across.first(x + i) - first) * C, across.weight(x + i), across.count(x + i));
          finish<C>(t, sums, affine, mirrored ? n - 1 - i : i);
        }
      } else {
        vfloat sums[C] = {};
        for (long j = 0; j < span; j += pixels) {
          long part = min_of(pixels, span - j);
          rows_pass(t, in, pitch, down, y, lanes, (first + j) * C, part * C);
          sum_columns<C>(sums, t.turned, across.weight(x) + j, part);
        }
        finish<C>(t, sums, affine, 0);
      }
      write<C>(t, out + y * columns + (mirrored ? columns - x - n : x), rows * columns, columns, lanes, n);
    }
  }
}
}  // namespace

extern "C" {
void SK(resample)(sk_f32 out, sk_cptr in, sk_ci32 down_span, sk_cf32 down, sk_ci32 across_span, sk_cf32 across,
                  sk_cf32 affine, int64_t pitch, int channels, int rows, int columns, int down_taps, int across_taps,
                  int mirrored) {
  const uint8_t* bytes = static_cast<const uint8_t*>(in);
  Axis vertical{down_span, down, down_taps}, horizontal{across_span, across, across_taps};
  if (channels == 1)
    resample<1>(out, bytes, pitch, vertical, horizontal, affine, rows, columns, mirrored);
  else
    resample<3>(out, bytes, pitch, vertical, horizontal, affine, rows, columns, mirrored);
}
}
