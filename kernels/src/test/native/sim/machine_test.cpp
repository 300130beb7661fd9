// The machine on kernels that nvcc compiled: results against plain C++, and faults that were planted.
#include "check.h"
#include "machine_device.h"
#include <algorithm>
#include <cmath>

using sim::Dim3;

namespace {

void straight_lines(Device& d) {
  int n = 1000;
  float *x = d.buffer<float>(n), *y = d.buffer<float>(n, false);
  for (int i = 0; i < n; i++) x[i] = 0.25f * static_cast<float>(i);
  d.launch("scale", Dim3{8}, Dim3{128}, y, x, 3.f, n);
  for (int i = 0; i < n; i++) CHECK_EQUAL(y[i], std::fma(3.f, x[i], 1.f));
  CHECK_EQUAL(d.count.blocks, 8u);
  CHECK_EQUAL(d.count.threads, 1024u);
  CHECK_EQUAL(d.count.load_bytes, 4000u);
  for (size_t l = 0; l < d.count.lines.size(); l++) {
    bool store = d.count.text[l].starts_with("st.global");
    if (!store) continue;
    CHECK_EQUAL(d.count.lines[l].warps, 32u);
    CHECK_EQUAL(d.count.lines[l].lanes, 1000u);
    CHECK_EQUAL(d.count.lines[l].sectors, 125u);
  }
}

void divergence(Device& d) {
  int n = 96, *steps = d.buffer<int>(n);
  auto* together = d.buffer<unsigned>(n);
  d.launch("collatz", Dim3{1}, Dim3{96}, steps, together, n);
  for (int i = 0; i < n; i++) {
    int count = 0;
    for (int v = i + 1; v != 1; count++) v = v % 2 ? 3 * v + 1 : v / 2;
    CHECK_EQUAL(steps[i], count);
    CHECK_EQUAL(together[i], ~0u);
  }
  int* y = d.buffer<int>(128);
  for (int i = 0; i < 128; i++) y[i] = i;
  int m = 4;
  d.launch("choose", Dim3{1}, Dim3{64}, y, m);
  for (int t = 0; t < 64; t++) {
    int expected[] = {3, (t + 64) * 2, m, -m, m * m, 77, m ^ 5, m << 3, -1};
    CHECK_EQUAL(y[t], expected[(t + m) % 9]);
  }
}

int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

void calls(Device& d) {
  int* y = d.buffer<int>(64);
  d.launch("recursion", Dim3{1}, Dim3{64}, y);
  for (int i = 0; i < 64; i++) CHECK_EQUAL(y[i], fibonacci(i % 12));
  auto *v = d.buffer<float>(128), *x = d.buffer<float>(128);
  for (int i = 0; i < 128; i++) x[i] = static_cast<float>(i);
  d.launch("structures", Dim3{1}, Dim3{64}, v, x, 5);
  for (int i = 0; i < 64; i++) {
    float a = x[2 * i], b = x[2 * i + 1];
    for (int k = 0; k < 5; k++)
      if ((i + k) % 3) std::tie(a, b) = std::pair(-b, a);
    CHECK_EQUAL(v[2 * i], a);
    CHECK_EQUAL(v[2 * i + 1], b);
  }
  d.launch("local_array", Dim3{1}, Dim3{64}, y, 13);
  for (int t = 0; t < 64; t++) {
    int sum = 0;
    for (int k = 0; k < 13; k++) sum += (k * 7 + t) % 40 * t;
    CHECK_EQUAL(y[t], sum);
  }
  d.launch("print", Dim3{1}, Dim3{32}, 9);
  CHECK_EQUAL(d.printed, std::string("thread 3 of 9: 1.50 text x 1099511627776\n"));
}

void variables(Device& d) {
  auto* y = d.buffer<float>(32);
  d.launch("variables", Dim3{1}, Dim3{32}, y);
  const float table[] = {2, 3, 5, 7, 11}, weights[] = {0.5f, 0.25f, 0.125f};
  for (int t = 0; t < 32; t++) CHECK_EQUAL(y[t], table[t % 5] + weights[t % 3] * table[1 + t % 4]);
}

void warps(Device& d) {
  auto *x = d.buffer<float>(1024), *y = d.buffer<float>(4);
  float sum = 0;
  for (int i = 0; i < 1024; i++) x[i] = static_cast<float>(i % 17), sum += i < 256 ? x[i] : 0;
  d.launch("block_sum", Dim3{4}, Dim3{256}, y, x);
  CHECK_EQUAL(y[0], sum);
  int* z = d.buffer<int>(96);
  d.launch("warp_exchange", Dim3{1}, Dim3{64}, z);
  for (int t = 0; t < 64; t++) CHECK_EQUAL(z[t], ((t ^ 3) ^ 1) * 10);
  d.launch("half_warps", Dim3{1}, Dim3{32}, z);
  for (int t = 0; t < 32; t++) CHECK_EQUAL(z[t], t < 16 ? 120 : 31);
  d.launch("votes", Dim3{1}, Dim3{32}, z);
  for (int t = 0; t < 32; t++) CHECK_EQUAL(z[t], 11 + 100 + 1000 + 10000 * (t % 5 < 2 ? 7 : 6) + 1000000);
}

void barriers(Device& d) {
  int* y = d.buffer<int>(96);
  d.launch("barrier_reduce", Dim3{1}, Dim3{96}, y);
  for (int t = 0; t < 96; t++) CHECK_EQUAL(y[t], 32 + 1000);
  d.launch("named_barriers", Dim3{1}, Dim3{64}, y);
  for (int t = 0; t < 96; t++) CHECK_EQUAL(y[t], 31 - t % 32 + t / 32);
  d.launch("lock", Dim3{1}, Dim3{64}, y);
  CHECK_EQUAL(y[63], 63 * 32);
  auto *x = d.buffer<float>(512), *z = d.buffer<float>(32);
  for (int i = 0; i < 512; i++) x[i] = static_cast<float>(i);
  d.launch("pipeline", Dim3{1}, Dim3{32}, z, x, 4);
  for (int t = 0; t < 32; t++) {
    float sum = 0;
    for (int k = 0; k < 4; k++)
      for (int j = 0; j < 4; j++) sum += x[k * 128 + (4 * t + 17 * j) % 128];
    CHECK_EQUAL(z[t], sum);
  }
}

void atomics(Device& d) {
  int n = 512, *i = d.buffer<int>(3);
  auto *u = d.buffer<unsigned>(2), *h = d.buffer<unsigned>(1);
  auto* f = d.buffer<float>(1);
  auto* e = d.buffer<double>(1);
  auto* l = d.buffer<unsigned long long>(1);
  d.launch("atomics", Dim3{4}, Dim3{128}, i, u, f, e, l, h);
  CHECK_EQUAL(i[0], n * (n - 1) / 2);
  CHECK_EQUAL(i[1], 1 - n);
  CHECK_EQUAL(i[2], n - 1);
  CHECK_EQUAL(u[0], static_cast<unsigned>(n % 7));
  CHECK_EQUAL(u[1], 0u);
  CHECK_EQUAL(f[0], 256.f);
  CHECK_EQUAL(e[0], 128.0);
  CHECK_EQUAL(l[0], static_cast<unsigned long long>(n) << 33);
  CHECK_EQUAL(h[0], 0x64006000u);  // (512, 1024)
  CHECK_EQUAL(d.count.atomics, 9u * 512);
}

size_t constant(Device& d) {
  auto& v = d.program->variables();
  return static_cast<size_t>(std::find_if(v.begin(), v.end(), [](auto& x) { return x.name == "weights"; }) - v.begin());
}

void planted_faults(Device& d) {
  Dim3 one{1}, warp{32}, two{64};
  auto *f = d.buffer<float>(256), *blank = d.buffer<float>(64, false);
  int* y = d.buffer<int>(128);
  auto* bytes = d.buffer<char>(128);
  CHECK_FAULT(out_of_bounds, "past_the_end, block (0,0,0), thread (8,0,0)",
              d.launch("past_the_end", one, warp, f, 248));
  CHECK_FAULT(out_of_bounds, "global write of 4 bytes", d.launch("before_the_start", one, warp, f));
  CHECK_FAULT(misaligned, "not a multiple of 16", d.launch("misaligned", one, warp, bytes));
  CHECK_FAULT(uninitialised, "nothing was written there", d.launch("unwritten", one, warp, f, blank));
  CHECK_FAULT(out_of_bounds, "there are 128 bytes", d.launch("shared_past_the_end", one, warp, y, 1));
  CHECK_FAULT(uninitialised, "shared read", d.launch("shared_unwritten", one, warp, y));
  CHECK_FAULT(uninitialised, "local read", d.launch("local_unwritten", one, warp, y, 7));
  CHECK_FAULT(out_of_bounds, "weights is constant",
              d.launch("past_the_end", one, warp, d.program->variables()[constant(d)].address, 0));
  CHECK_FAULT(race, "there at line", d.launch("missing_barrier", one, two, y));
  CHECK_FAULT(race, "with no barrier between", d.launch("missing_second_barrier", one, two, y));
  CHECK_FAULT(race, "wrote there", d.launch("missing_warp_barrier", one, warp, y));
  CHECK_FAULT(race, "another value", d.launch("two_writers", one, warp, y));
  d.launch("same_value", one, two, y);
  d.launch("bytes_side_by_side", one, two, bytes);
  CHECK_FAULT(missing_wait, "has not been waited for", d.launch("missing_wait", one, warp, f, f));
  CHECK_FAULT(race, "there at line", d.launch("missing_barrier_after_wait", one, two, f, f));
  CHECK_FAULT(divergent_barrier, "lanes 0x0000ffff", d.launch("divergent_barrier", one, warp, y));
  CHECK_FAULT(deadlock, "wants lanes 0xffffffff", d.launch("absent_lane", one, warp, y));
  CHECK_FAULT(invalid_value, "not in its member mask", d.launch("outside_the_mask", one, warp, y));
  CHECK_FAULT(trap, "thread (9,0,0)", d.launch("trapped", one, warp, y));
  CHECK_FAULT(trap, "assertion `n + static_cast<int>(threadIdx.x) < 5` failed", d.launch("asserted", one, warp, 2));
  CHECK_FAULT(invalid_launch, "2048 threads", d.launch("trapped", one, Dim3{2048}, y));
}

void unknown_things() {
  auto ptx = [](const std::string& body) {
    return ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry k() {\n.reg .b32 %r<4>;\n" + body +
           "\nret;\n}\n";
  };
  auto run = [](const std::string& text) {
    Device d(text);
    d.launch("k", Dim3{1}, Dim3{32});
  };
  CHECK_FAULT(unsupported, "PTX line 6: `frobnicate.u32 %r1, %r2;`", run(ptx("frobnicate.u32 %r1, %r2;")));
  CHECK_FAULT(unsupported, "`add.nonsense.u32 %r1, %r2, %r3;`", run(ptx("add.nonsense.u32 %r1, %r2, %r3;")));
  CHECK_FAULT(unsupported, "'%unheard_of' is not known", run(ptx("mov.u32 %r1, %unheard_of;")));
  CHECK_FAULT(unsupported, "size of register %r1", run(ptx("mov.u64 %r1, 5;")));
  CHECK_FAULT(parse, "no label $L", run(ptx("bra $L;")));
  CHECK_FAULT(parse, "PTX line 6: unsupported directive, but found '.strange'", run(ptx(".strange 5;")));
  run(ptx("mov.u32 %r1, 5;"));
}

}  // namespace

int main() {
  Device d(Device::read("machine_kernels.ptx"));
  for (int threads : {1, 2}) {
    d.options.threads = threads;
    d.options.seed = static_cast<uint64_t>(threads);
    d.printed.clear();
    straight_lines(d);
    divergence(d);
    calls(d);
    warps(d);
    barriers(d);
    atomics(d);
    planted_faults(d);
  }
  variables(d);
  unknown_things();
  return summary("machine");
}
