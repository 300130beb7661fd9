// Allocation, host memory, and what is known of a pointer.
#include "driver.h"
#include <algorithm>
#include <cstring>

namespace sim {
namespace {

std::string numbered(const char* call) { return std::string(call) + " #" + std::to_string(++state().allocations); }

/** All of it known: the host may write there at any time, unseen. */
void know_all(uint64_t address) {
  const Allocation* a = state().memory.find(address, 1);
  std::memset(a->known, 1, a->end - a->begin);
}

uint64_t allocate(size_t bytes, Owned kind, unsigned flags = 0) {
  State& s = state();
  Context& context = current();
  require(bytes > 0, "no bytes asked for");
  std::string name = numbered(current_call());
  uint64_t address = s.memory.allocate(bytes, name);
  if (!address)
    fail(CUDA_ERROR_OUT_OF_MEMORY, std::to_string(bytes) + " bytes asked, " +
                                       std::to_string(s.memory.limit() - s.memory.used()) + " of " +
                                       std::to_string(s.memory.limit()) + " left");
  s.owned[address] = Ownership{&context, kind, flags, s.next_id++};
  if (kind != Owned::device) know_all(address);
  return address;
}

/** The allocation must be there and of one of these kinds. */
void check_release(uint64_t address, std::initializer_list<Owned> kinds) {
  auto it = state().owned.find(address);
  if (it == state().owned.end()) {
    state().memory.release(address);  // throws, with the reason
    return;
  }
  if (std::find(kinds.begin(), kinds.end(), it->second.kind) == kinds.end())
    fail(CUDA_ERROR_INVALID_VALUE, "not memory of this kind: " + state().memory.explain(address, 1));
}

void free_device(CUdeviceptr address) {
  current();
  if (!address) return;
  forbid_in_capture();
  check_release(address, {Owned::device, Owned::managed});
  synchronize(current());  // as cuMemFree does
  release_memory(address);
}

}  // namespace

const Ownership* owner_of(uint64_t address) {
  const Allocation* a = state().memory.find(address, 1);
  if (!a) return nullptr;
  auto it = state().owned.find(a->begin);
  return it == state().owned.end() ? nullptr : &it->second;
}

bool is_device_memory(uint64_t address) {
  const Ownership* owner = owner_of(address);
  return owner && (owner->kind == Owned::device || owner->kind == Owned::variable || owner->kind == Owned::managed);
}

void release_memory(uint64_t address) {
  State& s = state();
  const Allocation* a = s.memory.find(address, 1);
  if (a && a->begin == address) {
    s.hazards.forget(a->begin, a->end);
    s.hazards.end_loans(a->begin, a->end);
  }
  s.memory.release(address);
  s.owned.erase(address);
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  return api("cuMemAlloc", [&] {
    require(address, "no place for the address");
    forbid_in_capture();
    *address = allocate(bytes, Owned::device);
  });
}

SIM_API CUresult cuMemAllocPitch_v2(CUdeviceptr* address, size_t* pitch, size_t width, size_t height,
                                    unsigned int element) {
  return api("cuMemAllocPitch", [&] {
    require(address && pitch, "no place for the address or the pitch");
    require(element == 4 || element == 8 || element == 16, "elements of 4, 8 or 16 bytes");
    forbid_in_capture();
    size_t padded = (width + 511) / 512 * 512;
    *address = allocate(padded * height, Owned::device);
    *pitch = padded;
  });
}

SIM_API CUresult cuMemAllocManaged(CUdeviceptr* address, size_t bytes, unsigned int flags) {
  return api("cuMemAllocManaged", [&] {
    require(address, "no place for the address");
    require(flags == 1 || flags == 2, "flags must be CU_MEM_ATTACH_GLOBAL or CU_MEM_ATTACH_HOST");
    forbid_in_capture();
    *address = allocate(bytes, Owned::managed, flags);
  });
}

SIM_API CUresult cuMemFree_v2(CUdeviceptr address) {
  return api("cuMemFree", [&] { free_device(address); });
}

static void alloc_async(CUdeviceptr* address, size_t bytes, CUstream handle) {
  require(address, "no place for the address");
  std::shared_ptr<Stream> stream = stream_of(handle);
  if (stream->capture) fail(CUDA_ERROR_NOT_SUPPORTED, "allocation nodes of graphs are not simulated");
  *address = allocate(bytes, Owned::device);
  order(*stream);
  // The allocation itself is the first write: another stream must wait for it.
  auto who = std::make_shared<const std::string>(std::string(current_call()) + " in " + stream->lane.name);
  state().hazards.access(stream->lane, who, *address, *address + bytes, true);
}

SIM_API CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes, CUstream stream) {
  return api("cuMemAllocAsync", [&] { alloc_async(address, bytes, stream); });
}
SIM_API CUresult cuMemAllocFromPoolAsync(CUdeviceptr* address, size_t bytes, CUmemoryPool, CUstream stream) {
  return api("cuMemAllocFromPoolAsync", [&] { alloc_async(address, bytes, stream); });
}

