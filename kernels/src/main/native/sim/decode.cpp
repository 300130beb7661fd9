// decode.cpp: one statement of the syntax tree to instructions: its modifiers, operands and lane-wise operations.
#include "decode.h"
#include "ops.h"
#include "operations.h"
#include <algorithm>
#include <bit>
#include <unordered_map>

namespace sim {

using ptx::Form;
using ptx::Space;

void Decoder::unsupported(const std::string& why) const {
  throw Fault(FaultKind::unsupported, "PTX line " + std::to_string(statement.line) + ": `" + statement.text +
                                          "` is not supported" + (why.empty() ? "" : ": " + why));
}

bool Decoder::take(std::string_view modifier) {
  auto found = std::find(modifiers.begin(), modifiers.end(), modifier);
  if (found == modifiers.end()) return false;
  modifiers.erase(found);
  return true;
}

std::string Decoder::take_one(std::initializer_list<const char*> choices) {
  for (const char* c : choices)
    if (take(c)) return c;
  return "";
}

std::string Decoder::take_type() {
  if (modifiers.empty() || !ptx::type_bytes(modifiers.back())) unsupported("it has no type that is known");
  std::string type = modifiers.back();
  modifiers.pop_back();
  return type;
}

Space Decoder::take_space() {
  if (take("global")) return Space::global;
  if (take("shared") || take("shared::cta")) return Space::shared;
  if (take("local")) return Space::local;
  if (take("const")) return Space::constant;
  if (take("param") || take("param::entry") || take("param::func")) return Space::param;
  return Space::none;
}

const ptx::Operand& Decoder::operand(size_t n) {
  if (n >= operands()) unsupported("it has too few operands");
  return statement.operands[n];
}

uint32_t Decoder::constant(uint64_t bits, uint32_t bytes, int variable) {
  return builder.constant(bits, bytes, variable);
}

uint32_t Decoder::source(const ptx::Operand& o, std::string_view type) {
  uint32_t bytes = ptx::type_bytes(type);
  if (o.negated) unsupported("a negated operand here");
  bool single = type == "f32", real = single || type == "f64";
  switch (o.form) {
    case Form::reg:
      if (ptx::type_bytes(builder.register_type(o.reg).type) != bytes) unsupported("size of register " + o.name);
      return builder.register_at(o.reg);
    case Form::integer:
      if (real) {  // an integer where a floating number belongs is its value
        double v = static_cast<double>(static_cast<int64_t>(o.bits));
        return constant(single ? std::bit_cast<uint32_t>(static_cast<float>(v)) : std::bit_cast<uint64_t>(v), bytes);
      }
      return constant(bytes == 8 ? o.bits : o.bits & ((1ull << (bytes * 8)) - 1), bytes);
    case Form::f32:
    case Form::f64: {
      bool wide = o.form == Form::f64;
      if (bytes < 4) unsupported("a floating constant of that size");
      if (bytes == (wide ? 8u : 4u)) return constant(o.bits, bytes);
      if (wide) return constant(std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(o.bits))), 4);
      return constant(std::bit_cast<uint64_t>(static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(o.bits)))),
                      8);
    }
    case Form::name: {
      bool found = false;
      uint32_t at = builder.special(o.name, bytes, found);
      if (found) return at;
      if (o.name == "WARP_SZ") return constant(32, bytes);
      auto place = builder.find_symbol(statement, o.name);
      if (place.space == Space::local || place.space == Space::param) unsupported("the address of " + o.name + " here");
      return constant(place.at + o.bits, bytes, place.variable);
    }
    default:
      unsupported("form of an operand");
  }
}

uint32_t Decoder::target(const ptx::Operand& o, std::string_view type) {
  if (o.form == Form::sink) return scratch(ptx::type_bytes(type));
  if (o.form != Form::reg) unsupported("its destination is not a register");
  if (ptx::type_bytes(builder.register_type(o.reg).type) != ptx::type_bytes(type))
    unsupported("size of register " + o.name);
  return builder.register_at(o.reg);
}

uint32_t Decoder::scratch(uint32_t bytes) { return builder.allocate(bytes); }

uint32_t Decoder::any_register(const ptx::Operand& o, int& bytes) {
  if (o.form != Form::reg) unsupported("an operand is not a register");
  bytes = static_cast<int>(ptx::type_bytes(builder.register_type(o.reg).type));
  if (builder.register_type(o.reg).type == "pred") unsupported("a predicate here");
  return builder.register_at(o.reg);
}

