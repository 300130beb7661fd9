// suite/wmma.cu and mma.cu: tensor-core kernels against products in double.
#include "suite/device.h"
#include <algorithm>
#include <bit>

using namespace suite;

namespace {

/** Small multiples of 1/8: exact in f16, bf16 and tf32, and so are their products' sums in f32. */
std::vector<float> eighths(size_t count) {
  std::vector<float> values;
  for (size_t i = 0; i < count; i++) values.push_back(float(int(random_bits() % 33) - 16) / 8);
  return values;
}
std::vector<uint16_t> halves(const std::vector<float>& values) {
  std::vector<uint16_t> bits;
  for (float v : values) {
    const uint32_t f = std::bit_cast<uint32_t>(v);
    bits.push_back(uint16_t(v == 0 ? 0 : (f >> 16 & 0x8000) | ((f >> 13 & 0x3ffff) - (112 << 10))));
  }
  return bits;
}
std::vector<uint16_t> brains(const std::vector<float>& values) {
  std::vector<uint16_t> bits;
  for (float v : values) bits.push_back(uint16_t(std::bit_cast<uint32_t>(v) >> 16));
  return bits;
}
double half_value(uint16_t v) {
  const int field = v >> 10 & 31, fraction = v & 1023;
  const double size = field ? std::ldexp(1024 + fraction, field - 25) : std::ldexp(fraction, -24);
  return v & 0x8000 ? -size : size;
}

/** Element (row, column) of a matrix with that distance between rows (or columns, if `by_column`). */
template <class T>
double at(const std::vector<T>& m, int row, int column, int stride, bool by_column) {
  return double(by_column ? m[column * stride + row] : m[row * stride + column]);
}

template <class T, class U>
std::vector<double> product(const std::vector<T>& a, bool a_by_column, const std::vector<U>& b, bool b_by_column, int m,
                            int n, int k, double start = 0) {
  std::vector<double> c(m * n, start);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++)
      for (int l = 0; l < k; l++)
        c[i * n + j] += at(a, i, l, a_by_column ? m : k, a_by_column) * at(b, l, j, b_by_column ? k : n, b_by_column);
  return c;
}

template <class T>
std::vector<T> transposed(const std::vector<T>& m, int rows, int columns) {
  std::vector<T> t(m.size());
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) t[j * rows + i] = m[i * columns + j];
  return t;
}

void wmma_gemm() {
  for (auto [m, n, k] : {std::tuple(16, 16, 16), {48, 32, 64}}) {
    const auto a = eighths(m * k), b = eighths(k * n), c = eighths(m * n);
    auto d = product(a, false, b, true, m, n, k);
    for (int i = 0; i < m * n; i++) d[i] = 2 * d[i] - 0.5 * c[i];
    Buffer<float> out(m * n);
    Module("wmma")["wmma_gemm"]({blocks(m / 16, 2), blocks(n / 16, 2)}, {64, 2}, 0, Buffer(halves(a)),
                                Buffer(halves(b)), Buffer(c), out, m, n, k, 2.f, -0.5f);
    near(out.read(), d, 0, 0, "wmma_gemm");
  }
}

void wmma_other_shapes() {
  const Module module("wmma");
  const auto a = eighths(512), b = eighths(512);
  const std::vector<float> small_a(a.begin(), a.begin() + 128), small_b(b.begin(), b.begin() + 128);
  Buffer<uint16_t> d(256);
  module["wmma_half"]({1}, {32}, 0, Buffer(halves(a)), Buffer(halves(small_b)), d);
  auto c = product(a, true, small_b, false, 32, 8, 16);
  for (double& v : c) v = 2 * v + 0.5;
  std::vector<double> is;
  for (uint16_t v : d.read()) is.push_back(half_value(v));
  near(is, transposed(c, 32, 8), 0x1p-11, 0, "wmma m32n8k16 in f16");

  Buffer<float> d2(256);
  module["wmma_bf16"]({1}, {32}, 0, Buffer(brains(small_a)), Buffer(brains(b)), d2);
  near(d2.read(), product(small_a, false, b, false, 8, 32, 16), 0, 0, "wmma m8n32k16 of bf16");

  module["wmma_tf32"]({1}, {32}, 0, Buffer(small_a), Buffer(small_b), d2);
  near(d2.read(), product(small_a, false, small_b, false, 16, 16, 8), 0, 0, "wmma m16n16k8 of tf32");
}

