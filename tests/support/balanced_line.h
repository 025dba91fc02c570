// What codecs/key_scan.h promises of a line that it accepts, looked at byte by byte: one object `{"Item":{...}}` and
// nothing around it, whose inside cannot end what it is put into.
#pragma once

#include <string>
#include <string_view>

namespace bulk::test {

inline bool is_balanced_line(std::string_view line) {
  if (!line.starts_with("{\"Item\":{")) return false;
  std::string open;  // brackets, innermost last
  bool in_string = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\n' || c == '\r') return false;
    if (in_string) {
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      if (i >= line.size() || static_cast<unsigned char>(line[i]) < 0x20) return false;
      continue;
    }
    if (c == '\\') return false;
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') open += c;
    if (c == '}' || c == ']') {
      if (open.empty() || open.back() != (c == '}' ? '{' : '[')) return false;
      open.pop_back();
      // The item's own end and the line's are the last two bytes.
      if (open.size() < 2 && i != line.size() - 1 - open.size()) return false;
    }
  }
  return !in_string && open.empty();
}

}  // namespace bulk::test
