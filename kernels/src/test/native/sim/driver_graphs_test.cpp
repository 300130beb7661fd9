// Graphs: captured and made by hand, launched again with other contents, updated; and what capture forbids.
#include "driver_test.h"
#include <cstring>

namespace {

constexpr int kCount = 64;

struct Graphs : Device {
  CUstream a = nullptr, b = nullptr;
  CUevent event = nullptr, back = nullptr;
  CUdeviceptr x = 0, y = 0;
  CUfunction scale = nullptr, add = nullptr;

  Graphs() {
    OK(cuStreamCreate(&a, CU_STREAM_NON_BLOCKING));
    OK(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
    OK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    OK(cuEventCreate(&back, CU_EVENT_DISABLE_TIMING));
    x = upload(ramp(kCount));
    y = upload(ramp(kCount));
    scale = kernel("scale");
    add = kernel("add");
  }
  /** y = 2 x; y = y + x; x = 1.1 y */
  void step(CUstream s) {
    OK(launch(scale, 2, 32, s, y, x, 2.f, kCount));
    OK(launch(add, 2, 32, s, y, x, kCount));
    OK(launch(scale, 2, 32, s, x, y, 1.1f, kCount));
  }
  CUgraphExec capture_step(CUgraph* graph) {
    OK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_GLOBAL));
    step(a);
    OK(cuStreamEndCapture(a, graph));
    CUgraphExec exec = nullptr;
    OK(cuGraphInstantiate(&exec, *graph, 0));
    return exec;
  }
  void fill_x(const std::vector<float>& v) {
    OK(cuMemcpyHtoDAsync(x, v.data(), 4 * kCount, a));
    OK(cuStreamSynchronize(a));
  }
  std::vector<float> read_x() {
    OK(cuStreamSynchronize(a));
    return download<float>(x, kCount);
  }
};

void replay_equals_eager_bit_for_bit() {
  Graphs g;
  CUgraph graph = nullptr;
  CUgraphExec exec = g.capture_step(&graph);
  CHECK(g.read_x() == ramp(kCount));  // captured, not run
  OK(cuGraphUpload(exec, g.a));
  for (int round = 0; round < 3; ++round) {
    std::vector<float> start = ramp(kCount);
    for (float& v : start) v = v * 0.37f + float(round);
    g.fill_x(start);
    for (int i = 0; i < 4; ++i) g.step(g.a);
    std::vector<float> eager = g.read_x();
    g.fill_x(start);
    for (int i = 0; i < 4; ++i) OK(cuGraphLaunch(exec, g.a));
    CHECK(std::memcmp(eager.data(), g.read_x().data(), 4 * kCount) == 0);
  }
  OK(cuGraphExecDestroy(exec));
  OK(cuGraphDestroy(graph));
  FAILS(CUDA_ERROR_INVALID_HANDLE, "the graph instance was destroyed before", cuGraphLaunch(exec, g.a));
}

void a_captured_graph_has_the_nodes_of_its_calls() {
  Graphs g;
  std::vector<float> host(kCount);
  CUgraph graph = nullptr;
  OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  OK(cuMemsetD32Async(g.y, 0, kCount, g.a));
  OK(launch(g.add, 2, 32, g.a, g.y, g.x, kCount));
  OK(cuMemcpyDtoHAsync(host.data(), g.y, 4 * kCount, g.a));
  CUstreamCaptureStatus status;
  CUgraph now = nullptr;
  const CUgraphNode* tail = nullptr;
  size_t tails = 0;
  OK(cuStreamGetCaptureInfo(g.a, &status, nullptr, &now, &tail, nullptr, &tails));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE && tails == 1);
  OK(cuStreamEndCapture(g.a, &graph));
  CHECK(graph == now);
  CUgraphNode nodes[4];
  size_t count = 4, edges = 0;
  OK(cuGraphGetNodes(graph, nodes, &count));
  CHECK_EQUAL(count, 3u);
  OK(cuGraphGetEdges(graph, nullptr, nullptr, nullptr, &edges));
  CHECK_EQUAL(edges, 2u);
  CUgraphNodeType types[3];
  for (int i = 0; i < 3; ++i) OK(cuGraphNodeGetType(nodes[i], &types[i]));
  CHECK(types[0] == CU_GRAPH_NODE_TYPE_MEMSET && types[1] == CU_GRAPH_NODE_TYPE_KERNEL &&
        types[2] == CU_GRAPH_NODE_TYPE_MEMCPY);
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiate(&exec, graph, 0));
  OK(cuGraphLaunch(exec, g.a));
  OK(cuStreamSynchronize(g.a));
  CHECK(host == ramp(kCount));
}

