// control.cpp: branches, exits, block barriers.
#include "block.h"
#include "decode.h"
#include "operations.h"
#include <unordered_map>

namespace sim {

using ptx::Form;

namespace {

uint32_t passing(Warp& w, const Instruction& i) {
  uint32_t p = w.predicate(i.guard);
  return w.mask & (i.guard_negated ? ~p : p);
}

}  // namespace

const Instruction* run_guarded(Warp& w, const Instruction& i) {
  uint32_t outer = w.mask, lanes = passing(w, i);
  if (lanes != outer) w.block->guarded_off[i.index] += __builtin_popcount(outer & ~lanes);
  if (lanes) {
    w.mask = lanes;
    i.body(w, i);
    w.mask = outer;
  }
  return next(i);
}

const Instruction* run_guarded_control(Warp& w, const Instruction& i) {
  uint32_t lanes = passing(w, i), others = w.mask & ~lanes;
  if (!lanes) {
    w.block->guarded_off[i.index] += __builtin_popcount(others);
    return next(i);
  }
  if (others) {
    w.end_stretch(&i);
    w.block->guarded_off[i.index] += __builtin_popcount(others);
    w.park(others, next(i));
    w.mask = lanes;
    w.stretch = next(i);  // the body ends an empty stretch
    const Instruction* result = i.body(w, i);
    return result == next(i) ? w.switch_group(result) : result;
  }
  return i.body(w, i);
}

const Instruction* run_join(Warp& w, const Instruction& i) {
  if (!w.ready) return next(i);
  w.end_stretch(&i);
  return w.switch_group(next(i));
}

namespace {

const Instruction* run_branch(Warp& w, const Instruction& i) { return w.jump(&i, i.target); }

const Instruction* run_branch_if(Warp& w, const Instruction& i) {
  uint32_t taken = passing(w, i);
  if (taken == w.mask) return w.jump(&i, i.target);
  if (!taken) {
    if (!w.ready) return next(i);
    return w.jump(&i, next(i));
  }
  w.end_stretch(&i);
  w.park(taken, i.target);
  w.mask &= ~taken;
  return w.switch_group(next(i));
}

void decode_branch(Decoder& d) {
  d.take("uni");
  if (d.operands() != 1 || d.operand(0).form != Form::name) d.unsupported();
  d.builder.branch_fixup(d.builder.find_label(d.statement, d.operand(0).name));
  if (d.statement.guard < 0) return d.emit_control(run_branch);
  d.i.guard = d.builder.register_at(d.statement.guard);
  d.i.guard_negated = d.statement.guard_negated;
  d.i.run = run_branch_if;
  d.builder.append(d.i, &d.statement);
}

const Instruction* run_branch_table(Warp& w, const Instruction& i) {
  const uint32_t* a = w.at<uint32_t>(i.a);
  auto& targets = i.detail->targets;
  w.end_stretch(&i);
  for (uint32_t left = w.mask; left;) {
    int lane = __builtin_ctz(left);
    uint32_t same = 0, index = a[lane];
    each_lane(left, [&](int l) { same |= (a[l] == index ? 1u : 0u) << l; });
    if (index >= targets.size())
      w.block->fault(FaultKind::out_of_bounds, w, i, lane,
                     "index " + std::to_string(index) + " of " + std::to_string(targets.size()) + " branch targets");
    w.park(same, targets[index]);
    left &= ~same;
  }
  return w.schedule();
}

void decode_branch_table(Decoder& d) {
  d.take("uni");
  if (!d.take("idx")) d.unsupported();
  d.i.a = d.source(d.operand(0), "b32");
  const ptx::Function& f = *d.builder.routine->function;
  for (int scope = d.statement.scope; scope >= 0; scope = f.parents[scope]) {
    auto list = f.branch_targets.find({scope, d.operand(1).name});
    if (list == f.branch_targets.end()) continue;
    for (auto& name : list->second) d.detail().labels.push_back(d.builder.find_label(d.statement, name));
    return d.emit_control(run_branch_table);
  }
  d.unsupported("no .branchtargets of that name");
}

void decode_return(Decoder& d) {
  d.take("uni");
  d.emit_control(run_return);
}

const Instruction* run_exit(Warp& w, const Instruction& i) { return w.exit_lanes(&i, w.mask); }
void decode_exit(Decoder& d) { d.emit_control(run_exit); }

const Instruction* run_trap(Warp& w, const Instruction& i) {
  w.block->fault(FaultKind::trap, w, i, __builtin_ctz(w.mask), "trap");
}
void decode_trap(Decoder& d) { d.emit_control(run_trap); }

// ---- block barriers ----

enum BarrierFlags : uint8_t { kBarrierAligned = 1, kBarrierReduce = 2, kBarrierNegated = 4, kBarrierCounted = 8 };

const Instruction* run_barrier(Warp& w, const Instruction& i) {
  int lane = __builtin_ctz(w.mask);
  Group g;
  g.mask = w.mask;
  g.pc = &i;
  g.frame = w.frame;
  g.wait = Wait::barrier;
  g.barrier = static_cast<int>(w.at<uint32_t>(i.a)[lane]);
  g.expected = i.flags & kBarrierCounted ? w.at<uint32_t>(i.b)[lane] : 0;
  if (g.barrier > 15) w.block->fault(FaultKind::invalid_value, w, i, lane, "there are 16 barriers");
  if (g.expected % 32)
    w.block->fault(FaultKind::invalid_value, w, i, lane,
                   "a barrier counts whole warps, not " + std::to_string(g.expected));
  w.end_stretch(&i);
  return w.suspend(g);
}

const Instruction* run_arrive(Warp& w, const Instruction& i) {
  int lane = __builtin_ctz(w.mask);
  uint32_t id = w.at<uint32_t>(i.a)[lane];
  if (id > 15) w.block->fault(FaultKind::invalid_value, w, i, lane, "there are 16 barriers");
  w.block->barriers[id].arrived += 32;
  if (w.block->races) w.block->races->arrive(static_cast<uint32_t>(w.number), w.block->barriers[id].clocks);
  w.block->barriers[id].expected = w.at<uint32_t>(i.b)[lane];
  return next(i);
}

void decode_barrier(Decoder& d) {
  if (d.take("warp")) return decode_warp_barrier(d);
  bool aligned = d.statement.opcode == "bar";
  d.take("cta");
  std::string kind = d.take_one({"sync", "arrive", "red"});
  aligned |= d.take("aligned");
  d.i.flags = aligned ? kBarrierAligned : 0;
  size_t n = 0;
  std::string type;
  if (kind == "red") {
    type = d.take_type();
    std::string op = d.take_one({"popc", "and", "or"});
    if ((op == "popc") != (type == "u32") || op.empty()) d.unsupported();
    d.i.flags |= kBarrierReduce;
    d.i.d = d.target(d.operand(n++), type);
    d.i.offset = op == "popc" ? 0 : op == "and" ? 1 : 2;
  }
  size_t trailing = kind == "red" ? 1 : 0;
  d.i.a = d.source(d.operand(n++), "b32");
  if (n + trailing < d.operands()) {
    d.i.b = d.source(d.operand(n++), "b32");
    d.i.flags |= kBarrierCounted;
  }
  if (kind == "red") {
    bool negated = false;
    d.i.c = d.predicate(d.operand(n++), negated);
    if (negated) d.i.flags |= kBarrierNegated;
  }
  if (n != d.operands() || kind.empty()) d.unsupported();
  if (kind == "arrive") return d.emit(run_arrive);
  d.emit_control(run_barrier);
}

}  // namespace

/** bar.red: what the threads of a complete barrier get. */
void finish_barrier_reduction(const std::vector<std::pair<Warp*, Group*>>& waiting) {
  uint32_t count = 0;
  bool all = true, any = false;
  for (auto& [w, g] : waiting) {
    if (!(g->pc->flags & kBarrierReduce)) return;
    uint32_t p = w->predicate(g->pc->c);
    if (g->pc->flags & kBarrierNegated) p = ~p;
    count += static_cast<uint32_t>(__builtin_popcount(p & g->mask));
    all &= (p & g->mask) == g->mask;
    any |= (p & g->mask) != 0;
  }
  for (auto& [w, g] : waiting) {
    const Instruction& i = *g->pc;
    if (i.offset == 0) {
      each_lane(g->mask, [&, warp = w](int l) { warp->at<uint32_t>(i.d)[l] = count; });
    } else {
      uint32_t& d = w->predicate(i.d);
      d = (i.offset == 1 ? all : any) ? d | g->mask : d & ~g->mask;
    }
  }
}

bool is_aligned_barrier(const Instruction& i) { return i.flags & kBarrierAligned; }

DecodeFunction find_control(std::string_view opcode) {
  static const std::unordered_map<std::string_view, DecodeFunction> table = {
      {"bra", decode_branch}, {"brx", decode_branch_table}, {"ret", decode_return},      {"exit", decode_exit},
      {"trap", decode_trap},  {"bar", decode_barrier},      {"barrier", decode_barrier}, {"call", decode_call}};
  auto found = table.find(opcode);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace sim
