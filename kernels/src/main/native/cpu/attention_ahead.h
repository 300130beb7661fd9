// attention_ahead.h: memory for the next head while this one is computed.
#pragma once
#include "attention_sizes.h"

namespace {

/**
 * Asks for the rows that the next head reads and writes. They lie pages apart, where the hardware looks for none of
 * them; asked for all at once they would wait for each other. So each call of some() asks for a few.
 */
class Ahead {
  struct Part {
    const char* row;
    long stride;
  };
  Part parts[8];
  int count = 0;
  long bytes = 0, rows = 0, each = 0;

 public:
  template <typename T>
  void add(RowsOf<T> part, const Sizes& s) {
    parts[count++] = {reinterpret_cast<const char*>(part.p), part.stride * static_cast<long>(sizeof(T))};
    bytes = s.size * sizeof(T);
    rows = s.tokens;
  }
  /** To be done within `calls` calls of some(). */
  void spread(long calls) { each = ceil_div(rows, calls); }
  void some() {
    for (long i = 0; i < each && rows > 0; i++, rows--)
      for (int p = 0; p < count; p++) {
        for (long b = 0; b < bytes; b += 64) __builtin_prefetch(parts[p].row + b, 0, 2);
        parts[p].row += parts[p].stride;
      }
  }
};

}  // namespace
