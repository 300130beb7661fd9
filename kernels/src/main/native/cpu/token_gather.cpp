// token_gather.cpp: rows of token sequences put elsewhere: unshuffle with mask tokens, gather, mean pool, class token.
//
//   unshuffle  y[b, 0] = x[b, 0] + pos[0];  r = ids_restore[b, j];
//              y[b, 1+j] = (r < V ? x[b, 1+r] : mask_token) + pos[1+j]
//   gather     y[b, i] = x[b, 1 + ids[b, i]]
//   mean pool  y[b] = mean of x[b, 1..N-1];  class token: y[b] = x[b, 0]
//
//   Backward   The rank of a token (ids_restore) is the inverse of the order, so each row of a gradient is found and
//              written once: no atomics, no clearing beforehand. dmask_token adds one partial a sample, in order.
//   Tiles      one sample a task
//   Traffic    every row of an output is written once and every row of an input that counts is read once
//   Source     He et al. 2021, arXiv:2111.06377, section 3 (decoder); unshuffle as in its description
#include "pool.h"
#include "rows.h"
#include "sdae_kernels.h"

extern "C" {
void SK(unshuffle_forward)(sk_f32 y, sk_cf32 x, sk_cf32 mask_token, sk_cf32 pos, sk_ci32 ids_restore, int batch,
                           int patches, int visible, int cols) {
  long d = cols;
  parallel_for(batch, [=](long b, int) {
    sk_f32 out = y + b * (patches + 1) * d;
    sk_cf32 in = x + b * (visible + 1) * d;
    add_rows(out, in, pos, d);
    for (long j = 0; j < patches; j++) {
      long rank = ids_restore[b * patches + j];
      add_rows(out + (1 + j) * d, rank < visible ? in + (1 + rank) * d : mask_token, pos + (1 + j) * d, d);
    }
  });
}

void SK(unshuffle_backward)(sk_f32 dx, sk_f32 dmask_token, sk_cf32 dy, sk_ci32 ids_restore, int batch, int patches,
                            int visible, int cols) {
  long d = cols;
  float* partial = static_cast<float*>(sk_pool_scratch(0, static_cast<long>(sizeof(float)) * batch * d));
  parallel_for(batch, [=](long b, int) {
    sk_cf32 in = dy + b * (patches + 1) * d;
    sk_f32 out = dx + b * (visible + 1) * d;
    float* sum = partial + b * d;
    zero_row(sum, d);
    copy_row(out, in, d);
    for (long j = 0; j < patches; j++) {
      long rank = ids_restore[b * patches + j];
      sk_cf32 row = in + (1 + j) * d;
      rank < visible ? copy_row(out + (1 + rank) * d, row, d) : add_rows(sum, sum, row, d);
    }
  });
  for (long b = 1; b < batch; b++) add_rows(partial, partial, partial + b * d, d);
  if (batch > 0) add_rows(dmask_token, dmask_token, partial, d);
}

void SK(gather_tokens_forward)(sk_f32 y, sk_cf32 x, sk_ci32 ids, int batch, int patches, int count, int cols) {
  long d = cols;
  parallel_for(batch, [=](long b, int) {
    for (long i = b * count; i < (b + 1) * count; i++) copy_row(y + i * d, x + (b * (patches + 1) + 1 + ids[i]) * d, d);
  });
}

void SK(gather_tokens_backward)(sk_f32 dx, sk_cf32 dy, sk_ci32 ids_restore, int batch, int patches, int first,
                                int count, int cols) {
  long d = cols;
  parallel_for(batch, [=](long b, int) {
    sk_f32 out = dx + b * (patches + 1) * d;
    zero_row(out, d);
    for (long j = 0; j < patches; j++) {
      long rank = ids_restore[b * patches + j] - first;
      sk_f32 row = out + (1 + j) * d;
      rank >= 0 && rank < count ? copy_row(row, dy + (b * count + rank) * d, d) : zero_row(row, d);
    }
  });
}

void SK(mean_pool_forward)(sk_f32 y, sk_cf32 x, int batch, int tokens, int cols) {
  long d = cols;
  parallel_for(batch, [=](long b, int) {
    sk_f32 out = y + b * d;
    zero_row(out, d);
    for (long i = 1; i < tokens; i++) add_rows(out, out, x + (b * tokens + i) * d, d);
    vfloat n = splat(static_cast<float>(tokens - 1));
    sweep(0, d, [=](long i, int count) { put(out + i, get(out + i, count) / n, count); });
  });
}

void SK(mean_pool_backward)(sk_f32 dx, sk_cf32 dy, int batch, int tokens, int cols) {
  long d = cols;
  parallel_for(batch, [=](long b, int) {
    sk_f32 out = dx + b * tokens * d;
    sk_cf32 in = dy + b * d;
    vfloat n = splat(static_cast<float>(tokens - 1));
    zero_row(out, d);
    for (long i = 1; i < tokens; i++)
      sweep(0, d, [=](long k, int count) { put(out + i * d + k, get(in + k, count) / n, count); });
  });
}

void SK(class_token_forward)(sk_f32 y, sk_cf32 x, int batch, int tokens, int cols) {
  long d = cols;
  parallel_for(batch, [=](long b, int) { copy_row(y + b * d, x + b * tokens * d, d); });
}

void SK(class_token_backward)(sk_f32 dx, sk_cf32 dy, int batch, int tokens, int cols) {
  long d = cols;
  parallel_for(batch, [=](long b, int) {
    copy_row(dx + b * tokens * d, dy + b * d, d);
    zero_row(dx + (b * tokens + 1) * d, (tokens - 1) * d);
  });
}
}
