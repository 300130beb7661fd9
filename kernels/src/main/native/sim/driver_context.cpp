// Contexts, the stack of current ones that every thread has, and the primary context.
#include "driver.h"
#include <algorithm>

namespace sim {
namespace {

thread_local std::vector<void*> stack;

std::shared_ptr<Context> make_context(unsigned flags, bool primary) {
  auto context = std::make_shared<Context>();
  context->flags = flags;
  context->primary = primary;
  context->limits = {{CU_LIMIT_STACK_SIZE, 1024},
                     {CU_LIMIT_PRINTF_FIFO_SIZE, 1 << 20},
                     {CU_LIMIT_MALLOC_HEAP_SIZE, 8 << 20},
                     {CU_LIMIT_MAX_L2_FETCH_GRANULARITY, 64},
                     {CU_LIMIT_PERSISTING_L2_CACHE_SIZE, 0}};
  context->legacy = std::make_shared<Stream>();
  context->legacy->context = context.get();
  context->legacy->legacy = true;
  context->legacy->id = state().next_id++;
  context->legacy->lane = state().hazards.lane("the default stream");
  context->handle = state().contexts.add(context);
  return context;
}

std::shared_ptr<Context> context_of(CUcontext handle) { return state().contexts.get(handle); }

void destroy(const std::shared_ptr<Context>& context) {
  destroy_context_objects(*context);
  state().contexts.remove(context->handle);
}

void reset_primary() {
  State& s = state();
  if (!s.primary) return;
  destroy(std::exchange(s.primary, nullptr));
}

}  // namespace

std::shared_ptr<Context> current_or_null() {
  if (stack.empty() || !stack.back() || !state().contexts.has(stack.back())) return nullptr;
  return state().contexts.get(stack.back());
}

Context& current() {
  if (!stack.empty() && stack.back() && !state().contexts.has(stack.back()))
    fail(CUDA_ERROR_CONTEXT_IS_DESTROYED, "the current context was destroyed");
  std::shared_ptr<Context> context = current_or_null();
  if (!context) fail(CUDA_ERROR_INVALID_CONTEXT, "no context is current on this thread");
  check_sticky(*context);
  return *context;
}

void destroy_context_objects(Context& context) {
  State& s = state();
  drop_captures(context);
  auto mine = [&](const auto& object) { return object.context == &context; };
  s.streams.remove_if(mine);
  s.events.remove_if(mine);
  s.functions.remove_if([&](const Function& f) { return f.module->context == &context; });
  s.modules.remove_if(mine);
  std::vector<uint64_t> addresses;
  for (const auto& [address, owner] : s.owned)
    if (owner.context == &context) addresses.push_back(address);
  for (uint64_t address : addresses) release_memory(address);
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuCtxCreate_v2(CUcontext* context, unsigned int flags, CUdevice device) {
  return api("cuCtxCreate", [&] {
    require(context, "no place for the context");
    check_device(device);
    *context = static_cast<CUcontext>(make_context(flags, false)->handle);
    stack.push_back(*context);
  });
}
SIM_API CUresult cuCtxCreate(CUcontext* context, unsigned int flags, CUdevice device) {
  return cuCtxCreate_v2(context, flags, device);
}
SIM_API CUresult cuCtxCreate_v3(CUcontext* context, CUexecAffinityParam* affinity, int count, unsigned int flags,
                                CUdevice device) {
  if (affinity && count)
    return api("cuCtxCreate", [] { fail(CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY, "execution affinity"); });
  return cuCtxCreate_v2(context, flags, device);
}
SIM_API CUresult cuCtxCreate_v4(CUcontext* context, CUctxCreateParams* parameters, unsigned int flags,
                                CUdevice device) {
  if (parameters)
    return api("cuCtxCreate", [] { fail(CUDA_ERROR_NOT_SUPPORTED, "context creation parameters are not simulated"); });
  return cuCtxCreate_v2(context, flags, device);
}

SIM_API CUresult cuCtxDestroy_v2(CUcontext handle) {
  return api("cuCtxDestroy", [&] {
    std::shared_ptr<Context> context = context_of(handle);
    if (context->primary) fail(CUDA_ERROR_INVALID_CONTEXT, "the primary context is released, not destroyed");
    destroy(context);
    if (!stack.empty() && stack.back() == handle) stack.pop_back();
  });
}
SIM_API CUresult cuCtxDestroy(CUcontext handle) { return cuCtxDestroy_v2(handle); }

SIM_API CUresult cuCtxPushCurrent_v2(CUcontext handle) {
  return api("cuCtxPushCurrent", [&] {
    context_of(handle);
    stack.push_back(handle);
  });
}
SIM_API CUresult cuCtxPushCurrent(CUcontext handle) { return cuCtxPushCurrent_v2(handle); }

SIM_API CUresult cuCtxPopCurrent_v2(CUcontext* handle) {
  return api("cuCtxPopCurrent", [&] {
    if (stack.empty()) fail(CUDA_ERROR_INVALID_CONTEXT, "no context is current on this thread");
    if (handle) *handle = static_cast<CUcontext>(stack.back());
    stack.pop_back();
  });
}
SIM_API CUresult cuCtxPopCurrent(CUcontext* handle) { return cuCtxPopCurrent_v2(handle); }

SIM_API CUresult cuCtxSetCurrent(CUcontext handle) {
  return api("cuCtxSetCurrent", [&] {
    if (handle) context_of(handle);
    if (!stack.empty()) stack.pop_back();
    if (handle) stack.push_back(handle);
  });
}

SIM_API CUresult cuCtxGetCurrent(CUcontext* handle) {
  return api("cuCtxGetCurrent", [&] {
    require(handle, "no place for the context");
    *handle = stack.empty() ? nullptr : static_cast<CUcontext>(stack.back());
  });
}

SIM_API CUresult cuCtxGetDevice(CUdevice* device) {
  return api("cuCtxGetDevice", [&] {
    require(device, "no place for the device");
    current();
    *device = 0;
  });
}
SIM_API CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext context) {
  return api("cuCtxGetDevice", [&] {
    require(device, "no place for the device");
    if (context)
      context_of(context);
    else
      current();
    *device = 0;
  });
}

SIM_API CUresult cuCtxGetFlags(unsigned int* flags) {
  return api("cuCtxGetFlags", [&] {
    require(flags, "no place for the flags");
    *flags = current().flags;
  });
}
SIM_API CUresult cuCtxSetFlags(unsigned int flags) {
  return api("cuCtxSetFlags", [&] { current().flags = flags; });
}

SIM_API CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) {
  return api("cuCtxGetId", [&] {
    require(id, "no place for the id");
    *id = handle ? context_of(handle)->legacy->id : current().legacy->id;
  });
}

