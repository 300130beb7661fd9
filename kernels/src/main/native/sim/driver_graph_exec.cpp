// Graphs made ready to run, their launches and updates.
#include "driver_graph.h"
#include <algorithm>

namespace sim {

Handles<GraphExec>& graph_execs() {
  static auto* all = new Handles<GraphExec>("graph instance", 0xCB);
  return *all;
}

std::shared_ptr<Graph> snapshot(const Graph& graph) {
  auto copy = std::make_shared<Graph>();
  copy->nodes = graph.nodes;
  for (Node& n : copy->nodes)
    if (auto* child = std::get_if<GraphWork>(&n.work)) child->graph = snapshot(*child->graph);
  return copy;
}

std::vector<size_t> topological_order(const Graph& graph) {
  size_t count = graph.nodes.size();
  std::vector<bool> placed(count);
  std::vector<size_t> order;
  auto ready = [&](size_t n) {
    const auto& depends = graph.nodes[n].depends;
    return !placed[n] && std::all_of(depends.begin(), depends.end(), [&](size_t d) { return placed[d]; });
  };
  // Nodes are mostly made in an order that works already.
  while (order.size() < count) {
    size_t before = order.size();
    for (size_t n = 0; n < count; ++n)
      if (ready(n)) {
        placed[n] = true;
        order.push_back(n);
      }
    if (order.size() == before) fail(CUDA_ERROR_INVALID_VALUE, "the graph has a cycle");
  }
  return order;
}

/** Every branch of the graph has a timeline of its own, so that unordered nodes are seen to be unordered. */
void run_graph(Context& context, Lane& lane, Graph& graph) {
  struct Branch {
    uint32_t timeline;
    uint64_t tick;
    size_t last;
  };
  const Clock start = lane.clock;
  std::vector<Branch> branches;
  std::vector<Clock> done(graph.nodes.size());
  std::vector<size_t> branch_of(graph.nodes.size());
  auto new_branch = [&](size_t node) {
    if (branches.empty()) {
      branches.push_back({lane.timeline, start.of(lane.timeline), node});
      return;
    }
    size_t spare = branches.size() - 1;
    if (graph.branches.size() == spare) graph.branches.emplace_back(state().hazards.lane("").timeline, 0);
    branches.push_back({graph.branches[spare].first, graph.branches[spare].second, node});
  };
  for (size_t n : topological_order(graph)) {
    const Node& node = graph.nodes[n];
    if (node.removed) continue;
    auto parent = std::find_if(node.depends.begin(), node.depends.end(),
                               [&](size_t d) { return branches[branch_of[d]].last == d; });
    if (parent == node.depends.end()) new_branch(n);
    branch_of[n] = parent == node.depends.end() ? branches.size() - 1 : branch_of[*parent];
    Branch& branch = branches[branch_of[n]];
    branch.last = n;
    Lane own{branch.timeline, start, lane.name + ", graph node " + std::to_string(n)};
    for (size_t d : node.depends) own.clock.join(done[d]);
    own.clock.set(own.timeline, ++branch.tick);
    if (node.enabled) execute(context, own, node.work);
    done[n] = own.clock;
    branch.tick = std::max(branch.tick, own.clock.of(own.timeline));
  }
  for (size_t b = 1; b < branches.size(); ++b) graph.branches[b - 1].second = branches[b].tick;
  for (const Clock& clock : done) lane.clock.join(clock);
}

namespace {

void instantiate(CUgraphExec* handle, CUgraph graph, unsigned long long flags) {
  Context& context = current();
  require(handle, "no place for the instance");
  constexpr unsigned long long kDeviceLaunch = 4;
  if (flags & kDeviceLaunch) fail(CUDA_ERROR_NOT_SUPPORTED, "graph launches from the device are not simulated");
  require(flags < 16, "unknown flags");
  auto exec = std::make_shared<GraphExec>();
  exec->context = &context;
  exec->flags = flags;
  exec->graph = snapshot(*graphs().get(graph));
  topological_order(*exec->graph);
  *handle = static_cast<CUgraphExec>(graph_execs().add(exec));
}

Node& exec_node(CUgraphExec handle, CUgraphNode node) {
  const NodeId& id = *graph_nodes().get(node);
  Graph& graph = *graph_execs().get(handle)->graph;
  require(id.index < graph.nodes.size() && graph.nodes[id.index].handle == node, "a node of another graph");
  return graph.nodes[id.index];
}

void replace(CUgraphExec handle, CUgraphNode node, Work work) {
  Node& n = exec_node(handle, node);
  require(type_of(n.work) == type_of(work), "the node is of another type");
  n.work = std::move(work);
}

CUgraphExecUpdateResult compare(const Graph& exec, const Graph& graph, CUgraphNode& at) {
  if (exec.nodes.size() != graph.nodes.size()) return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node &a = exec.nodes[n], &b = graph.nodes[n];
    at = b.handle;
    if (a.depends != b.depends || a.removed != b.removed) return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    if (type_of(a.work) != type_of(b.work)) return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
  }
  at = nullptr;
  return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

void update(CUgraphExec handle, CUgraph graph_handle, CUgraphExecUpdateResult& result, CUgraphNode& at) {
  Graph& exec = *graph_execs().get(handle)->graph;
  std::shared_ptr<Graph> next = snapshot(*graphs().get(graph_handle));
  result = compare(exec, *next, at);
  if (result != CU_GRAPH_EXEC_UPDATE_SUCCESS)
    fail(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
         result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED ? "the topology changed" : "the type of a node changed");
  for (size_t n = 0; n < exec.nodes.size(); ++n) exec.nodes[n].work = std::move(next->nodes[n].work);
}

}  // namespace
}  // namespace sim

