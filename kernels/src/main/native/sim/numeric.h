// Number formats and roundings of PTX that C++ has not, bit for bit.
#pragma once
#include <cstdint>

namespace sim {

enum class Round { rn, rz, rm, rp, rna };

float bf16_to_f32(uint16_t v);
uint16_t f32_to_bf16(float v, Round mode, bool satfinite = false, bool relu = false);
float f16_to_f32(uint16_t v);
uint16_t f32_to_f16(float v, Round mode, bool satfinite = false, bool relu = false);
uint16_t f64_to_f16(double v, Round mode);
/** tf32 is an f32 with the low 13 bits zero; rna ties away, rn ties to even. */
uint32_t f32_to_tf32(float v, Round mode);
/** cvt to integers: saturates, NaN is 0; rni, rzi, rmi, rpi by mode. */
int64_t to_integer(double v, int bits, bool is_signed, Round mode);
/** One rounding of a + b, a * b, a * b + c, 1/a, a/b, sqrt(a) in the given mode. */
float add_f32(float a, float b, Round mode);
float mul_f32(float a, float b, Round mode);
float fma_f32(float a, float b, float c, Round mode);
float div_f32(float a, float b, Round mode);
float sqrt_f32(float a, Round mode);
double fma_f64(double a, double b, double c, Round mode);
float flush(float v);  // .ftz: subnormals to signed zero

}  // namespace sim
