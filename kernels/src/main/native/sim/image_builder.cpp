// image_builder.cpp: from the syntax tree of a kernel to its image: what it calls, where its names lie, its code.
#include "decode.h"
#include "ops.h"
#include "operations.h"
#include <algorithm>
#include <bit>
#include <unordered_map>

namespace sim {

using ptx::Form;
using ptx::Space;

ImageBuilder::ImageBuilder(const ptx::Module& m, const ptx::Function& kernel) : module(m), image(new Image) {
  image->kernel = &kernel;
  auto functions = reachable(module, kernel);
  shared = lay_out_shared(module, functions);
  image->static_shared = shared.bytes;
  image->dynamic_shared_at = shared.dynamic_at;
  allocate(8);  // place 0: nobody's
  image->local_base_at = special(Special::local_base, 8);
  for (auto* f : functions) {
    Routine& r = image->routines.emplace_back();
    r.function = f;
    r.local_bytes = local_bytes(*f);
    routines_[f] = &r;
    auto callees = reachable(module, *f);
    r.recursive = std::find(callees.begin() + 1, callees.end(), f) != callees.end();
    lay_out_parameters(r);
  }
}

std::unique_ptr<Image> ImageBuilder::build() {
  for (auto& r : image->routines) decode_routine(r);
  resolve();
  return std::move(image);
}

uint32_t ImageBuilder::allocate(uint32_t bytes) {
  uint32_t at = (image->file_bytes + 63) & ~63u;
  image->file_bytes = at + 32 * bytes;
  return at;
}

uint32_t ImageBuilder::constant(uint64_t bits, uint32_t bytes, int variable) {
  auto [found, fresh] = constants_.try_emplace({bits, bytes, variable}, 0);
  if (fresh) {
    found->second = allocate(bytes);
    image->constants.push_back({found->second, bytes, bits, variable});
  }
  return found->second;
}

uint32_t ImageBuilder::special(Special s, uint32_t bytes) {
  auto [found, fresh] = specials_.try_emplace({s, bytes}, 0);
  if (fresh) {
    found->second = allocate(bytes);
    image->specials.emplace_back(found->second, s);
  }
  return found->second;
}

uint32_t ImageBuilder::special(std::string_view name, uint32_t bytes, bool& found) {
  static const std::unordered_map<std::string_view, std::pair<Special, uint32_t>> table = {
      {"%tid.x", {Special::tid_x, 4}},
      {"%tid.y", {Special::tid_y, 4}},
      {"%tid.z", {Special::tid_z, 4}},
      {"%ntid.x", {Special::ntid_x, 4}},
      {"%ntid.y", {Special::ntid_y, 4}},
      {"%ntid.z", {Special::ntid_z, 4}},
      {"%ctaid.x", {Special::ctaid_x, 4}},
      {"%ctaid.y", {Special::ctaid_y, 4}},
      {"%ctaid.z", {Special::ctaid_z, 4}},
      {"%nctaid.x", {Special::nctaid_x, 4}},
      {"%nctaid.y", {Special::nctaid_y, 4}},
      {"%nctaid.z", {Special::nctaid_z, 4}},
      {"%laneid", {Special::laneid, 4}},
      {"%warpid", {Special::warpid, 4}},
      {"%nwarpid", {Special::nwarpid, 4}},
      {"%lanemask_eq", {Special::lanemask_eq, 4}},
      {"%lanemask_le", {Special::lanemask_le, 4}},
      {"%lanemask_lt", {Special::lanemask_lt, 4}},
      {"%lanemask_ge", {Special::lanemask_ge, 4}},
      {"%lanemask_gt", {Special::lanemask_gt, 4}},
      {"%smid", {Special::smid, 4}},
      {"%nsmid", {Special::nsmid, 4}},
      {"%gridid", {Special::gridid, 8}},
      {"%dynamic_smem_size", {Special::dynamic_smem_size, 4}},
      {"%total_smem_size", {Special::total_smem_size, 4}}};
  auto entry = table.find(name);
  if (entry != table.end() && entry->second.second == bytes) {
    found = true;
    return special(entry->second.first, bytes);
  }
  if (name.starts_with("%envreg") && bytes == 4) {  // nothing is put there
    found = true;
    return constant(0, 4, -1);
  }
  return 0;
}

ImageBuilder::Place ImageBuilder::find_symbol(const ptx::Statement& s, const std::string& name) const {
  const ptx::Function& f = *routine->function;
  for (int scope = s.scope; scope >= 0; scope = f.parents[scope])
    for (auto& l : f.locals)
      if (l.scope == scope && l.name == name) {
        if (l.space == Space::shared) return {Space::shared, shared.local.at({&f, &l})};
        if (l.space == Space::param) return {Space::param, routine->parameters.at(name + "@" + std::to_string(scope))};
        uint32_t at = 0;
        for (auto& m : f.locals) {
          if (m.space != Space::local) continue;
          at = (at + m.align - 1) / m.align * m.align;
          if (&m == &l) return {Space::local, at};
          at += m.size;
        }
      }
  if (auto p = routine->parameters.find(name); p != routine->parameters.end()) return {Space::param, p->second};
  if (auto g = shared.global.find(name); g != shared.global.end()) return {Space::shared, g->second};
  if (auto v = module.variable_index.find(name); v != module.variable_index.end())
    return {module.variables[v->second].constant ? Space::constant : Space::global, 0, v->second};
  if (auto fn = module.function_index.find(name); fn != module.function_index.end())
    return {Space::none, kFunctionWindow + static_cast<uint64_t>(fn->second)};
  throw Fault(FaultKind::unsupported,
              "PTX line " + std::to_string(s.line) + ": `" + s.text + "`: '" + name + "' is not known");
}

int ImageBuilder::find_label(const ptx::Statement& s, const std::string& name) const {
  const ptx::Function& f = *routine->function;
  for (int scope = s.scope; scope >= 0; scope = f.parents[scope]) {
    auto found = f.labels.find({scope, name});
    if (found != f.labels.end()) return static_cast<int>(found->second);
  }
  throw Fault(FaultKind::parse, "PTX line " + std::to_string(s.line) + ": `" + s.text + "`: no label " + name);
}

Routine* ImageBuilder::routine_of(std::string_view name) {
  auto found = module.function_index.find(name);
  if (found == module.function_index.end()) return nullptr;
  auto r = routines_.find(&module.functions[found->second]);
  return r == routines_.end() ? nullptr : r->second;
}

int64_t ImageBuilder::kernel_parameter_bytes() const {
  int64_t end = 0;
  for (auto& p : image->kernel->parameters) end = (end + p.align - 1) / p.align * p.align + p.size;
  return end;
}

/** Kernel parameters lie at their packed offsets; those of device functions in a lane's own bytes. */
void ImageBuilder::lay_out_parameters(Routine& r) {
  const ptx::Function& f = *r.function;
  uint32_t& at = image->parameter_bytes;
  r.parameter_begin = at;
  auto place = [&](const ptx::Local& l, const std::string& name) {
    at = (at + 15) & ~15u;
    r.parameters[name] = at;
    at += l.size;
    return r.parameters[name];
  };
  if (f.kernel) {
    uint32_t offset = 0;
    for (auto& p : f.parameters) {
      offset = (offset + p.align - 1) / p.align * p.align;
      r.parameters[p.name] = offset;
      offset += p.size;
    }
  } else {
    for (auto& p : f.parameters) r.formals.push_back(place(p, p.name));
    for (auto& p : f.results) r.result_places.push_back(place(p, p.name));
  }
  for (auto& l : f.locals)
    if (l.space == Space::param) place(l, l.name + "@" + std::to_string(l.scope));
  r.parameter_end = at;
}

void ImageBuilder::append(Instruction i, const ptx::Statement* s, bool counted) {
  static const std::string none;
  i.index = static_cast<int>(image->code.size());
  image->code.push_back(i);
  image->source.push_back({s ? s->line : 0, s ? &s->text : &none});
  image->counted.push_back(counted);
}

void ImageBuilder::decode_routine(Routine& r) {
  routine = &r;
  const ptx::Function& f = *r.function;
  allocate_registers();
  entries_.emplace_back(&r, image->code.size());
  std::vector<bool> labelled(f.body.size() + 1);
  for (auto& l : f.labels) labelled[l.second] = true;
  first_instruction_.assign(f.body.size() + 1, 0);
  size_t first_pending = pending_targets_.size(), first_detail = image->details.size();
  for (size_t s = 0; s <= f.body.size(); s++) {
    first_instruction_[s] = static_cast<int>(image->code.size());
    if (labelled[s]) {
      Instruction join;
      join.run = run_join;
      append(join, s < f.body.size() ? &f.body[s] : nullptr, false);
    }
    if (s < f.body.size()) decode_statement(f.body[s]);
  }
  Instruction end;  // a function may end without ret
  end.run = end.body = run_return;
  append(end, f.body.empty() ? nullptr : &f.body.back(), false);
  for (size_t p = first_pending; p < pending_targets_.size(); p++)
    pending_targets_[p].statement = first_instruction_[pending_targets_[p].statement];
  for (; first_detail < image->details.size(); first_detail++)
    for (int& l : image->details[first_detail].labels) l = first_instruction_[l];
}

void ImageBuilder::decode_statement(const ptx::Statement& s) {
  Decoder d{*this, s, s.modifiers, {}};
  if (s.opcode == "mov") return decode_move(d);
  if (s.opcode == "setp") return decode_setp(d);
  if (s.opcode == "set") return decode_set(d);
  for (auto find : {find_control, find_memory, find_collective, find_matrix})
    if (auto decode = find(s.opcode)) return decode(d);
  decode_lane_operation(d);
}

void ImageBuilder::resolve() {
  for (auto& p : pending_targets_) image->code[p.instruction].target = &image->code[p.statement];
  for (auto& d : image->details)
    for (int l : d.labels) d.targets.push_back(&image->code[l]);
  for (auto& [r, at] : entries_) r->entry = &image->code[at];
}

std::unique_ptr<Image> decode(const ptx::Module& module, const ptx::Function& kernel) {
  return ImageBuilder(module, kernel).build();
}

}  // namespace sim
