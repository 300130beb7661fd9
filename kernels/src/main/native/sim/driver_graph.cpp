// Graphs: their nodes, edges, and questions about them.
#include "driver_graph.h"
#include <algorithm>

namespace sim {

Handles<Graph>& graphs() {
  static auto* all = new Handles<Graph>("graph", 0xC9);
  return *all;
}
Handles<NodeId>& graph_nodes() {
  static auto* all = new Handles<NodeId>("graph node", 0xCA);
  return *all;
}

CUgraphNode add_node(Graph& graph, Work work, std::vector<size_t> depends) {
  Node node;
  node.work = std::move(work);
  node.depends = std::move(depends);
  node.handle =
      static_cast<CUgraphNode>(graph_nodes().add(std::make_shared<NodeId>(NodeId{&graph, graph.nodes.size()})));
  graph.nodes.push_back(std::move(node));
  return graph.nodes.back().handle;
}

Node& node_of(CUgraphNode handle) {
  const NodeId& id = *graph_nodes().get(handle);
  return id.graph->nodes[id.index];
}

std::vector<size_t> indices_in(const Graph& graph, const CUgraphNode* nodes, size_t count) {
  require(nodes || !count, "no nodes given");
  std::vector<size_t> indices;
  for (size_t i = 0; i < count; ++i) {
    const NodeId& id = *graph_nodes().get(nodes[i]);
    require(id.graph == &graph, "a node of another graph");
    indices.push_back(id.index);
  }
  return indices;
}

CUgraphNodeType type_of(const Work& work) {
  constexpr CUgraphNodeType kTypes[] = {CU_GRAPH_NODE_TYPE_KERNEL,       CU_GRAPH_NODE_TYPE_MEMCPY,
                                        CU_GRAPH_NODE_TYPE_MEMSET,       CU_GRAPH_NODE_TYPE_HOST,
                                        CU_GRAPH_NODE_TYPE_EMPTY,        CU_GRAPH_NODE_TYPE_GRAPH,
                                        CU_GRAPH_NODE_TYPE_EVENT_RECORD, CU_GRAPH_NODE_TYPE_WAIT_EVENT};
  return kTypes[work.index()];
}

std::vector<bool> ancestors(const Graph& graph, const std::vector<size_t>& nodes) {
  std::vector<bool> reached(graph.nodes.size());
  std::vector<size_t> open = nodes;
  while (!open.empty()) {
    size_t n = open.back();
    open.pop_back();
    if (reached[n]) continue;
    reached[n] = true;
    open.insert(open.end(), graph.nodes[n].depends.begin(), graph.nodes[n].depends.end());
  }
  return reached;
}

namespace {

void change_dependencies(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to, size_t count, bool add_them) {
  Graph& graph = *graphs().get(handle);
  std::vector<size_t> first = indices_in(graph, from, count), then = indices_in(graph, to, count);
  for (size_t i = 0; i < count; ++i) {
    std::vector<size_t>& depends = graph.nodes[then[i]].depends;
    auto it = std::find(depends.begin(), depends.end(), first[i]);
    require((it == depends.end()) == add_them, add_them ? "the edge is there already" : "there is no such edge");
    if (add_them)
      depends.push_back(first[i]);
    else
      depends.erase(it);
  }
}

std::vector<CUgraphNode> live_nodes(const Graph& graph, bool roots) {
  std::vector<CUgraphNode> all;
  for (const Node& n : graph.nodes)
    if (!n.removed && (!roots || n.depends.empty())) all.push_back(n.handle);
  return all;
}

void give_edges(CUgraph handle, CUgraphNode* from, CUgraphNode* to, size_t* count) {
  const Graph& graph = *graphs().get(handle);
  std::vector<CUgraphNode> first, then;
  for (const Node& n : graph.nodes)
    for (size_t d : n.depends) {
      first.push_back(graph.nodes[d].handle);
      then.push_back(n.handle);
    }
  require(count && !from == !to, "give places for both ends, or for none");
  size_t room = *count;
  give_list(first, from, count);
  if (to) give_list(then, to, &room);
}

void give_dependencies(CUgraphNode handle, CUgraphNode* nodes, size_t* count) {
  const NodeId& id = *graph_nodes().get(handle);
  std::vector<CUgraphNode> all;
  for (size_t d : id.graph->nodes[id.index].depends) all.push_back(id.graph->nodes[d].handle);
  give_list(all, nodes, count);
}

void give_dependents(CUgraphNode handle, CUgraphNode* nodes, size_t* count) {
  const NodeId& id = *graph_nodes().get(handle);
  std::vector<CUgraphNode> all;
  for (const Node& n : id.graph->nodes)
    if (std::find(n.depends.begin(), n.depends.end(), id.index) != n.depends.end()) all.push_back(n.handle);
  give_list(all, nodes, count);
}

void remove_node(CUgraphNode handle) {
  NodeId id = *graph_nodes().remove(handle);
  for (Node& n : id.graph->nodes) std::erase(n.depends, id.index);
  Node& node = id.graph->nodes[id.index];
  node.removed = true;
  node.depends.clear();
  node.work = EmptyWork{};
}

/** For the calls that also give the data of edges: ours have none. */
CUresult without_data(CUresult result, CUgraphEdgeData* data, const size_t* count) {
  for (size_t i = 0; result == CUDA_SUCCESS && data && i < *count; ++i) data[i] = {};
  return result;
}

}  // namespace

}  // namespace sim

