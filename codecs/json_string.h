// The content of a JSON string made into the text that it stands for. (json_check.h goes the other way.) Pure.
#pragma once

#include <string>
#include <string_view>

namespace bulk {

// Appends what `content`, the bytes between two quotes, stands for. Null, or why it is not a string's content; then
// `out` holds what came before that.
const char* decode_json_string(std::string_view content, std::string& out);

}  // namespace bulk
