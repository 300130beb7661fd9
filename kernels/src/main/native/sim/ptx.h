// The syntax tree of a PTX module: what the parser makes and the decoder reads.
#pragma once
#include "machine.h"
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sim::ptx {

enum class Token { word, integer, f32, f64, string, punctuation, end };

struct Lexeme {
  Token kind = Token::end;
  std::string_view text;
  uint64_t bits = 0;  // value of a number; the bit pattern of a floating one
  int line = 0;
};

std::vector<Lexeme> tokenize(std::string_view source);

[[noreturn]] void syntax_error(int line, const std::string& what);

enum class Space { none, reg, global, constant, shared, local, param };

enum class Form { sink, reg, integer, f32, f64, name, address, vector, list, pair };

struct Operand {
  Form form = Form::sink;
  bool negated = false;       // !%p
  int reg = -1;               // register of the function; the base of an address (or -1)
  uint64_t bits = 0;          // number; offset of an address or of a symbol
  std::string name;           // symbol, special register, label; the base of an address
  std::vector<Operand> list;  // elements of a vector, of a list in parentheses, of a pair a|b
};

struct Statement {
  int line = 0;
  int scope = 0;
  int guard = -1;  // predicate register of @%p
  bool guard_negated = false;
  std::string text;                    // source, blanks squeezed
  std::string opcode;                  // "ld"
  std::vector<std::string> modifiers;  // "global", "v4", "f32"
  std::vector<Operand> operands;
};

struct Register {
  std::string type;  // "b32", "pred"
};

/** A variable in shared, local or param space: of a module or of a function. */
struct Local {
  std::string name;
  Space space = Space::none;
  uint32_t size = 0, align = 1;
  bool dynamic = false;  // extern .shared x[]
  int scope = 0;
};

struct Function {
  std::string name;
  bool kernel = false, defined = false;
  int line = 0;
  std::vector<Local> parameters, results;  // of a kernel: its parameters, at packed offsets
  uint32_t max_threads = 1024, required_threads = 0;
  std::vector<Register> registers;
  std::vector<Local> locals;
  std::vector<int> parents;                              // scope -> enclosing scope; 0 is the body
  std::map<std::pair<int, std::string>, size_t> labels;  // (scope, name) -> statement
  std::map<std::pair<int, std::string>, std::vector<std::string>> branch_targets;
  std::vector<Statement> body;
};

struct Module {
  std::vector<Function> functions;
  std::map<std::string, int, std::less<>> function_index;
  std::vector<std::string> functions_in_tables;  // whose addresses initialise a variable
  std::vector<Local> shared;                     // module level
  std::vector<Variable> variables;
  std::map<std::string, int, std::less<>> variable_index;
};

Module parse(std::string_view source);

/** Bytes of a fundamental type ("b32", "f16x2"), 0 for an unknown one. */
uint32_t type_bytes(std::string_view type);

}  // namespace sim::ptx