SIM_API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) {
  return api("cuMemFreeAsync", [&] {
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!address) return;
    if (stream->capture) fail(CUDA_ERROR_NOT_SUPPORTED, "free nodes of graphs are not simulated");
    check_release(address, {Owned::device});
    order(*stream);
    const Allocation* a = state().memory.find(address, 1);
    auto who = std::make_shared<const std::string>("cuMemFreeAsync in " + stream->lane.name);
    state().hazards.access(stream->lane, who, a->begin, a->end, true);
    release_memory(address);
  });
}

SIM_API CUresult cuMemHostAlloc(void** address, size_t bytes, unsigned int flags) {
  return api("cuMemHostAlloc", [&] {
    require(address, "no place for the address");
    require(flags < 8, "unknown flags");
    forbid_in_capture();
    *address = reinterpret_cast<void*>(allocate(bytes, Owned::pinned, flags));
  });
}
SIM_API CUresult cuMemAllocHost_v2(void** address, size_t bytes) {
  return api("cuMemAllocHost", [&] {
    require(address, "no place for the address");
    forbid_in_capture();
    *address = reinterpret_cast<void*>(allocate(bytes, Owned::pinned));
  });
}

SIM_API CUresult cuMemFreeHost(void* p) {
  return api("cuMemFreeHost", [&] {
    current();
    uint64_t address = reinterpret_cast<uint64_t>(p);
    if (!address) return;
    forbid_in_capture();
    check_release(address, {Owned::pinned});
    release_memory(address);
  });
}

SIM_API CUresult cuMemHostRegister_v2(void* p, size_t bytes, unsigned int flags) {
  return api("cuMemHostRegister", [&] {
    Context& context = current();
    require(p && bytes, "no memory given");
    require(flags < 16 && !(flags & 4), "unknown flags (CU_MEMHOSTREGISTER_IOMEMORY is not simulated)");
    forbid_in_capture();
    uint64_t address = reinterpret_cast<uint64_t>(p);
    try {
      state().memory.adopt(address, bytes, numbered("cuMemHostRegister"));
    } catch (const Fault& e) {
      fail(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, e.what());
    }
    if (flags & 8) state().memory.protect(address, true);
    state().owned[address] = Ownership{&context, Owned::registered, flags, state().next_id++};
  });
}
SIM_API CUresult cuMemHostRegister(void* p, size_t bytes, unsigned int flags) {
  return cuMemHostRegister_v2(p, bytes, flags);
}

SIM_API CUresult cuMemHostUnregister(void* p) {
  return api("cuMemHostUnregister", [&] {
    current();
    uint64_t address = reinterpret_cast<uint64_t>(p);
    auto it = state().owned.find(address);
    if (it == state().owned.end() || it->second.kind != Owned::registered)
      fail(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "not the start of registered memory");
    release_memory(address);
  });
}

SIM_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* address, void* p, unsigned int flags) {
  return api("cuMemHostGetDevicePointer", [&] {
    current();
    require(address && flags == 0, "no place for the address, or flags");
    const Ownership* owner = owner_of(reinterpret_cast<uint64_t>(p));
    require(owner && (owner->kind == Owned::pinned || owner->kind == Owned::registered),
            "not memory of cuMemHostAlloc or cuMemHostRegister");
    *address = reinterpret_cast<uint64_t>(p);
  });
}

SIM_API CUresult cuMemHostGetFlags(unsigned int* flags, void* p) {
  return api("cuMemHostGetFlags", [&] {
    current();
    const Ownership* owner = owner_of(reinterpret_cast<uint64_t>(p));
    require(flags && owner && owner->kind == Owned::pinned, "not memory of cuMemHostAlloc");
    *flags = owner->flags | 2;  // unified addressing maps all of it
  });
}

SIM_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  return api("cuMemGetInfo", [&] {
    current();
    require(free && total, "no place for the sizes");
    *total = state().memory.limit();
    *free = *total - state().memory.used();
  });
}

SIM_API CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* size, CUdeviceptr address) {
  return api("cuMemGetAddressRange", [&] {
    current();
    const Allocation* a = state().memory.find(address, 1);
    if (!a) fail(CUDA_ERROR_NOT_FOUND, state().memory.explain(address, 1));
    if (base) *base = a->begin;
    if (size) *size = a->end - a->begin;
  });
}

