#include "codecs/base64.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <cstdint>

namespace bulk {

namespace {

constexpr std::uint8_t kNotInAlphabet = 0x80;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNotInAlphabet);
  std::uint8_t next = 0;
  for (char c = 'A'; c <= 'Z'; ++c) values[static_cast<unsigned char>(c)] = next++;
  for (char c = 'a'; c <= 'z'; ++c) values[static_cast<unsigned char>(c)] = next++;
  for (char c = '0'; c <= '9'; ++c) values[static_cast<unsigned char>(c)] = next++;
  values['+'] = next++;
  values['/'] = next;
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

std::uint8_t value_of(char c) {
  return kValues[static_cast<unsigned char>(c)];
}

#ifdef __SSE2__
// 0xFF for each byte of `values` that is less than `count`.
__m128i below(__m128i values, char count) {
  return _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(static_cast<char>(count - 1))), values);
}

bool sixteen_in_alphabet(const char* at) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i lower = _mm_or_si128(text, _mm_set1_epi8(0x20));
  const __m128i letters = below(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 26);
  const __m128i digits = below(_mm_sub_epi8(text, _mm_set1_epi8('0')), 10);
  const __m128i others =
      _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('+')), _mm_cmpeq_epi8(text, _mm_set1_epi8('/')));
  return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letters, digits), others)) == 0xFFFF;
}
#endif

bool in_alphabet(std::string_view symbols) {
#ifdef __SSE2__
  if (symbols.size() >= 16) {
    const char* const last = symbols.data() + symbols.size() - 16;  // overlaps those before
    for (const char* at = symbols.data(); at < last; at += 16) {
      if (!sixteen_in_alphabet(at)) return false;
    }
    return sixteen_in_alphabet(last);
  }
#endif
  unsigned seen = 0;
  for (char c : symbols) seen |= value_of(c);
  return (seen & kNotInAlphabet) == 0;
}

}  // namespace

bool is_canonical_base64(std::string_view text, std::size_t& decoded_bytes) {
  decoded_bytes = 0;
  if (text.empty()) return true;
  if (text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view symbols = text.substr(0, text.size() - padding);
  if (!in_alphabet(symbols)) return false;
  const unsigned unused_bits = padding == 2 ? 0x0F : padding == 1 ? 0x03 : 0;
  if ((value_of(symbols.back()) & unused_bits) != 0) return false;
  decoded_bytes = text.size() / 4 * 3 - padding;
  return true;
}

}  // namespace bulk
