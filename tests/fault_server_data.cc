// The part of FaultTables that reads and writes items.
#include <algorithm>
#include <cmath>

#include "tests/fault_server_tables.h"

namespace bulk::test {
namespace {

using Reply = TinyHttpServer::Reply;
using rapidjson::Value;

constexpr std::size_t kMostPuts = 25;

Reply invalid(const std::string& message) {
  return error_reply(400, "ValidationException", message);
}

std::string consumed(const std::string& table, double units) {
  return "{\"TableName\":\"" + table + "\",\"CapacityUnits\":" + std::to_string(units) + "}";
}

double put_cost(const std::string& item) {
  return std::ceil(static_cast<double>(item.size()) / 1024);
}

// FNV-1a: which segment a partition key belongs to.
std::uint64_t segment_of(const std::string& key, std::uint64_t segments) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : key.substr(0, key.find('\n'))) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return (hash ^ (hash >> 32)) % segments;
}

// What the service refuses about the shape of a BatchWriteItem; empty: nothing.
std::string batch_problem(const Value& body) {
  const auto requests = body.FindMember("RequestItems");
  const std::string refused = "1 validation error detected: Value ";
  if (requests == body.MemberEnd() || !requests->value.IsObject()) {
    return refused + "null at 'requestItems' failed to satisfy constraint: Member must not be null";
  }
  if (requests->value.MemberCount() == 0) {
    return refused +
           "'{}' at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1";
  }
  if (requests->value.MemberCount() != 1) return "one table, please";
  const Value& list = requests->value.MemberBegin()->value;
  if (!list.IsArray() || list.Empty()) {
    return refused + "'{" + requests->value.MemberBegin()->name.GetString() +
           "=[]}' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: [Member must have "
           "length less than or equal to 25, Member must have length greater than or equal to 1]";
  }
  if (list.Size() > kMostPuts) return "Too many items requested for the BatchWriteItem call";
  for (const Value& request : list.GetArray()) {
    const bool is_put = request.IsObject() && request.MemberCount() == 1 && request.HasMember("PutRequest") &&
                        request["PutRequest"].IsObject() && request["PutRequest"].HasMember("Item");
    if (!is_put) return "only puts are known here";
  }
  return {};
}

}  // namespace

std::string FaultTables::check_item(const Table& table, const Value& item, std::string& key) const {
  if (std::string problem = item_problem(table.key, item, key); !problem.empty()) return problem;
  const bool poisoned = !faults_.poison_attribute.empty() && item.HasMember(faults_.poison_attribute.c_str());
  return poisoned ? "the item holds poison" : "";
}

StoredItem& FaultTables::store(Table& table, const std::string& key, std::string text) {
  StoredItem& item = table.items[key];
  item.text = std::move(text);
  ++item.puts;
  ++puts_;
  return item;
}

FaultTables::Outcome FaultTables::batch_write(const Value& body, Dice& dice, bool partial) {
  if (const std::string problem = batch_problem(body); !problem.empty()) return {invalid(problem), {}};
  const auto& [name, list] = *body["RequestItems"].MemberBegin();
  const std::string table = name.GetString();
  const auto found = tables_.find(table);
  if (found == tables_.end()) {
    return {error_reply(400, "ResourceNotFoundException", "Requested resource not found"), {}};
  }
  // Everything is checked before anything is written.
  std::map<std::string, const Value*> puts;
  for (const Value& request : list.GetArray()) {
    std::string key;
    const Value& item = request["PutRequest"]["Item"];
    if (const std::string problem = check_item(found->second, item, key); !problem.empty())
      return {invalid(problem), {}};
    if (!puts.emplace(key, &item).second) return {invalid("Provided list of item keys contains duplicates"), {}};
  }
  const bool none = dice.happens(FaultKind::none_processed, faults_.none_processed);
  const std::size_t end =
      partial && puts.size() > 1 ? 1 + dice.pick(FaultKind::partial_write, puts.size() - 1) : puts.size();
  Outcome outcome;
  std::string unprocessed;
  double units = 0;
  std::size_t position = 0;
  for (const auto& [key, item] : puts) {
    if (position++ == end) break;
    std::string text = json_text_of(*item);
    const double cost = put_cost(text);
    if (none || dice.happens(FaultKind::unprocessed, faults_.unprocessed) || !take_capacity(cost)) {
      unprocessed += std::string(unprocessed.empty() ? "" : ",") + "{\"PutRequest\":{\"Item\":" + text + "}}";
      continue;
    }
    units += cost;
    outcome.written.push_back(&store(found->second, key, std::move(text)));
  }
  if (outcome.written.empty() && !none) {
    outcome.reply = error_reply(400, "ProvisionedThroughputExceededException", "nothing could be written");
    return outcome;
  }
  outcome.reply =
      ok_reply("{\"UnprocessedItems\":{" + (unprocessed.empty() ? "" : "\"" + table + "\":[" + unprocessed + "]") +
               "},\"ConsumedCapacity\":[" + consumed(table, units) + "]}");
  return outcome;
}

