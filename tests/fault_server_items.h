// What the service checks about an item before it takes it, in the service's own words, and when two items are the
// same. Written against the published rules and without the program's own item code (numbers apart), so that the server
// can judge what the program sends. Pure functions.
#pragma once

#include <rapidjson/document.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace bulk::test {

using TableKey = std::vector<std::pair<std::string, char>>;  // name and type; partition key first

std::string json_text_of(const rapidjson::Value& value);

// Empty: the item may be put, and `key` is the text of its key (each attribute's value in canonical spelling, ended by
// a newline); else what the service says.
std::string item_problem(const TableKey& table_key, const rapidjson::Value& item, std::string& key);

// The same text for the key attributes alone (ExclusiveStartKey).
std::string key_problem(const TableKey& table_key, const rapidjson::Value& attributes, std::string& key);

// {"pk":VALUE,"sk":VALUE} from such a text.
std::string key_json(const TableKey& table_key, const std::string& key);

// Bytes of an item as the service counts them; `problem` is set when a value in it is none.
std::size_t item_bytes(const rapidjson::Value& item, std::string& problem);

// Equal attributes with equal values, whatever their order.
bool same_item(const std::string& one, const std::string& other);

}  // namespace bulk::test
