// A warp at work. Its registers are arrays of 32 lanes; its lanes form groups that share a program counter and a call
// frame. One group runs at a time; groups that meet at an instruction merge.
#pragma once
#include "program.h"
#include <array>
#include <cstring>

namespace sim {

struct Block;

/** A call: where its lanes return to. Lanes that called from the same place share it. */
struct Frame {
  const Frame* parent = nullptr;
  const Instruction* return_to = nullptr;
  const Instruction* call = nullptr;
  int depth = 0;
};

enum class Wait : uint8_t { none, collective, barrier };

struct Group {
  uint32_t mask = 0;
  const Instruction* pc = nullptr;  // next; when waiting: the instruction that waits
  const Frame* frame = nullptr;
  Wait wait = Wait::none;
  uint32_t members = 0;   // of a collective
  int barrier = 0;        // of a barrier
  uint32_t expected = 0;  // threads of a barrier, 0: all
  uint64_t last_run = 0;
};

/** What a fault in a check knows; the interpreter adds kernel, block, thread and instruction. */
struct LaneFault {
  FaultKind kind;
  int lane;  // -1: the warp
  std::string text;
};

/** A cp.async on its way: what will arrive where. */
struct PendingCopy {
  uint8_t lane, bytes;
  uint32_t group, at;
  uint8_t data[16];
};

struct Warp {
  uint8_t* file = nullptr;  // registers
  uint32_t mask = 0;        // active lanes
  uint32_t carry = 0;       // of add.cc ...
  uint32_t live = 0;        // lanes that have not exited
  const Frame* frame = nullptr;
  Block* block = nullptr;
  int number = 0;
  int ready = 0;  // groups beside the running one that could run
  int64_t budget = 0;
  const Instruction* current = nullptr;  // for messages: the last instruction that can fault
  const Instruction* stretch = nullptr;  // first instruction since the mask or the flow changed

  template <class T>
  T* at(uint32_t offset) {
    return reinterpret_cast<T*>(file + offset);
  }
  uint32_t& predicate(uint32_t offset) { return *at<uint32_t>(offset); }

  /** Control goes on at `target` with the lanes of `mask`. */
  const Instruction* jump(const Instruction* from, const Instruction* target) {
    end_stretch(from);
    if (ready || --budget < 0) return switch_group(target);
    stretch = target;
    return target;
  }
  /** The running group parks at `pc`; another one runs. */
  const Instruction* switch_group(const Instruction* pc);
  const Instruction* suspend(const Group& waiting);
  const Instruction* schedule();
  void park(uint32_t lanes, const Instruction* pc);
  /** The running lanes are done. */
  const Instruction* exit_lanes(const Instruction* from, uint32_t lanes);
  void end_stretch(const Instruction* last);

  void start(uint32_t lanes, const Instruction* entry);
  bool done() const { return live == 0; }
  const Frame* enter(const Instruction* call, const Instruction* return_to);

  std::array<Group, 32> groups;
  int group_count = 0;
  std::deque<Frame> frames;
  std::array<std::vector<uint8_t>, 32> saved;  // frames of recursive calls
  std::vector<PendingCopy> copies;
  std::array<uint32_t, 32> committed{};  // groups of cp.async
  uint64_t schedules = 0;
  bool yielded = false;
};

template <class F>
inline void each_lane(uint32_t mask, F f) {
  for (; mask; mask &= mask - 1) f(__builtin_ctz(mask));
}

/** The next instruction of straight-line code. */
inline const Instruction* next(const Instruction& i) { return &i + 1; }

}  // namespace sim
