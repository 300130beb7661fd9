// block.cpp: one block: its warps take turns until all have ended; barriers; what a fault says.
#include "block.h"
#include "operations.h"
#include <algorithm>

namespace sim {

namespace {

constexpr uint32_t kMultiprocessors = 108;  // those of an A100, as the driver says
constexpr int64_t kTurn = 1 << 16;          // branches before another warp has its turn: it may wait for one that spins

uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

std::string triple(uint32_t x, uint32_t y, uint32_t z) {
  return "(" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + ")";
}

}  // namespace

Block::Block(const Run& r) : run(r), image(*r.image) {
  const Launch& l = *run.launch;
  threads = l.block.x * l.block.y * l.block.z;
  shared_bytes = l.dynamic_shared ? image.dynamic_shared_at + l.dynamic_shared : image.static_shared;
  shared.resize(shared_bytes + 16);
  shared_known.resize(shared_bytes + 16);
  uint32_t warp_count = (threads + 31) / 32;
  for (auto& routine : image.routines) {
    local_stride += (routine.local_bytes + 15) & ~15u;
    if (routine.recursive) local_stride += 64 << 10;
  }
  local.resize(static_cast<size_t>(local_stride) * warp_count * 32 + 16);
  local_known.resize(local.size());
  parameter_stride = (image.parameter_bytes + 15) & ~15u;
  parameters.resize(static_cast<size_t>(parameter_stride) * warp_count * 32);
  size_t code = image.code.size();
  issued.resize(code + 1);
  lanes.resize(code + 1);
  guarded_off.resize(code + 1);
  lines.resize(code);
  last_allocation.resize(code);
  if (run.options->races && shared_bytes) races = std::make_unique<Races>(shared_bytes, warp_count);
  start_warps();
}

void Block::start_warps() {
  uint32_t warp_count = (threads + 31) / 32;
  size_t bytes = (image.file_bytes + 63) & ~63u;
  files_.resize(bytes * warp_count + 64);
  auto base = (reinterpret_cast<uintptr_t>(files_.data()) + 63) & ~uintptr_t{63};
  for (uint32_t n = 0; n < warp_count; n++) {
    Warp& w = warps.emplace_back();
    w.file = reinterpret_cast<uint8_t*>(base) + n * bytes;
    w.block = this;
    w.number = static_cast<int>(n);
    fill_constants(w);
    fill_specials(w, true);
  }
}

void Block::fill_constants(Warp& w) {
  for (auto& c : image.constants) {
    uint64_t bits = c.bits;
    if (c.variable >= 0) bits += run.program->module().variables[c.variable].address;
    for (int l = 0; l < 32; l++) std::memcpy(w.file + c.at + l * c.bytes, &bits, c.bytes);
  }
}

/** A special register that no block of the launch changes, in thread t of the block. */
uint32_t Block::special_of(Special special, uint32_t t) const {
  const Launch& l = *run.launch;
  uint32_t lane = t % 32;
  switch (special) {
    case Special::tid_x:
      return t % l.block.x;
    case Special::tid_y:
      return t / l.block.x % l.block.y;
    case Special::tid_z:
      return t / (l.block.x * l.block.y);
    case Special::ntid_x:
      return l.block.x;
    case Special::ntid_y:
      return l.block.y;
    case Special::ntid_z:
      return l.block.z;
    case Special::nctaid_x:
      return l.grid.x;
    case Special::nctaid_y:
      return l.grid.y;
    case Special::nctaid_z:
      return l.grid.z;
    case Special::laneid:
      return lane;
    case Special::warpid:
      return t / 32;
    case Special::nwarpid:
      return (threads + 31) / 32;
    case Special::lanemask_eq:
      return 1u << lane;
    case Special::lanemask_lt:
      return (1u << lane) - 1;
    case Special::lanemask_le:
      return (2u << lane) - 1;
    case Special::lanemask_gt:
      return ~((2u << lane) - 1);
    case Special::lanemask_ge:
      return ~((1u << lane) - 1);
    case Special::nsmid:
      return kMultiprocessors;
    case Special::dynamic_smem_size:
      return l.dynamic_shared;
    case Special::total_smem_size:
      return shared_bytes;
    default:
      return 0;
  }
}

/** Once a launch; afterwards only what a block changes. */
void Block::fill_specials(Warp& w, bool all) {
  for (auto [at, special] : image.specials) {
    if (special == Special::local_base) {
      std::memset(w.file + at, 0, 32 * 8);
      continue;
    }
    if (special == Special::ctaid_x || special == Special::ctaid_y || special == Special::ctaid_z ||
        special == Special::smid) {
      uint32_t id = special == Special::smid      ? x % kMultiprocessors
                    : special == Special::ctaid_x ? x
                    : special == Special::ctaid_y ? y
                                                  : z;
      std::fill(w.at<uint32_t>(at), w.at<uint32_t>(at) + 32, id);
      continue;
    }
    if (!all) continue;
    if (special == Special::gridid) {
      for (int lane = 0; lane < 32; lane++) w.at<uint64_t>(at)[lane] = run.grid_id;
      continue;
    }
    for (uint32_t lane = 0; lane < 32; lane++) {
      uint32_t t = static_cast<uint32_t>(w.number) * 32 + lane;
      w.at<uint32_t>(at)[lane] = special_of(special, t);
    }
  }
}

void Block::execute(uint64_t linear) {
  const Launch& l = *run.launch;
  x = static_cast<uint32_t>(linear % l.grid.x);
  y = static_cast<uint32_t>(linear / l.grid.x % l.grid.y);
  z = static_cast<uint32_t>(linear / l.grid.x / l.grid.y);
  random_ = mix(run.options->seed * 0x9e3779b97f4a7c15ull + linear);
  std::fill(shared.begin(), shared.end(), 0xff);
  std::fill(shared_known.begin(), shared_known.end(), 0);
  std::fill(local.begin(), local.end(), 0xff);
  std::fill(local_known.begin(), local_known.end(), 0);
  if (races) races->start_block();
  barriers.fill({});
  std::vector<Warp*> order;
  for (auto& w : warps) {
    fill_specials(w, false);
    uint32_t first = static_cast<uint32_t>(w.number) * 32, count = std::min(threads - first, 32u);
    w.start(count == 32 ? ~0u : (1u << count) - 1, image.routines[0].entry);
    order.push_back(&w);
  }
  while (!order.empty()) {
    for (size_t n = order.size(); n > 1; n--) std::swap(order[n - 1], order[(random_ = mix(random_)) % n]);
    bool progress = false;
    for (Warp* w : order) {
      w->budget = kTurn;
      w->yielded = false;
      const Instruction* i = w->schedule();
      progress |= i != nullptr;
      while (i) i = i->run(*w, *i);
    }
    std::erase_if(order, [](Warp* w) { return w->done(); });
    progress |= release_barriers();
    if (!progress && !order.empty()) deadlock();
  }
}

// Of control.cpp: what a barrier knows of itself.
void finish_barrier_reduction(const std::vector<std::pair<Warp*, Group*>>& waiting);
bool is_aligned_barrier(const Instruction& i);

bool Block::release_barriers() {
  bool released = false;
  for (int id = 0; id < 16; id++) {
    std::vector<std::pair<Warp*, Group*>> waiting;
    uint32_t arrived = barriers[id].arrived, expected = 0, lanes_here = 0, live = 0;
    const Instruction *first = nullptr, *other = nullptr;
    for (auto& w : warps) {
      live += static_cast<uint32_t>(__builtin_popcount(w.live));
      uint32_t here = 0;
      for (int g = 0; g < w.group_count; g++) {
        Group& x = w.groups[g];
        if (x.wait != Wait::barrier || x.barrier != id) continue;
        waiting.emplace_back(&w, &x);
        here |= x.mask;
        expected = std::max(expected, x.expected);
        if (!first) first = x.pc;
        if (x.pc != first) other = x.pc;
      }
      lanes_here += static_cast<uint32_t>(__builtin_popcount(here));
      if (here && here == w.live) arrived += 32;
    }
    if (waiting.empty()) continue;
    if (expected ? arrived < expected : lanes_here < live) continue;
    if (expected && arrived > expected)
      fault(FaultKind::divergent_barrier, *waiting[0].first, *first, -1,
            std::to_string(arrived) + " threads came to a barrier of " + std::to_string(expected));
    if (!expected && other && is_aligned_barrier(*first) && is_aligned_barrier(*other)) deadlock();
    finish_barrier_reduction(waiting);
    uint32_t warps_here = 0;
    for (auto& [w, g] : waiting) {
      warps_here |= 1u << w->number;
      g->wait = Wait::none;
      g->pc = next(*g->pc);
      w->ready++;
    }
    if (races) races->barrier(warps_here, barriers[id].clocks);
    barriers[id] = {};
    barrier_count++;
    released = true;
  }
  return released;
}

void Block::deadlock() {
  std::string text;
  bool at_barrier = false;
  const Warp* first = nullptr;
  const Instruction* where = nullptr;
  for (auto& w : warps)
    for (int g = 0; g < w.group_count; g++) {
      const Group& x = w.groups[g];
      if (x.wait == Wait::none) continue;
      at_barrier |= x.wait == Wait::barrier;
      if (!first) first = &w, where = x.pc;
      char lanes_text[16];
      std::snprintf(lanes_text, sizeof lanes_text, "0x%08x", x.mask);
      text += "\n  warp " + std::to_string(w.number) + ", lanes " + lanes_text + ": line " +
              std::to_string(image.source[x.pc->index].line) + ": `" + *image.source[x.pc->index].text + "`";
      if (x.wait == Wait::collective) {
        std::snprintf(lanes_text, sizeof lanes_text, "0x%08x", x.members & w.live);
        text += ", wants lanes " + std::string(lanes_text);
      }
    }
  fault(at_barrier ? FaultKind::divergent_barrier : FaultKind::deadlock, *first, *where, -1,
        (at_barrier ? "divergent barrier: the threads wait in different places:" : "deadlock:") + text);
}

std::string Block::place(const Warp& w, int lane) const {
  std::string text = "kernel " + run.kernel->name + ", block " + triple(x, y, z);
  if (lane < 0) return text + ", warp " + std::to_string(w.number);
  return text + ", thread " + thread_name(static_cast<uint32_t>(w.number * 32 + lane));
}

std::string Block::thread_name(uint32_t t) const {
  const Launch& l = *run.launch;
  return triple(t % l.block.x, t / l.block.x % l.block.y, t / (l.block.x * l.block.y));
}

void Block::fault(FaultKind kind, const Warp& w, const Instruction& i, int lane, const std::string& what) const {
  const Source& s = image.source[i.index];
  throw Fault(kind, place(w, lane) + ": PTX line " + std::to_string(s.line) + ": `" + *s.text + "`: " + what);
}

}  // namespace sim
