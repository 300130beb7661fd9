// moves.cpp: mov between registers, of addresses, of vectors, of clocks.
#include "block.h"
#include "decode.h"
#include "ops.h"
#include <chrono>

namespace sim {

using ptx::Form;
using ptx::Space;

namespace {

void copy_lane(uint8_t* to, const uint8_t* from, uint32_t bytes) { std::memcpy(to, from, bytes); }

/** mov.b64 d, {a, b}: parts of i.bytes each, low part first. */
const Instruction* run_pack(Warp& w, const Instruction& i) {
  uint32_t part = i.bytes;
  for (int k = 0; k < i.count; k++) {
    const uint8_t* from = w.file + i.detail->registers[k];
    uint8_t* to = w.file + i.d;
    each_lane(w.mask, [&](int l) { copy_lane(to + (l * i.count + k) * part, from + l * part, part); });
  }
  return next(i);
}

const Instruction* run_unpack(Warp& w, const Instruction& i) {
  uint32_t part = i.bytes;
  uint8_t value[32 * 8];  // a target may be the source
  std::memcpy(value, w.file + i.a, 32 * part * i.count);
  for (int k = 0; k < i.count; k++) {
    uint8_t* to = w.file + i.detail->registers[k];
    each_lane(w.mask, [&](int l) { copy_lane(to + l * part, value + (l * i.count + k) * part, part); });
  }
  return next(i);
}

void decode_vector(Decoder& d, const ptx::Operand& vector, const ptx::Operand& whole, bool pack) {
  std::string type = d.take_type();
  uint32_t bytes = ptx::type_bytes(type), count = static_cast<uint32_t>(vector.list.size());
  if ((count != 2 && count != 4) || bytes % count || bytes > 8) d.unsupported();
  uint32_t part = bytes / count;
  const char* part_type = part == 1 ? "b8" : part == 2 ? "b16" : "b32";
  d.i.bytes = static_cast<uint8_t>(part);
  d.i.count = static_cast<uint8_t>(count);
  for (auto& o : vector.list) d.detail().registers.push_back(pack ? d.source(o, part_type) : d.target(o, part_type));
  if (pack) {
    d.i.d = d.target(whole, type);
    return d.emit(run_pack);
  }
  d.i.a = d.source(whole, type);
  d.emit(run_unpack);
}

uint64_t nanoseconds() { return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()); }

/** Clocks run in nanoseconds of the host. */
const Instruction* run_clock(Warp& w, const Instruction& i) {
  uint64_t v = nanoseconds() >> i.offset;
  each_lane(w.mask, [&](int l) {
    if (i.bytes == 8) {
      w.at<uint64_t>(i.d)[l] = v;
    } else {
      w.at<uint32_t>(i.d)[l] = static_cast<uint32_t>(v);
    }
  });
  return next(i);
}

const Instruction* run_activemask(Warp& w, const Instruction& i) {
  each_lane(w.mask, [&](int l) { w.at<uint32_t>(i.d)[l] = w.mask; });
  return next(i);
}

bool decode_clock(Decoder& d, const ptx::Operand& from) {
  const std::string& n = from.name;
  bool wide = n == "%clock64" || n == "%globaltimer", high = n == "%clock_hi" || n == "%globaltimer_hi";
  if (!wide && !high && n != "%clock" && n != "%globaltimer_lo") return false;
  std::string type = d.take_type();
  d.i.bytes = wide ? 8 : 4;
  if (ptx::type_bytes(type) != d.i.bytes) d.unsupported();
  d.i.offset = high ? 32 : 0;
  d.i.d = d.target(d.operand(0), type);
  d.emit(run_clock);
  return true;
}

/** mov.u64 d, variable in local memory or parameter. */
bool decode_address(Decoder& d, const ptx::Operand& from) {
  if (from.name[0] == '%' || from.name == "WARP_SZ") return false;
  auto place = d.builder.find_symbol(d.statement, from.name);
  if (place.space != Space::local && place.space != Space::param) return false;
  std::string type = d.take_type();
  uint64_t offset = place.at + from.bits;
  if (ptx::type_bytes(type) != 8) d.unsupported("a 32-bit address");
  d.i.d = d.target(d.operand(0), type);
  if (place.space == Space::param) {
    d.i.a = d.constant(offset, 8);
    d.emit(find_lane_op("mov.u64")->run);
  } else {
    d.i.a = d.builder.special(Special::local_base, 8);
    d.i.b = d.constant(offset, 8);
    d.emit(find_lane_op("add.u64")->run);
  }
  return true;
}

}  // namespace

void decode_move(Decoder& d) {
  if (d.operands() != 2) d.unsupported();
  const ptx::Operand &to = d.operand(0), &from = d.operand(1);
  if (from.form == Form::vector) return decode_vector(d, from, to, true);
  if (to.form == Form::vector) return decode_vector(d, to, from, false);
  if (from.form == Form::name && (decode_clock(d, from) || decode_address(d, from))) return;
  decode_lane_operation(d);
}

void decode_activemask(Decoder& d) {
  if (d.take_type() != "b32") d.unsupported();
  d.i.d = d.target(d.operand(0), "b32");
  d.emit(run_activemask);
}

}  // namespace sim
