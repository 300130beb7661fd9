// One rounding of an exact value to any binary format: the integer core of numeric.cpp.
#pragma once
#include "numeric.h"
#include <bit>

namespace sim {

using u128 = unsigned __int128;

/** (-1)^negative * significand * 2^exponent. A value with more digits has them folded into a set low bit ("sticky"), at
 *  least two bits below the last place of the target format. */
struct Exact {
  bool negative;
  int exponent;
  u128 significand;
};

struct Format {
  int precision;  // bits of the significand, hidden one included
  int emin, emax;
};

constexpr Format kF16{11, -14, 15}, kBf16{8, -126, 127}, kTf32{11, -126, 127}, kF32{24, -126, 127},
    kF64{53, -1022, 1023};

inline int top_bit(u128 v) {
  uint64_t high = uint64_t(v >> 64);
  return high ? 127 - std::countl_zero(high) : 63 - std::countl_zero(uint64_t(v));
}

inline bool rounds_up(Round mode, bool negative, bool odd, u128 rest, u128 half) {
  switch (mode) {
    case Round::rn:
      return rest > half || (rest == half && odd);
    case Round::rna:
      return rest >= half;
    case Round::rz:
      return false;
    case Round::rm:
      return negative && rest != 0;
    case Round::rp:
      return !negative && rest != 0;
  }
  return false;
}

/** The bits of the rounded value, sign included. Its exponent field has the width that emax needs. */
inline uint64_t encode(const Exact& x, Format f, Round mode, bool satfinite = false) {
  const int fraction = f.precision - 1;
  const uint64_t infinity = uint64_t(f.emax - f.emin + 2) << fraction;
  const uint64_t sign = x.negative ? std::bit_ceil(infinity) : 0;
  if (x.significand == 0) return sign;

  const int top = x.exponent + top_bit(x.significand);
  const int scale = (top > f.emin ? top : f.emin);  // exponent of the result's hidden bit
  const int shift = scale - fraction - x.exponent;  // low bits to drop
  u128 kept;
  if (shift <= 0) {
    kept = x.significand << -shift;
  } else if (shift >= 128) {  // below a quarter of the smallest subnormal: only its being there counts
    kept = rounds_up(mode, x.negative, false, 1, 2) ? 1 : 0;
  } else {
    const u128 rest = x.significand & ((u128(1) << shift) - 1);
    kept = x.significand >> shift;
    kept += rounds_up(mode, x.negative, kept & 1, rest, u128(1) << (shift - 1)) ? 1 : 0;
  }
  // The hidden bit adds the 1 that a normal number's exponent field has over a subnormal's.
  const uint64_t bits = (uint64_t(scale - f.emin) << fraction) + uint64_t(kept);
  if (bits < infinity) return sign | bits;
  const bool stays_finite =
      satfinite || mode == Round::rz || (mode == Round::rm && !x.negative) || (mode == Round::rp && x.negative);
  return sign | (stays_finite ? infinity - 1 : infinity);
}

/** f16 to f32: exact; without branches, so that loops of it vectorise. */
inline float widen_f16(uint32_t v) {
  const uint32_t magnitude = v & 0x7fff, sign = (v & 0x8000) << 16;
  const uint32_t finite = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112f);  // rebias
  const uint32_t bits = sign | (magnitude == 0x7c00 ? 0x7f800000 : finite);
  return std::bit_cast<float>(magnitude > 0x7c00 ? 0x7fffffff : bits);
}

/** f32 to f16, to nearest even. Adding 0.5 rounds a subnormal result, whose unit is 2^-24, in its last place. */
inline uint16_t nearest_f16(float v) {
  const uint32_t bits = std::bit_cast<uint32_t>(v), magnitude = bits & 0x7fffffff;
  const uint32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
  const uint32_t small = magnitude < 0x38800000 ? subnormal : normal;
  const uint32_t rounded = magnitude >= 0x477ff000 ? 0x7c00 : small;
  return uint16_t(magnitude > 0x7f800000 ? 0x7fff : (bits >> 16 & 0x8000) | rounded);
}

/** A finite double. */
inline Exact exact(double v) {
  const uint64_t bits = std::bit_cast<uint64_t>(v);
  const int field = int(bits >> 52 & 0x7ff);
  const uint64_t fraction = bits & 0xfffffffffffff;
  return {bool(bits >> 63), (field ? field : 1) - 1075, fraction | (field ? uint64_t(1) << 52 : 0)};
}

}  // namespace sim
