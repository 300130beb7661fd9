// dispatch.cpp: which instruction set runs. Every kernel of the header has one implementation per set and a jump here;
// a jump leaves the arguments where they are, so no wrapper repeats a signature.
#include "sdae_kernels.h"
#include "pool.h"
#include <cstdlib>
#include <cstring>

extern "C" {
#define KERNEL(name)             \
  void sk_##name##_base(void);   \
  void sk_##name##_avx2(void);   \
  void sk_##name##_avx512(void); \
  __attribute__((visibility("hidden"))) void (*sk_active_##name)(void) = sk_##name##_base;
#include "kernels.def"
#undef KERNEL
}

#define KERNEL(name)                                                                                      \
  asm(".text\n.globl sk_" #name "\n.type sk_" #name ", @function\nsk_" #name ":\n\tjmp *sk_active_" #name \
      "(%rip)\n.size sk_" #name ", .-sk_" #name "\n");
#include "kernels.def"
#undef KERNEL

namespace {

enum Isa { kBase, kAvx2, kAvx512, kNone };
const char* const kNames[] = {"base", "avx2", "avx512"};
Isa active = kBase;

Isa best() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return kBase;
  bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512cd");
  return v4 ? kAvx512 : kAvx2;
}

Isa find(const char* name) {
  if (!std::strcmp(name, "auto")) return best();
  for (int i = 0; i < kNone; i++)
    if (!std::strcmp(name, kNames[i])) return i <= best() ? static_cast<Isa>(i) : kNone;
  return kNone;
}

void use(Isa isa) {
  active = isa;
#define KERNEL(name) \
  sk_active_##name = isa == kAvx512 ? sk_##name##_avx512 : isa == kAvx2 ? sk_##name##_avx2 : sk_##name##_base;
#include "kernels.def"
#undef KERNEL
}

// An unknown or unsupported SDAE_ISA is reported by the first call of sk_abi, not here: a library's
// constructor has nobody to tell.
const char* refused = nullptr;

__attribute__((constructor)) void start() {
  const char* wanted = std::getenv("SDAE_ISA");
  if (!wanted || !*wanted) wanted = "auto";
  Isa isa = find(wanted);
  if (isa == kNone) refused = wanted;
  use(isa == kNone ? best() : isa);
}

}  // namespace

extern "C" {
int sk_abi(void) {
  if (refused)
    sk_fail("SDAE_ISA=%s: not known or not on this CPU (base, avx2, avx512 or auto; the best here is %s)", refused,
            kNames[best()]);
  return SK_ABI;
}
const char* sk_isa(void) { return kNames[active]; }
int sk_set_isa(const char* name) {
  Isa isa = find(name);
  if (isa == kNone) return -1;
  use(isa);
  return 0;
}
}
