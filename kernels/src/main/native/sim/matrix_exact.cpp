// D = A B + C for 8-bit integers and f64.
#include "matrix_shapes.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace sim {
namespace {

constexpr int kWidth = 16;  // bytes of a tile's row

/** The register's 8x16 tile into rows of `stride` elements. */
inline void unpack(int16_t* to, int stride, const uint32_t* lanes, bool is_signed) {
  uint8_t bytes[8 * kWidth];
  std::memcpy(bytes, lanes, sizeof bytes);
  const int bias = is_signed ? 128 : 0;  // (v ^ 128) - 128 extends the sign
  for (int row = 0; row < 8; row++)
    for (int i = 0; i < kWidth; i++) to[row * stride + i] = int16_t((bytes[row * kWidth + i] ^ bias) - bias);
}

inline uint32_t accumulate(uint32_t c, int32_t sum, bool satfinite) {
  if (!satfinite) return c + uint32_t(sum);
  const int64_t total = int64_t(int32_t(c)) + sum;
  return uint32_t(std::clamp<int64_t>(total, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
}

inline double value(const uint32_t* const* pair, int lane) {
  return std::bit_cast<double>(uint64_t(pair[1][lane]) << 32 | pair[0][lane]);
}

}  // namespace

SIM_CLONES void mma_integer(Shape s, bool a_signed, bool b_signed, bool satfinite, const Fragments& f) {
  const int m_tiles = s.m / 8, k_tiles = s.k / kWidth;
  int16_t a[32 * 32], b[32 * 32];  // [m][k], [n][k]
  for (int i = 0; i < m_tiles * k_tiles; i++)
    unpack(a + i % m_tiles * 8 * s.k + i / m_tiles * kWidth, s.k, f.a[i], a_signed);
  for (int i = 0; i < s.n / 8 * k_tiles; i++)
    unpack(b + i / k_tiles * 8 * s.k + i % k_tiles * kWidth, s.k, f.b[i], b_signed);
  uint32_t d[32 * 32];  // in the order of registers and lanes; complete before any register changes
  const int registers = s.m * s.n / 32;
  for (int i = 0; i < registers * 32; i++) {
    const int reg = i / 32, lane = i % 32, tile = reg / 2;
    const int row = tile % m_tiles * 8 + lane / 4, column = tile / m_tiles * 8 + lane % 4 * 2 + reg % 2;
    int32_t sum = 0;
    for (int k = 0; k < k_tiles * kWidth; k++) sum += a[row * s.k + k] * b[column * s.k + k];
    d[i] = accumulate(f.c[reg][lane], sum, satfinite);
  }
  for (int reg = 0; reg < registers; reg++) std::memcpy(f.d[reg], d + 32 * reg, 128);
}

SIM_CLONES void mma_f64(const Fragments& f) {
  double a[32], b[32], c[64];  // lane 4*g + t: A[g][t], B[t][g], C[g][2t], C[g][2t + 1]
  for (int lane = 0; lane < 32; lane++) {
    a[lane] = value(f.a, lane);
    b[lane] = value(f.b, lane);
    c[2 * lane] = value(f.c, lane);
    c[2 * lane + 1] = value(f.c + 2, lane);
  }
  for (int i = 0; i < 64; i++) {
    const int row = i / 8, column = i % 8;
    for (int k = 0; k < 4; k++) c[i] = __builtin_fma(a[4 * row + k], b[4 * column + k], c[i]);
    const uint64_t bits = std::bit_cast<uint64_t>(c[i]);
    f.d[i % 2 * 2][i / 2] = uint32_t(bits);
    f.d[i % 2 * 2 + 1][i / 2] = uint32_t(bits >> 32);
  }
}

}  // namespace sim
