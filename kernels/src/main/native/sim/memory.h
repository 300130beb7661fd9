// The device's memory. A device address is a host address, so an access that passed its check is a plain load or store.
// Every byte has a "known" byte beside it: 0 until something is written there. Fresh memory is poisoned with 0xFF
// (NaN).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace sim {

struct Allocation {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint8_t* known = nullptr;  // known[address - begin]: 1 once written
  bool read_only = false;    // constant memory
  std::string name;          // for messages: "cuMemAlloc #12", "module variable weights"
};

class Memory {
 public:
  explicit Memory(uint64_t limit_bytes);
  ~Memory();

  /** 256-byte aligned, poisoned, unknown; 0 when the limit would be passed. */
  uint64_t allocate(uint64_t bytes, std::string name);
  /** Memory of the host that kernels may use where it lies: all known. Throws Fault if any of it is there already. */
  void adopt(uint64_t address, uint64_t bytes, std::string name);
  /** Throws Fault: not the start of an allocation, or freed before. */
  void release(uint64_t address);
  /** Marks the allocation that starts there as one that kernels must not write. */
  void protect(uint64_t address, bool read_only);
  /** The live allocation that holds all of [address, address + bytes), else nullptr. Safe to call from many threads
   *  while no allocation is made or released. */
  const Allocation* find(uint64_t address, uint64_t bytes) const;
  /** Where an address lies, for a message: "4 bytes past the end of cuMemAlloc #3 (1,024 bytes)", "freed", "no memory
   * of this device". */
  std::string explain(uint64_t address, uint64_t bytes) const;
  uint64_t used() const;
  uint64_t limit() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sim
