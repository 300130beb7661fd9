// What orders the work of streams, and that what nothing orders is found.
#include "driver_test.h"
#include <thread>

namespace {

constexpr int kCount = 64;

struct Streams : Device {
  CUstream a = nullptr, b = nullptr;
  CUevent event = nullptr;
  CUdeviceptr x = 0, y = 0;
  CUfunction scale = nullptr;

  explicit Streams(unsigned flags = CU_STREAM_NON_BLOCKING) {
    OK(cuStreamCreate(&a, flags));
    OK(cuStreamCreate(&b, flags));
    OK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    x = upload(ramp(kCount));
    y = upload(ramp(kCount));
    scale = kernel("scale");
  }
  CUresult run(CUstream s, CUdeviceptr to, CUdeviceptr from) { return launch(scale, 2, 32, s, to, from, 2.f, kCount); }
};

void two_streams_without_an_event() {
  Streams s;
  OK(s.run(s.a, s.x, s.x));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "with no event or synchronisation between them", s.run(s.b, s.y, s.x));
}

void both_are_named() {
  Streams s;
  OK(s.run(s.a, s.x, s.x));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "block (32, 1, 1)) in stream ", s.run(s.b, s.x, s.y));
  std::string text = error_text(CUDA_ERROR_LAUNCH_FAILED);
  CHECK(text.find("writes") != std::string::npos && text.find("which scale (launch ") != std::string::npos);
}

void an_event_orders() {
  Streams s;
  OK(s.run(s.a, s.x, s.x));
  OK(cuEventRecord(s.event, s.a));
  OK(cuStreamWaitEvent(s.b, s.event, 0));
  OK(s.run(s.b, s.y, s.x));
  OK(cuStreamSynchronize(s.b));
  CHECK_EQUAL(download<float>(s.y, kCount)[3], 12.f);
}

void an_event_orders_only_what_is_before_it() {
  Streams s;
  OK(cuEventRecord(s.event, s.a));
  OK(s.run(s.a, s.x, s.x));
  OK(cuStreamWaitEvent(s.b, s.event, 0));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "with no event", s.run(s.b, s.y, s.x));
}

void readers_need_no_order() {
  Streams s;
  CUdeviceptr z = allocate(4 * kCount);
  OK(s.run(s.a, s.y, s.x));
  OK(s.run(s.b, z, s.x));
  // But who writes after them waits for both.
  OK(cuEventRecord(s.event, s.a));
  OK(cuStreamWaitEvent(s.b, s.event, 0));
  OK(s.run(s.b, s.x, s.x));
}

void a_writer_waits_for_readers() {
  Streams s;
  OK(s.run(s.a, s.y, s.x));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "reads, with no event", s.run(s.b, s.x, s.x));
}

void halves_of_one_allocation_are_apart() {
  Streams s;
  OK(cuMemsetD8Async(s.x, 0, 2 * kCount, s.a));
  OK(cuMemsetD8Async(s.x + 2 * kCount, 0, 2 * kCount, s.b));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "cuMemsetD8Async in stream", cuMemsetD8Async(s.x + 2 * kCount - 1, 0, 1, s.b));
}

void the_host_orders_by_waiting() {
  Streams s;
  OK(s.run(s.a, s.x, s.x));
  OK(cuStreamSynchronize(s.a));
  OK(s.run(s.b, s.x, s.x));
  OK(cuEventRecord(s.event, s.b));
  OK(cuEventSynchronize(s.event));
  OK(s.run(s.a, s.x, s.x));
  OK(cuCtxSynchronize());
  OK(s.run(s.b, s.x, s.x));
  std::vector<float> host(kCount);
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "cuMemcpyDtoHAsync in stream", cuMemcpyDtoHAsync(host.data(), s.x, 4 * kCount, s.a));
}

void the_default_stream_orders_blocking_streams() {
  Streams s(CU_STREAM_DEFAULT);
  OK(s.run(s.a, s.x, s.x));
  OK(s.run(nullptr, s.x, s.x));
  OK(s.run(s.b, s.x, s.x));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "with no event", s.run(s.a, s.x, s.x));
}

void the_default_stream_orders_no_other() {
  Streams s;
  OK(s.run(s.a, s.x, s.x));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "in the default stream", s.run(nullptr, s.x, s.x));
}

// cuMemcpyHtoD from pageable memory may return before the bytes have arrived.
void an_upload_is_ordered_by_its_stream_only() {
  Streams s;
  std::vector<float> host = ramp(kCount);
  OK(cuMemcpyHtoD(s.x, host.data(), 4 * kCount));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "which cuMemcpyHtoD in the default stream writes", s.run(s.a, s.y, s.x));
}