void wmma_bytes() {
  const auto a = integers<signed char>(256, -128, 127), b = integers<signed char>(256, -128, 127);
  const auto ua = integers<unsigned char>(256, 0, 255), ub = integers<unsigned char>(256, 0, 255);
  Buffer<int> d(256), ud(256);
  Module("wmma")["wmma_bytes"]({1}, {32}, 0, Buffer(a), Buffer(b), Buffer(ua), Buffer(ub), d, ud);
  const auto c = product(a, false, b, true, 16, 16, 16, 3);
  auto uc = product(ua, true, ub, false, 16, 16, 16);
  for (int i = 0; i < 256; i++) uc[i] += c[i];
  near(d.read(), c, 0, 0, "wmma of s8");
  near(ud.read(), transposed(uc, 16, 16), 0, 0, "wmma of u8");
}

void wmma_double() {
  std::vector<double> a(32), b(32), c(64);
  for (double& v : a) v = uniform(-1, 1);
  for (double& v : b) v = uniform(-1, 1);
  for (double& v : c) v = uniform(-1, 1);
  Buffer<double> d(64);
  Module("wmma")["wmma_double"]({1}, {32}, 0, Buffer(a), Buffer(b), Buffer(c), d);
  auto should_be = product(a, false, b, true, 8, 8, 4);
  for (int i = 0; i < 64; i++) should_be[i] += c[i % 8 * 8 + i / 8];
  near(d.read(), should_be, 1e-14, 1e-14, "wmma m8n8k4 of f64");
}

void mma_gemm() {
  const Module module("mma");
  for (auto [m, n, k] : {std::tuple(64, 64, 32), {1, 8, 8}, {100, 72, 104}, {65, 136, 40}}) {
    const auto a = eighths(m * k), b = eighths(k * n);
    Buffer<float> out(m * n);
    module["mma_gemm"]({blocks(n, 64), blocks(m, 64)}, {128}, 0, Buffer(halves(a)), Buffer(halves(b)), out, m, n, k);
    near(out.read(), product(a, false, b, false, m, n, k), 0, 0, "mma_gemm");
  }
}

void mma_other_shapes() {
  const Module module("mma");
  const auto a = eighths(256), b = eighths(128);
  const std::vector<float> small_a(a.begin(), a.begin() + 128), small_b(b.begin(), b.begin() + 64);
  Buffer<float> d(128);
  module["mma_bf16_k8"]({1}, {32}, 0, Buffer(brains(small_a)), Buffer(brains(small_b)), d);
  near(d.read(), product(small_a, false, small_b, true, 16, 8, 8, 1), 0, 0, "mma m16n8k8 of bf16");
  module["mma_tf32"]({1}, {32}, 0, Buffer(small_a), Buffer(small_b), d);
  near(d.read(), product(small_a, false, small_b, false, 16, 8, 8), 0, 0, "mma m16n8k8 of tf32");

  std::vector<double> da(32), db(32);
  for (double& v : da) v = uniform(-1, 1);
  for (double& v : db) v = uniform(-1, 1);
  Buffer<uint16_t> h(128);
  Buffer<double> dd(64);
  module["mma_half_double"]({1}, {32}, 0, Buffer(halves(a)), Buffer(halves(b)), h, Buffer(da), Buffer(db), dd);
  std::vector<double> is;
  for (uint16_t v : h.read()) is.push_back(half_value(v));
  near(is, product(a, false, b, true, 16, 8, 16), 0x1p-11, 0, "mma m16n8k16 in f16");
  auto should_be = product(da, false, db, true, 8, 8, 4);
  for (int i = 0; i < 64; i++) should_be[i] += i % 2 ? -0.25 : 0.25;
  near(dd.read(), should_be, 1e-14, 1e-14, "mma m8n8k4 of f64");
}

void mma_integers() {
  const auto a = integers<signed char>(512, -128, 127);
  const auto b = integers<unsigned char>(256, 0, 255);
  for (int start : {0, 1, 0x7ffffff0, int(0x80000010)}) {
    Buffer<int> d(128), s(128);
    Module("mma")["mma_int8"]({1}, {32}, 0, Buffer(a), Buffer(b), d, s, start);
    std::vector<int> wrapped, saturated;
    for (double v : product(a, false, b, true, 16, 8, 32, start)) {
      wrapped.push_back(int(uint32_t(int64_t(v))));
      saturated.push_back(int(std::clamp<double>(v, INT32_MIN, INT32_MAX)));
    }
    same(d.read(), wrapped, "mma of 8-bit integers");
    same(s.read(), saturated, "mma of 8-bit integers, saturated");
  }
}

}  // namespace

#define TEST(name) \
  { #name, name }
int main() {
  return run_all("suite: tensor", {TEST(wmma_gemm), TEST(wmma_other_shapes), TEST(wmma_bytes), TEST(wmma_double),
                                   TEST(mma_gemm), TEST(mma_other_shapes), TEST(mma_integers)});
}