/** One attribute; false if this memory has no such thing. */
static bool pointer_attribute(void* data, CUpointer_attribute attribute, CUdeviceptr address) {
  const Ownership* owner = owner_of(address);
  if (!owner) return false;
  const Allocation* a = state().memory.find(address, 1);
  bool host = owner->kind == Owned::pinned || owner->kind == Owned::registered;
  auto give = [&](auto value) { std::memcpy(data, &value, sizeof value); };
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      give(owner->context ? owner->context->handle : nullptr);
      return true;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      give(unsigned(host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE));
      return true;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
      give(address);
      return true;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (host || owner->kind == Owned::managed) give(address);
      return host || owner->kind == Owned::managed;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
      give(int(0));
      return true;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      give(owner->id);
      return true;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      give(int(owner->kind == Owned::managed));
      return true;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      give(int(0));
      return true;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      give(a->begin);
      return true;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      give(size_t(a->end - a->begin));
      return true;
    case CU_POINTER_ATTRIBUTE_MAPPED:
      give(int(1));
      return true;
    default:
      fail(CUDA_ERROR_NOT_SUPPORTED, "pointer attribute " + std::to_string(int(attribute)));
  }
}

SIM_API CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr address) {
  return api("cuPointerGetAttribute", [&] {
    current();
    require(data, "no place for the value");
    // Programs ask this of host pointers to find out what they are.
    if (!pointer_attribute(data, attribute, address))
      throw DriverError{CUDA_ERROR_INVALID_VALUE, state().memory.explain(address, 1), true};
  });
}

SIM_API CUresult cuPointerGetAttributes(unsigned int count, CUpointer_attribute* attributes, void** data,
                                        CUdeviceptr address) {
  return api("cuPointerGetAttributes", [&] {
    current();
    require(count && attributes && data, "null argument");
    for (unsigned i = 0; i < count; ++i)
      if (!pointer_attribute(data[i], attributes[i], address)) {
        // Unknown memory: nulls, and no error, as in CUDA. Ordinals are -2 then.
        bool number =
            attributes[i] == CU_POINTER_ATTRIBUTE_MEMORY_TYPE || attributes[i] == CU_POINTER_ATTRIBUTE_IS_MANAGED ||
            attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL || attributes[i] == CU_POINTER_ATTRIBUTE_MAPPED;
        int ordinal = attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL ? -2 : 0;
        if (number)
          std::memcpy(data[i], &ordinal, sizeof ordinal);
        else
          std::memset(data[i], 0, sizeof(void*));
      }
  });
}

SIM_API CUresult cuPointerSetAttribute(const void* value, CUpointer_attribute attribute, CUdeviceptr address) {
  return api("cuPointerSetAttribute", [&] {
    current();
    require(value && attribute == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, "only SYNC_MEMOPS can be set");
    require(owner_of(address), "no memory of this device");
  });
}

/** Prefetching and advice move nothing here; the memory must exist. */
static void check_managed(CUdeviceptr address, size_t bytes) {
  current();
  if (!state().memory.find(address, bytes)) fail(CUDA_ERROR_INVALID_VALUE, state().memory.explain(address, bytes));
}
SIM_API CUresult cuMemPrefetchAsync(CUdeviceptr address, size_t bytes, CUdevice, CUstream) {
  return api("cuMemPrefetchAsync", [&] { check_managed(address, bytes); });
}
SIM_API CUresult cuMemPrefetchAsync_v2(CUdeviceptr address, size_t bytes, CUmemLocation, unsigned int, CUstream) {
  return api("cuMemPrefetchAsync", [&] { check_managed(address, bytes); });
}
SIM_API CUresult cuMemAdvise(CUdeviceptr address, size_t bytes, CUmem_advise, CUdevice) {
  return api("cuMemAdvise", [&] { check_managed(address, bytes); });
}
SIM_API CUresult cuMemAdvise_v2(CUdeviceptr address, size_t bytes, CUmem_advise, CUmemLocation) {
  return api("cuMemAdvise", [&] { check_managed(address, bytes); });
}

// One pool, the device's own; it gives back all at once, so its settings change nothing.
static const CUmemoryPool kPool = reinterpret_cast<CUmemoryPool>(uint64_t(0xC7) << 40);

SIM_API CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice device) {
  return api("cuDeviceGetDefaultMemPool", [&] {
    require(pool && device == 0, "no place for the pool, or no such device");
    *pool = kPool;
  });
}
SIM_API CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice device) {
  return cuDeviceGetDefaultMemPool(pool, device);
}
SIM_API CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute, void* value) {
  return api("cuMemPoolSetAttribute", [&] { require(pool == kPool && value, "not the device's pool, or no value"); });
}
SIM_API CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void* value) {
  return api("cuMemPoolGetAttribute", [&] {
    require(pool == kPool && value, "not the device's pool, or no place for the value");
    uint64_t used = state().memory.used();
    if (attribute >= CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT)
      std::memcpy(value, &used, 8);
    else if (attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD)
      std::memset(value, 0, 8);
    else
      std::memset(value, 0, 4);
  });
}
SIM_API CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
  return api("cuMemPoolTrimTo", [&] { require(pool == kPool, "not the device's pool"); });
}
