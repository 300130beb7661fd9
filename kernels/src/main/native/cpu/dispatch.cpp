// dispatch.cpp: which instruction set runs. Every kernel of the header has one implementation per set and a jump here;
// a jump leaves the arguments where they are, so no wrapper repeats a signature.
//
//   base         x86-64-v2              avx512_bf16  and vdpbf16ps: Zen 4, Cooper Lake and later
//   avx2         x86-64-v3              amx          and tiles of bf16: Sapphire Rapids and later
//   avx512       x86-64-v4
//
// The last two only multiply and round bf16 faster: a kernel without a form of its own there is that of the set before,
// the same address.
#include "sdae_kernels.h"
#include "pool.h"
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
#define KERNEL(name)                                                              \
  void sk_##name##_base(void);                                                    \
  void sk_##name##_avx2(void);                                                    \
  void sk_##name##_avx512(void);                                                  \
  __attribute__((weak, visibility("hidden"))) void sk_##name##_avx512_bf16(void); \
  __attribute__((weak, visibility("hidden"))) void sk_##name##_amx(void);         \
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

enum Isa { kBase, kAvx2, kAvx512, kAvx512Bf16, kAmx, kNone };
const char* const kNames[] = {"base", "avx2", "avx512", "avx512_bf16", "amx"};
Isa active = kBase;

/** Linux switches the tile registers on for a process that asks (Documentation/arch/x86/xstate.rst). */
bool may_use_tiles() {
  constexpr long kArchReqXcompPerm = 0x1023, kXfeatureXtiledata = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtiledata) == 0;
}

Isa detect() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return kBase;
  bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
            __builtin_cpu_supports("avx512cd");
  if (!v4) return kAvx2;
  if (!__builtin_cpu_supports("avx512bf16")) return kAvx512;
  bool tiles = __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") && may_use_tiles();
  return tiles ? kAmx : kAvx512Bf16;
}

Isa best() {
  static const Isa isa = detect();
  return isa;
}

/** The last set that can be asked for by name. */
Isa last() {
#if defined(SK_EMULATED)
  return kAmx;
#else
  return best();
#endif
}

Isa find(const char* name) {
  if (!std::strcmp(name, "auto")) return best();
  for (int i = 0; i < kNone; i++)
    if (!std::strcmp(name, kNames[i])) return i <= last() ? static_cast<Isa>(i) : kNone;
  return kNone;
}

/** The last of candidates[0..isa] that exists. */
void (*pick(Isa isa, std::initializer_list<void (*)(void)> candidates))(void) {
  void (*const* forms)(void) = candidates.begin();
  while (!forms[isa]) isa = static_cast<Isa>(isa - 1);
  return forms[isa];
}

void use(Isa isa) {
  active = isa;
#define KERNEL(name) \
  sk_active_##name = \
      pick(isa, {sk_##name##_base, sk_##name##_avx2, sk_##name##_avx512, sk_##name##_avx512_bf16, sk_##name##_amx});
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
    sk_fail(
        "SDAE_ISA=%s: not known or not on this CPU (base, avx2, avx512, avx512_bf16, amx or auto; the best here is %s)",
        refused, kNames[best()]);
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
