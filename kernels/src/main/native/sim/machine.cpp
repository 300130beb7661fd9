// machine.cpp: a program and its launches: blocks go to OS threads, counts and faults come back.
#include "block.h"
#include "decode.h"
#include "touched.h"
#include <algorithm>
#include <thread>

namespace sim {

/** Puts the addresses of functions into a table; those of variables are the loader's. */
static void place_functions(ptx::Module& module, Variable& v) {
  std::erase_if(v.address_of, [&](const auto& entry) {
    auto f = module.function_index.find(entry.second);
    if (f == module.function_index.end()) return false;
    const uint64_t address = kFunctionWindow + static_cast<uint64_t>(f->second);
    std::memcpy(v.init.data() + entry.first, &address, 8);
    module.functions_in_tables.push_back(entry.second);
    return true;
  });
}

DecodedProgram::DecodedProgram(std::string_view source) : module_(ptx::parse(source)) {
  for (auto& v : module_.variables) place_functions(module_, v);
  for (auto& f : module_.functions) {
    if (!f.kernel || !f.defined) continue;
    Kernel k;
    k.name = f.name;
    for (auto& p : f.parameters) {
      uint32_t at = (k.parameter_bytes + p.align - 1) / p.align * p.align;
      k.parameters.push_back({at, p.size, p.align});
      k.parameter_bytes = at + p.size;
    }
    auto functions = reachable(module_, f);
    k.static_shared = lay_out_shared(module_, functions).bytes;
    for (auto* g : functions) k.local += (local_bytes(*g) + 15) & ~15u;
    k.max_threads = f.max_threads;
    k.required_threads = f.required_threads;
    kernels_.emplace(f.name, std::move(k));
  }
}

const Kernel* DecodedProgram::find(std::string_view name) const {
  auto k = kernels_.find(name);
  return k == kernels_.end() ? nullptr : &k->second;
}

std::vector<const Kernel*> DecodedProgram::kernels() const {
  std::vector<const Kernel*> all;
  for (auto& f : module_.functions)
    if (auto* k = find(f.name)) all.push_back(k);
  return all;
}

const Image& DecodedProgram::image(const Kernel& kernel) const {
  std::lock_guard lock(mutex_);
  auto& image = images_[kernel.name];
  if (!image) image = decode(module_, module_.functions[module_.function_index.find(kernel.name)->second]);
  return *image;
}

std::unique_ptr<Program> Program::parse(std::string_view ptx) { return std::make_unique<DecodedProgram>(ptx); }

namespace {

void check_geometry(const Run& run) {
  const Launch& l = *run.launch;
  uint64_t threads = static_cast<uint64_t>(l.block.x) * l.block.y * l.block.z;
  auto fail = [&](const std::string& what) {
    throw Fault(FaultKind::invalid_launch, "kernel " + run.kernel->name + ": " + what);
  };
  if (!threads || !l.grid.x || !l.grid.y || !l.grid.z) fail("the grid or the block is empty");
  if (threads > 1024) fail("a block of " + std::to_string(threads) + " threads (at most 1,024)");
  if (threads > run.kernel->max_threads)
    fail("a block of " + std::to_string(threads) + " threads, but it was compiled for at most " +
         std::to_string(run.kernel->max_threads));
  if (run.kernel->required_threads && threads != run.kernel->required_threads)
    fail("a block of " + std::to_string(threads) + " threads, but it needs " +
         std::to_string(run.kernel->required_threads));
}

void size_counts(KernelCount& count, const Run& run) {
  const Image& image = *run.image;
  if (!count.lines.empty()) return;
  count.kernel = run.kernel->name;
  for (size_t n = 0; n < image.code.size(); n++) {
    if (!image.counted[n]) continue;
    count.lines.emplace_back();
    count.text.push_back(*image.source[n].text);
  }
}

void add_counts(KernelCount& count, const Block& b) {
  int64_t issued = 0, lanes = 0;
  size_t line = 0;
  for (size_t n = 0; n < b.image.code.size(); n++) {
    issued += b.issued[n];
    lanes += b.lanes[n];
    if (!b.image.counted[n]) continue;
    LineCount c = b.lines[n];
    c.warps += static_cast<uint64_t>(issued);
    c.lanes += static_cast<uint64_t>(lanes - b.guarded_off[n]);
    count.lines[line++] += c;
  }
  count.barriers += b.barrier_count;
  count.mma += b.mma_count;
  count.atomics += b.atomic_count;
  count.load_bytes += b.load_bytes;
  count.store_bytes += b.store_bytes;
}

}  // namespace

void run(const Program& program, const Kernel& kernel, const Launch& launch, Memory& memory, KernelCount& count,
         const Options& options) {
  static std::atomic<uint64_t> grids{0};
  auto& decoded = static_cast<const DecodedProgram&>(program);
  Run shared{&decoded, nullptr, &kernel, &launch, &memory, &options, ++grids};
  check_geometry(shared);
  shared.image = &decoded.image(kernel);
  size_counts(count, shared);
  uint64_t blocks = static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
  std::atomic<uint64_t> next_block{0};
  std::mutex mutex;
  std::exception_ptr failure;
  uint64_t failed_block = ~0ull;
  Touched touched;
  const bool touches = options.touched || options.unique_bytes;
  auto work = [&] {
    Block block(shared);
    Touched own;
    if (touches) block.touched = &own;
    uint64_t n = 0;
    try {
      while ((n = next_block++) < blocks) block.execute(n);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (n < failed_block) failure = std::current_exception(), failed_block = n;
      next_block = blocks;
    }
    std::lock_guard lock(mutex);
    add_counts(count, block);
    touched.add(own);
  };
  int workers = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(std::max(options.threads, 1)), blocks));
  std::vector<std::thread> threads;
  for (int t = 1; t < workers; t++) threads.emplace_back(work);
  work();
  for (auto& t : threads) t.join();
  count.launches++;
  count.blocks += blocks;
  count.threads += blocks * launch.block.x * launch.block.y * launch.block.z;
  if (options.unique_bytes) {
    count.unique_load_bytes += touched.bytes_read();
    count.unique_store_bytes += touched.bytes_written();
  }
  if (failure) std::rethrow_exception(failure);
  if (options.touched) touched.ranges(options.touched);
}

}  // namespace sim
