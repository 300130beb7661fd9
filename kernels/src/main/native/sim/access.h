// Every access to memory goes through here: address, bounds, alignment, known bytes, races, counts.
#pragma once
#include "block.h"

namespace sim {

enum class Use : uint8_t { read, write, atomic, async };  // async: the target of cp.async

/** Where the lanes' bytes lie. */
struct Access {
  uint8_t* data[32];      // on the host, of active lanes
  uint8_t* known[32];     // beside it; nullptr: all known
  bool together = false;  // set: 32 lanes side by side
  bool counted = true;    // in sectors and wavefronts
  bool strong = false;    // volatile, relaxed: does not race with its like
  int alignment = 0;      // 0: that of the size
};

/** Checks `bytes` bytes of every active lane at register i.a + i.offset in i.space; counts them. Reads must be known,
 *  written bytes become so. */
void access_memory(Warp& w, const Instruction& i, int bytes, Use use, Access& out);
/** The same for addresses from elsewhere. */
void access_addresses(Warp& w, const Instruction& i, ptx::Space space, const uint64_t address[32], int bytes, Use use,
                      Access& out);
/** Arrived: the lane's bytes of a cp.async, written by it now. */
void note_arrival(Warp& w, const Instruction& i, int lane, uint32_t at, int bytes);
/** One lane, generic, for printf. */
uint8_t* access_lane(Warp& w, const Instruction& i, int lane, uint64_t generic, int bytes);

}  // namespace sim