uint32_t Decoder::predicate(const ptx::Operand& o, bool& negated) {
  negated = o.negated;
  if (o.form == Form::integer) return constant(o.bits ? ~0u : 0, 4);
  if (o.form != Form::reg || builder.register_type(o.reg).type != "pred") unsupported("an operand is not a predicate");
  return builder.register_at(o.reg);
}

int64_t Decoder::integer(const ptx::Operand& o) {
  if (o.form != Form::integer) unsupported("an operand is not an integer constant");
  return static_cast<int64_t>(o.bits);
}

void Decoder::address(const ptx::Operand& o) {
  if (o.form != Form::address) unsupported("an operand is not an address");
  i.offset = static_cast<int64_t>(o.bits);
  i.wide = true;
  if (o.reg >= 0) {
    uint32_t bytes = ptx::type_bytes(builder.register_type(o.reg).type);
    if (bytes != 4 && bytes != 8) unsupported("size of the address register");
    i.wide = bytes == 8;
    i.a = builder.register_at(o.reg);
    return;
  }
  if (o.name.empty()) {
    i.a = constant(0, 8);
    return;
  }
  auto place = builder.find_symbol(statement, o.name);
  if (i.space == Space::none && place.space != Space::global && place.space != Space::constant)
    unsupported("a generic address of " + o.name);
  if (i.space != Space::none && i.space != place.space) unsupported(o.name + " is in another state space");
  i.offset += static_cast<int64_t>(place.at);
  i.a = place.space == Space::local ? builder.special(Special::local_base, 8) : constant(0, 8, place.variable);
}

Detail& Decoder::detail() {
  if (!i.detail) i.detail = &builder.image->details.emplace_back();
  return *i.detail;
}

void Decoder::emit(Op op, bool counted) {
  if (!modifiers.empty()) unsupported("modifier ." + modifiers.front());
  i.run = op;
  if (statement.guard >= 0) {
    i.guard = builder.register_at(statement.guard);
    i.guard_negated = statement.guard_negated;
    i.body = op;
    i.run = run_guarded;
  }
  builder.append(i, &statement, counted);
}

void Decoder::emit_control(Op op) {
  if (!modifiers.empty()) unsupported("modifier ." + modifiers.front());
  i.run = i.body = op;
  if (statement.guard >= 0) {
    i.guard = builder.register_at(statement.guard);
    i.guard_negated = statement.guard_negated;
    i.run = run_guarded_control;
  }
  builder.append(i, &statement);
}

// ---- lane-wise operations ----

namespace {

const char* type_of(char operand) {
  return operand == 'h' ? "b16" : operand == 'w' ? "b32" : operand == 'd' ? "b64" : operand == 'b' ? "b8" : "pred";
}

std::string spelling_of(const Decoder& d) {
  std::string s = d.statement.opcode;
  for (auto& m : d.modifiers) s += "." + m;
  return s;
}

/** The sizes of registers, as cvt's spellings carry them. */
std::string register_sizes(Decoder& d) {
  std::string sizes;
  for (auto& o : d.statement.operands) {
    uint32_t bytes = 0;
    if (o.form == Form::reg) bytes = ptx::type_bytes(d.builder.register_type(o.reg).type);
    sizes += bytes == 1 ? 'b' : bytes == 2 ? 'h' : bytes == 4 ? 'w' : bytes == 8 ? 'd' : '?';
  }
  return sizes;
}

bool is_integer_type(std::string_view t) { return t.size() > 1 && (t[0] == 'u' || t[0] == 's') && ptx::type_bytes(t); }

/** cvt{.sat}.target.source between integers: one loop for each pair of register sizes. */
const LaneOp* find_integer_conversion(Decoder& d) {
  size_t n = d.modifiers.size();
  if (d.statement.opcode != "cvt" || n < 2 || n > 3 || (n == 3 && d.modifiers[0] != "sat")) return nullptr;
  const std::string &to = d.modifiers[n - 2], &from = d.modifiers[n - 1];
  if (!is_integer_type(to) || !is_integer_type(from)) return nullptr;
  std::string sizes = register_sizes(d);
  const ptx::Operand& source = d.operand(1);
  if (source.form != Form::reg) sizes[1] = from.ends_with("64") ? 'd' : from.ends_with("32") ? 'w' : 'h';
  uint32_t to_bytes = ptx::type_bytes(to), from_bytes = ptx::type_bytes(from);
  auto fits = [](char size, uint32_t bytes) {
    return bytes <= (size == 'h' ? 2u : size == 'w' ? 4u : size == 'd' ? 8u : 0u);
  };
  if (sizes.size() != 2 || !fits(sizes[0], to_bytes) || !fits(sizes[1], from_bytes)) return nullptr;
  d.i.bytes = static_cast<uint8_t>(8 * from_bytes);
  d.i.count = static_cast<uint8_t>(8 * to_bytes);
  d.i.flags = to[0] == 's';
  return find_lane_op(std::string("cvt.") + (n == 3 ? "sat." : "") + (from[0] == 's' ? "sint " : "uint ") + sizes);
}

bool is_float_type(std::string_view t) { return t == "f32" || t == "f64"; }

}  // namespace

