// What DynamoDB would refuse, the local stores refuse too: an item that is not legal, has no legal key or is over
// 409,600 bytes. So a table tried out locally does not fail later in the cloud, and the reasons read alike.
// Holds an ItemScanner's scratch memory: one per thread.
#pragma once

#include <string>
#include <string_view>

#include "codecs/item.h"
#include "codecs/key_schema.h"

namespace bulk {

// The key's values as text: S decoded, N in canonical spelling, B as base64.
struct KeyValues {
  std::string partition, sort;
};

class ItemGate {
 public:
  explicit ItemGate(const KeySchema& key) : key_(key), scanner_(&key_) {}
  ItemGate(const ItemGate&) = delete;
  ItemGate& operator=(const ItemGate&) = delete;

  // The item of a record line; false when the service would refuse it: see reason().
  bool admit(std::string_view line);
  // The same of an item alone, or of a key alone.
  bool admit_item(std::string_view item);
  const std::string& reason() const noexcept { return reason_; }

  // Of what was admitted last.
  std::string_view item() const noexcept { return item_; }
  const ItemFacts& facts() const noexcept { return facts_; }
  std::string_view key_text() const noexcept { return scanner_.key_text(); }
  const KeyValues& key_values() const noexcept { return values_; }

 private:
  bool refuse(std::string_view why);
  void decode_key();

  KeySchema key_;
  ItemScanner scanner_;
  ItemFacts facts_;
  std::string_view item_;
  KeyValues values_;
  std::string reason_;
};

}  // namespace bulk
