// Kernels on top of the toolkit's own device libraries: CUB and libcu++.
#include <cub/cub.cuh>
#include <cuda/atomic>

extern "C" __global__ void block_sort(unsigned int* keys, int* values) {
  using Sort = cub::BlockRadixSort<unsigned int, 64, 4, int>;
  __shared__ typename Sort::TempStorage storage;
  unsigned int k[4];
  int v[4];
  for (int i = 0; i < 4; i++) {
    k[i] = keys[threadIdx.x * 4 + i];
    v[i] = values[threadIdx.x * 4 + i];
  }
  Sort(storage).Sort(k, v);
  for (int i = 0; i < 4; i++) {
    keys[threadIdx.x * 4 + i] = k[i];
    values[threadIdx.x * 4 + i] = v[i];
  }
}

extern "C" __global__ void block_scan(const int* in, int* out, int* total) {
  using Scan = cub::BlockScan<int, 96, cub::BLOCK_SCAN_RAKING>;
  using Reduce = cub::BlockReduce<int, 96>;
  __shared__ union {
    typename Scan::TempStorage scan;
    typename Reduce::TempStorage reduce;
  } storage;
  int v = in[threadIdx.x], before;
  Scan(storage.scan).ExclusiveSum(v, before);
  out[threadIdx.x] = before;
  __syncthreads();
  int sum = Reduce(storage.reduce).Sum(v);
  if (threadIdx.x == 0) *total = sum;
}

extern "C" __global__ void block_transpose(const float* in, float* out, int n) {
  using Load = cub::BlockLoad<float, 32, 5, cub::BLOCK_LOAD_WARP_TRANSPOSE>;
  using Store = cub::BlockStore<float, 32, 5, cub::BLOCK_STORE_WARP_TRANSPOSE>;
  __shared__ union {
    typename Load::TempStorage load;
    typename Store::TempStorage store;
  } storage;
  float v[5];
  Load(storage.load).Load(in, v, n, 0.f);
  for (int i = 0; i < 5; i++) v[i] = v[i] * 10.f + i;
  __syncwarp();
  Store(storage.store).Store(out, v, n);
}

extern "C" __global__ void atomic_ref(int* data, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  cuda::atomic_ref<int, cuda::thread_scope_device> a(data[0]);
  a.fetch_add(i, cuda::memory_order_relaxed);
  cuda::atomic_ref<int, cuda::thread_scope_device> b(data[1]);
  b.fetch_max(i * 7 % 101, cuda::memory_order_acq_rel);
  int old = data[2] * 0;
  cuda::atomic_ref<int, cuda::thread_scope_device> c(data[2]);
  old = c.load(cuda::memory_order_acquire);
  while (!c.compare_exchange_weak(old, old + 2)) {
  }
}
