// Mistakes in the use of the driver API, one test each: what is caught, with which result, in which words.
#include "driver_test.h"

namespace {

void double_free() {
  Device d;
  CUdeviceptr p = allocate(100);
  OK(cuMemFree(p));
  FAILS(CUDA_ERROR_INVALID_VALUE, "cuMemFree: freed twice: cuMemAlloc #", cuMemFree(p));
  FAILS(CUDA_ERROR_INVALID_VALUE, "not the start of an allocation", cuMemFree(allocate(100) + 4));
  int host = 0;
  FAILS(CUDA_ERROR_INVALID_VALUE, "not the start of an allocation", cuMemFree(reinterpret_cast<CUdeviceptr>(&host)));
  FAILS(CUDA_ERROR_INVALID_VALUE, "not memory of this kind", cuMemFreeHost(reinterpret_cast<void*>(allocate(16))));
}

void use_after_free() {
  Device d;
  CUdeviceptr p = allocate(4 * 64);
  OK(cuMemFree(p));
  int host[64];
  FAILS(CUDA_ERROR_INVALID_VALUE, "freed memory, once cuMemAlloc #", cuMemcpyDtoH(host, p, sizeof host));
  FAILS(CUDA_ERROR_INVALID_VALUE, "freed memory", cuMemsetD8(p, 0, 4));
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "freed memory", launch(d.kernel("index"), 2, 32, nullptr, p));
}

void use_after_asynchronous_free() {
  Device d;
  CUstream s = nullptr;
  OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  CUdeviceptr p = 0;
  OK(cuMemAllocAsync(&p, 256, s));
  OK(launch(d.kernel("index"), 2, 32, s, p));
  OK(cuMemFreeAsync(p, s));
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "freed memory, once cuMemAllocAsync #", launch(d.kernel("index"), 2, 32, s, p));
}

void copy_past_the_end() {
  Device d;
  std::vector<float> x = ramp(100);
  CUdeviceptr p = allocate(396);
  FAILS(CUDA_ERROR_INVALID_VALUE, "runs 4 bytes past its end", cuMemcpyHtoD(p, x.data(), 400));
  FAILS(CUDA_ERROR_INVALID_VALUE, "runs 4 bytes past its end", cuMemcpyDtoH(x.data(), p, 400));
  FAILS(CUDA_ERROR_INVALID_VALUE, "past its end", cuMemcpyDtoD(p, upload(x), 400));
  FAILS(CUDA_ERROR_INVALID_VALUE, "past its end", cuMemsetD32(p, 0, 100));
  FAILS(CUDA_ERROR_INVALID_VALUE, "source and destination overlap", cuMemcpyDtoD(p, p + 4, 100));
  FAILS(CUDA_ERROR_INVALID_VALUE, "the destination is a null pointer", cuMemcpyHtoD(0, x.data(), 400));
  FAILS(CUDA_ERROR_INVALID_VALUE, "the destination is no memory of this device",
        cuMemcpyHtoD(reinterpret_cast<CUdeviceptr>(x.data()), x.data() + 50, 4));
  FAILS(CUDA_ERROR_INVALID_VALUE, "the source should be host memory",
        cuMemcpyHtoD(p, reinterpret_cast<void*>(upload(x)), 4));
  // None of these ends the context.
  OK(cuMemcpyHtoD(p, x.data(), 396));
}

void missing_kernel() {
  Device d;
  CUfunction f = nullptr;
  FAILS(CUDA_ERROR_NOT_FOUND, "no kernel scael in the module; it has scale, add",
        cuModuleGetFunction(&f, d.module, "scael"));
  FAILS(CUDA_ERROR_INVALID_HANDLE, "the kernel is null", launch(f, 1, 1, nullptr, 1));
  FAILS(CUDA_ERROR_INVALID_HANDLE, "no kernel has this handle",
        launch(reinterpret_cast<CUfunction>(d.module), 1, 1, nullptr, 1));
}

void missing_parameters() {
  Device d;
  CUfunction f = d.kernel("index");
  FAILS(CUDA_ERROR_INVALID_VALUE, "index takes 1 parameters, and kernelParams[0] is null",
        cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr));
  void* parameters[] = {nullptr};
  FAILS(CUDA_ERROR_INVALID_VALUE, "kernelParams[0] is null",
        cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr));
}

CUresult launch_with(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                     unsigned shared) {
  CUdeviceptr p = 0;
  void* parameters[] = {&p};
  return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, nullptr, parameters, nullptr);
}

