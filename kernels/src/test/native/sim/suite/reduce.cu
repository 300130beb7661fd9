// Sums, scans and histograms: by shared memory, shuffles, cooperative groups, votes and atomics.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
namespace cg = cooperative_groups;

extern "C" __global__ void reduce_shared(const int* g_idata, int* g_odata, unsigned int n) {
  extern __shared__ int sdata[];
  unsigned int tid = threadIdx.x, i = blockIdx.x * (blockDim.x * 2) + threadIdx.x;
  int sum = (i < n) ? g_idata[i] : 0;
  if (i + blockDim.x < n) sum += g_idata[i + blockDim.x];
  sdata[tid] = sum;
  __syncthreads();
  for (unsigned int s = blockDim.x / 2; s > 0; s >>= 1) {
    if (tid < s) sdata[tid] = sum = sum + sdata[tid + s];
    __syncthreads();
  }
  if (tid == 0) g_odata[blockIdx.x] = sum;
}

// The unrolled last warp, with warp barriers between its steps.
extern "C" __global__ void reduce_unrolled(const float* in, float* out, unsigned int n) {
  __shared__ float s[128];
  unsigned int tid = threadIdx.x;
  float sum = 0;
  for (unsigned int i = blockIdx.x * 128 + tid; i < n; i += gridDim.x * 128) sum += in[i];
  s[tid] = sum;
  __syncthreads();
  if (tid < 64) s[tid] = sum = sum + s[tid + 64];
  __syncthreads();
  if (tid < 32) {
    s[tid] = sum = sum + s[tid + 32];
    __syncwarp();
#pragma unroll
    for (int d = 16; d > 0; d >>= 1) {
      float other = s[tid + d];
      __syncwarp();
      if (tid < d) s[tid] = sum = sum + other;
      __syncwarp();
    }
    if (tid == 0) out[blockIdx.x] = s[0];
  }
}

__inline__ __device__ float warpReduceSum(float val) {
  for (int mask = warpSize / 2; mask > 0; mask /= 2) val += __shfl_xor_sync(0xffffffff, val, mask);
  return val;
}

// Sum, and the largest with its index, of the whole array: one block, two levels of shuffles.
extern "C" __global__ void reduce_shuffle(const float* in, int n, float* sum_out, float* max_out, int* argmax_out) {
  __shared__ float sums[32];
  __shared__ unsigned long long best[32];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = (blockDim.x + 31) / 32;
  float sum = 0;
  unsigned long long top = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    float v = in[i];
    sum += v;
    unsigned int key = __float_as_uint(v);
    key = key & 0x80000000u ? ~key : key | 0x80000000u;
    unsigned long long candidate = (unsigned long long)key << 32 | (0xffffffffu - i);
    top = candidate > top ? candidate : top;
  }
  sum = warpReduceSum(sum);
  for (int d = 16; d; d /= 2) {
    unsigned long long other = __shfl_down_sync(0xffffffffu, top, d);
    if (other > top) top = other;
  }
  if (lane == 0) sums[warp] = sum, best[warp] = top;
  __syncthreads();
  if (warp == 0) {
    sum = lane < warps ? sums[lane] : 0.f;
    top = lane < warps ? best[lane] : 0ull;
    sum = warpReduceSum(sum);
    for (int d = 16; d; d /= 2) top = max(top, __shfl_down_sync(0xffffffffu, top, d));
    if (lane == 0) {
      *sum_out = sum;
      int index = int(0xffffffffu - (unsigned int)top);
      *argmax_out = index;
      *max_out = in[index];
    }
  }
}

// Tiles of 8 by cooperative groups; the block's leader adds to the total.
extern "C" __global__ void reduce_tiles(const int* in, int* tile_sums, int* total, int n) {
  cg::thread_block block = cg::this_thread_block();
  cg::thread_block_tile<8> tile = cg::tiled_partition<8>(block);
  __shared__ int block_sum;
  if (block.thread_rank() == 0) block_sum = 0;
  block.sync();
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int sum = i < n ? in[i] : 0;
  for (int offset = tile.size() / 2; offset > 0; offset /= 2) sum += tile.shfl_down(sum, offset);
  if (tile.thread_rank() == 0) {
    tile_sums[i / 8] = sum;
    atomicAdd(&block_sum, sum);
  }
  block.sync();
  if (block.thread_rank() == 0) atomicAdd(total, block_sum);
}

// cg::reduce and coalesced groups: how many odd numbers, and their sum.
extern "C" __global__ void reduce_coalesced(const int* in, int n, int* odd_count, int* odd_sum, int* max_of_warp) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  int v = i < n ? in[i] : -2147483647 - 1;
  int top = cg::reduce(warp, v, cg::greater<int>());
  if (warp.thread_rank() == 0) max_of_warp[i / 32] = top;
  if (i < n && (v & 1)) {
    cg::coalesced_group odd = cg::coalesced_threads();
    if (odd.thread_rank() == 0) atomicAdd(odd_count, (int)odd.size());
    atomicAdd(odd_sum, v);
  }
}

// 64 bins in shared memory, then one atomic a bin and block.
extern "C" __global__ void histogram_shared(const unsigned char* data, size_t n, unsigned int* bins) {
  __shared__ unsigned int local[64];
  for (int b = threadIdx.x; b < 64; b += blockDim.x) local[b] = 0;
  __syncthreads();
  for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x)
    atomicAdd(&local[data[i] >> 2], 1u);
  __syncthreads();
  for (int b = threadIdx.x; b < 64; b += blockDim.x) atomicAdd(&bins[b], local[b]);
}

