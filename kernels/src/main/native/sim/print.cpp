// print.cpp: printf of the device: a format and a packed argument block, both in the device's memory.
#include "print.h"
#include "access.h"

namespace sim {

std::string read_string(Warp& w, const Instruction& i, int lane, uint64_t generic) {
  std::string text;
  for (;;) {
    char c = static_cast<char>(*access_lane(w, i, lane, generic++, 1));
    if (!c) return text;
    text += c;
  }
}

namespace {

/** Takes the arguments one after the other, each at a multiple of its size. */
struct Arguments {
  Warp& w;
  const Instruction& i;
  int lane;
  uint64_t at;

  template <class T>
  T take() {
    at = (at + sizeof(T) - 1) & ~(sizeof(T) - 1);
    T v;
    std::memcpy(&v, access_lane(w, i, lane, at, sizeof(T)), sizeof(T));
    at += sizeof(T);
    return v;
  }
};

template <class... T>
std::string format(const std::string& spec, T... values) {
  char text[512];
  int n = std::snprintf(text, sizeof text, spec.c_str(), values...);
  return n < 0 ? "" : std::string(text, std::min<size_t>(static_cast<size_t>(n), sizeof text - 1));
}

}  // namespace

int32_t print_lane(Warp& w, const Instruction& i, int lane, uint64_t format_at, uint64_t arguments) {
  std::string pattern = read_string(w, i, lane, format_at), out;
  Arguments from{w, i, lane, arguments};
  int32_t count = 0;
  for (size_t p = 0; p < pattern.size(); p++) {
    if (pattern[p] != '%') {
      out += pattern[p];
      continue;
    }
    if (p + 1 < pattern.size() && pattern[p + 1] == '%') {
      out += pattern[++p];
      continue;
    }
    std::string spec = "%";
    bool wide = false;
    char c = 0;
    while (++p < pattern.size()) {
      c = pattern[p];
      if (c == '*') {
        spec += std::to_string(from.take<int32_t>());
      } else if (c == 'l' || c == 'z' || c == 'j' || c == 't' || c == 'h') {
        wide |= c != 'h';
      } else if (std::strchr("-+ #0123456789.", c)) {
        spec += c;
      } else {
        break;
      }
    }
    count++;
    if (std::strchr("di", c)) {
      out += wide ? format(spec + "lld", static_cast<long long>(from.take<int64_t>()))
                  : format(spec + c, from.take<int32_t>());
    } else if (std::strchr("uoxX", c)) {
      out += wide ? format(spec + "ll" + c, static_cast<unsigned long long>(from.take<uint64_t>()))
                  : format(spec + c, from.take<uint32_t>());
    } else if (std::strchr("eEfFgGaA", c)) {
      out += format(spec + c, from.take<double>());
    } else if (c == 'c') {
      out += format(spec + c, from.take<int32_t>());
    } else if (c == 'p') {
      out += format(spec + "p", reinterpret_cast<void*>(from.take<uint64_t>()));
    } else if (c == 's') {
      out += format(spec + "s", read_string(w, i, lane, from.take<uint64_t>()).c_str());
    } else {
      out += spec + c;
    }
  }
  if (w.block->run.options->print) w.block->run.options->print(out);
  return count;
}

}  // namespace sim