void a_download_waits() {
  Streams s;
  OK(s.run(nullptr, s.x, s.x));
  download<float>(s.x, kCount);
  OK(s.run(s.a, s.x, s.x));
}

void a_free_waits_for_all_use() {
  Streams s;
  CUdeviceptr p = 0;
  OK(cuMemAllocAsync(&p, 4 * kCount, s.a));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "which cuMemAllocAsync in stream", cuMemsetD32Async(p, 0, kCount, s.b));
}

void destroyed_streams_still_count() {
  Streams s;
  OK(s.run(s.a, s.x, s.x));
  OK(cuStreamDestroy(s.a));
  OK(cuCtxSynchronize());
  OK(s.run(s.b, s.x, s.x));
}

void events_have_times() {
  Streams s;
  CUevent start = nullptr, end = nullptr;
  OK(cuEventCreate(&start, 0));
  OK(cuEventCreate(&end, 0));
  OK(cuEventRecord(start, s.a));
  OK(s.run(s.a, s.x, s.x));
  OK(cuEventRecord(end, s.a));
  OK(cuEventSynchronize(end));
  float ms = -1;
  OK(cuEventElapsedTime(&ms, start, end));
  CHECK(ms >= 0);
  FAILS(CUDA_ERROR_INVALID_HANDLE, "DISABLE_TIMING",
        (cuEventRecord(s.event, s.a), cuEventElapsedTime(&ms, s.event, end)));
}

void host_functions_run_in_order() {
  Streams s;
  static std::vector<int> order;
  order.clear();
  for (int i = 0; i < 3; ++i)
    OK(cuLaunchHostFunc(
        s.a, [](void* p) { order.push_back(int(reinterpret_cast<intptr_t>(p))); },
        reinterpret_cast<void*>(intptr_t(i))));
  OK(cuStreamSynchronize(s.a));
  CHECK(order == std::vector<int>({0, 1, 2}));
  static CUresult inside;
  OK(cuLaunchHostFunc(
      s.a, [](void*) { inside = cuCtxSynchronize(); }, nullptr));
  CHECK_EQUAL(int(inside), int(CUDA_ERROR_NOT_PERMITTED));
}

void lent_memory_stays_as_it_is() {
  Streams s;
  void* p = nullptr;
  OK(cuMemAllocHost(&p, 4 * kCount));
  float* staging = static_cast<float*>(p);
  for (int i = 0; i < kCount; ++i) staging[i] = 1;
  OK(cuMemcpyHtoDAsync(s.x, staging, 4 * kCount, s.a));
  OK(cuStreamSynchronize(s.a));
  staging[5] = 2;  // after waiting: right
  OK(cuMemcpyHtoDAsync(s.x, staging, 4 * kCount, s.a));
  staging[kCount - 1] = 3;
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "the host changed memory at", cuStreamSynchronize(s.a));
  // The device itself may write there, in order.
  OK(cuMemcpyHtoDAsync(s.x, staging, 4 * kCount, s.a));
  OK(cuMemcpyDtoHAsync(staging, s.y, 4 * kCount, s.a));
  OK(cuStreamSynchronize(s.a));
  OK(cuMemcpyHtoDAsync(s.x, staging, 4 * kCount, s.a));
  OK(launch(s.scale, 2, 32, s.a, p, s.y, 2.f, kCount));
  OK(cuStreamSynchronize(s.a));
  // Pageable memory was copied to another place when the call came back.
  std::vector<float> own = ramp(kCount);
  OK(cuMemcpyHtoDAsync(s.x, own.data(), 4 * kCount, s.a));
  own[0] = 9;
  OK(cuStreamSynchronize(s.a));
}

void threads_have_their_own_default_streams() {
  Streams s;
  OK(s.run(CU_STREAM_PER_THREAD, s.x, s.x));
  CUresult other = CUDA_SUCCESS;
  std::thread([&] {
    cuCtxSetCurrent(s.context);
    other = s.run(CU_STREAM_PER_THREAD, s.x, s.x);
  }).join();
  CHECK_EQUAL(int(other), int(CUDA_ERROR_LAUNCH_FAILED));
}

}  // namespace

int main() {
  two_streams_without_an_event();
  both_are_named();
  an_event_orders();
  an_event_orders_only_what_is_before_it();
  readers_need_no_order();
  a_writer_waits_for_readers();
  halves_of_one_allocation_are_apart();
  the_host_orders_by_waiting();
  the_default_stream_orders_blocking_streams();
  the_default_stream_orders_no_other();
  an_upload_is_ordered_by_its_stream_only();
  a_download_waits();
  a_free_waits_for_all_use();
  destroyed_streams_still_count();
  events_have_times();
  host_functions_run_in_order();
  lent_memory_stays_as_it_is();
  threads_have_their_own_default_streams();
  return summary("driver_streams_test");
}
