// Modules and libraries.
#include "driver.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

namespace sim {
namespace {

constexpr uint32_t kSharedDefault = 48 << 10;  // static and dynamic together, without opting in

/** Puts the initial content of a variable into memory: zero where the PTX says nothing. */
void initialise(const Module& module, Variable& v) {
  const Allocation* a = state().memory.find(v.address, v.size);
  uint8_t* bytes = reinterpret_cast<uint8_t*>(v.address);
  std::memset(bytes, 0, v.size);
  std::memset(a->known, 1, v.size);
  if (!v.init.empty()) std::memcpy(bytes, v.init.data(), std::min<uint64_t>(v.init.size(), v.size));
  for (const auto& [offset, name] : v.address_of) {
    auto target = module.globals.find(name);
    if (target == module.globals.end()) fail(CUDA_ERROR_INVALID_PTX, v.name + " holds the address of unknown " + name);
    uint64_t addend, address;
    std::memcpy(&addend, v.init.data() + offset, 8);
    address = target->second.first + addend;
    std::memcpy(bytes + offset, &address, 8);
  }
}

}  // namespace

std::shared_ptr<Module> load_module(Context* context, const std::string& ptx, const std::string& name) {
  State& s = state();
  auto module = std::make_shared<Module>();
  module->context = context;
  module->name = name;
  module->program = Program::parse(ptx);
  for (Variable& v : module->program->variables()) {
    v.address = s.memory.allocate(std::max<uint64_t>(v.size, 1), "module variable " + v.name);
    if (!v.address) fail(CUDA_ERROR_OUT_OF_MEMORY, "no memory for the module variable " + v.name);
    s.owned[v.address] = Ownership{context, Owned::variable, 0, s.next_id++};
    module->globals[v.name] = {v.address, v.size};
  }
  for (Variable& v : module->program->variables()) {
    if (v.size) initialise(*module, v);
    if (v.constant) s.memory.protect(v.address, true);
  }
  return module;
}

void unload_module(Module& module) {
  state().functions.remove_if([&](const Function& f) { return f.module.get() == &module; });
  for (const auto& [name, place] : module.globals) release_memory(place.first);
  module.globals.clear();
}

void* function_handle(const std::shared_ptr<Module>& module, std::string_view name, void* library) {
  if (auto made = module->functions.find(name); made != module->functions.end()) return made->second;
  const Kernel* kernel = module->program->find(name);
  if (!kernel) {
    std::string all;
    for (const Kernel* k : module->program->kernels()) all += (all.empty() ? "" : ", ") + k->name;
    fail(CUDA_ERROR_NOT_FOUND,
         "no kernel " + std::string(name) + " in the module; it has " + (all.empty() ? "none" : all));
  }
  auto function = std::make_shared<Function>();
  function->module = module;
  function->kernel = kernel;
  function->library = library;
  function->max_dynamic_shared = kSharedDefault - std::min(kSharedDefault, kernel->static_shared);
  void* handle = state().functions.add(std::move(function));
  module->functions.emplace(std::string(name), handle);
  return handle;
}

namespace {

std::string read_file(const char* name) {
  require(name, "no file name");
  std::ifstream in(name, std::ios::binary);
  if (!in) fail(CUDA_ERROR_FILE_NOT_FOUND, name);
  return std::string(std::istreambuf_iterator<char>(in), {}) + '\0';
}

/** Error and information buffers among the options of the compiler. */
struct Log {
  char* error = nullptr;
  size_t error_bytes = 0;
  Log(unsigned count, const CUjit_option* options, void** values) {
    for (unsigned i = 0; options && values && i < count; ++i) {
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER) error = static_cast<char*>(values[i]);
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) error_bytes = size_t(values[i]) & 0xFFFFFFFF;
      if (options[i] == CU_JIT_INFO_LOG_BUFFER && values[i]) *static_cast<char*>(values[i]) = 0;
    }
    tell("");
  }
  void tell(const char* text) const {
    if (error && error_bytes) std::snprintf(error, error_bytes, "%s", text);
  }
};

std::shared_ptr<Module> load(Context* context, const std::string& ptx, const std::string& name, const Log& log) {
  try {
    return load_module(context, ptx, name);
  } catch (const Fault& e) {
    log.tell(e.what());
    throw;
  }
}

void load_into(CUmodule* handle, const std::string& ptx, const std::string& name, const Log& log) {
  require(handle, "no place for the module");
  *handle = static_cast<CUmodule>(state().modules.add(load(&current(), ptx, name, log)));
}

void give_global(CUdeviceptr* address, size_t* bytes, const Module& module, const char* name) {
  require(name, "no name");
  auto it = module.globals.find(name);
  if (it == module.globals.end()) fail(CUDA_ERROR_NOT_FOUND, std::string("no variable ") + name + " in the module");
  if (address) *address = it->second.first;
  if (bytes) *bytes = it->second.second;
}

}  // namespace
}  // namespace sim

using namespace sim;

