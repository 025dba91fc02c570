// Finds the items in the body of a BatchWriteItem or PutItem, and the key in that of an UpdateItem. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "bench/null_server/item_set.h"

namespace bulk::bench {

inline constexpr std::size_t kMostPuts = 25;

struct Put {
  std::string_view text;               // the item, '{' to '}'
  std::optional<std::uint64_t> index;  // in the set
};

struct Puts {
  std::array<Put, kMostPuts> put;
  std::size_t count = 0;
  std::string_view table;         // name or ARN
  bool wants_capacity = false;    // "ReturnConsumedCapacity"
  std::string_view problem = {};  // why the request is refused; empty: it is good
};

// The end of an item of the set is known from its key and only looked at; other items are measured brace by brace.
Puts find_puts(std::string_view body, const ItemSet& set);

struct Update {
  std::optional<std::uint64_t> index;  // in the set
  std::string_view table;              // name or ARN
  bool conditional = false;            // has a ConditionExpression
  bool wants_capacity = false;         // "ReturnConsumedCapacity"
  std::string_view problem = {};       // why the request is refused; empty: it has the shape of one
};

// What the update would do is not looked at.
Update find_update(std::string_view body, const ItemSet& set);

}  // namespace bulk::bench
