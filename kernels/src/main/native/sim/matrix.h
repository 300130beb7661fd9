// Warp-wide matrix instructions on registers. A register of a warp is 32 values, one a lane: `r[i]` points at the 32
// lanes of fragment register i. Layouts: PTX ISA, "Warp-level matrix instructions", written out as functions of (lane,
// register) in matrix.cpp and as tables in the tests.
#pragma once
#include <cstdint>

namespace sim {

enum class Element { f16, bf16, tf32, f32, f64, s8, u8, s32 };

/** mma.sync.aligned.m<m>n<n>k<k>.row.col: D = A B + C; c and d are f32 or f16 (f64, s32 for f64, integer inputs).
 *  Sums run in k order, each product exact, added in fp32 by fused multiply-add. 64-bit fragments are pairs of
 * registers (low, high). satfinite for integers only. Throws Fault unsupported for a shape or type that has no table
 * here. */
void mma(int m, int n, int k, Element a_type, Element b_type, Element c_type, Element d_type, bool satfinite,
         uint32_t* const d[], const uint32_t* const a[], const uint32_t* const b[], const uint32_t* const c[]);

/** Registers of each fragment of that shape and type. */
int mma_registers(char which, int m, int n, int k, Element type);

/** ldmatrix.sync.aligned.m8n8.x<count>[.trans].b16: row address of lane 8*i + r is row r of matrix i, 16 bytes each;
 *  `row[lane]` points at those 16 bytes. */
void ldmatrix(int count, bool trans, uint32_t* const d[], const uint8_t* const row[32]);
void stmatrix(int count, bool trans, uint8_t* const row[32], const uint32_t* const s[]);

/** wmma fragments: the element (row, column) of fragment register `reg`, half `half` (16-bit types) of `lane`; which is
 *  'a', 'b', 'c' or 'd'; m, n, k of {16,16,16}, {32,8,16}, {8,32,16}. Any fixed bijection is right, as in hardware. A
 * register is as wide as PTX names it: 64 bits of f64, 32 of the others; the counts are of 32 bits each. */
struct Place {
  int row, col;
};
Place wmma_place(char which, int m, int n, int k, Element type, int lane, int reg, int half);
int wmma_registers(char which, int m, int n, int k, Element type);

}  // namespace sim
