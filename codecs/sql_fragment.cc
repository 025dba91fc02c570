#include "codecs/sql_fragment.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include "codecs/json_text.h"
#include "codecs/sql_tokens.h"
#include "io/error.h"

namespace bulk {
namespace {

using Token = SqlToken;
using Tokens = std::span<const Token>;

[[noreturn]] void refuse(const std::string& what, const char* next = "correct the SQL") {
  throw Error(ErrorKind::usage, what, next);
}

// Of one expression: brackets come out even, and no statement ends in it.
void check_balance(Tokens tokens) {
  std::vector<char> open;
  for (const Token& token : tokens) {
    if (token.is(";")) refuse("a semicolon: it would end the statement", "leave it out");
    if (token.opens()) open.push_back(token.text[0] == '(' ? ')' : ']');
    if (!token.closes()) continue;
    if (open.empty() || open.back() != token.text[0]) refuse("a '" + std::string(token.text) + "' that closes nothing");
    open.pop_back();
  }
  if (!open.empty()) refuse(std::string("a bracket is not closed: '") + open.back() + "' is missing");
}

// Pieces between the commas that stand in no brackets.
std::vector<Tokens> split(Tokens tokens) {
  std::vector<Tokens> parts;
  std::size_t depth = 0, begin = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].opens()) ++depth;
    if (tokens[i].closes()) --depth;
    if (depth > 0 || !tokens[i].is(",")) continue;
    parts.push_back(tokens.subspan(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(tokens.subspan(begin));
  return parts;
}

// From the first token to the last, with what stands between.
std::string text_of(Tokens tokens) {
  const char* const begin = tokens.front().text.data();
  const std::string_view last = tokens.back().text;
  return {begin, static_cast<std::size_t>(last.data() + last.size() - begin)};
}

std::string column_name(const Token& token) {
  std::string name;
  if (token.kind == Token::Kind::word) {
    for (const char c : token.text) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    return name;
  }
  if (token.kind != Token::Kind::name) refuse("'" + shown(token.text) + "' where the name of a column is expected");
  for (std::size_t i = 1; i + 1 < token.text.size(); ++i) {
    name += token.text[i];
    if (token.text[i] == '"') ++i;
  }
  return name;
}

// Words that would go on with the statement instead of the expression.
void check_value(Tokens value, const std::string& columns) {
  if (value.empty()) refuse(columns + ": no value behind '='");
  std::size_t depth = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i].opens()) ++depth;
    if (value[i].closes()) --depth;
    if (depth > 0) continue;
    if (value[i].is_word("where")) refuse(columns + ": a SET list has no WHERE", "put the condition into `when`");
    if (value[i].is_word("returning")) refuse(columns + ": a SET list has no RETURNING", "leave it out");
    if (value[i].is_word("from") && (i == 0 || !value[i - 1].is_word("distinct"))) {
      refuse(columns + ": a SET list has no FROM", "take the value from another table by (SELECT ... FROM ...)");
    }
  }
}

// What stands in the brackets that are all of `tokens`, but for ROW before them; nothing when they are not all.
std::optional<Tokens> bracketed(Tokens tokens) {
  if (!tokens.empty() && tokens.front().is_word("row")) tokens = tokens.subspan(1);
  if (tokens.size() < 2 || !tokens.front().is("(")) return std::nullopt;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].opens()) ++depth;
    if (tokens[i].closes() && --depth == 0 && i + 1 != tokens.size()) return std::nullopt;
  }
  return tokens.subspan(1, tokens.size() - 2);
}

SqlAssignment assignment_of(std::string column, Tokens value) {
  check_value(value, "\"" + column + "\"");
  const bool standard = value.size() == 1 && value.front().is_word("default");
  return {standard ? SqlAssignment::Form::standard : SqlAssignment::Form::expression,
          {std::move(column)},
          {},
          standard ? "" : text_of(value)};
}

