// printf and assert of the device.
#pragma once
#include "warp.h"

namespace sim {

int32_t print_lane(Warp& w, const Instruction& i, int lane, uint64_t format, uint64_t arguments);
/** A string of the device that ends with 0. */
std::string read_string(Warp& w, const Instruction& i, int lane, uint64_t generic);

}  // namespace sim
