#include "backends/dynamodb/table_schema.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "backends/dynamodb/reply.h"
#include "backends/schema.h"
#include "io/clock.h"
#include "io/error.h"

namespace bulk {
namespace {

using Value = rapidjson::Value;
using Allocator = rapidjson::Document::AllocatorType;

Value text_value(std::string_view text, Allocator& memory) {
  return Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), memory);
}

void add(Value& object, std::string_view name, Value value, Allocator& memory) {
  object.AddMember(text_value(name, memory), value, memory);
}

// Copies the members that are there.
void copy(const Value& from, Value& to, std::initializer_list<std::string_view> names, Allocator& memory) {
  for (const std::string_view name : names) {
    if (const Value* member = json_member(&from, name)) add(to, name, Value(*member, memory), memory);
  }
}

const Value& table_of(const rapidjson::Document& reply) {
  const Value* table = json_member(&reply, "Table");
  if (table == nullptr || !table->IsObject()) {
    throw Error(ErrorKind::failed, "malformed DescribeTable reply: it has no Table");
  }
  return *table;
}

bool is_on_demand(const Value& table) {
  return json_text(json_member(&table, "BillingModeSummary"), "BillingMode") == "PAY_PER_REQUEST";
}

std::uint64_t count_member(const Value& table, std::string_view name) {
  const Value* count = json_member(&table, name);
  return count != nullptr && count->IsUint64() ? count->GetUint64() : 0;
}

// Elements of a list member; empty when there is none.
std::vector<const Value*> elements(const Value& object, std::string_view name) {
  std::vector<const Value*> found;
  const Value* list = json_member(&object, name);
  if (list == nullptr || !list->IsArray()) return found;
  for (const Value& element : list->GetArray()) found.push_back(&element);
  return found;
}

void add_throughput(const Value& from, Value& to, Allocator& memory) {
  const Value* throughput = json_member(&from, "ProvisionedThroughput");
  if (throughput == nullptr || json_number(throughput, "ReadCapacityUnits") <= 0) return;
  Value kept(rapidjson::kObjectType);
  copy(*throughput, kept, {"ReadCapacityUnits", "WriteCapacityUnits"}, memory);
  add(to, "ProvisionedThroughput", std::move(kept), memory);
}

// The limits alone that there are (-1: none).
void add_on_demand_throughput(const Value& from, Value& to, Allocator& memory) {
  const Value* throughput = json_member(&from, "OnDemandThroughput");
  Value kept(rapidjson::kObjectType);
  for (const std::string_view name : {"MaxReadRequestUnits", "MaxWriteRequestUnits"}) {
    if (json_number(throughput, name) > 0) copy(*throughput, kept, {name}, memory);
  }
  if (!kept.ObjectEmpty()) add(to, "OnDemandThroughput", std::move(kept), memory);
}

// What a table or index takes at once without having been prepared for it: its provisioned capacity, or by the
// service's documentation 12,000 read and 4,000 write units per second when it is on demand.
bool is_warmed(const Value& from, bool on_demand) {
  const Value* warm = json_member(&from, "WarmThroughput");
  const Value* provisioned = json_member(&from, "ProvisionedThroughput");
  const double reads = on_demand ? 12'000 : json_number(provisioned, "ReadCapacityUnits");
  const double writes = on_demand ? 4'000 : json_number(provisioned, "WriteCapacityUnits");
  return json_number(warm, "ReadUnitsPerSecond") > reads || json_number(warm, "WriteUnitsPerSecond") > writes;
}

void add_indexes(const Value& table, std::string_view name, bool on_demand, Value& schema, Allocator& memory) {
  Value indexes(rapidjson::kArrayType);
  for (const Value* index : elements(table, name)) {
    if (json_text(index, "IndexStatus") == "DELETING") continue;  // on its way out
    Value kept(rapidjson::kObjectType);
    copy(*index, kept, {"IndexName", "KeySchema", "Projection"}, memory);
    if (on_demand) {
      add_on_demand_throughput(*index, kept, memory);
    } else {
      add_throughput(*index, kept, memory);
    }
    indexes.PushBack(kept, memory);
  }
  if (!indexes.Empty()) add(schema, name, std::move(indexes), memory);
}

