// What the matrix instructions' files share. Every fragment register is one tile of its matrix: 8 rows (of A, C, D;
// columns of B) of 16 bytes, lane 4*g + t holding the t-th 4 bytes of row g. So the 32 lanes of an A or B register,
// read as one array, are the tile in row-major (B: column-major) order. Tiles are numbered down the rows of A and C,
// along k in B, first. 32-bit accumulators take two registers a tile: even and odd columns. The wmma shapes, whose
// layouts the ISA leaves open, are numbered in the same way.
#pragma once
#include "matrix.h"

// One copy an instruction set, chosen when the library is loaded.
#define SIM_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))

namespace sim {

struct Shape {
  int m, n, k;
};

/** Registers in the argument order of mma(). */
struct Fragments {
  uint32_t* const* d;
  const uint32_t* const* a;
  const uint32_t* const* b;
  const uint32_t* const* c;
};

void mma_float(Shape s, Element type, bool c_half, bool d_half, const Fragments& f);
void mma_integer(Shape s, bool a_signed, bool b_signed, bool satfinite, const Fragments& f);
void mma_f64(const Fragments& f);  // m8n8k4

}  // namespace sim
