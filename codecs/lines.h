// Record lines of the dialect dynamodb-json: `{"Item":{...}}`, one a line. Ours have exactly that spelling; foreign
// ones may have spaces and other members' order. Pure.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "codecs/item.h"
#include "io/buffer.h"

namespace bulk {

inline constexpr std::string_view kItemLinePrefix = "{\"Item\":";
inline constexpr std::string_view kItemLineSuffix = "}";

struct LineSpan {
  std::size_t offset;
  std::size_t length;  // without the newline
};

// Cuts text into lines; false when it does not end in '\n'.
bool split_lines(std::string_view text, std::vector<LineSpan>& lines);

// The item inside a line, located without checking what is inside it: the line has kItemLinePrefix and kItemLineSuffix.
// Empty when it has not.
inline std::string_view item_of_line(std::string_view line) {
  if (!line.starts_with(kItemLinePrefix) || !line.ends_with(kItemLineSuffix)) return {};
  return line.substr(kItemLinePrefix.size(), line.size() - kItemLinePrefix.size() - kItemLineSuffix.size());
}

// Appends JSON without the white space between its tokens.
void append_compact(std::string_view json, Buffer& out);

// Appends the normal form of a foreign line (with newline) to `out`. False: see `problem` (offset within the line).
// Accepts white space around tokens, a byte order mark, a carriage return at the end; requires one member, "Item".
bool normalise_line(std::string_view line, ItemScanner& scanner, Buffer& out, ItemProblem& problem);

}  // namespace bulk
