// Faults planted in kernels: each must be caught, as what it is, with a message that says where. `make sim-faults`
// prints the table of them.
#include "check.h"
#include "machine.h"
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <vector>

using sim::FaultKind;

namespace {

/** A device with the module loaded, fresh for every fault. */
struct Device {
  Device() {
    std::ifstream file("suite/faults.ptx");
    std::stringstream text;
    text << file.rdbuf();
    program = sim::Program::parse(text.str());
    for (sim::Variable& v : program->variables()) {
      v.address = memory.allocate(v.size, "module variable " + v.name);
      std::memset(reinterpret_cast<void*>(v.address), 0, v.size);
      if (!v.init.empty()) std::memcpy(reinterpret_cast<void*>(v.address), v.init.data(), v.init.size());
      known(v.address, v.size);
      memory.protect(v.address, v.constant);
    }
  }
  void known(uint64_t address, uint64_t bytes) {
    const sim::Allocation* a = memory.find(address, bytes);
    std::memset(a->known + (address - a->begin), 1, bytes);
  }
  template <class T>
  uint64_t array(const std::vector<T>& values) {
    const uint64_t address = memory.allocate(values.size() * sizeof(T), "the input");
    std::memcpy(reinterpret_cast<void*>(address), values.data(), values.size() * sizeof(T));
    known(address, values.size() * sizeof(T));
    return address;
  }
  template <class T>
  uint64_t empty(size_t count) {
    return memory.allocate(count * sizeof(T), "the output");
  }
  template <class... Arguments>
  void launch(const char* name, uint32_t grid, uint32_t block, Arguments... arguments) {
    const sim::Kernel* kernel = program->find(name);
    if (!kernel) throw std::runtime_error(std::string("no kernel ") + name);
    std::vector<uint8_t> packed(kernel->parameter_bytes);
    size_t n = 0;
    ((std::memcpy(packed.data() + kernel->parameters.at(n++).offset, &arguments, sizeof arguments)), ...);
    sim::Launch launch{{grid}, {block}, 0, packed.data()};
    sim::KernelCount count;
    sim::run(*program, *kernel, launch, memory, count, {});
  }

  sim::Memory memory{1 << 20};
  std::unique_ptr<sim::Program> program;
};

const std::vector<float> kOnes(256, 1.0f);

/** Small whole numbers in f16, two a word, and their values. */
std::vector<uint32_t> halves(size_t words, std::vector<double>& values) {
  std::vector<uint32_t> packed(words);
  for (size_t i = 0; i < 2 * words; i++) {
    const int v = int(uint32_t(i * i * 2654435761u) >> 16) % 8 + 1;
    const int e = std::ilogb(double(v));
    values.push_back(v);
    packed[i / 2] |= uint32_t((e + 15) << 10 | (v << (10 - e) & 1023)) << 16 * (i % 2);
  }
  return packed;
}

/** Runs a 16x8x16 product and compares it with the same in double; differences are the fault. */
void compare_product(Device& d, const char* kernel) {
  std::vector<double> a, b;
  const uint64_t pa = d.array(halves(128, a)), pb = d.array(halves(64, b)), out = d.empty<float>(128);
  d.launch(kernel, 1, 32, pa, pb, out);
  int wrong = 0;
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++) {
      double sum = 0;
      for (int k = 0; k < 16; k++) sum += a[i * 16 + k] * b[j * 16 + k];
      wrong += reinterpret_cast<float*>(out)[i * 8 + j] != sum;
    }
  if (wrong) throw std::runtime_error(std::to_string(wrong) + " of 128 elements differ from the product in double");
}

struct Planted {
  const char* fault;
  const char* where;
  FaultKind kind;
  std::vector<const char*> says;
  std::function<void(Device&)> run;
  bool by_reference = false;  // no fault of the device: the comparison finds it
};

