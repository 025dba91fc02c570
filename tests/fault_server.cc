#include "tests/fault_server.h"

#include <libdeflate.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

namespace bulk::test {
namespace {

using Reply = TinyHttpServer::Reply;
using rapidjson::Value;

std::string text_of(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string string_of(const Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsString() ? member->value.GetString() : std::string();
}

Reply ok(std::string body) {
  Reply reply;
  reply.body = std::move(body);
  return reply;
}

Reply error(int status, const std::string& code, const std::string& message) {
  Reply reply;
  reply.status = status;
  reply.body = "{\"__type\":\"com.amazonaws.dynamodb.v20120810#" + code + "\",\"message\":\"" + message + "\"}";
  return reply;
}

Reply invalid(const std::string& message) {
  return error(400, "ValidationException", message);
}

Reply no_reply() {
  Reply reply;
  reply.fault = Reply::Fault::raw;
  return reply;
}

std::string consumed(const std::string& table, double units) {
  return "{\"TableName\":\"" + table + "\",\"CapacityUnits\":" + std::to_string(units) + "}";
}

double put_cost(const std::string& item) {
  return std::ceil(static_cast<double>(item.size()) / 1024);
}

// FNV-1a: which segment a partition key belongs to.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash ^ (hash >> 32);
}

}  // namespace

struct FaultServer::Decision {
  std::mt19937_64 random;
  bool happens(double probability) {
    return probability > 0 && std::uniform_real_distribution<double>(0, 1)(random) < probability;
  }
};

FaultServer::FaultServer(Faults faults)
    : faults_(std::move(faults)),
      http_([this](const TinyHttpServer::Request& request) { return handle(request); }, false) {}

void FaultServer::set(Faults faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
}

void FaultServer::create_table(const std::string& create_table_body) {
  rapidjson::Document body;
  body.Parse(create_table_body.c_str());
  const std::lock_guard lock(mutex_);
  if (body.HasParseError() || create(body).status != 200) throw std::runtime_error("no table: " + create_table_body);
}

void FaultServer::put(const std::string& table, const std::string& item) {
  rapidjson::Document value;
  value.Parse<rapidjson::kParseIterativeFlag>(item.c_str(), item.size());
  const std::lock_guard lock(mutex_);
  std::string key;
  Table& into = tables_.at(table);
  if (value.HasParseError() || !check_item(into, value, key).empty()) throw std::runtime_error("no item: " + item);
  into.items[key] = text_of(value);
}

std::vector<std::string> FaultServer::items(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> texts;
  if (const auto found = tables_.find(table); found != tables_.end()) {
    for (const auto& [key, item] : found->second.items) texts.push_back(item);
  }
  return texts;
}

bool FaultServer::has_table(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  return tables_.contains(table);
}

std::uint64_t FaultServer::requests(const std::string& operation) const {
  const std::lock_guard lock(mutex_);
  const auto found = received_.find(operation);
  return found == received_.end() ? 0 : found->second;
}

std::uint64_t FaultServer::puts() const {
  const std::lock_guard lock(mutex_);
  return puts_;
}

Reply FaultServer::handle(const TinyHttpServer::Request& request) {
  const std::string target = request.header("x-amz-target");
  const std::string operation = target.substr(target.find('.') + 1);
  std::unique_lock lock(mutex_);
  ++received_[operation];
  const std::uint64_t number = ++number_;
  const Faults& faults = faults_;
  const bool may_fail = faults.operations.empty() || faults.operations.contains(operation);
  Decision dice{std::mt19937_64(faults.seed * 1'000'003 + number)};
  if (faults.reply) {
    const auto given = faults.reply;
    lock.unlock();
    if (auto reply = given(operation, request.body)) return *reply;
    lock.lock();
  }
  if (const auto latency = faults.latency; latency.count() > 0) {
    lock.unlock();
    std::this_thread::sleep_for(latency);
    lock.lock();
  }
  if (may_fail && dice.happens(faults.drop_before)) return no_reply();
  Reply reply;
  if (may_fail && dice.happens(faults.throttle)) {
    reply = error(400, faults.throttle_codes[throttled_++ % faults.throttle_codes.size()], "slow down");
  } else if (may_fail && dice.happens(faults.internal_error)) {
    reply = error(500, "InternalServerError", "the server has stumbled");
  } else {
    rapidjson::Document body;
    body.Parse<rapidjson::kParseIterativeFlag>(request.body.c_str(), request.body.size());
    reply = body.HasParseError() || !body.IsObject() ? error(400, "SerializationException", "not JSON")
                                                     : dispatch(operation, body, dice);
  }
  if (may_fail && dice.happens(faults.drop_after)) return no_reply();
  if (may_fail && faults_.lost_replies > 0) {
    --faults_.lost_replies;
    reply = error(500, "InternalServerError", "the reply is lost");
  }
  if (may_fail && dice.happens(faults.cut_json)) reply.body.resize(reply.body.size() / 2);
  std::uint32_t crc = libdeflate_crc32(0, reply.body.data(), reply.body.size());
  if (may_fail && dice.happens(faults.wrong_crc)) crc ^= 1;
  reply.headers.emplace_back("Content-Type", "application/x-amz-json-1.0");
  reply.headers.emplace_back("x-amz-crc32", std::to_string(crc));
  return reply;
}

Reply FaultServer::dispatch(const std::string& operation, const rapidjson::Document& body, Decision& dice) {
  if (operation == "CreateTable") return create(body);
  if (operation == "BatchWriteItem") return batch_write(body, dice);
  const std::string name = string_of(body, "TableName");
  const auto found = tables_.find(name);
  const bool known = operation == "DescribeTable" || operation == "DeleteTable" || operation == "Scan" ||
                     operation == "PutItem" || operation == "DescribeTimeToLive" || operation == "UpdateTimeToLive" ||
                     operation == "UpdateTable";
  if (!known) return error(400, "UnknownOperationException", "");
  if (found == tables_.end()) return error(400, "ResourceNotFoundException", "Requested resource not found");
  Table& table = found->second;
  if (operation == "Scan") return scan(table, body, dice);
  if (operation == "PutItem") return put_item(table, body);
  if (operation == "UpdateTable") return update(name, table, body);
  if (operation == "DescribeTimeToLive") {
    if (table.ttl_attribute.empty()) return ok(R"({"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}})");
    return ok(R"({"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":")" + table.ttl_attribute +
              "\"}}");
  }
  if (operation == "UpdateTimeToLive") {
    if (!table.ttl_attribute.empty()) return invalid("TimeToLive is already enabled");
    table.ttl_attribute = string_of(body["TimeToLiveSpecification"], "AttributeName");
    return ok("{\"TimeToLiveSpecification\":" + text_of(body["TimeToLiveSpecification"]) + "}");
  }
  Reply reply = describe(name, table);
  if (operation == "DeleteTable") tables_.erase(found);
  return reply;
}

