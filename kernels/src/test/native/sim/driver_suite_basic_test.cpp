// suite/vector.cu, matmul.cu, stencil.cu, softmax.cu and text.cu, each kernel against plain C++ on the host.
#include "suite/device.h"
#include <algorithm>

using namespace suite;

namespace {

void vector_add() {
  const Kernel kernel = Module("vector")["vector_add"];
  for (int n : {1, 31, 32, 33, 255, 1000}) {
    const auto a = uniforms(n), b = uniforms(n);
    std::vector<float> sum(n);
    for (int i = 0; i < n; i++) sum[i] = a[i] + b[i];
    Buffer<float> out(n);
    kernel({blocks(n, 128)}, {128}, 0, Buffer(a), Buffer(b), out, n);
    same(out.read(), sum, "vector_add of " + std::to_string(n));
  }
}

void saxpy() {
  const Kernel kernel = Module("vector")["saxpy"];
  for (int n : {1, 63, 700, 2049}) {
    const auto x = uniforms(n);
    auto y = uniforms(n);
    Buffer<float> out(y);
    kernel({3}, {96}, 0, n, 1.75f, Buffer(x), out);
    for (int i = 0; i < n; i++) y[i] = std::fma(1.75f, x[i], y[i]);
    same(out.read(), y, "saxpy");
  }
}

template <class T>
void scale(const Module& module, const char* name, T factor) {
  std::vector<T> values(77);
  for (T& v : values) v = T(int64_t(random_bits()) - (1ll << 31)) / T(3);
  Buffer<T> out(values);
  module[name]({2}, {64}, 0, out, factor, values.size());
  for (T& v : values) v = T(v * factor);
  same(out.read(), values, name);
}

void templates() {
  const Module module("vector");
  scale<float>(module, "scale_float", 1.5f);
  scale<double>(module, "scale_double", -0.1);
  scale<long long>(module, "scale_long", -12345678901ll);
  scale<unsigned char>(module, "scale_byte", 7);
  scale<short>(module, "scale_short", -3);
}

void affine_clamp() {
  const Kernel kernel = Module("vector")["affine_clamp4"];
  for (int n : {1, 4, 7, 130}) {
    const auto x = uniforms(n, -2, 2);
    std::vector<float> y(n);
    for (int i = 0; i < n; i++) y[i] = std::min(std::max(std::fma(0.75f, x[i], 0.25f), 0.f), 1.f);
    Buffer<float> out(n);
    kernel({blocks(n / 4 + 1, 32)}, {32}, 0, Buffer(x), out, n, 0.75f, 0.25f);
    same(out.read(), y, "affine_clamp4");
  }
}

struct Particle {
  float position[3];
  float mass;
  double energy;
  char kind;
  short charge;
};
struct Step {
  unsigned long long particles, force;
  int count;
  float dt;
  double scale[3];
  unsigned char flags[5];
};

void structures_by_value() {
  std::vector<Particle> particles(45);
  for (size_t i = 0; i < particles.size(); i++)
    particles[i] = {{uniform(0, 1), uniform(0, 1), uniform(0, 1)}, uniform(1, 2), uniform(0, 1), char(i % 3), short(i)};
  const auto force = uniforms(3 * particles.size());
  const Buffer<Particle> out(particles);
  const Buffer<float> forces(force);
  const Step step{out.address(), forces.address(), int(particles.size()), 0.125f, {1, 0.5, -3}, {1, 2, 3, 250, 255}};
  Module("vector")["push_particles"]({2}, {32}, 0, step, char(1));
  const auto is = out.read();
  for (size_t i = 0; i < particles.size(); i++) {
    Particle p = particles[i];
    if (p.kind == 1) {
      for (int k = 0; k < 3; k++) p.position[k] += step.dt * force[3 * i + k] / p.mass;
      p.energy += step.scale[i % 3] * p.charge;
      p.charge = short(p.charge + step.flags[i % 5]);
    }
    for (int k = 0; k < 3; k++) CHECK(std::fabs(is[i].position[k] - p.position[k]) < 1e-6);
    CHECK(std::fabs(is[i].energy - p.energy) < 1e-12);
    CHECK(is[i].charge == p.charge && is[i].kind == p.kind && is[i].mass == p.mass);
  }
}

struct Int4 {
  int x, y, z, w;
};

void three_dimensions() {
  const int width = 7, height = 5, depth = 6;
  Buffer<Int4> out(width * height * depth);
  Module("vector")["coordinates"]({2, 3, 2}, {4, 2, 3}, 0, out, width, height, depth);
  const auto is = out.read();
  for (int z = 0, i = 0; z < depth; z++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++, i++)
        CHECK(is[i].x == x && is[i].y == y && is[i].z == z && is[i].w == (z % 3 * 2 + y % 2) * 4 + x % 4);
}

void complex_power() {
  const int n = 50, power = 11;
  const auto z = uniforms(2 * n);
  Buffer<float> out(z);
  Module("vector")["complex_power"]({1}, {64}, 0, out, n, power);
  std::vector<double> should_be;
  for (int i = 0; i < n; i++) {
    double re = 1, im = 0;
    for (int k = 0; k < power; k++) {
      const double next = re * z[2 * i] - im * z[2 * i + 1];
      im = re * z[2 * i + 1] + im * z[2 * i];
      re = next;
    }
    should_be.insert(should_be.end(), {re, im});
  }
  near(out.read(), should_be, 1e-5, 1e-5, "complex_power");
}

template <class T>
std::vector<double> product(const std::vector<T>& a, const std::vector<T>& b, int m, int n, int k) {
  std::vector<double> c(size_t(m) * n);
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++)
      for (int l = 0; l < k; l++) c[i * n + j] += double(a[i * k + l]) * double(b[l * n + j]);
  return c;
}

