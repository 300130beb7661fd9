// mma, wmma, ldmatrix and stmatrix against the fragment layouts of the PTX ISA, section "Matrix Fragments for
// mma.m<M>n<N>k<K>", written down in its words: groupID = %laneid >> 2, threadID_in_group = %laneid % 4, and the row
// and column of the i-th element that a thread holds, low to high.
#include "check.h"
#include "matrix.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <set>
#include <vector>

using sim::Element;
using sim::Place;

namespace {

using Layout = Place (*)(int g, int t, int i);

struct Table {
  int m, n, k;
  std::vector<Element> types;
  Layout a, b, c;
};

Place c16(int g, int t, int i) { return {i < 2 ? g : g + 8, t * 2 + (i & 1)}; }
Place c8(int g, int t, int i) { return {g, t * 2 + i}; }

const Table kTables[] = {
    {16,
     8,
     16,
     {Element::f16, Element::bf16},
     [](int g, int t, int i) {
       return Place{i < 2 || (4 <= i && i < 6) ? g : g + 8, i < 4 ? t * 2 + (i & 1) : t * 2 + (i & 1) + 8};
     },
     [](int g, int t, int i) {
       return Place{i < 2 ? t * 2 + (i & 1) : t * 2 + (i & 1) + 8, g};
     },
     c16},
    {16,
     8,
     8,
     {Element::f16, Element::bf16},
     [](int g, int t, int i) {
       return Place{i < 2 ? g : g + 8, t * 2 + (i & 1)};
     },
     [](int g, int t, int i) {
       return Place{t * 2 + i, g};
     },
     c16},
    {16,
     8,
     4,
     {Element::tf32},
     [](int g, int t, int i) {
       return Place{i == 0 ? g : g + 8, t};
     },
     [](int g, int t, int) {
       return Place{t, g};
     },
     c16},
    {16,
     8,
     8,
     {Element::tf32},
     [](int g, int t, int i) {
       return Place{i == 0 || i == 2 ? g : g + 8, i < 2 ? t : t + 4};
     },
     [](int g, int t, int i) {
       return Place{i == 0 ? t : t + 4, g};
     },
     c16},
    {8,
     8,
     4,
     {Element::f64},
     [](int g, int t, int) {
       return Place{g, t};
     },
     [](int g, int t, int) {
       return Place{t, g};
     },
     c8},
    {8,
     8,
     16,
     {Element::s8, Element::u8},
     [](int g, int t, int i) {
       return Place{g, t * 4 + i};
     },
     [](int g, int t, int i) {
       return Place{t * 4 + i, g};
     },
     c8},
    {16,
     8,
     16,
     {Element::s8, Element::u8},
     [](int g, int t, int i) {
       return Place{i < 4 ? g : g + 8, t * 4 + (i & 3)};
     },
     [](int g, int t, int i) {
       return Place{t * 4 + i, g};
     },
     c16},
    {16,
     8,
     32,
     {Element::s8, Element::u8},
     [](int g, int t, int i) {
       return Place{i < 4 || (8 <= i && i < 12) ? g : g + 8, i < 8 ? t * 4 + (i & 3) : t * 4 + (i & 3) + 16};
     },
     [](int g, int t, int i) {
       return Place{i < 4 ? t * 4 + (i & 3) : t * 4 + (i & 3) + 16, g};
     },
     c16},
};

// Rows of the ISA's figures for m16n8k16 with 16-bit elements: <lane><element> of each column.
struct FigureRow {
  char which;
  int row;
  const char* cells;
};
const FigureRow kFigures[] = {
    {'a', 0, "0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1 0:4 0:5 1:4 1:5 2:4 2:5 3:4 3:5"},
    {'a', 1, "4:0 4:1 5:0 5:1 6:0 6:1 7:0 7:1 4:4 4:5 5:4 5:5 6:4 6:5 7:4 7:5"},
    {'a', 7, "28:0 28:1 29:0 29:1 30:0 30:1 31:0 31:1 28:4 28:5 29:4 29:5 30:4 30:5 31:4 31:5"},
    {'a', 8, "0:2 0:3 1:2 1:3 2:2 2:3 3:2 3:3 0:6 0:7 1:6 1:7 2:6 2:7 3:6 3:7"},
    {'a', 15, "28:2 28:3 29:2 29:3 30:2 30:3 31:2 31:3 28:6 28:7 29:6 29:7 30:6 30:7 31:6 31:7"},
    {'b', 0, "0:0 4:0 8:0 12:0 16:0 20:0 24:0 28:0"},
    {'b', 1, "0:1 4:1 8:1 12:1 16:1 20:1 24:1 28:1"},
    {'b', 7, "3:1 7:1 11:1 15:1 19:1 23:1 27:1 31:1"},
    {'b', 8, "0:2 4:2 8:2 12:2 16:2 20:2 24:2 28:2"},
    {'b', 15, "3:3 7:3 11:3 15:3 19:3 23:3 27:3 31:3"},
    {'c', 0, "0:0 0:1 1:0 1:1 2:0 2:1 3:0 3:1"},
    {'c', 7, "28:0 28:1 29:0 29:1 30:0 30:1 31:0 31:1"},
    {'c', 8, "0:2 0:3 1:2 1:3 2:2 2:3 3:2 3:3"},
    {'c', 15, "28:2 28:3 29:2 29:3 30:2 30:3 31:2 31:3"},
};

void the_tables_are_the_figures() {
  for (const FigureRow& figure : kFigures) {
    std::istringstream cells(figure.cells);
    int lane, element, column = 0;
    char colon;
    while (cells >> lane >> colon >> element) {
      const Table& table = kTables[0];
      const Layout layout = figure.which == 'a' ? table.a : figure.which == 'b' ? table.b : table.c;
      const Place place = layout(lane / 4, lane % 4, element);
      CHECK_EQUAL(place.row, figure.row);
      CHECK_EQUAL(place.col, column++);
    }
    CHECK_EQUAL(column, figure.which == 'a' ? 16 : 8);
  }
}

int bits_of(Element type) {
  switch (type) {
    case Element::f16:
    case Element::bf16:
      return 16;
    case Element::s8:
    case Element::u8:
      return 8;
    case Element::f64:
      return 64;
    default:
      return 32;
  }
}

std::mt19937 random_bits(7);

/** A random element as it is stored; floats have few bits or, if `wide`, all that fit. */
uint64_t random_element(Element type, bool wide) {
  const int small = int(random_bits() % 17) - 8;
  const float f = wide ? std::ldexp(float(int32_t(random_bits())), -30) : float(small);
  switch (type) {
    case Element::bf16:
      return std::bit_cast<uint32_t>(f) >> 16;
    case Element::f16: {  // -8 to 8, or 2^-9 to 2^4 in size with any fraction
      if (wide) return (random_bits() & 0x83ff) | (6 + random_bits() % 13) << 10;
      if (small == 0) return 0;
      const int exponent = std::ilogb(float(small));
      return (small < 0 ? 0x8000u : 0) | uint32_t(exponent + 15) << 10 |
             (uint32_t(std::abs(small)) << (10 - exponent) & 0x3ff);
    }
    case Element::tf32:
      return std::bit_cast<uint32_t>(f) & 0xffffe000;
    case Element::f32:
      return std::bit_cast<uint32_t>(f);
    case Element::f64:
      return std::bit_cast<uint64_t>(wide ? std::ldexp(double(int64_t(random_bits())), -20) : small);
    case Element::s8:
    case Element::u8:
      return random_bits() & 0xff;
    case Element::s32:
      return wide ? random_bits() : uint32_t(small);
  }
  return 0;
}

/** The value of a stored element, by the definition of its format. */
double value_of(Element type, uint64_t v) {
  switch (type) {
    case Element::f16: {
      const int field = v >> 10 & 31, fraction = v & 0x3ff;
      const double magnitude = field ? std::ldexp(1024 + fraction, field - 25) : std::ldexp(fraction, -24);
      return v & 0x8000 ? -magnitude : magnitude;
    }
    case Element::bf16:
      return std::bit_cast<float>(uint32_t(v) << 16);
    case Element::tf32:
    case Element::f32:
      return std::bit_cast<float>(uint32_t(v));
    case Element::f64:
      return std::bit_cast<double>(v);
    case Element::s8:
      return int8_t(v);
    case Element::u8:
      return uint8_t(v);
    case Element::s32:
      return int32_t(v);
  }
  return 0;
}

/** 32-bit registers of a warp that hold one matrix. */
struct Registers {
  explicit Registers(int count) : lanes(count * 32), pointers(count) {
    for (int i = 0; i < count; i++) pointers[i] = lanes.data() + 32 * i;
  }
  void put(Element type, int lane, int element, uint64_t v) {
    const int bits = bits_of(type);
    if (bits == 64) {
      pointers[2 * element][lane] = uint32_t(v);
      pointers[2 * element + 1][lane] = uint32_t(v >> 32);
    } else {
      pointers[element * bits / 32][lane] |= uint32_t(v) << element * bits % 32;
    }
  }
  uint64_t get(Element type, int lane, int element) const {
    const int bits = bits_of(type);
    if (bits == 64) return uint64_t(pointers[2 * element + 1][lane]) << 32 | pointers[2 * element][lane];
    const uint32_t word = pointers[element * bits / 32][lane] >> element * bits % 32;
    return bits == 32 ? word : word & ((1u << bits) - 1);
  }
  std::vector<uint32_t> lanes;
  std::vector<uint32_t*> pointers;
};

struct Matrix {
  Matrix(int rows, int columns, Element element, bool wide) : width(columns), type(element), stored(rows * columns) {
    for (uint64_t& v : stored) v = random_element(type, wide);
  }
  double at(int row, int column) const { return value_of(type, stored[row * width + column]); }
  int width;
  Element type;
  std::vector<uint64_t> stored;
};

Registers pack(const Matrix& m, Layout layout) {
  const int bits = bits_of(m.type), elements = int(m.stored.size()) / 32;
  Registers r(elements * bits / 32);
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < elements; i++) {
      const Place p = layout(lane / 4, lane % 4, i);
      r.put(m.type, lane, i, m.stored[p.row * m.width + p.col]);
    }
  return r;
}

