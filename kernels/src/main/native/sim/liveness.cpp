// liveness.cpp: registers that are never alive together share a place, so a warp's file is as large as a kernel's need,
// not as its count of names (nvcc gives nearly every value its own): it fits the cache.
#include "decode.h"
#include <algorithm>
#include <unordered_set>

namespace sim {

using ptx::Form;
using ptx::Operand;
using ptx::Statement;

namespace {

using Bits = std::vector<uint64_t>;

struct BasicBlock {
  size_t begin, end;  // statements
  std::vector<size_t> successors;
  Bits used, defined, in;  // used: before a definition
};

void set(Bits& b, int n) { b[static_cast<size_t>(n) / 64] |= 1ull << (n % 64); }
bool get(const Bits& b, int n) { return b[static_cast<size_t>(n) / 64] >> (n % 64) & 1; }

void each_register(const Operand& o, auto f) {
  if (o.reg >= 0) f(o.reg);
  for (auto& e : o.list) each_register(e, f);
}

bool ends_block(const Statement& s) {
  return s.opcode == "bra" || s.opcode == "brx" || s.opcode == "ret" || s.opcode == "exit" || s.opcode == "trap";
}

/** Its first operand is written, wholly, whenever it runs. What is not sure is treated as a use too. */
bool defines_first(const Statement& s) {
  static const std::unordered_set<std::string_view> without = {
      "st",       "red",      "bra",  "brx",      "bar",       "barrier", "call",         "cp",
      "stmatrix", "prefetch", "wmma", "mbarrier", "nanosleep", "discard", "applypriority"};
  return s.guard < 0 && !s.operands.empty() && s.operands[0].form != Form::address && !without.contains(s.opcode);
}

class Liveness {
 public:
  Liveness(const ImageBuilder& builder, const ptx::Function& f)
      : builder_(builder), f_(f), words_(f.registers.size() / 64 + 1) {
    make_blocks();
    solve();
  }

  /** First and last statement of each register's life; first > last: it has none. */
  std::vector<std::pair<size_t, size_t>> intervals() {
    std::vector<std::pair<size_t, size_t>> life(f_.registers.size(), {SIZE_MAX, 0});
    auto extend = [&](int r, size_t s) {
      life[static_cast<size_t>(r)].first = std::min(life[static_cast<size_t>(r)].first, s);
      life[static_cast<size_t>(r)].second = std::max(life[static_cast<size_t>(r)].second, s);
    };
    for (auto& b : blocks_) {
      for (size_t s = b.begin; s < b.end; s++) {
        if (f_.body[s].guard >= 0) extend(f_.body[s].guard, s);
        for (auto& o : f_.body[s].operands) each_register(o, [&](int r) { extend(r, s); });
      }
      Bits out = live_out(b);
      for (int r = 0; r < static_cast<int>(f_.registers.size()); r++) {
        if (get(b.in, r)) extend(r, b.begin);
        if (get(out, r)) extend(r, b.end - 1);
      }
    }
    return life;
  }

 private:
  void make_blocks() {
    size_t n = f_.body.size();
    std::vector<bool> leader(n + 1);
    leader[0] = true;
    for (auto& l : f_.labels) leader[l.second] = true;
    for (size_t s = 0; s < n; s++)
      if (ends_block(f_.body[s])) leader[s + 1] = true;
    block_of_.assign(n + 1, SIZE_MAX);
    for (size_t s = 0; s < n; s++) {
      if (leader[s]) blocks_.push_back({s, s, {}, Bits(words_), Bits(words_), Bits(words_)});
      blocks_.back().end = s + 1;
      block_of_[s] = blocks_.size() - 1;
    }
    for (auto& b : blocks_) {
      connect(b);
      for (size_t s = b.begin; s < b.end; s++) scan(b, f_.body[s]);
    }
  }

  void connect(BasicBlock& b) {
    const Statement& last = f_.body[b.end - 1];
    auto add = [&](size_t statement) {
      if (statement < f_.body.size()) b.successors.push_back(block_of_[statement]);
    };
    if (last.opcode == "bra") {
      add(static_cast<size_t>(builder_.find_label(last, last.operands.at(0).name)));
    } else if (last.opcode == "brx") {
      for (auto& l : f_.labels) add(l.second);
    }
    if (!ends_block(last) || last.guard >= 0) add(b.end);
  }

  void scan(BasicBlock& b, const Statement& s) {
    auto use = [&](int r) {
      if (!get(b.defined, r)) set(b.used, r);
    };
    bool first = defines_first(s);
    if (s.guard >= 0) use(s.guard);
    for (size_t o = first ? 1 : 0; o < s.operands.size(); o++) each_register(s.operands[o], use);
    if (first) each_register(s.operands[0], [&](int r) { set(b.defined, r); });
  }

  Bits live_out(const BasicBlock& b) const {
    Bits out(words_);
    for (size_t s : b.successors)
      for (size_t k = 0; k < words_; k++) out[k] |= blocks_[s].in[k];
    return out;
  }

  void solve() {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t n = blocks_.size(); n-- > 0;) {
        BasicBlock& b = blocks_[n];
        Bits out = live_out(b);
        for (size_t k = 0; k < words_; k++) {
          uint64_t in = b.used[k] | (out[k] & ~b.defined[k]);
          changed |= in != b.in[k];
          b.in[k] = in;
        }
      }
    }
  }

  const ImageBuilder& builder_;
  const ptx::Function& f_;
  size_t words_;
  std::vector<BasicBlock> blocks_;
  std::vector<size_t> block_of_;
};

}  // namespace

/** Places for the registers of the routine being decoded: linear scan over their lives, one pool for each size. */
void ImageBuilder::allocate_registers() {
  const ptx::Function& f = *routine->function;
  slots_.assign(f.registers.size(), 0);
  if (f.body.empty()) return;
  auto life = Liveness(*this, f).intervals();
  std::vector<size_t> order;
  for (size_t r = 0; r < life.size(); r++)
    if (life[r].first <= life[r].second) order.push_back(r);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return life[a].first < life[b].first; });
  struct Busy {
    size_t until;
    uint32_t place;
    bool operator<(const Busy& o) const { return until > o.until; }  // a heap: the earliest end on top
  };
  std::map<std::string_view, std::vector<Busy>> pools;  // by size; predicates apart
  for (size_t r : order) {
    const std::string& type = f.registers[r].type;
    uint32_t bytes = ptx::type_bytes(type);
    bool predicate = type == "pred";
    static const std::string_view names[] = {"1", "2", "4", "8", "16", "p"};
    auto& pool = pools[predicate ? names[5] : names[__builtin_ctz(bytes)]];
    if (!pool.empty() && pool.front().until < life[r].first) {
      std::pop_heap(pool.begin(), pool.end());
      pool.back().until = life[r].second;
    } else {
      uint32_t place = predicate ? image->file_bytes : allocate(bytes);
      if (predicate) image->file_bytes += 4;
      pool.push_back({life[r].second, place});
      if (predicate) {
        routine->predicates.push_back(place);
      } else {
        routine->registers.emplace_back(place, bytes);
      }
    }
    slots_[r] = pool.back().place;
    std::push_heap(pool.begin(), pool.end());
  }
}

}  // namespace sim
