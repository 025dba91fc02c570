// What a table that holds items looks like (docs/postgresql.md, "Items in a table"): the key attributes as columns of
// their own types, which are the primary key, and the whole item as jsonb. Pure.
#pragma once

#include <string>

#include "backends/postgres/url.h"
#include "codecs/key_schema.h"
#include "codecs/row_schema.h"

namespace bulk {

// Where the whole item stands, in DynamoDB JSON.
inline const RowColumn kItemColumn{"item", "jsonb", RowKind::json};

// The key of the items in `table`. Error(refused) when it does not have that form: why, and how one is made.
KeySchema item_key_of(const RowTable& table);

// CREATE TABLE, with checks that nobody gives a row another key than its item has: two rows would be one item.
// Error(refused) for attributes that no column can be named as.
std::string create_item_table_sql(const PgName& table, const KeySchema& key);

}  // namespace bulk
