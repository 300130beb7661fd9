// layout.cpp: what a kernel reaches, and where its shared and local variables lie.
#include "program.h"
#include <algorithm>

namespace sim {

using ptx::Space;

namespace {

uint32_t align(uint32_t at, uint32_t to) { return (at + to - 1) / to * to; }

void for_each_name(const ptx::Operand& o, auto f) {
  if (!o.name.empty()) f(o.name);
  for (auto& e : o.list) for_each_name(e, f);
}

bool calls_pointers(const ptx::Function& f) {
  return std::any_of(f.body.begin(), f.body.end(), [](const ptx::Statement& s) {
    return s.opcode == "call" && s.operands[s.operands[0].form == ptx::Form::list].form == ptx::Form::reg;
  });
}

/** Names of functions that a pointer may hold: those in tables, and what instructions other than calls mention. */
void for_each_address(const ptx::Module& module, auto f) {
  for (auto& name : module.functions_in_tables) f(name);
  for (auto& function : module.functions)
    for (auto& s : function.body)
      if (s.opcode != "call")
        for (auto& o : s.operands) for_each_name(o, f);
}

}  // namespace

/** The function itself first; then all whose names it mentions, directly or not, and, if one of them calls through a
 *  pointer, all whose address is taken somewhere. */
std::vector<const ptx::Function*> reachable(const ptx::Module& module, const ptx::Function& from) {
  std::vector<const ptx::Function*> found{&from};
  bool again = false;  // `from` comes twice if it reaches itself
  auto add = [&](const std::string& name) {
    auto f = module.function_index.find(name);
    if (f == module.function_index.end()) return;
    const ptx::Function* callee = &module.functions[f->second];
    again |= callee == &from;
    if (callee->defined && std::find(found.begin(), found.end(), callee) == found.end()) found.push_back(callee);
  };
  for (size_t n = 0; n < found.size(); n++) {
    for (auto& s : found[n]->body)
      for (auto& o : s.operands) for_each_name(o, add);
    if (calls_pointers(*found[n])) for_each_address(module, add);
  }
  if (again) found.push_back(&from);
  return found;
}

SharedLayout lay_out_shared(const ptx::Module& module, const std::vector<const ptx::Function*>& functions) {
  SharedLayout layout;
  uint32_t dynamic_align = 16;
  auto place = [&](const ptx::Local& l) {
    layout.bytes = align(layout.bytes, l.align);
    uint32_t at = layout.bytes;
    layout.bytes += l.size;
    return at;
  };
  std::vector<std::string> dynamic;
  for (auto* f : functions) {
    for (auto& l : f->locals)
      if (l.space == Space::shared) layout.local[{f, &l}] = place(l);
    for (auto& s : f->body)
      for (auto& o : s.operands)
        for_each_name(o, [&](const std::string& name) {
          if (layout.global.contains(name)) return;
          for (auto& l : module.shared) {
            if (l.name != name) continue;
            layout.global[name] = l.dynamic ? 0 : place(l);
            if (l.dynamic) {
              dynamic.push_back(name);
              dynamic_align = std::max(dynamic_align, l.align);
            }
          }
        });
  }
  layout.dynamic_at = align(layout.bytes, dynamic_align);
  for (auto& name : dynamic) layout.global[name] = layout.dynamic_at;
  return layout;
}

uint32_t local_bytes(const ptx::Function& function) {
  uint32_t at = 0;
  for (auto& l : function.locals)
    if (l.space == Space::local) at = align(at, l.align) + l.size;
  return at;
}

}  // namespace sim
