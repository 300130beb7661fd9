extern "C" {
__constant__ float factor;
__device__ float table[4] = {1, 2, 3, 4};
__device__ float* second = &table[1];
__device__ int counter;

__global__ void scale(float* y, const float* x, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i];
}
__global__ void add(float* y, const float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += x[i];
}
__global__ void index(int* y) { 
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = i;
}
__global__ void globals(float* y) { y[threadIdx.x] = factor * table[threadIdx.x] + *second; }
__global__ void count(int by) { counter += by; }
__global__ void reverse(int* y) {
  extern __shared__ int s[];
  s[threadIdx.x] = y[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}
__global__ void __launch_bounds__(64) bounded(int* y) { y[threadIdx.x] = 1; }
struct Mixed { char c; double d; };
__global__ void mixed(double* y, char a, short b, Mixed m) { y[0] = a + b + m.c + m.d; }
}
