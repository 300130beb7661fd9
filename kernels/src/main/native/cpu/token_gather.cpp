// token_gather.cpp: rows of token sequences put elsewhere: unshuffle with mask tokens, gather, mean pool, class token.
//
//   unshuffle  y[b, 0] = x[b, 0] + pos[0];  r = ids_restore[b, j];
//              y[b, 1+j] = (r < V ? x[b, 1+r] : mask_token) + pos[1+j]
//   gather     y[b, i] = x[b, 1 + ids[b, i]]
//   mean pool  y[b] = mean of x[b, 1..N-1];  class token: y[b] = x[b, 0]
//
//   Backward   The rank of a token (ids_restore) is the inverse of the order, so each row of a gradient is found and
//              written once: no atomics, no clearing beforehand. dmask_token adds one partial a sample, in order.
//   Shapes     as in sdae_kernels.h; tokens and their gradients f32 or bf16, mask_token and pos f32
//   Tiles      one sample a task
//   Traffic    every row of an output is written once and every row of an input that counts is read once
//   Source     He et al. 2021, arXiv:2111.06377, section 3 (decoder); unshuffle as in its description
#include "pool.h"
#include "rows.h"
#include "sdae_kernels.h"
#include "stores.h"

namespace {
template <typename T>
void unshuffle(T* y, const T* x, const float* mask_token, const float* pos, const int32_t* ids_restore, long batch,
               long patches, long visible, long d) {
  with_stores(y, batch * (patches + 1), d, [=](auto to) {
    parallel_for(batch, [=](long b, int) {
      T* out = y + b * (patches + 1) * d;
      const T* in = x + b * (visible + 1) * d;
      auto put_row = [=](long row, auto from) {
        sweep(0, d, [=](long k, int n) { to.put(out + row * d + k, get(from + k, n) + get(pos + row * d + k, n), n); });
      };
      put_row(0, in);
      for (long j = 0; j < patches; j++) {
        long rank = ids_restore[b * patches + j];
        rank < visible ? put_row(1 + j, in + (1 + rank) * d) : put_row(1 + j, mask_token);
      }
      to.done();
    });
  });
}

template <typename T>
void unshuffle_gradient(T* dx, float* dmask_token, const T* dy, const int32_t* ids_restore, long batch, long patches,
                        long visible, long d) {
  float* partial = static_cast<float*>(sk_pool_scratch(0, static_cast<long>(sizeof(float)) * batch * d));
  parallel_for(batch, [=](long b, int) {
    const T* in = dy + b * (patches + 1) * d;
    T* out = dx + b * (visible + 1) * d;
    float* sum = partial + b * d;
    zero_row(sum, d);
    copy_row(out, in, d);
    for (long j = 0; j < patches; j++) {
      long rank = ids_restore[b * patches + j];
      const T* row = in + (1 + j) * d;
      rank < visible ? copy_row(out + (1 + rank) * d, row, d) : add_rows(sum, sum, row, d);
    }
  });
  for (long b = 1; b < batch; b++) add_rows(partial, partial, partial + b * d, d);
  if (batch > 0) add_rows(dmask_token, dmask_token, partial, d);
}

template <typename T>
void gather(T* y, const T* x, const int32_t* ids, long batch, long patches, long count, long d) {
  with_stores(y, batch * count, d, [=](auto to) {
    parallel_for(batch, [=](long b, int) {
      const T* tokens = x + (b * (patches + 1) + 1) * d;
      for (long i = b * count; i < (b + 1) * count; i++) {
        const T *from = tokens + ids[i] * d, *next = tokens + ids[min_of(i + 1, (b + 1) * count - 1)] * d;
        sweep(0, d, [=](long k, int n) {
          __builtin_prefetch(next + k, 0, 2);  // rows lie anywhere: no hardware looks ahead
          to.put(y + i * d + k, get(from + k, n), n);
        });
      }
      to.done();
    });
  });
}

template <typename T>
void gather_gradient(T* dx, const T* dy, const int32_t* ids_restore, long batch, long patches, long first, long count,
                     long d) {
  parallel_for(batch, [=](long b, int) {
    T* out = dx + b * (patches + 1) * d;
    zero_row(out, d);
    for (long j = 0; j < patches; j++) {
      long rank = ids_restore[b * patches + j] - first;
      T* row = out + (1 + j) * d;
      rank >= 0 && rank < count ? copy_row(row, dy + (b * count + rank) * d, d) : zero_row(row, d);
    }
  });
}

template <typename T>
void mean_pool(T* y, const T* x, long batch, long tokens, long d) {
  parallel_for(batch, [=](long b, int) {
    vfloat n = splat(static_cast<float>(tokens - 1));
    sweep(0, d, [=](long k, int count) {
      vfloat sum = {};
      for (long i = 1; i < tokens; i++) sum += get(x + (b * tokens + i) * d + k, count);
      put(y + b * d + k, sum / n, count);
    });
  });
}

template <typename T>
void mean_pool_gradient(T* dx, const T* dy, long batch, long tokens, long d) {
  parallel_for(batch, [=](long b, int) {
    T* out = dx + b * tokens * d;
    const T* in = dy + b * d;
    vfloat n = splat(static_cast<float>(tokens - 1));
    zero_row(out, d);
    for (long i = 1; i < tokens; i++)
      sweep(0, d, [=](long k, int count) { put(out + i * d + k, get(in + k, count) / n, count); });
  });
}

template <typename T>
void class_token(T* y, const T* x, long batch, long tokens, long d) {
  parallel_for(batch, [=](long b, int) { copy_row(y + b * d, x + b * tokens * d, d); });
}

template <typename T>
void class_token_gradient(T* dx, const T* dy, long batch, long tokens, long d) {
  parallel_for(batch, [=](long b, int) {
    copy_row(dx + b * tokens * d, dy + b * d, d);
    zero_row(dx + (b * tokens + 1) * d, (tokens - 1) * d);
  });
}
}  // namespace