void matmuls() {
  const Module module("matmul");
  for (auto [m, n, k] : {std::tuple(1, 1, 1), {16, 16, 16}, {33, 17, 40}, {70, 65, 19}}) {
    const auto a = uniforms(m * k), b = uniforms(k * n);
    const auto c = product(a, b, m, n, k);
    Buffer<float> out(m * n);
    module["matmul_tiled"]({blocks(n, 16), blocks(m, 16)}, {16, 16}, 0, Buffer(a), Buffer(b), out, m, n, k);
    near(out.read(), c, 1e-5, 1e-5, "matmul_tiled");
    Buffer<float> out2(m * n);
    module["matmul_registers"]({blocks(n, 64), blocks(m, 64)}, {256}, 2 * 16 * 65 * 4, Buffer(a), Buffer(b), out2, m, n,
                               k);
    near(out2.read(), c, 1e-5, 1e-5, "matmul_registers");
    const std::vector<double> da(a.begin(), a.end()), db(b.begin(), b.end());
    Buffer<double> out3(m * n);
    module["matmul_double"]({blocks(n, 8), blocks(m, 8)}, {8, 8}, 0, Buffer(da), Buffer(db), out3, m, n, k);
    near(out3.read(), c, 1e-14, 1e-14, "matmul_double");
  }
}

void dp4a() {
  const int m = 9, n = 13, k = 36;
  const auto a = integers<signed char>(m * k, -128, 127), b = integers<signed char>(n * k, -128, 127);
  Buffer<int> out(m * n);
  Module("matmul")["matmul_dp4a"]({2, 3}, {8, 4}, 0, Buffer(a), Buffer(b), out, m, n, k / 4);
  std::vector<int> c(m * n);
  for (int i = 0; i < m * n; i++)
    for (int l = 0; l < k; l++) c[i] += a[i / n * k + l] * b[i % n * k + l];
  same(out.read(), c, "matmul_dp4a");
}

void transposes() {
  const Module module("matmul");
  for (auto [width, height] : {std::pair(1, 1), {32, 32}, {70, 33}, {31, 97}}) {
    const auto in = uniforms(width * height);
    std::vector<float> t(in.size());
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) t[x * height + y] = in[y * width + x];
    Buffer<float> naive(in.size()), tiled(in.size());
    module["transpose_naive"]({blocks(width, 16), blocks(height, 8)}, {16, 8}, 0, Buffer(in), naive, width, height);
    same(naive.read(), t, "transpose_naive");
    module["transpose_tiled"]({blocks(width, 32), blocks(height, 32)}, {32, 8}, 0, Buffer(in), tiled, width, height);
    same(tiled.read(), t, "transpose_tiled");
  }
}

void matvec() {
  const int rows = 11, cols = 77;
  const auto a = uniforms(rows * cols), x = uniforms(cols);
  Buffer<float> out(rows);
  Module("matmul")["matvec_warp"]({blocks(rows, 4)}, {128}, 0, Buffer(a), Buffer(x), out, rows, cols);
  near(out.read(), product(a, x, rows, 1, cols), 1e-5, 1e-5, "matvec_warp");
}

void stencil_1d() {
  const Kernel kernel = Module("stencil")["stencil_1d"];
  for (int n : {1, 128, 131, 500}) {
    const auto in = integers<int>(n, -1000, 1000);
    std::vector<int> sums(n);
    for (int i = 0; i < n; i++)
      for (int j = std::max(i - 3, 0); j <= std::min(i + 3, n - 1); j++) sums[i] += in[j];
    Buffer<int> out(n);
    kernel({blocks(n, 128)}, {128}, 0, Buffer(in), out, n);
    same(out.read(), sums, "stencil_1d");
  }
}

