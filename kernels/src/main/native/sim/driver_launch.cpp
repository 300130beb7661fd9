// Kernel launches, their limits, and occupancy.
#include "driver.h"
#include <algorithm>
#include <cstring>

namespace sim {

constexpr uint32_t kMaxThreads = 1024, kMaxBlockZ = 64, kMaxGridYz = 65535;
constexpr uint32_t kReservedShared = 1024;  // of every block
constexpr uint32_t kSharedPerMultiprocessor = 167936, kThreadsPerMultiprocessor = 2048, kBlocksPerMultiprocessor = 32;
constexpr int kMultiprocessors = 108;

std::string dims(const Dim3& d) {
  return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
}

void check_launch(const Function& function, const Dim3& grid, const Dim3& block, uint32_t shared) {
  const Kernel& kernel = *function.kernel;
  auto refuse = [&](CUresult code, const std::string& why) {
    fail(code, kernel.name + ": grid " + dims(grid) + ", block " + dims(block) + ", " + std::to_string(shared) +
                   " bytes of dynamic shared memory: " + why);
  };
  uint64_t threads = uint64_t(block.x) * block.y * block.z;
  if (!grid.x || !grid.y || !grid.z || !threads) refuse(CUDA_ERROR_INVALID_VALUE, "no size may be 0");
  if (grid.x > 0x7FFFFFFF || grid.y > kMaxGridYz || grid.z > kMaxGridYz)
    refuse(CUDA_ERROR_INVALID_VALUE, "a grid has at most (2147483647, 65535, 65535) blocks");
  if (block.x > kMaxThreads || block.y > kMaxThreads || block.z > kMaxBlockZ)
    refuse(CUDA_ERROR_INVALID_VALUE, "a block has at most (1024, 1024, 64) threads");
  if (threads > kMaxThreads) refuse(CUDA_ERROR_INVALID_VALUE, "a block has at most 1024 threads");
  if (threads > kernel.max_threads)
    refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
           "the kernel was compiled for at most " + std::to_string(kernel.max_threads) + " threads a block");
  if (kernel.required_threads && threads != kernel.required_threads)
    refuse(CUDA_ERROR_INVALID_VALUE,
           "the kernel requires " + std::to_string(kernel.required_threads) + " threads a block");
  if (shared > function.max_dynamic_shared)
    refuse(CUDA_ERROR_INVALID_VALUE, "too much shared memory: beside " + std::to_string(kernel.static_shared) +
                                         " static bytes " + std::to_string(function.max_dynamic_shared) +
                                         " are allowed (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)");
}

std::vector<uint8_t> pack_parameters(const Kernel& kernel, void** parameters, void** extra) {
  std::vector<uint8_t> packed(kernel.parameter_bytes);
  if (parameters && extra) fail(CUDA_ERROR_INVALID_VALUE, kernel.name + ": kernelParams and extra are both given");
  if (extra) {
    const void* buffer = nullptr;
    size_t bytes = 0;
    for (void** e = extra; *e != CU_LAUNCH_PARAM_END; e += 2) {
      if (*e == CU_LAUNCH_PARAM_BUFFER_POINTER)
        buffer = e[1];
      else if (*e == CU_LAUNCH_PARAM_BUFFER_SIZE)
        bytes = e[1] ? *static_cast<size_t*>(e[1]) : 0;
      else
        fail(CUDA_ERROR_INVALID_VALUE, kernel.name + ": unknown entry in extra");
    }
    // A buffer may have the padding of a C struct at its end.
    if (!buffer || bytes < packed.size() || bytes > (packed.size() + 15) / 16 * 16)
      fail(CUDA_ERROR_INVALID_VALUE, kernel.name + ": the parameter buffer has " + std::to_string(bytes) +
                                         " bytes, the kernel takes " + std::to_string(packed.size()));
    std::memcpy(packed.data(), buffer, packed.size());
    return packed;
  }
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    const Parameter& p = kernel.parameters[i];
    if (!parameters || !parameters[i])
      fail(CUDA_ERROR_INVALID_VALUE, kernel.name + " takes " + std::to_string(kernel.parameters.size()) +
                                         " parameters, and kernelParams[" + std::to_string(i) + "] is null");
    std::memcpy(packed.data() + p.offset, parameters[i], p.size);
  }
  return packed;
}

/** Blocks of a kernel that fit into a multiprocessor; registers are unknown and not counted. */
static int resident_blocks(const Function& f, int threads, size_t dynamic_shared) {
  require(threads > 0, "the block size must be positive");
  uint32_t warps = (uint32_t(threads) + 31) / 32;
  if (uint32_t(threads) > std::min(kMaxThreads, f.kernel->max_threads) || dynamic_shared > f.max_dynamic_shared)
    return 0;
  uint64_t shared = (f.kernel->static_shared + dynamic_shared + kReservedShared + 127) / 128 * 128;
  return int(std::min<uint64_t>(
      {kBlocksPerMultiprocessor, kThreadsPerMultiprocessor / (warps * 32), kSharedPerMultiprocessor / shared}));
}

