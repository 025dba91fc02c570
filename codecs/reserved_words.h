// The words that DynamoDB's expressions do not take for the name of an attribute: they have to be written as `#name`.
// Pure.
#pragma once

#include <string_view>

namespace bulk {

// Upper and lower case are the same.
bool is_reserved_word(std::string_view name);

}  // namespace bulk
