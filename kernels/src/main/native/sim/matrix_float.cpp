// D = A B + C in fp32 for f16, bf16 and tf32: the tiles are widened to float matrices and multiplied 8x8 at a time.
// Every product of these formats fits an fp32 significand, so a machine without FMA gives the same sums (but where a
// product alone leaves fp32's range).
#pragma GCC optimize("fp-contract=fast")  // a * b + c becomes an FMA where there is one
#include "matrix_shapes.h"
#include "rounding.h"
#include <cstring>

#define SIM_INLINE __attribute__((always_inline)) inline

namespace sim {
namespace {

typedef float Row __attribute__((vector_size(32)));  // 8 columns

struct Bf16 {
  using Stored = uint16_t;
  static SIM_INLINE float widen(uint16_t v) { return std::bit_cast<float>(uint32_t(v) << 16); }
};
struct F16 {
  using Stored = uint16_t;
  static SIM_INLINE float widen(uint16_t v) { return widen_f16(v); }
};
struct Tf32 {
  using Stored = uint32_t;
  static SIM_INLINE float widen(uint32_t v) { return std::bit_cast<float>(v & 0xffffe000); }
};

/** The tile in a register, widened, as 8 rows of `kWidth`. */
template <class Type>
SIM_INLINE void widen_tile(float* tile, const uint32_t* lanes) {
  constexpr int kElements = 128 / sizeof(typename Type::Stored);
  typename Type::Stored stored[kElements];
  std::memcpy(stored, lanes, sizeof stored);
  for (int i = 0; i < kElements; i++) tile[i] = Type::widen(stored[i]);
}

/** c[8][8] += a[8][k] b[k][8], in k order. Rows of a are `width` long tiles, one after the other. */
template <int kWidth>
SIM_INLINE void multiply(Row c[8], const float* a, int a_tile_stride, const Row* b, int k) {
  for (int kk = 0; kk < k; kk++) {
    const float* column = a + kk / kWidth * a_tile_stride + kk % kWidth;
    for (int r = 0; r < 8; r++) c[r] += column[r * kWidth] * b[kk];
  }
}

SIM_INLINE void read_c(Row c[8], const uint32_t* const* registers, int tile, bool half) {
  float values[8][8];
  if (half) {
    widen_tile<F16>(values[0], registers[tile]);
  } else {
    for (int lane = 0; lane < 32; lane++) {
      values[lane / 4][lane % 4 * 2] = std::bit_cast<float>(registers[2 * tile][lane]);
      values[lane / 4][lane % 4 * 2 + 1] = std::bit_cast<float>(registers[2 * tile + 1][lane]);
    }
  }
  std::memcpy(c, values, sizeof values);
}

SIM_INLINE void write_d(uint32_t* const* registers, const Row c[8], int tile, bool half) {
  float values[64];
  std::memcpy(values, c, sizeof values);
  if (half) {
    uint16_t halves[64];
    for (int i = 0; i < 64; i++) halves[i] = nearest_f16(values[i]);
    std::memcpy(registers[tile], halves, sizeof halves);
    return;
  }
  uint32_t bits[64];
  for (int i = 0; i < 64; i++) bits[i] = values[i] != values[i] ? 0x7fffffff : std::bit_cast<uint32_t>(values[i]);
  for (int lane = 0; lane < 32; lane++) registers[2 * tile][lane] = bits[2 * lane];
  for (int lane = 0; lane < 32; lane++) registers[2 * tile + 1][lane] = bits[2 * lane + 1];
}

template <class Type>
SIM_INLINE void run(Shape s, bool c_half, bool d_half, const Fragments& f) {
  constexpr int kWidth = 16 / sizeof(typename Type::Stored);
  constexpr int kTile = 8 * kWidth;
  const int m_tiles = s.m / 8, n_tiles = s.n / 8, k_tiles = s.k / kWidth;
  float a[8 * kTile];
  Row b[4 * 16], c[8][8];  // at most 64 rows of B's columns, 8 tiles of C

  for (int i = 0; i < m_tiles * k_tiles; i++) widen_tile<Type>(a + i * kTile, f.a[i]);
  for (int i = 0; i < n_tiles * k_tiles; i++) {
    float tile[kTile];
    widen_tile<Type>(tile, f.b[i]);
    for (int kk = 0; kk < kWidth; kk++)
      for (int column = 0; column < 8; column++) b[i * kWidth + kk][column] = tile[column * kWidth + kk];
  }
  for (int n = 0; n < n_tiles; n++)
    for (int m = 0; m < m_tiles; m++) {
      const int tile = n * m_tiles + m;
      read_c(c[tile], f.c, tile, c_half);
      multiply<kWidth>(c[tile], a + m * kTile, m_tiles * kTile, b + n * s.k, s.k);
    }
  for (int tile = 0; tile < m_tiles * n_tiles; tile++) write_d(f.d, c[tile], tile, d_half);
}

SIM_CLONES void run_f16(Shape s, bool c_half, bool d_half, const Fragments& f) { run<F16>(s, c_half, d_half, f); }
SIM_CLONES void run_bf16(Shape s, const Fragments& f) { run<Bf16>(s, false, false, f); }
SIM_CLONES void run_tf32(Shape s, const Fragments& f) { run<Tf32>(s, false, false, f); }

// The shape of the kernels in this tree, with every loop unrolled.
SIM_CLONES void run_bf16_16x8x16(const Fragments& f) { run<Bf16>({16, 8, 16}, false, false, f); }

}  // namespace

void mma_float(Shape s, Element type, bool c_half, bool d_half, const Fragments& f) {
  if (type == Element::f16) {
    run_f16(s, c_half, d_half, f);
  } else if (type == Element::tf32) {
    run_tf32(s, f);
  } else if (s.m == 16 && s.n == 8 && s.k == 16) {
    run_bf16_16x8x16(f);
  } else {
    run_bf16(s, f);
  }
}

}  // namespace sim