/** D at (row, column), by one rounding a step, in k order. */
double product(const Matrix& a, const Matrix& b, const Matrix& c, int row, int column, int k) {
  if (c.type == Element::f64) {
    double sum = c.at(row, column);
    for (int i = 0; i < k; i++) sum = std::fma(a.at(row, i), b.at(i, column), sum);
    return sum;
  }
  if (c.type == Element::s32) {
    int64_t sum = int64_t(c.at(row, column));
    for (int i = 0; i < k; i++) sum += int64_t(a.at(row, i)) * int64_t(b.at(i, column));
    return double(sum);
  }
  float sum = float(c.at(row, column));
  for (int i = 0; i < k; i++) sum = std::fma(float(a.at(row, i)), float(b.at(i, column)), sum);
  return sum;
}

bool near(double is, double should_be, Element type) {
  if (type != Element::f16) return is == should_be;
  return std::fabs(is - should_be) <= std::ldexp(std::fabs(should_be), -11) + std::ldexp(1.0, -25);
}

void check_mma(const Table& t, Element type, Element b_type, Element c_type, Element d_type, bool wide) {
  const Matrix a(t.m, t.k, type, wide), b(t.k, t.n, b_type, wide), c(t.m, t.n, c_type, wide && c_type != Element::f16);
  const Registers ra = pack(a, t.a), rb = pack(b, t.b), rc = pack(c, t.c);
  CHECK_EQUAL(sim::mma_registers('a', t.m, t.n, t.k, type), int(ra.pointers.size()));
  CHECK_EQUAL(sim::mma_registers('b', t.m, t.n, t.k, b_type), int(rb.pointers.size()));
  CHECK_EQUAL(sim::mma_registers('c', t.m, t.n, t.k, c_type), int(rc.pointers.size()));
  Registers rd(sim::mma_registers('d', t.m, t.n, t.k, d_type));
  sim::mma(t.m, t.n, t.k, type, b_type, c_type, d_type, false, rd.pointers.data(), ra.pointers.data(),
           rb.pointers.data(), rc.pointers.data());
  int wrong = 0;
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < t.m * t.n / 32; i++) {
      const Place p = t.c(lane / 4, lane % 4, i);
      double should_be = product(a, b, c, p.row, p.col, t.k);
      if (d_type == Element::s32) should_be = int32_t(uint32_t(int64_t(should_be)));
      wrong += !near(value_of(d_type, rd.get(d_type, lane, i)), should_be, d_type);
    }
  CHECK_EQUAL(wrong, 0);
}

