// Canonical base64 is what encoding of what it decodes to gives.
#include "codecs/base64.h"

#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Takes anything: what is not in the alphabet counts as its first letter.
std::string decode(std::string_view text) {
  std::string bytes;
  unsigned bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    if (c == '=') break;
    const std::size_t value = kAlphabet.find(c);
    bits = bits << 6 | static_cast<unsigned>(value == std::string_view::npos ? 0 : value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xFF);
  }
  return bytes;
}

std::string encode(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view piece = bytes.substr(at, 3);
    unsigned bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < piece.size() ? static_cast<unsigned char>(piece[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) text += i <= piece.size() ? kAlphabet[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  std::size_t decoded_bytes = 0;
  const std::string bytes = decode(text);
  const bool canonical = is_canonical_base64(text, decoded_bytes);
  HOLDS(canonical == (encode(bytes) == text));
  HOLDS(!canonical || decoded_bytes == bytes.size());

  const std::string encoded = encode(text);
  HOLDS(is_canonical_base64(encoded, decoded_bytes) && decoded_bytes == text.size());
  return 0;
}
