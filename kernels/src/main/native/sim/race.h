// Races in shared memory: two threads, one of them writing, no order between. Warps carry vector clocks that barriers
// join; lanes of a warp are ordered by its collectives. Every word remembers its last write and its last readers.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace sim {

struct Conflict {
  bool found = false;
  bool other_wrote = false;
  uint32_t thread = 0;  // the other one
  int instruction = 0;  // its
};

class Races {
 public:
  using Clocks = std::array<uint32_t, 32>;  // of every warp

  Races(uint32_t shared_bytes, uint32_t warps);

  /** What came before in other blocks is ordered before everything. */
  void start_block();
  /** Warp `w` and lane, an access of `bytes` at an offset of shared memory. Strong: atomic or volatile; two of them do
   * not race. */
  Conflict access(uint32_t w, uint32_t lane, uint32_t at, uint32_t bytes, bool write, bool strong, int instruction,
                  uint32_t serial);
  /** A collective of lanes `members`, who are all that live if `all`. */
  void warp_sync(uint32_t w, uint32_t members, bool all);
  /** Warps meet: each goes on knowing what all did. `arrived`: clocks of those that only announced themselves. */
  void barrier(uint32_t warps, const Clocks& arrived);
  void arrive(uint32_t w, Clocks& arrived);

 private:
  struct Cell {
    uint32_t write_time = 0, read_time = 0, other_read_time = 0, read_lanes = 0, write_serial = 0;
    int write_instruction = 0, read_instruction = 0, other_read_instruction = 0;
    uint8_t write_warp = 0, write_lane = 0, read_warp = 0, other_read_warp = 0;
    bool write_strong = false, read_strong = false;
  };
  using Pairs = std::array<std::array<uint32_t, 32>, 32>;
  struct Clock {
    uint32_t now = 1, all_synced = 1;  // all_synced: older accesses of the warp's lanes are ordered
    Clocks seen{};
    std::unique_ptr<Pairs> pairs;  // by partial collectives
  };

  Conflict touch(Cell& c, uint32_t w, uint32_t lane, bool write, bool strong, int instruction, uint32_t serial);
  bool ordered(uint32_t w, uint32_t lane, uint32_t other, uint32_t other_lane, uint32_t time) const;
  static uint32_t unordered_lanes(const Clock& c, uint32_t lane, uint32_t lanes, uint32_t time);
  Cell* split(uint32_t word);

  std::vector<Cell> words_;
  std::unordered_map<uint32_t, std::array<Cell, 4>> bytes_;  // words that were accessed in parts
  std::vector<uint8_t> is_split_;
  std::vector<Clock> clocks_;
  std::unordered_map<uint32_t, Clocks> released_;  // by strong writes, for strong reads
};

}  // namespace sim