void mma_follows_the_tables() {
  for (const Table& t : kTables)
    for (Element type : t.types)
      for (int repeat = 0; repeat < 20; repeat++) {
        const bool wide = repeat % 2;
        if (type == Element::f64) {
          check_mma(t, type, type, type, type, wide);
        } else if (type == Element::s8 || type == Element::u8) {
          check_mma(t, type, Element::s8, Element::s32, Element::s32, wide);
          check_mma(t, type, Element::u8, Element::s32, Element::s32, wide);
        } else {
          check_mma(t, type, type, Element::f32, Element::f32, wide);
        }
        if (type == Element::f16) {
          check_mma(t, type, type, Element::f16, Element::f16, wide);
          check_mma(t, type, type, Element::f32, Element::f16, wide);
          check_mma(t, type, type, Element::f16, Element::f32, wide);
        }
      }
}

/** One product 127 * 127 * 16 on top of `c` in every element. */
uint32_t integer_sum(uint32_t c, uint32_t a_byte, bool satfinite) {
  Registers a(1), b(1), cd(2);
  for (int lane = 0; lane < 32; lane++) {
    a.lanes[lane] = a_byte * 0x01010101u;
    b.lanes[lane] = 0x7f7f7f7f;
    cd.pointers[0][lane] = cd.pointers[1][lane] = c;
  }
  sim::mma(8, 8, 16, Element::s8, Element::s8, Element::s32, Element::s32, satfinite, cd.pointers.data(),
           a.pointers.data(), b.pointers.data(), cd.pointers.data());
  for (uint32_t v : cd.lanes) CHECK(v == cd.lanes[0]);
  return cd.lanes[0];
}