// Eight bins by votes: lane b counts bin b from the ballots of the three key bits.
extern "C" __global__ void histogram_vote(const int* keys, int n, int* bins) {
  int lane = threadIdx.x % 32, count = 0;
  for (int base = (blockIdx.x * blockDim.x + threadIdx.x) & ~31; base < n; base += gridDim.x * blockDim.x) {
    int i = base + lane;
    unsigned int in_range = __ballot_sync(0xffffffffu, i < n);
    int key = i < n ? keys[i] & 7 : 0;
    unsigned int match = in_range;
    for (int bit = 0; bit < 3; bit++) {
      unsigned int ballot = __ballot_sync(0xffffffffu, key >> bit & 1);
      match &= (lane >> bit & 1) ? ballot : ~ballot;
    }
    if (lane < 8) count += __popc(match);
  }
  if (lane < 8) atomicAdd(&bins[lane], count);
}

// Warp-aggregated atomics by match: one leader a key adds for all lanes with it.
extern "C" __global__ void histogram_match(const int* keys, int n, int* bins) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned int active = __ballot_sync(0xffffffffu, i < n);
  if (i >= n) return;
  unsigned int peers = __match_any_sync(active, keys[i]);
  int leader = __ffs(peers) - 1;
  if ((threadIdx.x & 31) == leader) atomicAdd(&bins[keys[i]], __popc(peers));
}

// Exclusive scan of 2 * blockDim.x numbers (Blelloch 1990).
extern "C" __global__ void scan_blelloch(const int* in, int* out, int n) {
  extern __shared__ int temp[];
  int thid = threadIdx.x, size = 2 * blockDim.x, offset = 1;
  temp[2 * thid] = 2 * thid < n ? in[2 * thid] : 0;
  temp[2 * thid + 1] = 2 * thid + 1 < n ? in[2 * thid + 1] : 0;
  for (int d = size >> 1; d > 0; d >>= 1) {
    __syncthreads();
    if (thid < d) {
      int ai = offset * (2 * thid + 1) - 1, bi = offset * (2 * thid + 2) - 1;
      temp[bi] += temp[ai];
    }
    offset *= 2;
  }
  if (thid == 0) temp[size - 1] = 0;
  for (int d = 1; d < size; d *= 2) {
    offset >>= 1;
    __syncthreads();
    if (thid < d) {
      int ai = offset * (2 * thid + 1) - 1, bi = offset * (2 * thid + 2) - 1;
      int t = temp[ai];
      temp[ai] = temp[bi];
      temp[bi] += t;
    }
  }
  __syncthreads();
  if (2 * thid < n) out[2 * thid] = temp[2 * thid];
  if (2 * thid + 1 < n) out[2 * thid + 1] = temp[2 * thid + 1];
}

// Inclusive scan of a block by shuffles; block sums for a second pass.
extern "C" __global__ void scan_shuffle(const long long* in, long long* out, long long* block_sums, int n) {
  __shared__ long long warp_sums[32];
  int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  long long v = i < n ? in[i] : 0;
  for (int d = 1; d < 32; d *= 2) {
    long long before = __shfl_up_sync(0xffffffffu, v, d);
    if (lane >= d) v += before;
  }
  if (lane == 31) warp_sums[warp] = v;
  __syncthreads();
  if (warp == 0) {
    long long w = lane < blockDim.x / 32 ? warp_sums[lane] : 0;
    for (int d = 1; d < 32; d *= 2) {
      long long before = __shfl_up_sync(0xffffffffu, w, d);
      if (lane >= d) w += before;
    }
    warp_sums[lane] = w;
  }
  __syncthreads();
  if (warp > 0) v += warp_sums[warp - 1];
  if (i < n) out[i] = v;
  if (block_sums && threadIdx.x == blockDim.x - 1) block_sums[blockIdx.x] = v;
}

// redux.sync and the vote family.
extern "C" __global__ void warp_votes(const int* in, int* out) {
  int lane = threadIdx.x, v = in[lane];
  int* o = out + lane * 12;
  o[0] = __reduce_add_sync(0xffffffffu, v);
  o[1] = __reduce_min_sync(0xffffffffu, v);
  o[2] = __reduce_max_sync(0xffffffffu, v);
  o[3] = __reduce_and_sync(0xffffffffu, (unsigned)v);
  o[4] = __reduce_or_sync(0xffffffffu, (unsigned)v);
  o[5] = __reduce_xor_sync(0xffffffffu, (unsigned)v);
  o[6] = __all_sync(0xffffffffu, v > -1000) * 2 + __any_sync(0xffffffffu, v == 77);
  o[7] = (int)__ballot_sync(0xffffffffu, v % 3 == 0);
  int same = 0;
  o[8] = (int)__match_all_sync(0xffffffffu, v < 1000, &same);
  o[9] = same;
  o[10] = __shfl_sync(0xffffffffu, v, (lane * 7 + 3) & 31);
  o[11] = __shfl_sync(0xffffffffu, v, 5, 8);  // lane 5 of each group of 8
  if (lane < 11) o[0] += __reduce_add_sync(0x7ffu, 1000);
}
