// What tests of the driver API share: OK(call) must succeed; FAILS(code, "part of the text", call) must fail so.
#pragma once
#include "check.h"
#ifdef SIM_REAL_CUDA_H
#include <cuda.h>
#else
#include "cuda_calls.h"
#endif
#include <string>
#include <vector>

extern "C" const char* simReport(void);
extern "C" void simReset(void);
extern "C" void simOptions(int threads, unsigned long long seed, int races, int unique_bytes);

inline std::string error_text(CUresult code) {
  const char* text = nullptr;
  cuGetErrorString(code, &text);
  return text ? text : "";
}

inline void expect(CUresult is, CUresult should_be, const std::string& part, const char* file, int line,
                   const char* call) {
  std::string told = is == CUDA_SUCCESS ? "success" : error_text(is);
  bool right = is == should_be && told.find(part) != std::string::npos;
  check(right, file, line,
        std::string(call) + "\n  gives " + std::to_string(is) + " (" + told + "), should give " +
            std::to_string(should_be) + " (" + part + ")");
}

#define OK(...) expect(__VA_ARGS__, CUDA_SUCCESS, "", __FILE__, __LINE__, #__VA_ARGS__)
#define FAILS(code, text, ...) expect(__VA_ARGS__, code, text, __FILE__, __LINE__, #__VA_ARGS__)

/** A fresh primary context for every test, with the kernels of driver_kernels.ptx. */
struct Device {
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUmodule module = nullptr;

  Device() {
    OK(cuInit(0));
    OK(cuDeviceGet(&device, 0));
    OK(cuDevicePrimaryCtxRetain(&context, device));
    OK(cuCtxSetCurrent(context));
    OK(cuModuleLoad(&module, "driver_kernels.ptx"));
  }
  ~Device() {
    OK(cuCtxSetCurrent(nullptr));
    OK(cuDevicePrimaryCtxRelease(device));
  }
  CUfunction kernel(const char* name) const {
    CUfunction f = nullptr;
    OK(cuModuleGetFunction(&f, module, name));
    return f;
  }
};

inline CUdeviceptr allocate(size_t bytes) {
  CUdeviceptr p = 0;
  OK(cuMemAlloc(&p, bytes));
  return p;
}

template <class T>
CUdeviceptr upload(const std::vector<T>& v) {
  CUdeviceptr p = allocate(v.size() * sizeof(T));
  OK(cuMemcpyHtoD(p, v.data(), v.size() * sizeof(T)));
  OK(cuCtxSynchronize());
  return p;
}

template <class T>
std::vector<T> download(CUdeviceptr p, size_t count) {
  std::vector<T> v(count);
  OK(cuMemcpyDtoH(v.data(), p, count * sizeof(T)));
  return v;
}

/** A launch of one-dimensional geometry. */
template <class... A>
CUresult launch(CUfunction f, unsigned blocks, unsigned threads, CUstream stream, A... arguments) {
  void* parameters[] = {&arguments..., nullptr};
  return cuLaunchKernel(f, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, nullptr);
}

inline std::vector<float> ramp(int n) {
  std::vector<float> v(static_cast<size_t>(n));
  for (int i = 0; i < n; ++i) v[static_cast<size_t>(i)] = float(i);
  return v;
}
