// Work as it runs: kernels, copies, fills and host functions, each with its hazards.
#include "driver.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <set>

namespace sim {

void run_host_function(const HostWork& work);
void run_graph(Context& context, Lane& lane, Graph& graph);

namespace {

using Who = std::shared_ptr<const std::string>;

Who who_is(const std::string& what, const Lane& lane) {
  return std::make_shared<const std::string>(what + " in " + lane.name);
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

KernelCount& count_of(const Function& function) {
  State& s = state();
  auto [it, fresh] = s.count_of.try_emplace(function.kernel, s.counts.size());
  if (fresh) {
    s.counts.emplace_back(function.module, KernelCount{});
    s.counts.back().second.kernel = function.kernel->name;
  }
  return s.counts[it->second].second;
}

struct TouchedRange {
  uint64_t begin, end;
  bool write;
};

void run_kernel(Context& context, Lane& lane, const KernelWork& work) {
  State& s = state();
  const Kernel& kernel = *work.function->kernel;
  std::string where = kernel.name + " (launch " + std::to_string(++s.launches) + ", grid " + dims(work.grid) +
                      ", block " + dims(work.block) + ")";
  std::mutex lock;
  std::vector<TouchedRange> touched;
  Options options = s.options;
  options.print = [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); };
  options.touched = [&](uint64_t begin, uint64_t end, bool write) {
    std::lock_guard guard(lock);
    touched.push_back({begin, end, write});
  };
  Launch launch{work.grid, work.block, work.shared, work.parameters.data()};
  try {
    run(*work.function->module->program, kernel, launch, s.memory, count_of(*work.function), options);
    Who who = who_is(where, lane);
    for (const TouchedRange& t : touched) {
      s.hazards.access(lane, who, t.begin, t.end, t.write);
      if (t.write) s.hazards.end_loans(t.begin, t.end);
    }
  } catch (const Fault& fault) {
    std::fflush(stdout);
    // A hazard's text names both sides already.
    std::string who = fault.kind == FaultKind::hazard ? "" : where + " in " + lane.name + ": ";
    sticky_fault(context, result_of(fault.kind), who + fault.what());
  }
  std::fflush(stdout);
}

/** Says once for every allocation that unwritten bytes left the device. */
void warn_of_unknown(const Allocation& from, uint64_t unknown) {
  static auto* told = new std::set<std::string>;
  if (unknown && told->insert(from.name).second)
    std::fprintf(stderr, "simulated CUDA: warning: %s copies %llu bytes of %s to the host that nothing has written\n",
                 current_call(), static_cast<unsigned long long>(unknown), from.name.c_str());
}

void copy_row(uint64_t to, uint64_t from, size_t bytes, uint64_t& unknown) {
  const Memory& memory = state().memory;
  const Allocation* target = memory.find(to, bytes);
  const Allocation* source = memory.find(from, bytes);
  std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  uint8_t* target_known = target ? target->known + (to - target->begin) : nullptr;
  const uint8_t* source_known = source ? source->known + (from - source->begin) : nullptr;
  bool on_device = target && is_device_memory(to);
  if (on_device && source_known) std::memmove(target_known, source_known, bytes);
  if (on_device && !source_known) std::memset(target_known, 1, bytes);
  if (!on_device && source_known && std::memchr(source_known, 0, bytes))
    unknown += uint64_t(std::count(source_known, source_known + bytes, uint8_t(0)));
}

/** Memory that both sides use while work is under way. */
bool is_host_memory(uint64_t address) {
  const Ownership* owner = owner_of(address);
  return owner && (owner->kind == Owned::pinned || owner->kind == Owned::registered);
}

void run_copy(Context& context, Lane& lane, const CopyWork& copy) {
  check_copy(copy);
  State& s = state();
  Who who = who_is(current_call(), lane);
  uint64_t unknown = 0;
  try {
    for (size_t z = 0; z < copy.depth; ++z)
      for (size_t y = 0; y < copy.height; ++y) {
        uint64_t from = copy.from + z * copy.from_slice + y * copy.from_pitch;
        uint64_t to = copy.to + z * copy.to_slice + y * copy.to_pitch;
        if (s.memory.find(from, copy.width)) s.hazards.access(lane, who, from, from + copy.width, false);
        if (s.memory.find(to, copy.width)) s.hazards.access(lane, who, to, to + copy.width, true);
        s.hazards.end_loans(to, to + copy.width);
        copy_row(to, from, copy.width, unknown);
        if (copy.asynchronous && is_host_memory(from)) s.hazards.lend(lane, who, from, from + copy.width);
      }
  } catch (const Fault& fault) {
    sticky_fault(context, result_of(fault.kind), fault.what());
  }
  if (unknown) warn_of_unknown(*s.memory.find(copy.from, 1), unknown);
}

void run_fill(Context& context, Lane& lane, const FillWork& fill) {
  check_fill(fill);
  State& s = state();
  Who who = who_is(current_call(), lane);
  size_t bytes = fill.width * fill.element;
  try {
    for (size_t y = 0; y < fill.height; ++y) {
      uint64_t to = fill.to + y * fill.pitch;
      s.hazards.access(lane, who, to, to + bytes, true);
      uint8_t* p = reinterpret_cast<uint8_t*>(to);
      for (size_t i = 0; i < bytes; i += fill.element) std::memcpy(p + i, &fill.value, fill.element);
      const Allocation* a = s.memory.find(to, bytes);
      std::memset(a->known + (to - a->begin), 1, bytes);
    }
  } catch (const Fault& fault) {
    sticky_fault(context, result_of(fault.kind), fault.what());
  }
}

void check_side(uint64_t address, size_t span, bool device, const char* side) {
  const Memory& memory = state().memory;
  if (!address) fail(CUDA_ERROR_INVALID_VALUE, std::string("the ") + side + " is a null pointer");
  if (memory.find(address, span)) {
    if (!device && is_device_memory(address) && owner_of(address)->kind != Owned::managed)
      fail(CUDA_ERROR_INVALID_VALUE,
           std::string("the ") + side + " should be host memory, but is " + memory.explain(address, span));
    return;
  }
  // Host memory is unknown here, unless it is registered or pinned: then the copy must not leave it.
  if (device || memory.find(address, 1))
    fail(CUDA_ERROR_INVALID_VALUE,
         std::to_string(span) + " bytes, and the " + side + " is " + memory.explain(address, span));
}

}  // namespace

void check_copy(const CopyWork& c) {
  auto span = [&](size_t pitch, size_t slice) { return (c.depth - 1) * slice + (c.height - 1) * pitch + c.width; };
  require(c.height == 1 || (c.to_pitch >= c.width && c.from_pitch >= c.width), "a pitch is below the width");
  require(c.depth == 1 || (c.to_slice >= c.height * c.to_pitch && c.from_slice >= c.height * c.from_pitch),
          "a height is below the copied height");
  check_side(c.from, span(c.from_pitch, c.from_slice), c.from_device, "source");
  check_side(c.to, span(c.to_pitch, c.to_slice), c.to_device, "destination");
  require(c.height > 1 || c.from + c.width <= c.to || c.to + c.width <= c.from, "source and destination overlap");
}

void check_fill(const FillWork& f) {
  if (f.to % f.element || (f.height > 1 && f.pitch % f.element))
    fail(CUDA_ERROR_INVALID_VALUE,
         "the destination or pitch is not a multiple of " + std::to_string(f.element) + " bytes");
  require(f.height == 1 || f.pitch >= f.width * f.element, "the pitch is below the width");
  check_side(f.to, (f.height - 1) * f.pitch + f.width * f.element, true, "destination");
}

void order(Stream& stream) {
  Hazards& hazards = state().hazards;
  Context& context = *stream.context;
  if (stream.legacy) {
    for (const auto& [handle, other] : state().streams.all())
      if (other->context == &context && other->blocking()) stream.lane.clock.join(other->lane.clock);
    for (const auto& [thread, other] : context.per_thread) stream.lane.clock.join(other->lane.clock);
  } else if (stream.blocking()) {
    stream.lane.clock.join(context.legacy->lane.clock);
  }
  hazards.begin(stream.lane);
}

void execute(Context& context, Lane& lane, const Work& work) {
  if (auto* kernel = std::get_if<KernelWork>(&work)) run_kernel(context, lane, *kernel);
  if (auto* copy = std::get_if<CopyWork>(&work)) run_copy(context, lane, *copy);
  if (auto* fill = std::get_if<FillWork>(&work)) run_fill(context, lane, *fill);
  if (auto* host = std::get_if<HostWork>(&work)) {
    state().hazards.end_loans(0, UINT64_MAX);  // it may write anywhere
    run_host_function(*host);
  }
  if (auto* graph = std::get_if<GraphWork>(&work)) run_graph(context, lane, *graph->graph);
  if (auto* record = std::get_if<RecordWork>(&work)) {
    record->event->recorded = true;
    record->event->capture = nullptr;
    record->event->clock = lane.clock;
    record->event->seconds = now_seconds();
  }
  if (auto* wait = std::get_if<WaitWork>(&work)) lane.clock.join(wait->event->clock);
}

void submit(Stream& stream, Work work) {
  check_sticky(*stream.context);
  if (stream.capture || joins_capture(work)) return capture_work(stream, std::move(work));
  if (stream.legacy) forbid_default_stream_in_capture(stream);
  order(stream);
  execute(*stream.context, stream.lane, work);
}

}  // namespace sim
