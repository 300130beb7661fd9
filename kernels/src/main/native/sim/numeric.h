// Number formats and roundings of PTX that C++ has not, bit for bit. NaN results are PTX's canonical ones: 0x7fffffff
// (f32, tf32), 0x7fff (f16, bf16).
#pragma once
#include <cstdint>

namespace sim {

enum class Round { rn, rz, rm, rp, rna };

/** Keeps a NaN's bits, as the `mov` that widens a bf16 does. */
float bf16_to_f32(uint16_t v);
/** satfinite: infinity and overflow become the largest finite value; relu: what is negative becomes +0. */
uint16_t f32_to_bf16(float v, Round mode, bool satfinite = false, bool relu = false);
uint16_t f64_to_bf16(double v, Round mode);
float f16_to_f32(uint16_t v);
uint16_t f32_to_f16(float v, Round mode, bool satfinite = false, bool relu = false);
uint16_t f64_to_f16(double v, Round mode);
/** tf32 is an f32 with the low 13 bits zero; rna ties away, rn ties to even. */
uint32_t f32_to_tf32(float v, Round mode);
float f64_to_f32(double v, Round mode);

/** cvt to integers: saturates; rn, rz, rm, rp are rni, rzi, rmi, rpi. A NaN is 0, but from f64 or to 64 bits it is the
 *  number with only the top bit set. Signed results are sign-extended. */
int64_t to_integer(double v, int bits, bool is_signed, Round mode, bool from_f64 = false);
/** Rounds to an integral value, keeping the sign of a zero. */
double to_integral(double v, Round mode);
/** cvt from integers: (-1)^negative * magnitude. */
float integer_to_f32(bool negative, uint64_t magnitude, Round mode);
double integer_to_f64(bool negative, uint64_t magnitude, Round mode);
uint16_t integer_to_f16(bool negative, uint64_t magnitude, Round mode);
uint16_t integer_to_bf16(bool negative, uint64_t magnitude, Round mode);

/** One rounding of a + b, a * b, a * b + c, 1/a, a/b, sqrt(a) in the given mode. */
float add_f32(float a, float b, Round mode);
float mul_f32(float a, float b, Round mode);
float fma_f32(float a, float b, float c, Round mode);
float div_f32(float a, float b, Round mode);
float sqrt_f32(float a, Round mode);
double add_f64(double a, double b, Round mode);
double mul_f64(double a, double b, Round mode);
double fma_f64(double a, double b, double c, Round mode);
double div_f64(double a, double b, Round mode);
double sqrt_f64(double a, Round mode);
/** fma.rn.f16 and fma.rn.bf16; the add and mul of these formats are this with 1 and -0. */
uint16_t fma_f16(uint16_t a, uint16_t b, uint16_t c);
uint16_t fma_bf16(uint16_t a, uint16_t b, uint16_t c);

float flush(float v);  // .ftz: subnormals to signed zero

}  // namespace sim