Reply FaultServer::create(const Value& body) {
  const std::string name = string_of(body, "TableName");
  if (tables_.contains(name)) return error(400, "ResourceInUseException", "Table already exists: " + name);
  Table table;
  for (const Value& element : body["KeySchema"].GetArray()) {
    const std::string attribute = string_of(element, "AttributeName");
    for (const Value& definition : body["AttributeDefinitions"].GetArray()) {
      if (string_of(definition, "AttributeName") == attribute)
        table.key.emplace_back(attribute, string_of(definition, "AttributeType"));
    }
  }
  if (table.key.size() != body["KeySchema"].Size()) return invalid("a key attribute has no definition");
  for (const char* member : {"KeySchema", "AttributeDefinitions"}) {
    table.description += std::string(",\"") + member + "\":" + text_of(body[member]);
  }
  table.description += R"(,"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"})";
  table.creating_polls = faults_.creating_polls;
  Table& made = tables_[name] = std::move(table);
  return describe(name, made);
}

Reply FaultServer::describe(const std::string& name, Table& table) {
  std::string status = "ACTIVE";
  if (table.creating_polls > 0) {
    --table.creating_polls;
    status = "CREATING";
  } else if (table.updating_polls > 0) {
    if (table.updating_polls-- < faults_.updating_polls) status = "UPDATING";
  } else {
    table.settings.merge(table.pending);
    table.pending.clear();
  }
  std::string settings;
  for (const auto& [member, value] : table.settings) settings.append(",\"").append(member).append("\":").append(value);
  return ok("{\"Table\":{\"TableName\":\"" + name + "\",\"TableArn\":\"arn:aws:dynamodb:us-east-1:000000000000:table/" +
            name + "\",\"TableId\":\"id-of-" + name +
            "\",\"CreationDateTime\":1737806400.5,\"ItemCount\":0,\"TableSizeBytes\":0" + ",\"TableStatus\":\"" +
            status + "\"" + table.description + settings + "}}");
}

