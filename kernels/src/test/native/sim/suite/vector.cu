// Elementwise kernels: one thread an element, grid-stride loops, templates, vector types, structures by value.

extern "C" __global__ void vector_add(const float* a, const float* b, float* c, int n) {
  int i = blockDim.x * blockIdx.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}

extern "C" __global__ void saxpy(int n, float a, const float* __restrict__ x, float* __restrict__ y) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) y[i] = a * x[i] + y[i];
}

template <typename T>
__device__ void scale_by(T* data, T factor, size_t n) {
  size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) data[i] *= factor;
}
extern "C" __global__ void scale_float(float* d, float f, size_t n) { scale_by(d, f, n); }
extern "C" __global__ void scale_double(double* d, double f, size_t n) { scale_by(d, f, n); }
extern "C" __global__ void scale_long(long long* d, long long f, size_t n) { scale_by(d, f, n); }
extern "C" __global__ void scale_byte(unsigned char* d, unsigned char f, size_t n) { scale_by(d, f, n); }
extern "C" __global__ void scale_short(short* d, short f, size_t n) { scale_by(d, f, n); }

// y = clamp(a x + b), four at a time, with a tail.
extern "C" __global__ void affine_clamp4(const float* x, float* y, int n, float a, float b) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int quads = n / 4;
  if (i < quads) {
    float4 v = reinterpret_cast<const float4*>(x)[i];
    v.x = fminf(fmaxf(a * v.x + b, 0.f), 1.f);
    v.y = fminf(fmaxf(a * v.y + b, 0.f), 1.f);
    v.z = fminf(fmaxf(a * v.z + b, 0.f), 1.f);
    v.w = fminf(fmaxf(a * v.w + b, 0.f), 1.f);
    reinterpret_cast<float4*>(y)[i] = v;
  } else if (i == quads) {
    for (int k = quads * 4; k < n; k++) y[k] = __saturatef(a * x[k] + b);
  }
}

struct Particle {
  float3 position;
  float mass;
  double energy;
  char kind;
  short charge;
};

struct Step {
  Particle* particles;
  const float* force;
  int count;
  float dt;
  double scale[3];
  unsigned char flags[5];
};

// A structure of 56 bytes by value, with pointers and arrays in it.
extern "C" __global__ void push_particles(Step step, char only_kind) {
  int i = threadIdx.x + blockIdx.x * blockDim.x;
  if (i >= step.count) return;
  Particle p = step.particles[i];
  if (p.kind != only_kind) return;
  p.position.x += step.dt * step.force[3 * i] / p.mass;
  p.position.y += step.dt * step.force[3 * i + 1] / p.mass;
  p.position.z += step.dt * step.force[3 * i + 2] / p.mass;
  p.energy += step.scale[i % 3] * p.charge;
  p.charge = p.charge + step.flags[i % 5];
  step.particles[i] = p;
}

// Three-dimensional grid and block; every element gets its own coordinates.
extern "C" __global__ void coordinates(int4* out, int width, int height, int depth) {
  int x = blockIdx.x * blockDim.x + threadIdx.x;
  int y = blockIdx.y * blockDim.y + threadIdx.y;
  int z = blockIdx.z * blockDim.z + threadIdx.z;
  if (x < width && y < height && z < depth)
    out[(z * height + y) * width + x] =
        make_int4(x, y, z, (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x);
}

// Interleaved complex numbers in a loop of fixed length that the compiler unrolls.
extern "C" __global__ void complex_power(float2* z, int n, int power) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float2 base = z[i], result = make_float2(1.f, 0.f);
#pragma unroll 4
  for (int k = 0; k < power; k++)
    result = make_float2(result.x * base.x - result.y * base.y, result.x * base.y + result.y * base.x);
  z[i] = result;
}
