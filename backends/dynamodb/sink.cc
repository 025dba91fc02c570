#include "backends/dynamodb/sink.h"

#include <algorithm>
#include <map>

#include "backends/dynamodb/write_session.h"
#include "codecs/item.h"
#include "codecs/lines.h"

namespace bulk {
namespace {

using Outcome = WriteResult::Outcome;

constexpr std::size_t kMostRecords = 25;
constexpr std::size_t kFrameBytes = 4096;  // what stands around the lines, 25 times {"PutRequest":} and the table's ARN

double estimated_units(std::span<const RecordRef> records, const std::vector<std::uint32_t>& without) {
  double units = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!std::binary_search(without.begin(), without.end(), i)) units += write_units(records[i].record().size_bytes);
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

class PutSession : public WriteSession {
 public:
  PutSession(std::shared_ptr<DynamoDbClient> client, const KeySchema& key, bool only_missing)
      : WriteSession(std::move(client)),
        key_(key),
        only_missing_(only_missing),
        key_json_(json_quoted(key_.partition.name)) {}

 protected:
  std::optional<WriteResult> compose(Request& request) override {
    request.operation = only_missing_ ? "PutItem" : "BatchWriteItem";
    only_missing_ ? write_put(request.body, request.records) : write_batch(request.body, request.records);
    return std::nullopt;
  }

  std::optional<WriteResult> take(Request& request, const DynamoDbReply& reply) override {
    return result_of(reply, request.records);
  }

 private:
  void write_batch(Buffer& body, std::span<const RecordRef> records) const {
    std::size_t bytes = kFrameBytes;
    for (const RecordRef& record : records) bytes += record.record().length;
    body.reserve(bytes);
    body.append("{\"RequestItems\":{");
    body.append(table_json());
    body.append(":[");
    for (std::size_t i = 0; i < records.size(); ++i) {
      body.append(i == 0 ? "{\"PutRequest\":" : ",{\"PutRequest\":");
      body.append(records[i].line());
      body.push_back('}');
    }
    body.append("]},\"ReturnConsumedCapacity\":\"TOTAL\"}");
  }

  void write_put(Buffer& body, std::span<const RecordRef> records) const {
    if (records.size() != 1) throw Error(ErrorKind::failed, "PutItem takes one record at a time");
    body.append("{\"TableName\":");
    body.append(table_json());
    body.append(",\"Item\":");
    body.append(item_of_line(records[0].line()));
    body.append(",\"ConditionExpression\":\"attribute_not_exists(#k)\",\"ExpressionAttributeNames\":{\"#k\":");
    body.append(key_json_);
    body.append("},\"ReturnConsumedCapacity\":\"TOTAL\"}");
  }

  WriteResult result_of(const DynamoDbReply& reply, std::span<const RecordRef> records) {
    if (!only_missing_) {
      if (reply.kind != DynamoDbReply::Kind::ok) return failure("BatchWriteItem", reply);
      return read_batch_write_reply(reply.body.view(), client().table_text(), key_, records);
    }
    WriteResult result;
    const double expected_units = write_units(records[0].record().size_bytes);
    if (reply.kind == DynamoDbReply::Kind::refused && reply.code == "ConditionalCheckFailedException") {
      result.skipped.push_back(0);
      result.units = expected_units;  // a failed condition is charged and not reported
      return result;
    }
    if (reply.kind != DynamoDbReply::Kind::ok) return failure("PutItem", reply);
    rapidjson::Document document;
    std::string problem = write_reply_problem("PutItem", reply.body.view(), document);
    if (!problem.empty()) return unavailable(std::move(problem));
    result.units = consumed_units(json_member(&document, "ConsumedCapacity"));
    if (result.units < 0) result.units = expected_units;
    return result;
  }

  KeySchema key_;
  bool only_missing_;
  std::string key_json_;
};

}  // namespace

WriteResult read_batch_write_reply(std::string_view reply, std::string_view table, const KeySchema& key,
                                   std::span<const RecordRef> records) {
  const std::string malformed = "malformed BatchWriteItem reply: ";
  rapidjson::Document document;
  std::string problem;
  if (!parse_json_object(reply, document, problem)) return unavailable(malformed + problem);
  const rapidjson::Value* unprocessed = json_member(&document, "UnprocessedItems");
  if (unprocessed == nullptr || !unprocessed->IsObject()) return unavailable(malformed + "it has no UnprocessedItems");
  WriteResult result;
  for (const auto& member : unprocessed->GetObject()) {
    const TableAddress address = TableAddress::parse(std::string(table));
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
  return request_limits(*client_, jobs_, only_missing_ ? 1 : kMostRecords);
}

double DynamoDbSink::estimate_units(const Record& record) const {
  return write_units(record.size_bytes);
}

std::unique_ptr<SinkSession> DynamoDbSink::open() {
  return std::make_unique<PutSession>(client_, key_, only_missing_);
}

}  // namespace bulk