SIM_API CUresult cuModuleLoadDataEx(CUmodule* handle, const void* image, unsigned int count, CUjit_option* options,
                                    void** values) {
  return api("cuModuleLoadData", [&] {
    current();
    forbid_in_capture();
    load_into(handle, ptx_of_image(image, 0), "cuModuleLoadData", Log(count, options, values));
  });
}
SIM_API CUresult cuModuleLoadData(CUmodule* handle, const void* image) {
  return cuModuleLoadDataEx(handle, image, 0, nullptr, nullptr);
}
SIM_API CUresult cuModuleLoadFatBinary(CUmodule* handle, const void* image) {
  return cuModuleLoadDataEx(handle, image, 0, nullptr, nullptr);
}
SIM_API CUresult cuModuleLoad(CUmodule* handle, const char* file) {
  return api("cuModuleLoad", [&] {
    current();
    forbid_in_capture();
    load_into(handle, ptx_of_image(read_file(file).data(), 0), file, Log(0, nullptr, nullptr));
  });
}

SIM_API CUresult cuModuleUnload(CUmodule handle) {
  return api("cuModuleUnload", [&] {
    current();
    forbid_in_capture();
    unload_module(*state().modules.remove(handle));
  });
}

SIM_API CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  return api("cuModuleGetLoadingMode", [&] {
    require(mode, "no place for the mode");
    *mode = CU_MODULE_EAGER_LOADING;
  });
}

SIM_API CUresult cuModuleGetFunction(CUfunction* function, CUmodule handle, const char* name) {
  return api("cuModuleGetFunction", [&] {
    current();
    require(function && name, "no place for the function, or no name");
    *function = static_cast<CUfunction>(function_handle(state().modules.get(handle), name, nullptr));
  });
}

SIM_API CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule handle) {
  return api("cuModuleGetFunctionCount", [&] {
    require(count, "no place for the count");
    *count = unsigned(state().modules.get(handle)->program->kernels().size());
  });
}

SIM_API CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned int count, CUmodule handle) {
  return api("cuModuleEnumerateFunctions", [&] {
    require(functions, "no place for the functions");
    const std::shared_ptr<Module>& module = state().modules.get(handle);
    std::vector<const Kernel*> kernels = module->program->kernels();
    for (size_t i = 0; i < std::min<size_t>(count, kernels.size()); ++i)
      functions[i] = static_cast<CUfunction>(function_handle(module, kernels[i]->name, nullptr));
  });
}

SIM_API CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, CUmodule handle, const char* name) {
  return api("cuModuleGetGlobal", [&] {
    current();
    give_global(address, bytes, *state().modules.get(handle), name);
  });
}

// Libraries: a module that belongs to no context. Kernels and functions are one kind of handle here.

static void load_library(CUlibrary* handle, const std::string& ptx, const Log& log) {
  require(handle, "no place for the library");
  forbid_in_capture();
  auto library = std::make_shared<Library>();
  library->module = load(nullptr, ptx, "cuLibraryLoadData", log);
  *handle = static_cast<CUlibrary>(state().libraries.add(library));
  library->module_handle = state().modules.add(library->module);
}

SIM_API CUresult cuLibraryLoadData(CUlibrary* handle, const void* image, CUjit_option* options, void** values,
                                   unsigned int count, CUlibraryOption*, void**, unsigned int) {
  return api("cuLibraryLoadData", [&] { load_library(handle, ptx_of_image(image, 0), Log(count, options, values)); });
}
SIM_API CUresult cuLibraryLoadFromFile(CUlibrary* handle, const char* file, CUjit_option* options, void** values,
                                       unsigned int count, CUlibraryOption*, void**, unsigned int) {
  return api("cuLibraryLoadFromFile",
             [&] { load_library(handle, ptx_of_image(read_file(file).data(), 0), Log(count, options, values)); });
}

SIM_API CUresult cuLibraryUnload(CUlibrary handle) {
  return api("cuLibraryUnload", [&] {
    std::shared_ptr<Library> library = state().libraries.remove(handle);
    state().modules.remove(library->module_handle);
    unload_module(*library->module);
  });
}

SIM_API CUresult cuLibraryGetKernel(CUkernel* kernel, CUlibrary handle, const char* name) {
  return api("cuLibraryGetKernel", [&] {
    require(kernel && name, "no place for the kernel, or no name");
    *kernel = static_cast<CUkernel>(function_handle(state().libraries.get(handle)->module, name, handle));
  });
}
SIM_API CUresult cuLibraryGetKernelCount(unsigned int* count, CUlibrary handle) {
  return api("cuLibraryGetKernelCount", [&] {
    require(count, "no place for the count");
    *count = unsigned(state().libraries.get(handle)->module->program->kernels().size());
  });
}
SIM_API CUresult cuLibraryEnumerateKernels(CUkernel* kernels, unsigned int count, CUlibrary handle) {
  return api("cuLibraryEnumerateKernels", [&] {
    require(kernels, "no place for the kernels");
    const std::shared_ptr<Module>& module = state().libraries.get(handle)->module;
    std::vector<const Kernel*> all = module->program->kernels();
    for (size_t i = 0; i < std::min<size_t>(count, all.size()); ++i)
      kernels[i] = static_cast<CUkernel>(function_handle(module, all[i]->name, handle));
  });
}
SIM_API CUresult cuLibraryGetModule(CUmodule* module, CUlibrary handle) {
  return api("cuLibraryGetModule", [&] {
    current();
    require(module, "no place for the module");
    *module = static_cast<CUmodule>(state().libraries.get(handle)->module_handle);
  });
}
SIM_API CUresult cuLibraryGetGlobal(CUdeviceptr* address, size_t* bytes, CUlibrary handle, const char* name) {
  return api("cuLibraryGetGlobal", [&] {
    current();
    give_global(address, bytes, *state().libraries.get(handle)->module, name);
  });
}
