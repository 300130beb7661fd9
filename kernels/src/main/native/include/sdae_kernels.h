/*
 * sdae_kernels.h: every native function that Java calls. JavaCPP parses it into sdae.kernels.Native.
 *
 * Buffers are raw addresses (a Java `long` each), contiguous and row-major. Argument order: outputs, saved
 * statistics, inputs, parameters, sizes, scalars. "Nullable" arguments may be 0. Backward kernels WRITE
 * activation gradients and ADD TO parameter gradients. Every statistic, sum and loss is f32.
 * Arguments of type sk_any and sk_cany are f32 or bf16, all of a call alike, as the last argument `dtype` says (SK_F32
 * or SK_BF16). Errors are C++ exceptions; Java sees a RuntimeException with the same text.
 *
 * Letters: B images, L patches of an image, V visible, M masked, K folds, N tokens of a sequence (with the
 * class token), D width, H heads, Dh head size, R rows, C channels, p patch side, P = C*p*p values of a patch.
 */
#ifndef SDAE_KERNELS_H
#define SDAE_KERNELS_H
#include <stdint.h>

#define SK_ABI 2
#define SK_F32 0
#define SK_BF16 1

typedef float* sk_f32;
typedef const float* sk_cf32;
typedef int32_t* sk_i32;
typedef const int32_t* sk_ci32;
typedef uint16_t* sk_bf16;
typedef const uint16_t* sk_cbf16;
typedef void* sk_any;
typedef const void* sk_cany;
typedef void* sk_ptr;
typedef const void* sk_cptr;

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- runtime ---- */

int sk_abi(void);
/** The instruction set in use: "base", "avx2", "avx512", "avx512_bf16" or "amx". At load: SDAE_ISA if set, else the
 *  best of this CPU. */
const char* sk_isa(void);
/** Switches the instruction set ("auto" for the best); returns 0, or -1 if this CPU lacks it or the name is unknown. */
int sk_set_isa(const char* name);
/** Threads of the pool, the calling one included. Starts as the number of CPUs that this process may use. */
int sk_threads(void);
void sk_set_threads(int threads);
/** Peak f32 multiply-adds of the instruction set in use, all threads, best of short rounds over `seconds`; GFLOP/s. */
double sk_probe_fma_gflops(double seconds);
/** The same of bf16 products summed in f32, by what the instruction set in use multiplies them with: tiles, vdpbf16ps,
 * or, below avx512_bf16, f32 multiply-adds. */
double sk_probe_bf16_gflops(double seconds);
/** Copy bandwidth of memory, bytes read and written, all threads: the better of plain and non-temporal stores; GB/s.
 *  Takes 512 MiB while it runs. */
double sk_probe_copy_gbs(double seconds);

/** The simulated CUDA device, once this process has opened it: counts of every kernel since the last reset, as JSON. */
const char* sk_sim_report(void);
void sk_sim_reset(void);
/** OS threads for blocks, seed of the order of warps, whether to look for races, whether to count distinct bytes. */
void sk_sim_options(int threads, int64_t seed, int races, int unique_bytes);

/** 64-byte aligned, zeroed memory. Throws when the limit would be passed or the system has none. */
sk_ptr sk_alloc(int64_t bytes);
void sk_free(sk_ptr p);
int64_t sk_live_bytes(void);
int64_t sk_live_blocks(void);
int64_t sk_peak_bytes(void);
int64_t sk_memory_limit(void);
void sk_set_memory_limit(int64_t bytes);
/** Copies `bytes` bytes. */
void sk_copy(sk_ptr to, sk_cptr from, int64_t bytes);
/** Between a Java array (from `offset` on) and native memory, n values. */
void sk_upload_floats(sk_f32 to, const float* from, int64_t offset, int64_t n);
void sk_download_floats(float* to, int64_t offset, sk_cf32 from, int64_t n);
void sk_upload_ints(sk_i32 to, const int32_t* from, int64_t offset, int64_t n);
void sk_download_ints(int32_t* to, int64_t offset, sk_ci32 from, int64_t n);

#pragma GCC visibility pop

/* KERNELS BEGIN: one implementation per instruction set; the Makefile collects these names. */

/* memory.cpp: flat vectors of n values. */
void sk_fill(sk_any y, int64_t n, float value, int dtype);
/** y += x. */
void sk_add(sk_any y, sk_cany x, int64_t n, int dtype);
/** y *= scale. */
void sk_scale(sk_any y, int64_t n, float scale, int dtype);
/** Round to nearest even; NaN stays NaN. */
void sk_cast_f32_bf16(sk_bf16 y, sk_cf32 x, int64_t n);
void sk_cast_bf16_f32(sk_f32 y, sk_cbf16 x, int64_t n);
/** Sum of squares, accumulated in f64 over fixed chunks. */
double sk_sum_squares(sk_cf32 x, int64_t n);

