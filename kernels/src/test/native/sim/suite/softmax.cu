// Row statistics of the kind that networks need.
#include <math_constants.h>

// One pass (Milakov and Gimelshein 2018): running maximum and sum, joined over the block.
extern "C" __global__ void softmax_online(const float* x, float* y, int rows, int cols) {
  __shared__ float shared_m[32], shared_d[32];
  int row = blockIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  const float* in = x + (size_t)row * cols;
  float m = -CUDART_INF_F, d = 0.f;
  for (int c = threadIdx.x; c < cols; c += blockDim.x) {
    float v = in[c], top = fmaxf(m, v);
    d = d * expf(m - top) + expf(v - top);
    m = top;
  }
  for (int o = 16; o; o >>= 1) {
    float om = __shfl_xor_sync(~0u, m, o), od = __shfl_xor_sync(~0u, d, o), top = fmaxf(m, om);
    if (top > -CUDART_INF_F) d = d * expf(m - top) + od * expf(om - top);
    m = top;
  }
  if (lane == 0) shared_m[warp] = m, shared_d[warp] = d;
  __syncthreads();
  m = shared_m[0];
  for (int w = 1; w < warps; w++) m = fmaxf(m, shared_m[w]);
  d = 0.f;
  for (int w = 0; w < warps; w++) d += shared_d[w] * expf(shared_m[w] - m);
  for (int c = threadIdx.x; c < cols; c += blockDim.x) y[(size_t)row * cols + c] = __expf(in[c] - m) / d;
}

// A warp a row, float4; cols is a multiple of 4.
extern "C" __global__ void layer_norm(const float4* x, float4* y, const float4* gamma, const float4* beta, int rows,
                                      int quads, float eps) {
  int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
  if (row >= rows) return;
  const float4* in = x + (size_t)row * quads;
  float sum = 0.f;
  for (int i = lane; i < quads; i += 32) {
    float4 v = in[i];
    sum += v.x + v.y + v.z + v.w;
  }
  for (int o = 16; o; o >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, o);
  float mean = sum / (4 * quads), square = 0.f;
  for (int i = lane; i < quads; i += 32) {
    float4 v = in[i];
    v.x -= mean, v.y -= mean, v.z -= mean, v.w -= mean;
    square += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
  }
  for (int o = 16; o; o >>= 1) square += __shfl_xor_sync(0xffffffffu, square, o);
  float rstd = rsqrtf(square / (4 * quads) + eps);
  for (int i = lane; i < quads; i += 32) {
    float4 v = in[i], g = gamma[i], b = beta[i];
    v.x = (v.x - mean) * rstd * g.x + b.x;
    v.y = (v.y - mean) * rstd * g.y + b.y;
    v.z = (v.z - mean) * rstd * g.z + b.z;
    v.w = (v.w - mean) * rstd * g.w + b.w;
    y[(size_t)row * quads + i] = v;
  }
}

// -log softmax of the label's logit; lanes past the end hold the neutral element.
extern "C" __global__ void cross_entropy(const float* logits, const int* labels, float* loss, int rows, int classes) {
  int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  float m = -CUDART_INF_F;
  for (int c = lane; c < classes; c += 32) m = fmaxf(m, logits[row * classes + c]);
  for (int o = 16; o; o >>= 1) m = fmaxf(m, __shfl_xor_sync(0xffffffffu, m, o));
  float sum = 0.f;
  for (int c = lane; c < classes; c += 32) sum += exp2f((logits[row * classes + c] - m) * CUDART_L2E_F);
  for (int o = 16; o; o >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, o);
  if (lane == 0) loss[row] = logf(sum) + m - logits[row * classes + labels[row]];
}
