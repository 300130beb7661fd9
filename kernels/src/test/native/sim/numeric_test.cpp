// Conversions and roundings against the definition of rounding in real numbers: the exact value, held in __float128
// with the sign of what did not fit, is divided by the unit in the last place of the target and the integers around it
// are compared. No bit of the implementation is shared.
#include "check.h"
#include "numeric.h"
#include <bit>
#include <cfloat>
#include <cmath>
#include <random>
#include <vector>

using sim::Round;
typedef __float128 Quad;

namespace {

constexpr Round kModes[] = {Round::rn, Round::rz, Round::rm, Round::rp};
constexpr Round kAllModes[] = {Round::rn, Round::rz, Round::rm, Round::rp, Round::rna};

struct Format {
  int precision, emin, emax;
};
constexpr Format kF16{11, -14, 15}, kBf16{8, -126, 127}, kTf32{11, -126, 127}, kF32{24, -126, 127},
    kF64{53, -1022, 1023};

/** value + tail * (something too small to matter otherwise), tail being -1, 0 or 1. */
struct Real {
  Quad value;
  int tail = 0;
};

int exponent_of(Quad v) { return int(std::bit_cast<unsigned __int128>(v) >> 112 & 0x7fff) - 16383; }

Quad power(int e) { return Quad(std::ldexp(1.0L, e)); }

/** The value in the format that the mode picks; infinity for an overflow. */
double nearest(Real x, Format f, Round mode) {
  const bool negative = x.value < 0;
  const Quad size = negative ? -x.value : x.value;
  const int tail = negative ? -x.tail : x.tail;
  const bool under_power = tail < 0 && size == power(exponent_of(size));
  const int scale = std::max(exponent_of(size) - under_power, f.emin) - f.precision + 1;
  const Quad units = size * power(-scale);
  __int128 below = __int128(units);
  Quad rest = units - Quad(below);
  if (rest == 0 && tail < 0) {
    below -= 1;
    rest = 1;  // or just under it
  }
  bool up = false;
  const bool exact = rest == 0 && tail == 0;
  const bool half = rest == Quad(0.5) && tail == 0, above_half = rest > Quad(0.5) || (rest == Quad(0.5) && tail > 0);
  switch (mode) {
    case Round::rn:
      up = above_half || (half && below % 2);
      break;
    case Round::rna:
      up = above_half || half;
      break;
    case Round::rz:
      break;
    case Round::rm:
      up = negative && !exact;
      break;
    case Round::rp:
      up = !negative && !exact;
      break;
  }
  const Quad result = Quad(below + up) * power(scale);
  const Quad largest = (2 - power(1 - f.precision)) * power(f.emax);
  const bool clamps = mode == Round::rz || (mode == Round::rm && !negative) || (mode == Round::rp && negative);
  const Quad size_out = result <= largest ? result : clamps ? largest : Quad(INFINITY);
  return double(negative ? -size_out : size_out);
}

bool same(double is, double should_be) {
  if (std::isnan(should_be)) return std::isnan(is);
  return is == should_be && (is != 0 || std::signbit(is) == std::signbit(should_be));
}

/** The number that 16 bits stand for, by the format's definition. */
double value16(uint16_t v, Format f) {
  const int fraction_bits = f.precision - 1;
  const int fields = 1 << (15 - fraction_bits), field = v >> fraction_bits & (fields - 1);
  const int fraction = v & ((1 << fraction_bits) - 1);
  const double sign = v & 0x8000 ? -1 : 1;
  if (field == fields - 1) return fraction ? NAN : sign * INFINITY;
  if (field == 0) return sign * std::ldexp(fraction, f.emin - fraction_bits);
  return sign * std::ldexp((1 << fraction_bits) + fraction, field - 1 + f.emin - fraction_bits);
}

/** Counts mismatches and reports the first. */
class Tally {
 public:
  explicit Tally(const char* name) : name_(name) {}
  ~Tally() { check(wrong_ == 0, __FILE__, __LINE__, std::string(name_) + ": " + first_.str()); }
  template <class... Inputs>
  void expect(bool ok, Round mode, double is, double should_be, Inputs... inputs) {
    if (ok || wrong_++) return;
    first_ << "mode " << int(mode) << " of" << std::hexfloat;
    ((first_ << ' ' << inputs), ...);
    first_ << " is " << is << ", should be " << should_be;
  }