/* random.cpp: Philox4x32-10, see sdae.tensor.Philox for the same numbers in Java. */
/** out[r, c] = uniform in [0, 1): word c%4 of philox(counter = {c/4, ids[r], epoch, purpose}, key = {seed lo, seed
 * hi}), its top 24 bits / 2^24. key: i32[4] = {seed lo, seed hi, epoch, purpose}. */
void sk_random_uniform(sk_f32 out, sk_ci32 ids, sk_ci32 key, int rows, int cols);

/* resample.cpp: on the calling thread alone. */
/** out[c, y, x] = scale[c] * v + shift[c], v the resized value within 0..255:
 *  v = sum_j across[x, j] sum_k down[y, k] in[(down_span[y, 0] + k) * pitch + (across_span[x, 0] + j) * C + c],
 *  k < down_span[y, 1] <= down_taps, j < across_span[x, 1] <= across_taps. Products and sums are rounded one by one:
 * the same bits on every instruction set. out [C, rows, columns], mirrored: x counted from the right; in: bytes; spans
 *  i32 [n, 2], neither starts nor ends ever fall; weights f32 [n, taps]; affine f32 [2, C]: scale, shift; C 1 or 3. */
void sk_resample(sk_f32 out, sk_cptr in, sk_ci32 down_span, sk_cf32 down, sk_ci32 across_span, sk_cf32 across,
                 sk_cf32 affine, int64_t pitch, int channels, int rows, int columns, int down_taps, int across_taps,
                 int mirrored);

/* gemm.cpp: x [R, in], weight [out, in], bias [out], y [R, out]. */
/** y = x weight^T + bias; bias nullable. */
void sk_linear_forward(sk_any y, sk_cany x, sk_cany weight, sk_cf32 bias, int rows, int in, int out, int dtype);
/** pre = x weight^T + bias, y = gelu(pre) (erf form). pre nullable. */
void sk_linear_gelu_forward(sk_any y, sk_any pre, sk_cany x, sk_cany weight, sk_cf32 bias, int rows, int in, int out,
                            int dtype);
/** y = residual + scale[row / rows_per_sample] * (x weight^T + bias); scale nullable (1). y may be residual. */
void sk_linear_residual_forward(sk_any y, sk_cany x, sk_cany weight, sk_cf32 bias, sk_cany residual, sk_cf32 scale,
                                int rows, int in, int out, int rows_per_sample, int dtype);
/** dx = dy weight. */
void sk_linear_backward_input(sk_any dx, sk_cany dy, sk_cany weight, int rows, int in, int out, int dtype);
/** dweight += dy^T x, dbias += column sums of dy; dbias nullable. */
void sk_linear_backward_weight(sk_f32 dweight, sk_f32 dbias, sk_cany dy, sk_cany x, int rows, int in, int out,
                               int dtype);

/* attention.cpp: out [B, N, H, Dh], lse [B, H, N], qkv [B, N, 3, H, Dh]; scale 1/sqrt(Dh).
 * The backward on a CPU does not read out. */
void sk_attention_forward(sk_any out, sk_f32 lse, sk_cany qkv, int batch, int tokens, int heads, int head_size,
                          int dtype);
void sk_attention_backward(sk_any dqkv, sk_cany dout, sk_cany qkv, sk_cany out, sk_cf32 lse, int batch, int tokens,
                           int heads, int head_size, int dtype);

/* layer_norm.cpp: x, y [R, D]; mean, rstd [R]; gamma, beta [D]. */
void sk_layer_norm_forward(sk_any y, sk_f32 mean, sk_f32 rstd, sk_cany x, sk_cf32 gamma, sk_cf32 beta, int rows,
                           int cols, float eps, int dtype);
void sk_layer_norm_backward(sk_any dx, sk_f32 dgamma, sk_f32 dbeta, sk_cany dy, sk_cany x, sk_cf32 gamma, sk_cf32 mean,
                            sk_cf32 rstd, int rows, int cols, int dtype);

/* gelu.cpp: y = x/2 (1 + erf(x/sqrt(2))). Backward: dx may be dy; y nullable, may be x. */
void sk_gelu_forward(sk_any y, sk_cany x, int64_t n, int dtype);
void sk_gelu_backward(sk_any dx, sk_any y, sk_cany dy, sk_cany x, int64_t n, int dtype);

/* residual.cpp: y = x + scale[sample] * branch, each [samples, per_sample]; scale [samples] nullable (1). */
void sk_residual_forward(sk_any y, sk_cany x, sk_cany branch, sk_cf32 scale, int samples, int64_t per_sample,
                         int dtype);
