// The part of FaultTables that reads and updates single items. What an expression means is said by codecs/expression.h,
// which is tested against real servers; the rest is written against the published rules.
#include <algorithm>
#include <cmath>

#include "codecs/expression.h"
#include "io/error.h"
#include "tests/fault_server_tables.h"

namespace bulk::test {
namespace {

using Reply = TinyHttpServer::Reply;
using rapidjson::Value;

constexpr std::string_view kTooLarge = "Item size has exceeded the maximum allowed size";

Reply invalid(const std::string& message) {
  return error_reply(400, "ValidationException", message);
}

std::string text_of(const Value& body, const char* name) {
  const auto member = body.FindMember(name);
  if (member == body.MemberEnd() || !member->value.IsString()) return {};
  return {member->value.GetString(), member->value.GetStringLength()};
}

// ","ConsumedCapacity":{...}" where it was asked for.
std::string consumed(const Value& body, double units) {
  if (text_of(body, "ReturnConsumedCapacity") != "TOTAL") return {};
  return "\"ConsumedCapacity\":{\"TableName\":\"" + text_of(body, "TableName") +
         "\",\"CapacityUnits\":" + std::to_string(units) + "}";
}

double units_of(std::size_t bytes, double unit) {
  return std::max(1.0, std::ceil(static_cast<double>(bytes) / unit));
}

// A request's key; `text` as key_problem() makes it. Empty: it is one.
std::string request_key_problem(const TableKey& key, const Value& body, std::string& text) {
  const auto member = body.FindMember("Key");
  if (member == body.MemberEnd() || !member->value.IsObject() || member->value.MemberCount() != key.size()) {
    return "The provided key element does not match the schema";
  }
  const std::string problem = key_problem(key, member->value, text);
  return problem.find("Missing the key") == std::string::npos ? problem
                                                              : "The provided key element does not match the schema";
}

// What UpdateItem's expressions say. `problem` is what the service refuses them for.
struct Expressions {
  std::optional<Update> update;
  std::optional<Condition> condition;
  std::string problem;

  explicit Expressions(const Value& body) {
    Placeholders placeholders;
    read(body, "ExpressionAttributeNames", placeholders.names, [](const Value& name) {
      return name.IsString() ? std::string(name.GetString(), name.GetStringLength()) : "";
    });
    read(body, "ExpressionAttributeValues", placeholders.values,
         [](const Value& value) { return json_text_of(value); });
    if (!problem.empty()) return;
    try {
      if (body.HasMember("UpdateExpression")) update = Update::parse(text_of(body, "UpdateExpression"), placeholders);
      if (body.HasMember("ConditionExpression")) {
        condition = Condition::parse(text_of(body, "ConditionExpression"), placeholders);
      }
    } catch (const Error& error) {
      problem = error.what();
      return;
    }
    check_use(placeholders.names, "Names");
    check_use(placeholders.values, "Values");
  }

 private:
  template <typename Text>
  void read(const Value& body, const char* member, std::map<std::string, std::string>& into, const Text& text) {
    const auto found = body.FindMember(member);
    if (found == body.MemberEnd()) return;
    if (!found->value.IsObject() || found->value.ObjectEmpty()) {
      problem = std::string(member) + " must not be empty";
      return;
    }
    for (const auto& [name, value] : found->value.GetObject()) {
      if (member == std::string_view("ExpressionAttributeValues")) {
        std::string of_value;
        Value item(rapidjson::kObjectType);
        rapidjson::Document::AllocatorType allocator;
        item.AddMember("v", Value(value, allocator), allocator);
        item_bytes(item, of_value);
        if (!of_value.empty()) problem = std::string(member) + " contains invalid value: " + of_value;
      }
      into.emplace(name.GetString(), text(value));
    }
  }

