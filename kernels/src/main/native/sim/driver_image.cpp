// What a program hands over as a module: PTX text, or a fat binary with PTX inside.
#include "driver.h"
#include <cstring>
#include <dlfcn.h>

namespace sim {
namespace {

constexpr uint32_t kElf = 0x464C457F;
constexpr uint32_t kWrapper = 0x466243B1;  // what __cudaRegisterFatBinary gets: magic, version, pointer
constexpr uint32_t kFatbin = 0xBA55ED50;
constexpr uint16_t kEntryPtx = 1;
constexpr uint64_t kLz4 = 0x2000, kZstd = 0x8000;

struct FatHeader {
  uint32_t magic;
  uint16_t version, header_bytes;
  uint64_t bytes;  // of all entries
};
struct FatEntry {
  uint16_t kind, version;
  uint32_t header_bytes;
  uint64_t bytes;
  uint32_t compressed_bytes, options;
  uint16_t minor, major;
  uint32_t arch, name_offset, name_bytes;
  uint64_t flags, zero, plain_bytes;
};
static_assert(sizeof(FatHeader) == 16 && sizeof(FatEntry) == 64);

[[noreturn]] void damaged() { fail(CUDA_ERROR_INVALID_IMAGE, "the fat binary is damaged"); }

/** One LZ4 block: runs of literals and of bytes seen before. */
std::string unpack_lz4(const uint8_t* in, size_t bytes, size_t plain_bytes) {
  std::string out;
  out.reserve(plain_bytes);
  const uint8_t* end = in + bytes;
  auto length = [&](size_t n) {
    if (n != 15) return n;
    for (uint8_t more = 255; more == 255 && in < end; n += more) more = *in++;
    return n;
  };
  while (in < end) {
    uint8_t token = *in++;
    size_t literals = length(token >> 4);
    if (literals > size_t(end - in)) damaged();
    out.append(reinterpret_cast<const char*>(in), literals);
    in += literals;
    if (end - in < 2) break;
    size_t back = in[0] | in[1] << 8;
    in += 2;
    size_t match = length(token & 15) + 4;
    if (back == 0 || back > out.size() || out.size() + match > plain_bytes) damaged();
    for (size_t i = 0; i < match; ++i) out.push_back(out[out.size() - back]);
  }
  if (out.size() != plain_bytes) damaged();
  return out;
}

/** By the machine's own library, if it has one. */
std::string unpack_zstd(const uint8_t* in, size_t bytes, size_t plain_bytes) {
  using Decompress = size_t (*)(void*, size_t, const void*, size_t);
  static void* library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
  static auto decompress = library ? reinterpret_cast<Decompress>(dlsym(library, "ZSTD_decompress")) : nullptr;
  if (!decompress)
    fail(CUDA_ERROR_NOT_SUPPORTED,
         "the PTX in the fat binary is compressed with zstd, and this machine has no libzstd.so.1; install it, or "
         "compile with nvcc --compress-mode=none or speed");
  std::string out(plain_bytes, '\0');
  if (decompress(out.data(), out.size(), in, bytes) != plain_bytes) damaged();
  return out;
}

std::string ptx_of_entry(const FatEntry& e, const uint8_t* payload) {
  if (e.flags & kZstd) return unpack_zstd(payload, e.compressed_bytes, e.plain_bytes);
  if (e.flags & kLz4) return unpack_lz4(payload, e.compressed_bytes, e.plain_bytes);
  return std::string(reinterpret_cast<const char*>(payload), e.bytes);
}

/** The PTX of the highest architecture that runs on sm_80. */
std::string ptx_of_fatbin(const uint8_t* image) {
  FatHeader header;
  std::memcpy(&header, image, sizeof header);
  const uint8_t* at = image + header.header_bytes;
  const uint8_t* end = at + header.bytes;
  std::string best, others;
  uint32_t best_arch = 0;
  while (at + sizeof(FatEntry) <= end) {
    FatEntry e;
    std::memcpy(&e, at, sizeof e);
    if (e.header_bytes < sizeof e || e.bytes > uint64_t(end - at) - e.header_bytes) damaged();
    bool ptx = e.kind == kEntryPtx;
    if (ptx && e.arch <= 80 && e.arch >= best_arch) {
      best = ptx_of_entry(e, at + e.header_bytes);
      best_arch = e.arch;
    }
    others += std::string(others.empty() ? "" : ", ") + (ptx ? "compute_" : "sm_") + std::to_string(e.arch);
    at += e.header_bytes + e.bytes;
  }
  if (best.empty())
    fail(CUDA_ERROR_NO_BINARY_FOR_GPU, "the simulated device runs PTX of compute_80 or below, and the fat binary has " +
                                           (others.empty() ? "nothing" : others) +
                                           "; compile with -gencode arch=compute_80,code=compute_80");
  return best;
}

}  // namespace

std::string ptx_of_image(const void* image, size_t size) {
  if (!image) fail(CUDA_ERROR_INVALID_VALUE, "no image");
  uint32_t magic = 0;
  if (size == 0 || size >= 4) std::memcpy(&magic, image, 4);
  if (magic == kElf)
    fail(CUDA_ERROR_NO_BINARY_FOR_GPU,
         "a cubin: machine code of a GPU cannot run here, the simulated device needs PTX (nvcc -ptx -arch=compute_80)");
  if (magic == kWrapper) {
    const void* inner;
    std::memcpy(&inner, static_cast<const char*>(image) + 8, sizeof inner);
    return ptx_of_image(inner, 0);
  }
  if (magic == kFatbin) return ptx_of_fatbin(static_cast<const uint8_t*>(image));
  const char* text = static_cast<const char*>(image);
  std::string ptx = size ? std::string(text, strnlen(text, size)) : std::string(text);
  if (ptx.find(".version") == std::string::npos)
    fail(CUDA_ERROR_INVALID_IMAGE, "neither PTX (no .version directive) nor a fat binary");
  return ptx;
}

}  // namespace sim
