// The nodes of graphs that are made by hand, and their parameters.
#include "driver_graph.h"

namespace sim {
namespace {

void check_device_work(const KernelWork& work) { check_launch(*work.function, work.grid, work.block, work.shared); }

template <class P>
KernelWork kernel_work_of(const P& p, CUfunction handle) {
  KernelWork work;
  work.function = state().functions.get(handle);
  work.grid = {p.gridDimX, p.gridDimY, p.gridDimZ};
  work.block = {p.blockDimX, p.blockDimY, p.blockDimZ};
  work.shared = p.sharedMemBytes;
  check_device_work(work);
  work.parameters = pack_parameters(*work.function->kernel, p.kernelParams, p.extra);
  return work;
}

template <class P>
void give_kernel(P& p, Node& node) {
  auto* work = std::get_if<KernelWork>(&node.work);
  require(work, "not a kernel node");
  node.pointers.clear();
  for (const Parameter& parameter : work->function->kernel->parameters)
    node.pointers.push_back(work->parameters.data() + parameter.offset);
  p = P{};
  for (const auto& [handle, f] : state().functions.all())
    if (f == work->function) p.func = static_cast<CUfunction>(handle);
  p.gridDimX = work->grid.x, p.gridDimY = work->grid.y, p.gridDimZ = work->grid.z;
  p.blockDimX = work->block.x, p.blockDimY = work->block.y, p.blockDimZ = work->block.z;
  p.sharedMemBytes = work->shared;
  p.kernelParams = node.pointers.data();
}

void add(CUgraphNode* handle, CUgraph graph_handle, const CUgraphNode* dependencies, size_t count, Work work) {
  require(handle, "no place for the node");
  Graph& graph = *graphs().get(graph_handle);
  *handle = add_node(graph, std::move(work), indices_in(graph, dependencies, count));
}

/** The node must be of the same kind as the new work. */
void replace(CUgraphNode handle, Work work) {
  Node& node = node_of(handle);
  require(type_of(node.work) == type_of(work), "the node is of another type");
  node.work = std::move(work);
}

template <class P>
const P& given(const P* p) {
  require(p, "no parameters given");
  return *p;
}

}  // namespace

KernelWork kernel_work(const CUDA_KERNEL_NODE_PARAMS_v1& p) { return kernel_work_of(p, p.func); }
KernelWork kernel_work(const CUDA_KERNEL_NODE_PARAMS& p) {
  return kernel_work_of(p, p.func ? p.func : reinterpret_cast<CUfunction>(p.kern));
}

FillWork fill_work(const CUDA_MEMSET_NODE_PARAMS& p) {
  require(p.elementSize == 1 || p.elementSize == 2 || p.elementSize == 4, "elements of 1, 2 or 4 bytes");
  FillWork work{p.dst, p.pitch, p.value, p.elementSize, p.width, p.height};
  check_fill(work);
  return work;
}

}  // namespace sim

using namespace sim;

SIM_API CUresult cuGraphAddKernelNode_v2(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                         size_t count, const CUDA_KERNEL_NODE_PARAMS* p) {
  return api("cuGraphAddKernelNode", [&] { add(node, graph, dependencies, count, kernel_work(given(p))); });
}
SIM_API CUresult cuGraphAddKernelNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                      const CUDA_KERNEL_NODE_PARAMS_v1* p) {
  return api("cuGraphAddKernelNode", [&] { add(node, graph, dependencies, count, kernel_work(given(p))); });
}
SIM_API CUresult cuGraphAddMemcpyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                      const CUDA_MEMCPY3D* p, CUcontext) {
  return api("cuGraphAddMemcpyNode", [&] {
    CopyWork copy = copy_of(given(p));
    check_copy(copy);
    add(node, graph, dependencies, count, copy);
  });
}
SIM_API CUresult cuGraphAddMemsetNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                      const CUDA_MEMSET_NODE_PARAMS* p, CUcontext) {
  return api("cuGraphAddMemsetNode", [&] { add(node, graph, dependencies, count, fill_work(given(p))); });
}
SIM_API CUresult cuGraphAddHostNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                                    const CUDA_HOST_NODE_PARAMS* p) {
  return api("cuGraphAddHostNode", [&] {
    require(given(p).fn, "no function");
    add(node, graph, dependencies, count, HostWork{p->fn, p->userData});
  });
}
SIM_API CUresult cuGraphAddEmptyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count) {
  return api("cuGraphAddEmptyNode", [&] { add(node, graph, dependencies, count, EmptyWork{}); });
}
SIM_API CUresult cuGraphAddChildGraphNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                          size_t count, CUgraph child) {
  return api("cuGraphAddChildGraphNode",
             [&] { add(node, graph, dependencies, count, GraphWork{snapshot(*graphs().get(child))}); });
}
SIM_API CUresult cuGraphAddEventRecordNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                           size_t count, CUevent event) {
  return api("cuGraphAddEventRecordNode", [&] {
    add(node, graph, dependencies, count, RecordWork{state().events.get(event), true});
  });
}
SIM_API CUresult cuGraphAddEventWaitNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                         size_t count, CUevent event) {
  return api("cuGraphAddEventWaitNode", [&] {
    add(node, graph, dependencies, count, WaitWork{state().events.get(event), true});
  });
}

SIM_API CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS* p) {
  return api("cuGraphKernelNodeGetParams", [&] {
    require(p, "no place for the parameters");
    give_kernel(*p, node_of(node));
  });
}
SIM_API CUresult cuGraphKernelNodeGetParams(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v1* p) {
  return api("cuGraphKernelNodeGetParams", [&] {
    require(p, "no place for the parameters");
    give_kernel(*p, node_of(node));
  });
}
SIM_API CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS* p) {
  return api("cuGraphKernelNodeSetParams", [&] { replace(node, kernel_work(given(p))); });
}
SIM_API CUresult cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1* p) {
  return api("cuGraphKernelNodeSetParams", [&] { replace(node, kernel_work(given(p))); });
}
SIM_API CUresult cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D* p) {
  return api("cuGraphMemcpyNodeSetParams", [&] {
    CopyWork copy = copy_of(given(p));
    check_copy(copy);
    replace(node, copy);
  });
}
SIM_API CUresult cuGraphMemsetNodeSetParams(CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS* p) {
  return api("cuGraphMemsetNodeSetParams", [&] { replace(node, fill_work(given(p))); });
}
SIM_API CUresult cuGraphHostNodeSetParams(CUgraphNode node, const CUDA_HOST_NODE_PARAMS* p) {
  return api("cuGraphHostNodeSetParams", [&] { replace(node, HostWork{given(p).fn, p->userData}); });
}
SIM_API CUresult cuGraphHostNodeGetParams(CUgraphNode node, CUDA_HOST_NODE_PARAMS* p) {
  return api("cuGraphHostNodeGetParams", [&] {
    auto* work = std::get_if<HostWork>(&node_of(node).work);
    require(work && p, "not a host node, or no place for the parameters");
    *p = {work->fn, work->user};
  });
}
