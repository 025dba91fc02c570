// A ConditionExpression or FilterExpression made into a tree of tests. Throws Error(ErrorKind::usage).
#pragma once

#include <string_view>

#include "codecs/expression.h"
#include "codecs/expression_tree.h"

namespace bulk {

ConditionNode parse_condition(std::string_view text, const Placeholders& placeholders, ExpressionNames& names);

}  // namespace bulk