Value names_value(const std::vector<std::string>& names, Allocator& memory) {
  Value list(rapidjson::kArrayType);
  for (const std::string& name : names) list.PushBack(text_value(name, memory), memory);
  return list;
}

std::vector<std::string> not_copied_names(const Value& table, const SideSettings& side) {
  std::vector<std::string> names;
  for (const std::string_view name : {"Replicas", "GlobalTableWitnesses", "VectorIndexes"}) {
    if (!elements(table, name).empty()) names.emplace_back(name);
  }
  if (!json_text(&table, "MultiRegionConsistency").empty()) names.emplace_back("MultiRegionConsistency");
  const bool on_demand = is_on_demand(table);
  const auto indexes = elements(table, "GlobalSecondaryIndexes");
  if (is_warmed(table, on_demand) ||
      std::any_of(indexes.begin(), indexes.end(), [&](const Value* index) { return is_warmed(*index, on_demand); })) {
    names.emplace_back("WarmThroughput");
  }
  names.insert(names.end(), side.not_copied.begin(), side.not_copied.end());
  return names;
}

void add_side_settings(const SideSettings& side, Value& schema, Allocator& memory) {
  if (!side.ttl_attribute.empty()) {
    Value ttl(rapidjson::kObjectType);
    add(ttl, "AttributeName", text_value(side.ttl_attribute, memory), memory);
    add(schema, "TimeToLive", std::move(ttl), memory);
  }
  if (!side.tags.empty()) {
    Value tags(rapidjson::kArrayType);
    for (const auto& [key, value] : side.tags) {
      Value tag(rapidjson::kObjectType);
      add(tag, "Key", text_value(key, memory), memory);
      add(tag, "Value", text_value(value, memory), memory);
      tags.PushBack(tag, memory);
    }
    add(schema, "Tags", std::move(tags), memory);
  }
  if (side.point_in_time_recovery) {
    Value recovery(rapidjson::kObjectType);
    add(recovery, "Enabled", Value(true), memory);
    if (side.recovery_period_days > 0) {
      add(recovery, "RecoveryPeriodInDays", Value(side.recovery_period_days), memory);
    }
    add(schema, "PointInTimeRecovery", std::move(recovery), memory);
  }
}

void parse_schema(const TableSchema& schema, rapidjson::Document& document) {
  std::string problem;
  if (!parse_json_object(schema.json, document, problem)) throw Error(ErrorKind::corrupt, "table schema: " + problem);
}

void collect_key_names(const Value& object, std::set<std::string, std::less<>>& names) {
  for (const Value* element : elements(object, "KeySchema")) names.emplace(json_text(element, "AttributeName"));
}

// The service refuses definitions that no key uses.
Value used_definitions(const Value& schema, Allocator& memory) {
  std::set<std::string, std::less<>> used;
  collect_key_names(schema, used);
  for (const std::string_view kind : {"LocalSecondaryIndexes", "GlobalSecondaryIndexes"}) {
    for (const Value* index : elements(schema, kind)) collect_key_names(*index, used);
  }
  Value definitions(rapidjson::kArrayType);
  for (const Value* definition : elements(schema, "AttributeDefinitions")) {
    if (used.contains(json_text(definition, "AttributeName"))) definitions.PushBack(Value(*definition, memory), memory);
  }
  return definitions;
}

// Lists compare without regard to order: the service returns indexes in any.
bool same_value(const Value& wanted, const Value* found) {
  if (found == nullptr || !wanted.IsArray()) return found != nullptr && wanted == *found;
  if (!found->IsArray() || found->Size() != wanted.Size()) return false;
  return std::all_of(wanted.Begin(), wanted.End(), [&](const Value& element) {
    return std::find(found->Begin(), found->End(), element) != found->End();
  });
}

