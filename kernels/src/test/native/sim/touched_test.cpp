// Touched ranges against a plain set of bytes.
#include "check.h"
#include "touched.h"
#include <map>
#include <set>

namespace {

using Runs = std::map<uint64_t, uint64_t>;

Runs runs_of(const sim::Touched& t, bool write) {
  Runs runs;
  t.ranges([&](uint64_t begin, uint64_t end, bool w) {
    if (w == write) runs[begin] = end;
  });
  return runs;
}

Runs runs_of(const std::set<uint64_t>& bytes) {
  Runs runs;
  uint64_t begin = 0, end = 0;
  for (uint64_t b : bytes) {
    if (b != end) begin = b;
    end = b + 1;
    runs[begin] = end;
  }
  return runs;
}

void random_requests() {
  uint64_t state = 7;
  auto next = [&](uint64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
  };
  sim::Touched parts[2];
  std::set<uint64_t> read, written;
  const uint64_t base = uint64_t(0x7f00) << 32;
  for (int i = 0; i < 400; ++i) {
    uint64_t address[32];
    int bytes = 1 << next(5);
    bool in_a_row = next(2), write = next(2), is_read = !write || next(4) == 0;
    uint32_t lanes = next(3) ? ~0u : uint32_t(next(uint64_t(1) << 31)) | 1;
    uint64_t start = next(20000 / 16) * 16;
    for (uint64_t l = 0; l < 32; ++l)
      address[l] = base + (in_a_row ? start + l * uint64_t(bytes) : next(20000 / 16) * 16);
    parts[i % 2].add(lanes, address, bytes, is_read, write);
    for (uint64_t l = 0; l < 32; ++l)
      for (uint64_t b = 0; lanes >> l & 1 && b < uint64_t(bytes); ++b) {
        if (is_read) read.insert(address[l] + b);
        if (write) written.insert(address[l] + b);
      }
  }
  parts[0].add(parts[1]);
  CHECK_EQUAL(parts[0].bytes_read(), read.size());
  CHECK_EQUAL(parts[0].bytes_written(), written.size());
  CHECK(runs_of(parts[0], false) == runs_of(read));
  CHECK(runs_of(parts[0], true) == runs_of(written));
}

void runs_cross_pages() {
  sim::Touched t;
  for (uint64_t block = 0; block < 256; ++block) {
    uint64_t address[32];
    for (uint64_t l = 0; l < 32; ++l) address[l] = 0x10000100 + block * 128 + l * 4;
    t.add(~0u, address, 4, false, true);
  }
  CHECK(runs_of(t, true) == (Runs{{0x10000100, 0x10000100 + 256 * 128}}));
  CHECK(runs_of(t, false).empty());
}

}  // namespace

int main() {
  random_requests();
  runs_cross_pages();
  return summary("touched_test");
}
