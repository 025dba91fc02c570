// SQL as the tokens that PostgreSQL's lexer makes of it (standard_conforming_strings on), without comments. Pure.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

namespace bulk {

struct SqlToken {
  enum class Kind { word, name, string, number, symbol };  // name: in double quotes
  Kind kind;
  std::string_view text;

  bool is(std::string_view symbol) const { return kind == Kind::symbol && text == symbol; }
  bool is_word(std::string_view lower) const {
    return kind == Kind::word && std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
             return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
           });
  }
  bool opens() const { return is("(") || is("["); }
  bool closes() const { return is(")") || is("]"); }
};
// Throws Error(usage) for what does not end, and for what no piece of SQL may hold: NUL, parameters, psql's commands.
std::vector<SqlToken> sql_tokens(std::string_view text);

}  // namespace bulk
