// What a program may ask of a kernel, and set.
#include "driver.h"
#include <algorithm>

using namespace sim;

namespace {

constexpr int kSharedOptIn = 163 << 10;  // an A100's most for one block

std::shared_ptr<Function> function_of(const void* handle) { return state().functions.get(handle); }

int attribute_of(const Function& f, CUfunction_attribute attribute) {
  const Kernel& k = *f.kernel;
  uint64_t constants = 0;
  for (const Variable& v : f.module->program->variables()) constants += v.constant ? v.size : 0;
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      return int(std::min(1024u, k.max_threads));
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      return int(k.static_shared);
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
      return int(constants);
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      return int(k.local);
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      return 0;  // ptxas decides that, and no ptxas ran
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
      return 80;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      return 80;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      return int(f.max_dynamic_shared);
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      return f.carveout;
    default:
      require(attribute >= 0 && attribute <= CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE,
              "no such attribute");
      return 0;
  }
}

void set_attribute(Function& f, CUfunction_attribute attribute, int value) {
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      if (value < 0 || value + int(f.kernel->static_shared) > kSharedOptIn)
        fail(CUDA_ERROR_INVALID_VALUE, f.kernel->name + ": " + std::to_string(value) + " bytes of dynamic and " +
                                           std::to_string(f.kernel->static_shared) +
                                           " of static shared memory; a block has at most " +
                                           std::to_string(kSharedOptIn));
      f.max_dynamic_shared = uint32_t(value);
      return;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      require(value >= -1 && value <= 100, "the carveout is a percentage, or -1");
      f.carveout = value;
      return;
    default:
      fail(CUDA_ERROR_INVALID_VALUE, "attribute " + std::to_string(int(attribute)) + " cannot be set");
  }
}

void give_parameter(const Kernel& kernel, size_t index, size_t* offset, size_t* size) {
  require(index < kernel.parameters.size(), "the kernel has fewer parameters");
  if (offset) *offset = kernel.parameters[index].offset;
  if (size) *size = kernel.parameters[index].size;
}

}  // namespace

SIM_API CUresult cuKernelGetFunction(CUfunction* function, CUkernel kernel) {
  return api("cuKernelGetFunction", [&] {
    current();
    require(function, "no place for the function");
    function_of(kernel);
    *function = reinterpret_cast<CUfunction>(kernel);
  });
}
SIM_API CUresult cuKernelGetLibrary(CUlibrary* library, CUkernel kernel) {
  return api("cuKernelGetLibrary", [&] {
    require(library, "no place for the library");
    *library = static_cast<CUlibrary>(function_of(kernel)->library);
    require(*library, "a function of a module, not a kernel of a library");
  });
}
SIM_API CUresult cuKernelGetAttribute(int* value, CUfunction_attribute attribute, CUkernel kernel, CUdevice) {
  return api("cuKernelGetAttribute", [&] {
    require(value, "no place for the value");
    *value = attribute_of(*function_of(kernel), attribute);
  });
}
SIM_API CUresult cuKernelSetAttribute(CUfunction_attribute attribute, int value, CUkernel kernel, CUdevice) {
  return api("cuKernelSetAttribute", [&] { set_attribute(*function_of(kernel), attribute, value); });
}
SIM_API CUresult cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache, CUdevice) {
  return api("cuKernelSetCacheConfig", [&] { function_of(kernel); });
}
SIM_API CUresult cuKernelGetName(const char** name, CUkernel kernel) {
  return api("cuKernelGetName", [&] {
    require(name, "no place for the name");
    *name = function_of(kernel)->kernel->name.c_str();
  });
}
SIM_API CUresult cuKernelGetParamInfo(CUkernel kernel, size_t index, size_t* offset, size_t* size) {
  return api("cuKernelGetParamInfo", [&] { give_parameter(*function_of(kernel)->kernel, index, offset, size); });
}

SIM_API CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  return api("cuFuncGetAttribute", [&] {
    current();
    require(value, "no place for the value");
    *value = attribute_of(*function_of(function), attribute);
  });
}
SIM_API CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  return api("cuFuncSetAttribute", [&] {
    current();
    set_attribute(*function_of(function), attribute, value);
  });
}
SIM_API CUresult cuFuncSetCacheConfig(CUfunction function, CUfunc_cache) {
  return api("cuFuncSetCacheConfig", [&] {
    current();
    function_of(function);
  });
}
/** Banks have four bytes since Maxwell; programs of older devices ask for eight. */
SIM_API CUresult cuFuncSetSharedMemConfig(CUfunction function, CUsharedconfig) {
  return api("cuFuncSetSharedMemConfig", [&] {
    current();
    function_of(function);
  });
}
SIM_API CUresult cuFuncGetModule(CUmodule* module, CUfunction function) {
  return api("cuFuncGetModule", [&] {
    require(module, "no place for the module");
    std::shared_ptr<Function> f = function_of(function);
    for (const auto& [handle, m] : state().modules.all())
      if (m == f->module) *module = static_cast<CUmodule>(handle);
  });
}
SIM_API CUresult cuFuncGetName(const char** name, CUfunction function) {
  return api("cuFuncGetName", [&] {
    require(name, "no place for the name");
    *name = function_of(function)->kernel->name.c_str();
  });
}
SIM_API CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t* offset, size_t* size) {
  return api("cuFuncGetParamInfo", [&] { give_parameter(*function_of(function)->kernel, index, offset, size); });
}
SIM_API CUresult cuFuncIsLoaded(CUfunctionLoadingState* loaded, CUfunction function) {
  return api("cuFuncIsLoaded", [&] {
    require(loaded, "no place for the answer");
    function_of(function);
    *loaded = CU_FUNCTION_LOADING_STATE_LOADED;
  });
}
SIM_API CUresult cuFuncLoad(CUfunction function) {
  return api("cuFuncLoad", [&] { function_of(function); });
}
