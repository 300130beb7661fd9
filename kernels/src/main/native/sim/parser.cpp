// parser.cpp: tokens to the syntax tree: modules, functions, statements. Registers become numbers here (their names
// live in nested scopes); symbols, labels and special registers stay names until the decoder.
#include "parser_declarations.h"
#include <algorithm>

namespace sim::ptx {
namespace {

struct Registers {
  int first;
  uint64_t count;  // of %r<100>; 0 for a single name
};

std::vector<std::string> split(std::string_view word) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= word.size();) {
    size_t dot = std::min(word.find('.', begin), word.size());
    parts.emplace_back(word.substr(begin, dot - begin));
    begin = dot + 1;
  }
  return parts;
}

class Parser : DeclarationParser {
 public:
  explicit Parser(std::string_view source) : DeclarationParser(source) {}

  Module run() {
    while (now().kind != Token::end) top();
    return std::move(module_);
  }

 private:
  void top() {
    std::string_view w = now().text;
    if (w == ".version" || w == ".target" || w == ".address_size") {
      if (w == ".address_size" && tokens_[at_ + 1].bits != 64)
        syntax_error(now().line, "only .address_size 64 is known");
      skip_line();
    } else if (w == ".file" || w == ".loc" || w == ".pragma" || w == ".alias") {
      if (w == ".alias") fail("unsupported directive .alias");
      skip_directive();
    } else if (w == ".section") {
      skip_section();
    } else {
      bool external = false;
      while (is(".visible") || is(".extern") || is(".weak") || is(".common")) external |= word() == ".extern";
      if (is(".entry") || is(".func")) {
        function();
      } else {
        variables(external);
      }
    }
  }

  void function() {
    Function f;
    f.line = now().line;
    f.kernel = word() == ".entry";
    if (!f.kernel && is("(")) f.results = parameter_list();
    f.name = word();
    if (is("(")) f.parameters = parameter_list();
    attributes(f);
    function_ = &f;
    if (is("{")) {
      f.defined = true;
      scope_ = 0;
      f.parents.assign(1, -1);
      names_.assign(1, {});
      block();
      function_ = nullptr;
    } else {
      accept(";");
    }
    add(std::move(f));
  }

  void add(Function f) {
    auto found = module_.function_index.find(f.name);
    if (found == module_.function_index.end()) {
      module_.function_index[f.name] = static_cast<int>(module_.functions.size());
      module_.functions.push_back(std::move(f));
    } else if (f.defined) {
      module_.functions[found->second] = std::move(f);
    }
  }

  std::vector<Local> parameter_list() {
    std::vector<Local> list;
    expect("(");
    while (!accept(")")) {
      if (!list.empty()) expect(",");
      if (is("...")) fail("unsupported: variadic function");
      if (!accept(".param")) fail("unsupported: parameter outside .param space");
      list.push_back(local(declaration(), Space::param));
    }
    return list;
  }

  void attributes(Function& f) {
    while (now().kind == Token::word && now().text[0] == '.') {
      std::string name = word();
      if (name == ".maxntid" || name == ".reqntid") {
        uint64_t n = integer();
        while (accept(",")) n *= integer();
        (name == ".maxntid" ? f.max_threads : f.required_threads) = static_cast<uint32_t>(n);
      } else if (name == ".minnctapersm" || name == ".maxnreg" || name == ".maxnctapersm") {
        integer();
      } else if (name == ".noreturn" || name == ".weak") {
      } else if (name == ".pragma") {
        at_--;
        skip_directive();
      } else {
        at_--;
        fail("unsupported directive");
      }
    }
  }

  void block() {
    expect("{");
    while (!accept("}")) item();
  }

  void item() {
    if (now().kind == Token::end) fail("expected the end of the function");
    if (is("{")) {
      int outer = scope_;
      function_->parents.push_back(scope_);
      names_.emplace_back();
      scope_ = static_cast<int>(names_.size()) - 1;
      block();
      scope_ = outer;
    } else if (is(".loc") || is(".file") || is(".pragma")) {
      skip_directive();
    } else if (accept(".reg")) {
      registers();
    } else if (is(".shared") || is(".local") || is(".param")) {
      Space space = is(".shared") ? Space::shared : is(".local") ? Space::local : Space::param;
      at_++;
      Declaration d = declaration();
      function_->locals.push_back(local(d, space));
      while (accept(",")) {
        name_and_size(d);
        function_->locals.push_back(local(d, space));
      }
      expect(";");
    } else if (is(".global") || is(".const")) {
      variables(false);
    } else if (now().kind == Token::word && tokens_[at_ + 1].text == ":") {
      label();
    } else if (accept(";")) {
    } else {
      statement();
    }
  }

