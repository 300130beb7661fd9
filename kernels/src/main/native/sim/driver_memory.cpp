// Allocation of device and host memory.
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
