// Atomic operations, loops of compare-and-swap, and patterns that need blocks to see each other's writes.

__device__ float atomicMaxFloat(float* address, float value) {
  int* as_int = (int*)address;
  int old = *as_int, assumed;
  do {
    assumed = old;
    if (__int_as_float(assumed) >= value) break;
    old = atomicCAS(as_int, assumed, __float_as_int(value));
  } while (assumed != old);
  return __int_as_float(old);
}

__device__ double atomicAddDouble(double* address, double val) {
  unsigned long long* as_ull = (unsigned long long*)address;
  unsigned long long old = *as_ull, assumed;
  do {
    assumed = old;
    old = atomicCAS(as_ull, assumed, __double_as_longlong(val + __longlong_as_double(assumed)));
  } while (assumed != old);
  return __longlong_as_double(old);
}

extern "C" __global__ void cas_loops(const float* in, int n, float* largest, double* sum) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  atomicMaxFloat(largest, in[i]);
  atomicAddDouble(sum, in[i]);
}

extern "C" __global__ void all_kinds(const int* in, int n, int* ints, unsigned int* uints, unsigned long long* wide,
                                     float* f, double* d) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int v = in[i];
  atomicAdd(&ints[0], v);
  atomicSub(&ints[1], v);
  atomicMin(&ints[2], v);
  atomicMax(&ints[3], v);
  atomicAnd(&ints[4], v | 0xff);
  atomicOr(&ints[5], v & 0x0ff0);
  atomicXor(&ints[6], v);
  atomicMin(&uints[0], (unsigned)v);
  atomicMax(&uints[1], (unsigned)v);
  atomicInc(&uints[2], 100);
  atomicDec(&uints[3], 77);
  atomicAdd(&wide[0], (unsigned long long)v);
  atomicMax(&wide[1], (unsigned long long)(unsigned)v << 20);
  atomicMin((long long*)&wide[2], (long long)v * 3);
  atomicAdd(f, 1.0f);
  atomicAdd(d, 0.5);
}

// Each thread takes a slot and leaves its number there: the set of numbers must be complete.
extern "C" __global__ void take_slots(int* slots, int* next, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int slot = atomicAdd(next, 1);
  slots[slot] = i;
}

// Hash table with open addressing.
extern "C" __global__ void hash_insert(const unsigned int* keys, int n, unsigned int* table, int capacity) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned int key = keys[i], at = key * 2654435761u % capacity;
  while (true) {
    unsigned int before = atomicCAS(&table[at], 0xffffffffu, key);
    if (before == 0xffffffffu || before == key) return;
    at = (at + 1) % capacity;
  }
}

__device__ unsigned int blocks_done;

// The last block to finish adds up the partial sums of all (threadFenceReduction).
extern "C" __global__ void last_block_sum(const float* in, int n, volatile float* partial, float* total) {
  __shared__ float s[64];
  __shared__ bool last;
  float sum = 0.f;
  for (int i = blockIdx.x * 64 + threadIdx.x; i < n; i += gridDim.x * 64) sum += in[i];
  s[threadIdx.x] = sum;
  __syncthreads();
  for (int d = 32; d; d >>= 1) {
    if (threadIdx.x < d) s[threadIdx.x] += s[threadIdx.x + d];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = s[0];
    __threadfence();
    last = atomicInc(&blocks_done, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float all = 0.f;
    for (int b = 0; b < gridDim.x; b++) all += partial[b];
    *total = all;
  }
}

__device__ int lock_word;

// A spin lock that lanes of one warp contend for; the critical section is inside the loop that takes it.
extern "C" __global__ void spin_lock(int* counter, int rounds) {
  for (int r = 0; r < rounds; r++) {
    bool done = false;
    while (!done) {
      if (atomicCAS(&lock_word, 0, 1) == 0) {
        int v = *(volatile int*)counter;
        *(volatile int*)counter = v + 1;
        __threadfence();
        atomicExch(&lock_word, 0);
        done = true;
      }
    }
  }
}
