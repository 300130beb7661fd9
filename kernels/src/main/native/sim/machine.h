// PTX in, results out: the parser, the decoded program and the interpreter.
#pragma once
#include "counters.h"
#include "fault.h"
#include "memory.h"
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

struct Parameter {
  uint32_t offset, size, align;
};

/** A module variable in .global or .const space. */
struct Variable {
  std::string name;
  bool constant;
  uint64_t size, align;
  std::vector<uint8_t> init;  // empty: unknown content (.const without value: zeros)
  std::vector<std::pair<uint64_t, std::string>>
      address_of;        // offset in init -> name of the variable whose address goes there
  uint64_t address = 0;  // set by the loader before a launch
};

struct Instruction;  // decoded form, machine-internal

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  uint32_t parameter_bytes = 0;
  uint32_t static_shared = 0;     // bytes
  uint32_t local = 0;             // bytes a thread
  uint32_t max_threads = 1024;    // .maxntid, product
  uint32_t required_threads = 0;  // .reqntid, product; 0: none
};

class Program {
 public:
  /** Throws Fault parse or unsupported, with the line of the PTX. */
  static std::unique_ptr<Program> parse(std::string_view ptx);
  virtual ~Program() = default;
  virtual const Kernel* find(std::string_view name) const = 0;
  virtual std::vector<const Kernel*> kernels() const = 0;
  virtual std::vector<Variable>& variables() = 0;
};

struct Launch {
  Dim3 grid, block;
  uint32_t dynamic_shared = 0;
  const uint8_t* parameters = nullptr;  // packed as Kernel::parameters says
};

struct Options {
  int threads = 2;                              // OS threads for independent blocks
  uint64_t seed = 0;                            // order of warps
  bool races = true;                            // shared memory races, block and warp level
  bool unique_bytes = false;                    // fill KernelCount::unique_*
  std::function<void(std::string_view)> print;  // device printf
  /** Ranges of global memory touched by a launch, for hazards between streams; may be empty. */
  std::function<void(uint64_t begin, uint64_t end, bool write)> touched;
};

/** Runs all blocks to the end, adds to `count` (lines are sized on first use); throws Fault with kernel, block, thread,
 * PTX line and instruction. */
void run(const Program& program, const Kernel& kernel, const Launch& launch, Memory& memory, KernelCount& count,
         const Options& options);

}  // namespace sim
