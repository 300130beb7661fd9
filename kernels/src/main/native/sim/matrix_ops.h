// What the instructions of whole warps share: matrix_ops.cpp (mma, ldmatrix ...) and wmma_ops.cpp.
#pragma once
#include "decode.h"
#include "matrix.h"
#include "operations.h"

namespace sim {

/** The only part, of all 32 lanes at one instruction. */
const Instruction& whole_warp(Warp& w, const Part* parts, int count);
/** "m16n8k16" */
bool parse_shape(const std::string& s, int shape[3]);
/** Takes the next modifier, a type. */
Element take_element(Decoder& d);
/** Adds the registers of a fragment to the detail; returns how many. */
int add_fragment(Decoder& d, const ptx::Operand& o, Element type, bool target);
void emit_warp_wide(Decoder& d, Perform perform);

void decode_wmma(Decoder& d);

}  // namespace sim
