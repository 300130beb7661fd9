// Streams, events and host functions.
#include "driver.h"
#include <algorithm>

namespace sim {
namespace {

std::shared_ptr<Stream> make_stream(Context& context, unsigned flags, int priority) {
  auto stream = std::make_shared<Stream>();
  stream->context = &context;
  stream->flags = flags;
  stream->priority = std::clamp(priority, -5, 0);
  stream->id = state().next_id++;
  stream->lane = state().hazards.lane("stream " + std::to_string(stream->id));
  return stream;
}

}  // namespace

std::shared_ptr<Stream> stream_of(CUstream handle) {
  Context& context = current();
  if (!handle || handle == CU_STREAM_LEGACY) return context.legacy;
  if (handle == CU_STREAM_PER_THREAD) {
    std::shared_ptr<Stream>& own = context.per_thread[std::this_thread::get_id()];
    if (!own) {
      own = make_stream(context, CU_STREAM_DEFAULT, 0);
      own->lane.name = "the thread's default stream";
    }
    return own;
  }
  const std::shared_ptr<Stream>& stream = state().streams.get(handle);
  check_sticky(*stream->context);
  return stream;
}

void synchronize(Context& context) {
  Hazards& hazards = state().hazards;
  hazards.host_waits(context.legacy->lane.clock);
  hazards.host_waits(context.destroyed);
  for (const auto& [thread, stream] : context.per_thread) hazards.host_waits(stream->lane.clock);
  for (const auto& [handle, stream] : state().streams.all())
    if (stream->context == &context) hazards.host_waits(stream->lane.clock);
}

}  // namespace sim

using namespace sim;

static std::shared_ptr<Event> event_of(CUevent handle) {
  current();
  return state().events.get(handle);
}

SIM_API CUresult cuStreamCreateWithPriority(CUstream* handle, unsigned int flags, int priority) {
  return api("cuStreamCreate", [&] {
    require(handle && flags <= 1, "no place for the stream, or unknown flags");
    *handle = static_cast<CUstream>(state().streams.add(make_stream(current(), flags, priority)));
  });
}
SIM_API CUresult cuStreamCreate(CUstream* handle, unsigned int flags) {
  return cuStreamCreateWithPriority(handle, flags, 0);
}

SIM_API CUresult cuStreamDestroy_v2(CUstream handle) {
  return api("cuStreamDestroy", [&] {
    current();
    if (state().streams.get(handle)->capture) fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the stream captures");
    std::shared_ptr<Stream> stream = state().streams.remove(handle);
    stream->context->destroyed.join(stream->lane.clock);
  });
}
SIM_API CUresult cuStreamDestroy(CUstream handle) { return cuStreamDestroy_v2(handle); }

static void wait_for_stream(Stream& stream) {
  if (stream.capture) forbid_in_stream_capture(stream);
  if (stream.legacy) {
    forbid_default_stream_in_capture(stream);
    order(stream);
  }
  state().hazards.host_waits(stream.lane.clock);
}

SIM_API CUresult cuStreamSynchronize(CUstream handle) {
  return api("cuStreamSynchronize", [&] { wait_for_stream(*stream_of(handle)); });
}
SIM_API CUresult cuStreamSynchronize_ptsz(CUstream stream) { return cuStreamSynchronize(or_per_thread(stream)); }

SIM_API CUresult cuStreamQuery(CUstream handle) {
  return api("cuStreamQuery", [&] { wait_for_stream(*stream_of(handle)); });
}
SIM_API CUresult cuStreamQuery_ptsz(CUstream stream) { return cuStreamQuery(or_per_thread(stream)); }

SIM_API CUresult cuCtxSynchronize(void) {
  return api("cuCtxSynchronize", [] {
    Context& context = current();
    forbid_in_capture();
    synchronize(context);
  });
}
SIM_API CUresult cuCtxSynchronize_v2(CUcontext handle) {
  return api("cuCtxSynchronize", [&] {
    Context& context = handle ? *state().contexts.get(handle) : current();
    check_sticky(context);
    forbid_in_capture();
    synchronize(context);
  });
}

