// cuLink*: PTX texts, linked by writing them one after the other. The "binary" that comes out is PTX again.
#include "driver.h"
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <regex>

using namespace sim;

namespace {

struct Linker {
  std::string ptx;
  char* error = nullptr;
  size_t error_bytes = 0;
};

Handles<Linker>& linkers() {
  static auto* all = new Handles<Linker>("link state", 0xC8);
  return *all;
}

/** Without the header that only one text may have. */
std::string body_of(const std::string& ptx) {
  static const std::regex header(R"(^[ \t]*\.(version|target|address_size)\b[^\n]*$)", std::regex::multiline);
  return std::regex_replace(ptx, header, "");
}

void add(Linker& linker, CUjitInputType type, const void* data, size_t bytes, const char* name) {
  if (type != CU_JIT_INPUT_PTX && type != CU_JIT_INPUT_FATBINARY)
    fail(CUDA_ERROR_NO_BINARY_FOR_GPU,
         std::string(name ? name : "input") + ": only PTX can be linked here, not type " + std::to_string(int(type)));
  std::string ptx = ptx_of_image(data, bytes);
  linker.ptx += linker.ptx.empty() ? ptx : "\n" + body_of(ptx);
}

}  // namespace

SIM_API CUresult cuLinkCreate_v2(unsigned int count, CUjit_option* options, void** values, CUlinkState* state_out) {
  return api("cuLinkCreate", [&] {
    current();
    require(state_out, "no place for the state");
    auto linker = std::make_shared<Linker>();
    for (unsigned i = 0; options && values && i < count; ++i) {
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER) linker->error = static_cast<char*>(values[i]);
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) linker->error_bytes = size_t(values[i]) & 0xFFFFFFFF;
      if (options[i] == CU_JIT_INFO_LOG_BUFFER && values[i]) *static_cast<char*>(values[i]) = 0;
    }
    if (linker->error && linker->error_bytes) *linker->error = 0;
    *state_out = static_cast<CUlinkState>(linkers().add(linker));
  });
}
SIM_API CUresult cuLinkCreate(unsigned int count, CUjit_option* options, void** values, CUlinkState* state_out) {
  return cuLinkCreate_v2(count, options, values, state_out);
}

SIM_API CUresult cuLinkAddData_v2(CUlinkState handle, CUjitInputType type, void* data, size_t bytes, const char* name,
                                  unsigned int, CUjit_option*, void**) {
  return api("cuLinkAddData", [&] {
    current();
    add(*linkers().get(handle), type, data, bytes, name);
  });
}
SIM_API CUresult cuLinkAddData(CUlinkState handle, CUjitInputType type, void* data, size_t bytes, const char* name,
                               unsigned int count, CUjit_option* options, void** values) {
  return cuLinkAddData_v2(handle, type, data, bytes, name, count, options, values);
}

SIM_API CUresult cuLinkAddFile_v2(CUlinkState handle, CUjitInputType type, const char* path, unsigned int,
                                  CUjit_option*, void**) {
  return api("cuLinkAddFile", [&] {
    current();
    require(path, "no file name");
    std::ifstream in(path, std::ios::binary);
    if (!in) fail(CUDA_ERROR_FILE_NOT_FOUND, path);
    std::string data(std::istreambuf_iterator<char>(in), {});
    add(*linkers().get(handle), type, data.data(), data.size(), path);
  });
}
SIM_API CUresult cuLinkAddFile(CUlinkState handle, CUjitInputType type, const char* path, unsigned int count,
                               CUjit_option* options, void** values) {
  return cuLinkAddFile_v2(handle, type, path, count, options, values);
}

SIM_API CUresult cuLinkComplete(CUlinkState handle, void** binary, size_t* bytes) {
  return api("cuLinkComplete", [&] {
    current();
    Linker& linker = *linkers().get(handle);
    require(binary, "no place for the result");
    require(!linker.ptx.empty(), "nothing to link");
    try {
      Program::parse(linker.ptx);  // what is wrong shows here, not when it is loaded
    } catch (const Fault& e) {
      if (linker.error && linker.error_bytes) std::snprintf(linker.error, linker.error_bytes, "%s", e.what());
      throw;
    }
    *binary = linker.ptx.data();
    if (bytes) *bytes = linker.ptx.size() + 1;
  });
}

SIM_API CUresult cuLinkDestroy(CUlinkState handle) {
  return api("cuLinkDestroy", [&] { linkers().remove(handle); });
}
