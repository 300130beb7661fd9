// Stream capture: work becomes nodes instead of running.
#include "driver_graph.h"
#include <algorithm>

namespace sim {
namespace {

thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

std::vector<std::shared_ptr<Capture>>& active() {
  static auto* all = new std::vector<std::shared_ptr<Capture>>;
  return *all;
}

[[noreturn]] void invalidate(Capture& capture, CUresult code, const std::string& text) {
  capture.invalid = true;
  fail(code, text + "; the capture is invalid now");
}

/** True if calls that are unsafe in this capture are forbidden to this thread. */
bool restricts(const Capture& c) {
  bool mine = c.thread == std::this_thread::get_id() && c.mode != CU_STREAM_CAPTURE_MODE_RELAXED;
  if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  if (thread_mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) return mine;
  return mine || c.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
}

void merge(std::vector<size_t>& into, const std::vector<size_t>& from) {
  for (size_t n : from)
    if (std::find(into.begin(), into.end(), n) == into.end()) into.push_back(n);
}

void wait_in_capture(Stream& stream, const Event& event) {
  if (event.capture && event.capture->ended)
    fail(CUDA_ERROR_CAPTURED_EVENT, "the event was recorded in a capture that has ended");
  if (!stream.capture) {
    stream.capture = event.capture;
    for (const auto& [handle, s] : state().streams.all())
      if (s.get() == &stream) stream.capture->others.push_back(s);
  } else if (!event.capture) {
    if (!event.recorded) return;
    invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
               "the stream captures, and the event was recorded outside");
  } else if (event.capture != stream.capture) {
    invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_MERGE, "the event belongs to another capture");
  }
  merge(stream.capture_tail, event.capture_tail);
}

void leave(Stream& stream) {
  stream.capture = nullptr;
  stream.capture_tail.clear();
}

void finish(Capture& capture) {
  capture.ended = true;
  for (const auto& weak : capture.others)
    if (auto other = weak.lock()) leave(*other);
  std::erase_if(active(), [&](const auto& c) { return c.get() == &capture; });
}

void begin_capture(CUstream handle, CUstreamCaptureMode mode) {
  std::shared_ptr<Stream> stream = stream_of(handle);
  require(mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED, "no such capture mode");
  if (stream->legacy) fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the default stream cannot be captured");
  if (stream->capture) fail(CUDA_ERROR_ILLEGAL_STATE, "the stream captures already");
  auto capture = std::make_shared<Capture>();
  capture->graph = std::make_shared<Graph>();
  capture->graph->handle = static_cast<CUgraph>(graphs().add(capture->graph));
  capture->origin = stream.get();
  capture->context = stream->context;
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->id = ++state().captures;
  stream->capture = capture;
  active().push_back(capture);
}

void end_capture(CUstream handle, CUgraph* graph) {
  require(graph, "no place for the graph");
  *graph = nullptr;
  std::shared_ptr<Stream> stream = stream_of(handle);
  std::shared_ptr<Capture> capture = stream->capture;
  if (!capture) fail(CUDA_ERROR_ILLEGAL_STATE, "the stream does not capture");
  if (capture->origin != stream.get())
    invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture began in another stream");
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id())
    fail(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "the capture began on another thread");
  std::vector<bool> joined = ancestors(*capture->graph, stream->capture_tail);
  bool all = std::all_of(joined.begin(), joined.end(), [](bool b) { return b; });
  finish(*capture);
  leave(*stream);
  if (!capture->invalid && all) {
    *graph = capture->graph->handle;
    return;
  }
  graph_nodes().remove_if([&](const NodeId& n) { return n.graph == capture->graph.get(); });
  graphs().remove(capture->graph->handle);
  if (capture->invalid) fail(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was made invalid by an earlier call");
  fail(CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
       "another stream has captured work that this stream does not wait for (cuEventRecord there, cuStreamWaitEvent "
       "here)");
}

CUstreamCaptureStatus status_of(const Stream& stream) {
  if (!stream.capture) return CU_STREAM_CAPTURE_STATUS_NONE;
  return stream.capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
}

void capture_info(CUstream handle, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                  const CUgraphNode** dependencies, size_t* count) {
  require(status, "no place for the status");
  std::shared_ptr<Stream> stream = stream_of(handle);
  if (stream->legacy) forbid_default_stream_in_capture(*stream);
  *status = status_of(*stream);
  if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return;
  const Graph& g = *stream->capture->graph;
  stream->capture_handles.clear();
  for (size_t n : stream->capture_tail) stream->capture_handles.push_back(g.nodes[n].handle);
  if (id) *id = stream->capture->id;
  if (graph) *graph = g.handle;
  if (dependencies) *dependencies = stream->capture_handles.data();
  if (count) *count = stream->capture_handles.size();
}

void update_dependencies(CUstream handle, CUgraphNode* nodes, size_t count, unsigned flags) {
  std::shared_ptr<Stream> stream = stream_of(handle);
  require(flags <= 1, "unknown flags");
  if (!stream->capture) fail(CUDA_ERROR_ILLEGAL_STATE, "the stream does not capture");
  std::vector<size_t> given = indices_in(*stream->capture->graph, nodes, count);
  if (flags == 1) stream->capture_tail.clear();
  merge(stream->capture_tail, given);
}

}  // namespace