 private:
  const char* name_;
  long wrong_ = 0;
  std::ostringstream first_;
};

std::mt19937_64 random_bits(11);

float random_float() { return std::bit_cast<float>(uint32_t(random_bits())); }
double random_double() { return std::bit_cast<double>(random_bits()); }

const float kSpecial[] = {0.0f,       -0.0f,        1.0f,     -1.0f,          1 + FLT_EPSILON, 1 - FLT_EPSILON / 2,
                          FLT_MIN,    -FLT_MIN,     FLT_MAX,  -FLT_MAX,       FLT_TRUE_MIN,    -FLT_TRUE_MIN,
                          INFINITY,   -INFINITY,    NAN,      3.0f,           1.0f / 3,        -7.25f,
                          0x1p-24f,   0x1.8p-25f,   0x1p-25f, 65504.0f,       65519.99f,       65520.0f,
                          0x1p-126f,  0x0.8p-126f,  0x1p24f,  0x1.000002p24f, 0x1p-14f,        0x1.ffcp-15f,
                          0x1.fp127f, 0x1.ff8p127f, 0x1p64f,  -0x1p63f,       0x1p31f,         2147483520.0f,
                          0.5f,       1.5f,         2.5f,     -0.5f,          -2.5f,           0x1p-75f};

void sixteen_bits_widen_exactly_and_come_back() {
  long wrong = 0;
  for (int i = 0; i < 65536; i++) {
    const uint16_t v = uint16_t(i);
    const double half = value16(v, kF16), brain = value16(v, kBf16);
    wrong += !same(sim::f16_to_f32(v), half);
    wrong += std::isnan(half) && std::bit_cast<uint32_t>(sim::f16_to_f32(v)) != 0x7fffffff;
    wrong += !same(sim::bf16_to_f32(v), brain) || std::bit_cast<uint32_t>(sim::bf16_to_f32(v)) != uint32_t(i) << 16;
    for (Round mode : kModes) {
      wrong += sim::f32_to_f16(sim::f16_to_f32(v), mode) != (std::isnan(half) ? 0x7fff : v);
      wrong += sim::f32_to_bf16(sim::bf16_to_f32(v), mode) != (std::isnan(brain) ? 0x7fff : v);
      wrong += sim::f64_to_f16(half, mode) != (std::isnan(half) ? 0x7fff : v);
    }
  }
  CHECK_EQUAL(wrong, 0);
}

/** The plain result in a mode, then what .satfinite and .relu make of it. */
void narrowing(Tally& tally, float v, Format f, uint16_t (*convert)(float, Round, bool, bool)) {
  const double largest = std::ldexp(2 - std::ldexp(1.0, 1 - f.precision), f.emax);
  for (Round mode : kModes) {
    const double plain = std::isfinite(v) && v != 0 ? nearest({v}, f, mode) : double(v);
    for (int flags = 0; flags < 4; flags++) {
      const bool satfinite = flags & 1, relu = flags & 2;
      double should_be = plain;
      if (satfinite && std::isinf(should_be)) should_be = std::copysign(largest, should_be);
      if (relu && std::signbit(should_be) && !std::isnan(should_be)) should_be = 0;
      const uint16_t bits = convert(v, mode, satfinite, relu);
      const double is = value16(bits, f);
      tally.expect(same(is, should_be) && (!std::isnan(should_be) || bits == 0x7fff), mode, is, should_be, v);
    }
  }
}

void f32_narrows_in_every_mode() {
  Tally brain("f32_to_bf16"), half("f32_to_f16");
  for (float v : kSpecial) {
    narrowing(brain, v, kBf16, sim::f32_to_bf16);
    narrowing(half, v, kF16, sim::f32_to_f16);
  }
  const uint32_t lows[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};  // every bf16, every halfway case, and beside them
  for (uint32_t high = 0; high < 65536; high += high % 128 == 0 ? 1 : 3)
    for (uint32_t low : lows) narrowing(brain, std::bit_cast<float>(high << 16 | low), kBf16, sim::f32_to_bf16);
  for (int i = 0; i < 0x7c00; i++) {
    const float v = float(value16(uint16_t(i), kF16));
    const double next = i == 0x7bff ? 65536.0 : value16(uint16_t(i + 1), kF16);
    const float halfway = float((double(v) + next) / 2);  // exact
    for (float x : {halfway, std::nextafterf(halfway, 0), std::nextafterf(halfway, INFINITY), std::nextafterf(v, 0)}) {
      narrowing(half, i % 2 ? x : -x, kF16, sim::f32_to_f16);
    }
  }
  for (int i = 0; i < 50000; i++) {
    narrowing(brain, random_float(), kBf16, sim::f32_to_bf16);
    narrowing(half, std::ldexp(float(int32_t(random_bits())), int(random_bits() % 50) - 60), kF16, sim::f32_to_f16);
  }
}

void f32_narrows_to_tf32() {
  Tally tally("f32_to_tf32");
  auto one = [&](float v) {
    for (Round mode : kAllModes) {
      const double should_be = std::isfinite(v) && v != 0 ? nearest({v}, kTf32, mode) : double(v);
      const uint32_t bits = sim::f32_to_tf32(v, mode);
      const double is = std::bit_cast<float>(bits);
      const bool form = std::isnan(v) ? bits == 0x7fffffff : (bits & 0x1fff) == 0;
      tally.expect(same(is, should_be) && form, mode, is, should_be, v);
    }
  };
  for (float v : kSpecial) one(v);
  const uint32_t lows[] = {0, 1, 0xfff, 0x1000, 0x1001, 0x1fff};
  for (uint32_t high = 0; high < 1u << 19; high += 7)
    for (uint32_t low : lows) one(std::bit_cast<float>(high << 13 | low));
}

void f64_narrows_in_one_rounding() {
  Tally half("f64_to_f16"), brain("f64_to_bf16"), single("f64_to_f32");
  auto one = [&](double v) {
    const bool plain = !std::isfinite(v) || v == 0;
    for (Round mode : kAllModes) {
      auto should_be = [&](Format f) { return plain ? v : nearest({v}, f, mode); };
      const double h = value16(sim::f64_to_f16(v, mode), kF16), b = value16(sim::f64_to_bf16(v, mode), kBf16);
      half.expect(same(h, should_be(kF16)), mode, h, should_be(kF16), v);
      brain.expect(same(b, should_be(kBf16)), mode, b, should_be(kBf16), v);
      const double s = sim::f64_to_f32(v, mode);
      single.expect(same(s, should_be(kF32)), mode, s, should_be(kF32), v);
    }
  };
  for (float v : kSpecial) one(v);
  for (int i = 0; i < 20000; i++) {
    const float v = random_float();
    if (!std::isfinite(v)) continue;
    const double halfway = double(v) + (double(std::nextafterf(v, INFINITY)) - double(v)) / 2;
    for (double x : {halfway, std::nextafter(halfway, -INFINITY), std::nextafter(halfway, INFINITY)}) one(x);
    one(std::ldexp(double(int64_t(random_bits())), int(random_bits() % 60) - 100));
  }
  for (int i = 0; i < 0x7c00; i += 5) {  // where rounding to f32 on the way would go wrong
    const double v = value16(uint16_t(i), kF16), next = i == 0x7bff ? 65536.0 : value16(uint16_t(i + 1), kF16);
    for (double x : {(v + next) / 2, std::nextafter((v + next) / 2, 0), std::nextafter((v + next) / 2, INFINITY)})
      one(x);
  }
}

void integers_saturate() {
  auto floor_of = [](Quad v) {
    const __int128 whole = __int128(v);
    return Quad(whole) > v ? whole - 1 : whole;
  };
  long wrong = 0;
  auto one = [&](double v, int bits, bool is_signed, Round mode) {
    const __int128 low = is_signed ? -(__int128(1) << (bits - 1)) : 0;
    const __int128 high = (__int128(1) << (bits - is_signed)) - 1;
    __int128 whole;
    if (std::fabs(v) >= 0x1p65) {
      whole = v < 0 ? low : high;
    } else {
      const __int128 below = floor_of(v), above = Quad(below) == Quad(v) ? below : below + 1;
      const Quad rest = Quad(v) - Quad(below);
      switch (mode) {
        case Round::rz:
          whole = v < 0 ? above : below;
          break;
        case Round::rm:
          whole = below;
          break;
        case Round::rp:
          whole = above;
          break;
        default:
          whole = rest < 0.5 || (rest == Quad(0.5) && below % 2 == 0) ? below : above;
      }
    }
    whole = std::min(std::max(whole, low), high);
    wrong += sim::to_integer(v, bits, is_signed, mode) != int64_t(uint64_t(whole));
  };
  for (int bits : {8, 16, 32, 64})
    for (bool is_signed : {false, true})
      for (Round mode : kModes) {
        for (float v : kSpecial)
          if (!std::isnan(v)) one(v, bits, is_signed, mode);
        for (int i = 0; i < 2000; i++) {
          const double v = std::ldexp(double(int64_t(random_bits())), -int(random_bits() % 70));
          one(v, bits, is_signed, mode);
          one(std::floor(v) + 0.5, bits, is_signed, mode);
        }
        const double edge = std::ldexp(1.0, bits - is_signed);
        for (double v : {edge, edge - 0.5, edge - 1, -edge, -edge - 0.5, -edge - 1, std::nextafter(edge, 0)})
          one(v, bits, is_signed, mode);
      }
  CHECK_EQUAL(wrong, 0);
  // ISA, cvt: a NaN is 0, or 1 << (bits - 1) from f64 or to 64 bits.
  CHECK_EQUAL(sim::to_integer(NAN, 32, true, Round::rz), 0);
  CHECK_EQUAL(sim::to_integer(NAN, 32, false, Round::rz), 0);
  CHECK_EQUAL(sim::to_integer(NAN, 32, true, Round::rz, true), INT32_MIN);
  CHECK_EQUAL(sim::to_integer(NAN, 32, false, Round::rz, true), 0x80000000ll);
  CHECK_EQUAL(sim::to_integer(NAN, 64, true, Round::rz), INT64_MIN);
  CHECK_EQUAL(uint64_t(sim::to_integer(NAN, 64, false, Round::rz)), uint64_t(1) << 63);
}

void integers_convert_in_every_mode() {
  Tally single("integer_to_f32"), twice("integer_to_f64"), half("integer_to_f16"), brain("integer_to_bf16");
  for (int i = 0; i < 20000; i++) {
    const uint64_t magnitude = random_bits() >> random_bits() % 64;
    const bool negative = i % 2 && magnitude;
    const Real x{negative ? -Quad(magnitude) : Quad(magnitude)};
    if (magnitude == 0) continue;
    for (Round mode : kModes) {
      auto one = [&](Tally& tally, double is, Format f) {
        tally.expect(same(is, nearest(x, f, mode)), mode, is, nearest(x, f, mode), double(x.value));
      };
      one(single, sim::integer_to_f32(negative, magnitude, mode), kF32);
      one(twice, sim::integer_to_f64(negative, magnitude, mode), kF64);
      one(half, value16(sim::integer_to_f16(negative, magnitude, mode), kF16), kF16);
      one(brain, value16(sim::integer_to_bf16(negative, magnitude, mode), kBf16), kBf16);
    }
  }
  CHECK_EQUAL(std::bit_cast<uint32_t>(sim::integer_to_f32(false, 0, Round::rm)), 0u);
}

/** a + b with the sign of what 113 bits lose. */
Real sum(Quad a, Quad b) {
  if ((a < 0 ? -a : a) < (b < 0 ? -b : b)) std::swap(a, b);
  const Quad s = a + b, lost = b - (s - a);
  return {s, lost > 0 ? 1 : lost < 0 ? -1 : 0};
}

/** What IEEE 754 says of a * b + c, and of a + b as 1 * a + b; NaNs are the caller's. */
double fused(Quad product, bool product_negative, double c, Format f, Round mode) {
  const Real exact = sum(product, c);
  if (exact.value != 0) return nearest(exact, f, mode);
  if (product == 0 && product_negative == std::signbit(c)) return product_negative ? -0.0 : 0.0;
  return mode == Round::rm ? -0.0 : 0.0;
}

template <class T, class Fma, class Add, class Mul>
void arithmetic(Format f, T a, T b, T c, Fma fma, Add add, Mul mul, Tally& tally) {
  const bool negative = std::signbit(a) != std::signbit(b);
  for (Round mode : kModes) {
    const bool finite = std::isfinite(a) && std::isfinite(b);
    double is = add(a, b, mode), should_be = finite ? fused(Quad(a), std::signbit(a), b, f, mode) : double(a + b);
    tally.expect(same(is, should_be), mode, is, should_be, a, b);
    is = mul(a, b, mode);
    should_be = !finite ? double(a * b) : a == 0 || b == 0 ? (negative ? -0.0 : 0.0) : nearest({Quad(a) * b}, f, mode);
    tally.expect(same(is, should_be), mode, is, should_be, a, b);
    is = fma(a, b, c, mode);
    should_be = finite && std::isfinite(c) ? fused(Quad(a) * b, negative, c, f, mode) : double(std::fma(a, b, c));
    tally.expect(same(is, should_be), mode, is, should_be, a, b, c);
  }
}

/** r = a / b in the mode, by r * b <= a < next(r) * b and the like; exact in __float128. */
template <class T, class Compare>
void bracketed(Tally& tally, T r, Round mode, T a, T b, Compare compare) {
  const T below = std::nextafter(r, T(-INFINITY)), above = std::nextafter(r, T(INFINITY));
  bool ok = false;  // compare(x) is the sign of (exact - x)
  switch (mode) {
    case Round::rn:
      ok = compare((Quad(below) + r) / 2) >= 0 && compare((Quad(r) + above) / 2) <= 0;
      break;
    case Round::rm:
      ok = compare(r) >= 0 && compare(above) < 0;
      break;
    case Round::rp:
      ok = compare(r) <= 0 && compare(below) > 0;
      break;
    default:
      ok = r > 0 || (r == 0 && !std::signbit(r)) ? compare(r) >= 0 && compare(above) < 0
                                                 : compare(r) <= 0 && compare(below) > 0;
  }
  tally.expect(ok, mode, r, 0, a, b);
}

int sign_of(Quad v) { return v > 0 ? 1 : v < 0 ? -1 : 0; }

template <class T, class Div, class Sqrt>
void quotients(Tally& tally, T a, T b, Div div, Sqrt root) {
  if (!std::isfinite(a) || !std::isfinite(b) || a == 0 || b == 0) return;
  const int b_sign = b < 0 ? -1 : 1;
  for (Round mode : kModes) {
    const T q = div(a, b, mode);
    if (std::isfinite(q) && std::fabs(q) < std::numeric_limits<T>::max())
      bracketed(tally, q, mode, a, b, [&](Quad x) { return sign_of(Quad(a) - x * b) * b_sign; });
    const T size = std::fabs(a);
    bracketed(tally, root(size, mode), mode, size, T(0),
              [&](Quad x) { return x < 0 ? 1 : sign_of(Quad(size) - x * x); });
  }
}

void f32_arithmetic_rounds_once() {
  Tally tally("f32 arithmetic"), divided("f32 division");
  auto one = [&](float a, float b, float c) {
    arithmetic(kF32, a, b, c, sim::fma_f32, sim::add_f32, sim::mul_f32, tally);
    quotients(divided, a, b, sim::div_f32, sim::sqrt_f32);
  };
  for (float a : kSpecial)
    for (float b : kSpecial)
      for (float c : kSpecial) one(a, b, c);
  for (int i = 0; i < 30000; i++) {
    const float a = random_float(), b = random_float();
    one(a, b, random_float());
    const float near_one = 1 + float(int(random_bits() % 4096)) * FLT_EPSILON;
    one(a, near_one, -a * near_one);  // cancels, or nearly
    one(near_one, std::ldexp(near_one, int(random_bits() % 60) - 30), std::ldexp(a, -150));
  }
}

void f64_arithmetic_rounds_once() {
  Tally tally("f64 arithmetic"), divided("f64 division");
  auto one = [&](double a, double b, double c) {
    arithmetic(kF64, a, b, c, sim::fma_f64, sim::add_f64, sim::mul_f64, tally);
    quotients(divided, a, b, sim::div_f64, sim::sqrt_f64);
  };
  for (float a : kSpecial)
    for (float b : kSpecial)
      for (double c : {0.0, -0.0, 1.0, DBL_TRUE_MIN, -DBL_MAX, DBL_MIN, double(a) * double(b)}) one(a, b, c);
  for (int i = 0; i < 20000; i++) {
    const double a = random_double(), b = random_double();
    one(a, b, random_double());
    const double near_one = 1 + double(random_bits() % 4096) * DBL_EPSILON;
    one(a, near_one, -a * near_one);
    one(near_one, std::ldexp(near_one, int(random_bits() % 130) - 65), std::ldexp(a, -1000));
  }
}

void sixteen_bit_fma_rounds_once() {
  Tally half("fma_f16"), brain("fma_bf16");
  auto one = [&](Tally& tally, Format f, uint16_t (*fma)(uint16_t, uint16_t, uint16_t), uint16_t a, uint16_t b,
                 uint16_t c) {
    const double x = value16(a, f), y = value16(b, f), z = value16(c, f);
    const bool finite = std::isfinite(x) && std::isfinite(y) && std::isfinite(z);
    const double should_be =
        finite ? fused(Quad(x) * y, std::signbit(x) != std::signbit(y), z, f, Round::rn) : x * y + z;
    const double is = value16(fma(a, b, c), f);
    tally.expect(same(is, should_be), Round::rn, is, should_be, x, y, z);
  };
  const uint16_t special[] = {0,      0x8000, 1,      0x8001, 0x3ff,  0x400,  0x3c00, 0xbc00, 0x3c01, 0x7bff, 0xfbff,
                              0x7c00, 0xfc00, 0x7e00, 0x3f80, 0xbf80, 0x3f81, 0x7f7f, 0xff7f, 0x7f80, 0xff80, 0x7fc0};
  for (uint16_t a : special)
    for (uint16_t b : special)
      for (uint16_t c : special) {
        one(half, kF16, sim::fma_f16, a, b, c);
        one(brain, kBf16, sim::fma_bf16, a, b, c);
      }
  for (int i = 0; i < 200000; i++) {
    const uint64_t r = random_bits();
    one(half, kF16, sim::fma_f16, uint16_t(r), uint16_t(r >> 16), uint16_t(r >> 32));
    one(brain, kBf16, sim::fma_bf16, uint16_t(r), uint16_t(r >> 16), uint16_t(r >> 32));
  }
}

void not_a_number_and_subnormals() {
  const float nan = std::bit_cast<float>(0xffc12345);
  for (Round mode : kModes) {
    for (float v : {sim::add_f32(nan, 1, mode), sim::mul_f32(nan, 1, mode), sim::fma_f32(1, nan, 1, mode),
                    sim::div_f32(0, 0, mode), sim::sqrt_f32(-1, mode), sim::add_f32(INFINITY, -INFINITY, mode),
                    sim::mul_f32(0, INFINITY, mode), sim::fma_f32(0, -INFINITY, 1, mode)})
      CHECK_EQUAL(std::bit_cast<uint32_t>(v), 0x7fffffffu);
    CHECK_EQUAL(sim::fma_f16(0x7c00, 0, 0), 0x7fff);
    CHECK_EQUAL(sim::fma_bf16(0xffc1, 0x3f80, 0), 0x7fff);
    CHECK(same(sim::sqrt_f32(-0.0f, mode), -0.0));
    CHECK(same(sim::div_f32(-1, 0, mode), -INFINITY));
  }
  CHECK(same(sim::flush(FLT_TRUE_MIN), 0.0) && same(sim::flush(-FLT_TRUE_MIN), -0.0));
  CHECK(same(sim::flush(std::nextafterf(FLT_MIN, 0)), 0.0) && sim::flush(-FLT_MIN) == -FLT_MIN);
  CHECK(std::isnan(sim::flush(NAN)) && sim::flush(-INFINITY) == -INFINITY);
  CHECK(same(sim::to_integral(-0.25, Round::rn), -0.0) && sim::to_integral(2.5, Round::rn) == 2);
}

}  // namespace

int main() {
  sixteen_bits_widen_exactly_and_come_back();
  f32_narrows_in_every_mode();
  f32_narrows_to_tf32();
  f64_narrows_in_one_rounding();
  integers_saturate();
  integers_convert_in_every_mode();
  f32_arithmetic_rounds_once();
  f64_arithmetic_rounds_once();
  sixteen_bit_fma_rounds_once();
  not_a_number_and_subnormals();
  return summary("numeric");
}
