// Makes the text of one generated item, and counts its size as DynamoDB does while it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bulk::bench {

inline constexpr std::uint64_t kItemsPerPartition = 5;
// Every item begins with this text, ten digits, the next text, a date and `#` with one digit: its key.
inline constexpr char kPartitionText[] = R"({"pk":{"S":"CUSTOMER#)";
inline constexpr std::size_t kPartitionDigits = 10;

// A small fast generator (splitmix64): the same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
  bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

// Appends item `index` of the set of this seed: about `item_bytes` of text on average. Returns its size as DynamoDB
// counts it.
std::uint32_t append_item_text(std::uint64_t seed, std::uint64_t index, std::size_t item_bytes, std::string& out);

}  // namespace bulk::bench