SIM_API CUresult cuStreamGetPriority(CUstream handle, int* priority) {
  return api("cuStreamGetPriority", [&] {
    require(priority, "no place for the priority");
    *priority = stream_of(handle)->priority;
  });
}
SIM_API CUresult cuStreamGetPriority_ptsz(CUstream stream, int* p) {
  return cuStreamGetPriority(or_per_thread(stream), p);
}

SIM_API CUresult cuStreamGetFlags(CUstream handle, unsigned int* flags) {
  return api("cuStreamGetFlags", [&] {
    require(flags, "no place for the flags");
    *flags = stream_of(handle)->flags;
  });
}
SIM_API CUresult cuStreamGetFlags_ptsz(CUstream stream, unsigned int* f) {
  return cuStreamGetFlags(or_per_thread(stream), f);
}

SIM_API CUresult cuStreamGetId(CUstream handle, unsigned long long* id) {
  return api("cuStreamGetId", [&] {
    require(id, "no place for the id");
    *id = stream_of(handle)->id;
  });
}
SIM_API CUresult cuStreamGetId_ptsz(CUstream stream, unsigned long long* id) {
  return cuStreamGetId(or_per_thread(stream), id);
}

SIM_API CUresult cuStreamGetCtx(CUstream handle, CUcontext* context) {
  return api("cuStreamGetCtx", [&] {
    require(context, "no place for the context");
    *context = static_cast<CUcontext>(stream_of(handle)->context->handle);
  });
}
SIM_API CUresult cuStreamGetCtx_ptsz(CUstream stream, CUcontext* c) { return cuStreamGetCtx(or_per_thread(stream), c); }
SIM_API CUresult cuStreamGetCtx_v2(CUstream stream, CUcontext* context, CUgreenCtx* green) {
  if (green) *green = nullptr;
  return cuStreamGetCtx(stream, context);
}
SIM_API CUresult cuStreamGetCtx_v2_ptsz(CUstream stream, CUcontext* context, CUgreenCtx* green) {
  return cuStreamGetCtx_v2(or_per_thread(stream), context, green);
}
SIM_API CUresult cuStreamGetDevice(CUstream handle, CUdevice* device) {
  return api("cuStreamGetDevice", [&] {
    require(device, "no place for the device");
    stream_of(handle);
    *device = 0;
  });
}
SIM_API CUresult cuStreamGetDevice_ptsz(CUstream stream, CUdevice* d) {
  return cuStreamGetDevice(or_per_thread(stream), d);
}

SIM_API CUresult cuStreamAttachMemAsync(CUstream handle, CUdeviceptr address, size_t, unsigned int) {
  return api("cuStreamAttachMemAsync", [&] {
    stream_of(handle);
    const Ownership* owner = owner_of(address);
    require(owner && owner->kind == Owned::managed, "not managed memory");
  });
}
SIM_API CUresult cuStreamAttachMemAsync_ptsz(CUstream stream, CUdeviceptr address, size_t bytes, unsigned int flags) {
  return cuStreamAttachMemAsync(or_per_thread(stream), address, bytes, flags);
}

SIM_API CUresult cuEventCreate(CUevent* handle, unsigned int flags) {
  return api("cuEventCreate", [&] {
    require(handle && flags < 4, "no place for the event, or unknown flags (interprocess events are not simulated)");
    auto event = std::make_shared<Event>();
    event->context = &current();
    event->flags = flags;
    *handle = static_cast<CUevent>(state().events.add(std::move(event)));
  });
}

SIM_API CUresult cuEventDestroy_v2(CUevent handle) {
  return api("cuEventDestroy", [&] {
    current();
    state().events.remove(handle);
  });
}
SIM_API CUresult cuEventDestroy(CUevent handle) { return cuEventDestroy_v2(handle); }

