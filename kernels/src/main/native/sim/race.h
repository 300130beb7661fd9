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
  struct Request {
    uint32_t warp, lanes, bytes;
    bool write, strong;  // strong: atomic or volatile; two of them do not race
    int instruction;
    uint32_t serial;
  };
  /** The lanes access `bytes` bytes at at[lane] of shared memory. */
  Conflict access(const Request& r, const uint64_t at[32], int& lane);
  /** A collective of lanes `members`, who are all that live if `all`. */
  void warp_sync(uint32_t w, uint32_t members, bool all);
  /** Warps meet: each goes on knowing what all did. `arrived`: clocks of those that only announced themselves. */
  void barrier(uint32_t warps, const Clocks& arrived);
  void arrive(uint32_t w, Clocks& arrived);

 private:
  struct Cell {
    uint32_t write_time = 0, read_time = 0, other_read_time = 0, read_lanes = 0, write_serial = 0;
    int write_instruction = 0, read_instruction = 0;
    uint32_t write_warp : 5 = 0, write_lane : 5 = 0, read_warp : 5 = 0, other_read_warp : 5 = 0, write_strong : 1 = 0,
                          read_strong : 1 = 0;
  };
  using Pairs = std::array<std::array<uint32_t, 32>, 32>;
  struct Clock {
    uint32_t now = 1, all_synced = 1;  // all_synced: older accesses of the warp's lanes are ordered
    uint32_t floor = 0;                // accesses up to then are ordered, whoever made them
    Clocks seen{};
    std::unique_ptr<Pairs> pairs;  // by partial collectives
  };

  bool touch_quickly(Cell& c, const Request& r, uint32_t lane, const Clock& clock);
  Conflict touch(Cell& c, const Request& r, uint32_t lane);
  Conflict access_lane(const Request& r, uint32_t lane, uint32_t at);
  void acquire(uint32_t w, uint32_t at);
  void release(uint32_t w, uint32_t at);
  void find_floor(Clock& c);
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