/** dbranch = scale[sample] * dy (the gradient of x is dy itself). */
void sk_residual_backward(sk_any dbranch, sk_cany dy, sk_cf32 scale, int samples, int64_t per_sample, int dtype);
/** scale[i] = floor(1 - rate + uniform[i]) / (1 - rate): 0 drops the sample's branch. */
void sk_drop_path_scale(sk_f32 scale, sk_cf32 uniform, int samples, float rate);

/* patch_mask.cpp */
/** Ranks the noise [B, L] of each sample in ascending order, ties by index: ids_keep [B, V] are the tokens of rank
 * 0..V-1, ids_masked [B, used] those of rank V..V+used-1, both in rank order; ids_restore [B, L] is the rank of each
 * token. */
void sk_patch_mask(sk_i32 ids_keep, sk_i32 ids_masked, sk_i32 ids_restore, sk_cf32 noise, int batch, int patches,
                   int visible, int used);

/* patch_embed.cpp */
/** patches [B, n, P] = the patches ids [B, n] (nullable: all, n = L) of images [B, C, height, width], values in the
 *  order channel, row, column. */
void sk_patch_gather(sk_any patches, sk_cf32 images, sk_ci32 ids, int batch, int channels, int height, int width,
                     int patch, int n, int dtype);
/** tokens [S, 1+n, D]: tokens[s, 0] = cls + pos[0]; tokens[s, 1+i] = projected[s, i] + pos[1 + ids[s, i]].
 *  projected [S, n, D], cls [D], pos [1+L, D], ids [S, n] nullable (i itself). */
void sk_embed_tokens_forward(sk_any tokens, sk_cany projected, sk_cf32 cls, sk_cf32 pos, sk_ci32 ids, int sequences,
                             int n, int cols, int dtype);
/** dprojected (written), dcls, dpos (added to, nullable: fixed). */
void sk_embed_tokens_backward(sk_any dprojected, sk_f32 dcls, sk_f32 dpos, sk_cany dtokens, sk_ci32 ids, int sequences,
                              int n, int cols, int dtype);

/* token_gather.cpp */
/** y [B, 1+L, D]: y[b, 0] = x[b, 0] + pos[0]; y[b, 1+j] = (ids_restore[b, j] < V ? x[b, 1 + ids_restore[b, j]]
 *  : mask_token) + pos[1+j]. x [B, 1+V, D], mask_token [D], pos [1+L, D], ids_restore [B, L]. */
void sk_unshuffle_forward(sk_any y, sk_cany x, sk_cf32 mask_token, sk_cf32 pos, sk_ci32 ids_restore, int batch,
                          int patches, int visible, int cols, int dtype);
/** dx (written), dmask_token (added to). */
void sk_unshuffle_backward(sk_any dx, sk_f32 dmask_token, sk_cany dy, sk_ci32 ids_restore, int batch, int patches,
                           int visible, int cols, int dtype);
/** y [B, M, D]: y[b, i] = x[b, 1 + ids[b, i]]; x [B, 1+L, D], ids [B, M]. */
void sk_gather_tokens_forward(sk_any y, sk_cany x, sk_ci32 ids, int batch, int patches, int count, int cols, int dtype);
/** dx[b, 0] = 0; dx[b, 1+j] = dy[b, r] with r = ids_restore[b, j] - first if 0 <= r < M, else 0. */
void sk_gather_tokens_backward(sk_any dx, sk_cany dy, sk_ci32 ids_restore, int batch, int patches, int first, int count,
                               int cols, int dtype);
/** y [B, D] = mean of x[b, 1..N-1]; x [B, N, D]. */
void sk_mean_pool_forward(sk_any y, sk_cany x, int batch, int tokens, int cols, int dtype);
void sk_mean_pool_backward(sk_any dx, sk_cany dy, int batch, int tokens, int cols, int dtype);
/** y [B, D] = x[b, 0]; its gradient writes zeros elsewhere. */
void sk_class_token_forward(sk_any y, sk_cany x, int batch, int tokens, int cols, int dtype);
void sk_class_token_backward(sk_any dx, sk_cany dy, int batch, int tokens, int cols, int dtype);

/* cosine_loss.cpp: pred [F, n, D] against the standardised tokens of teacher [F, skip+n, D] (its first `skip` rows of
 * every fold are not looked at). Standardised: (z - mean)/sqrt(var + 1e-6) over D, var with divisor D-1.
 * axis 0: one cosine per fold and channel, over the fold's tokens; axis 1: one per token, over channels.
 * center 1 (axis 0 only) subtracts each channel's mean over the fold from both sides first.
 * loss [1] = 1 - mean cosine. stats: 2*F*n (mean, rstd of each token), then 5 per cosine: t.s, |t|^2, |s|^2, mean t,
 * mean s. */
