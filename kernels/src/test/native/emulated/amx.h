// amx.h: the tile instructions that the kernels name, in C++; avx512.h includes it.
#pragma once
#define __AMX_BF16__ 1

namespace {
namespace emulated {

/** The eight tiles of a thread, all in the only shape in use: 16 rows of 64 bytes. */
struct Tile {
  uint32_t row[16][16];
};
inline thread_local Tile tiles[8];

inline void tile_load(int t, const void* from, long stride) {
  for (int i = 0; i < 16; i++) __builtin_memcpy(tiles[t].row[i], static_cast<const char*>(from) + i * stride, 64);
}
inline void tile_store(int t, void* to, long stride) {
  for (int i = 0; i < 16; i++) __builtin_memcpy(static_cast<char*>(to) + i * stride, tiles[t].row[i], 64);
}
/** TDPBF16PS: the sums of even and of odd products, each from zero, then both added to c. */
__attribute__((noinline, unused)) void tile_multiply(int c, int a, int b) {
  for (int i = 0; i < 16; i++) {
    float even[16] = {}, odd[16] = {};
    for (int k = 0; k < 16; k++) {
      uint32_t x = tiles[a].row[i][k];
      float x0 = widen(static_cast<uint16_t>(x)), x1 = widen(static_cast<uint16_t>(x >> 16));
      for (int j = 0; j < 16; j++) {
        uint32_t y = tiles[b].row[k][j];
        even[j] = fma(x0, widen(static_cast<uint16_t>(y)), even[j]);
        odd[j] = fma(x1, widen(static_cast<uint16_t>(y >> 16)), odd[j]);
      }
    }
    for (int j = 0; j < 16; j++)
      tiles[c].row[i][j] = bits_of(flush(flush(float_of(tiles[c].row[i][j])) + flush(even[j] + odd[j])));
  }
}

}  // namespace emulated
}  // namespace

#undef _tile_loadd
#undef _tile_stream_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#define _tile_loadd emulated::tile_load
#define _tile_stream_loadd emulated::tile_load
#define _tile_stored emulated::tile_store
#define _tile_zero(t) (emulated::tiles[t] = {})
#define _tile_dpbf16ps emulated::tile_multiply
#define _tile_release() ((void)0)
