// The decoded program: what the interpreter runs. An image is one kernel with every function it can reach, decoded
// once: operands are byte offsets into a warp's register file, constants lie broadcast in that file, labels are
// pointers.
#pragma once
#include "ptx.h"
#include <deque>
#include <memory>
#include <mutex>

namespace sim {

struct Warp;
struct Instruction;
/** Runs one instruction for the active lanes; returns the next one, or nullptr when the warp has nothing to run. */
using Op = const Instruction* (*)(Warp&, const Instruction&);

/** Lanes that came to a collective together. */
struct Part {
  uint32_t mask;
  const Instruction* instruction;
};
/** What a collective does once all its members are there: one part, or several if the warp is divergent. */
using Perform = void (*)(Warp&, const Part* parts, int count);

/** Rarely needed parts of an instruction. */
struct Detail {
  std::vector<uint32_t> registers;  // of vectors and fragments
  std::vector<const Instruction*> targets;
  std::vector<int> labels;      // of brx.idx: statements, then instructions
  struct Call* call = nullptr;  // of call
  std::vector<int> numbers;     // what the instruction's own decoder wants to keep
};

struct Instruction {
  Op run = nullptr;
  Op body = nullptr;                           // under a guard: what runs with the lanes that pass
  Perform perform = nullptr;                   // of a collective
  uint32_t d = 0, a = 0, b = 0, c = 0, e = 0;  // registers: byte offsets in the warp's file
  uint32_t guard = 0;
  uint32_t q = 0;  // a second destination: predicate
  bool guard_negated = false;
  ptx::Space space = ptx::Space::none;  // none: generic
  uint8_t bytes = 0, count = 1;         // of an element; elements of a vector access
  uint8_t flags = 0;                    // meaning is the operation's
  bool wide = true;                     // address register has 64 bits
  int index = 0;                        // in the image
  int64_t offset = 0;
  const Instruction* target = nullptr;
  Detail* detail = nullptr;
};

enum class Special : uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  smid,
  nsmid,
  gridid,
  dynamic_smem_size,
  total_smem_size,
  zero,
  local_base,
  clock,
  clock_hi,
  clock64,
  globaltimer,
  globaltimer_lo,
  globaltimer_hi
};

/** A constant in the register file. */
struct Constant {
  uint32_t at, bytes;
  uint64_t bits;
  int variable = -1;  // add the address of this module variable
};

struct Source {
  int line;
  const std::string* text;
};

/** A function of an image: where its parts lie. */
struct Routine {
  const ptx::Function* function = nullptr;
  const Instruction* entry = nullptr;
  uint32_t parameter_begin = 0, parameter_end = 0;  // its .param variables, a lane's bytes
  uint32_t local_bytes = 0;                         // its .local variables
  bool recursive = false;
  std::vector<uint32_t> formals, result_places;          // places of parameters and results, in order
  std::vector<std::pair<uint32_t, uint32_t>> registers;  // place, bytes of a lane
  std::vector<uint32_t> predicates;
  std::map<std::string, uint32_t> parameters;  // formal parameters and results -> place in param space
};

struct Call {
  Routine* routine = nullptr;                // nullptr: indirect, or a function of the system
  std::vector<uint32_t> arguments, results;  // places in the caller's param space
  std::vector<uint32_t> argument_bytes, result_bytes;
  uint32_t caller_local = 0;  // bytes of the caller's .local variables
  Routine* caller = nullptr;
  std::map<uint64_t, Instruction> direct;  // of an indirect call: the call of each function that may be meant
};

struct Image {
  const ptx::Function* kernel = nullptr;
  std::vector<Instruction> code;
  std::vector<Source> source;  // by instruction
  std::vector<bool> counted;   // not for joins, which no PTX line stands for
  std::deque<Detail> details;
  std::deque<Call> calls;
  std::deque<Routine> routines;  // [0]: the kernel
  std::vector<Constant> constants;
  std::vector<std::pair<uint32_t, Special>> specials;
  uint32_t file_bytes = 0;       // a warp's registers
  uint32_t local_base_at = 0;    // register: where a lane's .local variables begin
  uint32_t parameter_bytes = 0;  // param space of device functions, a lane
  uint32_t static_shared = 0, dynamic_shared_at = 0;
  uint32_t local_bytes = 0;
};

class DecodedProgram : public Program {
 public:
  explicit DecodedProgram(std::string_view source);
  const Kernel* find(std::string_view name) const override;
  std::vector<const Kernel*> kernels() const override;
  std::vector<Variable>& variables() override { return module_.variables; }

  /** Decodes at the first use; throws Fault unsupported. */
  const Image& image(const Kernel& kernel) const;
  const ptx::Module& module() const { return module_; }

 private:
  ptx::Module module_;
  std::map<std::string, Kernel, std::less<>> kernels_;
  mutable std::map<std::string, std::unique_ptr<Image>, std::less<>> images_;
  mutable std::mutex mutex_;
};

std::unique_ptr<Image> decode(const ptx::Module& module, const ptx::Function& kernel);

/** Shared memory of a kernel and the functions it reaches: where each variable lies. */
struct SharedLayout {
  std::map<std::pair<const ptx::Function*, const ptx::Local*>, uint32_t> local;
  std::map<std::string, uint32_t> global;
  uint32_t bytes = 0, dynamic_at = 0;
};
std::vector<const ptx::Function*> reachable(const ptx::Module& module, const ptx::Function& kernel);
SharedLayout lay_out_shared(const ptx::Module& module, const std::vector<const ptx::Function*>& functions);
uint32_t local_bytes(const ptx::Function& function);

// Generic addresses: global and constant memory are host addresses; the windows lie where no host address is.
constexpr uint64_t kSharedWindow = 1ull << 56, kLocalWindow = 2ull << 56, kParamWindow = 3ull << 56;
constexpr uint64_t kFunctionWindow = 4ull << 56;
constexpr uint64_t kWindowBytes = 1ull << 32;

}  // namespace sim