Reply FaultServer::update(const std::string& name, Table& table, const Value& body) {
  if (!table.pending.empty() || table.creating_polls > 0) {
    return error(400, "ResourceInUseException", "Attempt to change a resource which is still in use: " + name);
  }
  if (body.MemberCount() != 2) return invalid("one change at a time");
  for (const char* member : {"StreamSpecification", "DeletionProtectionEnabled"}) {
    if (!body.HasMember(member)) continue;
    if (table.settings.contains("StreamSpecification") && body.HasMember("StreamSpecification")) {
      return invalid("Table already has an enabled stream: TableName: " + name);
    }
    table.pending[member] = text_of(body[member]);
    table.updating_polls = faults_.updating_polls;
    return ok("{\"TableDescription\":{\"TableStatus\":\"UPDATING\"}}");
  }
  return invalid("no change that is known here");
}

std::string FaultServer::check_item(const Table& table, const Value& item, std::string& key) const {
  if (!item.IsObject()) return "an item must be an object";
  for (const auto& [name, type] : table.key) {
    const auto attribute = item.FindMember(name.c_str());
    if (attribute == item.MemberEnd()) return "One of the required keys was not given a value";
    if (!attribute->value.IsObject() || !attribute->value.HasMember(type.c_str()))
      return "Type mismatch for key " + name;
    key += text_of(attribute->value) + "\n";
  }
  const bool poisoned = !faults_.poison_attribute.empty() && item.HasMember(faults_.poison_attribute.c_str());
  return poisoned ? "the item holds poison" : "";
}

// Capacity flows in by the clock; at most one second's worth is kept.
bool FaultServer::take_capacity(double units) {
  if (faults_.wcu_per_second <= 0) return true;
  const auto now = std::chrono::steady_clock::now();
  const double passed_s = std::chrono::duration<double>(now - capacity_at_).count();
  capacity_ = std::min(faults_.wcu_per_second, capacity_ + passed_s * faults_.wcu_per_second);
  capacity_at_ = now;
  if (capacity_ < units) return false;
  capacity_ -= units;
  return true;
}

Reply FaultServer::batch_write(const Value& body, Decision& dice) {
  const auto requests = body.FindMember("RequestItems");
  if (requests == body.MemberEnd() || requests->value.MemberCount() != 1) return invalid("one table, please");
  const auto& [name, list] = *requests->value.MemberBegin();
  const auto found = tables_.find(name.GetString());
  if (found == tables_.end()) return error(400, "ResourceNotFoundException", "Requested resource not found");
  if (list.Empty() || list.Size() > 25) return invalid("Too many items requested for the BatchWriteItem call");
  // Everything is checked before anything is written.
  std::map<std::string, const Value*> puts;
  for (const Value& request : list.GetArray()) {
    std::string key;
    if (!request.HasMember("PutRequest")) return invalid("only puts are known here");
    const Value& item = request["PutRequest"]["Item"];
    if (const std::string problem = check_item(found->second, item, key); !problem.empty()) return invalid(problem);
    if (!puts.emplace(key, &item).second) return invalid("Provided list of item keys contains duplicates");
  }
  std::string unprocessed;
  double units = 0;
  std::size_t refused = 0;
  for (const auto& [key, item] : puts) {
    std::string text = text_of(*item);
    const double cost = put_cost(text);
    if (dice.happens(faults_.unprocessed) || !take_capacity(cost)) {
      ++refused;
      unprocessed += std::string(unprocessed.empty() ? "" : ",") + "{\"PutRequest\":{\"Item\":" + text + "}}";
      continue;
    }
    units += cost;
    ++puts_;
    found->second.items[key] = std::move(text);
  }
  if (refused == puts.size()) return error(400, "ProvisionedThroughputExceededException", "nothing could be written");
  const std::string table = name.GetString();
  return ok("{\"UnprocessedItems\":{" + (unprocessed.empty() ? "" : "\"" + table + "\":[" + unprocessed + "]") +
            "},\"ConsumedCapacity\":[" + consumed(table, units) + "]}");
}

