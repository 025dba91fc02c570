// The hash is compiled in (XXH_INLINE_ALL) because most inputs are attributes of 10 to 60 bytes, where a call through
// the shared library costs as much as the hash.
#include "codecs/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

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
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

Digest mix(const Digest& sum) {
  unsigned char bytes[16];
  for (unsigned i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned char>(sum.low >> (8 * i));
    bytes[8 + i] = static_cast<unsigned char>(sum.high >> (8 * i));
  }
  XXH128_hash_t hash = XXH3_128bits(bytes, sizeof(bytes));
  return {hash.low64, hash.high64};
}

}  // namespace bulk
