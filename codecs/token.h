// Up to 8 characters of text compared at once, as one word.
#pragma once

#include <array>
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

// A mask of the first `length` bytes of such a word, of all of them from 8 on. From a table: lengths are too various to
// be guessed by a branch.
inline std::uint64_t first_bytes(std::size_t length) {
  static constexpr auto kMasks = [] {
    std::array<std::uint64_t, 9> masks{};
    for (std::size_t i = 1; i < masks.size(); ++i) {
      std::array<std::uint8_t, 8> bytes{};
      for (std::size_t k = 0; k < i; ++k) bytes[k] = 0xFF;
      masks[i] = std::bit_cast<std::uint64_t>(bytes);
    }
    return masks;
  }();
  return kMasks[length < 8 ? length : 8];
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
