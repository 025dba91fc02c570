#include "codecs/base64.h"

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

}  // namespace

bool is_canonical_base64(std::string_view text, std::size_t& decoded_bytes) {
  decoded_bytes = 0;
  if (text.empty()) return true;
  if (text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  const std::string_view symbols = text.substr(0, text.size() - padding);
  unsigned seen = 0;
  for (char c : symbols) seen |= value_of(c);
  if ((seen & kNotInAlphabet) != 0) return false;
  const unsigned unused_bits = padding == 2 ? 0x0F : padding == 1 ? 0x03 : 0;
  if ((value_of(symbols.back()) & unused_bits) != 0) return false;
  decoded_bytes = text.size() / 4 * 3 - padding;
  return true;
}

}  // namespace bulk
