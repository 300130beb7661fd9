// simulator.cpp: the way from Java to the counters of the simulated CUDA device, if that is what libcuda.so.1 is.
#include "pool.h"
#include "sdae_kernels.h"
#include <dlfcn.h>

namespace {
/** The function of that name in the libcuda.so.1 of this process. */
template <typename F>
F* find(const char* name) {
  void* library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  void* function = library ? dlsym(library, name) : nullptr;
  if (library) dlclose(library);  // a reference more than before; whoever loaded it keeps it
  if (!function) sk_fail("sim: this process has not opened the simulated CUDA device");
  return reinterpret_cast<F*>(function);
}
}  // namespace

extern "C" {
const char* sk_sim_report(void) { return find<const char*()>("simReport")(); }

void sk_sim_reset(void) { find<void()>("simReset")(); }

void sk_sim_options(int threads, int64_t seed, int races, int unique_bytes) {
  find<void(int, unsigned long long, int, int)>("simOptions")(threads, static_cast<unsigned long long>(seed), races,
                                                              unique_bytes);
}
}
