#include "bench/null_server/item_set.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "bench/null_server/item_text.h"

namespace bulk::bench {
namespace {

// Odd, so that multiplying by it modulo 2^32 can be undone: partition keys look random and tell their number.
constexpr std::uint32_t kScramble = 0x9E3779B1u;

constexpr std::uint32_t inverse_of(std::uint32_t odd) {
  std::uint32_t inverse = odd;  // right in the lowest three bits; each round doubles them
  for (int i = 0; i < 4; ++i) inverse *= 2 - odd * inverse;
  return inverse;
}
constexpr std::uint32_t kUnscramble = inverse_of(kScramble);
static_assert(kScramble * kUnscramble == 1);

constexpr std::size_t kDigitsAt = sizeof kPartitionText - 1;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

void Fingerprint::add(const Fingerprint& other) noexcept {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
}

std::string Fingerprint::hex() const {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(high),
                static_cast<unsigned long long>(low));
  return text;
}

Fingerprint fingerprint(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {hash.low64, hash.high64};
}

std::uint32_t ItemSet::partition(std::uint64_t i) noexcept {
  return static_cast<std::uint32_t>(i / kItemsPerPartition) * kScramble;
}

ItemSet::ItemSet(const ItemSetOptions& options) : items_(options.items) {
  if (items_ > (std::uint64_t{1} << 32)) throw std::runtime_error("a set has at most 2^32 items");
  if (options.item_bytes < 100 || options.item_bytes > 400'000) {
    throw std::runtime_error("an item has 100 to 400000 bytes");
  }
  const std::uint64_t fitting = std::max<std::uint64_t>(options.block_bytes / options.item_bytes, kItemsPerPartition);
  block_ = std::min(std::max<std::uint64_t>(items_, 1), fitting / kItemsPerPartition * kItemsPerPartition);
  const std::uint64_t kept = std::min(items_, block_);
  text_.reserve(kept * (options.item_bytes + options.item_bytes / 20 + 1));
  offsets_.reserve(kept + 1);
  counted_.reserve(kept);
  for (std::uint64_t i = 0; i < kept; ++i) {
    if (i > 0) text_ += ',';
    offsets_.push_back(text_.size());
    counted_.push_back(append_item_text(options.seed, i, options.item_bytes, text_));
  }
  offsets_.push_back(text_.size() + 1);
  if (counted_.empty()) counted_.push_back(0);
  std::string copy;
  for (std::uint64_t i = 0; i < items_; ++i) {
    const std::size_t bytes = length(i);
    text_bytes_ += bytes;
    counted_bytes_ += counted_bytes(i);
    std::string_view text(text_.data() + offsets_[i % block_], bytes);
    if (i >= block_) {
      copy.assign(text);
      patch_key(i, copy.data());
      text = copy;
    }
    total_.add(fingerprint(text));
  }
}

std::size_t ItemSet::length(std::uint64_t i) const noexcept {
  const std::uint64_t at = i % block_;
  return static_cast<std::size_t>(offsets_[at + 1] - offsets_[at] - 1);
}

void ItemSet::patch_key(std::uint64_t i, char* item) const noexcept {
  std::uint32_t rest = partition(i);
  char* digit = item + kDigitsAt + kPartitionDigits;
  for (std::size_t k = 0; k < kPartitionDigits; ++k, rest /= 10) *--digit = static_cast<char>('0' + rest % 10);
}

std::optional<std::string_view> ItemSet::joined(std::uint64_t from, std::uint64_t to) const noexcept {
  if (from >= to) return std::string_view();
  if (to > block_) return std::nullopt;
  return std::string_view(text_.data() + offsets_[from], offsets_[to] - 1 - offsets_[from]);
}

void ItemSet::append_joined(std::uint64_t from, std::uint64_t to, std::string& out) const {
  for (bool first = true; from < to; first = false) {
    const std::uint64_t at = from % block_;
    const std::uint64_t count = std::min(to - from, block_ - at);
    if (!first) out += ',';
    const std::size_t begin = out.size();
    out.append(text_, offsets_[at], offsets_[at + count] - 1 - offsets_[at]);
    if (from >= block_) {
      for (std::uint64_t k = 0; k < count; ++k)
        patch_key(from + k, out.data() + begin + (offsets_[at + k] - offsets_[at]));
    }
    from += count;
  }
}

std::string ItemSet::item(std::uint64_t i) const {
  std::string out;
  append_joined(i, i + 1, out);
  return out;
}

std::string ItemSet::key(std::uint64_t i) const {
  const std::string text = item(i);
  const std::size_t second = text.find("\"},", kDigitsAt + kPartitionDigits + 3);
  return text.substr(0, second + 2) + "}";
}

std::optional<std::uint64_t> ItemSet::index_of(std::string_view text) const noexcept {
  const auto behind = [&](std::string_view word) {
    const std::size_t at = text.substr(0, 160).find(word);
    return at == std::string_view::npos ? text.size() : at + word.size();
  };
  std::size_t at = text.starts_with(kPartitionText) ? kDigitsAt : behind("\"CUSTOMER#");
  if (at + kPartitionDigits >= text.size()) return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t k = 0; k < kPartitionDigits; ++k, ++at) {
    if (!is_digit(text[at])) return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(text[at] - '0');
  }
  constexpr std::size_t kDate = sizeof "2025-01-31#" - 1;
  constexpr std::string_view kBetween = R"("},"sk":{"S":"ORDER#)";
  at = (text.substr(at).starts_with(kBetween) ? at + kBetween.size() : behind("\"ORDER#")) + kDate;
  if (number > 0xFFFFFFFFu || at + 1 >= text.size() || !is_digit(text[at]) || text[at + 1] != '"') return std::nullopt;
  const std::uint64_t place = static_cast<std::uint64_t>(text[at] - '0');
  const std::uint64_t group = static_cast<std::uint32_t>(number) * kUnscramble;
  const std::uint64_t index = group * kItemsPerPartition + place;
  if (place >= kItemsPerPartition || index >= items_) return std::nullopt;
  return index;
}

}  // namespace bulk::bench
