// The kernels of the stand-in for cuBLASLt, as PTX: plain loops, a thread for each value of D. The words in capitals
// are replaced by what depends on the types: NAME, and how A and B are loaded, C loaded and D stored.
#pragma once

constexpr const char* kPtxHeader = ".version 7.0\n.target sm_80\n.address_size 64\n";

// D[i, j] = alpha * (partial[i, j] + sum over k of A[i, k] B[k, j]) + beta * C[i, j] + bias[i]; all strides in bytes.
constexpr const char* kPtxMatmul = R"(
.visible .entry matmul_NAME(
  .param .u64 p_d, .param .u64 p_c, .param .u64 p_a, .param .u64 p_b, .param .u64 p_bias, .param .u64 p_partial,
  .param .u64 p_a_row, .param .u64 p_a_k, .param .u64 p_b_k, .param .u64 p_b_col, .param .u64 p_ldc, .param .u64 p_ldd,
  .param .u32 p_m, .param .u32 p_n, .param .u32 p_k, .param .f32 p_alpha, .param .f32 p_beta)
{
  .reg .pred %p<6>;
  .reg .b16 %h<4>;
  .reg .b32 %r<16>;
  .reg .f32 %f<8>;
  .reg .b64 %rd<32>;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.s32 %r4, %r1, %r2, %r3;
  ld.param.u32 %r5, [p_m];
  ld.param.u32 %r6, [p_n];
  mul.lo.s32 %r7, %r5, %r6;
  setp.ge.u32 %p1, %r4, %r7;
  @%p1 bra DONE;
  div.u32 %r8, %r4, %r5;
  mul.lo.s32 %r9, %r8, %r5;
  sub.s32 %r10, %r4, %r9;
  cvt.u64.u32 %rd1, %r10;
  cvt.u64.u32 %rd2, %r8;
  mov.f32 %f1, 0f00000000;
  ld.param.u64 %rd3, [p_partial];
  setp.eq.s64 %p2, %rd3, 0;
  @%p2 bra FROM_ZERO;
  mul.wide.u32 %rd4, %r4, 4;
  add.s64 %rd5, %rd3, %rd4;
  ld.global.f32 %f1, [%rd5];
FROM_ZERO:
  ld.param.u64 %rd6, [p_a];
  ld.param.u64 %rd7, [p_b];
  ld.param.u64 %rd8, [p_a_row];
  ld.param.u64 %rd9, [p_b_col];
  ld.param.u64 %rd10, [p_a_k];
  ld.param.u64 %rd11, [p_b_k];
  mad.lo.s64 %rd12, %rd1, %rd8, %rd6;
  mad.lo.s64 %rd13, %rd2, %rd9, %rd7;
  ld.param.u32 %r11, [p_k];
  setp.eq.s32 %p3, %r11, 0;
  @%p3 bra SUMMED;
NEXT:
  LOAD_A
  LOAD_B
  fma.rn.f32 %f1, %f2, %f3, %f1;
  add.s64 %rd12, %rd12, %rd10;
  add.s64 %rd13, %rd13, %rd11;
  sub.s32 %r11, %r11, 1;
  setp.ne.s32 %p3, %r11, 0;
  @%p3 bra NEXT;
SUMMED:
  ld.param.f32 %f4, [p_alpha];
  mul.f32 %f1, %f1, %f4;
  ld.param.f32 %f5, [p_beta];
  setp.eq.f32 %p4, %f5, 0f00000000;
  @%p4 bra NO_C;
  ld.param.u64 %rd14, [p_c];
  ld.param.u64 %rd15, [p_ldc];
  mad.lo.s64 %rd16, %rd2, %rd15, %rd14;
  mul.lo.s64 %rd17, %rd1, SIZE_D;
  add.s64 %rd18, %rd16, %rd17;
  LOAD_C
  fma.rn.f32 %f1, %f5, %f6, %f1;
NO_C:
  ld.param.u64 %rd19, [p_bias];
  setp.eq.s64 %p5, %rd19, 0;
  @%p5 bra STORE;
  mul.wide.u32 %rd20, %r10, 4;
  add.s64 %rd21, %rd19, %rd20;
  ld.global.f32 %f7, [%rd21];
  add.f32 %f1, %f1, %f7;
STORE:
  ld.param.u64 %rd22, [p_d];
  ld.param.u64 %rd23, [p_ldd];
  mad.lo.s64 %rd24, %rd2, %rd23, %rd22;
  mul.lo.s64 %rd25, %rd1, SIZE_D;
  add.s64 %rd26, %rd24, %rd25;
  STORE_D
DONE:
  ret;
}
)";

// bias[j] = sum over k of B[k, j].
constexpr const char* kPtxBiasGradient = R"(
.visible .entry bias_gradient_NAME(
  .param .u64 p_bias, .param .u64 p_b, .param .u64 p_b_k, .param .u64 p_b_col, .param .u32 p_n, .param .u32 p_k)
{
  .reg .pred %p<3>;
  .reg .b16 %h<4>;
  .reg .b32 %r<16>;
  .reg .f32 %f<8>;
  .reg .b64 %rd<32>;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.s32 %r4, %r1, %r2, %r3;
  ld.param.u32 %r5, [p_n];
  setp.ge.u32 %p1, %r4, %r5;
  @%p1 bra DONE;
  cvt.u64.u32 %rd1, %r4;
  ld.param.u64 %rd2, [p_b];
  ld.param.u64 %rd3, [p_b_col];
  ld.param.u64 %rd11, [p_b_k];
  mad.lo.s64 %rd13, %rd1, %rd3, %rd2;
  ld.param.u32 %r11, [p_k];
  mov.f32 %f1, 0f00000000;
NEXT:
  LOAD_B
  add.f32 %f1, %f1, %f3;
  add.s64 %rd13, %rd13, %rd11;
  sub.s32 %r11, %r11, 1;
  setp.ne.s32 %p2, %r11, 0;
  @%p2 bra NEXT;
  ld.param.u64 %rd4, [p_bias];
  mul.wide.u32 %rd5, %r4, 4;
  add.s64 %rd6, %rd4, %rd5;
  st.global.f32 [%rd6], %f1;
DONE:
  ret;
}
)";

// ITEM is a register of f32, ADDRESS one of an address.
constexpr const char* kPtxLoadF32 = "ld.global.f32 ITEM, [ADDRESS];";
constexpr const char* kPtxLoadBf16 =
    "ld.global.u16 %h1, [ADDRESS]; cvt.u32.u16 %r12, %h1; shl.b32 %r13, %r12, 16; mov.b32 ITEM, %r13;";
constexpr const char* kPtxStoreF32 = "st.global.f32 [ADDRESS], ITEM;";
constexpr const char* kPtxStoreBf16 = "cvt.rn.bf16.f32 %h2, ITEM; st.global.b16 [ADDRESS], %h2;";
