// matrix_ops.cpp: mma, ldmatrix, stmatrix, movmatrix: operands in, matrix.h does the work. All 32 lanes take part.
#include "matrix_ops.h"
#include "matrix.h"
#include "access.h"
#include "decode.h"
#include "numeric.h"
#include "operations.h"
#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace sim {

using ptx::Form;
using ptx::Space;

namespace {

const std::unordered_map<std::string, Element> kElements = {
    {"f16", Element::f16}, {"bf16", Element::bf16}, {"tf32", Element::tf32}, {"f32", Element::f32},
    {"f64", Element::f64}, {"s8", Element::s8},     {"u8", Element::u8},     {"s32", Element::s32}};

}  // namespace

const Instruction& whole_warp(Warp& w, const Part* parts, int count) {
  uint32_t here = 0;
  for (int p = 0; p < count; p++) {
    here |= parts[p].mask;
    if (parts[p].instruction != parts[0].instruction)
      w.block->fault(FaultKind::deadlock, w, *parts[p].instruction, __builtin_ctz(parts[p].mask),
                     "other lanes of the warp are at another matrix instruction");
  }
  if (~here)
    w.block->fault(FaultKind::deadlock, w, *parts[0].instruction, __builtin_ctz(here),
                   "it takes all 32 lanes of a warp, but some have ended");
  return *parts[0].instruction;
}

bool parse_shape(const std::string& s, int shape[3]) {
  return std::sscanf(s.c_str(), "m%dn%dk%d", &shape[0], &shape[1], &shape[2]) == 3;
}

Element take_element(Decoder& d) {
  if (d.modifiers.empty()) d.unsupported();
  auto found = kElements.find(d.modifiers.front());
  if (found == kElements.end()) d.unsupported("type ." + d.modifiers.front());
  d.modifiers.erase(d.modifiers.begin());
  return found->second;
}

int add_fragment(Decoder& d, const ptx::Operand& o, Element type, bool target) {
  const char* name = type == Element::f64 ? "f64" : "b32";
  std::vector<ptx::Operand> one{o};
  for (auto& e : o.form == Form::vector ? o.list : one)
    d.detail().registers.push_back(target ? d.target(e, name) : d.source(e, name));
  return static_cast<int>(o.form == Form::vector ? o.list.size() : 1);
}

void emit_warp_wide(Decoder& d, Perform perform) {
  d.i.e = d.constant(~0u, 4);
  d.i.perform = perform;
  d.emit_control(run_collective);
}