void stencil_2d() {
  const int width = 37, height = 21;
  auto now = uniforms(width * height);
  Buffer<float> a(now), b(now.size());
  const Kernel kernel = Module("stencil")["stencil_2d"];
  for (int step = 0; step < 4; step++) {
    const Buffer<float>&from = step % 2 ? b : a, &to = step % 2 ? a : b;
    kernel({blocks(width, 16), blocks(height, 4)}, {16, 4}, 0, from, to, width, height, 0.2f);
    auto next = now;
    for (int y = 1; y < height - 1; y++)
      for (int x = 1; x < width - 1; x++) {
        const float* c = &now[y * width + x];
        next[y * width + x] = *c + 0.2f * (c[-1] + c[1] + c[-width] + c[width] - 4 * *c);
      }
    now = next;
  }
  near(a.read(), now, 1e-5, 1e-6, "stencil_2d");
}

void convolution() {
  const Module module("stencil");
  const int width = 45, height = 30;
  const auto in = uniforms(width * height);
  for (int size : {3, 5, 9}) {
    const auto filter = uniforms(size * size);
    auto padded = filter;
    padded.resize(81);
    module.set("filter", padded);
    if (size != 3) module.set("filter_size", std::vector<int>{size});  // 3 is its initial value
    std::vector<double> should_be(in.size());
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
        for (int j = 0; j < size; j++)
          for (int i = 0; i < size; i++) {
            const int yy = y + j - size / 2, xx = x + i - size / 2;
            if (yy >= 0 && yy < height && xx >= 0 && xx < width)
              should_be[y * width + x] += double(filter[j * size + i]) * in[yy * width + xx];
          }
    Buffer<float> out(in.size());
    module["convolution"]({blocks(width, 16), blocks(height, 16)}, {16, 16}, 0, Buffer(in), out, width, height);
    near(out.read(), should_be, 1e-5, 1e-5, "convolution");
  }
}

void module_tables() {
  const Module module("stencil");
  const int n = 100;
  module.set("visits", std::vector<unsigned>{5});
  module.set("weights", std::vector<double>{0.5, -0.25, 0.125, 2.0});
  Buffer<int> out(n);
  Buffer<double> sums(n);
  Buffer<char> text(n);
  module["tables"]({2}, {64}, 0, out, sums, text, n);
  const int steps[] = {1, -2, 3, -5, 8, -13, 21, -34};
  const double weights[] = {0.5, -0.25, 0.125, 2.0};
  const std::string names[] = {"alpha", "beta", "gamma"}, tags[] = {"abc", "xyz"};
  const auto o = out.read();
  const auto s = sums.read();
  const auto t = text.read();
  for (int i = 0; i < n; i++) {
    CHECK_EQUAL(o[i], (i % 2 ? 9 : 7) * 1000 + steps[i % 4 + i % 2 * 4] + tags[i % 2][i % 3]);
    CHECK_EQUAL(s[i], weights[i % 4] * i);
    CHECK_EQUAL(t[i], names[i % 3][i % names[i % 3].size()]);
  }
  unsigned visits;
  ok(cuMemcpyDtoH_v2(&visits, module.global("visits", 4), 4));
  CHECK_EQUAL(visits, 105u);
}

void softmax() {
  const Kernel kernel = Module("softmax")["softmax_online"];
  for (int cols : {1, 31, 64, 300}) {
    const int rows = 3;
    const auto x = uniforms(rows * cols, -20, 20);
    std::vector<double> y(x.size());
    for (int r = 0; r < rows; r++) {
      const double top = *std::max_element(x.begin() + r * cols, x.begin() + (r + 1) * cols);
      double sum = 0;
      for (int c = 0; c < cols; c++) sum += y[r * cols + c] = std::exp(x[r * cols + c] - top);
      for (int c = 0; c < cols; c++) y[r * cols + c] /= sum;
    }
    Buffer<float> out(x.size());
    kernel({unsigned(rows)}, {64}, 0, Buffer(x), out, rows, cols);
    near(out.read(), y, 1e-5, 1e-9, "softmax_online");
  }
}

