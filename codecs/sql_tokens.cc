#include "codecs/sql_tokens.h"

#include <cstddef>
#include <string>

#include "codecs/json_text.h"
#include "io/error.h"

namespace bulk {
namespace {

[[noreturn]] void refuse(const std::string& what, const char* next = "correct the SQL") {
  throw Error(ErrorKind::usage, what, next);
}

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_newline(char c) {
  return c == '\n' || c == '\r';
}
bool is_operator(char c) {
  return std::string_view("+-*/<>=~!@#%^&|`?").find(c) != std::string_view::npos;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  std::vector<SqlToken> run() {
    while (skip_space()) token();
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return static_cast<std::size_t>(end_ - at_) > ahead ? at_[ahead] : '\0'; }
  bool at_comment() const { return (peek() == '-' && peek(1) == '-') || (peek() == '/' && peek(1) == '*'); }

  void add(SqlToken::Kind kind, const char* begin) {
    tokens_.push_back({kind, {begin, static_cast<std::size_t>(at_ - begin)}});
  }

  bool skip_space() {
    while (at_ != end_) {
      if (is_space(*at_)) {
        ++at_;
      } else if (peek() == '-' && peek(1) == '-') {
        at_ = std::find_if(at_, end_, is_newline);
      } else if (peek() == '/' && peek(1) == '*') {
        comment();
      } else {
        return true;
      }
    }
    return false;
  }

  void comment() {
    std::size_t depth = 0;
    do {
      if (at_ == end_) refuse("a comment that does not end");
      const bool begins = peek() == '/' && peek(1) == '*';
      const bool ends = peek() == '*' && peek(1) == '/';
      depth += begins ? 1 : 0;
      depth -= ends ? 1 : 0;
      at_ += begins || ends ? 2 : 1;
    } while (depth > 0);
  }

  void token() {
    const char c = *at_;
    const char* const begin = at_;
    if (c == '\0') refuse("a NUL character");
    if (c == '\'') {
      quoted(begin, false);
    } else if (c == '"') {
      quoted(begin, false);
    } else if ((c == 'e' || c == 'E') && peek(1) == '\'') {
      ++at_;
      quoted(begin, true);
    } else if (begins_name(c)) {
      while (begins_name(peek()) || is_digit(peek()) || peek() == '$') ++at_;
      add(SqlToken::Kind::word, begin);
    } else if (c == '$') {
      dollar();
    } else if (is_digit(c)) {
      number();
    } else if (is_operator(c)) {
      operators();
    } else {
      if (c == '\\') refuse("a backslash outside of strings");
      ++at_;
      add(SqlToken::Kind::symbol, begin);
    }
  }

  // '...', "..." or, with escapes, E'...', which goes on behind white space with a line break.
  void quoted(const char* begin, bool escapes) {
    const char quote = *at_;
    do {
      ++at_;
      for (; at_ != end_ && *at_ != quote; ++at_) {
        if (escapes && *at_ == '\\' && at_ + 1 != end_) ++at_;
      }
      if (at_ == end_) refuse(quote == '"' ? "a name in quotes that does not end" : "a string that does not end");
      ++at_;
    } while (peek() == quote || (escapes && goes_on()));
    add(quote == '"' ? SqlToken::Kind::name : SqlToken::Kind::string, begin);
  }

  bool goes_on() {
    const char* next = at_;
    bool newline = false;
    while (next != end_ && (is_space(*next) || (end_ - next > 1 && next[0] == '-' && next[1] == '-'))) {
      newline |= is_newline(*next);
      next = *next == '-' ? std::find_if(next, end_, is_newline) : next + 1;
    }
    if (next == end_ || *next != '\'' || !newline) return false;
    at_ = next;
    return true;
  }

  // $tag$...$tag$, or the number of a parameter, of which there are none.
  void dollar() {
    const char* const begin = at_++;
    if (is_digit(peek()))
      refuse("a parameter, " + std::string(begin, 2) + ": there are none", "write the value itself");
    while (begins_name(peek()) || is_digit(peek())) ++at_;
    if (peek() != '$') refuse("a '$' that begins no string");
    const std::string_view tag(begin, static_cast<std::size_t>(++at_ - begin));
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    const std::size_t found = rest.find(tag);
    if (found == std::string_view::npos) refuse("a string in " + shown(tag) + " that does not end");
    at_ += found + tag.size();
    add(SqlToken::Kind::string, begin);
  }

  // Also 1.5e3 and 0xff; what is none is for the server to say.
  void number() {
    const char* const begin = at_;
    while (is_digit(peek()) || begins_name(peek()) || peek() == '.') ++at_;
    add(SqlToken::Kind::number, begin);
  }

  // As long as possible; one that ends in + or - has to hold a character that no operator of standard SQL has.
  void operators() {
    const char* const begin = at_;
    while (is_operator(peek()) && !(at_ != begin && at_comment())) ++at_;
    const std::string_view whole(begin, static_cast<std::size_t>(at_ - begin));
    if (whole.find_first_of("~!@#%^&|`?") == std::string_view::npos) {
      while (at_ - begin > 1 && (at_[-1] == '+' || at_[-1] == '-')) --at_;
    }
    add(SqlToken::Kind::symbol, begin);
  }

  const char* at_;
  const char* const end_;
  std::vector<SqlToken> tokens_;
};

}  // namespace

std::vector<SqlToken> sql_tokens(std::string_view text) {
  return Lexer(text).run();
}

}  // namespace bulk
