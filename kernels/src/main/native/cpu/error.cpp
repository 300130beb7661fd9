// error.cpp: how a kernel says no.
#include "pool.h"
#include <cstdarg>
#include <cstdio>
#include <stdexcept>

extern "C" void sk_fail(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  throw std::runtime_error(text);
}
