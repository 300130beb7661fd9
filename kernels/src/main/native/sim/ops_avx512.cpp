// ops_avx512.cpp: lane-wise operations for x86-64-v4.
#define SIM_ISA avx512
#include "ops.inc"
