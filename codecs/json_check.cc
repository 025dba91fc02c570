#include "codecs/json_check.h"

#include <bitset>

#include "codecs/json_text.h"

namespace bulk {

namespace {

constexpr std::size_t kMaxDepth = 512;

// A walk with a bit per open container instead of recursion, so that nesting costs no stack.
class Checker {
 public:
  explicit Checker(std::string_view text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  JsonProblem run() {
    if (walk() && (skip_space(), at_ != end_)) fail("text after the end of the value");
    return problem_;
  }

 private:
  char peek() const { return at_ == end_ ? '\0' : *at_; }

  void skip_space() {
    while (at_ != end_ && is_json_space(*at_)) ++at_;
  }

  bool fail(const std::string& text) {
    problem_ = {at_ == end_ ? "the text ends too early" : text, static_cast<std::size_t>(at_ - begin_)};
    return false;
  }

  bool walk() {
    do {
      skip_space();
      bool opened = false;
      if (!value(opened)) return false;
      if (opened) continue;
      if (!after_value()) return false;
    } while (depth_ > 0);
    return true;
  }

  // A scalar, an empty container, or the begin of a container up to its first value.
  bool value(bool& opened) {
    const char c = peek();
    if (c == '"') return string();
    if (c == '-' || (c >= '0' && c <= '9')) return number();
    if (c == 't') return literal("true");
    if (c == 'f') return literal("false");
    if (c == 'n') return literal("null");
    if (c != '{' && c != '[') return fail("expected a value");
    if (depth_ == kMaxDepth) return fail("nested deeper than 512 levels");
    ++at_;
    skip_space();
    if (peek() == (c == '{' ? '}' : ']')) {
      ++at_;
      return true;
    }
    in_object_[depth_++] = c == '{';
    opened = true;
    return c == '[' || name();
  }

  // Behind a value: the next one begins, or containers end.
  bool after_value() {
    while (depth_ > 0) {
      skip_space();
      const bool object = in_object_[depth_ - 1];
      if (peek() == ',') {
        ++at_;
        skip_space();
        return !object || name();
      }
      if (peek() != (object ? '}' : ']')) return fail(object ? "expected ',' or '}'" : "expected ',' or ']'");
      ++at_;
      --depth_;
    }
    return true;
  }

  bool name() {
    if (peek() != '"') return fail("expected a name in double quotes");
    if (!string()) return false;
    skip_space();
    if (peek() != ':') return fail("expected ':'");
    ++at_;
    return true;
  }

  bool string() {
    const char* content = ++at_;
    bool non_ascii = false;
    for (;;) {
      at_ = find_string_stop(at_, end_, non_ascii);
      if (at_ == end_) return fail("");
      if (*at_ == '"') break;
      if (*at_ != '\\') return fail("control character in a string");
      const Escape escape = read_escape(at_, end_);
      if (escape.problem != nullptr) return fail(escape.problem);
      at_ += escape.length;
    }
    if (non_ascii && !valid_utf8({content, static_cast<std::size_t>(at_ - content)})) {
      at_ = content;
      return fail("a string is not UTF-8");
    }
    ++at_;
    return true;
  }

  bool digits() {
    const char* first = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ != first || fail("expected a digit");
  }

  bool number() {
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else if (!digits()) {
      return false;
    }
    if (peek() == '.') {
      ++at_;
      if (!digits()) return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return false;
    }
    return true;
  }

  bool literal(std::string_view word) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) return fail("expected a value");
    at_ += word.size();
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  std::size_t depth_ = 0;
  std::bitset<kMaxDepth> in_object_;
  JsonProblem problem_;
};

}  // namespace

JsonProblem check_json(std::string_view text) {
  return Checker(text).run();
}

void append_json_escaped(std::string& out, std::string_view text) {
  bool non_ascii = false;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    const char* stop = find_string_stop(at, end, non_ascii);
    out.append(at, stop);
    if (stop == end) return;
    append_canonical_character(out, static_cast<unsigned char>(*stop));
    at = stop + 1;
  }
}

std::string json_quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  append_json_escaped(out, text);
  out += '"';
  return out;
}

}  // namespace bulk