// (a, b) = ...
void parse_row(Tokens names, Tokens value, std::vector<SqlAssignment>& out) {
  SqlAssignment query{SqlAssignment::Form::query, {}, {}, {}};
  for (const Tokens name : split(names)) {
    if (name.size() != 1) refuse("a list of columns in brackets holds names alone", "write (a, b) = (x, y)");
    query.columns.push_back(column_name(name.front()));
  }
  const std::optional<Tokens> inner = bracketed(value);
  if (!inner || inner->empty()) {
    refuse("behind (a, b) = stands (x, y), ROW (x, y) or (SELECT ...)", "put the values into brackets");
  }
  const Token& first = inner->front();
  if (first.is_word("select") || first.is_word("with") || first.is_word("values")) {
    query.value = text_of(*inner);
    out.push_back(std::move(query));
    return;
  }
  const std::vector<Tokens> values = split(*inner);
  if (values.size() != query.columns.size()) {
    refuse(std::to_string(query.columns.size()) + " columns are set to " + std::to_string(values.size()) + " values");
  }
  for (std::size_t i = 0; i < values.size(); ++i) out.push_back(assignment_of(query.columns[i], values[i]));
}

void parse_assignment(Tokens tokens, std::vector<SqlAssignment>& out) {
  std::size_t equals = 0;
  std::size_t depth = 0;
  while (equals < tokens.size() && (depth > 0 || !tokens[equals].is("="))) {
    if (tokens[equals].opens()) ++depth;
    if (tokens[equals].closes()) --depth;
    ++equals;
  }
  if (tokens.empty()) refuse("an assignment is empty: a comma too many");
  if (equals == tokens.size() || equals == 0) {
    refuse("'" + shown(text_of(tokens)) + "' is no assignment", "write column = expression");
  }
  const Tokens left = tokens.first(equals);
  const Tokens value = tokens.subspan(equals + 1);
  if (left.front().is("(") && left.back().is(")")) return parse_row(left.subspan(1, left.size() - 2), value, out);
  SqlAssignment one = assignment_of(column_name(left.front()), value);
  if (left.size() > 1) {
    if (!left[1].is("[") && !left[1].is(".")) {
      refuse("'" + shown(text_of(left)) + "' where the name of a column is expected");
    }
    one.form = SqlAssignment::Form::element;
    one.part = text_of(left.subspan(1));
    if (one.value.empty()) refuse("a part of a column has no DEFAULT");
  }
  out.push_back(std::move(one));
}

std::string quoted_name(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

}  // namespace

void check_sql_condition(std::string_view text) {
  const std::vector<Token> tokens = sql_tokens(text);
  if (tokens.empty()) refuse("there is no condition");
  if (tokens.front().is_word("where")) refuse("a condition stands without the word WHERE", "leave the word out");
  check_balance(tokens);
}

std::vector<SqlAssignment> parse_set_list(std::string_view text) {
  const std::vector<Token> tokens = sql_tokens(text);
  if (tokens.empty()) refuse("there is no assignment", "write column = expression");
  if (tokens.front().is_word("set") && tokens.size() > 1 && !tokens[1].is("=")) {
    refuse("a SET list stands without the word SET", "leave the word out");
  }
  if (tokens.front().is_word("update")) refuse("a SET list alone is wanted", "leave out UPDATE, the table and SET");
  check_balance(tokens);
  std::vector<SqlAssignment> assignments;
  for (const Tokens one : split(tokens)) parse_assignment(one, assignments);
  return assignments;
}

std::string format_set_list(const std::vector<SqlAssignment>& assignments) {
  std::string text;
  for (const SqlAssignment& one : assignments) {
    if (!text.empty()) text += ", ";
    if (one.form == SqlAssignment::Form::standard) {
      text += quoted_name(one.columns.front()) + " = DEFAULT";
      continue;
    }
    std::string target;
    for (const std::string& column : one.columns) target += (target.empty() ? "" : ", ") + quoted_name(column);
    if (one.form == SqlAssignment::Form::query) target = "(" + target + ")";
    text += target + one.part + " = (\n" + one.value + "\n)";
  }
  return text;
}

}  // namespace bulk
