// ops.cpp: which instruction set's loops run, and finding one by its spelling.
#include "ops.h"
#include <unordered_map>

namespace sim {
namespace {

LaneOps best() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
    return lane_ops_base();
  bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512cd");
  return v4 ? lane_ops_avx512() : lane_ops_avx2();
}

/** By spelling, and by spelling and register sizes ("cvt.u16.u32 hw"), as a spelling may have several. */
std::unordered_map<std::string, const LaneOp*> index() {
  std::unordered_map<std::string, const LaneOp*> table;
  LaneOps ops = best();
  for (size_t n = 0; n < ops.count; n++) {
    const LaneOp& op = ops.begin[n];
    if (std::string_view(op.spelling).starts_with("cvt.")) {
      table.emplace(std::string(op.spelling) + " " + op.operands, &op);
    } else {
      table.emplace(op.spelling, &op);
    }
  }
  return table;
}

}  // namespace

const LaneOp* find_lane_op(const std::string& spelling) {
  static const auto table = index();
  auto found = table.find(spelling);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace sim
