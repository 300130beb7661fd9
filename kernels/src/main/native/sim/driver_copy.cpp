// cuMemcpy* and cuMemset*: every form becomes one CopyWork or FillWork.
#include "driver.h"

using namespace sim;

namespace {

constexpr CUstream kDefault = nullptr;

uint64_t host(const void* p) { return reinterpret_cast<uint64_t>(p); }

/** A side of a unified copy: device memory if the simulated device knows the address. */
bool on_device(uint64_t address) { return is_device_memory(address); }

bool pageable(uint64_t address) { return state().memory.find(address, 1) == nullptr; }

CopyWork flat(uint64_t to, uint64_t from, size_t bytes, bool to_device, bool from_device) {
  CopyWork c;
  c.to = to;
  c.from = from;
  c.width = bytes;
  c.to_device = to_device;
  c.from_device = from_device;
  return c;
}

/** What the host may rely on when the call returns (CUDA driver API, "API synchronization behavior"). */
bool host_waits(const CopyWork& c, bool asynchronous) {
  if (asynchronous) return !c.to_device && pageable(c.to);  // to pageable memory: done on return
  if (!c.to_device) return true;
  return !c.from_device && !pageable(c.from);  // from pageable memory: staged, perhaps not yet there
}

void copy(CUstream handle, CopyWork c, bool asynchronous) {
  std::shared_ptr<Stream> stream = stream_of(handle);
  if (!asynchronous) forbid_in_capture();
  if (c.width == 0 || c.height == 0 || c.depth == 0) return;
  check_copy(c);
  c.asynchronous = asynchronous;
  bool waits = host_waits(c, asynchronous) && !stream->capture;
  submit(*stream, c);
  if (waits) state().hazards.host_waits(stream->lane.clock);
}

void fill(CUstream handle, FillWork f, bool asynchronous) {
  std::shared_ptr<Stream> stream = stream_of(handle);
  if (!asynchronous) forbid_in_capture();
  if (f.width == 0 || f.height == 0) return;
  check_fill(f);
  bool waits = !asynchronous && owner_of(f.to)->kind != Owned::device;
  submit(*stream, f);
  if (waits) state().hazards.host_waits(stream->lane.clock);
}

struct Side {
  uint64_t base;
  bool device;
};

Side side_of(CUmemorytype type, const void* host_pointer, CUdeviceptr device) {
  switch (type) {
    case CU_MEMORYTYPE_HOST:
      return {host(host_pointer), false};
    case CU_MEMORYTYPE_DEVICE:
      return {device, true};
    case CU_MEMORYTYPE_UNIFIED:
      return {device, on_device(device)};
    case CU_MEMORYTYPE_ARRAY:
      fail(CUDA_ERROR_NOT_SUPPORTED, "CUDA arrays are not simulated");
  }
  fail(CUDA_ERROR_INVALID_VALUE, "no such memory type");
}

}  // namespace

namespace sim {

CopyWork copy_of(const CUDA_MEMCPY3D& m) {
  Side from = side_of(m.srcMemoryType, m.srcHost, m.srcDevice);
  Side to = side_of(m.dstMemoryType, m.dstHost, m.dstDevice);
  CopyWork c;
  c.from_pitch = m.srcPitch ? m.srcPitch : m.WidthInBytes;
  c.to_pitch = m.dstPitch ? m.dstPitch : m.WidthInBytes;
  c.from_slice = c.from_pitch * (m.srcHeight ? m.srcHeight : m.Height);
  c.to_slice = c.to_pitch * (m.dstHeight ? m.dstHeight : m.Height);
  c.from = from.base + m.srcZ * c.from_slice + m.srcY * c.from_pitch + m.srcXInBytes;
  c.to = to.base + m.dstZ * c.to_slice + m.dstY * c.to_pitch + m.dstXInBytes;
  c.width = m.WidthInBytes;
  c.height = m.Height;
  c.depth = m.Depth;
  c.from_device = from.device;
  c.to_device = to.device;
  return c;
}

}  // namespace sim

static CUDA_MEMCPY3D as_3d(const CUDA_MEMCPY2D& m) {
  CUDA_MEMCPY3D c{};
  c.srcXInBytes = m.srcXInBytes;
  c.srcY = m.srcY;
  c.srcMemoryType = m.srcMemoryType;
  c.srcHost = m.srcHost;
  c.srcDevice = m.srcDevice;
  c.srcPitch = m.srcPitch;
  c.dstXInBytes = m.dstXInBytes;
  c.dstY = m.dstY;
  c.dstMemoryType = m.dstMemoryType;
  c.dstHost = m.dstHost;
  c.dstDevice = m.dstDevice;
  c.dstPitch = m.dstPitch;
  c.WidthInBytes = m.WidthInBytes;
  c.Height = m.Height;
  c.Depth = 1;
  return c;
}

// Every call in its three forms: on the default stream, on the thread's default stream (_ptds, _ptsz), asynchronous.
#define SYNC(name, symbol, parameters, work)                            \
  SIM_API CUresult symbol parameters {                                  \
    return api(name, [&] { copy(kDefault, work, false); });             \
  }                                                                     \
  SIM_API CUresult symbol##_ptds parameters {                           \
    return api(name, [&] { copy(CU_STREAM_PER_THREAD, work, false); }); \
  }
