// One DynamoDB item as JSON text: checked, measured and hashed in a single walk over its bytes, without building a
// tree.
//
// The walk accepts exactly the JSON grammar (RFC 8259, UTF-8 included) and on top of it the grammar of typed attribute
// values: one type tag each, numbers of at most 38 digits, canonical base64, sets not empty and without duplicates, no
// attribute name twice, nesting of at most 32. Values are never converted: what is already canonical is hashed where it
// lies, the rest is repaired into a scratch buffer (docs/format.md, "Content digest"). Item size follows the service's
// published rules, so that 409,600 bytes is the last size accepted.
//
// An ItemScanner holds scratch memory: one per thread, reused for millions of items.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "codecs/digest.h"
#include "codecs/key_schema.h"

namespace bulk {

inline constexpr std::size_t kMaxItemBytes = 409'600;
// Of the values of key attributes.
inline constexpr std::size_t kMaxPartitionKeyBytes = 2048;
inline constexpr std::size_t kMaxSortKeyBytes = 1024;

struct ItemFacts {
  Digest digest;    // record(r) of docs/format.md
  Digest key_hash;  // hash128 of the canonical key text; zero without a key schema
  // Low 64 bits of hash128 of the partition attribute's canonical text, `"pk":{"S":"a"}`; zero without a key schema.
  std::uint64_t partition_hash = 0;
  std::size_t size_bytes = 0;  // as DynamoDB counts it
  std::size_t length = 0;      // bytes of text that the item takes, from '{' to '}' inclusive
  bool one_line = true;        // no raw newline or carriage return between tokens
};

struct ItemProblem {
  std::string text;        // "attribute 'age': a set is empty", numbers in DynamoDB's own words
  std::size_t offset = 0;  // in the text given
};

class ItemWalk;

class ItemScanner {
 public:
  // `keys` may be null: then no key is looked for. Copied.
  explicit ItemScanner(const KeySchema* keys = nullptr);
  ~ItemScanner();
  ItemScanner(ItemScanner&&) noexcept;
  ItemScanner& operator=(ItemScanner&&) noexcept;

  // Scans the item that begins at text[0] ('{'); text may go on behind it. False when it is not a legal item: see
  // problem(). A key attribute that is missing, empty, too long or of the wrong type is a problem; an oversized item is
  // not (see size_bytes).
  bool scan(std::string_view text, ItemFacts& facts);
  const ItemProblem& problem() const noexcept;

  // Of the item scanned last: canonical text of its key, `{"pk":{"S":"a"},"sk":{"N":"1"}}`, partition key first.
  std::string_view key_text() const noexcept { return key_text_; }

  // The whole item in canonical text, attributes sorted by name. Empty and problem() set when it is not legal.
  std::string canonical(std::string_view text);

 private:
  std::unique_ptr<ItemWalk> walk_;
  std::string key_text_;
};

// The canonical spelling of a DynamoDB number, or an empty string and a reason.
std::string canonical_number(std::string_view number, std::string* reason = nullptr);
// Bytes that DynamoDB counts for a number; 0 when it is not one.
std::size_t number_size(std::string_view number);

}  // namespace bulk
