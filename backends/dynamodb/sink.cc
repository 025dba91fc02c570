#include "backends/dynamodb/sink.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "codecs/item.h"
#include "codecs/lines.h"

namespace bulk {
namespace {

using Outcome = WriteResult::Outcome;

constexpr std::size_t kMostRecords = 25;
constexpr std::size_t kMostRequestBytes = 16u << 20;
constexpr std::size_t kFrameBytes =
    4096;                                // what stands around the lines: 25 times {"PutRequest":}, and the table's ARN
constexpr unsigned kMostSessions = 256;  // one million records a second at 5 ms a request

WriteResult unavailable(std::string reason) {
  WriteResult result;
  result.outcome = Outcome::unavailable;
  result.reason = std::move(reason);
  return result;
}

// The sum of the units in a ConsumedCapacity list (or in the one object that PutItem returns); negative when none are
// reported.
double consumed_units(const rapidjson::Value* capacity) {
  const auto units_of = [](const rapidjson::Value& entry) {
    const rapidjson::Value* units = json_member(&entry, "CapacityUnits");
    return units != nullptr && units->IsNumber() && units->GetDouble() >= 0 ? units->GetDouble() : -1.0;
  };
  if (capacity == nullptr) return -1;
  if (!capacity->IsArray()) return units_of(*capacity);
  double sum = -1;
  for (const rapidjson::Value& entry : capacity->GetArray()) {
    if (const double units = units_of(entry); units >= 0) sum = std::max(sum, 0.0) + units;
  }
  return sum;
}

double estimated_units(std::span<const RecordRef> records, const std::vector<std::uint32_t>& without) {
  double units = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!std::binary_search(without.begin(), without.end(), i)) units += put_units(records[i].record());
  }
  return units;
}

// Finds the positions of the unprocessed puts. False: `reason` says why the reply cannot be trusted.
bool match_unprocessed(const rapidjson::Value& requests, const KeySchema& key, std::span<const RecordRef> records,
                       std::vector<std::uint32_t>& positions, std::string& reason) {
  ItemScanner scanner(&key);
  ItemFacts facts;
  std::map<std::string, std::uint32_t, std::less<>> by_key;
  for (std::uint32_t i = 0; i < records.size(); ++i) {
    if (scanner.scan(item_of_line(records[i].line()), facts)) by_key.emplace(scanner.key_text(), i);
  }
  for (const rapidjson::Value& request : requests.GetArray()) {
    const rapidjson::Value* item = json_member(json_member(&request, "PutRequest"), "Item");
    if (item == nullptr || !scanner.scan(json_write(*item), facts)) {
      reason = "UnprocessedItems holds something that is no put of an item";
      return false;
    }
    const auto found = by_key.find(scanner.key_text());
    if (found == by_key.end()) {
      reason = "UnprocessedItems holds a key that was not sent, or one twice: " + presentable(scanner.key_text());
      return false;
    }
    positions.push_back(found->second);
    by_key.erase(found);
  }
  std::sort(positions.begin(), positions.end());
  return true;
}

class WriteSession : public SinkSession {
 public:
  WriteSession(std::shared_ptr<DynamoDbClient> client, const KeySchema& key, bool only_missing)
      : client_(std::move(client)), key_(key), only_missing_(only_missing) {}

  WriteResult write(std::span<const RecordRef> records) override {
    if (records.empty()) return {};
    if (only_missing_) return put_missing(records);
    body_.clear();
    body_.append("{\"RequestItems\":{");
    body_.append(json_quoted(client_->table_text()));
    body_.append(":[");
    for (std::size_t i = 0; i < records.size(); ++i) {
      body_.append(i == 0 ? "{\"PutRequest\":" : ",{\"PutRequest\":");
      body_.append(records[i].line());
      body_.push_back('}');
    }
    body_.append("]},\"ReturnConsumedCapacity\":\"TOTAL\"}");
    DynamoDbReply reply = client_->attempt("BatchWriteItem", body_.view(), std::move(reply_buffer_));
    if (reply.kind != DynamoDbReply::Kind::ok) return failure("BatchWriteItem", reply);
    WriteResult result = read_batch_write_reply(reply.body.view(), client_->table_text(), key_, records);
    reply_buffer_ = std::move(reply.body);
    return charged(std::move(result));
  }

