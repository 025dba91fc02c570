// Whether a condition holds for an item. Where one of its operands is missing or of another type, a comparison is
// false and `<>` is true; there are no errors.
#include <algorithm>

#include "codecs/condition_parser.h"
#include "codecs/expression.h"
#include "codecs/expression_values.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

bool begins_with(const AttributeValue& whole, const AttributeValue& start) {
  if (whole.type != start.type) return false;
  if (whole.type == Type::s) return whole.text.starts_with(start.text);
  return whole.type == Type::b && decoded_binary(whole.text).starts_with(decoded_binary(start.text));
}

bool contains(const AttributeValue& whole, const AttributeValue& part) {
  switch (whole.type) {
    case Type::s:
      return part.type == Type::s && whole.text.find(part.text) != std::string::npos;
    case Type::b:
      return part.type == Type::b && decoded_binary(whole.text).find(decoded_binary(part.text)) != std::string::npos;
    case Type::ss:
    case Type::ns:
    case Type::bs:
    case Type::list:
      return std::any_of(whole.elements.begin(), whole.elements.end(),
                         [&](const AttributeValue& element) { return same_value(element, part); });
    default:
      return false;
  }
}

bool ordered(ConditionNode::Kind kind, std::partial_ordering order) {
  switch (kind) {
    case ConditionNode::Kind::less:
      return order < 0;
    case ConditionNode::Kind::less_or_equal:
      return order <= 0;
    case ConditionNode::Kind::greater:
      return order > 0;
    default:
      return order >= 0;
  }
}

// Its operands have values.
bool compare(const ConditionNode& test, const AttributeValue& first, const AttributeValue& second) {
  switch (test.kind) {
    case ConditionNode::Kind::equal:
      return same_value(first, second);
    case ConditionNode::Kind::not_equal:
      return !same_value(first, second);
    case ConditionNode::Kind::begins_with:
      return begins_with(first, second);
    case ConditionNode::Kind::contains:
      return contains(first, second);
    default:
      return ordered(test.kind, order_of(first, second));
  }
}

bool has_type(const ConditionNode& test, ItemValues& values) {
  const Operand& operand = test.operands[0];
  if (operand.kind == Operand::Kind::path && operand.path.steps.empty()) {
    const std::string_view text = values.text(operand.path.head);
    return !text.empty() && type_of_text(text) == test.type;
  }
  AttributeValue made;
  const AttributeValue* value = values.resolve(operand, made);
  return value != nullptr && value->type == test.type;
}

bool holds(const ConditionNode& test, ItemValues& values) {
  const auto inner = [&](const ConditionNode& one) { return holds(one, values); };
  switch (test.kind) {
    case ConditionNode::Kind::all:
      return std::all_of(test.tests.begin(), test.tests.end(), inner);
    case ConditionNode::Kind::any:
      return std::any_of(test.tests.begin(), test.tests.end(), inner);
    case ConditionNode::Kind::negated:
      return !inner(test.tests[0]);
    case ConditionNode::Kind::exists:
      return values.exists(test.operands[0].path);
    case ConditionNode::Kind::not_exists:
      return !values.exists(test.operands[0].path);
    case ConditionNode::Kind::has_type:
      return has_type(test, values);
    default:
      break;
  }
  AttributeValue first_made;
  const AttributeValue* first = values.resolve(test.operands[0], first_made);
  if (first == nullptr) return test.kind == ConditionNode::Kind::not_equal;
  AttributeValue made;
  if (test.kind == ConditionNode::Kind::in) {
    return std::any_of(test.operands.begin() + 1, test.operands.end(), [&](const Operand& operand) {
      const AttributeValue* value = values.resolve(operand, made);
      return value != nullptr && same_value(*first, *value);
    });
  }
  const AttributeValue* second = values.resolve(test.operands[1], made);
  if (second == nullptr) return test.kind == ConditionNode::Kind::not_equal;
  if (test.kind != ConditionNode::Kind::between) return compare(test, *first, *second);
  if (!(order_of(*first, *second) >= 0)) return false;
  const AttributeValue* high = values.resolve(test.operands[2], made);
  return high != nullptr && order_of(*first, *high) <= 0;
}

}  // namespace

struct Condition::Parsed {
  ExpressionNames names;
  ConditionNode test;
};

Condition Condition::parse(std::string_view text, const Placeholders& placeholders) {
  auto parsed = std::make_unique<Parsed>();
  parsed->test = parse_condition(text, placeholders, parsed->names);
  return Condition(std::move(parsed));
}

Condition::Condition(std::unique_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
Condition::~Condition() = default;
Condition::Condition(Condition&&) noexcept = default;
Condition& Condition::operator=(Condition&&) noexcept = default;

bool Condition::holds(const ItemView& item) const {
  ItemValues values(item, parsed_->names);
  return bulk::holds(parsed_->test, values);
}

const std::set<std::string>& Condition::attributes() const {
  return parsed_->names.attributes;
}

const std::set<std::string>& Condition::placeholders() const {
  return parsed_->names.placeholders;
}

}  // namespace bulk