// A KMS key belongs to a region and an account: arn:PARTITION:kms:REGION:ACCOUNT:key/ID.
bool key_is_usable(const std::string& arn, const CreateTarget& target) {
  const std::size_t service = arn.find(":kms:");
  if (service == std::string::npos) return false;
  const std::string rest = arn.substr(service + 5);
  const std::size_t colon = rest.find(':');
  if (colon == std::string::npos || rest.substr(0, colon) != target.region) return false;
  const std::string account = rest.substr(colon + 1, rest.find(':', colon + 1) - colon - 1);
  return target.account.empty() || account == target.account;
}

}  // namespace

TableDescription read_description(const rapidjson::Document& reply) {
  const Value& table = table_of(reply);
  TableDescription out;
  out.identity.name = json_text(&table, "TableName");
  out.identity.id = json_text(&table, "TableId");
  out.identity.arn = json_text(&table, "TableArn");
  constexpr double kYear2200 = 7.3e9;  // beyond it the number is no time of creation
  if (const double created = json_number(&table, "CreationDateTime"); created > 0 && created < kYear2200) {
    out.identity.created = utc_iso8601(WallTime(std::chrono::seconds(static_cast<std::int64_t>(created))));
  }
  out.status = json_text(&table, "TableStatus");
  out.active = out.status == "ACTIVE";
  for (const Value* index : elements(table, "GlobalSecondaryIndexes")) {
    out.active = out.active && json_text(index, "IndexStatus") == "ACTIVE";
  }
  out.records = count_member(table, "ItemCount");
  out.bytes = count_member(table, "TableSizeBytes");
  if (is_on_demand(table)) {
    const auto positive = [](const Value* object, std::string_view name) {
      return std::max(json_number(object, name), 0.0);  // -1: no limit
    };
    const Value* most = json_member(&table, "OnDemandThroughput");
    out.most_read_units = positive(most, "MaxReadRequestUnits");
    out.most_write_units = positive(most, "MaxWriteRequestUnits");
    const Value* warm = json_member(&table, "WarmThroughput");
    out.warm_read_units = positive(warm, "ReadUnitsPerSecond");
    out.warm_write_units = positive(warm, "WriteUnitsPerSecond");
  } else {
    const Value* throughput = json_member(&table, "ProvisionedThroughput");
    out.read_units = json_number(throughput, "ReadCapacityUnits");
    out.write_units = json_number(throughput, "WriteCapacityUnits");
  }
  out.deletion_protected = json_flag(&table, "DeletionProtectionEnabled");
  return out;
}

TableSchema read_schema(const rapidjson::Document& reply, const SideSettings& side) {
  const Value& table = table_of(reply);
  rapidjson::Document schema(rapidjson::kObjectType);
  Allocator& memory = schema.GetAllocator();
  const bool on_demand = is_on_demand(table);
  copy(table, schema, {"KeySchema", "AttributeDefinitions"}, memory);
  add_indexes(table, "LocalSecondaryIndexes", true, schema, memory);
  add_indexes(table, "GlobalSecondaryIndexes", on_demand, schema, memory);
  add(schema, "BillingMode", text_value(on_demand ? "PAY_PER_REQUEST" : "PROVISIONED", memory), memory);
  if (on_demand) {
    add_on_demand_throughput(table, schema, memory);
  } else {
    add_throughput(table, schema, memory);
  }
  // A table under the service's own key has no SSEDescription; "AES256" in an old one means the same.
  const Value* encryption = json_member(&table, "SSEDescription");
  if (json_text(encryption, "SSEType") == "KMS" && json_text(encryption, "Status") != "DISABLED") {
    Value kept(rapidjson::kObjectType);
    add(kept, "Enabled", Value(true), memory);
    add(kept, "SSEType", text_value("KMS", memory), memory);
    if (const std::string_view key = json_text(encryption, "KMSMasterKeyArn"); !key.empty()) {
      add(kept, "KMSMasterKeyId", text_value(key, memory), memory);
    }
    add(schema, "SSESpecification", std::move(kept), memory);
  }
  if (const Value* table_class = json_member(&table, "TableClassSummary"))
    copy(*table_class, schema, {"TableClass"}, memory);
  if (const Value* stream = json_member(&table, "StreamSpecification"); json_flag(stream, "StreamEnabled")) {
    add(schema, "StreamSpecification", Value(*stream, memory), memory);
  }
  copy(table, schema, {"DeletionProtectionEnabled"}, memory);
  add_side_settings(side, schema, memory);
  if (const auto names = not_copied_names(table, side); !names.empty()) {
    add(schema, "NotCopied", names_value(names, memory), memory);
  }
  try {
    return schema_from_json(json_write(schema));
  } catch (const Error& error) {
    throw Error(ErrorKind::failed, std::string("malformed DescribeTable reply: ") + error.what());
  }
}

