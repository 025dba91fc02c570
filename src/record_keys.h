// How a comparison tells records apart and names them to people: items by their key, rows by their table and primary
// key, or, where a table has none, by the whole row.
#pragma once

#include <memory>
#include <string_view>

#include "backends/backend.h"
#include "codecs/key_schema.h"
#include "codecs/row_schema.h"

namespace bulk {

class RecordKeys {
 public:
  virtual ~RecordKeys() = default;
  struct Key {
    Digest hash;
    std::string_view text;  // JSON, until the next call: {"pk":{"S":"a"}}, {"table":"public.orders","key":{"id":1}}
  };
  virtual Key of(const RecordRef& record) = 0;
};

std::unique_ptr<RecordKeys> keys_of_items(const KeySchema& key);
// `rows`: the tables that Batch::table counts.
std::unique_ptr<RecordKeys> keys_of_rows(std::shared_ptr<const RowSchema> rows);

}  // namespace bulk
