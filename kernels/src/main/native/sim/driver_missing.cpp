// Calls that are not simulated: there, so that programs load and are told by name. Whatever their arguments, they look
// at none.
namespace sim {
int missing(const char* name);
}

#define MISSING(name) \
  extern "C" __attribute__((visibility("default"))) int name(void) { return sim::missing(#name); }
#include "missing.def"