#define ASYNC(name, symbol, parameters, work)                           \
  SIM_API CUresult symbol parameters {                                  \
    return api(name, [&] { copy(stream, work, true); });                \
  }                                                                     \
  SIM_API CUresult symbol##_ptsz parameters {                           \
    return api(name, [&] { copy(or_per_thread(stream), work, true); }); \
  }

SYNC("cuMemcpyHtoD", cuMemcpyHtoD_v2, (CUdeviceptr to, const void* from, size_t bytes),
     flat(to, host(from), bytes, true, false))
SYNC("cuMemcpyDtoH", cuMemcpyDtoH_v2, (void* to, CUdeviceptr from, size_t bytes),
     flat(host(to), from, bytes, false, true))
SYNC("cuMemcpyDtoD", cuMemcpyDtoD_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes),
     flat(to, from, bytes, true, true))
SYNC("cuMemcpy", cuMemcpy, (CUdeviceptr to, CUdeviceptr from, size_t bytes),
     flat(to, from, bytes, on_device(to), on_device(from)))
ASYNC("cuMemcpyHtoDAsync", cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void* from, size_t bytes, CUstream stream),
      flat(to, host(from), bytes, true, false))
ASYNC("cuMemcpyDtoHAsync", cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, size_t bytes, CUstream stream),
      flat(host(to), from, bytes, false, true))
ASYNC("cuMemcpyDtoDAsync", cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream),
      flat(to, from, bytes, true, true))
ASYNC("cuMemcpyAsync", cuMemcpyAsync, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream),
      flat(to, from, bytes, on_device(to), on_device(from)))

static CopyWork copy_2d(const CUDA_MEMCPY2D* m) {
  require(m, "no copy given");
  return copy_of(as_3d(*m));
}
static CopyWork copy_3d(const CUDA_MEMCPY3D* m) {
  require(m, "no copy given");
  return copy_of(*m);
}
SYNC("cuMemcpy2D", cuMemcpy2D_v2, (const CUDA_MEMCPY2D* m), copy_2d(m))
SYNC("cuMemcpy2DUnaligned", cuMemcpy2DUnaligned_v2, (const CUDA_MEMCPY2D* m), copy_2d(m))
SYNC("cuMemcpy3D", cuMemcpy3D_v2, (const CUDA_MEMCPY3D* m), copy_3d(m))
ASYNC("cuMemcpy2DAsync", cuMemcpy2DAsync_v2, (const CUDA_MEMCPY2D* m, CUstream stream), copy_2d(m))
ASYNC("cuMemcpy3DAsync", cuMemcpy3DAsync_v2, (const CUDA_MEMCPY3D* m, CUstream stream), copy_3d(m))

#define FILL(name, bits, type)                                                                         \
  SIM_API CUresult name##_v2(CUdeviceptr to, type value, size_t count) {                               \
    return api(#name, [&] { fill(kDefault, {to, 0, value, bits / 8, count, 1}, false); });             \
  }                                                                                                    \
  SIM_API CUresult name##_v2_ptds(CUdeviceptr to, type value, size_t count) {                          \
    return api(#name, [&] { fill(CU_STREAM_PER_THREAD, {to, 0, value, bits / 8, count, 1}, false); }); \
  }                                                                                                    \
  SIM_API CUresult name##Async(CUdeviceptr to, type value, size_t count, CUstream stream) {            \
    return api(#name "Async", [&] { fill(stream, {to, 0, value, bits / 8, count, 1}, true); });        \
  }                                                                                                    \
  SIM_API CUresult name##Async_ptsz(CUdeviceptr to, type value, size_t count, CUstream stream) {       \
    return name##Async(to, value, count, or_per_thread(stream));                                       \
  }
#define FILL_2D(name, bits, type)                                                                               \
  SIM_API CUresult name##_v2(CUdeviceptr to, size_t pitch, type value, size_t width, size_t height) {           \
    return api(#name, [&] { fill(kDefault, {to, pitch, value, bits / 8, width, height}, false); });             \
  }                                                                                                             \
  SIM_API CUresult name##_v2_ptds(CUdeviceptr to, size_t pitch, type value, size_t width, size_t height) {      \
    return api(#name, [&] { fill(CU_STREAM_PER_THREAD, {to, pitch, value, bits / 8, width, height}, false); }); \
  }                                                                                                             \
  SIM_API CUresult name##Async(CUdeviceptr to, size_t pitch, type value, size_t width, size_t height,           \
                               CUstream stream) {                                                               \
    return api(#name "Async", [&] { fill(stream, {to, pitch, value, bits / 8, width, height}, true); });        \
  }                                                                                                             \
  SIM_API CUresult name##Async_ptsz(CUdeviceptr to, size_t pitch, type value, size_t width, size_t height,      \
                                    CUstream stream) {                                                          \
    return name##Async(to, pitch, value, width, height, or_per_thread(stream));                                 \
  }

FILL(cuMemsetD8, 8, unsigned char)
FILL(cuMemsetD16, 16, unsigned short)
FILL(cuMemsetD32, 32, unsigned int)
FILL_2D(cuMemsetD2D8, 8, unsigned char)
FILL_2D(cuMemsetD2D16, 16, unsigned short)
FILL_2D(cuMemsetD2D32, 32, unsigned int)
