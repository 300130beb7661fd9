// decode.cpp: from the syntax tree to an image.
#include "decode.h"
#include "ops.h"
#include "operations.h"
#include <algorithm>
#include <bit>
#include <unordered_map>

namespace sim {

using ptx::Form;
using ptx::Space;

// ---- Decoder ----

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

// ---- ImageBuilder ----

ImageBuilder::ImageBuilder(const ptx::Module& m, const ptx::Function& kernel) : module(m), image(new Image) {
  image->kernel = &kernel;
  auto functions = reachable(module, kernel);
  shared = lay_out_shared(module, functions);
  image->static_shared = shared.bytes;
  image->dynamic_shared_at = shared.dynamic_at;
  allocate(8);  // place 0: nobody's
  image->local_base_at = special(Special::local_base, 8);
  for (auto* f : functions) {
    Routine& r = image->routines.emplace_back();
    r.function = f;
    r.local_bytes = local_bytes(*f);
    routines_[f] = &r;
    auto callees = reachable(module, *f);
    r.recursive = std::find(callees.begin() + 1, callees.end(), f) != callees.end();
    lay_out_parameters(r);
  }
}

std::unique_ptr<Image> ImageBuilder::build() {
  for (auto& r : image->routines) decode_routine(r);
  resolve();
  return std::move(image);
}

uint32_t ImageBuilder::allocate(uint32_t bytes) {
  uint32_t at = (image->file_bytes + 63) & ~63u;
  image->file_bytes = at + 32 * bytes;
  return at;
}

uint32_t ImageBuilder::constant(uint64_t bits, uint32_t bytes, int variable) {
  auto [found, fresh] = constants_.try_emplace({bits, bytes, variable}, 0);
  if (fresh) {
    found->second = allocate(bytes);
    image->constants.push_back({found->second, bytes, bits, variable});
  }
  return found->second;
}

uint32_t ImageBuilder::special(Special s, uint32_t bytes) {
  auto [found, fresh] = specials_.try_emplace({s, bytes}, 0);
  if (fresh) {
    found->second = allocate(bytes);
    image->specials.emplace_back(found->second, s);
  }
  return found->second;
}

uint32_t ImageBuilder::special(std::string_view name, uint32_t bytes, bool& found) {
  static const std::unordered_map<std::string_view, std::pair<Special, uint32_t>> table = {
      {"%tid.x", {Special::tid_x, 4}},
      {"%tid.y", {Special::tid_y, 4}},
      {"%tid.z", {Special::tid_z, 4}},
      {"%ntid.x", {Special::ntid_x, 4}},
      {"%ntid.y", {Special::ntid_y, 4}},
      {"%ntid.z", {Special::ntid_z, 4}},
      {"%ctaid.x", {Special::ctaid_x, 4}},
      {"%ctaid.y", {Special::ctaid_y, 4}},
      {"%ctaid.z", {Special::ctaid_z, 4}},
      {"%nctaid.x", {Special::nctaid_x, 4}},
      {"%nctaid.y", {Special::nctaid_y, 4}},
      {"%nctaid.z", {Special::nctaid_z, 4}},
      {"%laneid", {Special::laneid, 4}},
      {"%warpid", {Special::warpid, 4}},
      {"%nwarpid", {Special::nwarpid, 4}},
      {"%lanemask_eq", {Special::lanemask_eq, 4}},
      {"%lanemask_le", {Special::lanemask_le, 4}},
      {"%lanemask_lt", {Special::lanemask_lt, 4}},
      {"%lanemask_ge", {Special::lanemask_ge, 4}},
      {"%lanemask_gt", {Special::lanemask_gt, 4}},
      {"%smid", {Special::smid, 4}},
      {"%nsmid", {Special::nsmid, 4}},
      {"%gridid", {Special::gridid, 8}},
      {"%dynamic_smem_size", {Special::dynamic_smem_size, 4}},
      {"%total_smem_size", {Special::total_smem_size, 4}}};
  auto entry = table.find(name);
  if (entry != table.end() && entry->second.second == bytes) {
    found = true;
    return special(entry->second.first, bytes);
  }
  if (name.starts_with("%envreg") && bytes == 4) {  // nothing is put there
    found = true;
    return constant(0, 4, -1);
  }
  return 0;
}

ImageBuilder::Place ImageBuilder::find_symbol(const ptx::Statement& s, const std::string& name) const {
  const ptx::Function& f = *routine->function;
  for (int scope = s.scope; scope >= 0; scope = f.parents[scope])
    for (auto& l : f.locals)
      if (l.scope == scope && l.name == name) {
        if (l.space == Space::shared) return {Space::shared, shared.local.at({&f, &l})};
        if (l.space == Space::param) return {Space::param, routine->parameters.at(name + "@" + std::to_string(scope))};
        uint32_t at = 0;
        for (auto& m : f.locals) {
          if (m.space != Space::local) continue;
          at = (at + m.align - 1) / m.align * m.align;
          if (&m == &l) return {Space::local, at};
          at += m.size;
        }
      }
  if (auto p = routine->parameters.find(name); p != routine->parameters.end()) return {Space::param, p->second};
  if (auto g = shared.global.find(name); g != shared.global.end()) return {Space::shared, g->second};
  if (auto v = module.variable_index.find(name); v != module.variable_index.end())
    return {module.variables[v->second].constant ? Space::constant : Space::global, 0, v->second};
  if (auto fn = module.function_index.find(name); fn != module.function_index.end())
    return {Space::none, kFunctionWindow + static_cast<uint64_t>(fn->second)};
  throw Fault(FaultKind::unsupported,
              "PTX line " + std::to_string(s.line) + ": `" + s.text + "`: '" + name + "' is not known");
}

int ImageBuilder::find_label(const ptx::Statement& s, const std::string& name) const {
  const ptx::Function& f = *routine->function;
  for (int scope = s.scope; scope >= 0; scope = f.parents[scope]) {
    auto found = f.labels.find({scope, name});
    if (found != f.labels.end()) return static_cast<int>(found->second);
  }
  throw Fault(FaultKind::parse, "PTX line " + std::to_string(s.line) + ": `" + s.text + "`: no label " + name);
}

Routine* ImageBuilder::routine_of(std::string_view name) {
  auto found = module.function_index.find(name);
  if (found == module.function_index.end()) return nullptr;
  auto r = routines_.find(&module.functions[found->second]);
  return r == routines_.end() ? nullptr : r->second;
}

int64_t ImageBuilder::kernel_parameter_bytes() const {
  int64_t end = 0;
  for (auto& p : image->kernel->parameters) end = (end + p.align - 1) / p.align * p.align + p.size;
  return end;
}

/** Kernel parameters lie at their packed offsets; those of device functions in a lane's own bytes. */
void ImageBuilder::lay_out_parameters(Routine& r) {
  const ptx::Function& f = *r.function;
  uint32_t& at = image->parameter_bytes;
  r.parameter_begin = at;
  auto place = [&](const ptx::Local& l, const std::string& name) {
    at = (at + 15) & ~15u;
    r.parameters[name] = at;
    at += l.size;
    return r.parameters[name];
  };
  if (f.kernel) {
    uint32_t offset = 0;
    for (auto& p : f.parameters) {
      offset = (offset + p.align - 1) / p.align * p.align;
      r.parameters[p.name] = offset;
      offset += p.size;
    }
  } else {
    for (auto& p : f.parameters) r.formals.push_back(place(p, p.name));
    for (auto& p : f.results) r.result_places.push_back(place(p, p.name));
  }
  for (auto& l : f.locals)
    if (l.space == Space::param) place(l, l.name + "@" + std::to_string(l.scope));
  r.parameter_end = at;
}

void ImageBuilder::append(Instruction i, const ptx::Statement* s, bool counted) {
  static const std::string none;
  i.index = static_cast<int>(image->code.size());
  image->code.push_back(i);
  image->source.push_back({s ? s->line : 0, s ? &s->text : &none});
  image->counted.push_back(counted);
}

void ImageBuilder::decode_routine(Routine& r) {
  routine = &r;
  const ptx::Function& f = *r.function;
  allocate_registers();
  entries_.emplace_back(&r, image->code.size());
  std::vector<bool> labelled(f.body.size() + 1);
  for (auto& l : f.labels) labelled[l.second] = true;
  first_instruction_.assign(f.body.size() + 1, 0);
  size_t first_pending = pending_targets_.size(), first_detail = image->details.size();
  for (size_t s = 0; s <= f.body.size(); s++) {
    first_instruction_[s] = static_cast<int>(image->code.size());
    if (labelled[s]) {
      Instruction join;
      join.run = run_join;
      append(join, s < f.body.size() ? &f.body[s] : nullptr, false);
    }
    if (s < f.body.size()) decode_statement(f.body[s]);
  }
  Instruction end;  // a function may end without ret
  end.run = end.body = run_return;
  append(end, f.body.empty() ? nullptr : &f.body.back(), false);
  for (size_t p = first_pending; p < pending_targets_.size(); p++)
    pending_targets_[p].statement = first_instruction_[pending_targets_[p].statement];
  for (; first_detail < image->details.size(); first_detail++)
    for (int& l : image->details[first_detail].labels) l = first_instruction_[l];
}

void ImageBuilder::decode_statement(const ptx::Statement& s) {
  Decoder d{*this, s, s.modifiers, {}};
  if (s.opcode == "mov") return decode_move(d);
  if (s.opcode == "setp") return decode_setp(d);
  if (s.opcode == "set") return decode_set(d);
  for (auto find : {find_control, find_memory, find_collective, find_matrix})
    if (auto decode = find(s.opcode)) return decode(d);
  decode_lane_operation(d);
}

void ImageBuilder::resolve() {
  for (auto& p : pending_targets_) image->code[p.instruction].target = &image->code[p.statement];
  for (auto& d : image->details)
    for (int l : d.labels) d.targets.push_back(&image->code[l]);
  for (auto& [r, at] : entries_) r->entry = &image->code[at];
}

std::unique_ptr<Image> decode(const ptx::Module& module, const ptx::Function& kernel) {
  return ImageBuilder(module, kernel).build();
}

}  // namespace sim