void streams_fork_and_join() {
  Graphs g;
  CUgraph graph = nullptr;
  OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  OK(cuEventRecord(g.event, g.a));
  OK(cuStreamWaitEvent(g.b, g.event, 0));
  OK(cuMemsetD32Async(g.x, 1, kCount, g.a));
  OK(cuMemsetD32Async(g.y, 2, kCount, g.b));
  OK(cuEventRecord(g.back, g.b));
  OK(cuStreamWaitEvent(g.a, g.back, 0));
  OK(cuMemcpyDtoDAsync(g.x, g.y, 2 * kCount, g.a));
  OK(cuStreamEndCapture(g.a, &graph));
  size_t nodes = 0;
  OK(cuGraphGetNodes(graph, nullptr, &nodes));
  CHECK_EQUAL(nodes, 3u);
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < 2; ++i) OK(cuGraphLaunch(exec, g.a));
  OK(cuStreamSynchronize(g.a));
  std::vector<int> x = download<int>(g.x, kCount);
  CHECK(x[0] == 2 && x[kCount - 1] == 1);
}

void a_fork_must_join() {
  Graphs g;
  CUgraph graph = nullptr;
  OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  OK(cuEventRecord(g.event, g.a));
  OK(cuStreamWaitEvent(g.b, g.event, 0));
  OK(cuMemsetD32Async(g.y, 2, kCount, g.b));
  FAILS(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "does not wait for", cuStreamEndCapture(g.a, &graph));
  // All is as it was before.
  CHECK(graph == nullptr);
  OK(cuMemsetD32Async(g.y, 2, kCount, g.b));
  OK(cuStreamSynchronize(g.b));
}

void branches_of_a_graph_are_not_ordered() {
  Graphs g;
  CUgraph graph = nullptr;
  OK(cuGraphCreate(&graph, 0));
  CUDA_MEMSET_NODE_PARAMS fill{g.x, 0, 1, 4, kCount, 1};
  CUgraphNode first, second;
  OK(cuGraphAddMemsetNode(&first, graph, nullptr, 0, &fill, g.context));
  fill.value = 2;
  OK(cuGraphAddMemsetNode(&second, graph, nullptr, 0, &fill, g.context));
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiate(&exec, graph, 0));
  OK(cuGraphAddDependencies(graph, &first, &second, nullptr, 1));
  CUgraphExec ordered = nullptr;
  OK(cuGraphInstantiate(&ordered, graph, 0));
  for (int i = 0; i < 2; ++i) OK(cuGraphLaunch(ordered, g.a));
  FAILS(CUDA_ERROR_LAUNCH_FAILED, "graph node 1 writes", cuGraphLaunch(exec, g.a));
}

CUDA_KERNEL_NODE_PARAMS kernel_node(CUfunction f, void** parameters) {
  CUDA_KERNEL_NODE_PARAMS p{};
  p.func = f;
  p.gridDimX = 2, p.gridDimY = 1, p.gridDimZ = 1;
  p.blockDimX = 32, p.blockDimY = 1, p.blockDimZ = 1;
  p.kernelParams = parameters;
  return p;
}

