// Conversions, and f32 and 16-bit arithmetic in every rounding mode. f32 results come from double: the sum, product or
// quotient of floats is taken in double together with the sign of its error, which turns it into the double rounded to
// odd; 53 bits are at least 24 + 2, so rounding that once more gives what one rounding of the exact value gives (Boldo
// and Melquiond 2008, "Emulation of FMA and correctly rounded sums").
#include "numeric.h"
#include "rounding.h"
#include <cmath>

namespace sim {
namespace {

constexpr uint32_t kNanF32 = 0x7fffffff;
constexpr uint16_t kNan16 = 0x7fff;

uint32_t bits_of(float v) { return std::bit_cast<uint32_t>(v); }
float float_of(uint32_t v) { return std::bit_cast<float>(v); }
float canonical(float v) { return std::isnan(v) ? float_of(kNanF32) : v; }

/** The double next to `value`, on the side of its error, that has an odd last bit; `value` if it is exact. */
double round_to_odd(double value, double error) {
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  if (error == 0 || (bits & 1)) return value;
  return std::bit_cast<double>(std::signbit(value) == std::signbit(error) ? bits + 1 : bits - 1);
}

/** a + b, rounded to odd (Knuth's two-sum gives the error exactly). Both finite, and far from overflow. */
double odd_sum(double a, double b) {
  const double sum = a + b, part = sum - a;
  return round_to_odd(sum, (a - (sum - part)) + (b - part));
}

/** An exact zero sum of addends that are not both the same zero is -0 when rounding down. */
float zero_sum(double a, double b, Round mode) {
  if (std::signbit(a) == std::signbit(b)) return float(a);
  return mode == Round::rm ? -0.0f : 0.0f;
}

uint16_t to_16_bits(double v, Format format, Round mode, bool satfinite, bool relu) {
  if (std::isnan(v)) return kNan16;
  if (relu && std::signbit(v)) return 0;
  if (std::isinf(v)) {
    const uint16_t infinity = uint16_t((format.emax - format.emin + 2) << (format.precision - 1));
    return uint16_t((v < 0 ? 0x8000 : 0) | (satfinite ? infinity - 1 : infinity));
  }
  return uint16_t(encode(exact(v), format, mode, satfinite));
}

}  // namespace

float bf16_to_f32(uint16_t v) { return float_of(uint32_t(v) << 16); }

uint16_t f32_to_bf16(float v, Round mode, bool satfinite, bool relu) {
  const uint32_t bits = bits_of(v);
  if (mode == Round::rn && !satfinite && !relu)
    return std::isnan(v) ? kNan16 : uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  return to_16_bits(v, kBf16, mode, satfinite, relu);
}

uint16_t f64_to_bf16(double v, Round mode) { return to_16_bits(v, kBf16, mode, false, false); }

float f16_to_f32(uint16_t v) { return widen_f16(v); }

uint16_t f32_to_f16(float v, Round mode, bool satfinite, bool relu) {
  if (mode == Round::rn && !satfinite && !relu) return nearest_f16(v);
  return to_16_bits(v, kF16, mode, satfinite, relu);
}

uint16_t f64_to_f16(double v, Round mode) { return to_16_bits(v, kF16, mode, false, false); }

uint32_t f32_to_tf32(float v, Round mode) {
  if (std::isnan(v)) return kNanF32;
  if (std::isinf(v)) return bits_of(v);
  return uint32_t(encode(exact(v), kTf32, mode)) << 13;
}

float f64_to_f32(double v, Round mode) {
  const float nearest = canonical(float(v));
  if (mode == Round::rn || double(nearest) == v || std::isnan(v)) return nearest;
  const bool above = double(nearest) > v;
  const bool wrong = mode == Round::rz   ? above != std::signbit(v)
                     : mode == Round::rm ? above
                     : mode == Round::rp ? !above
                                         : false;
  if (mode == Round::rna) return float_of(uint32_t(encode(exact(v), kF32, mode)));
  if (!wrong) return nearest;
  return float_of(bits_of(nearest) + (above == std::signbit(nearest) ? 1 : -1));
}

double to_integral(double v, Round mode) {
  switch (mode) {
    case Round::rn:
      return std::nearbyint(v);
    case Round::rz:
      return std::trunc(v);
    case Round::rm:
      return std::floor(v);
    case Round::rp:
      return std::ceil(v);
    case Round::rna:
      return std::round(v);
  }
  return v;
}

int64_t to_integer(double v, int bits, bool is_signed, Round mode, bool from_f64) {
  const uint64_t top = uint64_t(1) << (bits - 1);
  const int64_t lowest = is_signed ? int64_t(-top) : 0;
  const uint64_t highest = is_signed ? top - 1 : top - 1 + top;
  if (std::isnan(v)) return !from_f64 && bits < 64 ? 0 : is_signed ? lowest : int64_t(top);
  v = to_integral(v, mode);
  if (v <= double(lowest)) return lowest;
  if (v >= double(highest)) return int64_t(highest);  // double(2^64 - 1) is 2^64: no double lies between
  return is_signed ? int64_t(v) : int64_t(uint64_t(v));
}

float integer_to_f32(bool negative, uint64_t magnitude, Round mode) {
  return float_of(magnitude ? uint32_t(encode({negative, 0, magnitude}, kF32, mode)) : 0);
}
double integer_to_f64(bool negative, uint64_t magnitude, Round mode) {
  return std::bit_cast<double>(magnitude ? encode({negative, 0, magnitude}, kF64, mode) : 0);
}
uint16_t integer_to_f16(bool negative, uint64_t magnitude, Round mode) {
  return magnitude ? uint16_t(encode({negative, 0, magnitude}, kF16, mode)) : 0;
}
uint16_t integer_to_bf16(bool negative, uint64_t magnitude, Round mode) {
  return magnitude ? uint16_t(encode({negative, 0, magnitude}, kBf16, mode)) : 0;
}

float add_f32(float a, float b, Round mode) {
  if (mode == Round::rn || !std::isfinite(a) || !std::isfinite(b)) return canonical(a + b);
  const double sum = odd_sum(a, b);
  return sum == 0 ? zero_sum(a, b, mode) : f64_to_f32(sum, mode);
}

float mul_f32(float a, float b, Round mode) {
  if (mode == Round::rn || !std::isfinite(a) || !std::isfinite(b)) return canonical(a * b);
  return f64_to_f32(double(a) * double(b), mode);  // exact: 48 bits
}

float fma_f32(float a, float b, float c, Round mode) {
  if (!std::isfinite(a) || !std::isfinite(b) || !std::isfinite(c))
    return canonical(float(double(a) * double(b) + double(c)));
  const double product = double(a) * double(b), sum = odd_sum(product, c);
  return sum == 0 ? zero_sum(product, c, mode) : f64_to_f32(sum, mode);
}

float div_f32(float a, float b, Round mode) {
  if (mode == Round::rn || !std::isfinite(a) || !std::isfinite(b) || a == 0 || b == 0) return canonical(a / b);
  const double quotient = double(a) / double(b);
  const double rest = std::fma(-quotient, double(b), double(a));  // exact
  return f64_to_f32(round_to_odd(quotient, std::signbit(b) ? -rest : rest), mode);
}

float sqrt_f32(float a, Round mode) {
  if (mode == Round::rn || !std::isfinite(a) || a <= 0) return canonical(std::sqrt(a));
  const double root = std::sqrt(double(a));
  return f64_to_f32(round_to_odd(root, std::fma(-root, root, double(a))), mode);
}

uint16_t fma_f16(uint16_t a, uint16_t b, uint16_t c) {
  const double product = double(f16_to_f32(a)) * double(f16_to_f32(b)), addend = f16_to_f32(c);
  if (!std::isfinite(product) || !std::isfinite(addend)) return f64_to_f16(product + addend, Round::rn);
  return f64_to_f16(product + addend == 0 ? product + addend : odd_sum(product, addend), Round::rn);
}

uint16_t fma_bf16(uint16_t a, uint16_t b, uint16_t c) {
  const double product = double(bf16_to_f32(a)) * double(bf16_to_f32(b)), addend = bf16_to_f32(c);
  if (!std::isfinite(product) || !std::isfinite(addend)) return f64_to_bf16(product + addend, Round::rn);
  return f64_to_bf16(product + addend == 0 ? product + addend : odd_sum(product, addend), Round::rn);
}

float flush(float v) {
  const uint32_t bits = bits_of(v);
  return (bits & 0x7f800000) == 0 ? float_of(bits & 0x80000000) : v;
}

}  // namespace sim
