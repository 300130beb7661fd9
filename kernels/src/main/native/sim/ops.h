// Lane-wise operations: d = f(a, b, c) for every active lane. The loops of ops.inc are compiled once per instruction
// set; the best set of this machine is chosen at the first use.
#pragma once
#include "warp.h"

namespace sim {

/** One spelling of an instruction. `operands`: its operands, destination first; p predicate, b 8 bits, h 16, w 32,
 *  d 64. */
struct LaneOp {
  const char* spelling;
  const char* operands;
  Op run;
};

struct LaneOps {
  const LaneOp* begin;
  size_t count;
};

LaneOps lane_ops_base();
LaneOps lane_ops_avx2();
LaneOps lane_ops_avx512();

/** nullptr: there is no such spelling. */
const LaneOp* find_lane_op(const std::string& spelling);

// Finishing a setp: p = (a cmp b) op c; q = !(a cmp b) op c.
enum SetpFlags : uint8_t { kSetpAnd = 1, kSetpOr = 2, kSetpXor = 3, kSetpNegate = 4, kSetpSecond = 8 };

}  // namespace sim
