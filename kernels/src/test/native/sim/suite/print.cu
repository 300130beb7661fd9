// printf and assert on the device, dynamic allocation aside.
#include <cassert>
#include <cstdio>

extern "C" __global__ void say(const float* values, int n) {
  int i = threadIdx.x;
  if (i < n)
    printf("thread %d of block %u: %.3f %g %s|%5d|%-5d|%05x|%c|%lld|%%\n", i, blockIdx.x, values[i],
           (double)values[i] * 1e10, i % 2 ? "odd" : "even", i * 7, i, i * 255, 'a' + i, (long long)i << 40);
  if (i == 0 && blockIdx.x == 0) printf("plain\n");
}

extern "C" __global__ void check_positive(const int* values, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) assert(values[i] > 0 && "values must be positive");
}

extern "C" __global__ void stop(int at) {
  if (blockIdx.x * blockDim.x + threadIdx.x == at) asm("trap;");
}
