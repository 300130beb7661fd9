// collectives.cpp: what the lanes of a warp do together: shuffles, votes, matches, reductions, warp barriers. Each
// waits until all lanes of its member mask that live have come, from wherever in the program, with the same operation.
#include "block.h"
#include "decode.h"
#include "operations.h"
#include <algorithm>
#include <unordered_map>

namespace sim {

using ptx::Form;

namespace {

uint32_t lanes_of(const Part* parts, int count) {
  uint32_t all = 0;
  for (int p = 0; p < count; p++) all |= parts[p].mask;
  return all;
}

template <class T>
void gather(Warp& w, const Part* parts, int count, uint32_t Instruction::*place, T out[32]) {
  for (int p = 0; p < count; p++) {
    const T* from = w.at<T>(parts[p].instruction->*place);
    each_lane(parts[p].mask, [&](int l) { out[l] = from[l]; });
  }
}

template <class T>
void scatter(Warp& w, const Part* parts, int count, uint32_t Instruction::*place, const T in[32]) {
  for (int p = 0; p < count; p++) {
    T* to = w.at<T>(parts[p].instruction->*place);
    each_lane(parts[p].mask, [&](int l) { to[l] = in[l]; });
  }
}

uint32_t gather_predicate(Warp& w, const Part* parts, int count) {
  uint32_t all = 0;
  for (int p = 0; p < count; p++) {
    const Instruction& i = *parts[p].instruction;
    uint32_t v = w.predicate(i.a);
    all |= (i.flags & 1 ? ~v : v) & parts[p].mask;
  }
  return all;
}

void scatter_predicate(Warp& w, const Part* parts, int count, uint32_t Instruction::*place, uint32_t value) {
  for (int p = 0; p < count; p++) {
    uint32_t& d = w.predicate(parts[p].instruction->*place);
    d = (d & ~parts[p].mask) | (value & parts[p].mask);
  }
}

bool same_operation(const Instruction& a, const Instruction& b) {
  return a.perform == b.perform && a.offset == b.offset;
}

void perform(Warp& w, const Part* parts, int count) {
  parts[0].instruction->perform(w, parts, count);
  if (!w.block->races) return;
  uint32_t here = lanes_of(parts, count);
  w.block->races->warp_sync(static_cast<uint32_t>(w.number), here, here == w.live);
}

/** All lanes that wait for that member mask with that operation; true if that is everybody. */
bool try_complete(Warp& w, const Group& pattern) {
  uint32_t members = pattern.members;
  const Instruction& operation = *pattern.pc;
  Part parts[32];
  int count = 0;
  for (int g = 0; g < w.group_count; g++) {
    const Group& x = w.groups[g];
    if (x.wait == Wait::collective && x.members == members && same_operation(*x.pc, operation))
      parts[count++] = {x.mask, x.pc};
  }
  uint32_t here = lanes_of(parts, count);
  if ((members & w.live) & ~here) return false;
  perform(w, parts, count);
  for (int g = 0; g < w.group_count; g++) {
    Group& x = w.groups[g];
    if (x.wait != Wait::collective || !(x.mask & here)) continue;
    x.wait = Wait::none;
    x.pc = next(*x.pc);
    w.ready++;
  }
  return true;
}

}  // namespace

const Instruction* run_collective(Warp& w, const Instruction& i) {
  const uint32_t* members = w.at<uint32_t>(i.e);
  uint32_t finished = 0;
  Group waiting[32];
  int count = 0;
  for (uint32_t left = w.mask; left;) {
    int lane = __builtin_ctz(left);
    uint32_t mask = members[lane], same = 0;
    if (left == w.mask && mask == ~0u) {
      same = left;
      each_lane(left, [&](int l) { same &= ~((members[l] != mask ? 1u : 0u) << l); });
    } else {
      each_lane(left, [&](int l) { same |= (members[l] == mask ? 1u : 0u) << l; });
    }
    left &= ~same;
    if (same & ~mask)
      w.block->fault(FaultKind::invalid_value, w, i, __builtin_ctz(same & ~mask), "the lane is not in its member mask");
    if (mask & w.live & ~same) {
      Group& g = waiting[count++];
      g.mask = same;
      g.pc = &i;
      g.frame = w.frame;
      g.wait = Wait::collective;
      g.members = mask;
    } else {
      Part part{same, &i};
      perform(w, &part, 1);
      finished |= same;
    }
  }
  if (!count) return next(i);
  w.end_stretch(&i);
  if (finished) w.park(finished, next(i));
  for (int g = 0; g < count; g++) {
    w.groups[w.group_count++] = waiting[g];
    try_complete(w, waiting[g]);
  }
  return w.schedule();
}

namespace {

// ---- shfl ----

enum Shuffle : int64_t { kUp, kDown, kButterfly, kIndex };

void perform_shuffle(Warp& w, const Part* parts, int count) {
  uint32_t a[32], b[32], c[32], d[32] = {}, here = lanes_of(parts, count), from_inside = 0;
  gather(w, parts, count, &Instruction::a, a);
  gather(w, parts, count, &Instruction::b, b);
  gather(w, parts, count, &Instruction::c, c);
  int64_t mode = parts[0].instruction->offset;
  each_lane(here, [&](int lane) {
    int by = b[lane] & 31, clamp = c[lane] & 31, segment = c[lane] >> 8 & 31;
    int low = lane & segment, high = low | (clamp & ~segment);
    int from = mode == kUp          ? lane - by
               : mode == kDown      ? lane + by
               : mode == kButterfly ? lane ^ by
                                    : low | (by & ~segment);
    bool inside = mode == kUp ? from >= high : from <= high;
    if (!inside) from = lane;
    d[lane] = here >> from & 1 ? a[from] : ~0u;  // of a lane that is not here: undefined, so poison
    from_inside |= (inside ? 1u : 0u) << lane;
  });
  scatter(w, parts, count, &Instruction::d, d);
  for (int p = 0; p < count; p++) {
    if (!parts[p].instruction->flags) continue;
    uint32_t& inside = w.predicate(parts[p].instruction->q);
    inside = (inside & ~parts[p].mask) | (from_inside & parts[p].mask);
  }
}

void emit_collective(Decoder& d, Perform perform, const ptx::Operand& members) {
  d.i.e = d.source(members, "b32");
  d.i.perform = perform;
  d.emit_control(run_collective);
}

void decode_shuffle(Decoder& d) {
  if (!d.take("sync") || d.operands() != 5) d.unsupported();
  std::string mode = d.take_one({"up", "down", "bfly", "idx"});
  if (mode.empty() || d.take_type() != "b32") d.unsupported();
  d.i.offset = mode == "up" ? kUp : mode == "down" ? kDown : mode == "bfly" ? kButterfly : kIndex;
  const ptx::Operand& to = d.operand(0);
  if (to.form == Form::pair) {
    d.i.d = d.target(to.list[0], "b32");
    d.i.q = d.target(to.list[1], "pred");
    d.i.flags = 1;
  } else {
    d.i.d = d.target(to, "b32");
  }
  d.i.a = d.source(d.operand(1), "b32");
  d.i.b = d.source(d.operand(2), "b32");
  d.i.c = d.source(d.operand(3), "b32");
  emit_collective(d, perform_shuffle, d.operand(4));
}

// ---- vote ----

void perform_ballot(Warp& w, const Part* parts, int count) {
  uint32_t d[32];
  std::fill(d, d + 32, gather_predicate(w, parts, count));
  scatter(w, parts, count, &Instruction::d, d);
}

enum Vote : int64_t { kAllVote, kAnyVote, kUniformVote };

void perform_vote(Warp& w, const Part* parts, int count) {
  uint32_t yes = gather_predicate(w, parts, count), here = lanes_of(parts, count);
  int64_t mode = parts[0].instruction->offset;
  bool result = mode == kAllVote ? yes == here : mode == kAnyVote ? yes != 0 : yes == here || yes == 0;
  scatter_predicate(w, parts, count, &Instruction::d, result ? ~0u : 0);
}

void decode_vote(Decoder& d) {
  if (!d.take("sync") || d.operands() != 3) d.unsupported();
  std::string mode = d.take_one({"all", "any", "uni", "ballot"});
  std::string type = d.take_type();
  if (mode.empty() || type != (mode == "ballot" ? "b32" : "pred")) d.unsupported();
  d.i.d = d.target(d.operand(0), type);
  bool negated = false;
  d.i.a = d.predicate(d.operand(1), negated);
  d.i.flags = negated;
  d.i.offset = mode == "all" ? kAllVote : mode == "any" ? kAnyVote : kUniformVote;
  emit_collective(d, mode == "ballot" ? perform_ballot : perform_vote, d.operand(2));
}

// ---- match ----

template <class T>
void perform_match_any(Warp& w, const Part* parts, int count) {
  T a[32];
  uint32_t d[32] = {}, here = lanes_of(parts, count);
  gather(w, parts, count, &Instruction::a, a);
  each_lane(here, [&](int l) {
    d[l] = 0;
    each_lane(here, [&](int m) { d[l] |= (a[m] == a[l] ? 1u : 0u) << m; });
  });
  scatter(w, parts, count, &Instruction::d, d);
}

template <class T>
void perform_match_all(Warp& w, const Part* parts, int count) {
  T a[32];
  uint32_t d[32] = {}, here = lanes_of(parts, count);
  gather(w, parts, count, &Instruction::a, a);
  bool equal = true;
  each_lane(here, [&](int l) { equal &= a[l] == a[__builtin_ctz(here)]; });
  std::fill(d, d + 32, equal ? here : 0);
  scatter(w, parts, count, &Instruction::d, d);
  for (int p = 0; p < count; p++) {
    if (!parts[p].instruction->flags) continue;
    uint32_t& inside = w.predicate(parts[p].instruction->q);
    inside = equal ? inside | parts[p].mask : inside & ~parts[p].mask;
  }
}

void decode_match(Decoder& d) {
  std::string mode = d.take_one({"any", "all"});
  if (mode.empty() || !d.take("sync") || d.operands() != 3) d.unsupported();
  std::string type = d.take_type();
  bool wide = type == "b64";
  if (!wide && type != "b32") d.unsupported();
  const ptx::Operand& to = d.operand(0);
  if (to.form == Form::pair) {
    d.i.d = d.target(to.list[0], "b32");
    d.i.q = d.target(to.list[1], "pred");
    d.i.flags = 1;
  } else {
    d.i.d = d.target(to, "b32");
  }
  d.i.a = d.source(d.operand(1), type);
  Perform any = wide ? perform_match_any<uint64_t> : perform_match_any<uint32_t>;
  Perform all = wide ? perform_match_all<uint64_t> : perform_match_all<uint32_t>;
  emit_collective(d, mode == "any" ? any : all, d.operand(2));
}

// ---- redux ----

template <class T, auto F>
void perform_redux(Warp& w, const Part* parts, int count) {
  T a[32], d[32] = {};
  uint32_t here = lanes_of(parts, count);
  gather(w, parts, count, &Instruction::a, a);
  T r = a[__builtin_ctz(here)];
  each_lane(here & (here - 1), [&](int l) { r = static_cast<T>(F(r, a[l])); });
  std::fill(d, d + 32, r);
  scatter(w, parts, count, &Instruction::d, d);
}

void decode_redux(Decoder& d) {
  if (!d.take("sync") || d.operands() != 3) d.unsupported();
  using U = uint32_t;
  using S = int32_t;
  static const std::unordered_map<std::string, Perform> table = {
      {"add.u32", perform_redux<U, [](U a, U b) { return a + b; }>},
      {"add.s32", perform_redux<U, [](U a, U b) { return a + b; }>},
      {"min.u32", perform_redux<U, [](U a, U b) { return a < b ? a : b; }>},
      {"max.u32", perform_redux<U, [](U a, U b) { return b < a ? a : b; }>},
      {"min.s32", perform_redux<S, [](S a, S b) { return a < b ? a : b; }>},
      {"max.s32", perform_redux<S, [](S a, S b) { return b < a ? a : b; }>},
      {"and.b32", perform_redux<U, [](U a, U b) { return a & b; }>},
      {"or.b32", perform_redux<U, [](U a, U b) { return a | b; }>},
      {"xor.b32", perform_redux<U, [](U a, U b) { return a ^ b; }>}};
  std::string op = d.take_one({"add", "min", "max", "and", "or", "xor"});
  auto found = table.find(op + "." + d.take_type());
  if (found == table.end()) d.unsupported();
  d.i.d = d.target(d.operand(0), "b32");
  d.i.a = d.source(d.operand(1), "b32");
  emit_collective(d, found->second, d.operand(2));
}

void perform_warp_barrier(Warp&, const Part*, int) {}

}  // namespace

void complete_collectives(Warp& w) {
  for (int g = 0; g < w.group_count; g++) {
    Group x = w.groups[g];
    if (x.wait == Wait::collective) try_complete(w, x);
  }
}

/** bar.warp.sync mask */
void decode_warp_barrier(Decoder& d) {
  if (!d.take("sync") || d.operands() != 1) d.unsupported();
  emit_collective(d, perform_warp_barrier, d.operand(0));
}

DecodeFunction find_collective(std::string_view opcode) {
  static const std::unordered_map<std::string_view, DecodeFunction> table = {{"shfl", decode_shuffle},
                                                                             {"vote", decode_vote},
                                                                             {"match", decode_match},
                                                                             {"redux", decode_redux},
                                                                             {"activemask", decode_activemask}};
  auto found = table.find(opcode);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace sim
