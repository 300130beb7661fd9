// lexer.cpp: PTX text to tokens. A word keeps its dots ("ld.global.L2::128B.v4.f32"), as no operator is a dot.
#include "ptx.h"
#include <bit>
#include <charconv>
#include <cstdlib>

namespace sim::ptx {

void syntax_error(int line, const std::string& what) {
  throw Fault(FaultKind::parse, "PTX line " + std::to_string(line) + ": " + what);
}

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%' || c == '.';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view s) : s_(s) {}

  std::vector<Lexeme> run() {
    for (skip(); at_ < s_.size(); skip()) out_.push_back(next());
    out_.push_back({Token::end, {}, 0, line_});
    return std::move(out_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < s_.size() ? s_[at_ + ahead] : '\0'; }

  void skip() {
    while (at_ < s_.size()) {
      char c = s_[at_];
      if (c == '\n') line_++;
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0') {
        at_++;
      } else if (c == '/' && peek(1) == '/') {
        while (at_ < s_.size() && s_[at_] != '\n') at_++;
      } else if (c == '/' && peek(1) == '*') {
        size_t end = s_.find("*/", at_ + 2);
        if (end == s_.npos) syntax_error(line_, "a comment has no end");
        for (; at_ < end + 2; at_++) line_ += s_[at_] == '\n';
      } else {
        return;
      }
    }
  }

  Lexeme next() {
    char c = peek();
    if (is_digit(c)) return number();
    if (is_letter(c)) return word();
    if (c == '"') {
      size_t end = s_.find('"', at_ + 1);
      if (end == s_.npos) syntax_error(line_, "a string has no end");
      return take(Token::string, end + 1);
    }
    return take(Token::punctuation, at_ + 1);
  }

  Lexeme take(Token kind, size_t end, uint64_t bits = 0) {
    Lexeme l{kind, s_.substr(at_, end - at_), bits, line_};
    at_ = end;
    return l;
  }

  Lexeme word() {
    size_t e = at_ + 1;
    bool directive = s_[at_] == '.';  // ".reg.b32" is two words
    while (e < s_.size() && !(directive && s_[e] == '.')) {
      if (is_letter(s_[e]) || is_digit(s_[e])) {
        e++;
      } else if (s_[e] == ':' && e + 2 < s_.size() && s_[e + 1] == ':' &&
                 (is_letter(s_[e + 2]) || is_digit(s_[e + 2]))) {
        e += 2;
      } else {
        break;
      }
    }
    return take(Token::word, e);
  }

  Lexeme number() {
    char second = peek(1) | 0x20;
    if (peek() == '0' && (second == 'f' || second == 'd')) {
      size_t digits = second == 'f' ? 8 : 16;
      uint64_t bits = parse(at_ + 2, at_ + 2 + digits, 16);
      return take(second == 'f' ? Token::f32 : Token::f64, at_ + 2 + digits, bits);
    }
    size_t begin = at_, e = at_;
    int base = 10;
    if (peek() == '0' && (second == 'x' || second == 'b')) {
      base = second == 'x' ? 16 : 2;
      begin = at_ + 2;
    } else if (peek() == '0' && is_digit(peek(1))) {
      base = 8;
    }
    e = begin;
    while (e < s_.size() && (is_digit(s_[e]) || (base == 16 && std::isxdigit(static_cast<unsigned char>(s_[e]))))) e++;
    if (base == 10 && e < s_.size() && (s_[e] == '.' || s_[e] == 'e' || s_[e] == 'E')) return decimal();
    uint64_t bits = parse(begin, e, base);
    if (e < s_.size() && s_[e] == 'U') e++;
    return take(Token::integer, e, bits);
  }

  Lexeme decimal() {
    std::string text(s_.substr(at_, 64));
    char* end = nullptr;
    double v = std::strtod(text.c_str(), &end);
    return take(Token::f64, at_ + static_cast<size_t>(end - text.c_str()), std::bit_cast<uint64_t>(v));
  }

  uint64_t parse(size_t begin, size_t end, int base) {
    uint64_t v = 0;
    if (end > s_.size()) syntax_error(line_, "a number has no end");
    auto [p, error] = std::from_chars(s_.data() + begin, s_.data() + end, v, base);
    if (error != std::errc() || p != s_.data() + end)
      syntax_error(line_, "not a number: " + std::string(s_.substr(at_, end - at_)));
    return v;
  }

  std::string_view s_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Lexeme> out_;
};

}  // namespace

std::vector<Lexeme> tokenize(std::string_view source) { return Lexer(source).run(); }

uint32_t type_bytes(std::string_view t) {
  if (t == "pred") return 4;
  if (t == "f16x2" || t == "bf16x2" || t == "tf32") return 4;
  if (t == "f16" || t == "bf16") return 2;
  if (t.size() < 2 || (t[0] != 'b' && t[0] != 'u' && t[0] != 's' && t[0] != 'f')) return 0;
  std::string_view bits = t.substr(1);
  return bits == "8" ? 1 : bits == "16" ? 2 : bits == "32" ? 4 : bits == "64" ? 8 : bits == "128" ? 16 : 0;
}

}  // namespace sim::ptx