const Planted kPlanted[] = {
    {"out of bounds, global",
     "no test of i < n; 100 elements, 128 threads",
     FaultKind::out_of_bounds,
     {"kernel no_bounds_check", "block (1,0,0), thread (36,0,0)", "ld.global",
      "0 bytes past the end of the input (400 bytes)"},
     [](Device& d) { d.launch("no_bounds_check", 2, 64, d.array(std::vector<float>(100)), d.empty<float>(100)); }},
    {"wrong grid, too large",
     "a block more than there is data for",
     FaultKind::out_of_bounds,
     {"block (2,0,0)", "past the end of the input (512 bytes)"},
     [](Device& d) { d.launch("no_bounds_check", 3, 64, d.array(std::vector<float>(128)), d.empty<float>(128)); }},
    {"wrong grid, too small",
     "the last block is not launched; a sum reads the result",
     FaultKind::uninitialised,
     {"kernel sum_all", "nothing was written there"},
     [](Device& d) {
       const uint64_t out = d.empty<float>(128);
       d.launch("checked_copy", 1, 64, d.array(kOnes), out, 128);
       d.launch("sum_all", 1, 32, out, d.empty<float>(1), 128);
     }},
    {"out of bounds, shared",
     "s[threadIdx.x + 1] of 64",
     FaultKind::out_of_bounds,
     {"kernel shared_past_the_end", "thread (63,0,0)", "st.shared"},
     [](Device& d) { d.launch("shared_past_the_end", 1, 64, d.empty<float>(64)); }},
    {"out of bounds, local",
     "a[8] of a local array of 8",
     FaultKind::out_of_bounds,
     {"kernel local_past_the_end", "thread (5,0,0)", "st.local"},
     [](Device& d) {
       std::vector<int> at(33, 1);
       at[5] = 8;
       d.launch("local_past_the_end", 1, 32, d.array(at), d.empty<float>(32));
     }},
    {"misaligned, global",
     "a float4 at in + 1",
     FaultKind::misaligned,
     {"kernel misaligned_vector", "ld.global", "16 bytes"},
     [](Device& d) { d.launch("misaligned_vector", 1, 16, d.array(kOnes), d.empty<float>(64)); }},
    {"misaligned, shared",
     "an int at byte 30, in thread 7",
     FaultKind::misaligned,
     {"kernel misaligned_shared", "thread (7,0,0)", "ld.shared"},
     [](Device& d) { d.launch("misaligned_shared", 1, 64, d.empty<int>(64)); }},
    {"uninitialised read, global",
     "an input that nothing has written",
     FaultKind::uninitialised,
     {"kernel uninitialised_global", "thread (0,0,0)", "ld.global", "nothing was written there"},
     [](Device& d) { d.launch("uninitialised_global", 1, 32, d.empty<float>(32), d.empty<float>(32)); }},
    {"uninitialised read, shared",
     "s[63] is never set",
     FaultKind::uninitialised,
     {"kernel uninitialised_shared", "thread (63,0,0)", "ld.shared"},
     [](Device& d) { d.launch("uninitialised_shared", 1, 64, d.empty<float>(64)); }},
    {"missing __syncthreads",
     "between the write and another warp's read",
     FaultKind::race,
     {"kernel missing_syncthreads", "shared"},
     [](Device& d) { d.launch("missing_syncthreads", 1, 128, d.array(kOnes), d.empty<float>(128)); }},
    {"missing second __syncthreads",
     "at the end of a loop that writes again",
     FaultKind::race,
     {"kernel missing_second_syncthreads", "st.shared"},
     [](Device& d) { d.launch("missing_second_syncthreads", 1, 128, d.array(kOnes), d.empty<float>(128), 2); }},
    {"missing __syncwarp",
     "between the write and another lane's read",
     FaultKind::race,
     {"kernel missing_syncwarp", "ld.shared"},
     [](Device& d) { d.launch("missing_syncwarp", 1, 32, d.array(kOnes), d.empty<float>(32)); }},
    {"missing cp.async wait",
     "no wait before the data is read",
     FaultKind::missing_wait,
     {"kernel missing_wait", "ld.shared", "cp.async"},
     [](Device& d) { d.launch("missing_wait", 1, 64, d.array(kOnes), d.empty<float>(256)); }},
    {"cp.async wait, one group short",
     "wait_group 1, then the second group's data",
     FaultKind::missing_wait,
     {"kernel wait_for_the_wrong_group", "ld.shared", "cp.async"},
     [](Device& d) {
       d.launch("wait_for_the_wrong_group", 1, 64, d.array(std::vector<float>(512, 1.f)), d.empty<float>(256));
     }},
    {"cp.async wait without a barrier",
     "data that a thread of another warp copied",
     FaultKind::race,
     {"kernel wait_without_barrier", "ld.shared"},
     [](Device& d) { d.launch("wait_without_barrier", 1, 64, d.array(kOnes), d.empty<float>(256)); }},
    {"divergent barrier",
     "__syncthreads in one branch",
     FaultKind::divergent_barrier,
     {"kernel divergent_barrier", "bar"},
     [](Device& d) {
       std::vector<int> signs(64, 1);
       signs[40] = -1;
       d.launch("divergent_barrier", 1, 64, d.array(signs), d.empty<int>(64));
     }},
    {"shuffle that lanes miss",
     "__shfl_xor_sync of all lanes in a branch of half",
     FaultKind::deadlock,
     {"kernel shuffle_in_a_branch", "shfl"},
     [](Device& d) { d.launch("shuffle_in_a_branch", 1, 32, d.array(std::vector<int>(32)), d.empty<int>(32)); }},
    {"failed assertion",
     "assert(in[i] < 10), in[3] is 11",
     FaultKind::trap,
     {"kernel failed_assertion", "thread (3,0,0)", "faults.cu:", "in is too large"},
     [](Device& d) {
       d.launch("failed_assertion", 1, 8, d.array(std::vector<int>{1, 2, 3, 11, 4, 5, 6, 7}));
     }},
    {"trap",
     "in thread 5",
     FaultKind::trap,
     {"kernel trap", "thread (5,0,0)"},
     [](Device& d) { d.launch("trap", 1, 32, 5); }},
    {"call through a null pointer",
     "a function pointer that is 0",
     FaultKind::out_of_bounds,
     {"kernel call_of_nothing", "holds no function"},
     [](Device& d) { d.launch("call_of_nothing", 1, 32, d.empty<int>(32), uint64_t(0)); }},
    {"swapped mma operands",
     "registers 1 and 2 of A exchanged in the asm",
     FaultKind::invalid_value,
     {"of 128 elements differ"},
     [](Device& d) { compare_product(d, "swapped_operands"); },
     true},
    {"write to constant memory",
     "a store through the address of a __constant__",
     FaultKind::out_of_bounds,
     {"kernel write_through", "kTable"},
     [](Device& d) { d.launch("write_through", 1, 16, d.program->variables().at(0).address); }},
};