void graphs_are_made_by_hand() {
  Graphs g;
  CUgraph graph = nullptr, child = nullptr;
  OK(cuGraphCreate(&graph, 0));
  OK(cuGraphCreate(&child, 0));
  float by = 3;
  int count = kCount;
  void* parameters[] = {&g.y, &g.x, &by, &count};
  CUDA_KERNEL_NODE_PARAMS p = kernel_node(g.scale, parameters);
  CUgraphNode kernel, inner, empty, copy, host;
  OK(cuGraphAddKernelNode(&kernel, graph, nullptr, 0, &p));
  CUDA_MEMSET_NODE_PARAMS fill{g.x, 0, 0, 4, kCount / 2, 1};
  OK(cuGraphAddMemsetNode(&inner, child, nullptr, 0, &fill, g.context));
  CUgraphNode nested;
  OK(cuGraphAddChildGraphNode(&nested, graph, &kernel, 1, child));
  OK(cuGraphAddEmptyNode(&empty, graph, &nested, 1));
  CUDA_MEMCPY3D c{};
  static float result[kCount];
  c.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  c.srcDevice = g.y;
  c.dstMemoryType = CU_MEMORYTYPE_HOST;
  c.dstHost = result;
  c.WidthInBytes = sizeof result;
  c.Height = c.Depth = 1;
  OK(cuGraphAddMemcpyNode(&copy, graph, &empty, 1, &c, g.context));
  static float last;
  CUDA_HOST_NODE_PARAMS h{[](void* p) { last = *static_cast<float*>(p); }, &result[kCount - 1]};
  OK(cuGraphAddHostNode(&host, graph, &copy, 1, &h));
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiate(&exec, graph, 0));
  OK(cuGraphLaunch(exec, g.a));
  OK(cuStreamSynchronize(g.a));
  CHECK_EQUAL(last, 3.f * (kCount - 1));
  CHECK(download<float>(g.x, kCount)[0] == 0 && download<float>(g.x, kCount)[kCount - 1] == kCount - 1);
  // The instance has its own parameters: they change there alone.
  by = 10;
  OK(cuGraphExecKernelNodeSetParams(exec, kernel, &p));
  OK(cuGraphLaunch(exec, g.a));
  OK(cuStreamSynchronize(g.a));
  CHECK_EQUAL(last, 10.f * (kCount - 1));
  CUgraphExec again = nullptr;
  OK(cuGraphInstantiate(&again, graph, 0));
  OK(cuGraphLaunch(again, g.a));
  OK(cuStreamSynchronize(g.a));
  CHECK_EQUAL(last, 3.f * (kCount - 1));
  // A cycle cannot run.
  OK(cuGraphAddDependencies(graph, &host, &kernel, nullptr, 1));
  FAILS(CUDA_ERROR_INVALID_VALUE, "the graph has a cycle", cuGraphInstantiate(&again, graph, 0));
}

void instances_are_updated() {
  Graphs g;
  CUgraph graph = nullptr, other = nullptr;
  CUgraphExec exec = g.capture_step(&graph);
  OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(launch(g.scale, 2, 32, g.a, g.y, g.x, 5.f, kCount));
  OK(launch(g.add, 2, 32, g.a, g.y, g.x, kCount));
  OK(launch(g.scale, 2, 32, g.a, g.x, g.y, 1.f, kCount));
  OK(cuStreamEndCapture(g.a, &other));
  CUgraphExecUpdateResultInfo info{};
  OK(cuGraphExecUpdate(exec, other, &info));
  CHECK_EQUAL(int(info.result), int(CU_GRAPH_EXEC_UPDATE_SUCCESS));
  OK(cuGraphLaunch(exec, g.a));
  CHECK_EQUAL(g.read_x()[2], 12.f);
  CUgraph shorter = nullptr;
  OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(cuMemsetD32Async(g.x, 0, kCount, g.a));
  OK(cuStreamEndCapture(g.a, &shorter));
  FAILS(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, "the topology changed", cuGraphExecUpdate(exec, shorter, &info));
  CHECK_EQUAL(int(info.result), int(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED));
}

