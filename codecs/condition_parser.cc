#include "codecs/condition_parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "codecs/expression_parser.h"
#include "codecs/expression_values.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

// `a IN (...)`: so many in the list.
constexpr std::size_t kMaxInOperands = 100;
// No expression of 300 operators needs more parentheses than that around one of them.
constexpr std::size_t kMaxParentheses = 300;

struct Comparator {
  std::string_view symbol;
  ConditionNode::Kind kind;
};
constexpr Comparator kComparators[] = {
    {"=", ConditionNode::Kind::equal},   {"<>", ConditionNode::Kind::not_equal},
    {"<", ConditionNode::Kind::less},    {"<=", ConditionNode::Kind::less_or_equal},
    {">", ConditionNode::Kind::greater}, {">=", ConditionNode::Kind::greater_or_equal}};

const Comparator* comparator_of(const ExpressionToken& token) {
  if (token.kind != ExpressionToken::Kind::symbol) return nullptr;
  const auto* const found = std::find_if(std::begin(kComparators), std::end(kComparators),
                                         [&](const Comparator& comparator) { return comparator.symbol == token.text; });
  return found == std::end(kComparators) ? nullptr : found;
}

class ConditionParser {
 public:
  ConditionParser(std::string_view text, const Placeholders& placeholders)
      : parser_("condition", text, placeholders, {Operand::Kind::size}) {}

  ConditionNode parse(ExpressionNames& names) {
    ConditionNode test = any();
    parser_.expect_end();
    names = std::move(parser_.names);
    return test;
  }

 private:
  // From the loosest to the tightest: OR, AND, NOT.
  ConditionNode any() {
    ConditionNode first = all();
    if (!is_keyword(parser_.peek(), "OR")) return first;
    ConditionNode test;
    test.kind = ConditionNode::Kind::any;
    test.tests.push_back(std::move(first));
    while (is_keyword(parser_.peek(), "OR")) {
      parser_.count_operator(parser_.take().at);
      test.tests.push_back(all());
    }
    return test;
  }

  ConditionNode all() {
    ConditionNode first = negated();
    if (!is_keyword(parser_.peek(), "AND")) return first;
    ConditionNode test;
    test.tests.push_back(std::move(first));
    while (is_keyword(parser_.peek(), "AND")) {
      parser_.count_operator(parser_.take().at);
      test.tests.push_back(negated());
    }
    return test;
  }

  ConditionNode negated() {
    if (!is_keyword(parser_.peek(), "NOT")) return single();
    parser_.count_operator(parser_.take().at);
    ConditionNode test;
    test.kind = ConditionNode::Kind::negated;
    test.tests.push_back(negated());
    return test;
  }

  ConditionNode single() {
    const ExpressionToken& token = parser_.peek();
    if (token.text == "(" && !begins_comparison(parser_.behind_parentheses())) return group();
    if (token.kind == ExpressionToken::Kind::name && parser_.peek(1).text == "(" && token.text != "size")
      return function();
    return comparison();
  }

  static bool begins_comparison(const ExpressionToken* token) {
    return token != nullptr &&
           (comparator_of(*token) != nullptr || is_keyword(*token, "BETWEEN") || is_keyword(*token, "IN"));
  }

  ConditionNode group() {
    if (++depth_ > kMaxParentheses) parser_.fail(parser_.peek().at, "The expression is nested too deeply");
    parser_.refuse_redundant_parentheses();
    parser_.expect_symbol("(");
    ConditionNode test = any();
    parser_.expect_symbol(")");
    --depth_;
    return test;
  }

  ConditionNode comparison() {
    ConditionNode test;
    test.operands.push_back(parser_.operand());
    const ExpressionToken token = parser_.peek();
    if (const Comparator* comparator = comparator_of(token); comparator != nullptr) {
      parser_.count_operator(parser_.take().at);
      test.kind = comparator->kind;
      test.operands.push_back(parser_.operand());
      check_distinct(comparator->symbol, test.operands);
      if (test.kind != ConditionNode::Kind::equal && test.kind != ConditionNode::Kind::not_equal) {
        check_ordered(comparator->symbol, test.operands);
      }
    } else if (parser_.take_keyword("BETWEEN")) {
      parser_.count_operator(token.at);
      between(test);
    } else if (parser_.take_keyword("IN")) {
      parser_.count_operator(token.at);
      parser_.expect_symbol("(");
      test.kind = ConditionNode::Kind::in;
      for (Operand& operand : parser_.arguments()) test.operands.push_back(std::move(operand));
      if (test.operands.size() - 1 > kMaxInOperands) {
        parser_.fail(token.at, fmt::format("Invalid number of operands for IN: {}; {} are allowed",
                                           test.operands.size() - 1, kMaxInOperands));
      }
    } else {
      if (test.operands[0].kind == Operand::Kind::size && token.kind == ExpressionToken::Kind::end) {
        parser_.fail(test.operands[0].at,
                     "The function is not allowed to be used this way in an expression; function: size");
      }
      parser_.fail_syntax();
    }
    return test;
  }