Reply FaultServer::put_item(Table& table, const Value& body) {
  std::string key;
  if (!body.HasMember("Item")) return invalid("no item");
  if (const std::string problem = check_item(table, body["Item"], key); !problem.empty()) return invalid(problem);
  if (body.HasMember("ConditionExpression") && table.items.contains(key)) {
    return error(400, "ConditionalCheckFailedException", "The conditional request failed");
  }
  std::string text = text_of(body["Item"]);
  const double cost = put_cost(text);
  if (!take_capacity(cost)) return error(400, "ProvisionedThroughputExceededException", "nothing could be written");
  ++puts_;
  table.items[key] = std::move(text);
  return ok("{\"ConsumedCapacity\":" + consumed(string_of(body, "TableName"), cost) + "}");
}

Reply FaultServer::scan(Table& table, const Value& body, Decision& dice) {
  const std::uint64_t segments = body.HasMember("TotalSegments") ? body["TotalSegments"].GetUint64() : 1;
  const std::uint64_t segment = body.HasMember("Segment") ? body["Segment"].GetUint64() : 0;
  const std::size_t limit = body.HasMember("Limit") ? body["Limit"].GetUint() : faults_.page_items;
  const std::string table_name = string_of(body, "TableName");
  auto item = table.items.begin();
  std::string behind;
  if (body.HasMember("ExclusiveStartKey")) {
    for (const auto& [name, type] : table.key) behind += text_of(body["ExclusiveStartKey"][name.c_str()]) + "\n";
    if (const auto detour = table.detours.find(behind); detour != table.detours.end()) behind = detour->second;
    item = table.items.upper_bound(behind);
  }
  const auto reply = [&](const std::string& items, std::size_t count, const std::string& last, double units) {
    const std::string n = std::to_string(count);
    return ok("{\"Items\":[" + items + "],\"Count\":" + n + ",\"ScannedCount\":" + n +
              (last.empty() ? "" : ",\"LastEvaluatedKey\":" + last) +
              ",\"ConsumedCapacity\":" + consumed(table_name, units) + "}");
  };
  const auto key_json = [&](const std::function<std::string(std::size_t)>& value) {
    std::string json;
    for (std::size_t i = 0; i < table.key.size(); ++i) {
      json += std::string(i == 0 ? "{" : ",") + "\"" + table.key[i].first + "\":" + value(i);
    }
    return json + "}";
  };
  if (dice.happens(faults_.empty_page)) {
    // Ends at a key that no item has, remembered as the place where this page began.
    const std::string number = std::to_string(++detours_);
    const auto value = [&](std::size_t i) { return "{\"" + table.key[i].second + "\":\"" + number + "\"}"; };
    std::string key;
    for (std::size_t i = 0; i < table.key.size(); ++i) key += value(i) + "\n";
    if (!table.items.contains(key)) {
      table.detours[key] = behind;
      return reply("", 0, key_json(value), 0.5);
    }
  }
  std::string items;
  std::string last;
  std::size_t count = 0;
  for (; item != table.items.end(); ++item) {
    const std::string partition = item->first.substr(0, item->first.find('\n'));
    if (hash_of(partition) % segments != segment) continue;
    // As the service does: a full page has a LastEvaluatedKey, even when nothing follows.
    items += (count == 0 ? "" : ",") + item->second;
    if (++count < limit && items.size() < faults_.page_bytes) continue;
    std::vector<std::string> values;
    for (std::size_t begin = 0; begin < item->first.size();) {
      const std::size_t end = item->first.find('\n', begin);
      values.push_back(item->first.substr(begin, end - begin));
      begin = end + 1;
    }
    last = key_json([&](std::size_t i) { return values[i]; });
    break;
  }
  return reply(items, count, last, std::max(0.5, std::ceil(static_cast<double>(items.size()) / 4096) / 2));
}

}  // namespace bulk::test
