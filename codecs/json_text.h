// The inside of JSON strings (RFC 8259, section 7): finding where they end, decoding escapes, spelling characters.
// Shared by all walks over JSON text in this folder, so that they agree on what is legal. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bulk {

// The first byte in [at, end) that a string's content cannot simply hold: a quote, a backslash or a control character;
// `end` when there is none. `non_ascii` is set (never cleared) when a byte of 0x80 or more was passed.
const char* find_string_stop(const char* at, const char* end, bool& non_ascii);

struct Escape {
  std::size_t length = 0;  // of the whole sequence: 2, 6, or 12 for a surrogate pair
  char32_t code = 0;
  const char* problem = nullptr;  // why it is not legal
};

// The escape sequence whose backslash is *at.
Escape read_escape(const char* at, const char* end);

// Whether a backslash and this letter are how the canonical form of docs/format.md spells a character.
inline bool is_canonical_escape(char letter) {
  return letter == '"' || letter == '\\' || letter == 'b' || letter == 'f' || letter == 'n' || letter == 'r' ||
         letter == 't';
}

std::size_t utf8_length(char32_t code);

// `code` as the content of a string in the canonical form of docs/format.md: escaped only where JSON requires it.
void append_canonical_character(std::string& out, char32_t code);

bool valid_utf8(std::string_view text);

inline bool is_json_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// A piece of someone's text for an error message: control characters replaced, cut after about 64 bytes.
std::string shown(std::string_view text);

}  // namespace bulk