 private:
  WriteResult put_missing(std::span<const RecordRef> records) {
    if (records.size() != 1) throw Error(ErrorKind::failed, "PutItem takes one record at a time");
    body_.clear();
    body_.append("{\"TableName\":");
    body_.append(json_quoted(client_->table_text()));
    body_.append(",\"Item\":");
    body_.append(item_of_line(records[0].line()));
    body_.append(",\"ConditionExpression\":\"attribute_not_exists(#k)\",\"ExpressionAttributeNames\":{\"#k\":");
    body_.append(json_quoted(key_.partition.name));
    body_.append("},\"ReturnConsumedCapacity\":\"TOTAL\"}");
    DynamoDbReply reply = client_->attempt("PutItem", body_.view(), std::move(reply_buffer_));
    WriteResult result;
    if (reply.kind == DynamoDbReply::Kind::refused && reply.code == "ConditionalCheckFailedException") {
      result.skipped.push_back(0);
      result.units = put_units(records[0].record());  // a failed condition is charged and not reported
      return charged(std::move(result));
    }
    if (reply.kind != DynamoDbReply::Kind::ok) return failure("PutItem", reply);
    rapidjson::Document document;
    std::string problem;
    if (!parse_json_object(reply.body.view(), document, problem)) {
      return unavailable("malformed PutItem reply: " + problem);
    }
    result.units = consumed_units(json_member(&document, "ConsumedCapacity"));
    if (result.units < 0) result.units = put_units(records[0].record());
    reply_buffer_ = std::move(reply.body);
    return charged(std::move(result));
  }

  // An attempt that was not ok, as an outcome; throws what no other request would fare better with.
  WriteResult failure(std::string_view operation, const DynamoDbReply& reply) {
    WriteResult result;
    result.reason = reply.text();
    switch (reply.kind) {
      case DynamoDbReply::Kind::throttled:
        result.outcome = Outcome::throttled;
        return result;
      case DynamoDbReply::Kind::refused:
        break;
      default:
        client_->stop().check();
        result.outcome = Outcome::unavailable;
        return result;
    }
    constexpr std::array<std::string_view, 5> kContentCodes = {"ValidationException", "SerializationException",
                                                               "ItemCollectionSizeLimitExceededException",
                                                               "RequestEntityTooLargeException", "413"};
    if (std::find(kContentCodes.begin(), kContentCodes.end(), reply.code) == kContentCodes.end()) {
      throw client_->refusal(operation, reply);
    }
    result.outcome = Outcome::invalid;
    return result;
  }

  WriteResult charged(WriteResult result) {
    client_->stats().write_centiunits.fetch_add(
        static_cast<std::uint64_t>(std::llround(std::min(result.units, 1e9) * 100)), std::memory_order_relaxed);
    return result;
  }

  std::shared_ptr<DynamoDbClient> client_;
  KeySchema key_;
  bool only_missing_;
  Buffer body_;
  Buffer reply_buffer_;  // lent to each exchange
};

}  // namespace

double put_units(const Record& record) {
  return std::max(1.0, std::ceil(static_cast<double>(record.size_bytes) / 1024));
}

WriteResult read_batch_write_reply(std::string_view reply, std::string_view table, const KeySchema& key,
                                   std::span<const RecordRef> records) {
  const std::string malformed = "malformed BatchWriteItem reply: ";
  rapidjson::Document document;
  std::string problem;
  if (!parse_json_object(reply, document, problem)) return unavailable(malformed + problem);
  const rapidjson::Value* unprocessed = json_member(&document, "UnprocessedItems");
  if (unprocessed == nullptr || !unprocessed->IsObject()) return unavailable(malformed + "it has no UnprocessedItems");
  WriteResult result;
  const TableAddress address = TableAddress::parse(std::string(table));
  for (const auto& member : unprocessed->GetObject()) {
    const std::string_view name = json_text(&member.name);
    if ((name != table && name != address.name) || unprocessed->MemberCount() != 1 || !member.value.IsArray()) {
      return unavailable(malformed + "UnprocessedItems is not a list for table '" + address.name + "'");
    }
    if (!match_unprocessed(member.value, key, records, result.unprocessed, problem))
      return unavailable(malformed + problem);
  }
  result.units = consumed_units(json_member(&document, "ConsumedCapacity"));
  if (result.units < 0) result.units = estimated_units(records, result.unprocessed);
  return result;
}

SinkLimits DynamoDbSink::limits() const {
  SinkLimits limits;
  limits.records = only_missing_ ? 1 : kMostRecords;
  limits.bytes = kMostRequestBytes - kFrameBytes;
  limits.sessions = kMostSessions;
  return limits;
}

double DynamoDbSink::estimate_units(const Record& record) const {
  return put_units(record);
}

std::unique_ptr<SinkSession> DynamoDbSink::open() {
  return std::make_unique<WriteSession>(client_, key_, only_missing_);
}

}  // namespace bulk
