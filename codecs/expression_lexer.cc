#include "codecs/expression_lexer.h"

#include <algorithm>

#include "codecs/json_text.h"

namespace bulk {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
bool is_name_part(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}

template <typename Is>
std::size_t run(std::string_view text, std::size_t at, Is is) {
  while (at < text.size() && is(text[at])) ++at;
  return at;
}

// The bytes of the token that begins at `at`.
std::size_t length_of(std::string_view text, std::size_t at, ExpressionToken::Kind& kind) {
  using Kind = ExpressionToken::Kind;
  const char c = text[at];
  if (is_letter(c)) {
    kind = Kind::name;
    return run(text, at, is_name_part) - at;
  }
  if (is_digit(c)) {
    kind = Kind::number;
    return run(text, at, is_digit) - at;
  }
  if (c == '#' || c == ':') {
    const std::size_t length = run(text, at + 1, is_name_part) - at;
    kind = length == 1 ? Kind::wrong : c == '#' ? Kind::name_placeholder : Kind::value_placeholder;
    return length;
  }
  kind = Kind::symbol;
  const std::string_view two = text.substr(at, 2);
  if (two == "<>" || two == "<=" || two == ">=") return 2;
  if (std::string_view("=<>+-()[],.").find(c) != std::string_view::npos) return 1;
  kind = Kind::wrong;
  // A whole character, so that it can be shown.
  return run(text, at + 1, [](char next) { return (next & 0xC0) == 0x80; }) - at;
}

}  // namespace

std::vector<ExpressionToken> cut_expression(std::string_view expression) {
  std::vector<ExpressionToken> tokens;
  std::size_t at = run(expression, 0, is_json_space);
  while (at < expression.size()) {
    ExpressionToken& token = tokens.emplace_back();
    token.at = at;
    token.text = expression.substr(at, length_of(expression, at, token.kind));
    at = run(expression, at + token.text.size(), is_json_space);
  }
  tokens.push_back({ExpressionToken::Kind::end, expression.substr(expression.size()), expression.size()});
  return tokens;
}

bool is_keyword(const ExpressionToken& token, std::string_view upper_case) {
  const auto same = [](char a, char b) { return (a & ~0x20) == b; };
  return token.kind == ExpressionToken::Kind::name &&
         std::equal(token.text.begin(), token.text.end(), upper_case.begin(), upper_case.end(), same);
}

}  // namespace bulk
