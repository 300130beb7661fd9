// A module loaded without the driver: what tests of the machine share.
#pragma once
#include "machine.h"
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

struct Device {
  std::unique_ptr<sim::Program> program;
  sim::Memory memory{1ull << 28};
  sim::Options options;
  sim::KernelCount count;  // of the last launch
  std::string printed;

  explicit Device(const std::string& ptx) : program(sim::Program::parse(ptx)) {
    auto& variables = program->variables();
    for (auto& v : variables) {
      v.address = memory.allocate(v.size, v.name);
      if (v.constant && v.init.empty()) v.init.resize(v.size);
      std::memcpy(reinterpret_cast<void*>(v.address), v.init.data(), v.init.size());
      std::memset(memory.find(v.address, 1)->known, 1, v.init.size());
    }
    for (auto& v : variables)
      for (auto& [offset, name] : v.address_of)
        for (auto& target : variables)
          if (target.name == name) *reinterpret_cast<uint64_t*>(v.address + offset) += target.address;
    for (auto& v : variables)
      if (v.constant) memory.protect(v.address, true);
    options.print = [this](std::string_view text) { printed += text; };
  }

  static std::string read(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("no file " + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  /** Zeros, or nothing known. */
  template <class T>
  T* buffer(size_t n, bool known = true) {
    uint64_t at = memory.allocate(n * sizeof(T), "buffer");
    if (known) {
      std::memset(reinterpret_cast<void*>(at), 0, n * sizeof(T));
      std::memset(memory.find(at, 1)->known, 1, n * sizeof(T));
    }
    return reinterpret_cast<T*>(at);
  }

  template <class... A>
  void launch(const char* name, sim::Dim3 grid, sim::Dim3 block, A... arguments) {
    const sim::Kernel* kernel = program->find(name);
    if (!kernel) throw std::runtime_error(std::string("no kernel ") + name);
    std::vector<uint8_t> packed;
    [[maybe_unused]] auto add = [&](auto v) {
      while (packed.size() % sizeof v) packed.push_back(0);
      auto* bytes = reinterpret_cast<const uint8_t*>(&v);
      packed.insert(packed.end(), bytes, bytes + sizeof v);
    };
    (add(arguments), ...);
    if (packed.size() != kernel->parameter_bytes) throw std::runtime_error(std::string("arguments of ") + name);
    count = {};
    sim::run(*program, *kernel, {grid, block, 0, packed.data()}, memory, count, options);
  }
};
