// async.cpp: cp.async. The bytes are taken when it is issued and arrive at the wait; in between the target is poison,
// and touching it is a fault.
#include "access.h"
#include "decode.h"

namespace sim {

using ptx::Form;
using ptx::Space;

namespace {

enum { kPending = 2 };  // a "known" byte of shared memory under way

/** a, offset: target; b, q: source register and its width; c: bytes to take (registers), e: predicate to take none. */
const Instruction* run_copy(Warp& w, const Instruction& i) {
  Block& b = *w.block;
  uint64_t to[32], from[32];
  uint32_t lanes = w.mask, taking = 0, take[32] = {};
  const auto& v = i.detail->numbers;  // source offset, source has 64 bits, has c, has e, e negated
  for (int l = 0; l < 32; l++) {
    to[l] = (i.wide ? w.at<uint64_t>(i.a)[l] : w.at<uint32_t>(i.a)[l]) + static_cast<uint64_t>(i.offset);
    from[l] = w.at<uint64_t>(i.b)[l] + static_cast<uint64_t>(static_cast<int64_t>(v[0]));
  }
  uint32_t ignored = v[3] ? w.predicate(i.e) ^ (v[4] ? ~0u : 0) : 0;
  each_lane(lanes, [&](int l) {
    take[l] = v[2] ? w.at<uint32_t>(i.c)[l] : i.bytes;
    if (take[l] > i.bytes)
      b.fault(FaultKind::invalid_value, w, i, l, "more bytes to take (" + std::to_string(take[l]) + ") than to write");
    if (ignored >> l & 1) take[l] = 0;
    taking |= (take[l] ? 1u : 0u) << l;
  });
  Access target, source;
  access_addresses(w, i, Space::shared, to, i.bytes, Use::async, target);
  for (uint32_t left = taking; left;) {  // lanes that take the same number of bytes together
    uint32_t bytes = take[__builtin_ctz(left)], same = 0;
    each_lane(left, [&](int l) { same |= (take[l] == bytes ? 1u : 0u) << l; });
    left &= ~same;
    w.mask = same;
    source.alignment = i.bytes;
    access_addresses(w, i, Space::global, from, static_cast<int>(bytes), Use::read, source);
  }
  w.mask = lanes;
  each_lane(lanes, [&](int l) {
    PendingCopy copy{};
    copy.lane = static_cast<uint8_t>(l);
    copy.bytes = i.bytes;
    copy.group = w.committed[l];
    copy.at = static_cast<uint32_t>(to[l]);
    if (take[l]) std::memcpy(copy.data, source.data[l], take[l]);
    std::memset(target.data[l], 0xff, i.bytes);
    std::memset(target.known[l], kPending, i.bytes);
    w.copies.push_back(copy);
  });
  return next(i);
}

/** Copies of the lane's groups before `group` arrive. */
void arrive(Warp& w, const Instruction& i, const uint32_t before[32]) {
  Block& b = *w.block;
  std::erase_if(w.copies, [&](const PendingCopy& c) {
    if (!(w.mask >> c.lane & 1) || c.group >= before[c.lane]) return false;
    std::memcpy(b.shared.data() + c.at, c.data, c.bytes);
    std::memset(b.shared_known.data() + c.at, 1, c.bytes);
    note_arrival(w, i, c.lane, c.at, c.bytes);
    return true;
  });
}

const Instruction* run_commit(Warp& w, const Instruction& i) {
  each_lane(w.mask, [&](int l) { w.committed[l]++; });
  return next(i);
}

/** All but the last i.offset groups; offset -1: everything, committed or not. */
const Instruction* run_wait(Warp& w, const Instruction& i) {
  uint32_t before[32] = {};
  each_lane(w.mask, [&](int l) {
    uint32_t done = w.committed[l], keep = static_cast<uint32_t>(i.offset);
    before[l] = i.offset < 0 ? ~0u : done > keep ? done - keep : 0;
  });
  arrive(w, i, before);
  return next(i);
}

}  // namespace

void decode_async(Decoder& d) {
  if (!d.take("async")) d.unsupported();
  if (d.take("commit_group")) return d.emit(run_commit);
  if (d.take("wait_all")) {
    d.i.offset = -1;
    return d.emit(run_wait);
  }
  if (d.take("wait_group")) {
    d.i.offset = d.integer(d.operand(0));
    if (d.i.offset < 0) d.unsupported();
    return d.emit(run_wait);
  }
  bool all = d.take("ca"), hinted = d.take("L2::cache_hint");
  if (all == d.take("cg") || !d.take("global") || !(d.take("shared") || d.take("shared::cta"))) d.unsupported();
  d.take_one({"L2::64B", "L2::128B", "L2::256B"});
  Decoder source{d.builder, d.statement, {}, {}};
  source.i.space = Space::global;
  source.address(d.operand(1));
  d.i.space = Space::shared;
  d.address(d.operand(0));
  d.i.b = source.i.a;
  int64_t bytes = d.integer(d.operand(2));
  if (!source.i.wide || (bytes != 16 && (!all || (bytes != 4 && bytes != 8)))) d.unsupported();
  d.i.bytes = static_cast<uint8_t>(bytes);
  bool has_size = false, has_predicate = false, negated = false;
  size_t last = d.operands() - (hinted ? 1 : 0);
  for (size_t n = 3; n < last; n++) {
    const ptx::Operand& o = d.operand(n);
    if (o.form == Form::reg && d.builder.register_type(o.reg).type == "pred") {
      d.i.e = d.predicate(o, negated);
      has_predicate = true;
    } else {
      d.i.c = d.source(o, "b32");
      has_size = true;
    }
  }
  d.detail().numbers = {static_cast<int>(source.i.offset), 1, has_size, has_predicate, negated};
  d.emit(run_copy);
}

}  // namespace sim
