// The condition of --where. On a command line there is no table of placeholders, so values may stand in the text
// (`n > 3 AND stage = 'open'`; 'text' with '' for a quote, numbers, true, false, null) and every name is a name,
// reserved word or not; "name" in double quotes holds what a plain name cannot. All else is DynamoDB's condition
// language.
#pragma once

#include <string>

#include "codecs/expression.h"

namespace bulk {

// Error(usage) "--where: ...".
Condition parse_where(const std::string& text);

}  // namespace bulk