namespace {

bool wide(int element) { return static_cast<Element>(element) == Element::f64; }

/** Registers of a fragment as 32-bit ones: those of f64 are split into low and high words. */
struct Fragment {
  uint32_t words[16][32];
  uint32_t* rows[16];
  Fragment() {
    for (int r = 0; r < 16; r++) rows[r] = words[r];
  }
  void load(Warp& w, const uint32_t* registers, int count, bool is_wide) {
    for (int r = 0; r < count; r++) {
      if (!is_wide) {
        rows[r] = w.at<uint32_t>(registers[r]);
        continue;
      }
      const uint64_t* from = w.at<uint64_t>(registers[r]);
      for (int l = 0; l < 32; l++) {
        words[2 * r][l] = static_cast<uint32_t>(from[l]);
        words[2 * r + 1][l] = static_cast<uint32_t>(from[l] >> 32);
      }
    }
  }
  void store(Warp& w, const uint32_t* registers, int count, bool is_wide) const {
    for (int r = 0; r < count; r++) {
      if (!is_wide) {
        std::memcpy(w.at<uint32_t>(registers[r]), words[r], sizeof words[r]);
        continue;
      }
      uint64_t* to = w.at<uint64_t>(registers[r]);
      for (int l = 0; l < 32; l++) to[l] = static_cast<uint64_t>(words[2 * r + 1][l]) << 32 | words[2 * r][l];
    }
  }
};

/** numbers: m, n, k, types of a, b, c, d, satfinite, then the register counts of d, a, b, c. */
void perform_mma(Warp& w, const Part* parts, int count) {
  const Instruction& i = whole_warp(w, parts, count);
  const auto& v = i.detail->numbers;
  const uint32_t* r = i.detail->registers.data();
  Fragment a, b, c, d;
  a.load(w, r + v[8], v[9], wide(v[3]));
  b.load(w, r + v[8] + v[9], v[10], wide(v[4]));
  c.load(w, r + v[8] + v[9] + v[10], v[11], wide(v[5]));
  mma(v[0], v[1], v[2], static_cast<Element>(v[3]), static_cast<Element>(v[4]), static_cast<Element>(v[5]),
      static_cast<Element>(v[6]), v[7] != 0, d.rows, a.rows, b.rows, c.rows);
  d.store(w, r, v[8], wide(v[6]));
  w.block->mma_count++;
}

int expected_registers(char which, const int s[3], Element type) {
  int words = mma_registers(which, s[0], s[1], s[2], type);
  return type == Element::f64 ? words / 2 : words;
}

/** mma.sync.aligned.m16n8k16.row.col{.satfinite}.d.a.b.c d, a, b, c */
void decode_mma(Decoder& d) {
  int s[3];
  if (!d.take("sync") || !d.take("aligned") || d.modifiers.empty() || !parse_shape(d.modifiers[0], s)) d.unsupported();
  d.modifiers.erase(d.modifiers.begin());
  if (!d.take("row") || !d.take("col")) d.unsupported("only .row.col");
  bool satfinite = d.take("satfinite");
  Element dt = take_element(d), at = take_element(d), bt = take_element(d), ct = take_element(d);
  const std::pair<char, Element> fragments[] = {{'d', dt}, {'a', at}, {'b', bt}, {'c', ct}};
  auto& v = d.detail().numbers;
  v = {s[0],     s[1], s[2], static_cast<int>(at), static_cast<int>(bt), static_cast<int>(ct), static_cast<int>(dt),
       satfinite};
  for (int f = 0; f < 4; f++) {
    int n = add_fragment(d, d.operand(static_cast<size_t>(f)), fragments[f].second, f == 0);
    int expected = 0;
    try {
      expected = expected_registers(fragments[f].first, s, fragments[f].second);
    } catch (const Fault& e) {
      d.unsupported(e.what());
    }
    if (n != expected) d.unsupported("number of registers");
    v.push_back(n);
  }
  emit_warp_wide(d, perform_mma);
}

// ---- ldmatrix, stmatrix ----

struct Rows {
  Access access;
  uint32_t address[32];
};

/** The rows that lanes 0 .. 8 * count - 1 point at. */
Rows matrix_rows(Warp& w, const Instruction& i, Use use) {
  Rows rows;
  uint64_t address[32];
  for (int l = 0; l < 32; l++) {
    uint64_t a = i.wide ? w.at<uint64_t>(i.a)[l] : w.at<uint32_t>(i.a)[l];
    address[l] = a + static_cast<uint64_t>(i.offset);
    rows.address[l] = static_cast<uint32_t>(address[l]);
  }
  uint32_t outer = w.mask;
  w.mask = i.count == 4 ? ~0u : (1u << (8 * i.count)) - 1;
  rows.access.counted = false;
  access_addresses(w, i, i.space, address, 16, use, rows.access);
  w.mask = outer;
  for (int m = 0; m < i.count; m++) count_ldmatrix(w.block->lines[i.index], rows.address + 8 * m);
  return rows;
}

void perform_ldmatrix(Warp& w, const Part* parts, int count) {
  const Instruction& i = whole_warp(w, parts, count);
  Rows rows = matrix_rows(w, i, Use::read);
  Fragment f;
  ldmatrix(i.count, i.flags != 0, f.rows, rows.access.data);
  f.store(w, i.detail->registers.data(), i.count, false);
}

void perform_stmatrix(Warp& w, const Part* parts, int count) {
  const Instruction& i = whole_warp(w, parts, count);
  Rows rows = matrix_rows(w, i, Use::write);
  Fragment f;
  f.load(w, i.detail->registers.data(), i.count, false);
  stmatrix(i.count, i.flags != 0, rows.access.data, f.rows);
}

/** ldmatrix.sync.aligned.m8n8.x4{.trans}.shared.b16 r, [p] */
void decode_matrix_move(Decoder& d) {
  bool load = d.statement.opcode == "ldmatrix";
  if (!d.take("sync") || !d.take("aligned") || !d.take("m8n8")) d.unsupported();
  std::string count = d.take_one({"x1", "x2", "x4"});
  if (count.empty() || d.take_type() != "b16") d.unsupported();
  d.i.count = static_cast<uint8_t>(count[1] - '0');
  d.i.flags = d.take("trans");
  d.i.space = d.take_space();
  if (d.i.space != Space::shared) d.unsupported("only shared memory");
  d.address(d.operand(load ? 1 : 0));
  if (add_fragment(d, d.operand(load ? 0 : 1), Element::f16, load) != d.i.count) d.unsupported("number of registers");
  emit_warp_wide(d, load ? perform_ldmatrix : perform_stmatrix);
}

/** movmatrix: the 8x8 matrix of 16-bit elements, transposed. */
void perform_movmatrix(Warp& w, const Part* parts, int count) {
  const Instruction& i = whole_warp(w, parts, count);
  uint16_t from[64], to[64];
  std::memcpy(from, w.at<uint32_t>(i.a), sizeof from);  // lane 4 * row + column / 2
  for (int r = 0; r < 8; r++)
    for (int c = 0; c < 8; c++) to[8 * r + c] = from[8 * c + r];
  std::memcpy(w.at<uint32_t>(i.d), to, sizeof to);
}

void decode_movmatrix(Decoder& d) {
  if (!d.take("sync") || !d.take("aligned") || !d.take("m8n8") || !d.take("trans") || d.take_type() != "b16")
    d.unsupported();
  d.i.d = d.target(d.operand(0), "b32");
  d.i.a = d.source(d.operand(1), "b32");
  emit_warp_wide(d, perform_movmatrix);
}

}  // namespace

DecodeFunction find_matrix(std::string_view opcode) {
  static const std::unordered_map<std::string_view, DecodeFunction> table = {{"mma", decode_mma},
                                                                             {"ldmatrix", decode_matrix_move},
                                                                             {"stmatrix", decode_matrix_move},
                                                                             {"movmatrix", decode_movmatrix},
                                                                             {"wmma", decode_wmma}};
  auto found = table.find(opcode);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace sim
