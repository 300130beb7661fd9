// Calls, recursion, tables of functions, local arrays, switches, wide integers and bit tricks.

__device__ __noinline__ float horner(const float* coefficients, int count, float x) {
  float y = 0.f;
  for (int i = count - 1; i >= 0; i--) y = y * x + coefficients[i];
  return y;
}

extern "C" __global__ void polynomial(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float c[6];
  for (int k = 0; k < 6; k++) c[k] = 1.f / (k + 1 + i % 3);
  y[i] = horner(c, 3 + i % 4, x[i]);
}

__device__ __noinline__ unsigned int ackermann(unsigned int m, unsigned int n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

__device__ __noinline__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

// Every lane recurses to its own depth.
extern "C" __global__ void recursion(int* fib, unsigned int* ack) {
  int i = threadIdx.x;
  fib[i] = fibonacci(i % 12);
  ack[i] = ackermann(i % 3, i / 8);
}

struct Big {
  int values[6];
  double weight;
};

__device__ __noinline__ Big reversed(Big b, int turn) {
  Big r;
  for (int k = 0; k < 6; k++) r.values[k] = b.values[(5 - k + turn) % 6];
  r.weight = b.weight * turn;
  return r;
}

extern "C" __global__ void structures(const Big* in, Big* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = reversed(in[i], i % 5);
}

__device__ float add_op(float a, float b) { return a + b; }
__device__ float sub_op(float a, float b) { return a - b; }
__device__ float mul_op(float a, float b) { return a * b; }
__device__ float max_op(float a, float b) { return a > b ? a : b; }
typedef float (*Operation)(float, float);
__device__ Operation operations[4] = {add_op, sub_op, mul_op, max_op};

extern "C" __global__ void function_pointers(const float* a, const float* b, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = operations[(i / 3) % 4](a[i], b[i]);
}

class Shape {
 public:
  __device__ virtual float area() const = 0;
  __device__ virtual ~Shape() {}
};
class Square : public Shape {
 public:
  __device__ explicit Square(float s) : side(s) {}
  __device__ float area() const override { return side * side; }
  float side;
};
class Disk : public Shape {
 public:
  __device__ explicit Disk(float r) : radius(r) {}
  __device__ float area() const override { return 3.f * radius * radius; }
  float radius;
};

extern "C" __global__ void virtual_calls(const float* sizes, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Square square(sizes[i]);
  Disk disk(sizes[i]);
  const Shape* shapes[2] = {&square, &disk};
  out[i] = shapes[i & 1]->area();
}

// A stack machine: switch in a loop (brx.idx), a local array with computed indices.
extern "C" __global__ void stack_machine(const unsigned char* programs, int length, long long* results, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const unsigned char* code = programs + i * length;
  long long stack[16];
  int top = 0;
  stack[0] = i;
  for (int pc = 0; pc < length; pc++) {
    unsigned char op = code[pc];
    switch (op & 15) {
      case 0: if (top < 15) stack[++top] = op >> 4; break;
      case 1: if (top > 0) { stack[top - 1] += stack[top]; top--; } break;
      case 2: if (top > 0) { stack[top - 1] -= stack[top]; top--; } break;
      case 3: if (top > 0) { stack[top - 1] *= stack[top]; top--; } break;
      case 4: stack[top] = -stack[top]; break;
      case 5: if (top < 15) { stack[top + 1] = stack[top]; top++; } break;
      case 6: if (top > 0) { long long t = stack[top]; stack[top] = stack[top - 1]; stack[top - 1] = t; } break;
      case 7: stack[top] = ~stack[top]; break;
      case 8: stack[top] <<= (op >> 4) & 3; break;
      case 9: stack[top] >>= 1; break;
      case 10: if (stack[top] & 1) pc++; break;
      case 11: if (top > 0) top--; break;
      case 12: stack[top] ^= 0x5555; break;
      default: stack[top] += op;
    }
  }
  long long sum = 0;
  for (int k = 0; k <= top; k++) sum = sum * 31 + stack[k];
  results[i] = sum;
}

// A jump table, which nvcc seldom chooses itself.
extern "C" __global__ void jump_table(const unsigned int* in, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int result;
  asm volatile(
      "{\n"
      "  .reg .u32 r;\n"
      "  table: .branchtargets first, second, third, first;\n"
      "  mov.u32 r, 100;\n"
      "  brx.idx %1, table;\n"
      "  second: add.u32 r, r, 5;\n"
      "  first: add.u32 r, r, 1;\n"
      "  bra.uni done;\n"
      "  third: mul.lo.u32 r, r, 3;\n"
      "  done: mov.u32 %0, r;\n"
      "}"
      : "=r"(result)
      : "r"(in[i]));
  out[i] = result;
}

// 64-bit arithmetic: every result of the pair, eight of them.
extern "C" __global__ void long_arithmetic(const long long* a, const long long* b, long long* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  long long x = a[i], y = b[i], *o = out + 10 * i;
  unsigned long long ux = x, uy = y;
  o[0] = x / y;
  o[1] = x % y;
  o[2] = (long long)(ux / uy);
  o[3] = (long long)(ux % uy);
  o[4] = __mul64hi(x, y);
  o[5] = (long long)__umul64hi(ux, uy);
  o[6] = x * y;
  o[7] = (x << (y & 63)) ^ (x >> (y & 31)) ^ (long long)(ux >> (uy & 63));
  o[8] = (long long)(int)x / (int)(y | 1) + (long long)((unsigned)x % (unsigned)(y | 1));
  o[9] = x < y ? -(x > 0) : (ux < uy) + 2 * (x == y);
}

extern "C" __global__ void bits(const unsigned int* a, const unsigned int* b, unsigned int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned int x = a[i], y = b[i], *o = out + 20 * i;
  unsigned long long wide = (unsigned long long)x << 32 | y;
  o[0] = __clz(x), o[1] = __popc(x), o[2] = __brev(x), o[3] = __ffs(x);
  o[4] = __clzll(wide), o[5] = __popcll(wide), o[6] = (unsigned int)(__brevll(wide) >> 7), o[7] = __ffsll(wide);
  o[8] = __funnelshift_l(x, y, y), o[9] = __funnelshift_r(x, y, x), o[10] = __funnelshift_lc(x, y, y & 63);
  o[11] = __byte_perm(x, y, x ^ y), o[12] = __umulhi(x, y), o[13] = __mulhi((int)x, (int)y);
  o[14] = __sad((int)x, (int)y, 5), o[15] = __usad(x, y, 5), o[16] = __uhadd(x, y), o[17] = __urhadd(x, y);
  o[18] = __mul24((int)x, (int)y), o[19] = x / (y | 1) + x % (y | 1) * 3;
}

// Instructions that intrinsics and inline assembly reach.
extern "C" __global__ void rare_instructions(const unsigned int* a, const unsigned int* b, unsigned int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned int x = a[i], y = b[i], *o = out + 8 * i;
  o[0] = __vabsdiffu4(x, y);
  o[1] = __vsadu4(x, y);
  o[2] = __vsadu2(x, y);
  o[3] = __fns(x, y & 31, (int)(y >> 8 & 15) - 7);
  asm("slct.u32.s32 %0, %1, %2, %3;" : "=r"(o[4]) : "r"(x), "r"(y), "r"(x ^ y));
  asm("slct.u32.f32 %0, %1, 77, %2;" : "=r"(o[5]) : "r"(x), "f"(__int_as_float(x)));
  __nanosleep(20);
  asm("bfi.b32 %0, %1, %2, 4, 9;" : "=r"(o[6]) : "r"(x), "r"(y));
  asm("szext.wrap.s32 %0, %1, 7;" : "=r"(o[7]) : "r"(x));
}

// Loops in loops with break, continue and early return, all dependent on the lane.
extern "C" __global__ void ragged_loops(const int* limits, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int total = 0;
  for (int a = 0; a < limits[i]; a++) {
    if (a % 7 == 5) continue;
    for (int b = a; b < 50; b += 1 + (i & 3)) {
      if (b == limits[i]) break;
      if (total > 5000) {
        out[i] = -total;
        return;
      }
      total += b ^ a;
      int c = b;
      while (c > 10) c -= 3 + (i % 2);
      total += c;
    }
  }
  out[i] = total;
}
