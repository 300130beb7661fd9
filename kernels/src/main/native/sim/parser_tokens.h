// parser_tokens.h: the parser's place in the tokens.
#pragma once
#include "ptx.h"

namespace sim::ptx {

class TokenReader {
 protected:
  explicit TokenReader(std::string_view source) : tokens_(tokenize(source)) {}

  const Lexeme& now() const { return tokens_[at_]; }
  bool is(std::string_view text) const { return now().text == text && now().kind != Token::string; }
  bool accept(std::string_view text) { return is(text) ? (at_++, true) : false; }
  void expect(std::string_view text) {
    if (!accept(text)) fail("expected '" + std::string(text) + "'");
  }
  [[noreturn]] void fail(const std::string& what) const {
    syntax_error(now().line, what + ", but found '" + std::string(now().text) + "'");
  }
  std::string word() {
    if (now().kind != Token::word) fail("expected a name");
    return std::string(tokens_[at_++].text);
  }
  uint64_t integer() {
    bool minus = accept("-");
    if (now().kind != Token::integer) fail("expected an integer");
    uint64_t v = tokens_[at_++].bits;
    return minus ? -v : v;
  }

  void skip_line() {
    int line = now().line;
    while (now().kind != Token::end && now().line == line) at_++;
  }
  void skip_directive() {
    if (is(".pragma")) {
      while (!accept(";")) at_++;
    } else {
      skip_line();
    }
  }
  void skip_section() {
    while (!accept("{")) at_++;
    for (int depth = 1; depth; at_++) {
      if (now().kind == Token::end) fail("expected the end of .section");
      depth += is("{") - is("}");
    }
  }

  std::vector<Lexeme> tokens_;
  size_t at_ = 0;
};

}  // namespace sim::ptx