void integers_saturate_only_if_asked() {
  constexpr uint32_t kSum = 127 * 127 * 16;
  CHECK_EQUAL(integer_sum(5, 0x7f, true), kSum + 5);
  CHECK_EQUAL(integer_sum(0x7fffffff, 0x7f, false), 0x7fffffffu + kSum);
  CHECK_EQUAL(integer_sum(0x7fffffff, 0x7f, true), 0x7fffffffu);
  CHECK_EQUAL(integer_sum(0x80000000, 0x81, true), 0x80000000u);
  CHECK_EQUAL(integer_sum(0x80000000, 0x81, false), 0x80000000u - kSum);
}

void not_a_number_is_canonical() {
  Registers a(4), b(2), c(4);
  a.pointers[0][0] = 0xff81;  // A[0][0], a NaN with sign and payload
  sim::mma(16, 8, 16, Element::bf16, Element::bf16, Element::f32, Element::f32, false, c.pointers.data(),
           a.pointers.data(), b.pointers.data(), c.pointers.data());
  CHECK_EQUAL(c.pointers[0][0], 0x7fffffffu);
  CHECK_EQUAL(c.pointers[1][3], 0x7fffffffu);  // all of row 0
  CHECK_EQUAL(c.pointers[0][4], 0u);
}

void tf32_ignores_the_low_bits() {
  Registers a(4), b(2), c(4), d(4);
  for (uint32_t& v : a.lanes) v = 0x3f801fff;
  for (uint32_t& v : b.lanes) v = 0x40001234;
  sim::mma(16, 8, 8, Element::tf32, Element::tf32, Element::f32, Element::f32, false, d.pointers.data(),
           a.pointers.data(), b.pointers.data(), c.pointers.data());
  for (uint32_t v : d.lanes) CHECK(v == 0x41800000);  // 8 * 1 * 2
}