  void check_use(const std::map<std::string, std::string>& given, const std::string& what) {
    for (const auto& [name, text] : given) {
      const bool used =
          (update && update->placeholders().contains(name)) || (condition && condition->placeholders().contains(name));
      if (!used) {
        problem = "Value provided in ExpressionAttribute" + what + " unused in expressions: keys: {" + name + "}";
      }
    }
  }
};

// The item's text with the changes made.
std::string changed_item(const std::string& before, const std::vector<Update::Change>& changes) {
  rapidjson::Document item;
  item.Parse<rapidjson::kParseIterativeFlag>(before.c_str(), before.size());
  for (const Update::Change& change : changes) {
    const Value name(rapidjson::StringRef(change.name.data(), static_cast<rapidjson::SizeType>(change.name.size())));
    if (item.HasMember(name)) item.EraseMember(name);
    if (!change.value) continue;
    rapidjson::Document value(&item.GetAllocator());
    value.Parse<rapidjson::kParseIterativeFlag>(change.value->c_str(), change.value->size());
    item.AddMember(Value(name, item.GetAllocator()), value, item.GetAllocator());
  }
  return json_text_of(item);
}

std::size_t bytes_of(const std::string& text) {
  rapidjson::Document item;
  item.Parse<rapidjson::kParseIterativeFlag>(text.c_str(), text.size());
  std::string ignored;
  return item_bytes(item, ignored);
}

}  // namespace

Reply FaultTables::get_item(const Table& table, const Value& body) {
  std::string key;
  if (const std::string problem = request_key_problem(table.key, body, key); !problem.empty()) return invalid(problem);
  const auto found = table.items.find(key);
  if (found == table.items.end()) return ok_reply("{" + consumed(body, 1) + "}");
  const std::string capacity = consumed(body, units_of(bytes_of(found->second.text), 4096));
  return ok_reply("{\"Item\":" + found->second.text + (capacity.empty() ? "" : ",") + capacity + "}");
}

FaultTables::Outcome FaultTables::update_item(Table& table, const Value& body) {
  std::string key;
  if (const std::string problem = request_key_problem(table.key, body, key); !problem.empty()) {
    return {invalid(problem), {}};
  }
  const Expressions expressions(body);
  if (!expressions.problem.empty()) return {invalid(expressions.problem), {}};
  for (const auto& [name, type] : table.key) {
    if (expressions.update && expressions.update->touched().contains(name)) {
      return {invalid("One or more parameter values were invalid: Cannot update attribute " + name +
                      ". This attribute is part of the key"),
              {}};
    }
  }
  const auto found = table.items.find(key);
  const bool there = found != table.items.end();
  const std::string before = there ? found->second.text : std::string("{}");
  ItemView view;
  view.reset(before);
  if (expressions.condition && !expressions.condition->holds(view)) {
    Reply reply = error_reply(400, "ConditionalCheckFailedException", "The conditional request failed");
    if (there && !faults_.no_old_item && text_of(body, "ReturnValuesOnConditionCheckFailure") == "ALL_OLD") {
      reply.body.pop_back();
      reply.body += ",\"Item\":" + before + "}";
    }
    return {std::move(reply), {}};
  }
  const std::string base = there ? before : json_text_of(body["Key"]);
  view.reset(base);
  std::vector<Update::Change> changes;
  std::string problem;
  if (expressions.update && !expressions.update->apply(view, changes, problem)) return {invalid(problem), {}};
  std::string after = changed_item(base, changes);
  rapidjson::Document item;
  item.Parse<rapidjson::kParseIterativeFlag>(after.c_str(), after.size());
  std::string same_key;
  problem = check_item(table, item, same_key);
  if (problem == kTooLarge) problem = "Item size to update has exceeded the maximum allowed size";
  if (!problem.empty()) return {invalid(problem), {}};
  const double units = units_of(std::max(there ? bytes_of(before) : 0, bytes_of(after)), 1024);
  if (!take_capacity(units)) {
    return {error_reply(400, "ProvisionedThroughputExceededException", "nothing could be written"), {}};
  }
  StoredItem& stored = table.items[key];
  stored.text = std::move(after);
  ++stored.updates;
  ++updates_;
  return {ok_reply("{" + consumed(body, units) + "}"), {}};
}

}  // namespace bulk::test