bool joins_capture(const Work& work) {
  auto* wait = std::get_if<WaitWork>(&work);
  return wait && wait->event->capture;
}

void capture_work(Stream& stream, Work work) {
  if (stream.capture && stream.capture->invalid)
    throw DriverError{CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "the capture was made invalid by an earlier call", true};
  if (auto* wait = std::get_if<WaitWork>(&work); wait && !wait->external) {
    wait_in_capture(stream, *wait->event);
  } else if (auto* record = std::get_if<RecordWork>(&work); record && !record->external) {
    record->event->capture = stream.capture;
    record->event->capture_tail = stream.capture_tail;
  } else {
    Graph& graph = *stream.capture->graph;
    add_node(graph, std::move(work), stream.capture_tail);
    stream.capture_tail = {graph.nodes.size() - 1};
  }
}

void drop_captures(const Context& context) {
  std::erase_if(active(), [&](const auto& capture) {
    if (capture->context != &context) return false;
    capture->ended = true;
    return true;
  });
}

void forbid_in_capture() {
  for (const auto& capture : active())
    if (restricts(*capture))
      invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "must not be called while a stream captures");
}

void forbid_in_stream_capture(Stream& stream) {
  invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the stream captures");
}

void forbid_default_stream_in_capture(const Stream& stream) {
  for (const auto& capture : active())
    if (capture->context == stream.context && capture->origin->blocking())
      invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                 "the default stream would wait for a stream that captures");
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  return api("cuStreamBeginCapture", [&] { begin_capture(stream, mode); });
}
SIM_API CUresult cuStreamBeginCapture_v2_ptsz(CUstream stream, CUstreamCaptureMode mode) {
  return cuStreamBeginCapture_v2(or_per_thread(stream), mode);
}
SIM_API CUresult cuStreamBeginCapture(CUstream stream) {
  return cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
}
SIM_API CUresult cuStreamBeginCapture_ptsz(CUstream stream) { return cuStreamBeginCapture(or_per_thread(stream)); }

SIM_API CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  return api("cuStreamEndCapture", [&] { end_capture(stream, graph); });
}
SIM_API CUresult cuStreamEndCapture_ptsz(CUstream stream, CUgraph* graph) {
  return cuStreamEndCapture(or_per_thread(stream), graph);
}

SIM_API CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
  return api("cuStreamIsCapturing", [&] { capture_info(stream, status, nullptr, nullptr, nullptr, nullptr); });
}
SIM_API CUresult cuStreamIsCapturing_ptsz(CUstream stream, CUstreamCaptureStatus* status) {
  return cuStreamIsCapturing(or_per_thread(stream), status);
}

SIM_API CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                           CUgraph* graph, const CUgraphNode** dependencies, size_t* count) {
  return api("cuStreamGetCaptureInfo", [&] { capture_info(stream, status, id, graph, dependencies, count); });
}
SIM_API CUresult cuStreamGetCaptureInfo_v2_ptsz(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                                CUgraph* graph, const CUgraphNode** dependencies, size_t* count) {
  return cuStreamGetCaptureInfo_v2(or_per_thread(stream), status, id, graph, dependencies, count);
}
SIM_API CUresult cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id) {
  return cuStreamGetCaptureInfo_v2(stream, status, id, nullptr, nullptr, nullptr);
}
SIM_API CUresult cuStreamGetCaptureInfo_ptsz(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id) {
  return cuStreamGetCaptureInfo(or_per_thread(stream), status, id);
}
SIM_API CUresult cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                           CUgraph* graph, const CUgraphNode** dependencies,
                                           const CUgraphEdgeData** edges, size_t* count) {
  if (edges) *edges = nullptr;  // all edges are plain
  return cuStreamGetCaptureInfo_v2(stream, status, id, graph, dependencies, count);
}
SIM_API CUresult cuStreamGetCaptureInfo_v3_ptsz(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id,
                                                CUgraph* graph, const CUgraphNode** dependencies,
                                                const CUgraphEdgeData** edges, size_t* count) {
  return cuStreamGetCaptureInfo_v3(or_per_thread(stream), status, id, graph, dependencies, edges, count);
}

SIM_API CUresult cuStreamUpdateCaptureDependencies(CUstream stream, CUgraphNode* nodes, size_t count,
                                                   unsigned int flags) {
  return api("cuStreamUpdateCaptureDependencies", [&] { update_dependencies(stream, nodes, count, flags); });
}
SIM_API CUresult cuStreamUpdateCaptureDependencies_ptsz(CUstream stream, CUgraphNode* nodes, size_t count,
                                                        unsigned int flags) {
  return cuStreamUpdateCaptureDependencies(or_per_thread(stream), nodes, count, flags);
}

SIM_API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  return api("cuThreadExchangeStreamCaptureMode", [&] {
    require(mode, "no mode");
    std::swap(*mode, thread_mode);
  });
}
