// Graphs: nodes of work and what each depends on; made by hand or by capturing streams.
#pragma once
#include "driver.h"

namespace sim {

struct Node {
  Work work;
  std::vector<size_t> depends;  // indices into Graph::nodes
  CUgraphNode handle = nullptr;
  bool removed = false;
  bool enabled = true;
  std::vector<void*> pointers;  // to the parameters, for cuGraphKernelNodeGetParams
};

struct Graph {
  std::vector<Node> nodes;
  CUgraph handle = nullptr;
  /** Timelines of branches beside the first one, with their last ticks; kept from launch to launch. */
  std::vector<std::pair<uint32_t, uint64_t>> branches;
};

struct GraphExec {
  Context* context = nullptr;
  std::shared_ptr<Graph> graph;  // its own copy; node i is node i of the original
  unsigned long long flags = 0;
};

struct NodeId {
  Graph* graph;
  size_t index;
};

struct Capture {
  std::shared_ptr<Graph> graph;
  Stream* origin = nullptr;
  Context* context = nullptr;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  cuuint64_t id = 0;
  bool invalid = false;
  bool ended = false;
  std::vector<std::weak_ptr<Stream>> others;  // streams that joined
};

Handles<Graph>& graphs();
Handles<GraphExec>& graph_execs();
Handles<NodeId>& graph_nodes();

CUgraphNode add_node(Graph& graph, Work work, std::vector<size_t> depends);
Node& node_of(CUgraphNode handle);
std::vector<size_t> indices_in(const Graph& graph, const CUgraphNode* nodes, size_t count);
CUgraphNodeType type_of(const Work& work);
/** Nodes in an order that respects dependencies; fails on a cycle. */
std::vector<size_t> topological_order(const Graph& graph);
/** Nodes that `node` must come after, itself included. */
std::vector<bool> ancestors(const Graph& graph, const std::vector<size_t>& nodes);
/** A copy with no handles: `graph` may change, this does not. */
std::shared_ptr<Graph> snapshot(const Graph& graph);

KernelWork kernel_work(const CUDA_KERNEL_NODE_PARAMS& p);
KernelWork kernel_work(const CUDA_KERNEL_NODE_PARAMS_v1& p);
FillWork fill_work(const CUDA_MEMSET_NODE_PARAMS& p);

/** Lists as the driver gives them: the number if there is no place, else the first *count of them. */
template <class T>
void give_list(const std::vector<T>& all, T* place, size_t* count) {
  require(count, "no place for the count");
  if (place) {
    for (size_t i = 0; i < *count; ++i) place[i] = i < all.size() ? all[i] : T{};
    *count = std::min(*count, all.size());
  } else {
    *count = all.size();
  }
}

}  // namespace sim
