// libcudart.so.13 in name only: programs that link to the runtime API beside the driver API can load. The runtime
// itself is not simulated (it asks the driver for undocumented tables), and every call says so.
#include <cstdio>

#define SIM_API extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kNotSupported = 801;  // cudaErrorNotSupported

int refuse(const char* name) {
  std::fprintf(stderr, "simulated CUDA: %s: the CUDA runtime API is not simulated, only the driver API is\n", name);
  return kNotSupported;
}

}  // namespace

#define RUNTIME(name) \
  SIM_API int name(void) { return refuse(#name); }
#include "cudart.def"
#undef RUNTIME

SIM_API int cudaGetLastError(void) { return kNotSupported; }
SIM_API int cudaPeekAtLastError(void) { return kNotSupported; }
SIM_API const char* cudaGetErrorName(int) { return "cudaErrorNotSupported"; }
SIM_API const char* cudaGetErrorString(int) { return "the CUDA runtime API is not simulated, only the driver API is"; }
/** Called before main in every program that nvcc built: it must come back with a handle. */
SIM_API void** __cudaRegisterFatBinary(void*) {
  static void* handle;
  refuse("__cudaRegisterFatBinary");
  return &handle;
}
