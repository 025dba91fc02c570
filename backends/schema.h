// Between a table's schema as JSON (docs/format.md, header member "schema") and the key that every backend needs. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"

namespace bulk {

// The key from KeySchema and AttributeDefinitions; the text is kept as it stands.
// Throws Error(corrupt) "table schema: ..." when it is not JSON or names no key.
TableSchema schema_from_json(std::string_view json);

// The smallest schema that makes a table with this key: on-demand billing, no index.
TableSchema schema_from_key(const KeySchema& key);

// `schema` with its text filled in from the key where it has none.
TableSchema with_json(const TableSchema& schema);

// Members of `wanted` (but for keys, attribute definitions and notes) that `found` lacks or has otherwise:
// "TimeToLive", "GlobalSecondaryIndexes". Order of members does not matter. Empty when either text is empty.
std::vector<std::string> differing_settings(const TableSchema& wanted, const TableSchema& found);

// The schema's own list of settings that were seen and are not in it (docs/format.md, "NotCopied").
std::vector<std::string> settings_not_copied(const TableSchema& schema);

}  // namespace bulk