void layer_norm() {
  const int rows = 5, cols = 100;
  const auto x = uniforms(rows * cols, -3, 5), gamma = uniforms(cols), beta = uniforms(cols);
  std::vector<double> y(x.size());
  for (int r = 0; r < rows; r++) {
    double mean = 0, square = 0;
    for (int c = 0; c < cols; c++) mean += x[r * cols + c] / double(cols);
    for (int c = 0; c < cols; c++) square += std::pow(x[r * cols + c] - mean, 2) / cols;
    for (int c = 0; c < cols; c++)
      y[r * cols + c] = (x[r * cols + c] - mean) / std::sqrt(square + 1e-5) * gamma[c] + beta[c];
  }
  Buffer<float> out(x.size());
  Module("softmax")["layer_norm"]({2}, {32, 4}, 0, Buffer(x), out, Buffer(gamma), Buffer(beta), rows, cols / 4, 1e-5f);
  near(out.read(), y, 1e-5, 1e-5, "layer_norm");
}

void cross_entropy() {
  const int rows = 7, classes = 45;
  const auto logits = uniforms(rows * classes, -8, 8);
  const auto labels = integers<int>(rows, 0, classes - 1);
  std::vector<double> loss(rows);
  for (int r = 0; r < rows; r++) {
    double sum = 0;
    for (int c = 0; c < classes; c++) sum += std::exp(double(logits[r * classes + c]));
    loss[r] = std::log(sum) - logits[r * classes + labels[r]];
  }
  Buffer<float> out(rows);
  Module("softmax")["cross_entropy"]({2}, {128}, 0, Buffer(logits), Buffer(labels), out, rows, classes);
  near(out.read(), loss, 1e-5, 1e-5, "cross_entropy");
}

void string_search() {
  std::string text;
  for (int i = 0; i < 700; i++) text += "aab"[random_bits() % 3];
  for (std::string pattern : {"a", "aab", "abaab", "bbbbbbbbbbbbbbbbbbbb"}) {
    std::vector<unsigned char> found(text.size());
    int count = 0;
    for (size_t at = text.find(pattern); at != std::string::npos; at = text.find(pattern, at + 1))
      found[at] = 1, count++;
    Buffer<unsigned char> out(text.size());
    Buffer<int> total(1, 0);
    Module("text")["search"]({blocks(text.size(), 96)}, {96}, 0, Buffer(std::vector<char>(text.begin(), text.end())),
                             int(text.size()), Buffer(std::vector<char>(pattern.begin(), pattern.end())),
                             int(pattern.size()), out, total);
    same(out.read(), found, "search");
    CHECK_EQUAL(total.read()[0], count);
  }
}

void hashes() {
  const int size = 37, n = 40;
  const auto records = integers<unsigned char>(size * n, 0, 255);
  std::vector<unsigned long long> fnv;
  std::vector<unsigned> crc;
  for (int i = 0; i < n; i++) {
    unsigned long long h = 0xcbf29ce484222325;
    unsigned c = ~0u;
    for (int k = 0; k < size; k++) {
      const unsigned char v = records[i * size + k];
      h = (h ^ v) * 0x100000001b3;
      c ^= v;
      for (int b = 0; b < 8; b++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
    }
    fnv.push_back(h);
    crc.push_back(~c);
  }
  Buffer<unsigned long long> out(n);
  Buffer<unsigned> out2(n);
  Module("text")["hashes"]({2}, {32}, 0, Buffer(records), size, n, out, out2);
  same(out.read(), fnv, "fnv");
  same(out2.read(), crc, "crc");
}

void byte_simd() {
  const auto bytes = integers<unsigned char>(400, 0, 255);
  auto upper = bytes;
  for (auto& b : upper)
    if (b >= 'a' && b <= 'z') b -= 32;
  Buffer<unsigned char> out(bytes);
  Module("text")["upper_case"]({1}, {128}, 0, out, 100);
  same(out.read(), upper, "upper_case");

  std::vector<signed char> lengths;
  for (unsigned char b : bytes)
    lengths.push_back(b < 0x80 ? 1 : b < 0xc0 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf8 ? 4 : -1);
  Buffer<signed char> out2(bytes.size());
  Module("text")["utf8_lengths"]({4}, {128}, 0, Buffer(bytes), out2, int(bytes.size()));
  same(out2.read(), lengths, "utf8_lengths");
}

}  // namespace

#define TEST(name) \
  { #name, name }
int main() {
  return run_all(
      "suite: basic",
      {TEST(vector_add),       TEST(saxpy),         TEST(templates),     TEST(affine_clamp),  TEST(structures_by_value),
       TEST(three_dimensions), TEST(complex_power), TEST(matmuls),       TEST(dp4a),          TEST(transposes),
       TEST(matvec),           TEST(stencil_1d),    TEST(stencil_2d),    TEST(convolution),   TEST(module_tables),
       TEST(softmax),          TEST(layer_norm),    TEST(cross_entropy), TEST(string_search), TEST(hashes),
       TEST(byte_simd)});
}
