// What goes wrong on the simulated device. A fault ends the launch or call; its text says what, where and who.
#pragma once
#include <stdexcept>
#include <string>

namespace sim {

enum class FaultKind {
  out_of_bounds,  // also use after free
  misaligned,
  uninitialised,
  race,          // two threads, one address, no barrier between (block or warp)
  missing_wait,  // data of a cp.async read before its wait
  divergent_barrier,
  deadlock,
  invalid_value,   // bad argument of a driver call
  invalid_launch,  // geometry, shared memory, parameters
  unsupported,     // an instruction, directive or call that the simulator does not know
  parse,
  trap,    // trap, __assertfail
  hazard,  // two streams use one range with no event between
};

struct Fault : std::runtime_error {
  FaultKind kind;
  Fault(FaultKind k, const std::string& text) : std::runtime_error(text), kind(k) {}
};

}  // namespace sim
