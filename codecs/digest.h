// A 128-bit sum: the content digest of docs/format.md. Values, no state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bulk {

struct Digest {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  Digest& operator+=(const Digest& other) {
    low += other.low;
    high += other.high + (low < other.low ? 1 : 0);
    return *this;
  }
  Digest& operator-=(const Digest& other) {
    high -= other.high + (low < other.low ? 1 : 0);
    low -= other.low;
    return *this;
  }
  friend bool operator==(const Digest&, const Digest&) = default;

  std::string hex() const;                               // 32 digits, most significant first
  static bool parse(std::string_view hex, Digest& out);  // false unless exactly 32 lower-case hex digits
};

Digest hash128(std::string_view bytes);  // XXH3_128, unseeded
Digest mix(const Digest& sum);           // hash128 of the 16 bytes, least significant first

}  // namespace bulk
