// Sorting networks, a radix pass, a merge, and a sort by counting.

extern "C" __global__ void bitonic_step(unsigned int* values, int j, int k) {
  unsigned int i = threadIdx.x + blockDim.x * blockIdx.x, ixj = i ^ j;
  if (ixj > i) {
    unsigned int a = values[i], b = values[ixj];
    bool up = (i & k) == 0;
    if (up ? a > b : a < b) {
      values[i] = b;
      values[ixj] = a;
    }
  }
}

// 512 key and value pairs in shared memory.
extern "C" __global__ void bitonic_shared(float* keys, int* values, int n) {
  __shared__ float k[512];
  __shared__ int v[512];
  for (int i = threadIdx.x; i < 512; i += blockDim.x) {
    k[i] = i < n ? keys[i] : __int_as_float(0x7f800000);
    v[i] = i < n ? values[i] : -1;
  }
  for (int size = 2; size <= 512; size *= 2)
    for (int stride = size / 2; stride > 0; stride /= 2) {
      __syncthreads();
      int pos = 2 * threadIdx.x - (threadIdx.x & (stride - 1));
      bool ascending = (threadIdx.x & (size / 2)) == 0;
      if ((k[pos] > k[pos + stride]) == ascending) {
        float tk = k[pos];
        k[pos] = k[pos + stride];
        k[pos + stride] = tk;
        int tv = v[pos];
        v[pos] = v[pos + stride];
        v[pos + stride] = tv;
      }
    }
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    keys[i] = k[i];
    values[i] = v[i];
  }
}

// A stable pass over four bits, one block: counts by warp and digit, a scan, then the scatter.
extern "C" __global__ void radix_pass(const unsigned int* in, unsigned int* out, int n, int shift) {
  __shared__ int counts[16][8];  // [digit][warp], 8 warps
  __shared__ int base[16];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  if (threadIdx.x < 16) base[threadIdx.x] = 0;
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) atomicAdd(&base[in[i] >> shift & 15], 1);
  __syncthreads();
  if (threadIdx.x == 0) {
    int sum = 0;
    for (int d = 0; d < 16; d++) {
      int c = base[d];
      base[d] = sum;
      sum += c;
    }
  }
  __syncthreads();
  for (int start = 0; start < n; start += blockDim.x) {
    int i = start + threadIdx.x;
    bool valid = i < n;
    unsigned int value = valid ? in[i] : 0;
    int digit = valid ? int(value >> shift & 15) : 16;
    unsigned int peers = __match_any_sync(0xffffffffu, digit);
    int rank = __popc(peers & ((1u << lane) - 1));
    if (lane < 16) counts[lane][warp] = 0;
    __syncwarp();
    if (valid && rank == 0) counts[digit][warp] = __popc(peers);
    __syncthreads();
    int before = 0;
    if (valid)
      for (int w = 0; w < warp; w++) before += counts[digit][w];
    if (valid) out[base[digit] + before + rank] = value;
    __syncthreads();
    if (threadIdx.x < 16)
      for (int w = 0; w < 8; w++) base[threadIdx.x] += counts[threadIdx.x][w];
    __syncthreads();
  }
}

__device__ int merge_path(const int* a, int na, const int* b, int nb, int diagonal) {
  int low = max(0, diagonal - nb), high = min(diagonal, na);
  while (low < high) {
    int mid = (low + high) >> 1;
    if (a[mid] <= b[diagonal - 1 - mid]) low = mid + 1;
    else high = mid;
  }
  return low;
}

// Merges two sorted arrays; every thread finds its share by bisection.
extern "C" __global__ void merge_sorted(const int* a, int na, const int* b, int nb, int* out, int per_thread) {
  int start = (blockIdx.x * blockDim.x + threadIdx.x) * per_thread;
  if (start >= na + nb) return;
  int end = min(start + per_thread, na + nb);
  int i = merge_path(a, na, b, nb, start), j = start - i;
  for (int k = start; k < end; k++) out[k] = j >= nb || (i < na && a[i] <= b[j]) ? a[i++] : b[j++];
}
