#include "codecs/json_string.h"

#include "codecs/json_text.h"

namespace bulk {

namespace {

void append_utf8(std::string& out, char32_t code) {
  const std::size_t length = utf8_length(code);
  if (length == 1) {
    out += static_cast<char>(code);
    return;
  }
  constexpr unsigned char kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLead[length] | (code >> (6 * (length - 1))));
  for (std::size_t i = length - 1; i-- > 0;) out += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F));
}

}  // namespace

const char* decode_json_string(std::string_view content, std::string& out) {
  const char* at = content.data();
  const char* const end = at + content.size();
  bool non_ascii = false;
  for (;;) {
    const char* const stop = find_string_stop(at, end, non_ascii);
    out.append(at, stop);
    if (stop == end) break;
    if (*stop != '\\') return *stop == '"' ? "a quote inside a string" : "a control character in a string";
    const Escape escape = read_escape(stop, end);
    if (escape.problem != nullptr) return escape.problem;
    append_utf8(out, escape.code);
    at = stop + escape.length;
  }
  return non_ascii && !valid_utf8(content) ? "a string is not UTF-8" : nullptr;
}

}  // namespace bulk
