// suite/reduce.cu, sort.cu, atomics.cu, simulate.cu and library.cu: threads that work together, against plain C++ on
// the host.
#include "suite/device.h"
#include <algorithm>
#include <numeric>
#include <set>

using namespace suite;

namespace {

void reduce_shared() {
  const Kernel kernel = Module("reduce")["reduce_shared"];
  for (int n : {1, 100, 256, 257, 2000}) {
    const auto in = integers<int>(n, -1000000, 1000000);
    const unsigned grid = blocks(n, 256);
    Buffer<int> out(grid);
    kernel({grid}, {128}, 128 * 4, Buffer(in), out, unsigned(n));
    const auto sums = out.read();
    CHECK_EQUAL(std::accumulate(sums.begin(), sums.end(), 0), std::accumulate(in.begin(), in.end(), 0));
  }
}

void reduce_unrolled() {
  for (int n : {5, 128, 1001}) {
    const auto in = uniforms(n);
    Buffer<float> out(3);
    Module("reduce")["reduce_unrolled"]({3}, {128}, 0, Buffer(in), out, unsigned(n));
    const auto sums = out.read();
    const double total = std::accumulate(in.begin(), in.end(), 0.0);
    CHECK(std::fabs(double(sums[0]) + sums[1] + sums[2] - total) < 1e-4);
  }
}

void reduce_shuffle() {
  for (int n : {1, 33, 1500}) {
    const auto in = uniforms(n, -100, -1);
    Buffer<float> sum(1), top(1);
    Buffer<int> at(1);
    Module("reduce")["reduce_shuffle"]({1}, {160}, 0, Buffer(in), n, sum, top, at);
    const auto best = std::max_element(in.begin(), in.end());
    CHECK(std::fabs(sum.read()[0] - std::accumulate(in.begin(), in.end(), 0.0)) < 1e-2);
    CHECK_EQUAL(top.read()[0], *best);
    CHECK_EQUAL(at.read()[0], int(best - in.begin()));
  }
}

void reduce_tiles() {
  const int n = 301;
  const auto in = integers<int>(n, -50, 50);
  std::vector<int> sums(48);
  for (int i = 0; i < n; i++) sums[i / 8] += in[i];
  Buffer<int> tiles(48), total(1, 1000);
  Module("reduce")["reduce_tiles"]({4}, {96}, 0, Buffer(in), tiles, total, n);
  same(tiles.read(), sums, "reduce_tiles");
  CHECK_EQUAL(total.read()[0], 1000 + std::accumulate(in.begin(), in.end(), 0));
}

void reduce_coalesced() {
  const int n = 150;
  const auto in = integers<int>(n, -1000, 1000);
  int count = 0, sum = 0;
  std::vector<int> top(6, INT32_MIN);
  for (int i = 0; i < n; i++) {
    if (in[i] & 1) count++, sum += in[i];
    top[i / 32] = std::max(top[i / 32], in[i]);
  }
  Buffer<int> odd_count(1, 0), odd_sum(1, 0), max_of_warp(6);
  Module("reduce")["reduce_coalesced"]({3}, {64}, 0, Buffer(in), n, odd_count, odd_sum, max_of_warp);
  CHECK_EQUAL(odd_count.read()[0], count);
  CHECK_EQUAL(odd_sum.read()[0], sum);
  same(max_of_warp.read(), top, "reduce_coalesced");
}

void histograms() {
  const Module module("reduce");
  for (int n : {1, 31, 1000}) {
    const auto data = integers<unsigned char>(n, 0, 255);
    std::vector<unsigned> bins(64);
    for (unsigned char v : data) bins[v / 4]++;
    Buffer<unsigned> out(64, 0u);
    module["histogram_shared"]({2}, {96}, 0, Buffer(data), size_t(n), out);
    same(out.read(), bins, "histogram_shared");

    const auto keys = integers<int>(n, 0, 7);
    std::vector<int> counts(8);
    for (int k : keys) counts[k]++;
    Buffer<int> votes(8, 0), matches(8, 0);
    module["histogram_vote"]({2}, {64}, 0, Buffer(keys), n, votes);
    same(votes.read(), counts, "histogram_vote");
    module["histogram_match"]({blocks(n, 64)}, {64}, 0, Buffer(keys), n, matches);
    same(matches.read(), counts, "histogram_match");
  }
}

void scans() {
  const Module module("reduce");
  for (int n : {1, 63, 64, 101, 128}) {
    const auto in = integers<int>(n, -9, 99);
    std::vector<int> sums(n);
    std::exclusive_scan(in.begin(), in.end(), sums.begin(), 0);
    Buffer<int> out(n);
    module["scan_blelloch"]({1}, {64}, 512, Buffer(in), out, n);
    same(out.read(), sums, "scan_blelloch");
  }
  const int n = 500;
  std::vector<long long> in(n), sums(n);
  for (long long& v : in) v = (long long)random_bits() * 1000003 - (1ll << 40);
  Buffer<long long> out(n), block_sums(2);
  module["scan_shuffle"]({2}, {256}, 0, Buffer(in), out, block_sums, n);
  std::inclusive_scan(in.begin(), in.begin() + 256, sums.begin());
  std::inclusive_scan(in.begin() + 256, in.end(), sums.begin() + 256);
  same(out.read(), sums, "scan_shuffle");
  same(block_sums.read(), {sums[255], sums[n - 1]}, "scan_shuffle sums");
}

void votes() {
  const auto in = integers<int>(32, -999, 999);
  Buffer<int> out(32 * 12);
  Module("reduce")["warp_votes"]({1}, {32}, 0, Buffer(in), out);
  int all_and = -1, all_or = 0, all_xor = 0, thirds = 0, any = 0;
  for (int lane = 0; lane < 32; lane++) {
    all_and &= in[lane], all_or |= in[lane], all_xor ^= in[lane];
    any |= in[lane] == 77;
    if (in[lane] % 3 == 0) thirds |= 1 << lane;
  }
  const int sum = std::accumulate(in.begin(), in.end(), 0);
  std::vector<int> should_be;
  for (int lane = 0; lane < 32; lane++)
    for (int v : {sum + (lane < 11 ? 11000 : 0), *std::min_element(in.begin(), in.end()),
                  *std::max_element(in.begin(), in.end()), all_and, all_or, all_xor, 2 + any, thirds, -1, 1,
                  in[(lane * 7 + 3) % 32], in[lane / 8 * 8 + 5]})
      should_be.push_back(v);
  same(out.read(), should_be, "warp_votes");
}

void sorts() {
  const Module module("sort");
  auto values = integers<unsigned>(256, 0u, 0xffffffffu);
  Buffer<unsigned> network(values);
  for (int k = 2; k <= 256; k *= 2)
    for (int j = k / 2; j > 0; j /= 2) module["bitonic_step"]({4}, {64}, 0, network, j, k);
  auto sorted = values;
  std::sort(sorted.begin(), sorted.end());
  same(network.read(), sorted, "bitonic_step");

  for (int n : {1, 100, 512}) {
    const auto keys = uniforms(n);
    std::vector<int> order(n);
    std::iota(order.begin(), order.end(), 0);
    Buffer<float> k(keys);
    Buffer<int> v(order);
    module["bitonic_shared"]({1}, {256}, 0, k, v, n);
    std::sort(order.begin(), order.end(), [&](int a, int b) { return keys[a] < keys[b]; });
    same(v.read(), order, "bitonic_shared");
  }

  for (int n : {1, 255, 700}) {
    values = integers<unsigned>(n, 0u, 0xffffu);
    Buffer<unsigned> a(values), b(n);
    for (int pass = 0; pass < 4; pass++)
      module["radix_pass"]({1}, {256}, 0, pass % 2 ? b : a, pass % 2 ? a : b, n, 4 * pass);
    std::sort(values.begin(), values.end());
    same(a.read(), values, "radix_pass");
  }

  auto left = integers<int>(77, 0, 300), right = integers<int>(123, 0, 300);
  std::sort(left.begin(), left.end());
  std::sort(right.begin(), right.end());
  std::vector<int> merged(200);
  std::merge(left.begin(), left.end(), right.begin(), right.end(), merged.begin());
  Buffer<int> out(200);
  module["merge_sorted"]({1}, {64}, 0, Buffer(left), 77, Buffer(right), 123, out, 7);
  same(out.read(), merged, "merge_sorted");
}

void cas_loops() {
  const auto in = uniforms(200, 0, 10);
  Buffer<float> largest(1, 0.f);
  Buffer<double> sum(1, 0.0);
  Module("atomics")["cas_loops"]({4}, {64}, 0, Buffer(in), 200, largest, sum);
  CHECK_EQUAL(largest.read()[0], *std::max_element(in.begin(), in.end()));
  CHECK(std::fabs(sum.read()[0] - std::accumulate(in.begin(), in.end(), 0.0)) < 1e-9);
}

void all_atomics() {
  const int n = 150;
  const auto in = integers<int>(n, -1000000, 1000000);
  Buffer<int> ints(std::vector<int>{1, 2, 3, 4, -1, 0, 0});
  Buffer<unsigned> uints(std::vector<unsigned>{~0u, 0, 0, 50});
  Buffer<unsigned long long> wide(std::vector<unsigned long long>{7, 0, 1000});
  Buffer<float> f(1, 0.f);
  Buffer<double> d(1, 0.0);
  Module("atomics")["all_kinds"]({2}, {96}, 0, Buffer(in), n, ints, uints, wide, f, d);
  std::vector<int> i{1, 2, 3, 4, -1, 0, 0};
  std::vector<unsigned> u{~0u, 0, 0, 50};
  std::vector<unsigned long long> w{7, 0, 1000};
  for (int v : in) {
    i[0] += v, i[1] -= v, i[2] = std::min(i[2], v), i[3] = std::max(i[3], v);
    i[4] &= v | 0xff, i[5] |= v & 0x0ff0, i[6] ^= v;
    u[0] = std::min(u[0], unsigned(v)), u[1] = std::max(u[1], unsigned(v));
    u[2] = u[2] >= 100 ? 0 : u[2] + 1;
    u[3] = u[3] == 0 || u[3] > 77 ? 77 : u[3] - 1;
    w[0] += (unsigned long long)v;
    w[1] = std::max(w[1], (unsigned long long)unsigned(v) << 20);
    w[2] = (unsigned long long)std::min((long long)w[2], v * 3ll);
  }
  same(ints.read(), i, "atomics on int");
  same(uints.read(), u, "atomics on unsigned");
  same(wide.read(), w, "atomics on 64 bits");
  CHECK_EQUAL(f.read()[0], float(n));
  CHECK_EQUAL(d.read()[0], n * 0.5);
}

void slots_and_tables() {
  const Module module("atomics");
  const int n = 300;
  Buffer<int> slots(n), next(1, 0);
  module["take_slots"]({3}, {128}, 0, slots, next, n);
  const auto taken = slots.read();
  CHECK_EQUAL(std::set<int>(taken.begin(), taken.end()).size(), size_t(n));

  const auto keys = integers<unsigned>(200, 0u, 90u);
  Buffer<unsigned> table(128, ~0u);
  module["hash_insert"]({2}, {128}, 0, Buffer(keys), 200, table, 128);
  std::multiset<unsigned> found;
  for (unsigned v : table.read())
    if (v != ~0u) found.insert(v);
  const std::set<unsigned> distinct(keys.begin(), keys.end());
  CHECK(std::equal(found.begin(), found.end(), distinct.begin(), distinct.end()));
}

void blocks_that_wait() {
  const Module module("atomics");
  module.set("blocks_done", std::vector<unsigned>{0});
  module.set("lock_word", std::vector<int>{0});
  const auto in = uniforms(700);
  Buffer<float> partial(5), total(1);
  for (int repeat = 0; repeat < 2; repeat++) {
    module["last_block_sum"]({5}, {64}, 0, Buffer(in), 700, partial, total);
    CHECK(std::fabs(total.read()[0] - std::accumulate(in.begin(), in.end(), 0.0)) < 1e-4);
  }
  Buffer<int> counter(1, 0);
  module["spin_lock"]({2}, {40}, 0, counter, 3);
  CHECK_EQUAL(counter.read()[0], 2 * 40 * 3);
}

void nbody() {
  const int n = 100;
  const auto bodies = uniforms(4 * n, 0.1f, 1);
  std::vector<double> forces;
  for (int i = 0; i < n; i++) {
    double f[3] = {};
    for (int j = 0; j < n; j++) {
      double d[3], square = 0.01f;
      for (int k = 0; k < 3; k++) d[k] = double(bodies[4 * j + k]) - bodies[4 * i + k], square += d[k] * d[k];
      for (int k = 0; k < 3; k++) f[k] += d[k] * bodies[4 * j + 3] / (square * std::sqrt(square));
    }
    forces.insert(forces.end(), {f[0], f[1], f[2], bodies[4 * i + 3]});
  }
  Buffer<float> out(4 * n);
  Module("simulate")["nbody_forces"]({2}, {64}, 64 * 16, Buffer(bodies), out, n, 0.01f);
  near(out.read(), forces, 1e-4, 1e-3, "nbody_forces");
}

void mandelbrot() {
  const int width = 40, height = 25, limit = 200;
  std::vector<int> counts;
  for (int py = 0; py < height; py++)
    for (int px = 0; px < width; px++) {
      const double cx = std::fma(px, 0.075, -2.2), cy = std::fma(py, 0.075, -0.9);
      double x = 0, y = 0;
      int i = 0;
      for (; i < limit && x * x + y * y <= 4; i++) {
        const double next = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = next;
      }
      counts.push_back(i);
    }
  Buffer<int> out(counts.size());
  Module("simulate")["mandelbrot"]({5, 7}, {8, 4}, 0, out, width, height, -2.2, -0.9, 0.075, limit);
  same(out.read(), counts, "mandelbrot");
}

void monte_carlo() {
  const int threads = 96, throws = 50;
  unsigned long long hits = 0;
  for (unsigned id = 0; id < threads; id++) {
    uint64_t s = 42 + 0x9E3779B97F4A7C15ull * (id + 1);
    uint32_t lcg = id * 1664525u + 1013904223u;
    for (int t = 0; t < throws; t++) {
      s ^= s >> 12, s ^= s << 25, s ^= s >> 27;
      const float x = float(uint32_t((s * 2685821657736338717ull) >> 32) >> 8) / 16777216;
      lcg = lcg * 1664525u + 1013904223u;
      const float y = float(lcg >> 8) / 16777216;
      const float xx = x * x, yy = y * y;
      hits += xx + yy < 1;
    }
  }
  Buffer<unsigned long long> out(1, 0ull);
  Module("simulate")["monte_carlo_pi"]({3}, {32}, 0, 42ull, throws, out);
  CHECK_EQUAL(out.read()[0], hits);
  CHECK(std::fabs(4.0 * double(hits) / (threads * throws) - 3.14) < 0.1);
}

void collatz() {
  std::vector<unsigned long long> start{1, 2, 27, 97, 871, 6171, 77031, 837799, 8400511, (1ull << 40) - 1};
  for (unsigned long long v = 3; v < 60; v++) start.push_back(v);
  std::vector<int> steps;
  std::vector<unsigned long long> peaks;
  for (unsigned long long v : start) {
    int count = 0;
    unsigned long long peak = v;
    for (; v != 1; count++) peak = std::max(peak, v = v % 2 ? 3 * v + 1 : v / 2);
    steps.push_back(count);
    peaks.push_back(peak);
  }
  Buffer<int> out(start.size());
  Buffer<unsigned long long> out2(start.size());
  Module("simulate")["collatz"]({2}, {48}, 0, Buffer(start), out, out2, int(start.size()));
  same(out.read(), steps, "collatz steps");
  same(out2.read(), peaks, "collatz peaks");
}

void life() {
  const int words = 2, rows = 9;
  auto cells = integers<unsigned>(words * rows, 0u, ~0u);
  Buffer<unsigned> out(cells.size());
  Module("simulate")["life"]({1, unsigned(rows)}, {32}, 0, Buffer(cells), out, words, rows);
  auto alive = [&](int x, int y) {
    x = (x + 64) % 64, y = (y + rows) % rows;
    return cells[y * words + x / 32] >> x % 32 & 1;
  };
  std::vector<unsigned> next(cells.size());
  for (int y = 0; y < rows; y++)
    for (int x = 0; x < 64; x++) {
      int around = -int(alive(x, y));
      for (int i = 0; i < 9; i++) around += alive(x + i % 3 - 1, y + i / 3 - 1);
      if (around == 3 || (around == 2 && alive(x, y))) next[y * words + x / 32] |= 1u << x % 32;
    }
  same(out.read(), next, "life");
}

void cub_blocks() {
  const Module module("library");
  const auto keys = integers<unsigned>(256, 0u, 1000u);
  std::vector<int> order(256);
  std::iota(order.begin(), order.end(), 0);
  Buffer<unsigned> k(keys);
  Buffer<int> v(order);
  module["block_sort"]({1}, {64}, 0, k, v);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return keys[a] < keys[b]; });
  same(v.read(), order, "cub::BlockRadixSort");

  const auto in = integers<int>(96, -9, 99);
  std::vector<int> sums(96);
  std::exclusive_scan(in.begin(), in.end(), sums.begin(), 0);
  Buffer<int> out(96), total(1);
  module["block_scan"]({1}, {96}, 0, Buffer(in), out, total);
  same(out.read(), sums, "cub::BlockScan");
  CHECK_EQUAL(total.read()[0], std::accumulate(in.begin(), in.end(), 0));

  for (int n : {1, 150, 160}) {
    const auto values = uniforms(n);
    std::vector<float> scaled;
    for (int i = 0; i < n; i++) scaled.push_back(std::fma(values[i], 10.f, float(i % 5)));
    Buffer<float> moved(n);
    module["block_transpose"]({1}, {32}, 0, Buffer(values), moved, n);
    same(moved.read(), scaled, "cub::BlockLoad");
  }
}

void atomic_refs() {
  const int n = 100;
  Buffer<int> data(std::vector<int>{0, 0, 5});
  Module("library")["atomic_ref"]({2}, {64}, 0, data, n);
  int largest = 0;
  for (int i = 0; i < n; i++) largest = std::max(largest, i * 7 % 101);
  same(data.read(), {n * (n - 1) / 2, largest, 5 + 2 * n}, "cuda::atomic_ref");
}

}  // namespace

#define TEST(name) \
  { #name, name }
int main() {
  return run_all("suite: parallel", {TEST(reduce_shared),
                                     TEST(reduce_unrolled),
                                     TEST(reduce_shuffle),
                                     TEST(reduce_tiles),
                                     TEST(reduce_coalesced),
                                     TEST(histograms),
                                     TEST(scans),
                                     TEST(votes),
                                     TEST(sorts),
                                     TEST(cas_loops),
                                     TEST(all_atomics),
                                     TEST(slots_and_tables),
                                     TEST(blocks_that_wait),
                                     TEST(nbody),
                                     TEST(mandelbrot),
                                     TEST(monte_carlo),
                                     TEST(collatz),
                                     TEST(life),
                                     TEST(cub_blocks),
                                     TEST(atomic_refs)});
}