  void label() {
    std::string name = word();
    expect(":");
    if (accept(".branchtargets")) {
      auto& targets = function_->branch_targets[{scope_, name}];
      do targets.push_back(word());
      while (accept(","));
      expect(";");
    } else if (is(".callprototype") || is(".calltargets")) {
      while (!accept(";")) at_++;
    } else {
      function_->labels[{scope_, name}] = function_->body.size();
    }
  }

  void registers() {
    std::string type = word().substr(1);
    if (!type_bytes(type)) syntax_error(now().line, "unsupported register type ." + type);
    do {
      std::string name = word();
      uint64_t count = 0;
      if (accept("<")) {
        count = integer();
        if (count > 1000000) fail("expected fewer registers");
        expect(">");
      }
      names_[scope_][name] = {static_cast<int>(function_->registers.size()), count};
      function_->registers.insert(function_->registers.end(), std::max<uint64_t>(count, 1), Register{type});
    } while (accept(","));
    expect(";");
  }

  int find_register(std::string_view name) const {
    size_t digits = name.size();
    while (digits > 1 && name[digits - 1] >= '0' && name[digits - 1] <= '9') digits--;
    for (int s = scope_; s >= 0; s = function_->parents[s]) {
      auto exact = names_[s].find(name);
      if (exact != names_[s].end() && exact->second.count == 0) return exact->second.first;
      if (digits == name.size() || name.size() - digits > 7) continue;
      auto family = names_[s].find(name.substr(0, digits));
      if (family == names_[s].end()) continue;
      uint64_t n = std::stoull(std::string(name.substr(digits)));
      if (n < family->second.count) return family->second.first + static_cast<int>(n);
    }
    return -1;
  }

  void statement() {
    Statement s;
    s.line = now().line;
    s.scope = scope_;
    const char* begin = now().text.data();
    if (accept("@")) {
      s.guard_negated = accept("!");
      s.guard = find_register(word());
      if (s.guard < 0) syntax_error(s.line, "unknown predicate '" + std::string(tokens_[at_ - 1].text) + "'");
    }
    std::string opcode = word();
    if (opcode[0] == '.') {
      at_--;
      fail("unsupported directive");
    }
    s.modifiers = split(opcode);
    s.opcode = s.modifiers.front();
    s.modifiers.erase(s.modifiers.begin());
    while (!is(";")) {
      if (!s.operands.empty()) expect(",");
      s.operands.push_back(operand());
    }
    s.text = squeeze({begin, static_cast<size_t>(now().text.data() + 1 - begin)});
    expect(";");
    function_->body.push_back(std::move(s));
  }

  static std::string squeeze(std::string_view text) {
    std::string out;
    for (char c : text) {
      bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
      if (!blank) {
        out += c;
      } else if (!out.empty() && out.back() != ' ') {
        out += ' ';
      }
    }
    return out;
  }

  Operand operand() {
    Operand o = simple();
    if (!accept("|")) return o;
    Operand pair;
    pair.form = Form::pair;
    pair.list = {std::move(o), simple()};
    return pair;
  }

  Operand simple() {
    Operand o;
    if (accept("[")) return address();
    if (is("{") || is("(")) {
      o.form = is("{") ? Form::vector : Form::list;
      std::string_view close = is("{") ? "}" : ")";
      at_++;
      while (!accept(close)) {
        if (!o.list.empty()) expect(",");
        o.list.push_back(operand());
      }
      return o;
    }
    o.negated = accept("!");
    bool minus = accept("-");
    const Lexeme& l = now();
    if (l.kind == Token::integer || l.kind == Token::f32 || l.kind == Token::f64) {
      at_++;
      o.form = l.kind == Token::integer ? Form::integer : l.kind == Token::f32 ? Form::f32 : Form::f64;
      o.bits = l.bits;
      if (minus) {
        o.bits = o.form == Form::integer ? -o.bits : o.bits ^ (o.form == Form::f32 ? 1ull << 31 : 1ull << 63);
      }
      return o;
    }
    if (minus) fail("expected a number");
    named(o);
    return o;
  }

  void named(Operand& o) {
    std::string name = word();
    if (name == "_") return;
    o.reg = find_register(name);
    o.form = o.reg >= 0 ? Form::reg : Form::name;
    o.name = std::move(name);
    if (o.form == Form::name) o.bits = offset();
  }

  uint64_t offset() {
    if (accept("+")) return integer();
    return is("-") ? integer() : 0;
  }

  Operand address() {
    Operand o;
    if (now().kind == Token::integer) {
      o.bits = integer();
    } else {
      named(o);
      if (o.reg >= 0) o.bits = offset();
    }
    o.form = Form::address;
    expect("]");
    return o;
  }

  Function* function_ = nullptr;
  std::vector<std::map<std::string, Registers, std::less<>>> names_;  // by scope
};

}  // namespace

Module parse(std::string_view source) { return Parser(source).run(); }

}  // namespace sim::ptx