SIM_API CUresult cuCtxGetApiVersion(CUcontext handle, unsigned int* version) {
  return api("cuCtxGetApiVersion", [&] {
    require(version, "no place for the version");
    if (handle) context_of(handle);
    *version = 3020;
  });
}

SIM_API CUresult cuCtxGetLimit(size_t* value, CUlimit limit) {
  return api("cuCtxGetLimit", [&] {
    require(value, "no place for the value");
    auto it = current().limits.find(int(limit));
    if (it == current().limits.end()) fail(CUDA_ERROR_UNSUPPORTED_LIMIT, "limit " + std::to_string(int(limit)));
    *value = it->second;
  });
}
SIM_API CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  return api("cuCtxSetLimit", [&] {
    auto it = current().limits.find(int(limit));
    if (it == current().limits.end()) fail(CUDA_ERROR_UNSUPPORTED_LIMIT, "limit " + std::to_string(int(limit)));
    it->second = value;
  });
}

SIM_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return api("cuCtxGetStreamPriorityRange", [&] {
    current();
    if (least) *least = 0;
    if (greatest) *greatest = -5;
  });
}

SIM_API CUresult cuCtxGetCacheConfig(CUfunc_cache* config) {
  return api("cuCtxGetCacheConfig", [&] {
    require(config, "no place for the answer");
    *config = current().cache_config;
  });
}
SIM_API CUresult cuCtxSetCacheConfig(CUfunc_cache config) {
  return api("cuCtxSetCacheConfig", [&] { current().cache_config = config; });
}
SIM_API CUresult cuCtxGetSharedMemConfig(CUsharedconfig* config) {
  return api("cuCtxGetSharedMemConfig", [&] {
    require(config, "no place for the answer");
    current();
    *config = CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE;
  });
}
SIM_API CUresult cuCtxSetSharedMemConfig(CUsharedconfig) {
  return api("cuCtxSetSharedMemConfig", [] { current(); });
}
SIM_API CUresult cuCtxResetPersistingL2Cache(void) {
  return api("cuCtxResetPersistingL2Cache", [] { current(); });
}

SIM_API CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return api("cuDevicePrimaryCtxRetain", [&] {
    require(context, "no place for the context");
    check_device(device);
    State& s = state();
    if (!s.primary) s.primary = make_context(s.primary_flags, true);
    ++s.primary_references;
    *context = static_cast<CUcontext>(s.primary->handle);
  });
}

SIM_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return api("cuDevicePrimaryCtxRelease", [&] {
    check_device(device);
    State& s = state();
    if (s.primary_references == 0) fail(CUDA_ERROR_INVALID_CONTEXT, "the primary context is not retained");
    if (--s.primary_references == 0) reset_primary();
  });
}
SIM_API CUresult cuDevicePrimaryCtxRelease(CUdevice device) { return cuDevicePrimaryCtxRelease_v2(device); }

SIM_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return api("cuDevicePrimaryCtxReset", [&] {
    check_device(device);
    reset_primary();
  });
}
SIM_API CUresult cuDevicePrimaryCtxReset(CUdevice device) { return cuDevicePrimaryCtxReset_v2(device); }

SIM_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned int flags) {
  return api("cuDevicePrimaryCtxSetFlags", [&] {
    check_device(device);
    state().primary_flags = flags;
    if (state().primary) state().primary->flags = flags;
  });
}
SIM_API CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned int flags) {
  return cuDevicePrimaryCtxSetFlags_v2(device, flags);
}

SIM_API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int* flags, int* active) {
  return api("cuDevicePrimaryCtxGetState", [&] {
    check_device(device);
    require(flags && active, "no place for the answer");
    *flags = state().primary_flags;
    *active = state().primary != nullptr;
  });
}
