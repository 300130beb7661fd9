// What is known of a pointer; advice, prefetching and the memory pool, which change nothing here.
#include "driver.h"
#include <cstring>

using namespace sim;

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
