// One instruction at a time, on edge and random values, against plain C++: integers, carries, bits, conversions,
// halves.
#include "check.h"
#include "machine_device.h"
#include "numeric.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

namespace {

using u64 = uint64_t;
using s64 = int64_t;
using u32 = uint32_t;
using s32 = int32_t;

constexpr int kValues = 512;  // 16 warps

std::vector<u64> values(int bytes, int which) {
  std::mt19937_64 random(static_cast<u64>(bytes * 10 + which));
  const u64 edges[] = {0,
                       1,
                       2,
                       31,
                       32,
                       33,
                       63,
                       64,
                       127,
                       128,
                       255,
                       0x7fff,
                       0x8000,
                       0xffff,
                       0x3c00,
                       0x7c00,
                       0x3f80,
                       0x7fffffff,
                       0x80000000,
                       0xffffffff,
                       0x3f800000,
                       0xbf800000,
                       0x7f800000,
                       0x00400000,
                       0x7fffffffffffffff,
                       0x8000000000000000,
                       ~0ull};
  std::vector<u64> v;
  for (int i = 0; i < kValues; i++) {
    u64 x = random();
    if (random() % 3 == 0) x = edges[random() % std::size(edges)];
    if (random() % 5 == 0) x &= 0xff;
    v.push_back(bytes == 8 ? x : x & ((1ull << (8 * bytes)) - 1));
  }
  return v;
}

/** Sizes: of the result, then of each operand. */
std::vector<u64> run(const std::string& instruction, const std::vector<int>& sizes, std::vector<std::vector<u64>>& in) {
  std::string text =
      ".version 8.0\n.target sm_90\n.address_size 64\n.visible .entry k(.param .u64 p0, .param .u64 p1,"
      " .param .u64 p2, .param .u64 p3) {\n.reg .b64 %a<8>;\n.reg .b16 %h<8>;\n.reg .b32 %w<8>;\n"
      ".reg .b64 %d<8>;\n.reg .pred %p<4>;\nmov.u32 %w7, %tid.x;\nmul.wide.u32 %a7, %w7, 8;\n";
  auto name = [&](size_t n) {
    return std::string(sizes[n] == 2 ? "%h" : sizes[n] == 4 ? "%w" : "%d") + std::to_string(n);
  };
  for (size_t n = 0; n < 4; n++) {
    std::string a = "%a" + std::to_string(n);
    text += "ld.param.u64 " + a + ", [p" + std::to_string(n) + "];\nadd.u64 " + a + ", " + a + ", %a7;\n";
    if (n && n < sizes.size())
      text += "ld.global.b" + std::to_string(8 * sizes[n]) + " " + name(n) + ", [" + a + "];\n";
  }
  text += instruction + "\nst.global.b" + std::to_string(8 * sizes[0]) + " [%a0], " + name(0) + ";\nret;\n}\n";
  Device d(text);
  std::vector<u64*> at;
  for (size_t n = 0; n < 4; n++) {
    at.push_back(d.buffer<u64>(kValues));
    if (n && n < sizes.size()) {
      in[n] = values(sizes[n], static_cast<int>(n));
      std::memcpy(at[n], in[n].data(), kValues * 8);
    }
  }
  d.launch("k", sim::Dim3{1}, sim::Dim3{kValues}, at[0], at[1], at[2], at[3]);
  return {at[0], at[0] + kValues};
}

using Reference = std::function<u64(u64, u64, u64)>;

void expect(const std::string& instruction, const std::vector<int>& sizes, const Reference& reference) {
  std::vector<std::vector<u64>> in(4, std::vector<u64>(kValues));
  auto is = run(instruction, sizes, in);
  u64 mask = sizes[0] == 8 ? ~0ull : (1ull << (8 * sizes[0])) - 1;
  int wrong = 0;
  for (size_t i = 0; i < kValues; i++) {
    u64 should = reference(in[1][i], in[2][i], in[3][i]) & mask;
    if (is[i] == should || wrong++) continue;
    std::ostringstream what;
    what << std::hex << instruction << " of " << in[1][i] << ", " << in[2][i] << ", " << in[3][i] << " is " << is[i]
         << ", should be " << should;
    check(false, __FILE__, __LINE__, what.str());
  }
  CHECK_EQUAL(wrong, 0);
}

s64 sign(u64 v, int bits) { return static_cast<s64>(v << (64 - bits)) >> (64 - bits); }
u64 bits_of(float f) { return std::bit_cast<u32>(f); }
float f32(u64 v) { return std::bit_cast<float>(static_cast<u32>(v)); }
u64 clamp(__int128 v, __int128 low, __int128 high) { return static_cast<u64>(v < low ? low : v > high ? high : v); }

void integers() {
  expect("add.s32 %w0, %w1, %w2;", {4, 4, 4}, [](u64 a, u64 b, u64) { return a + b; });
  expect("add.sat.s32 %w0, %w1, %w2;", {4, 4, 4},
         [](u64 a, u64 b, u64) { return clamp(__int128(sign(a, 32)) + sign(b, 32), INT32_MIN, INT32_MAX); });
  expect("mul.hi.s64 %d0, %d1, %d2;", {8, 8, 8},
         [](u64 a, u64 b, u64) { return static_cast<u64>((__int128(s64(a)) * s64(b)) >> 64); });
  expect("mul.hi.u32 %w0, %w1, %w2;", {4, 4, 4}, [](u64 a, u64 b, u64) { return a * b >> 32; });
  expect("mad.wide.s32 %d0, %w1, %w2, %d3;", {8, 4, 4, 8},
         [](u64 a, u64 b, u64 c) { return static_cast<u64>(sign(a, 32) * sign(b, 32)) + c; });
  expect("mad.lo.s32 %w0, %w1, %w2, %w3;", {4, 4, 4, 4}, [](u64 a, u64 b, u64 c) { return a * b + c; });
  expect("div.s32 %w0, %w1, %w2;", {4, 4, 4},
         [](u64 a, u64 b, u64) { return b ? static_cast<u64>(sign(a, 32) / sign(b, 32)) : ~0ull; });
  expect("rem.u64 %d0, %d1, %d2;", {8, 8, 8}, [](u64 a, u64 b, u64) { return b ? a % b : a; });
  expect("abs.s32 %w0, %w1;", {4, 4}, [](u64 a, u64, u64) { return sign(a, 32) < 0 ? 0 - a : a; });
  expect("min.s16 %h0, %h1, %h2;", {2, 2, 2}, [](u64 a, u64 b, u64) { return sign(a, 16) < sign(b, 16) ? a : b; });
  expect("sad.u32 %w0, %w1, %w2, %w3;", {4, 4, 4, 4}, [](u64 a, u64 b, u64 c) { return c + (a > b ? a - b : b - a); });
  expect("add.cc.u32 %w0, %w1, %w2;\naddc.u32 %w0, %w3, 0;", {4, 4, 4, 4},
         [](u64 a, u64 b, u64 c) { return c + ((a + b) >> 32); });
  expect("sub.cc.u32 %w0, %w1, %w2;\nsubc.u32 %w0, %w3, 0;", {4, 4, 4, 4},
         [](u64 a, u64 b, u64 c) { return c - (a < b); });
  expect("mad.lo.cc.u32 %w0, %w1, %w2, %w3;\nmadc.hi.u32 %w0, %w1, %w2, 0;", {4, 4, 4, 4},
         [](u64 a, u64 b, u64 c) { return (a * b + c) >> 32; });
  expect("dp4a.s32.u32 %w0, %w1, %w2, %w3;", {4, 4, 4, 4}, [](u64 a, u64 b, u64 c) {
    for (int k = 0; k < 4; k++) c += static_cast<u64>(sign(a >> 8 * k, 8) * static_cast<s64>(b >> 8 * k & 255));
    return c;
  });
}

void bits() {
  expect("shl.b32 %w0, %w1, %w2;", {4, 4, 4}, [](u64 a, u64 b, u64) { return b > 31 ? 0 : a << b; });
  expect("shr.s32 %w0, %w1, %w2;", {4, 4, 4},
         [](u64 a, u64 b, u64) { return static_cast<u64>(sign(a, 32) >> (b > 31 ? 31 : b)); });
  expect("shf.l.wrap.b32 %w0, %w1, %w2, %w3;", {4, 4, 4, 4},
         [](u64 a, u64 b, u64 c) { return (b << 32 | a) << (c & 31) >> 32; });
  expect("shf.r.clamp.b32 %w0, %w1, %w2, %w3;", {4, 4, 4, 4},
         [](u64 a, u64 b, u64 c) { return (b << 32 | a) >> (c > 32 ? 32 : c); });
  expect("prmt.b32 %w0, %w1, %w2, %w3;", {4, 4, 4, 4}, [](u64 a, u64 b, u64 c) {
    u64 all = b << 32 | a, r = 0;
    for (int k = 0; k < 4; k++) {
      u64 byte = all >> 8 * (c >> 4 * k & 7) & 255;
      r |= (c >> 4 * k & 8 ? (byte > 127 ? 255 : 0) : byte) << 8 * k;
    }
    return r;
  });
  for (int table : {0xf8, 0x96, 0x1b, 0x80})
    expect("lop3.b32 %w0, %w1, %w2, %w3, " + std::to_string(table) + ";", {4, 4, 4, 4}, [=](u64 a, u64 b, u64 c) {
      u64 r = 0;
      for (int k = 0; k < 32; k++)
        r |= static_cast<u64>(table >> ((a >> k & 1) * 4 + (b >> k & 1) * 2 + (c >> k & 1)) & 1) << k;
      return r;
    });
  expect("bfe.s32 %w0, %w1, %w2, %w3;", {4, 4, 4, 4}, [](u64 a, u64 b, u64 c) {
    u64 r = 0, pos = b & 255, len = c & 255, top = std::min<u64>(pos + len - 1, 31);
    if (!len) return r;
    for (u64 k = 0; k < 32; k++) r |= (a >> (k < len && pos + k <= 31 ? pos + k : top) & 1) << k;
    return r;
  });
  expect("bfi.b32 %w0, %w1, %w2, 5, 9;", {4, 4, 4},
         [](u64 a, u64 b, u64) { return (b & ~0x3fe0ull) | (a & 0x1ff) << 5; });
  expect("bfind.s32 %w0, %w1;", {4, 4}, [](u64 a, u64, u64) {
    u64 v = a >> 31 ? ~a & 0xffffffff : a;
    return v ? static_cast<u64>(std::bit_width(v)) - 1 : ~0ull;
  });
  expect("brev.b32 %w0, %w1;", {4, 4}, [](u64 a, u64, u64) {
    u64 r = 0;
    for (int k = 0; k < 32; k++) r |= (a >> k & 1) << (31 - k);
    return r;
  });
  expect("popc.b64 %w0, %d1;", {4, 8}, [](u64 a, u64, u64) { return static_cast<u64>(std::popcount(a)); });
  expect("clz.b32 %w0, %w1;", {4, 4}, [](u64 a, u64, u64) { return static_cast<u64>(std::countl_zero(u32(a))); });
  expect("setp.hi.u32 %p1, %w1, %w2;\nselp.b32 %w0, %w1, %w3, %p1;", {4, 4, 4, 4},
         [](u64 a, u64 b, u64 c) { return a > b ? a : c; });
  expect("set.lt.u32.s32 %w0, %w1, %w2;", {4, 4, 4},
         [](u64 a, u64 b, u64) { return sign(a, 32) < sign(b, 32) ? ~0ull : 0; });
  expect("mov.b32 {%h1, %h2}, %w1;\nmov.b32 %w0, {%h2, %h1};", {4, 4},
         [](u64 a, u64, u64) { return a >> 16 | a << 16; });
}

void conversions() {
  expect("cvt.sat.s8.s32 %w0, %w1;", {4, 4}, [](u64 a, u64, u64) { return clamp(sign(a, 32), -128, 127); });
  expect("cvt.sat.u8.s32 %w0, %w1;", {4, 4}, [](u64 a, u64, u64) { return clamp(sign(a, 32), 0, 255); });
  expect("cvt.s64.s8 %d0, %h1;", {8, 2}, [](u64 a, u64, u64) { return static_cast<u64>(sign(a, 8)); });
  expect("cvt.u16.u64 %h0, %d1;", {2, 8}, [](u64 a, u64, u64) { return a; });
  expect("cvt.s32.s16 %w0, %h1;", {4, 2}, [](u64 a, u64, u64) { return static_cast<u64>(sign(a, 16)); });
  expect("cvt.sat.u32.s64 %w0, %d1;", {4, 8}, [](u64 a, u64, u64) { return clamp(s64(a), 0, UINT32_MAX); });
  for (auto [mode, round] : {std::pair("rni", sim::Round::rn), std::pair("rzi", sim::Round::rz),
                             std::pair("rmi", sim::Round::rm), std::pair("rpi", sim::Round::rp)}) {
    expect(std::string("cvt.") + mode + ".s32.f32 %w0, %w1;", {4, 4},
           [=](u64 a, u64, u64) { return static_cast<u64>(sim::to_integer(f32(a), 32, true, round)); });
    expect(std::string("cvt.") + mode + ".u64.f32 %d0, %w1;", {8, 4},
           [=](u64 a, u64, u64) { return static_cast<u64>(sim::to_integer(f32(a), 64, false, round)); });
  }
  expect("cvt.rn.f32.u64 %w0, %d1;", {4, 8}, [](u64 a, u64, u64) { return bits_of(static_cast<float>(a)); });
  auto narrow = [](auto convert) {
    return [=](u64 a, u64 b, u64) { return static_cast<u64>(convert(f32(a))) << 16 | convert(f32(b)); };
  };
  expect("cvt.rn.bf16x2.f32 %w0, %w1, %w2;", {4, 4, 4},
         narrow([](float v) { return sim::f32_to_bf16(v, sim::Round::rn); }));
  expect("cvt.rn.f16x2.f32 %w0, %w1, %w2;", {4, 4, 4}, narrow([](float v) -> u32 {
           return v != v ? (bits_of(v) >> 16 & 0x8000) | 0x7e00 | (bits_of(v) >> 13 & 0x3ff)
                         : sim::f32_to_f16(v, sim::Round::rn);
         }));
  expect("cvt.rz.bf16.f32 %h0, %w1;", {2, 4}, [](u64 a, u64, u64) { return sim::f32_to_bf16(f32(a), sim::Round::rz); });
}

/** A NaN is any NaN. */
u64 same_nan(u64 bits) { return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fffffff : bits; }

void floats() {
  using sim::Round;
  for (auto [mode, round] : {std::pair("rn", Round::rn), std::pair("rz", Round::rz), std::pair("rm", Round::rm),
                             std::pair("rp", Round::rp)}) {
    auto quiet = std::string("\nsetp.nan.f32 %p1, %w0, %w0;\nselp.b32 %w0, 0x7fffffff, %w0, %p1;");
    expect(std::string("add.") + mode + ".f32 %w0, %w1, %w2;" + quiet, {4, 4, 4},
           [=](u64 a, u64 b, u64) { return same_nan(bits_of(sim::add_f32(f32(a), f32(b), round))); });
    expect(std::string("fma.") + mode + ".f32 %w0, %w1, %w2, %w3;" + quiet, {4, 4, 4, 4},
           [=](u64 a, u64 b, u64 c) { return same_nan(bits_of(sim::fma_f32(f32(a), f32(b), f32(c), round))); });
    expect(std::string("div.") + mode + ".f32 %w0, %w1, %w2;" + quiet, {4, 4, 4},
           [=](u64 a, u64 b, u64) { return same_nan(bits_of(sim::div_f32(f32(a), f32(b), round))); });
  }
  expect("add.ftz.sat.f32 %w0, %w1, %w2;", {4, 4, 4}, [](u64 a, u64 b, u64) {
    float r = sim::flush(f32(a)) + sim::flush(f32(b));
    return bits_of(r > 0 ? sim::flush(std::min(r, 1.f)) : 0.f);
  });
  expect("min.f32 %w0, %w1, 0f3F800000;", {4, 4}, [](u64 a, u64, u64) { return bits_of(f32(a) < 1.f ? f32(a) : 1.f); });
  auto half = [](u64 bits) { return static_cast<double>(sim::bf16_to_f32(static_cast<uint16_t>(bits))); };
  expect("fma.rn.bf16 %h0, %h1, %h2, %h3;", {2, 2, 2, 2}, [=](u64 a, u64 b, u64 c) -> u64 {
    long double exact = static_cast<long double>(half(a)) * half(b) + half(c);
    float nearest = static_cast<float>(exact);
    if (exact != exact) return 0x7fff;
    if (static_cast<long double>(nearest) != exact) {  // an odd last bit keeps the second rounding honest
      if (std::fabs(static_cast<long double>(nearest)) > std::fabs(exact)) nearest = std::nextafter(nearest, 0.f);
      nearest = f32(bits_of(nearest) | 1);
    }
    return sim::f32_to_bf16(nearest, sim::Round::rn);
  });
}

}  // namespace

int main() {
  integers();
  bits();
  conversions();
  floats();
  return summary("operations");
}
