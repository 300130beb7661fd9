// suite/special.cu and half.cu: the mathematics library over its whole range, within the errors that CUDA documents
// (Programming Guide, "Mathematical Functions"), every rounding of the basic operations, and 16-bit floats.
#include "suite/device.h"
#include <algorithm>
#include <bit>
#include <cfenv>
#include <cfloat>
#include <functional>

using namespace suite;

namespace {

template <class T>
std::vector<T> all_magnitudes(size_t count) {
  std::vector<T> values{T(0.0),
                        T(-0.0),
                        T(1),
                        T(-1),
                        T(0.5),
                        T(-2.5),
                        std::numeric_limits<T>::infinity(),
                        -std::numeric_limits<T>::infinity(),
                        std::numeric_limits<T>::quiet_NaN(),
                        std::numeric_limits<T>::max(),
                        -std::numeric_limits<T>::max(),
                        std::numeric_limits<T>::min(),
                        std::numeric_limits<T>::denorm_min(),
                        -std::numeric_limits<T>::denorm_min(),
                        T(3.14159265358979),
                        T(1.57079632679490),
                        T(88.7),
                        T(-87.4),
                        T(105414.4),
                        T(1e22)};
  while (values.size() < count) {
    const uint64_t bits = uint64_t(random_bits()) << 32 | random_bits();
    if (values.size() % 2)
      values.push_back(T((double(bits >> 11) * 0x1p-52 - 1) * (values.size() % 4 == 1 ? 5 : 200)));
    else if constexpr (sizeof(T) == 4)
      values.push_back(std::bit_cast<float>(uint32_t(bits)));
    else
      values.push_back(std::bit_cast<double>(bits));
  }
  return values;
}

/** Errors in units of the last place, counted as CUDA's tables do: from the correctly rounded result. */
template <class T, class R>
void within(const std::vector<T>& is, const std::vector<R>& should_be, double ulps, const std::vector<T>& a,
            const std::vector<T>& b, const char* name) {
  size_t wrong = 0;
  std::ostringstream text;
  text.precision(17);
  for (size_t i = 0; i < is.size(); i++) {
    const T nearest = T(should_be[i]);
    if (is[i] == nearest || (std::isnan(is[i]) && std::isnan(nearest))) continue;
    const int digits = std::numeric_limits<T>::digits, low = std::numeric_limits<T>::min_exponent - 1;
    const T unit = std::ldexp(T(1), std::max(std::ilogb(nearest), low) - digits + 1);
    const bool fine = std::isfinite(is[i]) && std::isfinite(nearest) && std::fabs(is[i] - nearest) <= ulps * unit;
    if (fine || wrong++) continue;
    text << name << " of " << a[i];
    if (!b.empty()) text << ", " << b[i];
    text << " is " << is[i] << ", should be " << nearest;
  }
  check(wrong == 0, __FILE__, __LINE__, text.str() + " (" + std::to_string(wrong) + " wrong)");
}

template <class T, class R>
struct Unary {
  const char* name;
  double ulps;
  R (*reference)(R);
};
template <class T, class R>
struct Binary {
  const char* name;
  double ulps;
  R (*reference)(R, R);
};

template <class T, class R>
void run(const Module& module, const Unary<T, R>& f) {
  const auto in = all_magnitudes<T>(500);
  Buffer<T> out(in.size());
  module[f.name]({blocks(in.size(), 128)}, {128}, 0, Buffer(in), out, int(in.size()));
  std::vector<R> should_be;
  for (T v : in) should_be.push_back(f.reference(v));
  within(out.read(), should_be, f.ulps, in, {}, f.name);
}

template <class T, class R>
void run(const Module& module, const Binary<T, R>& f) {
  auto a = all_magnitudes<T>(600), b = all_magnitudes<T>(600);
  for (int i = 0; i < 20; i++)
    for (int j = 0; j < 20; j++) a.push_back(a[i]), b.push_back(b[j]);
  Buffer<T> out(a.size());
  module[f.name]({blocks(a.size(), 128)}, {128}, 0, Buffer(a), Buffer(b), out, int(a.size()));
  std::vector<R> should_be;
  for (size_t i = 0; i < a.size(); i++) should_be.push_back(f.reference(a[i], b[i]));
  within(out.read(), should_be, f.ulps, a, b, f.name);
}

void functions_of_float() {
  const Module module("special");
  using F = double (*)(double);
  const Unary<float, double> unary[] = {{"f_sin", 2, F(std::sin)},
                                        {"f_cos", 2, F(std::cos)},
                                        {"f_tan", 4, F(std::tan)},
                                        {"f_exp", 2, F(std::exp)},
                                        {"f_exp2", 2, F(std::exp2)},
                                        {"f_expm1", 2, F(std::expm1)},
                                        {"f_log", 2, F(std::log)},
                                        {"f_log1p", 2, F(std::log1p)},
                                        {"f_erf", 2, F(std::erf)},
                                        {"f_erfc", 4, F(std::erfc)},
                                        {"f_tanh", 2, F(std::tanh)},
                                        {"f_atan", 2, F(std::atan)},
                                        {"f_asin", 2, F(std::asin)},
                                        {"f_sqrt", 0, F(std::sqrt)},
                                        {"f_rsqrt", 2, [](double x) { return 1 / std::sqrt(x); }},
                                        {"f_cbrt", 1, F(std::cbrt)},
                                        {"f_reciprocal", 0, [](double x) { return 1 / x; }}};
  for (const auto& f : unary) run(module, f);
  using G = double (*)(double, double);
  const Binary<float, double> binary[] = {{"f_pow", 4, G(std::pow)},
                                          {"f_divide", 0, [](double x, double y) { return x / y; }},
                                          {"f_fmod", 0, G(std::fmod)},
                                          {"f_atan2", 3, G(std::atan2)},
                                          {"f_hypot", 3, G(std::hypot)}};
  for (const auto& f : binary) run(module, f);
}

void functions_of_double() {
  const Module module("special");
  using F = long double (*)(long double);
  const Unary<double, long double> unary[] = {
      {"d_sin", 2, F(std::sin)},
      {"d_cos", 2, F(std::cos)},
      {"d_exp", 1, F(std::exp)},
      {"d_log", 1, F(std::log)},
      {"d_sqrt", 0, [](long double x) { return (long double)std::sqrt(double(x)); }},
      {"d_reciprocal", 0, [](long double x) { return (long double)(1 / double(x)); }},
      {"d_erf", 2, F(std::erf)},
      {"d_tanh", 2, F(std::tanh)},
      {"d_rsqrt", 1, [](long double x) { return 1 / std::sqrt(x); }}};
  for (const auto& f : unary) run(module, f);
  using G = long double (*)(long double, long double);
  const Binary<double, long double> binary[] = {
      {"d_pow", 2, G(std::pow)},
      {"d_divide", 0, [](long double x, long double y) { return (long double)(double(x) / double(y)); }},
      {"d_fmod", 0, G(std::fmod)}};
  for (const auto& f : binary) run(module, f);
}

void functions_of_a_range() {
  const Module module("special");
  const auto in = uniforms(400, -3, 3);
  const int n = int(in.size());
  auto one = [&](const char* name, double absolute, double (*reference)(double), const std::vector<float>& values) {
    std::vector<double> should_be;
    for (float v : values) should_be.push_back(reference(v));
    Buffer<float> out(n);
    module[name]({4}, {128}, 0, Buffer(values), out, n);
    near(out.read(), should_be, 1e-5, absolute, name);
  };
  one(
      "f_fast", 1e-5,
      [](double x) { return std::sin(x) + std::cos(x) + std::exp(x) + std::log(x * x + 1) + x / (x * x + 1); }, in);
  one(
      "f_lgamma", 1e-5, [](double x) { return std::lgamma(x); }, uniforms(n, 0.01f, 50));
  auto halves = uniforms(n, -1000, 1000);
  for (int i = 0; i < n; i += 2) halves[i] = float(i - n / 2) / 4;
  one(
      "f_round", 1e-4,
      [](double x) {
        return std::round(x) + std::rint(x) * 0.5 + std::trunc(x) * 0.25 + std::floor(x) * 0.125 +
               std::ceil(x) * 0.0625;
      },
      halves);
}

void copysign_and_extremes() {
  auto a = uniforms(50), b = uniforms(50);
  a[3] = NAN, b[4] = NAN, a[5] = INFINITY, b[6] = -0.0f, a[6] = 0.0f;
  std::vector<float> r;
  for (int i = 0; i < 50; i++) r.push_back(std::copysign(std::fmax(a[i], b[i]), std::fmin(a[i], b[i])));
  Buffer<float> out(50);
  Module("special")["f_copysign"]({1}, {64}, 0, Buffer(a), Buffer(b), out, 50);
  near(out.read(), r, 0, 0, "f_copysign");
}

/** The host's own unit, switched to the mode; noinline and volatile keep the compiler from working ahead. */
template <class T>
__attribute__((noinline)) std::vector<T> host_roundings(T a, T b, T c) {
  std::vector<T> r;
  const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  const std::function<T(volatile T&, volatile T&, volatile T&)> operations[] = {
      [](volatile T& x, volatile T& y, volatile T&) { return x + y; },
      [](volatile T& x, volatile T& y, volatile T&) { return x * y; },
      [](volatile T& x, volatile T& y, volatile T& z) { return std::fma(x, y, z); },
      [](volatile T& x, volatile T& y, volatile T&) { return x / y; },
      [](volatile T& x, volatile T&, volatile T&) { return std::sqrt(std::fabs(x)); }};
  volatile T x = a, y = b, z = c;
  for (const auto& operation : operations)
    for (int mode : modes) {
      std::fesetround(mode);
      volatile T result = operation(x, y, z);
      std::fesetround(FE_TONEAREST);
      r.push_back(T(result));
    }
  return r;
}

template <class T>
void roundings(const char* name) {
  const auto a = all_magnitudes<T>(300);
  auto b = all_magnitudes<T>(300), c = all_magnitudes<T>(300);
  std::reverse(b.begin(), b.end());
  std::rotate(c.begin(), c.begin() + 7, c.end());
  std::vector<T> should_be;
  for (size_t i = 0; i < a.size(); i++) {
    const auto r = host_roundings(a[i], b[i], c[i]);
    should_be.insert(should_be.end(), r.begin(), r.end());
  }
  Buffer<T> out(should_be.size());
  Module("special")[name]({3}, {128}, 0, Buffer(a), Buffer(b), Buffer(c), out, int(a.size()));
  const auto is = out.read();
  size_t wrong = 0;
  for (size_t i = 0; i < is.size(); i++)
    wrong += !(std::isnan(should_be[i]) ? std::isnan(is[i])
                                        : is[i] == should_be[i] && std::signbit(is[i]) == std::signbit(should_be[i]));
  CHECK_EQUAL(wrong, 0u);
}

void all_roundings() {
  roundings<float>("roundings");
  roundings<double>("roundings_double");
}

/** v in a format of `precision` bits, through real numbers: `round` makes the quotient by the last place whole. */
double rounded(double v, int precision, int emin, double (*round)(double)) {
  if (v == 0 || !std::isfinite(v)) return v;
  const int unit = std::max(std::ilogb(v), emin) - precision + 1;
  return std::ldexp(round(std::ldexp(v, -unit)), unit);
}
double to_half(double v) { return rounded(v, 11, -14, std::nearbyint); }
double to_bf16(double v) { return rounded(v, 8, -126, std::nearbyint); }

uint16_t half_bits(double v) {  // of a value that f16 holds
  if (v == 0) return std::signbit(v) ? 0x8000 : 0;
  const int e = std::max(std::ilogb(v), -14);
  const int fraction = int(std::ldexp(std::fabs(v), 10 - e));
  return uint16_t((v < 0 ? 0x8000 : 0) | (fraction + ((e + 14) << 10)));
}
double half_value(uint16_t v) {
  const int field = v >> 10 & 31, fraction = v & 1023;
  const double size = field ? std::ldexp(1024 + fraction, field - 25) : std::ldexp(fraction, -24);
  return v & 0x8000 ? -size : size;
}
uint16_t bf16_bits(double v) { return uint16_t(std::bit_cast<uint32_t>(float(v)) >> 16); }
double bf16_value(uint16_t v) { return std::bit_cast<float>(uint32_t(v) << 16); }

std::vector<double> values_of(const std::vector<uint16_t>& bits, double (*value)(uint16_t)) {
  std::vector<double> v;
  for (uint16_t b : bits) v.push_back(value(b));
  return v;
}
std::vector<uint16_t> sixteen(size_t count, uint16_t (*bits)(double), double (*round)(double), float range) {
  std::vector<uint16_t> v;
  for (size_t i = 0; i < count; i++) v.push_back(bits(round(uniform(-range, range))));
  return v;
}

void half_arithmetic() {
  const Module module("half");
  const int n = 100;
  const auto a = sixteen(n, half_bits, to_half, 3), b = sixteen(n, half_bits, to_half, 3);
  std::vector<double> should_be, axpy;
  for (int i = 0; i < n; i++) {
    const double x = half_value(a[i]), y = half_value(b[i]);
    for (double v : {x + y, x - y, x * y, x * y + x, -x, std::fabs(y), std::max(x, y), std::min(x, y), double(x < y),
                     std::min(std::max(x + y, 0.0), 1.0)})
      should_be.push_back(to_half(v));
    axpy.push_back(to_half(1.5 * x + y));
  }
  Buffer<uint16_t> out(10 * n), y(b);
  module["half_operations"]({2}, {64}, 0, Buffer(a), Buffer(b), out, n);
  near(values_of(out.read(), half_value), should_be, 0, 0, "half_operations");
  module["half2_axpy"]({1}, {64}, 0, Buffer(a), y, half_bits(1.5), n / 2);
  near(values_of(y.read(), half_value), axpy, 0, 0, "half2_axpy");
}

void bf16_arithmetic() {
  const int n = 80;  // pairs
  const auto a = sixteen(2 * n, bf16_bits, to_bf16, 3), b = sixteen(2 * n, bf16_bits, to_bf16, 3);
  std::vector<double> should_be;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 6; k++)
      for (int h = 0; h < 2; h++) {
        const double x = bf16_value(a[2 * i + h]), y = bf16_value(b[2 * i + h]);
        const double results[] = {x + y, x * y, x * y + y, std::max(x, y), x - y, -std::fabs(x)};
        should_be.push_back(to_bf16(results[k]));
      }
  Buffer<uint16_t> out(12 * n);
  Module("half")["bf16_operations"]({2}, {64}, 0, Buffer(a), Buffer(b), out, n);
  near(values_of(out.read(), bf16_value), should_be, 0, 0, "bf16_operations");
}

