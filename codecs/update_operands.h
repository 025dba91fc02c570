// The right-hand sides of an update: what operands are worth for one item, sums, set unions and differences. All read
// the item as it was. A refusal is a text in the service's words.
#pragma once

#include <string>

#include "codecs/expression_tree.h"
#include "codecs/expression_values.h"

namespace bulk {

inline constexpr const char* kWrongType = "An operand in the update expression has an incorrect data type";

class UpdateOperands {
 public:
  UpdateOperands(ItemValues& values, std::string& problem) : values_(values), problem_(problem) {}

  // False: refused, see `problem`.
  bool evaluate(const Operand& operand, AttributeValue& result);
  // The same as compact DynamoDB JSON, appended; what is copied whole is not parsed.
  bool evaluate_text(const Operand& operand, std::string& out);

  // ADD: a sum, or the union of two sets. `existing` may be null.
  bool add(const AttributeValue* existing, const AttributeValue& operand, AttributeValue& result);
  // DELETE: what is left of a set; its elements may be none.
  bool take_away(const AttributeValue& existing, const AttributeValue& operand, AttributeValue& result);

  bool fail(const std::string& problem) {
    problem_ = problem;
    return false;
  }

 private:
  bool sum(const AttributeValue& a, const AttributeValue& b, bool minus, AttributeValue& result);

  ItemValues& values_;
  std::string& problem_;
};

}  // namespace bulk
