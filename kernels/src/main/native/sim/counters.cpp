// Traffic of one warp request, as the memory system of sm_80 splits it, and the counts as JSON.
#include "counters.h"
#include <algorithm>

namespace sim {
namespace {

/** A set of at most 256 numbers that mostly arrive in ascending order. */
class Distinct {
 public:
  void add(uint64_t v) {
    if (size_ && values_[size_ - 1] == v) return;
    sorted_ &= size_ == 0 || values_[size_ - 1] < v;
    values_[size_++] = v;
  }
  const uint64_t* begin() const { return values_; }
  const uint64_t* end() const { return values_ + size_; }
  int size() {
    if (!sorted_) {
      std::sort(values_, values_ + size_);
      size_ = int(std::unique(values_, values_ + size_) - values_);
      sorted_ = true;
    }
    return size_;
  }

 private:
  uint64_t values_[256];
  int size_ = 0;
  bool sorted_ = true;
};

/** Passes that the banks need for distinct 4-byte words: the most that fall on one bank. */
uint64_t passes(const Distinct& words) {
  uint8_t load[32] = {};
  int most = 0;
  for (uint64_t word : words) most = std::max<int>(most, ++load[word % 32]);
  return most;
}

void append_text(std::string& out, const std::string& text) {
  static const char kDigits[] = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    } else {
      out += "\\u00";
      out += kDigits[c >> 4];
      out += kDigits[c & 15];
    }
  }
  out += '"';
}

void append_field(std::string& out, const char* name, uint64_t value, char before = ',') {
  out += before;
  append_text(out, name);
  out += ':';
  out += std::to_string(value);
}

void append_line(std::string& out, const LineCount& line, const std::string& text) {
  out += "{\"ptx\":";
  append_text(out, text);
  append_field(out, "warps", line.warps);
  append_field(out, "lanes", line.lanes);
  append_field(out, "global_bytes", line.global_bytes);
  append_field(out, "sectors", line.sectors);
  append_field(out, "ideal_sectors", line.ideal_sectors);
  append_field(out, "wavefronts", line.wavefronts);
  append_field(out, "ideal_wavefronts", line.ideal_wavefronts);
  out += '}';
}

}  // namespace

LineCount& LineCount::operator+=(const LineCount& o) {
  warps += o.warps;
  lanes += o.lanes;
  global_bytes += o.global_bytes;
  sectors += o.sectors;
  ideal_sectors += o.ideal_sectors;
  wavefronts += o.wavefronts;
  ideal_wavefronts += o.ideal_wavefronts;
  return *this;
}

void count_global(LineCount& line, const uint64_t address[32], uint32_t mask, int bytes) {
  if (mask == 0) return;
  Distinct places, sectors;  // an access is aligned to its size, so two are equal or apart, and within one sector
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const uint64_t at = address[__builtin_ctz(rest)];
    places.add(at);
    sectors.add(at >> 5);
  }
  const uint64_t asked = uint64_t(places.size()) * bytes;
  line.global_bytes += asked;
  line.sectors += sectors.size();
  line.ideal_sectors += (asked + 31) / 32;
}

void count_shared(LineCount& line, const uint32_t address[32], uint32_t mask, int bytes) {
  const int group = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  for (int first = 0; first < 32; first += group) {
    uint32_t rest = group == 32 ? mask : mask >> first & ((1u << group) - 1);
    if (rest == 0) continue;
    Distinct words;
    for (; rest; rest &= rest - 1) {
      const uint32_t at = address[first + __builtin_ctz(rest)];
      for (uint32_t word = at / 4; word <= (at + bytes - 1) / 4; word++) words.add(word);
    }
    words.size();
    line.wavefronts += passes(words);
    line.ideal_wavefronts += 1;
  }
}

void count_ldmatrix(LineCount& line, const uint32_t rows[8]) {
  uint32_t address[32];
  std::copy(rows, rows + 8, address);
  count_shared(line, address, 0xff, 16);
}

std::string to_json(const std::vector<KernelCount>& kernels) {
  std::string out = "[";
  for (const KernelCount& k : kernels) {
    out += out.size() > 1 ? ",\n{\"kernel\":" : "{\"kernel\":";
    append_text(out, k.kernel);
    append_field(out, "launches", k.launches);
    append_field(out, "blocks", k.blocks);
    append_field(out, "threads", k.threads);
    append_field(out, "barriers", k.barriers);
    append_field(out, "mma", k.mma);
    append_field(out, "atomics", k.atomics);
    append_field(out, "load_bytes", k.load_bytes);
    append_field(out, "store_bytes", k.store_bytes);
    append_field(out, "unique_load_bytes", k.unique_load_bytes);
    append_field(out, "unique_store_bytes", k.unique_store_bytes);
    out += ",\"lines\":[";
    for (size_t i = 0; i < k.lines.size(); i++) {
      out += i ? ",\n " : "\n ";
      append_line(out, k.lines[i], i < k.text.size() ? k.text[i] : "");
    }
    out += "]}";
  }
  return out + "]\n";
}

}  // namespace sim
