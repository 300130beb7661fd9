// Which bytes of global memory a launch read and wrote: one bit a byte, kept page by page where anything happened.
#pragma once
#include "machine.h"
#include <array>
#include <memory>
#include <unordered_map>

namespace sim {

class Touched {
 public:
  /** Active lanes access `bytes` (a power of two up to 16) at address[lane], aligned. */
  void add(uint32_t lanes, const uint64_t address[32], int bytes, bool read, bool write);
  void add(const Touched& other);
  /** Calls `range` for every maximal run of bytes that were written, and that were read. */
  void ranges(const std::function<void(uint64_t begin, uint64_t end, bool write)>& range) const;
  uint64_t bytes_read() const { return count(0); }
  uint64_t bytes_written() const { return count(1); }

 private:
  static constexpr uint64_t kPage = 4096, kWords = kPage / 64;
  using Page = std::array<std::array<uint64_t, kWords>, 2>;  // read, written
  struct Recent {
    uint64_t number = ~uint64_t(0);
    Page* page = nullptr;
  };

  Page& page(uint64_t number);
  void mark(uint64_t begin, uint64_t end, bool read, bool write);
  uint64_t count(size_t side) const;

  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages_;
  std::array<Recent, 16> recent_;
};

}  // namespace sim
