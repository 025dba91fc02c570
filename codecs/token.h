// Up to 8 characters of text compared at once, as one word.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace bulk {

// The 8 bytes at `at`.
inline std::uint64_t word_at(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, 8);
  return word;
}

// A mask of the first `length` bytes of such a word, of all of them from 8 on.
inline std::uint64_t first_bytes(std::size_t length) {
  if (length >= 8) return ~std::uint64_t{0};
  const std::uint64_t lowest = (std::uint64_t{1} << (8 * length)) - 1;
  return std::endian::native == std::endian::little ? lowest : ~(~std::uint64_t{0} >> (8 * length));
}

struct Token {
  std::uint64_t word = 0;
  std::uint64_t mask = 0;
  // In the 8 bytes that word_at() has read.
  bool begins(std::uint64_t text) const { return (text & mask) == word; }
};

// At most 8 characters; '?' stands for any.
constexpr Token token(std::string_view text) {
  struct Bytes {
    char at[8] = {};
  };
  Bytes word;
  Bytes mask;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '?') continue;
    word.at[i] = text[i];
    mask.at[i] = static_cast<char>(0xFF);
  }
  return {std::bit_cast<std::uint64_t>(word), std::bit_cast<std::uint64_t>(mask)};
}

}  // namespace bulk
