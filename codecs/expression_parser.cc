#include "codecs/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "codecs/item.h"
#include "codecs/item_walk.h"
#include "codecs/json_text.h"
#include "codecs/reserved_words.h"
#include "io/error.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

constexpr std::size_t kMaxOperators = 300;
constexpr std::size_t kMaxIndexDigits = 9;

struct Function {
  std::string_view name;
  Operand::Kind kind;
};
constexpr Function kFunctions[] = {{"size", Operand::Kind::size},
                                   {"if_not_exists", Operand::Kind::if_not_exists},
                                   {"list_append", Operand::Kind::list_append}};
// That are conditions, not operands.
constexpr std::string_view kTests[] = {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with",
                                       "contains"};

}  // namespace

ExpressionParser::ExpressionParser(std::string_view what, std::string_view text, const Placeholders& placeholders,
                                   std::initializer_list<Operand::Kind> functions)
    : what_(what), text_(text), placeholders_(placeholders), functions_(functions) {
  if (text.size() > kMaxExpressionBytes) {
    throw Error(
        ErrorKind::usage,
        fmt::format("{}: Expression size has exceeded the maximum allowed size; expression size: {}", what,
                    text.size()),
        fmt::format("use shorter #names and :values, or several jobs; {} bytes are allowed", kMaxExpressionBytes));
  }
  tokens_ = cut_expression(text);
  if (tokens_.size() == 1) fail(0, "The expression can not be empty");
}

bool ExpressionParser::take_symbol(std::string_view symbol) {
  if (peek().kind != ExpressionToken::Kind::symbol || peek().text != symbol) return false;
  ++next_;
  return true;
}

bool ExpressionParser::take_keyword(std::string_view upper_case) {
  if (!is_keyword(peek(), upper_case)) return false;
  ++next_;
  return true;
}

ExpressionToken ExpressionParser::take() {
  const ExpressionToken token = peek();
  if (next_ + 1 < tokens_.size()) ++next_;
  return token;
}

void ExpressionParser::expect_symbol(std::string_view symbol) {
  if (!take_symbol(symbol)) fail_syntax();
}

void ExpressionParser::expect_end() {
  if (peek().kind != ExpressionToken::Kind::end) fail_syntax();
}

const ExpressionToken* ExpressionParser::behind_parentheses() const {
  std::size_t open = 0;
  for (std::size_t i = next_; i < tokens_.size(); ++i) {
    if (tokens_[i].kind != ExpressionToken::Kind::symbol) continue;
    if (tokens_[i].text == "(") ++open;
    if (tokens_[i].text == ")" && --open == 0) return &tokens_[i + 1];
  }
  return nullptr;
}

void ExpressionParser::refuse_redundant_parentheses() {
  const ExpressionToken* outer = behind_parentheses();
  ++next_;
  const ExpressionToken* inner = peek().text == "(" ? behind_parentheses() : nullptr;
  --next_;
  if (outer != nullptr && inner != nullptr && inner + 1 == outer) {
    fail(peek().at, "The expression has redundant parentheses", "take one pair of them away");
  }
}

std::string ExpressionParser::name_step() {
  const ExpressionToken token = peek();
  if (token.kind == ExpressionToken::Kind::name) {
    if (is_reserved_word(token.text)) {
      fail(token.at, fmt::format("Attribute name is a reserved keyword; reserved keyword: {}", token.text),
           fmt::format("write #{0} in its place and define it among the names: \"#{0}\" = \"{0}\"", token.text));
    }
    ++next_;
    return std::string(token.text);
  }
  if (token.kind != ExpressionToken::Kind::name_placeholder) fail_syntax();
  const auto found = placeholders_.names.find(std::string(token.text));
  if (found == placeholders_.names.end()) {
    fail(token.at,
         fmt::format("An expression attribute name used in the document path is not defined; attribute name: {}",
                     token.text),
         "define it among the names");
  }
  if (found->second.empty() || found->second.size() > kMaxNameBytes) {
    fail(token.at, fmt::format("the name that {} stands for has {} bytes; 1 to {} are allowed", token.text,
                               found->second.size(), kMaxNameBytes));
  }
  ++next_;
  names.placeholders.insert(found->first);
  return found->second;
}

