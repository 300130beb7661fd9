// Memory, copies, modules, libraries and launches, as ordinary programs use them.
#include "driver_test.h"
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>

namespace {

std::string file(const char* name) {
  std::ifstream in(name, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void device_is_what_it_says() {
  Device d;
  int count = 0, version = 0, value = 0;
  OK(cuDeviceGetCount(&count));
  CHECK_EQUAL(count, 1);
  OK(cuDriverGetVersion(&version));
  CHECK_EQUAL(version, 13000);
  char name[64];
  OK(cuDeviceGetName(name, sizeof name, d.device));
  CHECK_EQUAL(std::string(name), "SdAE simulated device (sm_80)");
  OK(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(75), d.device));
  CHECK_EQUAL(value, 8);
  OK(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(10), d.device));
  CHECK_EQUAL(value, 32);
  FAILS(CUDA_ERROR_INVALID_DEVICE, "there is device 0 only", cuDeviceGet(&count, 1));
  size_t total = 0, free = 0, all = 0;
  OK(cuDeviceTotalMem(&total, d.device));
  CUdeviceptr p = allocate(1 << 20);
  OK(cuMemGetInfo(&free, &all));
  CHECK_EQUAL(all, total);
  CHECK(free <= total - (1 << 20));
  OK(cuMemFree(p));
  FAILS(CUDA_ERROR_OUT_OF_MEMORY, "bytes asked", cuMemAlloc(&p, size_t(1) << 45));
}

void kernels_compute() {
  Device d;
  std::vector<float> x = ramp(1000);
  CUdeviceptr in = upload(x), out = allocate(4000);
  OK(launch(d.kernel("scale"), 8, 128, nullptr, out, in, 2.5f, 1000));
  std::vector<float> y = download<float>(out, 1000);
  for (size_t i = 0; i < 1000; ++i) CHECK_EQUAL(y[i], 2.5f * x[i]);
}

void parameters_of_every_size_arrive() {
  Device d;
  CUfunction f = d.kernel("mixed");
  CUdeviceptr out = allocate(8);
  struct Mixed {
    char c;
    double d;
  } m{-3, 0.25};
  OK(launch(f, 1, 1, nullptr, out, char(5), short(-700), m));
  CHECK_EQUAL(download<double>(out, 1)[0], 5 - 700 - 3 + 0.25);
  struct {
    CUdeviceptr out;
    char a;
    short b;
    alignas(8) Mixed m;
  } packed{out, 7, 9, {1, 0.5}};
  size_t bytes = sizeof packed;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
  OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, extra));
  CHECK_EQUAL(download<double>(out, 1)[0], 17.5);
  bytes = 16;
  FAILS(CUDA_ERROR_INVALID_VALUE, "the parameter buffer has 16 bytes, the kernel takes 32",
        cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, extra));
}

void module_variables_hold_their_values() {
  Device d;
  CUdeviceptr table = 0, factor = 0;
  size_t bytes = 0;
  OK(cuModuleGetGlobal(&table, &bytes, d.module, "table"));
  CHECK_EQUAL(bytes, 16u);
  OK(cuModuleGetGlobal(&factor, &bytes, d.module, "factor"));
  CHECK_EQUAL(bytes, 4u);
  FAILS(CUDA_ERROR_NOT_FOUND, "no variable tabel", cuModuleGetGlobal(&table, &bytes, d.module, "tabel"));
  float value = 10;
  OK(cuMemcpyHtoD(factor, &value, 4));
  CUdeviceptr out = allocate(16);
  OK(launch(d.kernel("globals"), 1, 4, nullptr, out));
  std::vector<float> y = download<float>(out, 4);
  for (int i = 0; i < 4; ++i) CHECK_EQUAL(y[size_t(i)], 10.f * float(i + 1) + 2);
  // Another module of the same text has variables of its own.
  CUmodule other = nullptr;
  CUfunction count = nullptr;
  OK(cuModuleLoadData(&other, file("driver_kernels.ptx").c_str()));
  OK(cuModuleGetFunction(&count, other, "count"));
  for (int i = 0; i < 3; ++i) OK(launch(count, 1, 1, nullptr, 7));
  CUdeviceptr mine = 0, theirs = 0;
  OK(cuModuleGetGlobal(&mine, nullptr, d.module, "counter"));
  OK(cuModuleGetGlobal(&theirs, nullptr, other, "counter"));
  CHECK_EQUAL(download<int>(mine, 1)[0], 0);
  CHECK_EQUAL(download<int>(theirs, 1)[0], 21);
  OK(cuModuleUnload(other));
  FAILS(CUDA_ERROR_INVALID_HANDLE, "the kernel was destroyed before", launch(count, 1, 1, nullptr, 7));
}

