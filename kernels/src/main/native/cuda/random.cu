// random.cu: uniform numbers by Philox4x32-10, the same bits as random.cpp and sdae.tensor.Philox.
//
//   out[r, c] = (word c % 4 of philox(counter = {c / 4, ids[r], epoch, purpose}, key = {seed lo, seed hi}) >> 8) / 2^24
//
//   Shapes   out [R, C] f32; ids [R]; key [4] = {seed lo, seed hi, epoch, purpose}, in device memory
//   Tiles    a thread draws one block of four numbers and stores them in one access if C % 4 == 0
//   Traffic  writes 4RC bytes
//   FLOPs    none; 20 multiplications of 32 bits (high and low half) a block of four numbers
//   Regs     20 at most, sm_80 to sm_120; no spills, no stack
//   Source   Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3
#include "rows.cuh"

__device__ inline uint4 philox(uint4 c, unsigned k0, unsigned k1) {
  for (int round = 0; round < 10; round++) {
    unsigned high0 = __umulhi(0xD2511F53u, c.x), low0 = 0xD2511F53u * c.x;
    unsigned high1 = __umulhi(0xCD9E8D57u, c.z), low1 = 0xCD9E8D57u * c.z;
    c = make_uint4(high1 ^ c.y ^ k0, low1, high0 ^ c.w ^ k1, low0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

__device__ inline float fraction(unsigned bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

// Item of x: a block of four numbers; X = rows * ceil(cols / 4).
SK_KERNEL(sk_random_uniform, kFlatThreads, kFlatThreads, 1)
(float* out, const int* ids, const int* key, int rows, int cols) {
  i64 item = static_cast<i64>(blockIdx.x) * kFlatThreads + threadIdx.x;
  int blocks = (cols + 3) / 4;
  if (item >= static_cast<i64>(rows) * blocks) return;
  int row = static_cast<int>(item / blocks), block = static_cast<int>(item % blocks);
  uint4 bits = philox(make_uint4(block, ids[row], key[2], key[3]), key[0], key[1]);
  float v[4] = {fraction(bits.x), fraction(bits.y), fraction(bits.z), fraction(bits.w)};
  float* to = out + static_cast<i64>(row) * cols + 4 * block;
  if (cols % 4 == 0 && aligned(out, 16)) {
    store(to, v);
  } else {
    for (int j = 0; j < 4; j++)
      if (4 * block + j < cols) to[j] = v[j];
  }
}