void sk_cosine_loss_forward(sk_f32 loss, sk_f32 stats, sk_cany pred, sk_cany teacher, int folds, int tokens, int cols,
                            int skip, int axis, int center, int dtype);
/** dpred = dloss[0] * gradient. */
void sk_cosine_loss_backward(sk_any dpred, sk_cf32 dloss, sk_cf32 stats, sk_cany pred, sk_cany teacher, int folds,
                             int tokens, int cols, int skip, int axis, int center, int dtype);
/** The standardised teacher tokens themselves: target [F, n, D]. */
void sk_normalize_target(sk_any target, sk_cany teacher, int folds, int tokens, int cols, int skip, int dtype);

/* regression_loss.cpp: as cosine_loss, but the mean over all values of (s - t)^2 (kind 0) or smooth L1 with beta 1
 * (kind 1). stats: 2*F*n (mean, rstd of each token). */
void sk_regression_loss_forward(sk_f32 loss, sk_f32 stats, sk_cany pred, sk_cany teacher, int folds, int tokens,
                                int cols, int skip, int kind, int dtype);
void sk_regression_loss_backward(sk_any dpred, sk_cf32 dloss, sk_cf32 stats, sk_cany pred, sk_cany teacher, int folds,
                                 int tokens, int cols, int skip, int kind, int dtype);

/* pixel_loss.cpp: pred [B, M, P], values in the order row, column, channel (MAE), against the patches ids [B, M] of
 * images [B, C, height, width]. norm_pix 1 standardises each target patch (divisor P-1, eps 1e-6). loss [1] = mean
 * squared error over the values of a patch, then over patches. stats [2*B*M]: mean, rstd of each patch. */
void sk_pixel_loss_forward(sk_f32 loss, sk_f32 stats, sk_cany pred, sk_cf32 images, sk_ci32 ids, int batch,
                           int channels, int height, int width, int patch, int count, int norm_pix, int dtype);
void sk_pixel_loss_backward(sk_any dpred, sk_cf32 dloss, sk_cf32 stats, sk_cany pred, sk_cf32 images, sk_ci32 ids,
                            int batch, int channels, int height, int width, int patch, int count, int norm_pix,
                            int dtype);

/* cross_entropy.cpp: loss [1] = mean over rows of -sum_c target * log softmax(logits); logits, target [R, C]; lse [R].
 */
void sk_cross_entropy_forward(sk_f32 loss, sk_f32 lse, sk_cany logits, sk_cf32 target, int rows, int classes,
                              int dtype);
void sk_cross_entropy_backward(sk_any dlogits, sk_cf32 dloss, sk_cf32 lse, sk_cany logits, sk_cf32 target, int rows,
                               int classes, int dtype);

/* batch_norm.cpp: no affine terms; x, y [R, D]; mean, rstd [D]. training 1 normalises by the batch (biased variance)
 * and moves running = (1 - momentum) running + momentum batch (unbiased variance); training 0 normalises by the running
 * values. */
void sk_batch_norm_forward(sk_any y, sk_f32 mean, sk_f32 rstd, sk_f32 running_mean, sk_f32 running_var, sk_cany x,
                           int rows, int cols, float eps, float momentum, int training, int dtype);
/** Gradient of the training form. */
void sk_batch_norm_backward(sk_any dx, sk_cany dy, sk_cany x, sk_cf32 mean, sk_cf32 rstd, int rows, int cols,
                            int dtype);

/* adamw.cpp: hyper f32[8] = {lr, beta1, beta2, eps, weight decay, 1 - beta1^t, 1 - beta2^t, gradient scale}. */
/** g = gradient scale * grad; p *= 1 - lr*decay; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
 *  p -= lr / (1-b1^t) * m / (sqrt(v) / sqrt(1-b2^t) + eps). Then grad = 0, low = bf16(p), and sk_ema of teacher and p.
 *  low, teacher, teacher_low nullable; momentum too without a teacher. */
void sk_adamw(sk_f32 param, sk_bf16 low, sk_f32 m, sk_f32 v, sk_f32 grad, sk_f32 teacher, sk_bf16 teacher_low,
              sk_cf32 hyper, sk_cf32 momentum, int64_t n);

/* lars.cpp: hyper f32[4] = {lr, momentum, trust, weight decay}; one tensor of n values; adapt 0 leaves scaling and
 * decay out. */
void sk_lars(sk_f32 param, sk_f32 mu, sk_cf32 grad, sk_cf32 hyper, int64_t n, int adapt);

/* ema.cpp: teacher += (1 - momentum[0]) * (student - teacher); low = bf16(teacher), nullable. */
void sk_ema(sk_f32 teacher, sk_bf16 low, sk_cf32 student, sk_cf32 momentum, int64_t n);

/* KERNELS END */

#ifdef __cplusplus
}
#endif
#endif