void libraries_give_kernels() {
  Device d;
  std::string ptx = file("driver_kernels.ptx");
  CUlibrary library = nullptr;
  OK(cuLibraryLoadData(&library, ptx.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0));
  CUkernel kernel = nullptr;
  CUfunction function = nullptr;
  OK(cuLibraryGetKernel(&kernel, library, "index"));
  OK(cuKernelGetFunction(&function, kernel));
  CUdeviceptr out = allocate(4 * 64);
  OK(launch(function, 2, 32, nullptr, out));
  OK(launch(reinterpret_cast<CUfunction>(kernel), 2, 32, nullptr, out));
  CHECK_EQUAL(download<int>(out, 64)[63], 63);
  CUdeviceptr table = 0;
  OK(cuLibraryGetGlobal(&table, nullptr, library, "table"));
  CHECK_EQUAL(download<float>(table, 4)[3], 4.f);
  OK(cuLibraryUnload(library));
  FAILS(CUDA_ERROR_INVALID_HANDLE, "destroyed", launch(function, 1, 1, nullptr, out));
}

void linker_joins_ptx() {
  Device d;
  std::string ptx = file("driver_kernels.ptx");
  std::string more = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry nothing()\n{\n\tret;\n}\n";
  CUlinkState state = nullptr;
  OK(cuLinkCreate(0, nullptr, nullptr, &state));
  OK(cuLinkAddData(state, CU_JIT_INPUT_PTX, ptx.data(), ptx.size(), "a", 0, nullptr, nullptr));
  OK(cuLinkAddData(state, CU_JIT_INPUT_PTX, more.data(), more.size() + 1, "b", 0, nullptr, nullptr));
  void* image = nullptr;
  size_t bytes = 0;
  OK(cuLinkComplete(state, &image, &bytes));
  CUmodule module = nullptr;
  OK(cuModuleLoadData(&module, image));
  OK(cuLinkDestroy(state));
  CUfunction f = nullptr;
  OK(cuModuleGetFunction(&f, module, "nothing"));
  OK(launch(f, 1, 32, nullptr));
  OK(cuModuleGetFunction(&f, module, "index"));
}

void bad_images_are_refused() {
  Device d;
  CUmodule module = nullptr;
  const char elf[64] =
      "\x7f"
      "ELF";
  FAILS(CUDA_ERROR_NO_BINARY_FOR_GPU, "needs PTX", cuModuleLoadData(&module, elf));
  FAILS(CUDA_ERROR_INVALID_IMAGE, "neither PTX", cuModuleLoadData(&module, "hello"));
  FAILS(CUDA_ERROR_FILE_NOT_FOUND, "no_such_file", cuModuleLoad(&module, "no_such_file"));
  char log[200] = "";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  FAILS(CUDA_ERROR_INVALID_PTX, "",
        cuModuleLoadDataEx(&module, ".version 8.0\n.target sm_80\nsyntax error", 2, options, values));
  CHECK(std::strlen(log) > 0);
}

struct FatHeader {
  uint32_t magic = 0xBA55ED50;
  uint16_t version = 1, header_bytes = 16;
  uint64_t bytes = 0;
};
struct FatEntry {
  uint16_t kind = 1, version = 0x101;
  uint32_t header_bytes = 64;
  uint64_t bytes = 0;
  uint32_t compressed_bytes = 0, options = 0;
  uint16_t minor = 0, major = 9;
  uint32_t arch = 80, name_offset = 0, name_bytes = 0;
  uint64_t flags = 0x11, zero = 0, plain_bytes = 0;
};

/** A fat binary of one PTX entry, laid out as fatbinary does. */
std::string fat(const std::string& payload, uint32_t arch, uint64_t flags, size_t plain_bytes) {
  FatHeader header;
  FatEntry entry;
  entry.bytes = (payload.size() + 7) / 8 * 8;
  entry.compressed_bytes = flags ? uint32_t(payload.size()) : 0;
  entry.arch = arch;
  entry.flags |= flags;
  entry.plain_bytes = flags ? plain_bytes : 0;
  header.bytes = sizeof entry + entry.bytes;
  std::string all(reinterpret_cast<char*>(&header), sizeof header);
  all.append(reinterpret_cast<char*>(&entry), sizeof entry);
  return all + payload + std::string(entry.bytes - payload.size(), '\0');
}

