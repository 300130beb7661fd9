// Sectors and wavefronts of cases counted by hand, and the JSON.
#include "check.h"
#include "counters.h"
#include <functional>

using sim::LineCount;

namespace {

constexpr uint32_t kAll = 0xffffffff;

LineCount global(int bytes, uint32_t mask, const std::function<uint64_t(int)>& at) {
  uint64_t address[32];
  for (int lane = 0; lane < 32; lane++) address[lane] = 0x7f0000000000 + at(lane);
  LineCount line;
  sim::count_global(line, address, mask, bytes);
  return line;
}

LineCount shared(int bytes, uint32_t mask, const std::function<uint32_t(int)>& at) {
  uint32_t address[32];
  for (int lane = 0; lane < 32; lane++) address[lane] = at(lane);
  LineCount line;
  sim::count_shared(line, address, mask, bytes);
  return line;
}

void expect_global(const LineCount& is, uint64_t bytes, uint64_t sectors, uint64_t ideal) {
  CHECK_EQUAL(is.global_bytes, bytes);
  CHECK_EQUAL(is.sectors, sectors);
  CHECK_EQUAL(is.ideal_sectors, ideal);
}

void sectors() {
  expect_global(global(4, kAll, [](int lane) { return 4 * lane; }), 128, 4, 4);
  expect_global(global(4, kAll, [](int lane) { return 4 * (31 - lane); }), 128, 4, 4);
  expect_global(global(4, kAll, [](int lane) { return 4 * (lane ^ 21); }), 128, 4, 4);
  expect_global(global(4, kAll, [](int lane) { return 4 * lane + 4; }), 128, 5, 4);  // rows that start off a sector
  expect_global(global(4, kAll, [](int lane) { return 8 * lane; }), 128, 8, 4);
  expect_global(global(4, kAll, [](int lane) { return 128 * lane; }), 128, 32, 4);
  expect_global(global(4, kAll, [](int) { return 64; }), 4, 1, 1);  // broadcast
  expect_global(global(4, kAll, [](int lane) { return lane / 8 * 4; }), 16, 1, 1);
  expect_global(global(4, kAll, [](int lane) { return lane % 2 * 1024; }), 8, 2, 1);
  expect_global(global(2, kAll, [](int lane) { return 2 * lane; }), 64, 2, 2);
  expect_global(global(1, kAll, [](int lane) { return lane; }), 32, 1, 1);
  expect_global(global(16, kAll, [](int lane) { return 16 * lane; }), 512, 16, 16);
  expect_global(global(16, kAll, [](int lane) { return 64 * lane; }), 512, 32, 16);
  expect_global(global(8, kAll, [](int lane) { return 8 * lane + 8; }), 256, 9, 8);
  expect_global(global(4, 1, [](int) { return 0; }), 4, 1, 1);
  expect_global(global(4, 0x80000001, [](int lane) { return 4 * lane; }), 8, 2, 1);
  expect_global(global(4, 0, [](int) { return 0; }), 0, 0, 0);
}

void expect_shared(const LineCount& is, uint64_t wavefronts, uint64_t ideal) {
  CHECK_EQUAL(is.wavefronts, wavefronts);
  CHECK_EQUAL(is.ideal_wavefronts, ideal);
}

void bank_conflicts() {
  for (uint32_t stride = 1; stride <= 64; stride++) {  // words; as many ways as the stride has powers of two
    const uint32_t ways = std::min(32u, stride & -stride);
    expect_shared(shared(4, kAll, [&](int lane) { return 4 * stride * lane; }), ways, 1);
  }
  expect_shared(shared(4, kAll, [](int) { return 12; }), 1, 1);                               // broadcast
  expect_shared(shared(4, kAll, [](int lane) { return lane % 2 * 4; }), 1, 1);                // two broadcasts
  expect_shared(shared(4, kAll, [](int lane) { return lane % 2 * 128; }), 2, 1);              // two words, one bank
  expect_shared(shared(4, kAll, [](int lane) { return lane / 16 * 128 + lane * 4; }), 1, 1);  // a shift: still 32 banks
  expect_shared(shared(2, kAll, [](int lane) { return 2 * lane; }), 1, 1);                    // halves share words
  expect_shared(shared(1, kAll, [](int lane) { return 128 * (lane % 8) + lane; }), 4, 1);
  expect_shared(shared(4, 0xff, [](int lane) { return 128 * lane; }), 8, 1);
  expect_shared(shared(4, 0, [](int) { return 0; }), 0, 0);

  expect_shared(shared(8, kAll, [](int lane) { return 8 * lane; }), 2, 2);
  expect_shared(shared(8, kAll, [](int lane) { return 16 * lane; }), 4, 2);
  expect_shared(shared(8, 0xffff0000, [](int lane) { return 8 * lane; }), 1, 1);
  expect_shared(shared(16, kAll, [](int lane) { return 16 * lane; }), 4, 4);
  expect_shared(shared(16, kAll, [](int lane) { return 128 * lane; }), 32, 4);    // rows of 64 halves: 8-way
  expect_shared(shared(16, kAll, [](int lane) { return 144 * lane; }), 4, 4);     // padded to 72
  expect_shared(shared(16, kAll, [](int lane) { return lane / 8 * 16; }), 4, 4);  // broadcast in quarters
  expect_shared(shared(16, 0x101, [](int lane) { return 16 * lane; }), 2, 2);     // one lane each of two quarters
}

void ldmatrix_rows() {
  auto count = [](const std::function<uint32_t(uint32_t)>& at) {
    uint32_t rows[8];
    for (uint32_t r = 0; r < 8; r++) rows[r] = at(r);
    LineCount line;
    sim::count_ldmatrix(line, rows);
    CHECK_EQUAL(line.ideal_wavefronts, 1u);
    return line.wavefronts;
  };
  CHECK_EQUAL(count([](uint32_t r) { return 16 * r; }), 1u);
  CHECK_EQUAL(count([](uint32_t r) { return 128 * r; }), 8u);                      // 64 halves a row, no swizzle
  CHECK_EQUAL(count([](uint32_t r) { return 128 * r + 16 * (r ^ 3); }), 1u);       // chunk ^ row
  CHECK_EQUAL(count([](uint32_t r) { return 64 * r + 16 * ((r / 2) % 4); }), 1u);  // 32 halves a row, chunk ^ row / 2
  CHECK_EQUAL(count([](uint32_t r) { return 64 * r + 16 * (r % 4); }), 2u);        // the wrong swizzle of it
  CHECK_EQUAL(count([](uint32_t r) { return 64 * r; }), 4u);
  CHECK_EQUAL(count([](uint32_t r) { return 32 * r; }), 2u);
  CHECK_EQUAL(count([](uint32_t r) { return 144 * r; }), 1u);            // padded by 8 halves
  CHECK_EQUAL(count([](uint32_t r) { return 136 * r / 16 * 16; }), 2u);  // chunks 0 0 1 1 2 2 3 3
  CHECK_EQUAL(count([](uint32_t) { return 0u; }), 1u);
}

void counts_add_up() {
  LineCount a, b;
  a.warps = 1, a.lanes = 2, a.global_bytes = 3, a.sectors = 4, a.ideal_sectors = 5, a.wavefronts = 6;
  a.ideal_wavefronts = 7;
  b += a;
  b += a;
  CHECK_EQUAL(b.warps + b.lanes + b.global_bytes + b.sectors + b.ideal_sectors + b.wavefronts + b.ideal_wavefronts,
              56u);
  CHECK_EQUAL(b.ideal_wavefronts, 14u);
}

void json_is_whole_and_escaped() {
  CHECK_EQUAL(sim::to_json({}), "[]\n");
  sim::KernelCount k;
  k.kernel = "a\"b\\";
  k.launches = 2, k.mma = 3, k.unique_store_bytes = 4;
  k.lines.resize(2);
  k.lines[0].warps = 5;
  k.text = {"add.s32\t%r1, %r2, 1;"};
  const std::string zero =
      "\"lanes\":0,\"global_bytes\":0,\"sectors\":0,\"ideal_sectors\":0,\"wavefronts\":0,\"ideal_wavefronts\":0}";
  const std::string one =
      "{\"kernel\":\"a\\\"b\\\\\",\"launches\":2,\"blocks\":0,\"threads\":0,\"barriers\":0,\"mma\":3,\"atomics\":0,"
      "\"load_bytes\":0,\"store_bytes\":0,\"unique_load_bytes\":0,\"unique_store_bytes\":4,\"lines\":[\n "
      "{\"ptx\":\"add.s32\\u0009%r1, %r2, 1;\",\"warps\":5," +
      zero + ",\n {\"ptx\":\"\",\"warps\":0," + zero + "]}";
  CHECK_EQUAL(sim::to_json({k}), "[" + one + "]\n");
  CHECK_EQUAL(sim::to_json({k, k}), "[" + one + ",\n" + one + "]\n");
}

}  // namespace

int main() {
  sectors();
  bank_conflicts();
  ldmatrix_rows();
  counts_add_up();
  json_is_whole_and_escaped();
  return summary("counters");
}