FaultTables::Outcome FaultTables::put_item(Table& table, const Value& body) {
  std::string key;
  if (!body.HasMember("Item")) return {invalid("no item"), {}};
  if (const std::string problem = check_item(table, body["Item"], key); !problem.empty()) return {invalid(problem), {}};
  if (body.HasMember("ConditionExpression") && table.items.contains(key)) {
    return {error_reply(400, "ConditionalCheckFailedException", "The conditional request failed"), {}};
  }
  std::string text = json_text_of(body["Item"]);
  const double cost = put_cost(text);
  if (!take_capacity(cost)) {
    return {error_reply(400, "ProvisionedThroughputExceededException", "nothing could be written"), {}};
  }
  StoredItem& stored = store(table, key, std::move(text));
  return {ok_reply("{\"ConsumedCapacity\":" + consumed(body["TableName"].GetString(), cost) + "}"), {&stored}};
}

Reply FaultTables::scan(Table& table, const Value& body, Dice& dice) {
  const std::uint64_t segments = body.HasMember("TotalSegments") ? body["TotalSegments"].GetUint64() : 1;
  const std::uint64_t segment = body.HasMember("Segment") ? body["Segment"].GetUint64() : 0;
  const std::size_t limit = body.HasMember("Limit") ? body["Limit"].GetUint() : faults_.page_items;
  const std::string table_name = body["TableName"].GetString();
  auto item = table.items.begin();
  std::string behind;
  if (body.HasMember("ExclusiveStartKey")) {
    if (const std::string problem = key_problem(table.key, body["ExclusiveStartKey"], behind); !problem.empty()) {
      return invalid("The provided starting key is invalid: " + problem);
    }
    if (const auto detour = table.detours.find(behind); detour != table.detours.end()) {
      behind = detour->second;
    } else if (segment_of(behind, segments) != segment) {
      return invalid(
          "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct "
          "Segment. TotalSegments: " +
          std::to_string(segments) + " Segment: " + std::to_string(segment));
    }
    item = table.items.upper_bound(behind);
  }
  const auto reply = [&](const std::string& items, std::size_t count, const std::string& last, double units) {
    const std::string n = std::to_string(count);
    return ok_reply("{\"Items\":[" + items + "],\"Count\":" + n + ",\"ScannedCount\":" + n +
                    (last.empty() ? "" : ",\"LastEvaluatedKey\":" + key_json(table.key, last)) +
                    ",\"ConsumedCapacity\":" + consumed(table_name, units) + "}");
  };
  if (dice.happens(FaultKind::empty_page, faults_.empty_page)) {
    // Ends at a key that no item has, remembered as the place where this page began.
    const std::string number = std::to_string(++detours_);
    std::string key;
    for (const auto& [name, type] : table.key) {
      // Four characters of base64 are three whole bytes.
      const std::string value = type == 'B' ? std::string((4 - number.size() % 4) % 4, '0') + number : number;
      key += std::string("{\"") + type + "\":\"" + value + "\"}\n";
    }
    if (!table.items.contains(key)) {
      table.detours[key] = behind;
      return reply("", 0, key, 0.5);
    }
  }
  std::string items;
  std::string last;
  std::size_t count = 0;
  for (; item != table.items.end(); ++item) {
    if (segment_of(item->first, segments) != segment) continue;
    // As the service does: a full page has a LastEvaluatedKey, even when nothing follows.
    items += (count == 0 ? "" : ",") + item->second.text;
    if (++count < limit && items.size() < faults_.page_bytes) continue;
    last = item->first;
    break;
  }
  return reply(items, count, last, std::max(0.5, std::ceil(static_cast<double>(items.size()) / 4096) / 2));
}

}  // namespace bulk::test