/** Begins a capture, makes the forbidden call, and sees that the capture is over. */
template <class Call>
void forbidden(Graphs& g, CUresult code, Call&& call) {
  OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  FAILS(code, "the capture is invalid now", call());
  CUstreamCaptureStatus status;
  OK(cuStreamIsCapturing(g.a, &status));
  CHECK_EQUAL(int(status), int(CU_STREAM_CAPTURE_STATUS_INVALIDATED));
  FAILS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "", cuMemsetD32Async(g.x, 0, kCount, g.a));
  CUgraph graph = nullptr;
  FAILS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "", cuStreamEndCapture(g.a, &graph));
  OK(cuMemsetD32Async(g.x, 0, kCount, g.a));
  OK(cuStreamSynchronize(g.a));
}

void capture_forbids_waiting_and_allocating() {
  Graphs g;
  CUdeviceptr p = 0;
  int word = 0;
  forbidden(g, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [&] { return cuStreamSynchronize(g.a); });
  forbidden(g, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [&] { return cuCtxSynchronize(); });
  forbidden(g, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [&] { return cuMemAlloc(&p, 4); });
  forbidden(g, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [&] { return cuMemFree(g.y); });
  forbidden(g, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [&] { return cuMemcpyHtoD(g.x, &word, 4); });
  OK(cuEventRecord(g.event, g.b));
  forbidden(g, CUDA_ERROR_STREAM_CAPTURE_ISOLATION, [&] { return cuStreamWaitEvent(g.a, g.event, 0); });
  FAILS(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the default stream",
        cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CUgraph graph = nullptr;
  FAILS(CUDA_ERROR_ILLEGAL_STATE, "does not capture", cuStreamEndCapture(g.a, &graph));
}

void the_default_stream_cannot_wait_for_a_capture() {
  Graphs g;
  CUstream blocking = nullptr;
  CUgraph graph = nullptr;
  OK(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
  OK(cuStreamBeginCapture(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
  FAILS(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "the default stream would wait", cuMemsetD32Async(g.x, 0, kCount, nullptr));
  FAILS(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "", cuStreamEndCapture(blocking, &graph));
}

void captured_events_cannot_be_waited_for() {
  Graphs g;
  CUgraph graph = nullptr;
  OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(cuEventRecord(g.event, g.a));
  FAILS(CUDA_ERROR_CAPTURED_EVENT, "while its stream captured", cuEventSynchronize(g.event));
  OK(cuStreamEndCapture(g.a, &graph));
}

void a_context_ends_its_captures() {
  {
    Graphs g;
    OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  }
  Device d;
  allocate(4);
}

void a_fault_in_a_graph_is_sticky() {
  Graphs g;
  CUgraph graph = nullptr;
  CUdeviceptr small = allocate(4);
  OK(cuStreamBeginCapture(g.a, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(launch(g.kernel("index"), 1, 32, g.a, small));
  OK(cuStreamEndCapture(g.a, &graph));
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiate(&exec, graph, 0));
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "graph node 0: ", cuGraphLaunch(exec, g.a));
  FAILS(CUDA_ERROR_ILLEGAL_ADDRESS, "after: ", cuStreamSynchronize(g.a));
}

}  // namespace

int main() {
  replay_equals_eager_bit_for_bit();
  a_captured_graph_has_the_nodes_of_its_calls();
  streams_fork_and_join();
  a_fork_must_join();
  branches_of_a_graph_are_not_ordered();
  graphs_are_made_by_hand();
  instances_are_updated();
  capture_forbids_waiting_and_allocating();
  the_default_stream_cannot_wait_for_a_capture();
  captured_events_cannot_be_waited_for();
  a_context_ends_its_captures();
  a_fault_in_a_graph_is_sticky();
  return summary("driver_graphs_test");
}