void decode_lane_operation(Decoder& d) {
  std::string spelling = spelling_of(d);
  const LaneOp* op = find_lane_op(spelling);
  if (!op) op = find_lane_op(spelling + " " + register_sizes(d));
  if (!op) op = find_integer_conversion(d);
  if (!op) d.unsupported();
  std::string type = d.modifiers.empty() ? "" : d.modifiers.back();
  if (d.statement.opcode == "slct") type = d.modifiers.front();  // the last is the selector's
  const char* spec = op->operands;
  for (size_t n = 0; spec[n]; n++) {
    const ptx::Operand& o = d.operand(n);
    uint32_t* places[] = {&d.i.d, &d.i.a, &d.i.b, &d.i.c, &d.i.e};
    if (spec[n] == 'i') {
      d.i.offset = d.integer(o);
    } else if (spec[n] == 'p' && n) {
      bool negated = false;
      *places[n] = d.predicate(o, negated);
      if (negated) d.i.flags |= spec[0] == 'p' ? 1 << (n - 1) : 1;
    } else if (n == 0) {
      *places[n] = d.target(o, type_of(spec[n]));
    } else {
      bool real = is_float_type(type) && ptx::type_bytes(type) == ptx::type_bytes(type_of(spec[n]));
      *places[n] = d.source(o, real ? type : type_of(spec[n]));
    }
  }
  if (d.operands() != std::char_traits<char>::length(spec)) d.unsupported("number of operands");
  d.modifiers.clear();
  d.emit(op->run);
}

/** setp.cmp{.bool}{.ftz}.type p{|q}, a, b{, {!}c} */
void decode_setp(Decoder& d) {
  const ptx::Operand& first = d.operand(0);
  if (first.form == Form::pair) {
    d.i.d = d.target(first.list[0], "pred");
    d.i.e = d.target(first.list[1], "pred");
    d.i.flags |= kSetpSecond;
  } else {
    d.i.d = d.target(first, "pred");
  }
  decode_comparison(d);
}

void decode_comparison(Decoder& d) {
  std::string join = d.take_one({"and", "or", "xor"}), spelling = "setp";
  for (auto& m : d.modifiers) spelling += "." + m;
  const LaneOp* op = find_lane_op(spelling);
  if (!op) d.unsupported();
  std::string type = d.take_type();
  const char* compared = is_float_type(type) ? type.c_str() : type_of(op->operands[1]);
  d.i.a = d.source(d.operand(1), compared);
  d.i.b = d.source(d.operand(2), compared);
  if (!join.empty()) {
    bool negated = false;
    d.i.c = d.predicate(d.operand(3), negated);
    d.i.flags |= join == "and" ? kSetpAnd : join == "or" ? kSetpOr : kSetpXor;
    if (negated) d.i.flags |= kSetpNegate;
  }
  d.modifiers.clear();
  d.emit(op->run);
}

/** set.cmp{.bool}.target.source d, a, b{, c}: a setp, then a choice between the target's 1 (or all ones) and 0. Pairs
 * have loops of their own. */
void decode_set(Decoder& d) {
  if (find_lane_op(spelling_of(d))) return decode_lane_operation(d);
  static const std::unordered_map<std::string_view, uint64_t> ones = {
      {"u32", ~0u},    {"s32", ~0u},    {"f32", 0x3f800000}, {"u16", 0xffff},
      {"s16", 0xffff}, {"f16", 0x3c00}, {"bf16", 0x3f80}};
  if (d.modifiers.size() < 3) d.unsupported();
  std::string source = d.modifiers.back(), target = d.modifiers[d.modifiers.size() - 2];
  auto one = ones.find(target);
  if (one == ones.end() || source.ends_with("x2")) d.unsupported();
  d.modifiers.erase(d.modifiers.end() - 2);
  Instruction choice;
  choice.d = d.target(d.operand(0), target);
  choice.c = d.scratch(1);
  choice.a = d.constant(one->second, ptx::type_bytes(target));
  choice.b = d.constant(0, ptx::type_bytes(target));
  d.i.d = choice.c;
  decode_comparison(d);
  d.i = choice;
  d.modifiers.clear();
  d.emit(find_lane_op(ptx::type_bytes(target) == 2 ? "selp.b16" : "selp.b32")->run, false);
}

}  // namespace sim
