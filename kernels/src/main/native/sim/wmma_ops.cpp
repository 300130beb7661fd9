// wmma_ops.cpp: wmma.load, wmma.store, wmma.mma, element by element: the layout is that of wmma_place.
#include "matrix_ops.h"
#include "access.h"
#include "numeric.h"
#include <algorithm>
#include <cmath>

namespace sim {

using ptx::Form;
using ptx::Space;

namespace {

int element_size(Element e) {
  return e == Element::s8 || e == Element::u8      ? 1
         : e == Element::f16 || e == Element::bf16 ? 2
         : e == Element::f64                       ? 8
                                                   : 4;
}

/** numbers: which, m, n, k, type, column-major, registers. Element by element: the layout is that of wmma_place. */
void move_fragment(Warp& w, const Instruction& i, bool load) {
  const auto& v = i.detail->numbers;
  Element type = static_cast<Element>(v[4]);
  int size = element_size(type), in_register = type == Element::f64 ? 1 : 4 / size;
  for (int r = 0; r < v[6]; r++) {
    for (int half = 0; half < in_register; half++) {
      uint64_t address[32];
      for (int l = 0; l < 32; l++) {
        Place p = wmma_place(static_cast<char>(v[0]), v[1], v[2], v[3], type, l, r, half);
        uint64_t base = i.wide ? w.at<uint64_t>(i.a)[l] : w.at<uint32_t>(i.a)[l];
        uint64_t stride = w.at<uint32_t>(i.b)[l];
        uint64_t at =
            v[5] ? p.col * stride + static_cast<uint64_t>(p.row) : p.row * stride + static_cast<uint64_t>(p.col);
        address[l] = base + static_cast<uint64_t>(i.offset) + at * static_cast<uint64_t>(size);
      }
      Access m;
      access_addresses(w, i, i.space, address, size, load ? Use::read : Use::write, m);
      uint8_t* file = w.file + i.detail->registers[static_cast<size_t>(r)] + half * size;
      int step = type == Element::f64 ? 8 : 4;
      for (int l = 0; l < 32; l++) {
        if (load) {
          std::memcpy(file + l * step, m.data[l], static_cast<size_t>(size));
        } else {
          std::memcpy(m.data[l], file + l * step, static_cast<size_t>(size));
        }
      }
    }
  }
}

void perform_wmma_load(Warp& w, const Part* parts, int count) { move_fragment(w, whole_warp(w, parts, count), true); }
void perform_wmma_store(Warp& w, const Part* parts, int count) { move_fragment(w, whole_warp(w, parts, count), false); }

double element_at(Warp& w, uint32_t at, Element type, int lane, int half) {
  const uint8_t* file = w.file + at + lane * (type == Element::f64 ? 8 : 4) + half * element_size(type);
  switch (type) {
    case Element::f16:
    case Element::bf16: {
      uint16_t v;
      std::memcpy(&v, file, 2);
      return type == Element::f16 ? f16_to_f32(v) : bf16_to_f32(v);
    }
    case Element::s8:
      return static_cast<int8_t>(*file);
    case Element::u8:
      return *file;
    case Element::s32: {
      int32_t v;
      std::memcpy(&v, file, 4);
      return v;
    }
    case Element::f64: {
      double v;
      std::memcpy(&v, file, 8);
      return v;
    }
    default: {
      uint32_t bits;
      std::memcpy(&bits, file, 4);
      if (type == Element::tf32) bits &= ~0x1fffu;
      float v;
      std::memcpy(&v, &bits, 4);
      return v;
    }
  }
}

using Matrix = std::vector<double>;

Matrix gather_matrix(Warp& w, char which, const int* v, Element type, const uint32_t* registers, int n) {
  int columns = which == 'a' ? v[2] : v[1], rows = which == 'b' ? v[2] : v[0];
  Matrix m(static_cast<size_t>(rows * columns));
  int in_register = type == Element::f64 ? 1 : 4 / element_size(type);
  for (int r = 0; r < n; r++)
    for (int half = 0; half < in_register; half++)
      for (int l = 0; l < 32; l++) {
        Place p = wmma_place(which, v[0], v[1], v[2], type, l, r, half);
        m[static_cast<size_t>(p.row * columns + p.col)] = element_at(w, registers[r], type, l, half);
      }
  return m;
}

void scatter_element(Warp& w, uint32_t at, Element type, int lane, int half, double value) {
  uint8_t* file = w.file + at + lane * (type == Element::f64 ? 8 : 4) + half * element_size(type);
  if (type == Element::f64) {
    std::memcpy(file, &value, 8);
  } else if (type == Element::f32) {
    float f = static_cast<float>(value);
    std::memcpy(file, &f, 4);
  } else if (type == Element::f16) {
    uint16_t h = f32_to_f16(static_cast<float>(value), Round::rn);
    std::memcpy(file, &h, 2);
  } else {
    int32_t n = static_cast<int32_t>(value);
    std::memcpy(file, &n, 4);
  }
}

/** Fragments to matrices, the product in k order, and back. numbers: as of mma. */
void perform_wmma(Warp& w, const Part* parts, int count) {
  const Instruction& i = whole_warp(w, parts, count);
  const int* v = i.detail->numbers.data();
  const uint32_t* r = i.detail->registers.data();
  auto type = [&](int n) { return static_cast<Element>(v[n]); };
  Matrix a = gather_matrix(w, 'a', v, type(3), r + v[8], v[9]);
  Matrix b = gather_matrix(w, 'b', v, type(4), r + v[8] + v[9], v[10]);
  Matrix c = gather_matrix(w, 'c', v, type(5), r + v[8] + v[9] + v[10], v[11]);
  bool integer = type(6) == Element::s32, is_wide = type(6) == Element::f64;
  for (int m = 0; m < v[0]; m++)
    for (int n = 0; n < v[1]; n++) {
      double sum = c[static_cast<size_t>(m * v[1] + n)];
      for (int k = 0; k < v[2]; k++) {
        double x = a[static_cast<size_t>(m * v[2] + k)], y = b[static_cast<size_t>(k * v[1] + n)];
        sum = integer || is_wide
                  ? std::fma(x, y, sum)
                  : fma_f32(static_cast<float>(x), static_cast<float>(y), static_cast<float>(sum), Round::rn);
      }
      if (integer && v[7]) sum = std::min(std::max(sum, -2147483648.0), 2147483647.0);
      if (integer && !v[7]) sum = static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(sum)));
      c[static_cast<size_t>(m * v[1] + n)] = sum;
    }
  int in_register = is_wide ? 1 : 4 / element_size(type(6));
  for (int reg = 0; reg < v[8]; reg++)
    for (int half = 0; half < in_register; half++)
      for (int l = 0; l < 32; l++) {
        Place p = wmma_place('d', v[0], v[1], v[2], type(6), l, reg, half);
        scatter_element(w, r[reg], type(6), l, half, c[static_cast<size_t>(p.row * v[1] + p.col)]);
      }
  w.block->mma_count++;
}