void conversions() {
  auto in = uniforms(200, -60000, 60000);
  for (int i = 0; i < 200; i += 2) in[i] = std::ldexp(in[i], -(i % 40));
  in[1] = 2.5f, in[3] = -0.5f, in[5] = 0x1.002p0f, in[7] = 0x1.006p0f, in[9] = 0x1.01p0f, in[11] = 0.0f;
  const int n = int(in.size());
  std::vector<double> halves, back;
  std::vector<int> ints;
  for (float v : in) {
    const double h = to_half(v), b = to_bf16(v);
    halves.insert(halves.end(),
                  {h, rounded(v, 11, -14, std::trunc), rounded(v, 11, -14, std::floor), rounded(v, 11, -14, std::ceil),
                   b, rounded(v, 8, -126, std::trunc), to_half(std::trunc(v)), to_half(v * 1.0009765625)});
    back.insert(back.end(), {h, b});
    const int whole = int(v);
    ints.insert(ints.end(),
                {int(std::nearbyint(v)), whole, int(std::floor(v)), int(std::ceil(v)), v < 0 ? 0 : whole,
                 int(std::nearbyint(h)), int((signed char)whole), int((long long)(std::nearbyint(v * 65536.0)) >> 8)});
  }
  Buffer<uint16_t> out(8 * n);
  Buffer<float> out2(2 * n);
  Buffer<int> out3(8 * n);
  Module("half")["conversions"]({2}, {128}, 0, Buffer(in), out, out2, out3, n);
  auto bits = out.read();
  std::vector<double> is;
  for (size_t i = 0; i < bits.size(); i++)
    is.push_back(i % 8 == 4 || i % 8 == 5 ? bf16_value(bits[i]) : half_value(bits[i]));
  near(is, halves, 0, 0, "conversions to 16 bits");
  near(out2.read(), back, 0, 0, "conversions back");
  same(out3.read(), ints, "conversions to integers");
}

