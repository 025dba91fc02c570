// The part of parsing that conditions and updates share: the run through the tokens, paths, operands, placeholders,
// limits and errors. Throws Error(ErrorKind::usage). Used once for each expression; recursion is bounded by the number
// of operators that an expression may have.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/expression.h"
#include "codecs/expression_lexer.h"
#include "codecs/expression_tree.h"

namespace bulk {

class ExpressionParser {
 public:
  // `what`: "condition" or "update expression", for messages. `functions`: those that an operand may be.
  ExpressionParser(std::string_view what, std::string_view text, const Placeholders& placeholders,
                   std::initializer_list<Operand::Kind> functions);

  // Tokens.
  const ExpressionToken& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
  }
  bool take_symbol(std::string_view symbol);
  bool take_keyword(std::string_view upper_case);
  ExpressionToken take();
  void expect_symbol(std::string_view symbol);
  void expect_end();
  // The token behind the ')' of the '(' that comes next; null when that is not closed.
  const ExpressionToken* behind_parentheses() const;
  // The next '(' opens what is in parentheses already.
  void refuse_redundant_parentheses();

  DocumentPath path();
  // In parentheses or not.
  Operand operand();
  // A comma-separated list of them and its ')'.
  std::vector<Operand> arguments();
  Operand literal();

  // One more operator or function; at most 300 of them.
  void count_operator(std::size_t at);
  void check_count(const ExpressionToken& function, std::size_t wanted, const std::vector<Operand>& operands);
  // The type of an operand must be one of these where it is known without an item.
  void check_type(std::string_view function, const Operand& operand, std::initializer_list<AttributeValue::Type> types);
  static std::optional<AttributeValue::Type> known_type(const Operand& operand);
  // "[a, [1], b]", as the service writes paths.
  std::string path_text(const DocumentPath& path) const;

  [[noreturn]] void fail(std::size_t at, const std::string& problem, const std::string& next_action = {}) const;
  [[noreturn]] void fail_syntax() const;
  [[noreturn]] void fail_function(const ExpressionToken& function) const;

  ExpressionNames names;

 private:
  std::string name_step();
  Operand function();

  std::string_view what_;
  std::string_view text_;
  const Placeholders& placeholders_;
  std::vector<Operand::Kind> functions_;
  std::vector<ExpressionToken> tokens_;
  std::size_t next_ = 0;
  std::size_t operators_ = 0;
  std::size_t open_ = 0;  // parentheses around the next token that operand() is in
};

}  // namespace bulk
