// suite/control.cu and print.cu: calls, recursion, tables of functions, local memory, switches, wide integers, bits,
// and what a kernel prints.
#include "suite/device.h"
#include <algorithm>
#include <bit>
#include <cstdio>
#include <unistd.h>

using namespace suite;

namespace {

void calls_with_local_arrays() {
  const int n = 70;
  const auto x = uniforms(n);
  std::vector<double> y(n);
  for (int i = 0; i < n; i++)
    for (int k = 2 + i % 4; k >= 0; k--) y[i] = y[i] * x[i] + 1.0 / (k + 1 + i % 3);
  Buffer<float> out(n);
  Module("control")["polynomial"]({3}, {32}, 0, Buffer(x), out, n);
  near(out.read(), y, 1e-5, 1e-6, "polynomial");
}

unsigned ackermann(unsigned m, unsigned n) {
  return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

void recursion() {
  Buffer<int> fib(32);
  Buffer<unsigned> ack(32);
  Module("control")["recursion"]({1}, {32}, 0, fib, ack);
  std::vector<int> fibs;
  std::vector<unsigned> acks;
  for (int i = 0; i < 32; i++) {
    fibs.push_back(fibonacci(i % 12));
    acks.push_back(ackermann(i % 3, i / 8));
  }
  same(fib.read(), fibs, "fibonacci");
  same(ack.read(), acks, "ackermann");
}

struct Big {
  int values[6];
  double weight;
};

void structures() {
  std::vector<Big> in(40), turned(40);
  for (int i = 0; i < 40; i++) {
    for (int& v : in[i].values) v = int(random_bits());
    in[i].weight = i + 0.5;
    for (int k = 0; k < 6; k++) turned[i].values[k] = in[i].values[(5 - k + i % 5) % 6];
    turned[i].weight = in[i].weight * (i % 5);
  }
  Buffer<Big> out(in.size());
  Module("control")["structures"]({1}, {64}, 0, Buffer(in), out, 40);
  same(out.read(), turned, "structures");
}

void function_pointers() {
  const int n = 60;
  const auto a = uniforms(n), b = uniforms(n);
  std::vector<float> r;
  for (int i = 0; i < n; i++) {
    const float x = a[i], y = b[i], results[] = {x + y, x - y, x * y, std::max(x, y)};
    r.push_back(results[i / 3 % 4]);
  }
  Buffer<float> out(n);
  Module("control")["function_pointers"]({2}, {32}, 0, Buffer(a), Buffer(b), out, n);
  same(out.read(), r, "function_pointers");
}

void virtual_calls() {
  const int n = 40;
  const auto sizes = uniforms(n, 0, 4);
  std::vector<float> areas;
  for (int i = 0; i < n; i++) areas.push_back(i % 2 ? 3.f * sizes[i] * sizes[i] : sizes[i] * sizes[i]);
  Buffer<float> out(n);
  Module("control")["virtual_calls"]({2}, {32}, 0, Buffer(sizes), out, n);
  near(out.read(), areas, 1e-6, 0, "virtual_calls");
}

/** The stack machine of control.cu, one program. */
long long interpret(const unsigned char* code, int length, int start) {
  std::vector<unsigned long long> stack{(unsigned long long)start};
  for (int pc = 0; pc < length; pc++) {
    const int op = code[pc] % 16, high = code[pc] / 16;
    const bool two = stack.size() > 1, room = stack.size() < 16;
    unsigned long long& top = stack.back();
    unsigned long long& under = stack[stack.size() - 1 - two];
    if (op == 0 && room)
      stack.push_back(high);
    else if (op == 1 && two)
      under += top, stack.pop_back();
    else if (op == 2 && two)
      under -= top, stack.pop_back();
    else if (op == 3 && two)
      under *= top, stack.pop_back();
    else if (op == 4)
      top = -top;
    else if (op == 5 && room)
      stack.push_back(stack.back());
    else if (op == 6 && two)
      std::swap(top, under);
    else if (op == 7)
      top = ~top;
    else if (op == 8)
      top <<= high % 4;
    else if (op == 9)
      top = (unsigned long long)((long long)top >> 1);
    else if (op == 10)
      pc += top % 2;
    else if (op == 11 && two)
      stack.pop_back();
    else if (op == 12)
      top ^= 0x5555;
    else if (op > 12)
      top += code[pc];
  }
  unsigned long long sum = 0;
  for (unsigned long long v : stack) sum = sum * 31 + v;
  return (long long)sum;
}

void switches() {
  const int n = 100, length = 60;
  const auto code = integers<unsigned char>(n * length, 0, 255);
  std::vector<long long> results;
  for (int i = 0; i < n; i++) results.push_back(interpret(&code[i * length], length, i));
  Buffer<long long> out(n);
  Module("control")["stack_machine"]({4}, {32}, 0, Buffer(code), length, out, n);
  same(out.read(), results, "stack_machine");
}

void jump_table() {
  const auto in = integers<unsigned>(70, 0u, 3u);
  std::vector<int> r;
  for (unsigned v : in) r.push_back(v == 1 ? 106 : v == 2 ? 300 : 101);
  Buffer<int> out(70);
  Module("control")["jump_table"]({3}, {32}, 0, Buffer(in), out, 70);
  same(out.read(), r, "jump_table");
}

void long_arithmetic() {
  std::vector<long long> a, b, r;
  const long long special[] = {1, -1, 2, 10, -7, 1ll << 32, -(1ll << 32), 0x7fffffffffffffff, 0x123456789abcdef};
  for (long long x : special)
    for (long long y : special) a.push_back(x), b.push_back(y);
  for (int i = 0; i < 100; i++) {
    a.push_back(int64_t(uint64_t(random_bits()) << 32 | random_bits()) >> random_bits() % 60);
    b.push_back((int64_t(uint64_t(random_bits()) << 32 | random_bits()) >> random_bits() % 60) | 1);
  }
  for (size_t i = 0; i < a.size(); i++) {
    const long long x = a[i], y = b[i];
    const uint64_t ux = x, uy = y;
    r.insert(r.end(), {x / y, x % y, int64_t(ux / uy), int64_t(ux % uy), int64_t((__int128(x) * y) >> 64),
                       int64_t(((unsigned __int128)ux * uy) >> 64), int64_t(ux * uy),
                       int64_t((ux << (y & 63)) ^ uint64_t(x >> (y & 31)) ^ (ux >> (uy & 63))),
                       int64_t(int(x)) / int(y | 1) + int64_t(uint32_t(x) % uint32_t(y | 1)),
                       x < y ? -(x > 0) : (ux < uy) + 2 * (x == y)});
  }
  Buffer<long long> out(r.size());
  Module("control")["long_arithmetic"]({6}, {32}, 0, Buffer(a), Buffer(b), out, int(a.size()));
  same(out.read(), r, "long_arithmetic");
}

unsigned reversed(unsigned v) {
  unsigned r = 0;
  for (int i = 0; i < 32; i++) r |= (v >> i & 1) << (31 - i);
  return r;
}

void bits() {
  std::vector<unsigned> a, b, r;
  for (unsigned x : {0u, 1u, 0x80000000u, ~0u, 0x00ff00f0u})
    for (unsigned y : {0u, 3u, 0x80000001u, ~0u, 32u, 63u}) a.push_back(x), b.push_back(y);
  for (int i = 0; i < 100; i++) a.push_back(random_bits() >> i % 20), b.push_back(random_bits());
  for (size_t i = 0; i < a.size(); i++) {
    const uint32_t x = a[i], y = b[i];
    const uint64_t wide = uint64_t(x) << 32 | y;
    const uint64_t wide_reversed = uint64_t(reversed(y)) << 32 | reversed(x);
    const uint64_t pair = uint64_t(y) << 32 | x;  // funnel shifts take (low, high)
    uint32_t permuted = 0;
    for (int k = 0; k < 4; k++) {
      const uint32_t selector = (x ^ y) >> 4 * k & 7;  // __byte_perm ignores each fourth bit
      permuted |= uint32_t(pair >> 8 * selector & 255) << 8 * k;
    }
    const int64_t difference = int64_t(int32_t(x)) - int32_t(y);
    const int32_t x24 = int32_t(x << 8) >> 8, y24 = int32_t(y << 8) >> 8;
    r.insert(r.end(), {uint32_t(std::countl_zero(x)),
                       uint32_t(std::popcount(x)),
                       reversed(x),
                       uint32_t(x ? std::countr_zero(x) + 1 : 0),
                       uint32_t(std::countl_zero(wide)),
                       uint32_t(std::popcount(wide)),
                       uint32_t(wide_reversed >> 7),
                       uint32_t(wide ? std::countr_zero(wide) + 1 : 0),
                       uint32_t((pair << (y & 31)) >> 32),
                       uint32_t(pair >> (x & 31)),
                       uint32_t((pair << std::min(y & 63, 32u)) >> 32),
                       permuted,
                       uint32_t((uint64_t(x) * y) >> 32),
                       uint32_t((int64_t(int32_t(x)) * int32_t(y)) >> 32),
                       uint32_t(difference < 0 ? -difference : difference) + 5,
                       (x > y ? x - y : y - x) + 5,
                       uint32_t((uint64_t(x) + y) / 2),
                       uint32_t((uint64_t(x) + y + 1) / 2),
                       uint32_t(int64_t(x24) * y24),
                       x / (y | 1) + x % (y | 1) * 3});
  }
  Buffer<unsigned> out(r.size());
  Module("control")["bits"]({5}, {32}, 0, Buffer(a), Buffer(b), out, int(a.size()));
  same(out.read(), r, "bits");
}

/** The n-th set bit of `mask` from `base` on, upwards or downwards; ~0 if there is none. */
unsigned nth_set(unsigned mask, int base, int n) {
  if (n == 0) return mask >> base & 1 ? base : ~0u;
  std::vector<int> found;
  for (int at = base; at >= 0 && at<32; at += n> 0 ? 1 : -1)
    if (mask >> at & 1) found.push_back(at);
  return size_t(std::abs(n)) <= found.size() ? unsigned(found[std::abs(n) - 1]) : ~0u;
}

void rare_instructions() {
  auto a = integers<unsigned>(100, 0u, ~0u), b = integers<unsigned>(100, 0u, ~0u);
  a[0] = 0x80000000, a[1] = 0, a[2] = 0x7fc00000, a[3] = 0xffc00000;
  std::vector<unsigned> r;
  for (int i = 0; i < 100; i++) {
    const unsigned x = a[i], y = b[i];
    unsigned bytes = 0, sum4 = 0, sum2 = 0;
    for (int k = 0; k < 4; k++) {
      const int d = std::abs(int(x >> 8 * k & 255) - int(y >> 8 * k & 255));
      bytes |= unsigned(d) << 8 * k;
      sum4 += d;
    }
    for (int k = 0; k < 2; k++) sum2 += std::abs(int(x >> 16 * k & 0xffff) - int(y >> 16 * k & 0xffff));
    const int low = x & 127;
    r.insert(r.end(), {bytes, sum4, sum2, nth_set(x, y & 31, int(y >> 8 & 15) - 7), int(x ^ y) >= 0 ? x : y,
                       std::bit_cast<float>(x) >= 0 ? x : 77u, (y & ~0x1ff0u) | (x & 0x1ff) << 4,
                       unsigned(low >= 64 ? low - 128 : low)});
  }
  Buffer<unsigned> out(r.size());
  Module("control")["rare_instructions"]({4}, {32}, 0, Buffer(a), Buffer(b), out, 100);
  same(out.read(), r, "rare_instructions");
}

void ragged_loops() {
  std::vector<int> limits, r;
  for (int i = 0; i < 90; i++) {
    limits.push_back(i % 45);
    int total = 0, limit = limits[i];
    bool stopped = false;
    for (int a = 0; a < limit && !stopped; a++) {
      if (a % 7 == 5) continue;
      for (int b = a; b < 50; b += 1 + i % 4) {
        if (b == limit) break;
        if ((stopped = total > 5000)) break;
        total += b ^ a;
        int c = b;
        while (c > 10) c -= 3 + i % 2;
        total += c;
      }
    }
    r.push_back(stopped ? -total : total);
  }
  Buffer<int> out(90);
  Module("control")["ragged_loops"]({3}, {32}, 0, Buffer(limits), out, 90);
  same(out.read(), r, "ragged_loops");
}

/** What `body` writes to standard output. */
template <class Body>
std::string printed(Body body) {
  std::fflush(stdout);
  const int keep = dup(1);
  FILE* file = std::tmpfile();
  dup2(fileno(file), 1);
  body();
  std::fflush(stdout);
  dup2(keep, 1);
  close(keep);
  std::rewind(file);
  std::string text;
  for (int c; (c = std::fgetc(file)) != EOF;) text += char(c);
  std::fclose(file);
  return text;
}

void printf_prints() {
  const std::vector<float> values{1.5f, -0.0625f, 3e8f};
  const std::string text = printed([&] { Module("print")["say"]({2}, {32}, 0, Buffer(values), 3); });
  for (int block = 0; block < 2; block++)
    for (int i = 0; i < 3; i++) {
      char line[200];
      std::snprintf(line, sizeof line, "thread %d of block %u: %.3f %g %s|%5d|%-5d|%05x|%c|%lld|%%\n", i, block,
                    values[i], double(values[i]) * 1e10, i % 2 ? "odd" : "even", i * 7, i, i * 255, 'a' + i,
                    (long long)i << 40);
      check(text.find(line) != std::string::npos, __FILE__, __LINE__, text + "\n  lacks: " + line);
    }
  CHECK(text.find("plain\n") != std::string::npos);
  CHECK_EQUAL(std::count(text.begin(), text.end(), '\n'), 7);
}

void assertions_pass() { Module("print")["check_positive"]({2}, {32}, 0, Buffer(std::vector<int>(40, 3)), 40); }

}  // namespace

#define TEST(name) \
  { #name, name }
int main() {
  return run_all("suite: control",
                 {TEST(calls_with_local_arrays), TEST(recursion), TEST(structures), TEST(function_pointers),
                  TEST(virtual_calls), TEST(switches), TEST(jump_table), TEST(long_arithmetic), TEST(bits),
                  TEST(rare_instructions), TEST(ragged_loops), TEST(printf_prints), TEST(assertions_pass)});
}