extern "C" {
void SK(unshuffle_forward)(sk_any y, sk_cany x, sk_cf32 mask_token, sk_cf32 pos, sk_ci32 ids_restore, int batch,
                           int patches, int visible, int cols, int dtype) {
  with_storage(dtype,
               [=](auto as) { unshuffle(as(y), as(x), mask_token, pos, ids_restore, batch, patches, visible, cols); });
}

void SK(unshuffle_backward)(sk_any dx, sk_f32 dmask_token, sk_cany dy, sk_ci32 ids_restore, int batch, int patches,
                            int visible, int cols, int dtype) {
  with_storage(dtype, [=](auto as) {
    unshuffle_gradient(as(dx), dmask_token, as(dy), ids_restore, batch, patches, visible, cols);
  });
}

void SK(gather_tokens_forward)(sk_any y, sk_cany x, sk_ci32 ids, int batch, int patches, int count, int cols,
                               int dtype) {
  with_storage(dtype, [=](auto as) { gather(as(y), as(x), ids, batch, patches, count, cols); });
}

void SK(gather_tokens_backward)(sk_any dx, sk_cany dy, sk_ci32 ids_restore, int batch, int patches, int first,
                                int count, int cols, int dtype) {
  with_storage(dtype,
               [=](auto as) { gather_gradient(as(dx), as(dy), ids_restore, batch, patches, first, count, cols); });
}

void SK(mean_pool_forward)(sk_any y, sk_cany x, int batch, int tokens, int cols, int dtype) {
  with_storage(dtype, [=](auto as) { mean_pool(as(y), as(x), batch, tokens, cols); });
}

void SK(mean_pool_backward)(sk_any dx, sk_cany dy, int batch, int tokens, int cols, int dtype) {
  with_storage(dtype, [=](auto as) { mean_pool_gradient(as(dx), as(dy), batch, tokens, cols); });
}

void SK(class_token_forward)(sk_any y, sk_cany x, int batch, int tokens, int cols, int dtype) {
  with_storage(dtype, [=](auto as) { class_token(as(y), as(x), batch, tokens, cols); });
}

void SK(class_token_backward)(sk_any dx, sk_cany dy, int batch, int tokens, int cols, int dtype) {
  with_storage(dtype, [=](auto as) { class_token_gradient(as(dx), as(dy), batch, tokens, cols); });
}
}
