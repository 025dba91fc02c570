#include "backends/postgres/item_table.h"

#include <algorithm>
#include <vector>

#include "io/error.h"

namespace bulk {
namespace {

// PostgreSQL cuts longer names without an error (NAMEDATALEN - 1).
constexpr std::size_t kMostNameBytes = 63;

struct KeyType {
  char attribute;
  const char* column;      // as format_type() spells it
  const char* definition;  // in CREATE TABLE
};
// "C": as DynamoDB orders strings, and the only order that is the same everywhere.
constexpr KeyType kKeyTypes[] = {
    {'S', "text", "text COLLATE \"C\""}, {'N', "numeric", "numeric"}, {'B', "bytea", "bytea"}};

std::vector<KeyAttribute> attributes_of(const KeySchema& key) {
  std::vector<KeyAttribute> attributes{key.partition};
  if (key.sort) attributes.push_back(*key.sort);
  return attributes;
}

[[noreturn]] void refuse(const RowTable& table, const std::string& why) {
  throw Error(ErrorKind::refused, table.full_name() + " is no table of items: " + why,
              "such a table is made like this, its key named as the items' key attributes, of types text, numeric or "
              "bytea: CREATE TABLE " +
                  pg_identifier(PgName{table.schema, table.name}) +
                  " (pk text COLLATE \"C\", sk numeric, item jsonb NOT NULL, PRIMARY KEY (pk, sk)); --create makes it");
}

const RowColumn* find_column(const RowTable& table, const std::string& name) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const RowColumn& column) { return column.name == name; });
  return found == table.columns.end() ? nullptr : &*found;
}

KeyAttribute attribute_of(const RowTable& table, const std::string& name) {
  const RowColumn* const column = find_column(table, name);
  const std::string text = "column '" + name + "' of its primary key";
  if (column == nullptr) refuse(table, text + " is generated");
  for (const KeyType& type : kKeyTypes) {
    if (column->type == type.column) return {name, type.attribute};
  }
  refuse(table, text + " is " + column->type);
}

// The value of the column as its item has it.
std::string key_in_item(const KeyAttribute& attribute) {
  const std::string value = kItemColumn.name + " -> " + pg_literal(attribute.name) + " ->> '" + attribute.type + "'";
  if (attribute.type == 'N') return "(" + value + ")::pg_catalog.numeric";
  if (attribute.type == 'B') return "pg_catalog.decode(" + value + ", 'base64')";
  return "(" + value + ")";
}

}  // namespace

KeySchema item_key_of(const RowTable& table) {
  const RowColumn* const item = find_column(table, kItemColumn.name);
  if (item == nullptr) refuse(table, "it has no column 'item'");
  if (item->type != kItemColumn.type) refuse(table, "column 'item' is " + item->type);
  const std::vector<std::string>& key = table.primary_key;
  if (key.empty()) refuse(table, "it has no primary key");
  if (key.size() > 2) refuse(table, "its primary key has " + std::to_string(key.size()) + " columns");
  KeySchema schema{attribute_of(table, key[0]), std::nullopt};
  if (key.size() == 2) schema.sort = attribute_of(table, key[1]);
  for (const RowColumn& column : table.columns) {
    if (column.name == kItemColumn.name || std::find(key.begin(), key.end(), column.name) != key.end()) continue;
    refuse(table, "column '" + column.name + "' is neither in its primary key nor generated from the item");
  }
  return schema;
}

std::string create_item_table_sql(const PgName& table, const KeySchema& key) {
  if (table.name.size() > kMostNameBytes) {
    throw Error(ErrorKind::refused, "a table of PostgreSQL cannot be named '" + table.name + "'",
                "names have 63 bytes at most");
  }
  std::string columns, names, checks;
  for (const KeyAttribute& attribute : attributes_of(key)) {
    if (attribute.name.size() > kMostNameBytes || attribute.name == kItemColumn.name) {
      throw Error(ErrorKind::refused, "a column cannot be named as the key attribute '" + attribute.name + "'",
                  attribute.name == kItemColumn.name ? "the column 'item' holds the whole item"
                                                     : "names have 63 bytes at most");
    }
    const std::string column = pg_identifier(attribute.name);
    const KeyType& type = *std::find_if(std::begin(kKeyTypes), std::end(kKeyTypes),
                                        [&](const KeyType& each) { return each.attribute == attribute.type; });
    columns += column + " " + type.definition + ", ";
    names += (names.empty() ? "" : ", ") + column;
    checks += ", CHECK ((" + column + " = " + key_in_item(attribute) + ") IS TRUE)";
  }
  return "CREATE TABLE " + pg_identifier(table) + " (" + columns + kItemColumn.name + " jsonb NOT NULL, PRIMARY KEY (" +
         names + ")" + checks + ")";
}

}  // namespace bulk