void illegal_geometry() {
  Device d;
  CUfunction f = d.kernel("index");
  FAILS(CUDA_ERROR_INVALID_VALUE, "(1024, 1024, 64) threads", launch_with(f, 1, 1, 1, 1025, 1, 1, 0));
  FAILS(CUDA_ERROR_INVALID_VALUE, "at most 1024 threads", launch_with(f, 1, 1, 1, 32, 33, 1, 0));
  FAILS(CUDA_ERROR_INVALID_VALUE, "(1024, 1024, 64)", launch_with(f, 1, 1, 1, 1, 1, 65, 0));
  FAILS(CUDA_ERROR_INVALID_VALUE, "65535", launch_with(f, 1, 65536, 1, 1, 1, 1, 0));
  FAILS(CUDA_ERROR_INVALID_VALUE, "65535", launch_with(f, 1, 1, 65536, 1, 1, 1, 0));
  FAILS(CUDA_ERROR_INVALID_VALUE, "no size may be 0", launch_with(f, 0, 1, 1, 1, 1, 1, 0));
  FAILS(CUDA_ERROR_INVALID_VALUE, "no size may be 0", launch_with(f, 1, 1, 1, 1, 0, 1, 0));
  FAILS(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "compiled for at most 64 threads",
        launch_with(d.kernel("bounded"), 1, 1, 1, 65, 1, 1, 0));
}

void too_much_shared_memory() {
  Device d;
  CUfunction f = d.kernel("reverse");
  FAILS(CUDA_ERROR_INVALID_VALUE, "too much shared memory", launch_with(f, 1, 1, 1, 32, 1, 1, (48 << 10) + 1));
  FAILS(CUDA_ERROR_INVALID_VALUE, "at most 166912",
        cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (163 << 10) + 1));
  OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 163 << 10));
  CUdeviceptr p = upload(std::vector<int>(32));
  void* parameters[] = {&p};
  OK(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 163 << 10, nullptr, parameters, nullptr));
}

void grid_too_large() {
  Device d;
  CUdeviceptr p = allocate(4 * 64);
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "past the end of cuMemAlloc #", launch(d.kernel("index"), 3, 32, nullptr, p));
}

void grid_too_small() {
  Device d;
  CUdeviceptr x = allocate(4 * 64), y = upload(ramp(64));
  OK(launch(d.kernel("index"), 1, 32, nullptr, x));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "nothing was written there", launch(d.kernel("add"), 2, 32, nullptr, y, x, 64));
}

void faults_are_sticky() {
  Device d;
  CUdeviceptr p = allocate(4);
  CUfunction f = d.kernel("index");
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "cuLaunchKernel: index (launch", launch(f, 1, 32, nullptr, p));
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "after: index", cuCtxSynchronize());
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "after: index", cuMemAlloc(&p, 4));
  int host = 0;
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "after: index", cuMemcpyDtoH(&host, p, 4));
  OK(cuDevicePrimaryCtxReset(d.device));
  FAILS(CUDA_ERROR_CONTEXT_IS_DESTROYED, "", cuCtxSynchronize());
  OK(cuDevicePrimaryCtxRetain(&d.context, d.device));
  OK(cuCtxSetCurrent(d.context));
  OK(cuMemAlloc(&p, 4));
}

void destroyed_handles() {
  Device d;
  CUstream s = nullptr;
  OK(cuStreamCreate(&s, 0));
  OK(cuStreamDestroy(s));
  FAILS(CUDA_ERROR_INVALID_HANDLE, "the stream was destroyed before", cuStreamSynchronize(s));
  CUevent e = nullptr;
  OK(cuEventCreate(&e, 0));
  OK(cuEventDestroy(e));
  FAILS(CUDA_ERROR_INVALID_HANDLE, "the event was destroyed before", cuEventRecord(e, nullptr));
  FAILS(CUDA_ERROR_INVALID_HANDLE, "no event has this handle", cuEventRecord(reinterpret_cast<CUevent>(s), nullptr));
}

void no_context() {
  Device d;
  OK(cuCtxSetCurrent(nullptr));
  CUdeviceptr p = 0;
  FAILS(CUDA_ERROR_INVALID_CONTEXT, "no context is current", cuMemAlloc(&p, 4));
}

void cooperative_launch_is_refused() {
  Device d;
  CUdeviceptr p = allocate(128);
  void* parameters[] = {&p};
  FAILS(CUDA_ERROR_NOT_SUPPORTED, "cooperative launches are not simulated",
        cuLaunchCooperativeKernel(d.kernel("index"), 1, 1, 1, 32, 1, 1, 0, nullptr, parameters));
}

}  // namespace

int main() {
  double_free();
  use_after_free();
  use_after_asynchronous_free();
  copy_past_the_end();
  missing_kernel();
  missing_parameters();
  illegal_geometry();
  too_much_shared_memory();
  grid_too_large();
  grid_too_small();
  faults_are_sticky();
  destroyed_handles();
  no_context();
  cooperative_launch_is_refused();
  return summary("driver_faults_test");
}
