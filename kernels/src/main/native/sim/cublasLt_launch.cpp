// The products of the stand-in for cuBLASLt, launched on the simulated device like anybody's kernels.
#include "cublasLt.h"
#include "cublasLt_ptx.h"
#include <map>
#include <mutex>
#include <string>

// Of libcuda.so.1; 0 is success.
extern "C" {
int cuCtxGetCurrent(struct CUctx_st**);
int cuModuleLoadData(struct CUmod_st**, const void*);
int cuModuleGetFunction(struct CUfunc_st**, struct CUmod_st*, const char*);
int cuLaunchKernel(struct CUfunc_st*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream,
                   void**, void**);
}

namespace lt {
namespace {

constexpr unsigned kThreads = 128;

std::string replaced(std::string text, const std::string& word, const std::string& by) {
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size())) {
    text.replace(at, word.size(), by);
  }
  return text;
}

std::string access(const char* pattern, const char* item, const char* address) {
  return replaced(replaced(pattern, "ITEM", item), "ADDRESS", address);
}

std::string kernels(const char* name, bool bf16_in, bool bf16_out) {
  const char* in = bf16_in ? kPtxLoadBf16 : kPtxLoadF32;
  std::string text = std::string(kPtxMatmul) + kPtxBiasGradient;
  text = replaced(text, "NAME", name);
  text = replaced(text, "LOAD_A", access(in, "%f2", "%rd12"));
  text = replaced(text, "LOAD_B", access(in, "%f3", "%rd13"));
  text = replaced(text, "LOAD_C", access(bf16_out ? kPtxLoadBf16 : kPtxLoadF32, "%f6", "%rd18"));
  text = replaced(text, "STORE_D", access(bf16_out ? kPtxStoreBf16 : kPtxStoreF32, "%f1", "%rd26"));
  return replaced(text, "SIZE_D", bf16_out ? "2" : "4");
}

const char* suffix(int in, int out) { return in == kF32 ? "f32" : out == kF32 ? "bf16_f32" : "bf16"; }

std::mutex mutex;
std::map<CUctx_st*, CUmod_st*> modules;

/** A kernel in the current context; null, after the driver's message, if there is none. */
CUfunc_st* kernel(const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex);
  CUctx_st* context = nullptr;
  if (cuCtxGetCurrent(&context) != 0 || !context) return nullptr;
  CUmod_st*& module = modules[context];
  if (!module) {
    std::string text =
        kPtxHeader + kernels("f32", false, false) + kernels("bf16_f32", true, false) + kernels("bf16", true, true);
    if (cuModuleLoadData(&module, text.c_str()) != 0) return nullptr;
  }
  CUfunc_st* function = nullptr;
  return cuModuleGetFunction(&function, module, name.c_str()) == 0 ? function : nullptr;
}

template <class... A>
bool run(CUfunc_st* function, uint64_t threads, CUstream stream, A... arguments) {
  void* parameters[] = {&arguments..., nullptr};
  unsigned blocks = static_cast<unsigned>((threads + kThreads - 1) / kThreads);
  return function && cuLaunchKernel(function, blocks, 1, 1, kThreads, 1, 1, 0, stream, parameters, nullptr) == 0;
}

}  // namespace

Status launch(const Product& p, uint64_t d, uint64_t c, uint64_t a, uint64_t b, uint64_t bias, uint64_t workspace,
              float alpha, float beta, CUstream stream) {
  const uint64_t none = 0;
  unsigned m = static_cast<unsigned>(p.m), n = static_cast<unsigned>(p.n), k = static_cast<unsigned>(p.k);
  std::string types = suffix(p.type_in, p.type_out);
  bool ok = true;
  if (workspace != 0) {
    CUfunc_st* sums = kernel(p.type_in == kF32 ? "matmul_f32" : "matmul_bf16_f32");
    ok = run(sums, p.m * p.n, stream, workspace, none, a, b, none, none, p.a_row, p.a_k, p.b_k, p.b_col, none, p.m * 4,
             m, n, k, 1.0f, 0.0f);
    k = 0;
  }
  uint64_t added = p.epilogue == kBias ? bias : none;
  ok = ok && run(kernel("matmul_" + types), p.m * p.n, stream, d, c, a, b, added, workspace, p.a_row, p.a_k, p.b_k,
                 p.b_col, p.ldc, p.ldd, m, n, k, alpha, beta);
  if (p.epilogue == kBiasGradientB) {
    ok = ok &&
         run(kernel("bias_gradient_" + types), p.n, stream, bias, b, p.b_k, p.b_col, n, static_cast<unsigned>(p.k));
  }
  return ok ? kSuccess : refuse(kExecutionFailed, "cublasLtMatmul", "the launch failed");
}

}  // namespace lt
