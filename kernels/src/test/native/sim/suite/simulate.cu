// Loops whose length depends on the data, random numbers, many-body sums.

extern "C" __global__ void nbody_forces(const float4* bodies, float4* forces, int n, float softening) {
  extern __shared__ float4 shared_bodies[];
  int i = blockDim.x * blockIdx.x + threadIdx.x;
  float4 me = i < n ? bodies[i] : make_float4(0.f, 0.f, 0.f, 0.f);
  float fx = 0.f, fy = 0.f, fz = 0.f;
  for (int tile = 0; tile < n; tile += blockDim.x) {
    int j = tile + threadIdx.x;
    shared_bodies[threadIdx.x] = j < n ? bodies[j] : make_float4(0.f, 0.f, 0.f, 0.f);
    __syncthreads();
    for (int k = 0; k < blockDim.x; k++) {
      float4 other = shared_bodies[k];
      float dx = other.x - me.x, dy = other.y - me.y, dz = other.z - me.z;
      float inv = rsqrtf(dx * dx + dy * dy + dz * dz + softening);
      float s = other.w * inv * inv * inv;
      fx += dx * s;
      fy += dy * s;
      fz += dz * s;
    }
    __syncthreads();
  }
  if (i < n) forces[i] = make_float4(fx, fy, fz, me.w);
}

extern "C" __global__ void mandelbrot(int* out, int width, int height, double x0, double y0, double scale, int limit) {
  int px = blockIdx.x * blockDim.x + threadIdx.x, py = blockIdx.y * blockDim.y + threadIdx.y;
  if (px >= width || py >= height) return;
  double cx = x0 + px * scale, cy = y0 + py * scale, x = 0, y = 0;
  int i = 0;
  while (i < limit) {
    double xx = __dmul_rn(x, x), yy = __dmul_rn(y, y);
    if (__dadd_rn(xx, yy) > 4.0) break;
    y = __dadd_rn(__dmul_rn(__dmul_rn(2.0, x), y), cy);
    x = __dadd_rn(__dsub_rn(xx, yy), cx);
    i++;
  }
  out[py * width + px] = i;
}

// Each thread throws `throws` darts with its own xorshift64* and LCG streams.
extern "C" __global__ void monte_carlo_pi(unsigned long long seed, int throws, unsigned long long* hits) {
  unsigned int id = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned long long s = seed + 0x9E3779B97F4A7C15ull * (id + 1);
  unsigned int lcg = id * 1664525u + 1013904223u;
  unsigned int inside = 0;
  for (int t = 0; t < throws; t++) {
    s ^= s >> 12;
    s ^= s << 25;
    s ^= s >> 27;
    unsigned int high = (unsigned int)((s * 2685821657736338717ull) >> 32);
    lcg = lcg * 1664525u + 1013904223u;
    float x = (high >> 8) * (1.f / 16777216.f), y = (lcg >> 8) * (1.f / 16777216.f);
    inside += __fadd_rn(__fmul_rn(x, x), __fmul_rn(y, y)) < 1.f;
  }
  for (int d = 16; d; d >>= 1) inside += __shfl_xor_sync(0xffffffffu, inside, d);
  if (threadIdx.x % 32 == 0) atomicAdd(hits, (unsigned long long)inside);
}

// Collatz: lanes leave the loop at very different times.
extern "C" __global__ void collatz(const unsigned long long* start, int* steps, unsigned long long* peak, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned long long v = start[i], top = v;
  int count = 0;
  do {
    if (v == 1) break;
    v = v & 1 ? 3 * v + 1 : v / 2;
    if (v > top) top = v;
    ++count;
    if (count == 1000) goto out;
  } while (true);
out:
  steps[i] = count;
  peak[i] = top;
}

// Conway's Life on a torus, a bit a cell, 32 cells a word.
extern "C" __global__ void life(const unsigned int* in, unsigned int* out, int words, int rows) {
  int w = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y;
  if (w >= words) return;
  unsigned int result = 0;
  for (int bit = 0; bit < 32; bit++) {
    int alive = 0;
    for (int dy = -1; dy <= 1; dy++)
      for (int dx = -1; dx <= 1; dx++) {
        int x = (w * 32 + bit + dx + words * 32) % (words * 32), yy = (y + dy + rows) % rows;
        if (dx || dy) alive += in[yy * words + x / 32] >> (x & 31) & 1;
      }
    unsigned int self = in[y * words + w] >> bit & 1;
    if (alive == 3 || (alive == 2 && self)) result |= 1u << bit;
  }
  out[y * words + w] = result;
}
