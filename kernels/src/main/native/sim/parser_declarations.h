// parser_declarations.h: variables of a module and of a function, and what they begin with.
#pragma once
#include "parser_tokens.h"
#include <cstring>

namespace sim::ptx {

struct Declaration {
  std::string type, name;
  uint32_t align = 0;
  uint64_t elements = 1;
  bool array = false, open = false;  // open: x[]
};

class DeclarationParser : protected TokenReader {
 protected:
  using TokenReader::TokenReader;

  /** Attributes and type: .align 8 .b8 name[16] */
  Declaration declaration() {
    Declaration d;
    for (;;) {
      if (accept(".align")) {
        d.align = static_cast<uint32_t>(integer());
      } else if (accept(".ptr")) {
        if (is(".global") || is(".const") || is(".shared") || is(".local")) at_++;
        if (accept(".align")) integer();
      } else if (now().kind == Token::word && now().text[0] == '.') {
        d.type = word().substr(1);
        if (!type_bytes(d.type)) syntax_error(now().line, "unsupported type or attribute ." + d.type);
      } else {
        break;
      }
    }
    if (d.type.empty()) fail("expected a type");
    name_and_size(d);
    return d;
  }

  void name_and_size(Declaration& d) {
    d.name = word();
    d.elements = 1;
    d.array = d.open = false;
    while (accept("[")) {
      d.array = true;
      if (is("]")) {
        d.open = true;
      } else {
        d.elements *= integer();
      }
      expect("]");
    }
    if (!d.align) d.align = type_bytes(d.type);
  }

  Local local(const Declaration& d, Space space) const {
    Local l{d.name, space, 0, d.align, d.open, scope_};
    uint64_t bytes = d.open ? 0 : d.elements * type_bytes(d.type);
    if (bytes > 1u << 30) syntax_error(now().line, d.name + " is larger than 1 GiB");
    l.size = static_cast<uint32_t>(bytes);
    return l;
  }

  void variables(bool external) {
    std::string space = word();
    if (space != ".global" && space != ".const" && space != ".shared") {
      at_--;
      fail("unsupported directive");
    }
    Declaration d = declaration();
    for (;;) {
      if (space == ".shared") {
        module_.shared.push_back(local(d, Space::shared));
      } else {
        variable(d, space == ".const", external);
      }
      if (!accept(",")) break;
      name_and_size(d);
    }
    expect(";");
  }

  void variable(const Declaration& d, bool constant, bool external) {
    if (external) fail("unsupported: .extern variable " + d.name + " (link the module first)");
    Variable v;
    v.name = d.name;
    v.constant = constant;
    v.align = d.align;
    if (accept("=")) {
      uint32_t unit = type_bytes(d.type);
      initial_value(v, unit);
      v.size = d.open ? v.init.size() : d.elements * unit;
      if (v.init.size() > v.size) fail("too many initial values for " + d.name);
      v.init.resize(v.size);
    } else {
      v.size = d.elements * type_bytes(d.type);
    }
    module_.variable_index[v.name] = static_cast<int>(module_.variables.size());
    module_.variables.push_back(std::move(v));
  }

  void initial_value(Variable& v, uint32_t unit) {
    if (accept("{")) {
      if (accept("}")) return;
      do initial_value(v, unit);
      while (accept(","));
      expect("}");
      return;
    }
    uint64_t bits = 0;
    if (now().kind == Token::word) {
      bits = symbol_value(v);
    } else {
      bool minus = accept("-");
      const Lexeme& l = tokens_[at_++];
      bits = l.bits;
      if (l.kind == Token::f64 && unit == 4) bits = single(bits);
      if (minus) bits = l.kind == Token::integer ? -bits : bits ^ (1ull << (unit * 8 - 1));
    }
    for (uint32_t i = 0; i < unit; i++) v.init.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  }

  /** name, name+4, generic(name)+4: the loader adds the address to the offset left in place. */
  uint64_t symbol_value(Variable& v) {
    std::string name = word();
    if (name == "generic") {
      expect("(");
      name = word();
      expect(")");
    }
    uint64_t offset = 0;
    if (accept("+")) {
      offset = integer();
    } else if (accept("-")) {
      offset = -integer();
    }
    v.address_of.emplace_back(v.init.size(), name);
    return offset;
  }

  static uint64_t single(uint64_t bits) {
    double d;
    std::memcpy(&d, &bits, 8);
    float f = static_cast<float>(d);
    uint32_t u;
    std::memcpy(&u, &f, 4);
    return u;
  }

  Module module_;
  int scope_ = 0;  // of the function that is read
};

}  // namespace sim::ptx