void wmma_places_every_element(int m, int n, int k, Element type, Element c_type) {
  const int packed = bits_of(type) == 64 ? 1 : 32 / bits_of(type), steps = bits_of(type) == 64 ? 2 : 1;
  const Matrix a(m, k, type, true), b(k, n, type, true), c(m, n, c_type, c_type != Element::f16);
  Registers ra(sim::wmma_registers('a', m, n, k, type)), rb(sim::wmma_registers('b', m, n, k, type));
  Registers rc(sim::wmma_registers('c', m, n, k, c_type)), rd(sim::wmma_registers('d', m, n, k, c_type));
  auto fill = [&](char which, const Matrix& from, Registers& to, int halves, int step) {
    std::vector<int> seen(from.stored.size());
    for (int lane = 0; lane < 32; lane++)
      for (int reg = 0; reg < int(to.pointers.size()); reg += step)
        for (int half = 0; half < halves; half++) {
          const Place p = sim::wmma_place(which, m, n, k, from.type, lane, reg / step, half);
          const int at = p.row * from.width + p.col;
          to.put(from.type, lane, reg / step * halves + half, from.stored[at]);
          seen[at]++;
        }
    const int times = int(to.pointers.size()) * 32 / step * halves / int(seen.size());
    CHECK(times >= 1 && seen == std::vector<int>(seen.size(), times));
  };
  const int c_halves = c_type == Element::f16 ? 2 : 1;
  fill('a', a, ra, packed, steps);
  fill('b', b, rb, packed, steps);
  fill('c', c, rc, c_halves, steps);
  sim::mma(m, n, k, type, type, c_type, c_type, false, rd.pointers.data(), ra.pointers.data(), rb.pointers.data(),
           rc.pointers.data());
  int wrong = 0;
  for (int lane = 0; lane < 32; lane++)
    for (int reg = 0; reg < int(rd.pointers.size()); reg += steps)
      for (int half = 0; half < c_halves; half++) {
        const Place p = sim::wmma_place('d', m, n, k, c_type, lane, reg / steps, half);
        double should_be = product(a, b, c, p.row, p.col, k);
        if (c_type == Element::s32) should_be = int32_t(uint32_t(int64_t(should_be)));
        wrong += !near(value_of(c_type, rd.get(c_type, lane, reg / steps * c_halves + half)), should_be, c_type);
      }
  CHECK_EQUAL(wrong, 0);
}

