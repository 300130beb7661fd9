// ops_base.cpp: lane-wise operations for any x86-64-v2 machine.
#define SIM_ISA base
#include "ops.inc"
