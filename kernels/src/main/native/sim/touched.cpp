#include "touched.h"
#include <algorithm>
#include <bit>
#include <vector>

namespace sim {

Touched::Page& Touched::page(uint64_t number) {
  Recent& recent = recent_[number % recent_.size()];
  if (recent.number != number) {
    auto& page = pages_[number];
    if (!page) page = std::make_unique<Page>();
    recent = {number, page.get()};
  }
  return *recent.page;
}

void Touched::mark(uint64_t begin, uint64_t end, bool read, bool write) {
  while (begin < end) {
    Page& p = page(begin / kPage);
    uint64_t offset = begin % 64, bits = std::min(64 - offset, end - begin);
    uint64_t mask = (bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1) << offset;
    size_t word = begin % kPage / 64;
    if (read) p[0][word] |= mask;
    if (write) p[1][word] |= mask;
    begin += bits;
  }
}

void Touched::add(uint32_t lanes, const uint64_t address[32], int bytes, bool read, bool write) {
  uint64_t size = uint64_t(bytes);
  if (lanes == ~0u) {
    bool in_a_row = true;
    for (uint64_t l = 1; l < 32; ++l) in_a_row &= address[l] == address[0] + l * size;
    if (in_a_row) return mark(address[0], address[0] + 32 * size, read, write);
  }
  for (; lanes; lanes &= lanes - 1) {
    uint64_t begin = address[std::countr_zero(lanes)];
    mark(begin, begin + size, read, write);
  }
}

void Touched::add(const Touched& other) {
  for (const auto& [number, theirs] : other.pages_) {
    Page& mine = page(number);
    for (size_t side = 0; side < 2; ++side)
      for (size_t w = 0; w < kWords; ++w) mine[side][w] |= (*theirs)[side][w];
  }
}

uint64_t Touched::count(size_t side) const {
  uint64_t bytes = 0;
  for (const auto& [number, page] : pages_)
    for (uint64_t word : (*page)[side]) bytes += uint64_t(std::popcount(word));
  return bytes;
}

void Touched::ranges(const std::function<void(uint64_t, uint64_t, bool)>& range) const {
  std::vector<uint64_t> numbers;
  for (const auto& [number, page] : pages_) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  for (size_t side = 0; side < 2; ++side) {
    uint64_t begin = 0, end = 0;  // of the run so far
    auto add_run = [&](uint64_t from, uint64_t to) {
      if (from != end) {
        if (begin < end) range(begin, end, side == 1);
        begin = from;
      }
      end = to;
    };
    for (uint64_t number : numbers)
      for (uint64_t w = 0; w < kWords; ++w) {
        uint64_t bits = (*pages_.at(number))[side][w], base = number * kPage + w * 64;
        for (uint64_t at = 0; bits;) {
          uint64_t skip = uint64_t(std::countr_zero(bits));
          bits >>= skip;
          uint64_t run = uint64_t(std::countr_one(bits));
          add_run(base + at + skip, base + at + skip + run);
          bits = run == 64 ? 0 : bits >> run;
          at += skip + run;
        }
      }
    if (begin < end) range(begin, end, side == 1);
  }
}

}  // namespace sim