using namespace sim;

SIM_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long flags) {
  return api("cuGraphInstantiate", [&] { instantiate(exec, graph, flags); });
}
SIM_API CUresult cuGraphInstantiate(CUgraphExec* exec, CUgraph graph, CUgraphNode* error, char* log, size_t bytes) {
  if (error) *error = nullptr;
  if (log && bytes) *log = 0;
  return cuGraphInstantiateWithFlags(exec, graph, 0);
}
SIM_API CUresult cuGraphInstantiate_v2(CUgraphExec* exec, CUgraph graph, CUgraphNode* error, char* log, size_t bytes) {
  return cuGraphInstantiate(exec, graph, error, log, bytes);
}
SIM_API CUresult cuGraphInstantiateWithParams(CUgraphExec* exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS* p) {
  if (!p) return cuGraphInstantiateWithFlags(exec, graph, 0);
  CUresult result = cuGraphInstantiateWithFlags(exec, graph, p->flags);
  p->hErrNode_out = nullptr;
  p->result_out = result == CUDA_SUCCESS ? CUDA_GRAPH_INSTANTIATE_SUCCESS : CUDA_GRAPH_INSTANTIATE_ERROR;
  return result;
}
SIM_API CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec* exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS* p) {
  return cuGraphInstantiateWithParams(exec, graph, p);
}

SIM_API CUresult cuGraphExecDestroy(CUgraphExec exec) {
  return api("cuGraphExecDestroy", [&] { graph_execs().remove(exec); });
}
SIM_API CUresult cuGraphExecGetFlags(CUgraphExec exec, cuuint64_t* flags) {
  return api("cuGraphExecGetFlags", [&] {
    require(flags, "no place for the flags");
    *flags = graph_execs().get(exec)->flags;
  });
}

SIM_API CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) {
  return api("cuGraphUpload", [&] {
    graph_execs().get(exec);
    stream_of(stream);
  });
}
SIM_API CUresult cuGraphUpload_ptsz(CUgraphExec exec, CUstream stream) { return cuGraphUpload(exec, stream); }

SIM_API CUresult cuGraphLaunch(CUgraphExec exec, CUstream handle) {
  return api("cuGraphLaunch", [&] {
    std::shared_ptr<GraphExec> graph = graph_execs().get(exec);
    std::shared_ptr<Stream> stream = stream_of(handle);
    // A captured launch becomes a child graph, as it is now.
    submit(*stream, GraphWork{stream->capture ? snapshot(*graph->graph) : graph->graph});
  });
}
SIM_API CUresult cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream) {
  return cuGraphLaunch(exec, or_per_thread(stream));
}

SIM_API CUresult cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo* info) {
  return api("cuGraphExecUpdate", [&] {
    require(info, "no place for the result");
    *info = {CU_GRAPH_EXEC_UPDATE_ERROR, nullptr, nullptr};
    update(exec, graph, info->result, info->errorNode);
  });
}
SIM_API CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode* node,
                                   CUgraphExecUpdateResult* result) {
  CUgraphExecUpdateResultInfo info{};
  CUresult code = cuGraphExecUpdate_v2(exec, graph, &info);
  if (node) *node = info.errorNode;
  if (result) *result = info.result;
  return code;
}

SIM_API CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                                   const CUDA_KERNEL_NODE_PARAMS* p) {
  return api("cuGraphExecKernelNodeSetParams", [&] {
    require(p, "no parameters given");
    replace(exec, node, kernel_work(*p));
  });
}
SIM_API CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                const CUDA_KERNEL_NODE_PARAMS_v1* p) {
  return api("cuGraphExecKernelNodeSetParams", [&] {
    require(p, "no parameters given");
    replace(exec, node, kernel_work(*p));
  });
}
SIM_API CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D* p, CUcontext) {
  return api("cuGraphExecMemcpyNodeSetParams", [&] {
    require(p, "no parameters given");
    CopyWork copy = copy_of(*p);
    check_copy(copy);
    replace(exec, node, copy);
  });
}
SIM_API CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS* p,
                                                CUcontext) {
  return api("cuGraphExecMemsetNodeSetParams", [&] {
    require(p, "no parameters given");
    replace(exec, node, fill_work(*p));
  });
}
SIM_API CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_HOST_NODE_PARAMS* p) {
  return api("cuGraphExecHostNodeSetParams", [&] {
    require(p && p->fn, "no function given");
    replace(exec, node, HostWork{p->fn, p->userData});
  });
}
SIM_API CUresult cuGraphNodeSetEnabled(CUgraphExec exec, CUgraphNode node, unsigned int enabled) {
  return api("cuGraphNodeSetEnabled", [&] { exec_node(exec, node).enabled = enabled != 0; });
}
SIM_API CUresult cuGraphNodeGetEnabled(CUgraphExec exec, CUgraphNode node, unsigned int* enabled) {
  return api("cuGraphNodeGetEnabled", [&] {
    require(enabled, "no place for the answer");
    *enabled = exec_node(exec, node).enabled;
  });
}