/** An LZ4 block: the text as literals, then `tail` spaces as a match of the one before. */
std::string lz4(const std::string& text, size_t tail) {
  auto length = [](size_t n) {
    std::string more;
    for (n -= 15; n >= 255; n -= 255) more += '\xFF';
    return more + char(n);
  };
  size_t literals = text.size() + 1;
  return '\xFF' + length(literals) + text + ' ' + std::string("\1\0", 2) + length(tail - 4) + std::string("\x10\n");
}

void fat_binaries_hold_ptx() {
  Device d;
  std::string ptx = file("driver_kernels.ptx");
  CUmodule module = nullptr;
  OK(cuModuleLoadData(&module, fat(ptx, 80, 0, 0).data()));
  std::string packed = lz4(ptx, 700);
  OK(cuModuleLoadData(&module, fat(packed, 75, 0x2000, ptx.size() + 702).data()));
  CUfunction f = nullptr;
  OK(cuModuleGetFunction(&f, module, "index"));
  FAILS(CUDA_ERROR_INVALID_IMAGE, "the fat binary is damaged",
        cuModuleLoadData(&module, fat(packed, 75, 0x2000, ptx.size()).data()));
  FAILS(CUDA_ERROR_NO_BINARY_FOR_GPU, "the fat binary has compute_90",
        cuModuleLoadData(&module, fat(ptx, 90, 0, 0).data()));
}

void pitched_copies_leave_the_gaps() {
  Device d;
  CUdeviceptr p = 0;
  size_t pitch = 0;
  OK(cuMemAllocPitch(&p, &pitch, 20, 3, 4));
  CHECK_EQUAL(pitch % 512, 0u);
  OK(cuMemsetD2D32(p, pitch, 7, pitch / 4, 3));
  std::vector<int> rows(3 * 8);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = int(i);
  CUDA_MEMCPY2D c{};
  c.srcMemoryType = CU_MEMORYTYPE_HOST;
  c.srcHost = rows.data();
  c.srcPitch = 32;
  c.srcXInBytes = 4;
  c.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  c.dstDevice = p;
  c.dstPitch = pitch;
  c.WidthInBytes = 20;
  c.Height = 3;
  OK(cuMemcpy2D(&c));
  std::vector<int> all = download<int>(p, pitch / 4 * 3);
  for (size_t y = 0; y < 3; ++y)
    for (size_t x = 0; x < pitch / 4; ++x) CHECK_EQUAL(all[y * pitch / 4 + x], x < 5 ? int(y * 8 + x + 1) : 7);
  c.Height = 4;
  FAILS(CUDA_ERROR_INVALID_VALUE, "past its end", cuMemcpy2D(&c));
}

void fills_have_every_width() {
  Device d;
  CUdeviceptr p = allocate(64);
  OK(cuMemsetD8(p, 0xAB, 64));
  OK(cuMemsetD16(p + 2, 0x1234, 3));
  OK(cuMemsetD32(p + 16, 0xDEADBEEF, 2));
  std::vector<uint8_t> b = download<uint8_t>(p, 64);
  uint8_t should_be[] = {0xAB, 0xAB, 0x34, 0x12, 0x34, 0x12, 0x34, 0x12, 0xAB, 0xAB, 0xAB, 0xAB,
                         0xAB, 0xAB, 0xAB, 0xAB, 0xEF, 0xBE, 0xAD, 0xDE, 0xEF, 0xBE, 0xAD, 0xDE};
  CHECK(std::memcmp(b.data(), should_be, sizeof should_be) == 0);
  FAILS(CUDA_ERROR_INVALID_VALUE, "not a multiple of 4", cuMemsetD32(p + 2, 0, 1));
}

void host_memory_is_mapped() {
  Device d;
  void* pinned = nullptr;
  OK(cuMemHostAlloc(&pinned, 400, 2));
  float* x = static_cast<float*>(pinned);
  for (int i = 0; i < 100; ++i) x[i] = float(i);
  CUdeviceptr on_device = 0;
  OK(cuMemHostGetDevicePointer(&on_device, pinned, 0));
  CUdeviceptr out = allocate(400);
  OK(launch(d.kernel("scale"), 1, 128, nullptr, out, on_device, 3.f, 100));
  CHECK_EQUAL(download<float>(out, 100)[99], 297.f);
  unsigned type = 0;
  OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, on_device));
  CHECK_EQUAL(type, unsigned(CU_MEMORYTYPE_HOST));
  OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, out + 40));
  CHECK_EQUAL(type, unsigned(CU_MEMORYTYPE_DEVICE));
  FAILS(CUDA_ERROR_INVALID_VALUE, "",
        cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(&type)));
  OK(cuMemFreeHost(pinned));
  std::vector<float> own = ramp(100);
  OK(cuMemHostRegister(own.data(), 400, 0));
  OK(launch(d.kernel("scale"), 1, 128, nullptr, out, own.data(), 4.f, 100));
  CHECK_EQUAL(download<float>(out, 100)[99], 396.f);
  FAILS(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "registered already", cuMemHostRegister(own.data() + 8, 16, 0));
  OK(cuMemHostUnregister(own.data()));
  FAILS(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "", cuMemHostUnregister(own.data()));
  CUdeviceptr managed = 0;
  OK(cuMemAllocManaged(&managed, 400, 1));
  std::memcpy(reinterpret_cast<void*>(managed), own.data(), 400);
  OK(launch(d.kernel("scale"), 1, 128, nullptr, managed, managed, 2.f, 100));
  OK(cuCtxSynchronize());
  CHECK_EQUAL(reinterpret_cast<float*>(managed)[50], 100.f);
}

