// ops_avx2.cpp: lane-wise operations for x86-64-v3.
#define SIM_ISA avx2
#include "ops.inc"
