// Which matrix shapes there are, their fragments, and the moves between shared memory and fragments.
#include "fault.h"
#include "matrix_shapes.h"
#include <cstring>
#include <string>

namespace sim {
namespace {

const char* name(Element type) {
  static const char* const kNames[] = {"f16", "bf16", "tf32", "f32", "f64", "s8", "u8", "s32"};
  return kNames[int(type)];
}

bool is_byte(Element type) { return type == Element::s8 || type == Element::u8; }

/** Elements of A or B in one register of a lane; f64 takes two registers an element. */
int packed(Element type) {
  if (type == Element::f16 || type == Element::bf16) return 2;
  return is_byte(type) ? 4 : 1;
}

bool is_wmma(Shape s) { return s.n >= 16 || s.m == 32; }

bool shape_exists(Shape s, Element a) {
  const auto is = [&](int m, int n, int k) { return s.m == m && s.n == n && s.k == k; };
  const bool wmma16 = is(16, 16, 16) || is(32, 8, 16) || is(8, 32, 16);
  switch (a) {
    case Element::f16:
    case Element::bf16:
      return is(16, 8, 8) || is(16, 8, 16) || wmma16;
    case Element::tf32:
      return is(16, 8, 4) || is(16, 8, 8) || is(16, 16, 8);
    case Element::f64:
      return is(8, 8, 4);
    case Element::s8:
    case Element::u8:
      return is(8, 8, 16) || is(16, 8, 16) || is(16, 8, 32) || wmma16;
    default:
      return false;
  }
}

bool accumulates(Element a, Element c) {
  switch (a) {
    case Element::f16:
      return c == Element::f16 || c == Element::f32;
    case Element::bf16:
    case Element::tf32:
      return c == Element::f32;
    case Element::f64:
      return c == Element::f64;
    default:
      return c == Element::s32;
  }
}

std::string text(Shape s) { return "m" + std::to_string(s.m) + "n" + std::to_string(s.n) + "k" + std::to_string(s.k); }

void require(Shape s, Element a, Element b, Element c, Element d) {
  const bool types = (a == b || (is_byte(a) && is_byte(b))) && accumulates(a, c) && accumulates(a, d);
  if (types && shape_exists(s, a)) return;
  throw Fault(FaultKind::unsupported, "mma: " + text(s) + " of " + name(a) + " x " + name(b) + " + " + name(c) +
                                          " -> " + name(d) + " is not simulated");
}

/** Distinct registers of a fragment. */
int tile_registers(char which, Shape s, Element type) {
  const int bits = type == Element::f64 ? 64 : 32 / packed(type);
  const int elements = which == 'a' ? s.m * s.k : which == 'b' ? s.k * s.n : s.m * s.n;
  return elements * bits / 1024;
}

}  // namespace

void mma(int m, int n, int k, Element a_type, Element b_type, Element c_type, Element d_type, bool satfinite,
         uint32_t* const d[], const uint32_t* const a[], const uint32_t* const b[], const uint32_t* const c[]) {
  const Shape s{m, n, k};
  require(s, a_type, b_type, c_type, d_type);
  const Fragments f{d, a, b, c};
  if (a_type == Element::f64) {
    mma_f64(f);
  } else if (is_byte(a_type)) {
    mma_integer(s, a_type == Element::s8, b_type == Element::s8, satfinite, f);
  } else {
    mma_float(s, a_type, c_type == Element::f16, d_type == Element::f16, f);
  }
}

int mma_registers(char which, int m, int n, int k, Element type) { return tile_registers(which, {m, n, k}, type); }

int wmma_registers(char which, int m, int n, int k, Element type) {
  const bool input = which == 'a' || which == 'b';
  if (input && type == Element::f16 && is_wmma({m, n, k})) return 8;  // PTX names 8 whatever the shape
  return tile_registers(which, {m, n, k}, type);
}

Place wmma_place(char which, int m, int n, int k, Element type, int lane, int reg, int half) {
  const Shape s{m, n, k};
  const int group = lane / 4, thread = lane % 4;
  reg %= tile_registers(which, s, type) / (type == Element::f64 ? 2 : 1);
  const int width = 4 * packed(type), in_tile = thread * packed(type) + half;  // along k
  if (which == 'a') return {reg % (m / 8) * 8 + group, reg / (m / 8) * width + in_tile};
  if (which == 'b') return {reg % (k / width) * width + in_tile, reg / (k / width) * 8 + group};
  const int tile = packed(type) == 2 ? reg : reg / 2, odd = packed(type) == 2 ? half : reg % 2;
  return {tile % (m / 8) * 8 + group, tile / (m / 8) * 8 + thread * 2 + odd};
}

void ldmatrix(int count, bool trans, uint32_t* const d[], const uint8_t* const row[32]) {
  for (int i = 0; i < count; i++) {
    uint16_t tile[8][8];
    for (int r = 0; r < 8; r++) std::memcpy(tile[r], row[8 * i + r], 16);
    for (int lane = 0; lane < 32; lane++) {
      const int group = lane / 4, pair = lane % 4 * 2;
      d[i][lane] = trans ? tile[pair][group] | uint32_t(tile[pair + 1][group]) << 16
                         : tile[group][pair] | uint32_t(tile[group][pair + 1]) << 16;
    }
  }
}

void stmatrix(int count, bool trans, uint8_t* const row[32], const uint32_t* const s[]) {
  for (int i = 0; i < count; i++) {
    uint16_t tile[8][8];
    for (int lane = 0; lane < 32; lane++) {
      const int group = lane / 4, pair = lane % 4 * 2;
      for (int half = 0; half < 2; half++) {
        const uint16_t value = uint16_t(s[i][lane] >> 16 * half);
        (trans ? tile[pair + half][group] : tile[group][pair + half]) = value;
      }
    }
    for (int r = 0; r < 8; r++) std::memcpy(row[8 * i + r], tile[r], 16);
  }
}

}  // namespace sim
