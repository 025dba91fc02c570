// Is this text JSON (RFC 8259)? Used where text that is not ours is refused early with a byte offset. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bulk {

struct JsonProblem {
  std::string text;  // empty: the text is valid
  std::size_t offset = 0;
};

// Any JSON value, UTF-8 checked, nesting of at most 512.
JsonProblem check_json(std::string_view text);

// `text` as the content of a JSON string (no quotes around it).
void append_json_escaped(std::string& out, std::string_view text);
std::string json_quoted(std::string_view text);

}  // namespace bulk
