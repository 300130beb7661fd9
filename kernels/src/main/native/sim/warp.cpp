// warp.cpp: groups of lanes: divergence, reconvergence, who runs next.
#include "block.h"
#include "operations.h"
#include <algorithm>

namespace sim {

void Warp::start(uint32_t lanes, const Instruction* entry) {
  live = lanes;
  mask = carry = 0;
  group_count = ready = 0;
  frame = nullptr;
  stretch = nullptr;
  copies.clear();
  committed.fill(0);
  for (auto& s : saved) s.clear();
  park(lanes, entry);
}

void Warp::end_stretch(const Instruction* last) {
  int64_t lanes = __builtin_popcount(mask);
  block->issued[stretch->index]++;
  block->issued[last->index + 1]--;
  block->lanes[stretch->index] += lanes;
  block->lanes[last->index + 1] -= lanes;
}

void Warp::park(uint32_t lanes, const Instruction* pc) {
  Group& g = groups[group_count++];
  g = Group{};
  g.mask = lanes;
  g.pc = pc;
  g.frame = frame;
  g.last_run = schedules;
  ready++;
}

const Instruction* Warp::switch_group(const Instruction* pc) {
  park(mask, pc);
  return schedule();
}

const Instruction* Warp::suspend(const Group& waiting) {
  groups[group_count++] = waiting;
  return schedule();
}

/** The deepest call first, then the lowest address, so that the lanes behind catch up; now and then the one that has
 *  waited longest, so that lanes that spin let the others on. */
const Instruction* Warp::schedule() {
  mask = 0;
  if (budget < 0) {
    yielded = ready > 0;
    return nullptr;
  }
  if (!ready) return nullptr;
  bool fair = ++schedules % 1024 == 0;
  auto depth = [](const Group& g) { return g.frame ? g.frame->depth : 0; };
  const Group* best = nullptr;
  for (int g = 0; g < group_count; g++) {
    const Group& x = groups[g];
    if (x.wait != Wait::none) continue;
    bool better = !best || (fair                       ? x.last_run < best->last_run
                            : depth(x) != depth(*best) ? depth(x) > depth(*best)
                                                       : x.pc < best->pc);
    if (better) best = &x;
  }
  const Instruction* pc = best->pc;
  frame = best->frame;
  int kept = 0;
  for (int g = 0; g < group_count; g++) {
    const Group& x = groups[g];
    if (x.wait == Wait::none && x.pc == pc && x.frame == frame) {
      mask |= x.mask;
      ready--;
    } else {
      groups[kept++] = x;
    }
  }
  group_count = kept;
  stretch = pc;
  budget--;
  return pc;
}

const Instruction* Warp::exit_lanes(const Instruction* from, uint32_t lanes) {
  end_stretch(from);
  live &= ~lanes;
  complete_collectives(*this);  // they wait for lanes that live
  return schedule();
}

const Frame* Warp::enter(const Instruction* call, const Instruction* return_to) {
  for (auto& f : frames)
    if (f.parent == frame && f.call == call) return &f;
  frames.push_back({frame, return_to, call, frame ? frame->depth + 1 : 1});
  return &frames.back();
}

}  // namespace sim
