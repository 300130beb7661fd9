// A block at work: its warps, shared and local memory, barriers; what the operations ask of their surroundings.
#pragma once
#include "race.h"
#include "warp.h"
#include <atomic>

namespace sim {

struct Barrier {
  uint32_t arrived = 0;    // threads of bar.arrive
  uint32_t expected = 0;   // that they announced
  Races::Clocks clocks{};  // of those
};

/** What one launch shares between its OS threads. */
struct Run {
  const DecodedProgram* program;
  const Image* image;
  const Kernel* kernel;
  const Launch* launch;
  Memory* memory;
  const Options* options;
  uint64_t grid_id = 0;
};

class Touched;

struct Block {
  Block(const Run& run);

  /** All warps of block `linear` to the end. */
  void execute(uint64_t linear);

  const Run& run;
  const Image& image;
  uint32_t x = 0, y = 0, z = 0;
  uint32_t threads = 0;
  uint32_t shared_bytes = 0;
  std::vector<uint8_t> shared, shared_known;
  std::unique_ptr<Races> races;  // nullptr: not looked for
  uint32_t request_serial = 0;   // of shared memory
  uint32_t local_stride = 0;     // bytes of a lane
  std::vector<uint8_t> local, local_known;
  uint32_t parameter_stride = 0;
  std::vector<uint8_t> parameters;  // of device functions: warp, lane, bytes
  std::deque<Warp> warps;
  std::array<Barrier, 16> barriers{};

  // Counters, by instruction of the image.
  std::vector<int64_t> issued, lanes;  // differences: a stretch adds at its begin and subtracts behind its end
  std::vector<int64_t> guarded_off;    // lanes that a guard kept out
  std::vector<LineCount> lines;
  std::vector<const Allocation*> last_allocation;
  Touched* touched = nullptr;  // bytes of global memory, if anybody asks
  uint64_t barrier_count = 0, mma_count = 0, atomic_count = 0, load_bytes = 0, store_bytes = 0;

  /** Throws Fault with everything known about where. */
  [[noreturn]] void fault(FaultKind kind, const Warp& w, const Instruction& i, int lane, const std::string& what) const;
  std::string thread_name(uint32_t thread) const;
  std::string place(const Warp& w, int lane) const;

 private:
  void start_warps();
  bool release_barriers();
  [[noreturn]] void deadlock();
  void fill_constants(Warp& w);
  uint32_t special_of(Special special, uint32_t thread) const;
  void fill_specials(Warp& w, bool all);

  std::vector<uint8_t> files_;
  uint64_t random_ = 0;
};

}  // namespace sim
