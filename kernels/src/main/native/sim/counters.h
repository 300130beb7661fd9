// What a kernel did, exactly: per PTX instruction and in sum.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace sim {

struct LineCount {
  uint64_t warps = 0;          // times a warp issued it
  uint64_t lanes = 0;          // active lanes, summed
  uint64_t global_bytes = 0;   // bytes that the lanes asked for (each byte of a warp's request once)
  uint64_t sectors = 0;        // 32-byte sectors touched, per request
  uint64_t ideal_sectors = 0;  // global_bytes / 32, rounded up per request
  uint64_t wavefronts = 0;     // shared memory passes
  uint64_t ideal_wavefronts = 0;
  LineCount& operator+=(const LineCount& o);
};

struct KernelCount {
  std::string kernel;
  uint64_t launches = 0, blocks = 0, threads = 0;
  uint64_t barriers = 0, mma = 0, atomics = 0;
  uint64_t load_bytes = 0, store_bytes = 0;                // global, as asked for
  uint64_t unique_load_bytes = 0, unique_store_bytes = 0;  // distinct bytes of a launch, if asked for (else 0)
  std::vector<LineCount> lines;                            // by instruction index
  std::vector<std::string> text;                           // the PTX of each instruction
};

/** Sectors of one warp request: lanes in `mask` access `bytes` at address[lane]. */
void count_global(LineCount& line, const uint64_t address[32], uint32_t mask, int bytes);
/** Wavefronts of one shared request of 4, 8 or 16 bytes a lane (8: half warps, 16: quarter warps), 32 banks of 4 bytes.
 */
void count_shared(LineCount& line, const uint32_t address[32], uint32_t mask, int bytes);
/** One 8x8 matrix row fetch of ldmatrix: 8 rows of 16 bytes. */
void count_ldmatrix(LineCount& line, const uint32_t rows[8]);

/** A JSON text with every count of every kernel. */
std::string to_json(const std::vector<KernelCount>& kernels);

}  // namespace sim