void decode_wmma_move(Decoder& d, bool load, const int s[3]) {
  std::string which = load ? d.take_one({"a", "b", "c"}) : d.take_one({"d"});
  std::string layout = d.take_one({"row", "col"});
  if (which.empty() || layout.empty()) d.unsupported();
  d.i.space = d.take_space();
  Element type = take_element(d);
  d.address(d.operand(load ? 1 : 0));
  const ptx::Operand& fragment = d.operand(load ? 0 : 1);
  int n = add_fragment(d, fragment, type, load);
  int expected = 0;
  try {
    expected = wmma_registers(which[0], s[0], s[1], s[2], type);
  } catch (const Fault& e) {
    d.unsupported(e.what());
  }
  if (n != (type == Element::f64 ? expected / 2 : expected)) d.unsupported("number of registers");
  if (d.operands() == 3) {
    d.i.b = d.source(d.operand(2), "b32");
  } else {  // the leading dimension of a packed matrix
    int rows = which == "b" ? s[2] : s[0], columns = which == "a" ? s[2] : s[1];
    d.i.b = d.constant(static_cast<uint64_t>(layout == "col" ? rows : columns), 4);
  }
  d.detail().numbers = {which[0], s[0], s[1], s[2], static_cast<int>(type), layout == "col", n};
  emit_warp_wide(d, load ? perform_wmma_load : perform_wmma_store);
}

}  // namespace

void decode_wmma(Decoder& d) {
  std::string what = d.take_one({"load", "store", "mma"});
  if (!d.take("sync") || !d.take("aligned")) d.unsupported();
  int s[3];
  size_t at = 0;
  while (at < d.modifiers.size() && !parse_shape(d.modifiers[at], s)) at++;
  if (at == d.modifiers.size()) d.unsupported();
  d.modifiers.erase(d.modifiers.begin() + static_cast<long>(at));
  if (what == "load" || what == "store") return decode_wmma_move(d, what == "load", s);
  for (auto layout : {"row", "col", "row", "col"}) d.take(layout);
  bool satfinite = d.take("satfinite");
  if (!d.modifiers.empty() && d.modifiers.back() == "rn") d.take("rn");  // of f64: the only rounding there is here
  Element types[4] = {};                                                 // d, a, b, c
  if (d.modifiers.size() == 2) {                                         // .d.c: the inputs are f16
    types[1] = types[2] = Element::f16;
    types[0] = take_element(d);
    types[3] = take_element(d);
  } else {
    for (int t : {0, 1, 2, 3}) types[t] = take_element(d);
  }
  auto& v = d.detail().numbers;
  v = {s[0],
       s[1],
       s[2],
       static_cast<int>(types[1]),
       static_cast<int>(types[2]),
       static_cast<int>(types[3]),
       static_cast<int>(types[0]),
       satfinite};
  for (size_t f = 0; f < 4; f++) {
    int n = add_fragment(d, d.operand(f), types[f], f == 0), expected = 0;
    try {
      expected = wmma_registers("dabc"[f], s[0], s[1], s[2], types[f]);
    } catch (const Fault& e) {
      d.unsupported(e.what());
    }
    if (n != (types[f] == Element::f64 ? expected / 2 : expected)) d.unsupported("number of registers");
    v.push_back(n);
  }
  emit_warp_wide(d, perform_wmma);
}

}  // namespace sim