static void launch(CUfunction handle, Dim3 grid, Dim3 block, uint32_t shared, CUstream stream, void** parameters,
                   void** extra) {
  current();
  std::shared_ptr<Stream> s = stream_of(stream);
  const std::shared_ptr<Function>& function = state().functions.get(handle);
  check_launch(*function, grid, block, shared);
  submit(*s, KernelWork{function, grid, block, shared, pack_parameters(*function->kernel, parameters, extra)});
}

static void check_attributes(const CUlaunchConfig& config) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute& a = config.attrs[i];
    if (a.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE && a.value.cooperative)
      fail(CUDA_ERROR_NOT_SUPPORTED, "cooperative launches are not simulated: blocks run one after the other");
    if (a.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION &&
        (a.value.clusterDim.x > 1 || a.value.clusterDim.y > 1 || a.value.clusterDim.z > 1))
      fail(CUDA_ERROR_NOT_SUPPORTED, "thread block clusters are not simulated (sm_80 has none)");
    if (a.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT || a.id == CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT ||
        a.id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE)
      fail(CUDA_ERROR_NOT_SUPPORTED, "launch attribute " + std::to_string(int(a.id)) + " is not simulated");
  }
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                                unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared,
                                CUstream stream, void** parameters, void** extra) {
  return api("cuLaunchKernel", [&] {
    launch(function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, stream, parameters, extra);
  });
}
SIM_API CUresult cuLaunchKernel_ptsz(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                                     unsigned int block_x, unsigned int block_y, unsigned int block_z,
                                     unsigned int shared, CUstream stream, void** parameters, void** extra) {
  return cuLaunchKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, or_per_thread(stream),
                        parameters, extra);
}

static CUresult launch_ex(const CUlaunchConfig* config, CUfunction function, void** parameters, void** extra,
                          bool per_thread) {
  return api("cuLaunchKernelEx", [&] {
    require(config && (config->attrs || !config->numAttrs), "no configuration");
    check_attributes(*config);
    launch(function, {config->gridDimX, config->gridDimY, config->gridDimZ},
           {config->blockDimX, config->blockDimY, config->blockDimZ}, config->sharedMemBytes,
           per_thread ? or_per_thread(config->hStream) : config->hStream, parameters, extra);
  });
}
SIM_API CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters, void** extra) {
  return launch_ex(config, function, parameters, extra, false);
}
SIM_API CUresult cuLaunchKernelEx_ptsz(const CUlaunchConfig* config, CUfunction function, void** parameters,
                                       void** extra) {
  return launch_ex(config, function, parameters, extra, true);
}

SIM_API CUresult cuLaunchCooperativeKernel(CUfunction, unsigned int, unsigned int, unsigned int, unsigned int,
                                           unsigned int, unsigned int, unsigned int, CUstream, void**) {
  return api("cuLaunchCooperativeKernel", [] {
    fail(CUDA_ERROR_NOT_SUPPORTED, "cooperative launches are not simulated: blocks run one after the other");
  });
}
SIM_API CUresult cuLaunchCooperativeKernel_ptsz(CUfunction function, unsigned int grid_x, unsigned int grid_y,
                                                unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                                                unsigned int block_z, unsigned int shared, CUstream stream,
                                                void** parameters) {
  return cuLaunchCooperativeKernel(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared, stream,
                                   parameters);
}

SIM_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads,
                                                             size_t shared) {
  return api("cuOccupancyMaxActiveBlocksPerMultiprocessor", [&] {
    current();
    require(blocks, "no place for the answer");
    *blocks = resident_blocks(*state().functions.get(function), threads, shared);
  });
}
SIM_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction function, int threads,
                                                                      size_t shared, unsigned int) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, shared);
}

SIM_API CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction handle,
                                                  CUoccupancyB2DSize shared_of, size_t shared, int limit) {
  return api("cuOccupancyMaxPotentialBlockSize", [&] {
    current();
    require(grid && block, "no place for the answer");
    const Function& f = *state().functions.get(handle);
    int best = 0;
    int most = int(std::min(kMaxThreads, f.kernel->max_threads));
    if (limit > 0) most = std::min(most, limit);
    for (int threads = most; threads > 0; threads = (threads - 1) / 32 * 32) {
      int blocks = resident_blocks(f, threads, shared_of ? shared_of(threads) : shared);
      if (blocks * threads <= best) continue;
      best = blocks * threads;
      *block = threads;
      *grid = blocks * kMultiprocessors;
    }
    if (!best) fail(CUDA_ERROR_INVALID_VALUE, "no block of the kernel fits");
  });
}
SIM_API CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* grid, int* block, CUfunction function,
                                                           CUoccupancyB2DSize shared_of, size_t shared, int limit,
                                                           unsigned int) {
  return cuOccupancyMaxPotentialBlockSize(grid, block, function, shared_of, shared, limit);
}

SIM_API CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t* shared, CUfunction handle, int blocks, int threads) {
  return api("cuOccupancyAvailableDynamicSMemPerBlock", [&] {
    current();
    const Function& f = *state().functions.get(handle);
    require(shared && blocks > 0 && threads > 0, "no place for the answer, or no blocks or threads");
    uint64_t each = kSharedPerMultiprocessor / uint64_t(blocks) / 128 * 128;
    uint64_t taken = kReservedShared + f.kernel->static_shared;
    *shared = each > taken ? std::min<uint64_t>(each - taken, f.max_dynamic_shared) : 0;
  });
}
