#include "tests/fault_server_tables.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace bulk::test {
namespace {

using Reply = TinyHttpServer::Reply;
using rapidjson::Value;

std::string string_of(const Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsString() ? member->value.GetString() : std::string();
}

Reply invalid(const std::string& message) {
  return error_reply(400, "ValidationException", message);
}

}  // namespace

Reply ok_reply(std::string body) {
  Reply reply;
  reply.body = std::move(body);
  return reply;
}

Reply error_reply(int status, const std::string& code, const std::string& message) {
  Reply reply;
  reply.status = status;
  const Value text(message.c_str(), static_cast<rapidjson::SizeType>(message.size()));
  reply.body = R"({"__type":"com.amazonaws.dynamodb.v20120810#)" + code + "\",\"message\":" + json_text_of(text) + "}";
  return reply;
}

FaultTables::Outcome FaultTables::run(const std::string& operation, const rapidjson::Document& body, Dice& dice,
                                      bool partial) {
  if (operation == "CreateTable") return {create(body), {}};
  if (operation == "BatchWriteItem") return batch_write(body, dice, partial);
  static const std::set<std::string> kKnown = {"DescribeTable", "DeleteTable",        "Scan",
                                               "PutItem",       "DescribeTimeToLive", "UpdateTimeToLive",
                                               "UpdateTable",   "UpdateItem",         "GetItem"};
  if (!kKnown.contains(operation)) return {error_reply(400, "UnknownOperationException", ""), {}};
  const std::string name = string_of(body, "TableName");
  const auto found = tables_.find(name);
  if (found == tables_.end()) {
    return {error_reply(400, "ResourceNotFoundException", "Requested resource not found"), {}};
  }
  Table& table = found->second;
  if (operation == "Scan") return {scan(table, body, dice), {}};
  if (operation == "PutItem") return put_item(table, body);
  if (operation == "UpdateItem") return update_item(table, body);
  if (operation == "GetItem") return {get_item(table, body), {}};
  if (operation == "UpdateTable") return {update(name, table, body), {}};
  if (operation.ends_with("TimeToLive")) return {time_to_live(operation, table, body), {}};
  Outcome outcome{describe(name, table), {}};
  if (operation == "DeleteTable") tables_.erase(found);
  return outcome;
}

void FaultTables::create_table(const std::string& create_table_body) {
  rapidjson::Document body;
  body.Parse(create_table_body.c_str());
  if (body.HasParseError() || create(body).status != 200) throw std::runtime_error("no table: " + create_table_body);
}

void FaultTables::put(const std::string& table, const std::string& item) {
  rapidjson::Document value;
  value.Parse<rapidjson::kParseIterativeFlag>(item.c_str(), item.size());
  std::string key;
  Table& into = tables_.at(table);
  std::string problem = value.HasParseError() ? "no JSON" : check_item(into, value, key);
  if (!problem.empty()) throw std::runtime_error(problem + ": " + item.substr(0, 200));
  into.items[key].text = json_text_of(value);
}

const std::map<std::string, StoredItem>& FaultTables::items(const std::string& table) const {
  static const std::map<std::string, StoredItem> kNone;
  const auto found = tables_.find(table);
  return found == tables_.end() ? kNone : found->second.items;
}

Reply FaultTables::create(const Value& body) {
  const std::string name = string_of(body, "TableName");
  if (tables_.contains(name)) return error_reply(400, "ResourceInUseException", "Table already exists: " + name);
  Table table;
  for (const Value& element : body["KeySchema"].GetArray()) {
    const std::string attribute = string_of(element, "AttributeName");
    for (const Value& definition : body["AttributeDefinitions"].GetArray()) {
      if (string_of(definition, "AttributeName") == attribute)
        table.key.emplace_back(attribute, string_of(definition, "AttributeType")[0]);
    }
  }
  if (table.key.size() != body["KeySchema"].Size()) return invalid("a key attribute has no definition");
  for (const char* member : {"KeySchema", "AttributeDefinitions", "ProvisionedThroughput"}) {
    if (body.HasMember(member)) table.description += std::string(",\"") + member + "\":" + json_text_of(body[member]);
  }
  if (!body.HasMember("ProvisionedThroughput")) {
    table.description += R"(,"BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"})";
  }
  // A table that was deleted and made again is another table.
  const int times = ++created_[name];
  table.identity = ",\"TableId\":\"id-of-" + name + (times == 1 ? "" : "-" + std::to_string(times)) +
                   "\",\"CreationDateTime\":" + std::to_string(1'737'806'399 + times) + ".5";
  table.creating_polls = faults_.creating_polls;
  Table& made = tables_[name] = std::move(table);
  return describe(name, made);
}

Reply FaultTables::describe(const std::string& name, Table& table) {
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
  return ok_reply("{\"Table\":{\"TableName\":\"" + name +
                  "\",\"TableArn\":\"arn:aws:dynamodb:us-east-1:000000000000:table/" + name + "\"" + table.identity +
                  ",\"ItemCount\":0,\"TableSizeBytes\":0,\"TableStatus\":\"" + status + "\"" + table.description +
                  settings + "}}");
}

Reply FaultTables::update(const std::string& name, Table& table, const Value& body) {
  if (!table.pending.empty() || table.creating_polls > 0) {
    return error_reply(400, "ResourceInUseException", "Attempt to change a resource which is still in use: " + name);
  }
  if (body.MemberCount() != 2) return invalid("one change at a time");
  for (const char* member : {"StreamSpecification", "DeletionProtectionEnabled"}) {
    if (!body.HasMember(member)) continue;
    if (table.settings.contains("StreamSpecification") && body.HasMember("StreamSpecification")) {
      return invalid("Table already has an enabled stream: TableName: " + name);
    }
    table.pending[member] = json_text_of(body[member]);
    table.updating_polls = faults_.updating_polls;
    return ok_reply("{\"TableDescription\":{\"TableStatus\":\"UPDATING\"}}");
  }
  return invalid("no change that is known here");
}

Reply FaultTables::time_to_live(const std::string& operation, Table& table, const Value& body) {
  if (operation == "DescribeTimeToLive") {
    if (table.ttl_attribute.empty()) return ok_reply(R"({"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}})");
    return ok_reply(R"({"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":")" +
                    table.ttl_attribute + "\"}}");
  }
  if (!table.ttl_attribute.empty()) return invalid("TimeToLive is already enabled");
  table.ttl_attribute = string_of(body["TimeToLiveSpecification"], "AttributeName");
  return ok_reply("{\"TimeToLiveSpecification\":" + json_text_of(body["TimeToLiveSpecification"]) + "}");
}

// Capacity flows in by the clock; at most one second's worth is kept.
bool FaultTables::take_capacity(double units) {
  if (faults_.wcu_per_second <= 0) return true;
  const auto now = std::chrono::steady_clock::now();
  const double passed_s = std::chrono::duration<double>(now - capacity_at_).count();
  capacity_ = std::min(faults_.wcu_per_second, capacity_ + passed_s * faults_.wcu_per_second);
  capacity_at_ = now;
  if (capacity_ < units) return false;
  capacity_ -= units;
  return true;
}

}  // namespace bulk::test