void shared_memory_is_given() {
  Device d;
  std::vector<int> x(64);
  for (int i = 0; i < 64; ++i) x[size_t(i)] = i;
  CUdeviceptr p = upload(x);
  void* parameters[] = {&p};
  OK(cuLaunchKernel(d.kernel("reverse"), 1, 1, 1, 64, 1, 1, 256, nullptr, parameters, nullptr));
  CHECK_EQUAL(download<int>(p, 64)[0], 63);
}

void occupancy_counts_threads_and_shared_memory() {
  Device d;
  CUfunction f = d.kernel("reverse");
  int blocks = 0, grid = 0, block = 0;
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 256, 0));
  CHECK_EQUAL(blocks, 8);
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 32, 0));
  CHECK_EQUAL(blocks, 32);
  OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100 << 10));
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 32, 100 << 10));
  CHECK_EQUAL(blocks, 1);
  OK(cuOccupancyMaxPotentialBlockSize(&grid, &block, f, nullptr, 0, 0));
  CHECK_EQUAL(block, 1024);
  CHECK_EQUAL(grid, 216);
}

void addresses_are_found_by_name() {
  Device d;
  void* function = nullptr;
  CUdriverProcAddressQueryResult status;
  OK(cuGetProcAddress("cuMemAlloc", &function, 12000, 0, &status));
  CHECK(function != nullptr && status == CU_GET_PROC_ADDRESS_SUCCESS);
  CUdeviceptr p = 0;
  OK(reinterpret_cast<CUresult (*)(CUdeviceptr*, size_t)>(function)(&p, 64));
  OK(cuMemFree(p));
  void *plain = nullptr, *own = nullptr;
  OK(cuGetProcAddress("cuLaunchKernel", &plain, 13000, 0, nullptr));
  OK(cuGetProcAddress("cuLaunchKernel", &own, 13000, 2, nullptr));
  CHECK(plain != own);
  void *v2 = nullptr, *v4 = nullptr;
  OK(cuGetProcAddress("cuCtxCreate", &v2, 11020, 0, nullptr));
  OK(cuGetProcAddress("cuCtxCreate", &v4, 13000, 0, nullptr));
  CHECK(v2 != v4);
  OK(cuGetProcAddress("cuNoSuchCall", &function, 13000, 0, &status));
  CHECK(function == nullptr && status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
}

void missing_calls_name_themselves() {
  Device d;
  void* f = nullptr;
  OK(cuGetProcAddress("cuTexObjectCreate", &f, 13000, 0, nullptr));
  FAILS(CUDA_ERROR_NOT_SUPPORTED, "cuTexObjectCreate: not simulated", reinterpret_cast<CUresult (*)()>(f)());
}

void counts_are_reported() {
  Device d;
  simReset();
  CUdeviceptr out = allocate(4 * 64);
  OK(launch(d.kernel("index"), 2, 32, nullptr, out));
  OK(launch(d.kernel("index"), 1, 32, nullptr, out));
  std::string report = simReport();
  CHECK(report.find("\"index\"") != std::string::npos);
  simReset();
  CHECK(std::string(simReport()).find("\"index\"") == std::string::npos);
}

}  // namespace

int main() {
  device_is_what_it_says();
  kernels_compute();
  parameters_of_every_size_arrive();
  module_variables_hold_their_values();
  libraries_give_kernels();
  linker_joins_ptx();
  bad_images_are_refused();
  fat_binaries_hold_ptx();
  pitched_copies_leave_the_gaps();
  fills_have_every_width();
  host_memory_is_mapped();
  shared_memory_is_given();
  occupancy_counts_threads_and_shared_memory();
  addresses_are_found_by_name();
  missing_calls_name_themselves();
  counts_are_reported();
  return summary("driver_calls_test");
}