/** The same kernels, used rightly, must pass. */
void right_use_passes() {
  Device d;
  d.launch("no_bounds_check", 2, 64, d.array(std::vector<float>(128)), d.empty<float>(128));
  const uint64_t out = d.empty<float>(128);
  d.launch("checked_copy", 3, 64, d.array(kOnes), out, 128);
  d.launch("sum_all", 1, 32, out, d.empty<float>(1), 128);
  d.launch("divergent_barrier", 1, 64, d.array(std::vector<int>(64, 1)), d.empty<int>(64));
  d.launch("read_table", 1, 32, d.empty<float>(32));
  d.launch("missing_second_syncthreads", 1, 128, d.array(kOnes), d.empty<float>(128), 1);
  compare_product(d, "right_operands");
}

void run(const Planted& p, bool table) {
  Device d;
  std::string message;
  bool kind_right = false;
  try {
    p.run(d);
  } catch (const sim::Fault& e) {
    message = e.what();
    kind_right = !p.by_reference && e.kind == p.kind;
  } catch (const std::runtime_error& e) {
    message = e.what();
    kind_right = p.by_reference;
  }
  check(kind_right, __FILE__, __LINE__, std::string(p.fault) + ": not caught as that: " + message);
  for (const char* part : p.says)
    check(message.find(part) != std::string::npos, __FILE__, __LINE__,
          std::string(p.fault) + ": " + message + "\n  lacks: " + part);
  for (size_t at; (at = message.find('\n')) != std::string::npos;) message.replace(at, 1, "<br>");
  if (table) std::printf("| %s | %s | %s |\n", p.fault, p.where, message.c_str());
}

}  // namespace

int main(int count, char** arguments) {
  const bool table = count > 1 && std::string(arguments[1]) == "table";
  if (table) std::printf("| Fault | Where planted | Message |\n|---|---|---|\n");
  for (const Planted& p : kPlanted) run(p, table);
  right_use_passes();
  return summary("faults");
}