using namespace sim;

SIM_API CUresult cuGraphCreate(CUgraph* handle, unsigned int flags) {
  return api("cuGraphCreate", [&] {
    require(handle && flags == 0, "no place for the graph, or flags");
    auto graph = std::make_shared<Graph>();
    graph->handle = *handle = static_cast<CUgraph>(graphs().add(graph));
  });
}

SIM_API CUresult cuGraphDestroy(CUgraph handle) {
  return api("cuGraphDestroy", [&] {
    std::shared_ptr<Graph> graph = graphs().remove(handle);
    graph_nodes().remove_if([&](const NodeId& n) { return n.graph == graph.get(); });
  });
}

SIM_API CUresult cuGraphClone(CUgraph* clone, CUgraph handle) {
  return api("cuGraphClone", [&] {
    require(clone, "no place for the graph");
    auto graph = std::make_shared<Graph>();
    for (const Node& n : graphs().get(handle)->nodes) {
      add_node(*graph, n.work, n.depends);
      if (n.removed) remove_node(graph->nodes.back().handle);
    }
    graph->handle = *clone = static_cast<CUgraph>(graphs().add(graph));
  });
}

SIM_API CUresult cuGraphDestroyNode(CUgraphNode node) {
  return api("cuGraphDestroyNode", [&] { remove_node(node); });
}

SIM_API CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to, size_t count) {
  return api("cuGraphAddDependencies", [&] { change_dependencies(graph, from, to, count, true); });
}
SIM_API CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                           const CUgraphEdgeData*, size_t count) {
  return cuGraphAddDependencies(graph, from, to, count);
}
SIM_API CUresult cuGraphRemoveDependencies(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                           size_t count) {
  return api("cuGraphRemoveDependencies", [&] { change_dependencies(graph, from, to, count, false); });
}
SIM_API CUresult cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode* from, const CUgraphNode* to,
                                              const CUgraphEdgeData*, size_t count) {
  return cuGraphRemoveDependencies(graph, from, to, count);
}

SIM_API CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  return api("cuGraphGetNodes", [&] { give_list(live_nodes(*graphs().get(graph), false), nodes, count); });
}
SIM_API CUresult cuGraphGetRootNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  return api("cuGraphGetRootNodes", [&] { give_list(live_nodes(*graphs().get(graph), true), nodes, count); });
}
SIM_API CUresult cuGraphGetEdges(CUgraph graph, CUgraphNode* from, CUgraphNode* to, size_t* count) {
  return api("cuGraphGetEdges", [&] { give_edges(graph, from, to, count); });
}
SIM_API CUresult cuGraphGetEdges_v2(CUgraph graph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* data,
                                    size_t* count) {
  return without_data(cuGraphGetEdges(graph, from, to, count), data, count);
}
SIM_API CUresult cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode* nodes, size_t* count) {
  return api("cuGraphNodeGetDependencies", [&] { give_dependencies(node, nodes, count); });
}
SIM_API CUresult cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode* nodes, CUgraphEdgeData* data,
                                               size_t* count) {
  return without_data(cuGraphNodeGetDependencies(node, nodes, count), data, count);
}
SIM_API CUresult cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode* nodes, size_t* count) {
  return api("cuGraphNodeGetDependentNodes", [&] { give_dependents(node, nodes, count); });
}
SIM_API CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode* nodes, CUgraphEdgeData* data,
                                                 size_t* count) {
  return without_data(cuGraphNodeGetDependentNodes(node, nodes, count), data, count);
}
SIM_API CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) {
  return api("cuGraphNodeGetType", [&] {
    require(type, "no place for the type");
    *type = type_of(node_of(node).work);
  });
}
