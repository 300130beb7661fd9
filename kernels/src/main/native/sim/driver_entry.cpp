// How a call is found: cuGetProcAddress; and what a call says that is not simulated.
#include "driver.h"
#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <string_view>

using namespace sim;

int sim::missing(const char* name) {
  return api_call(name, false, [] { fail(CUDA_ERROR_NOT_SUPPORTED, "not simulated"); });
}

namespace {

// The CUDA version that brought a later form of a call; forms that are not listed are older than cuGetProcAddress.
struct Since {
  std::string_view symbol;
  int version;
};
constexpr Since kSince[] = {
    {"cuCtxCreate_v3", 11040},
    {"cuCtxCreate_v4", 12050},
    {"cuCtxGetDevice_v2", 13000},
    {"cuCtxSynchronize_v2", 13000},
    {"cuDeviceGetUuid_v2", 11040},
    {"cuEventElapsedTime_v2", 12080},
    {"cuGetProcAddress_v2", 12000},
    {"cuGraphAddDependencies_v2", 12030},
    {"cuGraphAddKernelNode_v2", 12000},
    {"cuGraphAddNode_v2", 12030},
    {"cuGraphExecKernelNodeSetParams_v2", 12000},
    {"cuGraphExecUpdate_v2", 12000},
    {"cuGraphGetEdges_v2", 12030},
    {"cuGraphKernelNodeGetParams_v2", 12000},
    {"cuGraphKernelNodeSetParams_v2", 12000},
    {"cuGraphNodeGetDependencies_v2", 12030},
    {"cuGraphNodeGetDependentNodes_v2", 12030},
    {"cuGraphRemoveDependencies_v2", 12030},
    {"cuMemAdvise_v2", 12020},
    {"cuMemPrefetchAsync_v2", 12020},
    {"cuMemcpy3DBatchAsync_v2", 13000},
    {"cuMemcpyBatchAsync_v2", 13000},
    {"cuStreamGetCaptureInfo_v2", 11030},
    {"cuStreamGetCaptureInfo_v3", 12030},
    {"cuStreamGetCtx_v2", 12050},
    {"cuStreamUpdateCaptureDependencies_v2", 12030},
};

int since(std::string_view symbol) {
  auto it = std::find_if(std::begin(kSince), std::end(kSince), [&](const Since& s) { return s.symbol == symbol; });
  return it == std::end(kSince) ? 0 : it->version;
}

/** Of this library only: another libcuda may be loaded beside it. */
void* exported(const std::string& symbol) {
  static void* self = [] {
    Dl_info info;
    bool found = dladdr(reinterpret_cast<void*>(&since), &info) != 0;
    return found ? dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
  }();
  return self ? dlsym(self, symbol.c_str()) : nullptr;
}

/** The newest form of a call that a program written for `version` may expect. */
void* newest(std::string name, int version, bool per_thread) {
  if (name == "cuGraphInstantiate") name += version >= 12000 ? "WithFlags" : "_v2";
  for (const char* form : {"_v4", "_v3", "_v2", ""}) {
    std::string symbol = name + form;
    if (since(symbol) > version) continue;
    for (const char* stream : {"_ptds", "_ptsz"})
      if (void* found = per_thread ? exported(symbol + stream) : nullptr) return found;
    if (void* found = exported(symbol)) return found;
  }
  return nullptr;
}

constexpr cuuint64_t kPerThread = 2;  // CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM

}  // namespace

SIM_API CUresult cuGetProcAddress_v2(const char* symbol, void** function, int version, cuuint64_t flags,
                                     CUdriverProcAddressQueryResult* status) {
  return api_call("cuGetProcAddress", false, [&] {
    require(symbol && function && flags <= kPerThread, "no symbol, no place for the function, or unknown flags");
    *function = newest(symbol, version, flags == kPerThread);
    if (status) *status = *function ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    if (!*function && !status) throw DriverError{CUDA_ERROR_NOT_FOUND, std::string("no call ") + symbol, true};
  });
}
SIM_API CUresult cuGetProcAddress_v2_ptsz(const char* symbol, void** function, int version, cuuint64_t flags,
                                          CUdriverProcAddressQueryResult* status) {
  return cuGetProcAddress_v2(symbol, function, version, flags ? flags : kPerThread, status);
}
SIM_API CUresult cuGetProcAddress(const char* symbol, void** function, int version, cuuint64_t flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}

/** The runtime library lives on tables that no document describes. */
SIM_API CUresult cuGetExportTable(const void** table, const CUuuid*) {
  return api_call("cuGetExportTable", false, [&] {
    if (table) *table = nullptr;
    fail(CUDA_ERROR_NOT_SUPPORTED,
         "the tables that the CUDA runtime library asks for are not simulated; programs of "
         "the driver API need none");
  });
}