void bf16_dot() {
  const auto a = uniforms(200), b = uniforms(200);
  double sum = 0;
  for (int i = 0; i < 200; i++) sum += to_bf16(a[i]) * to_bf16(b[i]);
  Buffer<float> out(1);
  Module("half")["bf16_dot"]({1}, {32}, 0, Buffer(a), Buffer(b), out, 100);
  near(out.read(), std::vector<double>{sum}, 1e-5, 1e-5, "bf16_dot");
}

void half_functions() {
  const int n = 100;
  const auto in = sixteen(n, half_bits, to_half, 5);
  std::vector<double> should_be;
  for (uint16_t bits : in) {
    const double v = half_value(bits);
    should_be.insert(should_be.end(), {std::exp(v), std::sqrt(std::fabs(v)), 1 / v, std::floor(v), std::tanh(v),
                                       std::log2(std::fabs(v))});
  }
  Buffer<uint16_t> out(6 * n);
  Module("half")["half_functions"]({1}, {128}, 0, Buffer(in), out, n);
  near(values_of(out.read(), half_value), should_be, 1.5e-3, 1e-3, "half_functions");
}

}  // namespace

#define TEST(name) \
  { #name, name }
int main() {
  return run_all("suite: math", {TEST(functions_of_float), TEST(functions_of_double), TEST(functions_of_a_range),
                                 TEST(copysign_and_extremes), TEST(all_roundings), TEST(half_arithmetic),
                                 TEST(bf16_arithmetic), TEST(conversions), TEST(bf16_dot), TEST(half_functions)});
}
