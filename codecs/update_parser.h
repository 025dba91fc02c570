// An UpdateExpression made into a list of actions. Throws Error(ErrorKind::usage).
#pragma once

#include <string_view>
#include <vector>

#include "codecs/expression.h"
#include "codecs/expression_tree.h"

namespace bulk {

std::vector<UpdateAction> parse_update(std::string_view text, const Placeholders& placeholders, ExpressionNames& names);

}  // namespace bulk