CreateRequest make_create_request(const TableSchema& schema, const CreateTarget& target) {
  rapidjson::Document from;
  parse_schema(with_json(schema), from);
  rapidjson::Document body(rapidjson::kObjectType);
  Allocator& memory = body.GetAllocator();
  CreateRequest request;
  add(body, "TableName", text_value(target.table, memory), memory);
  copy(from, body, {"KeySchema"}, memory);
  add(body, "AttributeDefinitions", used_definitions(from, memory), memory);
  copy(from, body,
       {"LocalSecondaryIndexes", "GlobalSecondaryIndexes", "BillingMode", "ProvisionedThroughput", "OnDemandThroughput",
        "TableClass"},
       memory);
  if (!body.HasMember("BillingMode") && !body.HasMember("ProvisionedThroughput")) {
    add(body, "BillingMode", text_value("PAY_PER_REQUEST", memory), memory);
  }
  if (const Value* encryption = json_member(&from, "SSESpecification")) {
    Value kept(*encryption, memory);
    const std::string key(json_text(encryption, "KMSMasterKeyId"));
    if (!key.empty() && !key_is_usable(key, target)) {
      kept.RemoveMember("KMSMasterKeyId");
      request.not_copied.push_back("encryption key " + presentable(key) +
                                   ": of another region or account, the account's own key for DynamoDB is used");
    }
    add(body, "SSESpecification", std::move(kept), memory);
  }
  for (const Value* name : elements(from, "NotCopied")) request.not_copied.emplace_back(json_text(name));
  request.body = json_write(body);
  return request;
}

std::vector<std::string> ignored_members(const TableSchema& wanted, const TableSchema& made) {
  std::vector<std::string> ignored;
  if (wanted.json.empty()) return ignored;
  rapidjson::Document from;
  rapidjson::Document found;
  parse_schema(wanted, from);
  parse_schema(made, found);
  for (const std::string_view name : {"LocalSecondaryIndexes", "GlobalSecondaryIndexes", "BillingMode",
                                      "ProvisionedThroughput", "OnDemandThroughput", "TableClass"}) {
    const Value* want = json_member(&from, name);
    if (want != nullptr && !same_value(*want, json_member(&found, name))) {
      ignored.push_back(std::string(name) + ": the endpoint has not kept it");
    }
  }
  return ignored;
}

LateSettings read_late_settings(const TableSchema& schema) {
  LateSettings late;
  if (schema.json.empty()) return late;
  rapidjson::Document from;
  parse_schema(schema, from);
  late.side.ttl_attribute = json_text(json_member(&from, "TimeToLive"), "AttributeName");
  for (const Value* tag : elements(from, "Tags")) {
    late.side.tags.emplace_back(json_text(tag, "Key"), json_text(tag, "Value"));
  }
  const Value* recovery = json_member(&from, "PointInTimeRecovery");
  late.side.point_in_time_recovery = json_flag(recovery, "Enabled");
  late.side.recovery_period_days =
      static_cast<int>(std::clamp(json_number(recovery, "RecoveryPeriodInDays"), 0.0, 35.0));
  const Value* stream = json_member(&from, "StreamSpecification");
  if (json_flag(stream, "StreamEnabled")) late.stream_view = json_text(stream, "StreamViewType");
  late.deletion_protected = json_flag(&from, "DeletionProtectionEnabled");
  return late;
}

}  // namespace bulk
