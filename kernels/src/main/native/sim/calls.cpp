// calls.cpp: device functions. Every function has one set of registers and of parameters in a warp; only a recursive
// one needs a stack for them.
#include "block.h"
#include "decode.h"
#include "operations.h"
#include "print.h"

namespace sim {

using ptx::Form;

namespace {

uint8_t* parameter_space(Warp& w, int lane) {
  Block& b = *w.block;
  return b.parameters.data() + static_cast<size_t>(w.number * 32 + lane) * b.parameter_stride;
}

/** A recursive function has one set of registers: the caller's values wait on the lane's own stack. */
void save_frame(Warp& w, const Routine& r, int lane) {
  auto& stack = w.saved[lane];
  for (auto [at, bytes] : r.registers) {
    size_t top = stack.size();
    stack.resize(top + bytes);
    std::memcpy(stack.data() + top, w.file + at + lane * bytes, bytes);
  }
  for (uint32_t at : r.predicates) stack.push_back(w.predicate(at) >> lane & 1);
  uint8_t* p = parameter_space(w, lane);
  stack.insert(stack.end(), p + r.parameter_begin, p + r.parameter_end);
}

void restore_frame(Warp& w, const Routine& r, int lane) {
  auto& stack = w.saved[lane];
  size_t size = r.parameter_end - r.parameter_begin;
  for (auto& p : r.registers) size += p.second;
  size += r.predicates.size();
  const uint8_t* from = stack.data() + stack.size() - size;
  for (auto [at, bytes] : r.registers) {
    std::memcpy(w.file + at + lane * bytes, from, bytes);
    from += bytes;
  }
  for (uint32_t at : r.predicates) {
    uint32_t& p = w.predicate(at);
    p = (p & ~(1u << lane)) | static_cast<uint32_t>(*from++) << lane;
  }
  std::memcpy(parameter_space(w, lane) + r.parameter_begin, from, r.parameter_end - r.parameter_begin);
  stack.resize(stack.size() - size);
}

const Instruction* call_routine(Warp& w, const Instruction& i, const Instruction* return_to) {
  const Call& call = *i.detail->call;
  const Routine& callee = *call.routine;
  Block& b = *w.block;
  uint64_t* local_base = w.at<uint64_t>(b.image.local_base_at);
  each_lane(w.mask, [&](int l) {
    uint8_t* p = parameter_space(w, l);
    std::vector<uint8_t> values;
    for (size_t a = 0; a < call.arguments.size(); a++)
      values.insert(values.end(), p + call.arguments[a], p + call.arguments[a] + call.argument_bytes[a]);
    if (call.caller->recursive) save_frame(w, *call.caller, l);
    const uint8_t* from = values.data();
    for (size_t a = 0; a < call.arguments.size(); a++) {
      std::memcpy(p + callee.formals[a], from, call.argument_bytes[a]);
      from += call.argument_bytes[a];
    }
    local_base[l] += call.caller_local;
    if (local_base[l] + callee.local_bytes > b.local_stride)
      b.fault(FaultKind::out_of_bounds, w, i, l,
              "the stack of local memory is full (" + std::to_string(b.local_stride) + " bytes a thread)");
  });
  w.end_stretch(&i);
  w.frame = w.enter(&i, return_to);
  if (w.ready || --w.budget < 0) return w.switch_group(callee.entry);
  w.stretch = callee.entry;
  return callee.entry;
}

const Instruction* run_call(Warp& w, const Instruction& i) { return call_routine(w, i, next(i)); }

/** The lanes that mean the same function call it; the others come back to this instruction. */
const Instruction* run_indirect_call(Warp& w, const Instruction& i) {
  const uint64_t* pointer = w.at<uint64_t>(i.a);
  const int lane = __builtin_ctz(w.mask);
  uint32_t same = 0;
  each_lane(w.mask, [&](int l) { same |= (pointer[l] == pointer[lane] ? 1u : 0u) << l; });
  const Call& call = *i.detail->call;
  auto callee = call.direct.find(pointer[lane]);
  if (callee == call.direct.end())
    w.block->fault(FaultKind::out_of_bounds, w, i, lane, "the pointer holds no function with these arguments");
  if (uint32_t others = w.mask & ~same) {
    w.end_stretch(&i);
    w.block->guarded_off[i.index] += __builtin_popcount(others);
    w.park(others, &i);
    w.mask = same;
    w.stretch = next(i);  // the call ends an empty stretch
  }
  return call_routine(w, callee->second, next(i));
}

/** vprintf(format, arguments): both are generic pointers of the lane. */
const Instruction* run_vprintf(Warp& w, const Instruction& i) {
  const Call& call = *i.detail->call;
  each_lane(w.mask, [&](int l) {
    uint8_t* p = parameter_space(w, l);
    uint64_t pointers[2];
    std::memcpy(&pointers[0], p + call.arguments[0], 8);
    std::memcpy(&pointers[1], p + call.arguments[1], 8);
    int32_t printed = print_lane(w, i, l, pointers[0], pointers[1]);
    if (!call.results.empty()) std::memcpy(p + call.results[0], &printed, 4);
  });
  return next(i);
}

/** __assertfail(message, file, line, function, size of a character) */
const Instruction* run_assertfail(Warp& w, const Instruction& i) {
  const Call& call = *i.detail->call;
  int lane = __builtin_ctz(w.mask);
  uint8_t* p = parameter_space(w, lane);
  uint64_t pointers[3];
  uint32_t line = 0;
  std::memcpy(&pointers[0], p + call.arguments[0], 8);
  std::memcpy(&pointers[1], p + call.arguments[1], 8);
  std::memcpy(&line, p + call.arguments[2], 4);
  std::memcpy(&pointers[2], p + call.arguments[3], 8);
  w.block->fault(FaultKind::trap, w, i, lane,
                 read_string(w, i, lane, pointers[1]) + ":" + std::to_string(line) + ": " +
                     read_string(w, i, lane, pointers[2]) + ": assertion `" + read_string(w, i, lane, pointers[0]) +
                     "` failed");
}

/** A function that only the real system has, such as malloc: harmless until it is called. */
const Instruction* run_missing(Warp& w, const Instruction& i) {
  w.block->fault(FaultKind::unsupported, w, i, __builtin_ctz(w.mask), "this function has no body");
}

}  // namespace

const Instruction* run_return(Warp& w, const Instruction& i) {
  const Frame* f = w.frame;
  if (!f) return w.exit_lanes(&i, w.mask);
  Block& b = *w.block;
  const Call& call = *f->call->detail->call;
  const Routine& callee = *call.routine;
  uint64_t* local_base = w.at<uint64_t>(b.image.local_base_at);
  each_lane(w.mask, [&](int l) {
    uint8_t* p = parameter_space(w, l);
    std::vector<uint8_t> values;
    for (size_t r = 0; r < call.results.size(); r++)
      values.insert(values.end(), p + callee.result_places[r], p + callee.result_places[r] + call.result_bytes[r]);
    if (call.caller->recursive) restore_frame(w, *call.caller, l);
    const uint8_t* from = values.data();
    for (size_t r = 0; r < call.results.size(); r++) {
      std::memcpy(p + call.results[r], from, call.result_bytes[r]);
      from += call.result_bytes[r];
    }
    local_base[l] -= call.caller_local;
  });
  w.end_stretch(&i);
  w.frame = f->parent;
  if (w.ready || --w.budget < 0) return w.switch_group(f->return_to);
  w.stretch = f->return_to;
  return f->return_to;
}

namespace {

void decode_places(Decoder& d, const ptx::Operand& list, std::vector<uint32_t>& places) {
  for (auto& o : list.list) {
    if (o.form != Form::name) d.unsupported("an argument that is not in .param space");
    auto place = d.builder.find_symbol(d.statement, o.name);
    if (place.space != ptx::Space::param) d.unsupported("an argument that is not in .param space");
    places.push_back(static_cast<uint32_t>(place.at));
  }
}

std::vector<uint32_t> sizes(const std::vector<ptx::Local>& list) {
  std::vector<uint32_t> bytes;
  for (auto& l : list) bytes.push_back(l.size);
  return bytes;
}

}  // namespace

namespace {

bool fits(const Call& call, const ptx::Function& f) {
  return call.arguments.size() == f.parameters.size() && call.results.size() == f.results.size();
}

void bind(Call& call, Routine& routine) {
  call.routine = &routine;
  call.argument_bytes = sizes(routine.function->parameters);
  call.result_bytes = sizes(routine.function->results);
}

/** A direct call of every function that it may mean, all at this instruction's place. */
void decode_indirect_call(Decoder& d, Call& call, const ptx::Operand& pointer) {
  d.i.a = d.source(pointer, "u64");
  d.emit_control(run_indirect_call);
  const int index = static_cast<int>(d.builder.image->code.size()) - 1;
  for (Routine& routine : d.builder.image->routines) {
    const ptx::Function& f = *routine.function;
    if (f.kernel || !fits(call, f)) continue;
    Call& direct = d.builder.image->calls.emplace_back(call);
    bind(direct, routine);
    Instruction i;
    i.index = index;
    i.detail = &d.builder.image->details.emplace_back();
    i.detail->call = &direct;
    call.direct.emplace(kFunctionWindow + d.builder.module.function_index.find(f.name)->second, i);
  }
}

}  // namespace

/** call{.uni} (result), function, (arguments){, prototype} */
void decode_call(Decoder& d) {
  d.take("uni");
  Call& call = d.builder.image->calls.emplace_back();
  d.detail().call = &call;
  size_t n = 0;
  if (d.operand(0).form == Form::list) decode_places(d, d.operand(n++), call.results);
  const ptx::Operand& callee = d.operand(n++);
  const bool indirect = callee.form == Form::reg;
  if (n < d.operands() && d.operand(n).form == Form::list) decode_places(d, d.operand(n++), call.arguments);
  if (n + indirect != d.operands()) d.unsupported();
  call.caller = d.builder.routine;
  call.caller_local = (call.caller->local_bytes + 15) & ~15u;
  if (indirect) return decode_indirect_call(d, call, callee);
  if (callee.name == "vprintf" && call.arguments.size() == 2) return d.emit(run_vprintf);
  if (callee.name == "__assertfail" && call.arguments.size() == 5) return d.emit(run_assertfail);
  call.routine = d.builder.routine_of(callee.name);
  if (!call.routine || !call.routine->function->defined) return d.emit_control(run_missing);
  if (!fits(call, *call.routine->function)) d.unsupported("number of arguments of " + callee.name);
  bind(call, *call.routine);
  d.emit_control(run_call);
}

}  // namespace sim
