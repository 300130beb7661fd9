// What the driver API keeps: the device, its contexts and all that a program holds handles of. One lock guards it all;
// work runs to its end inside the call that asked for it.
#pragma once
#include "cuda_abi.h"
#include "fault.h"
#include "hazards.h"
#include "machine.h"
#include "memory.h"
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#define SIM_API extern "C" __attribute__((visibility("default")))

namespace sim {

/** A call that fails with `code`; `text` says why. Quiet: a question whose answer is an error, not a mistake. */
struct DriverError {
  CUresult code;
  std::string text;
  bool quiet = false;
};
[[noreturn]] void fail(CUresult code, std::string text);
inline void require(bool ok, const char* text) {
  if (!ok) fail(CUDA_ERROR_INVALID_VALUE, text);
}

/** Handles of one kind: never given out twice, so a destroyed one is recognised. */
template <class T>
class Handles {
 public:
  Handles(const char* what, uint64_t tag) : what_(what), tag_(tag << 40) {}

  void* add(std::shared_ptr<T> object) {
    void* handle = reinterpret_cast<void*>(tag_ + 16 * ++count_);
    live_.emplace(handle, std::move(object));
    return handle;
  }
  const std::shared_ptr<T>& get(const void* handle) const {
    auto it = live_.find(const_cast<void*>(handle));
    if (it == live_.end()) fail(CUDA_ERROR_INVALID_HANDLE, explain(handle));
    return it->second;
  }
  bool has(const void* handle) const { return live_.count(const_cast<void*>(handle)); }
  std::shared_ptr<T> remove(const void* handle) {
    std::shared_ptr<T> object = get(handle);
    live_.erase(const_cast<void*>(handle));
    return object;
  }
  template <class P>
  void remove_if(P&& predicate) {
    std::erase_if(live_, [&](const auto& entry) { return predicate(*entry.second); });
  }
  const auto& all() const { return live_; }

 private:
  std::string explain(const void* handle) const {
    uint64_t h = reinterpret_cast<uint64_t>(handle);
    if (!h) return std::string("the ") + what_ + " is null";
    if (h > tag_ && h <= tag_ + 16 * count_) return std::string("the ") + what_ + " was destroyed before";
    return std::string("no ") + what_ + " has this handle";
  }
  const char* what_;
  uint64_t tag_, count_ = 0;
  std::unordered_map<void*, std::shared_ptr<T>> live_;
};

struct Context;
struct Capture;
struct Graph;

struct Module {
  Context* context = nullptr;  // null: of a library
  std::unique_ptr<Program> program;
  std::string name;
  std::map<std::string, std::pair<uint64_t, uint64_t>, std::less<>> globals;  // address, bytes
  std::map<std::string, void*, std::less<>> functions;                        // handles made so far
};

struct Function {
  std::shared_ptr<Module> module;
  const Kernel* kernel = nullptr;
  uint32_t max_dynamic_shared = 0;
  int carveout = -1;
  void* library = nullptr;
};

struct Library {
  std::shared_ptr<Module> module;
  void* module_handle = nullptr;
};

struct Stream {
  Context* context = nullptr;
  Lane lane;
  unsigned flags = 0;
  int priority = 0;
  unsigned long long id = 0;
  bool legacy = false;
  std::shared_ptr<Capture> capture;
  std::vector<size_t> capture_tail;          // nodes that the next one depends on
  std::vector<CUgraphNode> capture_handles;  // of those, for cuStreamGetCaptureInfo
  bool blocking() const { return !(flags & CU_STREAM_NON_BLOCKING); }
};

struct Event {
  Context* context = nullptr;
  unsigned flags = 0;
  bool recorded = false;
  Clock clock;
  double seconds = 0;
  std::shared_ptr<Capture> capture;  // recorded while capturing
  std::vector<size_t> capture_tail;
};

enum class Owned { device, managed, pinned, registered, variable };
struct Ownership {
  Context* context = nullptr;
  Owned kind = Owned::device;
  unsigned flags = 0;
  uint64_t id = 0;
};

struct Context {
  void* handle = nullptr;
  bool primary = false;
  unsigned flags = 0;
  CUresult error = CUDA_SUCCESS;  // sticky
  std::string error_text;
  std::map<int, size_t> limits;
  CUfunc_cache cache_config = CU_FUNC_CACHE_PREFER_NONE;
  std::shared_ptr<Stream> legacy;
  std::map<std::thread::id, std::shared_ptr<Stream>> per_thread;
  Clock destroyed;  // what streams had done that are no more
};

struct KernelWork {
  std::shared_ptr<Function> function;
  Dim3 grid, block;
  uint32_t shared = 0;
  std::vector<uint8_t> parameters;
};
/** Rows of `width` bytes; sides are device or host memory. */
struct CopyWork {
  uint64_t to = 0, from = 0;
  size_t width = 0, height = 1, depth = 1;
  size_t to_pitch = 0, from_pitch = 0, to_slice = 0, from_slice = 0;
  bool to_device = false, from_device = false;
  bool asynchronous = true;
};
struct FillWork {
  uint64_t to = 0;
  size_t pitch = 0;
  uint32_t value = 0, element = 1;
  size_t width = 0, height = 1;  // width in elements
};
struct HostWork {
  CUhostFn fn = nullptr;
  void* user = nullptr;
};
struct EmptyWork {};
struct GraphWork {
  std::shared_ptr<Graph> graph;
};
struct RecordWork {
  std::shared_ptr<Event> event;
  bool external = false;  // a node of the graph, if captured
};
struct WaitWork {
  std::shared_ptr<Event> event;
  bool external = false;
};
using Work = std::variant<KernelWork, CopyWork, FillWork, HostWork, EmptyWork, GraphWork, RecordWork, WaitWork>;

struct State {
  std::recursive_mutex lock;
  bool initialised = false;
  Memory memory;
  Hazards hazards;
  Options options;
  Handles<Context> contexts{"context", 0xC1};
  Handles<Module> modules{"module", 0xC2};
  Handles<Function> functions{"kernel", 0xC3};
  Handles<Library> libraries{"library", 0xC4};
  Handles<Stream> streams{"stream", 0xC5};
  Handles<Event> events{"event", 0xC6};
  std::shared_ptr<Context> primary;
  unsigned primary_references = 0, primary_flags = 0;
  std::map<uint64_t, Ownership> owned;  // by first address
  uint64_t allocations = 0, launches = 0, next_id = 1, captures = 0;
  /** Counts of every kernel that ran, the modules kept alive so that kernels stay apart. */
  std::deque<std::pair<std::shared_ptr<Module>, KernelCount>> counts;
  std::map<const Kernel*, size_t> count_of;

