// The state, errors and their texts, and the simulator's own calls.
#include "driver.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>
#include <unistd.h>

namespace sim {
namespace {

/** A quarter of the machine's memory, at most the 40 GiB of the real thing: every byte has a known byte beside it. */
uint64_t device_memory() {
  uint64_t physical = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  return std::min(uint64_t(40) << 30, physical / 4 >> 20 << 20);
}

thread_local const char* call_name = "";
thread_local bool in_host_function = false;
CUresult last_code = CUDA_SUCCESS;

/** Texts that a program may hold pointers to, and has been told already. */
std::set<std::string>& texts() {
  static auto* all = new std::set<std::string>;
  return *all;
}
const std::string* last_text = nullptr;

CUresult report(CUresult code, const std::string& text, bool quiet) {
  std::string line = std::string(call_name) + ": " + text;
  auto [it, fresh] = texts().insert(line);
  last_code = code;
  last_text = &*it;
  if (fresh && !quiet) std::fprintf(stderr, "simulated CUDA: %s\n", line.c_str());
  return code;
}

}  // namespace

State::State() : memory(device_memory()) {}

// Never destroyed: programs call the driver from exit handlers.
State& state() {
  static State* s = new State;
  return *s;
}

void fail(CUresult code, std::string text) { throw DriverError{code, std::move(text)}; }

const char* current_call() { return call_name; }
const char* failure_text(CUresult code) {
  return code != CUDA_SUCCESS && code == last_code && last_text ? last_text->c_str() : nullptr;
}

CUresult result_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::out_of_bounds:
      return CUDA_ERROR_ILLEGAL_ADDRESS;
    case FaultKind::misaligned:
      return CUDA_ERROR_MISALIGNED_ADDRESS;
    case FaultKind::deadlock:
      return CUDA_ERROR_LAUNCH_TIMEOUT;
    case FaultKind::invalid_value:
      return CUDA_ERROR_INVALID_VALUE;
    case FaultKind::invalid_launch:
      return CUDA_ERROR_INVALID_VALUE;
    case FaultKind::unsupported:
      return CUDA_ERROR_NOT_SUPPORTED;
    case FaultKind::parse:
      return CUDA_ERROR_INVALID_PTX;
    case FaultKind::uninitialised:
    case FaultKind::race:
    case FaultKind::missing_wait:
    case FaultKind::divergent_barrier:
    case FaultKind::trap:
    case FaultKind::hazard:
      return CUDA_ERROR_LAUNCH_FAILED;
  }
  return CUDA_ERROR_UNKNOWN;
}

CUresult api_call(const char* name, bool needs_init, const std::function<void()>& body) {
  std::lock_guard guard(state().lock);
  const char* outer = std::exchange(call_name, name);
  CUresult result = CUDA_SUCCESS;
  try {
    if (in_host_function) fail(CUDA_ERROR_NOT_PERMITTED, "a host function must not call the driver API");
    if (needs_init && !state().initialised) fail(CUDA_ERROR_NOT_INITIALIZED, "cuInit has not been called");
    body();
  } catch (const DriverError& e) {
    result = e.quiet ? (last_code = e.code, last_text = &*texts().insert(call_name + (": " + e.text)).first, e.code)
                     : report(e.code, e.text, false);
  } catch (const Fault& e) {
    result = report(result_of(e.kind), e.what(), false);
  } catch (const std::bad_alloc&) {
    result = report(CUDA_ERROR_OUT_OF_MEMORY, "the host has no memory left", false);
  } catch (const std::exception& e) {
    result = report(CUDA_ERROR_UNKNOWN, e.what(), false);
  }
  call_name = outer;
  return result;
}

void check_sticky(const Context& context) {
  if (context.error != CUDA_SUCCESS) throw DriverError{context.error, "after: " + context.error_text, true};
}

void sticky_fault(Context& context, CUresult code, const std::string& text) {
  context.error = code;
  context.error_text = text;
  fail(code, text);
}

void run_host_function(const HostWork& work) {
  in_host_function = true;
  work.fn(work.user);
  in_host_function = false;
}

}  // namespace sim

using namespace sim;

/** Counts of every kernel since the last reset, as JSON; valid until the next call. */
SIM_API const char* simReport(void) {
  static auto* text = new std::string;
  std::lock_guard guard(state().lock);
  std::vector<KernelCount> all;
  for (const auto& [module, count] : state().counts) all.push_back(count);
  *text = to_json(all);
  return text->c_str();
}

SIM_API void simReset(void) {
  std::lock_guard guard(state().lock);
  state().counts.clear();
  state().count_of.clear();
}

SIM_API void simOptions(int threads, unsigned long long seed, int races, int unique_bytes) {
  std::lock_guard guard(state().lock);
  Options& o = state().options;
  o.threads = std::max(1, threads);
  o.seed = seed;
  o.races = races != 0;
  o.unique_bytes = unique_bytes != 0;
}