DocumentPath ExpressionParser::path() {
  const std::size_t begin = peek().at;
  const std::string name = name_step();
  DocumentPath path;
  path.head = static_cast<std::size_t>(std::find(names.heads.begin(), names.heads.end(), name) - names.heads.begin());
  if (path.head == names.heads.size()) {
    names.heads.push_back(name);
    names.attributes.insert(name);
  }
  for (;;) {
    if (take_symbol(".")) {
      path.steps.push_back({name_step()});
    } else if (take_symbol("[")) {
      if (peek().kind != ExpressionToken::Kind::number) fail_syntax();
      const ExpressionToken token = take();
      if (token.text.size() > kMaxIndexDigits) {
        fail(token.at, fmt::format("List index is not within the allowable range; index: [{}]", token.text));
      }
      path.steps.push_back({{}, std::stoul(std::string(token.text))});
      expect_symbol("]");
    } else {
      break;
    }
  }
  if (path.steps.size() + 1 > static_cast<std::size_t>(kMaxNesting)) {
    fail(begin,
         fmt::format("The document path has too many nesting elements; nesting levels: {}", path.steps.size() + 1));
  }
  return path;
}

Operand ExpressionParser::operand() {
  if (peek().text == "(" && peek().kind == ExpressionToken::Kind::symbol) {
    if (++open_ > kMaxOperators) fail(peek().at, "The expression is nested too deeply");
    refuse_redundant_parentheses();
    expect_symbol("(");
    Operand inner = operand();
    expect_symbol(")");
    --open_;
    return inner;
  }
  if (peek().kind == ExpressionToken::Kind::value_placeholder) return literal();
  if (peek().kind == ExpressionToken::Kind::name && peek(1).text == "(") return function();
  Operand operand;
  operand.at = peek().at;
  operand.path = path();
  return operand;
}

Operand ExpressionParser::literal() {
  const ExpressionToken token = peek();
  if (token.kind != ExpressionToken::Kind::value_placeholder) fail_syntax();
  const auto found = placeholders_.values.find(std::string(token.text));
  if (found == placeholders_.values.end()) {
    fail(
        token.at,
        fmt::format("An expression attribute value used in expression is not defined; attribute value: {}", token.text),
        "define it among the values");
  }
  ++next_;
  names.placeholders.insert(found->first);
  Operand operand;
  operand.kind = Operand::Kind::literal;
  operand.at = token.at;
  std::string problem;
  if (!parse_value(found->second, operand.value, problem)) {
    fail(token.at, fmt::format("ExpressionAttributeValues contains invalid value: {} for key {}", problem, token.text),
         "write it as DynamoDB JSON, for example { N = \"1\" }");
  }
  append_compact(operand.text, found->second);
  return operand;
}

Operand ExpressionParser::function() {
  const ExpressionToken token = take();
  count_operator(token.at);
  const auto* const known = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                         [&](const Function& function) { return function.name == token.text; });
  if (known == std::end(kFunctions) ||
      std::find(functions_.begin(), functions_.end(), known->kind) == functions_.end()) {
    fail_function(token);
  }
  Operand operand;
  operand.kind = known->kind;
  operand.at = token.at;
  expect_symbol("(");
  operand.operands = arguments();
  check_count(token, known->kind == Operand::Kind::size ? 1 : 2, operand.operands);
  if (known->kind == Operand::Kind::size) {
    check_type("size", operand.operands[0], {Type::s, Type::b, Type::ss, Type::ns, Type::bs, Type::list, Type::map});
  } else if (known->kind == Operand::Kind::if_not_exists) {
    if (operand.operands[0].kind != Operand::Kind::path) {
      fail(operand.operands[0].at,
           "Operator or function requires a document path; operator or function: if_not_exists");
    }
  } else {
    for (const Operand& list : operand.operands) {
      if (list.kind == Operand::Kind::list_append) {
        fail(list.at, "The function is not allowed to be used this way in an expression; function: list_append");
      }
      check_type("list_append", list, {Type::list});
    }
  }
  return operand;
}