  State();
};
State& state();

/** Runs the body of the call `name` under the lock and turns what it throws into a result; speaks of it once. */
CUresult api_call(const char* name, bool needs_init, const std::function<void()>& body);
template <class Body>
CUresult api(const char* name, Body&& body) {
  return api_call(name, true, body);
}
/** Says that a call is not simulated. */
int missing(const char* name);
/** The name of the API call that runs on this thread. */
const char* current_call();
/** The text of the last failure if it had that code, else null. */
const char* failure_text(CUresult code);

/** The current context; fails if there is none, or with its sticky error. */
Context& current();
std::shared_ptr<Context> current_or_null();
/** A stream handle, special ones included. */
std::shared_ptr<Stream> stream_of(CUstream handle);
/** What the per-thread forms of calls (_ptsz) take a null stream for. */
inline CUstream or_per_thread(CUstream stream) { return stream ? stream : CU_STREAM_PER_THREAD; }
void check_device(CUdevice device);
/** The host waits for all work of a context. */
void synchronize(Context& context);
/** A call that must not happen while a stream captures; it ends the capture. */
void forbid_in_capture();
/** The context goes, and with it the captures of its streams. */
void drop_captures(const Context& context);
/** A call that a capturing stream must not see. */
[[noreturn]] void forbid_in_stream_capture(Stream& stream);
void check_sticky(const Context& context);
/** A fault of work that ran: every later call of the context fails with it. */
[[noreturn]] void sticky_fault(Context& context, CUresult code, const std::string& text);
CUresult result_of(FaultKind kind);

/** Puts work into a stream: runs it, or adds it to the graph that the stream captures. */
void submit(Stream& stream, Work work);
/** Runs one piece of work in a lane. */
void execute(Context& context, Lane& lane, const Work& work);
/** Adds work to the graph that the stream captures. */
void capture_work(Stream& stream, Work work);
/** True if the work makes the stream part of a capture: it waits for an event of one. */
bool joins_capture(const Work& work);
/** Fails if the default stream would wait for a stream that captures. */
void forbid_default_stream_in_capture(const Stream& stream);
/** Orders the next work of a stream after all it must wait for, by the rules of the default streams. */
void order(Stream& stream);
void check_copy(const CopyWork& copy);
void check_fill(const FillWork& fill);
void check_launch(const Function& function, const Dim3& grid, const Dim3& block, uint32_t shared);
std::vector<uint8_t> pack_parameters(const Kernel& kernel, void** parameters, void** extra);
/** True if the address is memory that the host cannot read: device memory. */
bool is_device_memory(uint64_t address);
const Ownership* owner_of(uint64_t address);
void release_memory(uint64_t address);
void destroy_context_objects(Context& context);

/** PTX text of an image: PTX itself, or the PTX in a fat binary. `size` 0: ends with NUL. */
std::string ptx_of_image(const void* image, size_t size);
std::shared_ptr<Module> load_module(Context* context, const std::string& ptx, const std::string& name);
void unload_module(Module& module);
void* function_handle(const std::shared_ptr<Module>& module, std::string_view name, void* library);

std::string dims(const Dim3& d);
CopyWork copy_of(const CUDA_MEMCPY3D& m);

}  // namespace sim
