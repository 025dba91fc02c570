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
    4096;  // what stands around the lines: 25 times {"PutRequest":}, and the table's ARN
// Two thousand requests of 25 records are one million records a second at 50 ms a request. A sender thread moves more
// than half a million records a second.
constexpr unsigned kMostUnderWay = 2048;
constexpr unsigned kMostSessions = 4;
// What libcurl holds for an exchange and its connection: 28 KiB measured; with TLS two records and OpenSSL's state
// more.
constexpr std::size_t kExchangeBytes = 28 << 10;
constexpr std::size_t kTlsExchangeBytes = 96 << 10;
constexpr long kReceiveBufferBytes = 16 << 10;
// Of 25 records of 1 KB; what is larger is rare enough to be allocated again.
constexpr std::size_t kKeptBufferBytes = 64 << 10;
constexpr std::size_t kKeptBuffers = 64;

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

// Sends many requests at a time on the thread that owns it. Bodies and reply buffers go round.
class WriteSession : public SinkSession {
 public:
  WriteSession(std::shared_ptr<DynamoDbClient> client, const KeySchema& key, bool only_missing)
      : client_(std::move(client)),
        loop_(client_->open_loop()),
        key_(key),
        only_missing_(only_missing),
        table_json_(json_quoted(client_->table_text())),
        key_json_(json_quoted(key_.partition.name)) {}

  void begin(std::uint32_t ticket, std::span<const RecordRef> records) override {
    while (ticket >= requests_.size()) requests_.push_back(std::make_unique<Request>());
    Request& request = *requests_[ticket];
    request.records.assign(records.begin(), records.end());
    request.body = taken_from(bodies_);
    only_missing_ ? write_put(request.body, records) : write_batch(request.body, records);
    request.attempt.emplace(*client_, only_missing_ ? "PutItem" : "BatchWriteItem", request.body.view());
    send(ticket);
  }

  void collect(SteadyTime until, std::vector<Ended>& ended) override {
    exchanges_.clear();
    loop_->collect(until, exchanges_);
    for (HttpLoop::Ended& exchange : exchanges_) {
      const auto ticket = static_cast<std::uint32_t>(exchange.ticket);
      Request& request = *requests_[ticket];
      std::optional<DynamoDbReply> reply = request.attempt->ended(std::move(exchange.result));
      if (!reply) {
        send(ticket);
        continue;
      }
      ended.push_back({ticket, charged(result_of(*reply, request.records))});
      give_back(bodies_, std::move(request.body));
      give_back(replies_, std::move(reply->body));
    }
  }

  void wake() noexcept override { loop_->wake(); }

 private:
  struct Request {
    std::vector<RecordRef> records;
    Buffer body;
    std::optional<DynamoDbClient::Attempt> attempt;
  };

  void send(std::uint32_t ticket) {
    HttpRequest request = requests_[ticket]->attempt->request();
    request.receive_buffer_bytes = kReceiveBufferBytes;
    loop_->start(ticket, std::move(request), taken_from(replies_));
  }

  // The last one given back comes first: it is still in the processor's cache.
  static Buffer taken_from(std::vector<Buffer>& buffers) {
    if (buffers.empty()) return {};
    Buffer buffer = std::move(buffers.back());
    buffers.pop_back();
    return buffer;
  }
  static void give_back(std::vector<Buffer>& buffers, Buffer buffer) {
    if (buffer.capacity() == 0 || buffer.capacity() > kKeptBufferBytes || buffers.size() >= kKeptBuffers) return;
    buffer.clear();
    buffers.push_back(std::move(buffer));
  }

  void write_batch(Buffer& body, std::span<const RecordRef> records) const {
    std::size_t bytes = kFrameBytes;
    for (const RecordRef& record : records) bytes += record.record().length;
    body.reserve(bytes);
    body.append("{\"RequestItems\":{");
    body.append(table_json_);
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
    body.append(table_json_);
    body.append(",\"Item\":");
    body.append(item_of_line(records[0].line()));
    body.append(",\"ConditionExpression\":\"attribute_not_exists(#k)\",\"ExpressionAttributeNames\":{\"#k\":");
    body.append(key_json_);
    body.append("},\"ReturnConsumedCapacity\":\"TOTAL\"}");
  }

  WriteResult result_of(const DynamoDbReply& reply, std::span<const RecordRef> records) {
    if (!only_missing_) {
      if (reply.kind != DynamoDbReply::Kind::ok) return failure("BatchWriteItem", reply);
      return read_batch_write_reply(reply.body.view(), client_->table_text(), key_, records);
    }
    WriteResult result;
    if (reply.kind == DynamoDbReply::Kind::refused && reply.code == "ConditionalCheckFailedException") {
      result.skipped.push_back(0);
      result.units = put_units(records[0].record());  // a failed condition is charged and not reported
      return result;
    }
    if (reply.kind != DynamoDbReply::Kind::ok) return failure("PutItem", reply);
    rapidjson::Document document;
    std::string problem;
    if (!parse_json_object(reply.body.view(), document, problem)) {
      return unavailable("malformed PutItem reply: " + problem);
    }
    result.units = consumed_units(json_member(&document, "ConsumedCapacity"));
    if (result.units < 0) result.units = put_units(records[0].record());
    return result;
  }

  // An attempt that was not ok, as an outcome; throws what no other request would fare better with.
  WriteResult failure(std::string_view operation, const DynamoDbReply& reply) {
    WriteResult result;
    result.reason = reply.text();
    switch (reply.kind) {
      case DynamoDbReply::Kind::throttled:
        result.outcome = Outcome::throttled;
        result.key_range = reply.key_range;
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
  std::vector<std::unique_ptr<Request>> requests_;  // by ticket
  std::unique_ptr<HttpLoop> loop_;                  // sends what requests_ hold: goes before them
  KeySchema key_;
  bool only_missing_;
  std::string table_json_, key_json_;
  std::vector<HttpLoop::Ended> exchanges_;  // scratch of collect()
  std::vector<Buffer> bodies_, replies_;    // to be used again
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
  SinkLimits limits;
  limits.records = only_missing_ ? 1 : kMostRecords;
  limits.bytes = kMostRequestBytes - kFrameBytes;
  limits.sessions = std::clamp(jobs_, 1u, kMostSessions);
  limits.under_way = kMostUnderWay / limits.sessions;
  limits.attempt_bytes = client_->encrypted() ? kTlsExchangeBytes : kExchangeBytes;
  return limits;
}

double DynamoDbSink::estimate_units(const Record& record) const {
  return put_units(record);
}

std::unique_ptr<SinkSession> DynamoDbSink::open() {
  return std::make_unique<WriteSession>(client_, key_, only_missing_);
}

}  // namespace bulk
