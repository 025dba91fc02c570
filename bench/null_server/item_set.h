// The items that the null server serves and expects: generated from a seed, the same ones in every run.
//
// They are mixed (S, N, B, BOOL, NULL, SS, NS, L, M, text beyond ASCII) and spelled as DynamoDB spells them; a set in
// four is not in ascending order and maps keep no order at all, because the service promises neither. Five items share
// a partition key. Item i of the set is item i of a scan; its key tells i again, so that nobody needs an index by key.
//
// All text lies in one block, item after item with commas between them: a page of a Scan is a slice of it and nothing
// is rendered when it is asked for. A set of more than 420 MB repeats the block, with other partition keys patched into
// a copy: ten million items take the memory of one million, and a page costs one copy (0.3 ms for 2.3 MB). What repeats
// is further apart than any compressor at level 3 looks back. Immutable once made: any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulk::bench {

// 128 bits that add up: the fingerprint of many texts in any order.
struct Fingerprint {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  void add(const Fingerprint& other) noexcept;
  bool operator==(const Fingerprint&) const = default;
  std::string hex() const;
};
Fingerprint fingerprint(std::string_view text);

struct ItemSetOptions {
  std::uint64_t items = 1'000'000;
  std::uint64_t seed = 1;
  std::size_t item_bytes = 380;           // of JSON text, on average; at least 100
  std::size_t block_bytes = 420'000'000;  // of text that is kept
};

class ItemSet {
 public:
  explicit ItemSet(const ItemSetOptions& options);

  std::uint64_t size() const noexcept { return items_; }
  std::uint64_t text_bytes() const noexcept { return text_bytes_; }  // of all items, without commas
  std::uint64_t item_bytes_total() const noexcept { return counted_bytes_; }
  // Of all items: what a table that holds exactly the set adds up to.
  const Fingerprint& total() const noexcept { return total_; }

  // Bytes of JSON text of item i, and bytes as DynamoDB counts them.
  std::size_t length(std::uint64_t i) const noexcept;
  std::uint32_t counted_bytes(std::uint64_t i) const noexcept { return counted_[i % block_]; }

  // Items [from, to), with commas between them. `joined` is free of copies and only there where the block has them.
  std::optional<std::string_view> joined(std::uint64_t from, std::uint64_t to) const noexcept;
  void append_joined(std::uint64_t from, std::uint64_t to, std::string& out) const;
  std::string item(std::uint64_t i) const;
  std::string key(std::uint64_t i) const;  // {"pk":{"S":"…"},"sk":{"S":"…"}}

  // Which item has the key with which this text begins, an item or a key and nothing behind it; nothing when no item of
  // the set has it. White space may stand between the tokens.
  std::optional<std::uint64_t> index_of(std::string_view text) const noexcept;

  // A number that is the same for all items of one partition key and evenly spread over 32 bits.
  static std::uint32_t partition(std::uint64_t i) noexcept;

 private:
  void patch_key(std::uint64_t i, char* item) const noexcept;

  std::uint64_t items_;
  std::uint64_t block_;  // items in the block, a multiple of the items per partition key
  std::string text_;
  std::vector<std::uint64_t> offsets_;  // of each item in text_, and one behind the last
  std::vector<std::uint32_t> counted_;
  std::uint64_t text_bytes_ = 0;
  std::uint64_t counted_bytes_ = 0;
  Fingerprint total_;
};

}  // namespace bulk::bench
