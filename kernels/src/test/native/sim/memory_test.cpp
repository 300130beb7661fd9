// Bounds, known bytes, and what is said of addresses that are not there.
#include "check.h"
#include "memory.h"
#include <cstdint>
#include <vector>

using sim::Memory;

namespace {

void contains(const std::string& text, const std::string& part) {
  check(text.find(part) != std::string::npos, __FILE__, __LINE__, text + "\n  lacks: " + part);
}

void fresh_memory_is_poisoned_and_unknown() {
  Memory memory(1 << 20);
  uint64_t p = memory.allocate(1000, "a");
  CHECK_EQUAL(p % 256, 0u);
  const sim::Allocation* a = memory.find(p, 1000);
  CHECK(a && a->begin == p && a->end == p + 1000);
  for (int i = 0; i < 1000; ++i) {
    CHECK_EQUAL(int(reinterpret_cast<uint8_t*>(p)[i]), 0xFF);
    CHECK_EQUAL(int(a->known[i]), 0);
  }
  CHECK_EQUAL(memory.used(), 1000u);
}

void bounds_are_exact() {
  Memory memory(1 << 20);
  uint64_t p = memory.allocate(100, "cuMemAlloc #1");
  uint64_t q = memory.allocate(100, "cuMemAlloc #2");
  CHECK(memory.find(p + 96, 4) != nullptr);
  CHECK(memory.find(p + 97, 4) == nullptr);
  CHECK(memory.find(p + 100, 1) == nullptr);
  CHECK(memory.find(p - 1, 1) == nullptr);
  CHECK(memory.find(p, UINT64_MAX) == nullptr);
  CHECK(q >= p + 100 + 256);
  contains(memory.explain(p + 104, 4), "4 bytes past the end of cuMemAlloc #1 (100 bytes)");
  contains(memory.explain(p + 97, 4), "starts inside cuMemAlloc #1 (100 bytes) and runs 1 byte past its end");
  contains(memory.explain(q - 8, 4), "8 bytes before cuMemAlloc #2 (100 bytes)");
  contains(memory.explain(p + 4, 4), "inside cuMemAlloc #1");
  contains(memory.explain(0, 4), "a null pointer");
  int host;
  contains(memory.explain(reinterpret_cast<uint64_t>(&host), 4), "host pointer");
}

void freed_memory_stays_freed() {
  Memory memory(1 << 20);
  uint64_t p = memory.allocate(300000, "cuMemAlloc #1");
  memory.release(p);
  CHECK_EQUAL(memory.used(), 0u);
  CHECK(memory.find(p, 1) == nullptr);
  contains(memory.explain(p + 1024, 4), "1,024 bytes into freed memory, once cuMemAlloc #1 (300,000 bytes)");
  CHECK_FAULT(invalid_value, "freed twice: cuMemAlloc #1", memory.release(p));
  uint64_t q = memory.allocate(300000, "cuMemAlloc #2");
  CHECK(q >= p + 300000);
  CHECK_FAULT(invalid_value, "not the start of an allocation: inside cuMemAlloc #2", memory.release(q + 256));
}

void limit_holds() {
  Memory memory(1000);
  CHECK_EQUAL(memory.allocate(1001, "a"), 0u);
  uint64_t p = memory.allocate(600, "a");
  CHECK(p != 0);
  CHECK_EQUAL(memory.allocate(600, "b"), 0u);
  memory.release(p);
  CHECK(memory.allocate(600, "b") != 0);
}

void adopted_host_memory_is_known() {
  Memory memory(1000);
  std::vector<int> host(64);
  uint64_t p = reinterpret_cast<uint64_t>(host.data());
  memory.adopt(p, 256, "cuMemHostRegister #1");
  const sim::Allocation* a = memory.find(p + 252, 4);
  CHECK(a && a->known[255] == 1);
  CHECK_FAULT(invalid_value, "registered already: cuMemHostRegister #1", memory.adopt(p + 4, 4, "again"));
  memory.release(p);
  CHECK(memory.find(p, 4) == nullptr);
  CHECK_EQUAL(memory.used(), 0u);
}

// Many rounds of odd sizes: whatever is live is apart from all else that is live, and fresh memory is always unknown.
void random_rounds() {
  Memory memory(64 << 20);
  std::vector<uint64_t> live;
  uint64_t state = 1;
  auto next = [&] { return (state = state * 6364136223846793005u + 1442695040888963407u) >> 33; };
  for (int i = 0; i < 3000; ++i) {
    if (live.size() > 20 || (next() % 3 == 0 && !live.empty())) {
      size_t at = next() % live.size();
      memory.release(live[at]);
      live.erase(live.begin() + long(at));
      continue;
    }
    uint64_t bytes = 1 + next() % (next() % 8 == 0 ? 100000 : 600);
    uint64_t p = memory.allocate(bytes, "a");
    const sim::Allocation* a = memory.find(p, bytes);
    bool unknown = true;
    for (uint64_t b = 0; b < bytes; ++b) unknown &= a->known[b] == 0 && reinterpret_cast<uint8_t*>(p)[b] == 0xFF;
    CHECK(unknown);
    for (uint64_t b = 0; b < bytes; ++b) a->known[b] = 1, reinterpret_cast<uint8_t*>(p)[b] = 7;
    live.push_back(p);
  }
}

}  // namespace

int main() {
  fresh_memory_is_poisoned_and_unknown();
  bounds_are_exact();
  freed_memory_stays_freed();
  limit_holds();
  adopted_host_memory_is_known();
  random_rounds();
  return summary("memory_test");
}