SIM_API CUresult cuEventRecordWithFlags(CUevent handle, CUstream stream_handle, unsigned int flags) {
  return api("cuEventRecord", [&] {
    require(flags <= 1, "unknown flags");
    std::shared_ptr<Stream> stream = stream_of(stream_handle);
    submit(*stream, RecordWork{event_of(handle), flags == 1});
  });
}
SIM_API CUresult cuEventRecordWithFlags_ptsz(CUevent event, CUstream stream, unsigned int flags) {
  return cuEventRecordWithFlags(event, or_per_thread(stream), flags);
}
SIM_API CUresult cuEventRecord(CUevent event, CUstream stream) { return cuEventRecordWithFlags(event, stream, 0); }
SIM_API CUresult cuEventRecord_ptsz(CUevent event, CUstream stream) {
  return cuEventRecord(event, or_per_thread(stream));
}

SIM_API CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned int flags) {
  return api("cuStreamWaitEvent", [&] {
    require(flags <= 1, "unknown flags");
    std::shared_ptr<Stream> stream = stream_of(stream_handle);
    submit(*stream, WaitWork{event_of(handle), flags == 1});
  });
}
SIM_API CUresult cuStreamWaitEvent_ptsz(CUstream stream, CUevent event, unsigned int flags) {
  return cuStreamWaitEvent(or_per_thread(stream), event, flags);
}

static void wait_for(CUevent handle) {
  std::shared_ptr<Event> event = event_of(handle);
  if (event->capture) fail(CUDA_ERROR_CAPTURED_EVENT, "the event was recorded while its stream captured");
  state().hazards.host_waits(event->clock);
}
SIM_API CUresult cuEventSynchronize(CUevent handle) {
  return api("cuEventSynchronize", [&] { wait_for(handle); });
}
SIM_API CUresult cuEventQuery(CUevent handle) {
  return api("cuEventQuery", [&] { wait_for(handle); });
}

/** The time that the simulation took: it says nothing of a GPU. */
SIM_API CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return api("cuEventElapsedTime", [&] {
    require(milliseconds, "no place for the time");
    std::shared_ptr<Event> a = event_of(start), b = event_of(end);
    if (!a->recorded || !b->recorded) fail(CUDA_ERROR_INVALID_HANDLE, "an event was not recorded");
    if ((a->flags | b->flags) & CU_EVENT_DISABLE_TIMING)
      fail(CUDA_ERROR_INVALID_HANDLE, "an event was created with CU_EVENT_DISABLE_TIMING");
    *milliseconds = float((b->seconds - a->seconds) * 1e3);
  });
}
SIM_API CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return cuEventElapsedTime_v2(milliseconds, start, end);
}

SIM_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn fn, void* user) {
  return api("cuLaunchHostFunc", [&] {
    require(fn, "no function");
    submit(*stream_of(handle), HostWork{fn, user});
  });
}
SIM_API CUresult cuLaunchHostFunc_ptsz(CUstream stream, CUhostFn fn, void* user) {
  return cuLaunchHostFunc(or_per_thread(stream), fn, user);
}

SIM_API CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void* user, unsigned int flags) {
  return api("cuStreamAddCallback", [&] {
    require(callback && flags == 0, "no callback, or flags");
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (stream->capture) fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "callbacks cannot be captured");
    struct Call {
      CUstreamCallback callback;
      CUstream stream;
      void* user;
    } call{callback, handle, user};
    submit(*stream, HostWork{[](void* p) {
                               Call* c = static_cast<Call*>(p);
                               c->callback(c->stream, CUDA_SUCCESS, c->user);
                             },
                             &call});
  });
}
SIM_API CUresult cuStreamAddCallback_ptsz(CUstream stream, CUstreamCallback callback, void* user, unsigned int flags) {
  return cuStreamAddCallback(or_per_thread(stream), callback, user, flags);
}
