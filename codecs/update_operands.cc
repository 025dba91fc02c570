#include "codecs/update_operands.h"

#include <unordered_set>

#include "codecs/decimal.h"

namespace bulk {

namespace {

using Type = AttributeValue::Type;

constexpr const char* kMissing = "The provided expression refers to an attribute that does not exist in the item";

std::unordered_set<std::string> keys_of(const AttributeValue& set) {
  std::unordered_set<std::string> keys;
  for (const AttributeValue& element : set.elements) keys.insert(element_key(element));
  return keys;
}

}  // namespace

bool UpdateOperands::evaluate(const Operand& operand, AttributeValue& result) {
  switch (operand.kind) {
    case Operand::Kind::literal:
      result = operand.value;
      return true;
    case Operand::Kind::path: {
      const AttributeValue* value = values_.find(operand.path);
      if (value == nullptr) return fail(kMissing);
      result = *value;
      return true;
    }
    case Operand::Kind::if_not_exists: {
      const bool exists = values_.exists(operand.operands[0].path);
      return evaluate(operand.operands[exists ? 0 : 1], result);
    }
    default:
      break;
  }
  AttributeValue second;
  if (!evaluate(operand.operands[0], result) || !evaluate(operand.operands[1], second)) return false;
  if (operand.kind == Operand::Kind::list_append) {
    if (result.type != Type::list || second.type != Type::list) return fail(kWrongType);
    for (AttributeValue& element : second.elements) result.elements.push_back(std::move(element));
    return true;
  }
  return sum(result, second, operand.kind == Operand::Kind::minus, result);
}

bool UpdateOperands::evaluate_text(const Operand& operand, std::string& out) {
  if (operand.kind == Operand::Kind::literal) {
    out += operand.text;
    return true;
  }
  if (operand.kind == Operand::Kind::path && operand.path.steps.empty()) {
    const std::string_view text = values_.text(operand.path.head);
    if (text.empty()) return fail(kMissing);
    append_compact(out, text);
    return true;
  }
  if (operand.kind == Operand::Kind::if_not_exists) {
    const bool exists = values_.exists(operand.operands[0].path);
    return evaluate_text(operand.operands[exists ? 0 : 1], out);
  }
  AttributeValue value;
  if (!evaluate(operand, value)) return false;
  append_value(out, value);
  return true;
}

bool UpdateOperands::sum(const AttributeValue& a, const AttributeValue& b, bool minus, AttributeValue& result) {
  if (a.type != Type::n || b.type != Type::n) return fail(kWrongType);
  std::string text;
  const NumberProblem problem = minus ? subtract_numbers(a.text, b.text, text) : add_numbers(a.text, b.text, text);
  if (problem != NumberProblem::none) return fail(number_problem_text(problem, text));
  result = AttributeValue::number(std::move(text));
  return true;
}

bool UpdateOperands::add(const AttributeValue* existing, const AttributeValue& operand, AttributeValue& result) {
  if (existing == nullptr) {
    result = operand;
    return true;
  }
  if (existing->type != operand.type) return fail(kWrongType);
  if (operand.type == Type::n) return sum(*existing, operand, false, result);
  const auto keys = keys_of(*existing);
  result = *existing;
  for (const AttributeValue& element : operand.elements) {
    if (!keys.contains(element_key(element))) result.elements.push_back(element);
  }
  return true;
}

bool UpdateOperands::take_away(const AttributeValue& existing, const AttributeValue& operand, AttributeValue& result) {
  if (existing.type != operand.type) return fail(kWrongType);
  const auto keys = keys_of(operand);
  result.type = existing.type;
  for (const AttributeValue& element : existing.elements) {
    if (!keys.contains(element_key(element))) result.elements.push_back(element);
  }
  return true;
}

}  // namespace bulk