void wmma_is_the_product() {
  const int shapes[3][3] = {{16, 16, 16}, {32, 8, 16}, {8, 32, 16}};
  for (const auto& s : shapes) {
    for (Element type : {Element::f16, Element::bf16}) wmma_places_every_element(s[0], s[1], s[2], type, Element::f32);
    wmma_places_every_element(s[0], s[1], s[2], Element::f16, Element::f16);
    for (Element type : {Element::s8, Element::u8}) wmma_places_every_element(s[0], s[1], s[2], type, Element::s32);
  }
  wmma_places_every_element(16, 16, 8, Element::tf32, Element::f32);
  wmma_places_every_element(8, 8, 4, Element::f64, Element::f64);

  // Registers that PTX names, from the table of wmma fragments in the ISA.
  struct {
    char which;
    int m, n, k;
    Element type;
    int count;
  } const kCounts[] = {
      {'a', 16, 16, 16, Element::f16, 8}, {'b', 8, 32, 16, Element::f16, 8},  {'a', 32, 8, 16, Element::f16, 8},
      {'c', 16, 16, 16, Element::f16, 4}, {'c', 32, 8, 16, Element::f32, 8},  {'a', 16, 16, 16, Element::bf16, 4},
      {'a', 32, 8, 16, Element::bf16, 8}, {'b', 32, 8, 16, Element::bf16, 2}, {'a', 8, 32, 16, Element::bf16, 2},
      {'b', 8, 32, 16, Element::bf16, 8}, {'a', 16, 16, 8, Element::tf32, 4}, {'b', 16, 16, 8, Element::tf32, 4},
      {'a', 16, 16, 16, Element::s8, 2},  {'a', 32, 8, 16, Element::u8, 4},   {'b', 32, 8, 16, Element::u8, 1},
      {'a', 8, 32, 16, Element::s8, 1},   {'b', 8, 32, 16, Element::s8, 4},   {'d', 16, 16, 16, Element::s32, 8}};
  for (const auto& c : kCounts) CHECK_EQUAL(sim::wmma_registers(c.which, c.m, c.n, c.k, c.type), c.count);
}

/** ISA, ldmatrix: row r of a matrix lies in threads 4r to 4r + 3, two elements each; .trans loads columns so. */
void ldmatrix_and_stmatrix_follow_the_isa() {
  alignas(16) uint16_t memory[32][8];
  for (int row = 0; row < 32; row++)
    for (int column = 0; column < 8; column++) memory[row][column] = uint16_t(row << 8 | column);
  const uint8_t* rows[32];
  for (int lane = 0; lane < 32; lane++) rows[lane] = reinterpret_cast<uint8_t*>(memory[lane]);
  for (int count : {1, 2, 4})
    for (bool trans : {false, true}) {
      Registers d(count);
      sim::ldmatrix(count, trans, d.pointers.data(), rows);
      for (int matrix = 0; matrix < count; matrix++)
        for (int thread = 0; thread < 32; thread++)
          for (int half = 0; half < 2; half++) {
            const int major = thread / 4, minor = thread % 4 * 2 + half;
            const uint32_t row = trans ? minor : major, column = trans ? major : minor;
            CHECK_EQUAL(d.pointers[matrix][thread] >> 16 * half & 0xffff, (8 * matrix + row) << 8 | column);
          }
      alignas(16) uint16_t copy[32][8] = {};
      uint8_t* to[32];
      for (int lane = 0; lane < 32; lane++) to[lane] = reinterpret_cast<uint8_t*>(copy[lane]);
      sim::stmatrix(count, trans, to, d.pointers.data());
      CHECK(std::memcmp(copy, memory, 128 * count) == 0);
    }
}

void what_is_missing_names_itself() {
  Registers r(16);
  auto run = [&](int m, int n, int k, Element a, Element b, Element c) {
    sim::mma(m, n, k, a, b, c, c, false, r.pointers.data(), r.pointers.data(), r.pointers.data(), r.pointers.data());
  };
  CHECK_FAULT(unsupported, "m16n8k32 of bf16 x bf16 + f32 -> f32",
              run(16, 8, 32, Element::bf16, Element::bf16, Element::f32));
  CHECK_FAULT(unsupported, "f16 x bf16", run(16, 8, 16, Element::f16, Element::bf16, Element::f32));
  CHECK_FAULT(unsupported, "bf16 x bf16 + f16", run(16, 8, 16, Element::bf16, Element::bf16, Element::f16));
  CHECK_FAULT(unsupported, "s8 x s8 + f32", run(16, 8, 16, Element::s8, Element::s8, Element::f32));
}

}  // namespace

int main() {
  the_tables_are_the_figures();
  mma_follows_the_tables();
  integers_saturate_only_if_asked();
  not_a_number_is_canonical();
  tf32_ignores_the_low_bits();
  wmma_is_the_product();
  ldmatrix_and_stmatrix_follow_the_isa();
  what_is_missing_names_itself();
  return summary("matrix");
}
