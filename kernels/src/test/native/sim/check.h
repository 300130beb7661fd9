// The whole test framework: CHECK(what), CHECK_EQUAL(is, should_be), CHECK_FAULT(kind, text, statement), and
// `return summary("name")` at the end of main.
#pragma once
#include "fault.h"
#include <cstdio>
#include <sstream>
#include <string>

inline int checks = 0, failures = 0;

inline void check(bool ok, const char* file, int line, const std::string& text) {
  ++checks;
  if (!ok && ++failures <= 50) std::fprintf(stderr, "%s:%d: %s\n", file, line, text.c_str());
}

template <class A, class B>
void check_equal(const A& is, const B& should_be, const char* file, int line, const char* what) {
  std::ostringstream text;
  if (!(is == should_be)) text << what << " is " << is << ", should be " << should_be;
  check(is == should_be, file, line, text.str());
}

template <class F>
void check_fault(sim::FaultKind kind, const std::string& text, F&& statement, const char* file, int line) {
  try {
    statement();
    check(false, file, line, "no fault");
  } catch (const sim::Fault& e) {
    check(e.kind == kind, file, line, std::string("fault of another kind: ") + e.what());
    check(std::string(e.what()).find(text) != std::string::npos, file, line,
          std::string("fault text: ") + e.what() + "\n  lacks: " + text);
  }
}

#define CHECK(condition) check(condition, __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(is, should_be) check_equal(is, should_be, __FILE__, __LINE__, #is)
#define CHECK_FAULT(kind, text, ...) \
  check_fault(                       \
      sim::FaultKind::kind, text, [&] { __VA_ARGS__; }, __FILE__, __LINE__)

inline int summary(const char* name) {
  std::printf("%s: %d checks, %d failed\n", name, checks, failures);
  return failures ? 1 : 0;
}
