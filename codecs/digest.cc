#include "codecs/digest.h"

#include "codecs/hash128.h"

namespace bulk {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void append_hex(std::string& out, std::uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) out += kHexDigits[(value >> shift) & 15];
}

bool parse_hex(std::string_view hex, std::uint64_t& value) {
  value = 0;
  for (char c : hex) {
    std::size_t digit = kHexDigits.find(c);
    if (digit == std::string_view::npos) return false;
    value = value << 4 | digit;
  }
  return true;
}

}  // namespace

std::string Digest::hex() const {
  std::string out;
  out.reserve(32);
  append_hex(out, high);
  append_hex(out, low);
  return out;
}

bool Digest::parse(std::string_view hex, Digest& out) {
  return hex.size() == 32 && parse_hex(hex.substr(0, 16), out.high) && parse_hex(hex.substr(16), out.low);
}

Digest hash128(std::string_view bytes) {
  return hash128_inline(bytes);
}

Digest mix(const Digest& sum) {
  unsigned char bytes[16];
  for (unsigned i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned char>(sum.low >> (8 * i));
    bytes[8 + i] = static_cast<unsigned char>(sum.high >> (8 * i));
  }
  return hash128_inline({reinterpret_cast<const char*>(bytes), sizeof(bytes)});
}

}  // namespace bulk