std::vector<Operand> ExpressionParser::arguments() {
  std::vector<Operand> operands;
  do {
    operands.push_back(operand());
  } while (take_symbol(","));
  expect_symbol(")");
  return operands;
}

void ExpressionParser::count_operator(std::size_t at) {
  if (++operators_ > kMaxOperators) {
    fail(at, fmt::format("The expression contains too many operators; operator count: {}", operators_));
  }
}

void ExpressionParser::check_count(const ExpressionToken& function, std::size_t wanted,
                                   const std::vector<Operand>& operands) {
  if (operands.size() == wanted) return;
  fail(function.at,
       fmt::format("Incorrect number of operands for operator or function; operator or function: {}, number of "
                   "operands: {}",
                   function.text, operands.size()));
}

void ExpressionParser::check_type(std::string_view function, const Operand& operand,
                                  std::initializer_list<AttributeValue::Type> types) {
  const auto type = known_type(operand);
  if (!type || std::find(types.begin(), types.end(), *type) != types.end()) return;
  fail(operand.at,
       fmt::format("Incorrect operand type for operator or function; operator or function: {}, operand type: {}",
                   function, tag_of(*type)));
}

std::optional<AttributeValue::Type> ExpressionParser::known_type(const Operand& operand) {
  switch (operand.kind) {
    case Operand::Kind::literal:
      return operand.value.type;
    case Operand::Kind::size:
    case Operand::Kind::plus:
    case Operand::Kind::minus:
      return Type::n;
    case Operand::Kind::list_append:
      return Type::list;
    default:
      return std::nullopt;
  }
}

std::string ExpressionParser::path_text(const DocumentPath& path) const {
  std::string text = "[" + names.heads[path.head];
  for (const PathStep& step : path.steps) {
    text += step.by_index() ? fmt::format(", [{}]", step.index) : ", " + step.name;
  }
  return text + "]";
}

void ExpressionParser::fail(std::size_t at, const std::string& problem, const std::string& next_action) const {
  // Characters, not bytes: an editor shows those.
  const auto characters = std::count_if(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at),
                                        [](char c) { return (c & 0xC0) != 0x80; });
  throw Error(ErrorKind::usage, fmt::format("{}, character {}: {}", what_, characters + 1, problem),
              next_action.empty() ? fmt::format("correct the {} `{}`", what_, shown(text_)) : next_action);
}

void ExpressionParser::fail_syntax() const {
  const ExpressionToken& token = peek();
  const ExpressionToken& from = next_ == 0 ? token : tokens_[next_ - 1];
  const ExpressionToken& to = peek(1);
  const std::string_view near = text_.substr(from.at, to.at + to.text.size() - from.at);
  fail(token.at, fmt::format("Syntax error; token: \"{}\", near: \"{}\"",
                             token.kind == ExpressionToken::Kind::end ? "<EOF>" : token.text, near));
}

void ExpressionParser::fail_function(const ExpressionToken& function) const {
  const bool known = std::find(std::begin(kTests), std::end(kTests), function.text) != std::end(kTests) ||
                     std::any_of(std::begin(kFunctions), std::end(kFunctions),
                                 [&](const Function& other) { return other.name == function.text; });
  fail(function.at,
       fmt::format("{}; function: {}",
                   known ? "The function is not allowed to be used this way in an expression" : "Invalid function name",
                   function.text));
}

}  // namespace bulk
