// What a suite program needs of a device, in the driver API's own calls: buffers, modules, launches.
#pragma once
#include "../check.h"
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

extern "C" {
int cuInit(unsigned);
int cuDeviceGet(int*, int);
int cuDevicePrimaryCtxRetain(void**, int);
int cuCtxSetCurrent(void*);
int cuCtxSynchronize();
int cuMemAlloc_v2(unsigned long long*, size_t);
int cuMemFree_v2(unsigned long long);
int cuMemcpyHtoD_v2(unsigned long long, const void*, size_t);
int cuMemcpyDtoH_v2(void*, unsigned long long, size_t);
int cuModuleLoadData(void**, const void*);
int cuModuleGetFunction(void**, void*, const char*);
int cuModuleGetGlobal_v2(unsigned long long*, size_t*, void*, const char*);
int cuLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
int cuGetErrorString(int, const char**);
}

namespace suite {

inline void ok(int result) {
  if (result == 0) return;
  const char* text = "";
  cuGetErrorString(result, &text);
  throw std::runtime_error("driver error " + std::to_string(result) + ": " + text);
}

/** The first device, made current once. */
inline void start() {
  static const bool started = [] {
    int device;
    void* context;
    ok(cuInit(0));
    ok(cuDeviceGet(&device, 0));
    ok(cuDevicePrimaryCtxRetain(&context, device));
    ok(cuCtxSetCurrent(context));
    return true;
  }();
  (void)started;
}

template <class T>
class Buffer {
 public:
  explicit Buffer(size_t count) : count_(count) {
    start();
    ok(cuMemAlloc_v2(&address_, std::max<size_t>(count, 1) * sizeof(T)));
  }
  Buffer(const std::vector<T>& values) : Buffer(values.size()) { write(values); }
  Buffer(size_t count, T value) : Buffer(std::vector<T>(count, value)) {}
  Buffer(const Buffer&) = delete;
  ~Buffer() { cuMemFree_v2(address_); }
  void write(const std::vector<T>& values) { ok(cuMemcpyHtoD_v2(address_, values.data(), count_ * sizeof(T))); }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    ok(cuMemcpyDtoH_v2(values.data(), address_, count_ * sizeof(T)));
    return values;
  }
  unsigned long long address() const { return address_; }

 private:
  size_t count_;
  unsigned long long address_ = 0;
};

/** A kernel argument as it lies in the parameter block. */
template <class T>
T argument(const T& value) {
  return value;
}
template <class T>
unsigned long long argument(const Buffer<T>& buffer) {
  return buffer.address();
}

struct Size {
  unsigned x = 1, y = 1, z = 1;
};

class Kernel {
 public:
  Kernel(void* function) : function_(function) {}
  /** Launches and waits. */
  template <class... Arguments>
  void operator()(Size grid, Size block, unsigned shared, const Arguments&... arguments) const {
    auto values = std::make_tuple(argument(arguments)...);
    std::apply(
        [&](auto&... value) {
          void* pointers[] = {&value..., nullptr};
          ok(cuLaunchKernel(function_, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared, nullptr, pointers,
                            nullptr));
        },
        values);
    ok(cuCtxSynchronize());
  }

 private:
  void* function_;
};

/** The PTX of suite/<name>.cu. */
inline std::string ptx(const std::string& name) {
  std::ifstream file(std::string(SUITE_PTX "/") + name + ".ptx");
  if (!file) throw std::runtime_error(name + ".ptx is missing in " SUITE_PTX);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class Module {
 public:
  explicit Module(const std::string& name) {
    start();
    ok(cuModuleLoadData(&module_, ptx(name).c_str()));
  }
  Kernel operator[](const char* name) const {
    void* function;
    ok(cuModuleGetFunction(&function, module_, name));
    return function;
  }
  /** Address of a module variable, whose size must be as given. */
  unsigned long long global(const char* name, size_t bytes) const {
    unsigned long long address;
    size_t size;
    ok(cuModuleGetGlobal_v2(&address, &size, module_, name));
    CHECK_EQUAL(size, bytes);
    return address;
  }
  template <class T>
  void set(const char* name, const std::vector<T>& values) const {
    ok(cuMemcpyHtoD_v2(global(name, values.size() * sizeof(T)), values.data(), values.size() * sizeof(T)));
  }

 private:
  void* module_ = nullptr;
};

inline unsigned blocks(size_t items, unsigned per_block) { return unsigned((items + per_block - 1) / per_block); }

inline std::mt19937 random_bits(5);
inline float uniform(float low, float high) { return low + (high - low) * float(random_bits() >> 8) * 0x1p-24f; }
inline std::vector<float> uniforms(size_t count, float low = -1, float high = 1) {
  std::vector<float> values(count);
  for (float& v : values) v = uniform(low, high);
  return values;
}
template <class T>
std::vector<T> integers(size_t count, T low, T high) {
  std::vector<T> values(count);
  for (T& v : values) v = T(low + random_bits() % (uint64_t(high) - uint64_t(low) + 1));
  return values;
}

/** Equal bit for bit. */
template <class T>
void same(const std::vector<T>& is, const std::vector<T>& should_be, const std::string& what) {
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < should_be.size(); i++)
    if (std::memcmp(&is.at(i), &should_be[i], sizeof(T)) && !wrong++) first = i;
  std::ostringstream text;
  text << what << ": " << wrong << " of " << is.size() << " differ, first at " << first;
  if constexpr (std::is_arithmetic_v<T>)
    if (wrong) text << ": is " << +is[first] << ", should be " << +should_be[first];
  check(wrong == 0 && is.size() == should_be.size(), __FILE__, __LINE__, text.str());
}

/** |is - should_be| <= relative |should_be| + absolute; NaN only where NaN should be. */
template <class T, class R>
void near(const std::vector<T>& is, const std::vector<R>& should_be, double relative, double absolute,
          const std::string& what) {
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < should_be.size(); i++) {
    const double x = double(is.at(i)), y = double(should_be[i]);
    const bool fine = x == y || (std::isnan(x) && std::isnan(y)) ||
                      (std::isfinite(y) && std::fabs(x - y) <= relative * std::fabs(y) + absolute);
    if (!fine && !wrong++) first = i;
  }
  std::ostringstream text;
  text.precision(9);
  text << what << ": " << wrong << " of " << is.size() << " are off, first at " << first;
  if (wrong) text << ": is " << double(is[first]) << ", should be " << double(should_be[first]);
  check(wrong == 0 && is.size() == should_be.size(), __FILE__, __LINE__, text.str());
}

/** Runs the tests of a program, each reported by name if it throws. */
struct Test {
  const char* name;
  void (*run)();
};
inline int run_all(const char* program, const std::vector<Test>& tests) {
  if (!std::ifstream(SUITE_PTX "/vector.ptx")) {
    std::printf("%s: skipped: there was no nvcc to compile its kernels\n", program);
    return 0;
  }
  for (const Test& test : tests) {
    try {
      test.run();
    } catch (const std::exception& e) {
      check(false, program, 0, std::string(test.name) + ": " + e.what());
    }
  }
  return summary(program);
}

}  // namespace suite