  void between(ConditionNode& test) {
    test.kind = ConditionNode::Kind::between;
    test.operands.push_back(parser_.operand());
    if (!parser_.take_keyword("AND")) parser_.fail_syntax();
    test.operands.push_back(parser_.operand());
    check_ordered("BETWEEN", test.operands);
    const Operand& low = test.operands[1];
    const Operand& high = test.operands[2];
    if (low.kind != Operand::Kind::literal || high.kind != Operand::Kind::literal) return;
    const bool same_type = low.value.type == high.value.type;
    if (same_type && order_of(low.value, high.value) <= 0) return;
    parser_.fail(low.at,
                 fmt::format("The BETWEEN operator requires {}; lower bound operand: AttributeValue: {{{}:{}}}, upper "
                             "bound operand: AttributeValue: {{{}:{}}}",
                             same_type ? "upper bound to be greater than or equal to lower bound"
                                       : "same data type for lower and upper bounds",
                             tag_of(low.value.type), low.value.text, tag_of(high.value.type), high.value.text));
  }

  ConditionNode function() {
    const ExpressionToken token = parser_.take();
    parser_.count_operator(token.at);
    struct Function {
      std::string_view name;
      ConditionNode::Kind kind;
      std::size_t operands;
    };
    static constexpr Function kFunctions[] = {{"attribute_exists", ConditionNode::Kind::exists, 1},
                                              {"attribute_not_exists", ConditionNode::Kind::not_exists, 1},
                                              {"attribute_type", ConditionNode::Kind::has_type, 2},
                                              {"begins_with", ConditionNode::Kind::begins_with, 2},
                                              {"contains", ConditionNode::Kind::contains, 2}};
    const auto* const known = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                           [&](const Function& function) { return function.name == token.text; });
    if (known == std::end(kFunctions)) parser_.fail_function(token);
    ConditionNode test;
    test.kind = known->kind;
    parser_.expect_symbol("(");
    test.operands = parser_.arguments();
    parser_.check_count(token, known->operands, test.operands);
    check_distinct(token.text, test.operands);
    check_operands(token, test);
    if (begins_comparison(&parser_.peek())) {
      parser_.fail(
          token.at,
          fmt::format("The function is not allowed to be used this way in an expression; function: {}", token.text));
    }
    return test;
  }

  void check_operands(const ExpressionToken& function, ConditionNode& test) {
    const bool existence = test.kind == ConditionNode::Kind::exists || test.kind == ConditionNode::Kind::not_exists;
    if (existence && test.operands[0].kind != Operand::Kind::path) {
      parser_.fail(
          test.operands[0].at,
          fmt::format("Operator or function requires a document path; operator or function: {}", function.text));
    }
    if (test.kind == ConditionNode::Kind::begins_with) {
      for (const Operand& operand : test.operands) parser_.check_type(function.text, operand, {Type::s, Type::b});
    }
    if (test.kind == ConditionNode::Kind::has_type) test.type = wanted_type(function, test.operands[1]);
  }

  Type wanted_type(const ExpressionToken& function, const Operand& operand) {
    if (operand.kind != Operand::Kind::literal) {
      parser_.fail(
          operand.at,
          fmt::format("Incorrect operand type for operator or function; operator or function: {}, operand type: "
                      "{{NS,SS,L,BS,N,M,B,BOOL,NULL,S}}",
                      function.text),
          "name the type by a value: \":t\" = { S = \"N\" }");
    }
    parser_.check_type(function.text, operand, {Type::s});
    for (int i = 0; i <= static_cast<int>(Type::map); ++i) {
      if (tag_of(static_cast<Type>(i)) == operand.value.text) return static_cast<Type>(i);
    }
    parser_.fail(
        operand.at,
        fmt::format("Invalid attribute type name found; type: {}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}",
                    operand.value.text));
  }

  void check_distinct(std::string_view function, const std::vector<Operand>& operands) {
    if (operands.size() != 2 || operands[0].kind != Operand::Kind::path || operands[1].kind != Operand::Kind::path) {
      return;
    }
    const DocumentPath& first = operands[0].path;
    const DocumentPath& second = operands[1].path;
    if (first.head != second.head || first.steps != second.steps) return;
    parser_.fail(operands[0].at,
                 fmt::format("The first operand must be distinct from the remaining operands for this operator or "
                             "function; operator: {}, first operand: {}",
                             function, parser_.path_text(first)));
  }

  void check_ordered(std::string_view function, const std::vector<Operand>& operands) {
    for (const Operand& operand : operands) parser_.check_type(function, operand, {Type::s, Type::n, Type::b});
  }

  ExpressionParser parser_;
  std::size_t depth_ = 0;  // of the parentheses around the next token
};

}  // namespace

ConditionNode parse_condition(std::string_view text, const Placeholders& placeholders, ExpressionNames& names) {
  return ConditionParser(text, placeholders).parse(names);
}

}  // namespace bulk
