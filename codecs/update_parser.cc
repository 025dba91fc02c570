#include "codecs/update_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "codecs/expression_parser.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

struct Section {
  std::string_view keyword;
  UpdateAction::Kind kind;
};
constexpr Section kSections[] = {{"SET", UpdateAction::Kind::set},
                                 {"REMOVE", UpdateAction::Kind::remove},
                                 {"ADD", UpdateAction::Kind::add},
                                 {"DELETE", UpdateAction::Kind::take_away}};

// As the service calls types in this one message.
std::string_view long_name_of(Type type) {
  static constexpr std::string_view kNames[] = {"STRING",     "NUMBER",     "BINARY",     "BOOLEAN", "NULL",
                                                "STRING_SET", "NUMBER_SET", "BINARY_SET", "LIST",    "MAP"};
  return kNames[static_cast<std::size_t>(type)];
}

class UpdateParser {
 public:
  UpdateParser(std::string_view text, const Placeholders& placeholders)
      : parser_("update expression", text, placeholders, {Operand::Kind::if_not_exists, Operand::Kind::list_append}) {}

  std::vector<UpdateAction> parse(ExpressionNames& names) {
    do {
      section();
    } while (parser_.peek().kind != ExpressionToken::Kind::end);
    names = std::move(parser_.names);
    return std::move(actions_);
  }

 private:
  void section() {
    const ExpressionToken token = parser_.peek();
    for (const Section& section : kSections) {
      if (!parser_.take_keyword(section.keyword)) continue;
      if (!seen_.insert(section.keyword).second) {
        parser_.fail(token.at,
                     fmt::format("The \"{}\" section can only be used once in an update expression", section.keyword),
                     "put its parts together, separated by commas");
      }
      do {
        action(section);
      } while (parser_.take_symbol(","));
      return;
    }
    parser_.fail_syntax();
  }

  void action(const Section& section) {
    UpdateAction action;
    action.kind = section.kind;
    const std::size_t at = parser_.peek().at;
    action.path = parser_.path();
    check_path(action.path, at);
    if (section.kind == UpdateAction::Kind::set) {
      parser_.expect_symbol("=");
      action.operand = value();
    } else if (section.kind != UpdateAction::Kind::remove) {
      action.operand = parser_.literal();
      check_set(section, action.operand);
    }
    actions_.push_back(std::move(action));
  }

  // `operand`, `operand + operand`, `operand - operand`; the whole may be in parentheses.
  Operand value() {
    if (parser_.peek().text == "(" && closes_the_value(parser_.behind_parentheses())) {
      parser_.refuse_redundant_parentheses();
      parser_.expect_symbol("(");
      Operand inner = sum();
      parser_.expect_symbol(")");
      return inner;
    }
    return sum();
  }

  static bool closes_the_value(const ExpressionToken* token) {
    return token == nullptr || (token->text != "+" && token->text != "-");
  }

  Operand sum() {
    Operand first = parser_.operand();
    const ExpressionToken token = parser_.peek();
    if (token.text != "+" && token.text != "-") return first;
    parser_.count_operator(parser_.take().at);
    Operand operand;
    operand.kind = token.text == "+" ? Operand::Kind::plus : Operand::Kind::minus;
    operand.at = first.at;
    operand.operands.push_back(std::move(first));
    operand.operands.push_back(parser_.operand());
    for (const Operand& number : operand.operands) parser_.check_type(token.text, number, {Type::n});
    return operand;
  }

  void check_set(const Section& section, const Operand& operand) {
    if (operand.value.is_set() || (section.kind == UpdateAction::Kind::add && operand.value.type == Type::n)) return;
    parser_.fail(operand.at,
                 fmt::format("Incorrect operand type for operator or function; operator: {}, operand type: {}",
                             section.keyword, long_name_of(operand.value.type)));
  }

  // No two paths may be the same or lead one into the other, nor take one value for a map and for a list.
  void check_path(const DocumentPath& path, std::size_t at) {
    for (const UpdateAction& other : actions_) {
      if (other.path.head != path.head) continue;
      const auto& first = other.path.steps;
      const auto& second = path.steps;
      const std::size_t common = std::min(first.size(), second.size());
      std::size_t same = 0;
      while (same < common && first[same] == second[same]) ++same;
      const bool conflict = same < common && first[same].by_index() != second[same].by_index();
      if (same < common && !conflict) continue;
      parser_.fail(
          at, fmt::format("Two document paths {} with each other; must remove or rewrite one of these paths; path "
                          "one: {}, path two: {}",
                          conflict ? "conflict" : "overlap", parser_.path_text(other.path), parser_.path_text(path)));
    }
  }

  ExpressionParser parser_;
  std::set<std::string_view> seen_;
  std::vector<UpdateAction> actions_;
};

}  // namespace

std::vector<UpdateAction> parse_update(std::string_view text, const Placeholders& placeholders,
                                       ExpressionNames& names) {
  return UpdateParser(text, placeholders).parse(names);
}

}  // namespace bulk
