// Between a table's schema as JSON (docs/format.md, header member "schema") and the key that every backend needs. Pure.
#pragma once

#include <string>
#include <string_view>

#include "backends/backend.h"

namespace bulk {

// The key from KeySchema and AttributeDefinitions; the text is kept as it stands.
// Throws Error(corrupt) "table schema: ..." when it is not JSON or names no key.
TableSchema schema_from_json(std::string_view json);

// The smallest schema that makes a table with this key: on-demand billing, no index.
TableSchema schema_from_key(const KeySchema& key);

// `schema` with its text filled in from the key where it has none.
TableSchema with_json(const TableSchema& schema);

}  // namespace bulk
