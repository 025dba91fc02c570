#include "backends/schema.h"

#include <rapidjson/document.h>

#include "codecs/json_check.h"
#include "io/error.h"

namespace bulk {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::corrupt, "table schema: " + what);
}

using Value = rapidjson::Value;

const Value& array_member(const Value& object, const char* name) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsArray()) refuse(std::string(name) + " is missing or no list");
  return member->value;
}

std::string text_member(const Value& object, const char* name) {
  if (!object.IsObject()) refuse(std::string("an element without ") + name);
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsString()) refuse(std::string("an element without ") + name);
  return {member->value.GetString(), member->value.GetStringLength()};
}

char type_of(const Value& definitions, const std::string& name) {
  for (const Value& definition : definitions.GetArray()) {
    if (text_member(definition, "AttributeName") != name) continue;
    const std::string type = text_member(definition, "AttributeType");
    if (type != "S" && type != "N" && type != "B") {
      refuse(std::string("key attribute '").append(name).append("' is of type '").append(type).append("'"));
    }
    return type[0];
  }
  refuse("key attribute '" + name + "' has no definition");
}

}  // namespace

TableSchema schema_from_json(std::string_view json) {
  // Checked first: RapidJSON's recursive parser has no limit of depth.
  const JsonProblem problem = check_json(json);
  if (!problem.text.empty()) refuse(problem.text + " at byte " + std::to_string(problem.offset));
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) refuse("not a JSON object");

  const Value& definitions = array_member(document, "AttributeDefinitions");
  TableSchema schema;
  schema.json = json;
  for (const Value& element : array_member(document, "KeySchema").GetArray()) {
    const std::string name = text_member(element, "AttributeName");
    const std::string role = text_member(element, "KeyType");
    const KeyAttribute attribute{name, type_of(definitions, name)};
    if (role == "HASH" && schema.key.partition.name.empty()) {
      schema.key.partition = attribute;
    } else if (role == "RANGE" && !schema.key.sort) {
      schema.key.sort = attribute;
    } else {
      refuse("KeySchema has an unexpected element for '" + name + "'");
    }
  }
  if (schema.key.partition.name.empty()) refuse("KeySchema names no partition key");
  return schema;
}

TableSchema schema_from_key(const KeySchema& key) {
  std::string elements, definitions;
  const auto add = [&](const KeyAttribute& attribute, const char* role) {
    const std::string name = "{\"AttributeName\":" + json_quoted(attribute.name);
    if (!elements.empty()) {
      elements += ',';
      definitions += ',';
    }
    elements += name + ",\"KeyType\":\"" + role + "\"}";
    definitions += name + ",\"AttributeType\":\"" + attribute.type + "\"}";
  };
  add(key.partition, "HASH");
  if (key.sort) add(*key.sort, "RANGE");
  return {key, "{\"KeySchema\":[" + elements + "],\"AttributeDefinitions\":[" + definitions +
                   "],\"BillingMode\":\"PAY_PER_REQUEST\"}"};
}

TableSchema with_json(const TableSchema& schema) {
  return schema.json.empty() ? schema_from_key(schema.key) : schema;
}

std::vector<std::string> differing_settings(const TableSchema& wanted, const TableSchema& found) {
  rapidjson::Document first;
  rapidjson::Document second;
  if (first.Parse(wanted.json).HasParseError() || !first.IsObject()) return {};
  if (second.Parse(found.json).HasParseError() || !second.IsObject()) return {};
  std::vector<std::string> names;
  for (const auto& member : first.GetObject()) {
    const std::string name(member.name.GetString(), member.name.GetStringLength());
    if (name == "KeySchema" || name == "AttributeDefinitions" || name == "NotCopied") continue;
    const auto other = second.FindMember(member.name);
    if (other == second.MemberEnd() || other->value != member.value) names.push_back(name);
  }
  return names;
}

std::vector<std::string> settings_not_copied(const TableSchema& schema) {
  rapidjson::Document document;
  std::vector<std::string> names;
  if (document.Parse(schema.json).HasParseError() || !document.IsObject()) return names;
  const auto list = document.FindMember("NotCopied");
  if (list == document.MemberEnd() || !list->value.IsArray()) return names;
  for (const Value& name : list->value.GetArray()) {
    if (name.IsString()) names.emplace_back(name.GetString(), name.GetStringLength());
  }
  return names;
}

}  // namespace bulk
