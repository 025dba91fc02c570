#include "codecs/json_text.h"

#include <simdjson.h>

#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace bulk {

namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;

// High bit of the lowest byte of `word` that is zero (higher bytes may be marked wrongly, the lowest mark is right).
constexpr std::uint64_t zero_bytes(std::uint64_t word) {
  return (word - kOnes) & ~word & kHighs;
}

bool is_stop(unsigned char c) {
  return c == '"' || c == '\\' || c < 0x20;
}

// 4 hexadecimal digits, or -1.
int read_hex4(const char* at) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      digit = (c | 0x20) - 'a' + 10;
    } else {
      return -1;
    }
    value = value << 4 | digit;
  }
  return value;
}

Escape refused(const char* problem) {
  return {0, 0, problem};
}

// The letter of the two-character escape of `code`, or 0.
char short_escape(char32_t code) {
  switch (code) {
    case '"':
    case '\\':
      return static_cast<char>(code);
    case '\b':
      return 'b';
    case '\t':
      return 't';
    case '\n':
      return 'n';
    case '\f':
      return 'f';
    case '\r':
      return 'r';
    default:
      return 0;
  }
}

}  // namespace

const char* find_string_stop(const char* at, const char* end, bool& non_ascii) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1F);
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i marks =
        _mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    const auto stops = static_cast<unsigned>(_mm_movemask_epi8(marks));
    const auto highs = static_cast<unsigned>(_mm_movemask_epi8(bytes));
    if (stops != 0) {
      const int first = std::countr_zero(stops);
      non_ascii |= (highs & ((1u << first) - 1)) != 0;
      return at + first;
    }
    non_ascii |= highs != 0;
  }
#endif
  if constexpr (std::endian::native == std::endian::little) {
    for (; end - at >= 8; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, 8);
      const std::uint64_t stops = zero_bytes(word ^ (kOnes * '"')) | zero_bytes(word ^ (kOnes * '\\')) |
                                  ((word - kOnes * 0x20) & ~word & kHighs);
      if (stops != 0) {
        const int first = std::countr_zero(stops) & ~7;
        non_ascii |= (word & kHighs & ((std::uint64_t{1} << first) - 1)) != 0;
        return at + first / 8;
      }
      non_ascii |= (word & kHighs) != 0;
    }
  }
  for (; at != end && !is_stop(static_cast<unsigned char>(*at)); ++at) non_ascii |= (*at & 0x80) != 0;
  return at;
}

Escape read_escape(const char* at, const char* end) {
  if (end - at < 2) return refused("the text ends inside an escape sequence");
  switch (at[1]) {
    case '"':
    case '\\':
    case '/':
      return {2, static_cast<char32_t>(at[1]), nullptr};
    case 'b':
      return {2, '\b', nullptr};
    case 't':
      return {2, '\t', nullptr};
    case 'n':
      return {2, '\n', nullptr};
    case 'f':
      return {2, '\f', nullptr};
    case 'r':
      return {2, '\r', nullptr};
    case 'u':
      break;
    default:
      return refused("unknown escape sequence");
  }
  if (end - at < 6) return refused("the text ends inside an escape sequence");
  const int first = read_hex4(at + 2);
  if (first < 0) return refused("\\u without four hexadecimal digits");
  if (first < 0xD800 || first > 0xDFFF) return {6, static_cast<char32_t>(first), nullptr};
  if (first > 0xDBFF || end - at < 12 || at[6] != '\\' || at[7] != 'u') return refused("lone surrogate");
  const int second = read_hex4(at + 8);
  if (second < 0xDC00 || second > 0xDFFF) return refused("lone surrogate");
  return {12, static_cast<char32_t>(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)), nullptr};
}

std::size_t utf8_length(char32_t code) {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

void append_canonical_character(std::string& out, char32_t code) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  if (const char letter = short_escape(code); letter != 0) {
    out += '\\';
    out += letter;
  } else if (code < 0x20) {
    out += "\\u00";
    out += kHexDigits[code >> 4];
    out += kHexDigits[code & 15];
  } else if (code < 0x80) {
    out += static_cast<char>(code);
  } else {
    const std::size_t length = utf8_length(code);
    constexpr unsigned char kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out += static_cast<char>(kLead[length] | (code >> (6 * (length - 1))));
    for (std::size_t i = length - 1; i-- > 0;) out += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F));
  }
}

bool valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 64;
  std::string out;
  std::size_t length = std::min(text.size(), kMost);
  // Not in the middle of a character.
  while (length < text.size() && length > 0 && (text[length] & 0xC0) == 0x80) --length;
  const bool legal = valid_utf8(text.substr(0, length));
  for (std::size_t i = 0; i < length; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1_control = c == 0xC2 && i + 1 < length && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c < 0x20 || c == 0x7F || (c >= 0x80 && !legal)) {
      out += '?';
    } else if (c1_control) {
      out += '?';
      ++i;
    } else {
      out += text[i];
    }
  }
  if (length < text.size()) out += "...";
  return out;
}

}  // namespace bulk
