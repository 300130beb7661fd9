// cuInit, versions, error texts, and the one device: the limits of an A100 (compute capability 8.0).
#include "driver.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

using namespace sim;

namespace {

constexpr char kName[] = "SdAE simulated device (sm_80)";
constexpr char kBusId[] = "0000:00:00.0";
constexpr int kVersion = 13000;

// By number of CUdevice_attribute. Sizes and counts are those of an A100-SXM4-40GB; what the simulator cannot do
// (textures, cooperative launches, virtual memory, clusters) is 0.
const std::map<int, int>& attributes() {
  static const std::map<int, int> all = {
      {1, 1024},                  // max threads per block
      {2, 1024},                  // max block dim x
      {3, 1024},                  // max block dim y
      {4, 64},                    // max block dim z
      {5, 2147483647},            // max grid dim x
      {6, 65535},                 // max grid dim y
      {7, 65535},                 // max grid dim z
      {8, 49152},                 // shared memory per block
      {9, 65536},                 // constant memory
      {10, 32},                   // warp size
      {11, 2147483647},           // max pitch
      {12, 65536},                // registers per block
      {13, 1410000},              // clock, kHz
      {14, 512},                  // texture alignment
      {15, 1},                    // copies overlap kernels
      {16, 108},                  // multiprocessors
      {19, 1},                    // can map host memory
      {30, 512},                  // surface alignment
      {31, 1},                    // concurrent kernels
      {32, 1},                    // ECC
      {36, 1215000},              // memory clock, kHz
      {37, 5120},                 // memory bus width, bits
      {38, 41943040},             // L2 cache, bytes
      {39, 2048},                 // threads per multiprocessor
      {40, 3},                    // copy engines
      {41, 1},                    // unified addressing
      {51, 32},                   // texture pitch alignment
      {75, 8},                    // compute capability
      {76, 0},          {78, 1},  // stream priorities
      {79, 1},                    // global L1 cache
      {80, 1},                    // local L1 cache
      {81, 167936},               // shared memory per multiprocessor
      {82, 65536},                // registers per multiprocessor
      {83, 1},                    // managed memory
      {87, 2},                    // single to double performance
      {90, 1},                    // compute preemption
      {91, 1},                    // host pointer of registered memory is the device pointer
      {97, 166912},               // shared memory per block, opt-in
      {99, 1},                    // host register
      {106, 32},                  // blocks per multiprocessor
      {108, 0},                   // persisting L2
      {109, 0},                   // access policy window
      {111, 1024},                // reserved shared memory per block
      {115, 1},                   // memory pools
      {126, 1},                   // memory synchronisation domains
  };
  return all;
}

struct ErrorText {
  CUresult code;
  const char *name, *text;
};
constexpr ErrorText kErrors[] = {
#define ERROR(name, value, text) {static_cast<CUresult>(value), #name, text},
#include "errors.def"
#undef ERROR
};

const ErrorText* error_text(CUresult code) {
  auto it = std::find_if(std::begin(kErrors), std::end(kErrors), [&](const ErrorText& e) { return e.code == code; });
  return it == std::end(kErrors) ? nullptr : it;
}

}  // namespace

void sim::check_device(CUdevice device) {
  if (device != 0) fail(CUDA_ERROR_INVALID_DEVICE, "device " + std::to_string(device) + "; there is device 0 only");
}

SIM_API CUresult cuInit(unsigned int flags) {
  return api_call("cuInit", false, [&] {
    require(flags == 0, "flags must be 0");
    state().initialised = true;
  });
}

SIM_API CUresult cuDriverGetVersion(int* version) {
  return api_call("cuDriverGetVersion", false, [&] {
    require(version, "no place for the version");
    *version = kVersion;
  });
}

SIM_API CUresult cuGetErrorName(CUresult error, const char** text) {
  if (!text) return CUDA_ERROR_INVALID_VALUE;
  const ErrorText* e = error_text(error);
  *text = e ? e->name : nullptr;
  return e ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/** The whole text of the last failure, if it had this code; else what the code means. */
SIM_API CUresult cuGetErrorString(CUresult error, const char** text) {
  if (!text) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard guard(state().lock);
  const ErrorText* e = error_text(error);
  const char* told = failure_text(error);
  *text = told ? told : e ? e->text : nullptr;
  return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

SIM_API CUresult cuDeviceGetCount(int* count) {
  return api("cuDeviceGetCount", [&] {
    require(count, "no place for the count");
    *count = 1;
  });
}

SIM_API CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return api("cuDeviceGet", [&] {
    require(device, "no place for the device");
    check_device(ordinal);
    *device = 0;
  });
}

SIM_API CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  return api("cuDeviceGetName", [&] {
    check_device(device);
    require(name && length > 0, "no place for the name");
    std::snprintf(name, size_t(length), "%s", kName);
  });
}

SIM_API CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  return api("cuDeviceGetUuid", [&] {
    check_device(device);
    require(uuid, "no place for the uuid");
    std::memcpy(uuid->bytes, "SdAE-sim-sm_80-0", 16);
  });
}
SIM_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

SIM_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  return api("cuDeviceTotalMem", [&] {
    check_device(device);
    require(bytes, "no place for the size");
    *bytes = state().memory.limit();
  });
}

SIM_API CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return api("cuDeviceGetAttribute", [&] {
    check_device(device);
    require(value, "no place for the value");
    constexpr int kAttributes = 148;  // known to CUDA 13.0
    require(int(attribute) > 0 && int(attribute) < kAttributes, "no such attribute");
    auto it = attributes().find(int(attribute));
    *value = it == attributes().end() ? 0 : it->second;
  });
}

SIM_API CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
  return api("cuDeviceComputeCapability", [&] {
    check_device(device);
    require(major && minor, "no place for the version");
    *major = 8;
    *minor = 0;
  });
}

SIM_API CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
  return api("cuDeviceGetPCIBusId", [&] {
    check_device(device);
    require(id && length > int(sizeof kBusId) - 1, "no place for the bus id");
    std::memcpy(id, kBusId, sizeof kBusId);
  });
}

SIM_API CUresult cuDeviceGetByPCIBusId(CUdevice* device, const char* id) {
  return api("cuDeviceGetByPCIBusId", [&] {
    require(device && id, "null argument");
    if (std::strcmp(id, kBusId) != 0) fail(CUDA_ERROR_INVALID_DEVICE, std::string("no device at ") + id);
    *device = 0;
  });
}

SIM_API CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
  return api("cuDeviceCanAccessPeer", [&] {
    check_device(device);
    check_device(peer);
    require(can, "no place for the answer");
    *can = 0;
  });
}
