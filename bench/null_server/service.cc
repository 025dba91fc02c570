#include "bench/null_server/service.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace bulk::bench {
namespace {

constexpr std::uint64_t kPageBytes = 1u << 20;  // as DynamoDB counts them
constexpr std::string_view kPrefix = "com.amazonaws.dynamodb.v20120810#";
constexpr std::string_view kNoSuchWork = "com.amazon.coral.service#UnknownOperationException";

Reply error(std::string_view type, std::string_view message, std::string_view more = {}) {
  const bool own = type.find('#') != std::string_view::npos;
  Reply reply;
  reply.status = 400;
  reply.begin = fmt::format(R"({{"__type":"{}{}","message":"{}"{}}})", own ? "" : kPrefix, type, message, more);
  return reply;
}

Reply invalid(std::string_view message) {
  return error("com.amazon.coral.validate#ValidationException", message);
}

// The name in a name or an ARN, as plain as names of tables are.
std::string table_name(std::string_view text) {
  std::string name(text.substr(text.rfind('/') + 1));
  std::erase_if(name, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' '; });
  return name;
}

std::string arn(const std::string& name) {
  return "arn:aws:dynamodb:us-east-1:123456789012:table/" + name;
}

const rapidjson::Value* member(const rapidjson::Value& object, const char* name) {
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string text_of(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value* value = member(object, name);
  return value != nullptr && value->IsString() ? std::string(value->GetString(), value->GetStringLength())
                                               : std::string();
}

std::uint64_t number_of(const rapidjson::Value& object, const char* name, std::uint64_t otherwise) {
  const rapidjson::Value* value = member(object, name);
  return value != nullptr && value->IsUint64() ? value->GetUint64() : otherwise;
}

bool wants_capacity(const rapidjson::Value& request) {
  const std::string kind = text_of(request, "ReturnConsumedCapacity");
  return kind == "TOTAL" || kind == "INDEXES";
}

// Units of a put: a kilobyte each, begun ones count.
double put_units(std::uint64_t bytes) {
  return std::max(1.0, std::ceil(static_cast<double>(bytes) / 1024));
}

Reply throttled(bool on_demand, bool hot, const std::string& table) {
  const std::string_view limit = hot         ? "TableWriteKeyRangeThroughputExceeded"
                                 : on_demand ? "TableWriteMaxOnDemandThroughputExceeded"
                                             : "TableWriteProvisionedThroughputExceeded";
  const std::string reasons =
      fmt::format(R"("hrottlingReasons":[{{"reason":"{}","resource":"{}"}}])", limit, arn(table));
  if (on_demand) {
    return error("ThrottlingException", "Throughput exceeds the current capacity of your table or index.",
                 ",\"t" + reasons.substr(1));
  }
  return error("ProvisionedThroughputExceededException",
               "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
               "provisioning level with the UpdateTable API.",
               ",\"T" + reasons.substr(1));
}

// To a write of one item.
std::string single_reply(bool wants_capacity, double units, const std::string& table) {
  if (!wants_capacity) return "{}";
  return fmt::format(R"({{"ConsumedCapacity":{{"CapacityUnits":{:.1f},"TableName":"{}"}}}})", units, table);
}

}  // namespace

Service::Service(const ItemSet& set, const ServiceOptions& options)
    : set_(set), options_(options), ledger_(set), updates_(set), capacity_(options.capacity) {}

void Service::begin() noexcept {
  const std::uint32_t now = in_flight_.fetch_add(1, std::memory_order_relaxed) + 1;
  std::uint32_t most = most_in_flight_.load(std::memory_order_relaxed);
  while (now > most && !most_in_flight_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

Reply Service::answer(const Request& request) {
  Reply reply;
  if (request.method == "GET" && request.path.starts_with("/stats")) {
    reply.begin = stats();
    return reply;
  }
  if (request.method == "POST" && request.path == "/reset") {
    reset();
    reply.begin = "{}";
    return reply;
  }
  if (request.operation == "BatchWriteItem") {
    reply = put(request, true);
  } else if (request.operation == "UpdateItem") {
    reply = update(request);
  } else if (request.operation == "Scan") {
    reply = scan(request);
  } else if (request.operation == "PutItem") {
    reply = put(request, false);
  } else if (request.operation == "DescribeTable") {
    reply = describe(request);
  } else {
    reply = error(kNoSuchWork, "the null server has no such operation");
  }
  requests_.fetch_add(1, std::memory_order_relaxed);
  request_bytes_.fetch_add(request.body.size(), std::memory_order_relaxed);
  reply_bytes_.fetch_add(reply.begin.size() + reply.middle.size() + reply.end.size(), std::memory_order_relaxed);
  return reply;
}

Reply Service::describe(const Request& request) const {
  rapidjson::Document body;
  body.Parse(request.body.data(), request.body.size());
  if (!body.IsObject()) return invalid("the request is no JSON object");
  const std::string name = table_name(text_of(body, "TableName"));
  const std::uint64_t items = options_.target ? 0 : set_.size();
  const std::uint64_t bytes = options_.target ? 0 : set_.item_bytes_total();
  const auto units = static_cast<std::uint64_t>(options_.capacity.wcu.value_or(40'000));
  const std::string billing =
      options_.on_demand ? R"("BillingModeSummary":{"BillingMode":"PAY_PER_REQUEST"},)" : std::string();
  Reply reply;
  reply.begin = fmt::format(
      R"({{"Table":{{"AttributeDefinitions":[{{"AttributeName":"pk","AttributeType":"S"}},)"
      R"({{"AttributeName":"sk","AttributeType":"S"}}],{}"CreationDateTime":1.7e9,"DeletionProtectionEnabled":false,)"
      R"("ItemCount":{},"KeySchema":[{{"AttributeName":"pk","KeyType":"HASH"}},)"
      R"({{"AttributeName":"sk","KeyType":"RANGE"}}],"ProvisionedThroughput":{{"NumberOfDecreasesToday":0,)"
      R"("ReadCapacityUnits":{},"WriteCapacityUnits":{}}},"TableArn":"{}",)"
      R"("TableId":"00000000-0000-4000-8000-000000000000","TableName":"{}","TableSizeBytes":{},)"
      R"("TableStatus":"ACTIVE"}}}})",
      billing, items, options_.on_demand ? 0 : 40'000, options_.on_demand ? 0 : units, arn(name), name, bytes);
  return reply;
}

std::uint32_t Service::page_crc(const Reply& reply, std::uint64_t from, std::uint64_t to) {
  constexpr std::size_t kMostRemembered = 100'000;
  const std::string key = fmt::format("{} {} {}{}", from, to, reply.begin, reply.end);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = page_crcs_.find(key); found != page_crcs_.end()) return found->second;
  }
  std::uint32_t crc = libdeflate_crc32(0, reply.begin.data(), reply.begin.size());
  crc = libdeflate_crc32(crc, reply.middle.data(), reply.middle.size());
  crc = libdeflate_crc32(crc, reply.end.data(), reply.end.size());
  const std::lock_guard lock(mutex_);
  if (page_crcs_.size() >= kMostRemembered) page_crcs_.clear();
  page_crcs_.emplace(key, crc);
  return crc;
}

Reply Service::scan(const Request& request) {
  rapidjson::Document body;
  body.Parse(request.body.data(), request.body.size());
  if (!body.IsObject()) return invalid("the request is no JSON object");
  const std::uint64_t segments = number_of(body, "TotalSegments", 1);
  const std::uint64_t segment = number_of(body, "Segment", 0);
  if (segments < 1 || segments > 1'000'000 || segment >= segments) return invalid("no such segment");
  bool full = !options_.target;
  if (!full) {
    const std::lock_guard lock(mutex_);
    full = ledger_.equal();
  }
  const std::uint64_t items = full ? set_.size() : 0;
  std::uint64_t from = items * segment / segments;
  const std::uint64_t segment_end = items * (segment + 1) / segments;
  if (const rapidjson::Value* start = member(body, "ExclusiveStartKey"); start != nullptr && !start->IsNull()) {
    const auto index = set_.index_of(request.body.substr(request.body.find("\"ExclusiveStartKey\"")));
    if (!index || *index < from || *index >= segment_end) return invalid("The provided starting key is invalid");
    from = *index + 1;
  }
  const std::uint64_t limit = number_of(body, "Limit", items + 1);
  std::uint64_t bytes = 0;
  std::uint64_t to = from;
  while (to < segment_end && to - from < limit && bytes < kPageBytes) bytes += set_.counted_bytes(to++);

  const bool consistent = member(body, "ConsistentRead") != nullptr && member(body, "ConsistentRead")->IsTrue();
  const double units = std::max(1.0, std::ceil(static_cast<double>(bytes) / 4096)) * (consistent ? 1 : 0.5);
  const std::string count = std::to_string(to - from);
  Reply reply;
  reply.begin = "{";
  if (wants_capacity(body)) {
    reply.begin += fmt::format(R"("ConsumedCapacity":{{"CapacityUnits":{:.1f},"TableName":"{}"}},)", units,
                               table_name(text_of(body, "TableName")));
  }
  reply.begin += "\"Count\":" + count + ",\"Items\":[";
  std::string after = "]";
  if (to < segment_end) after += ",\"LastEvaluatedKey\":" + set_.key(to - 1);
  after += ",\"ScannedCount\":" + count + "}";
  if (const auto slice = set_.joined(from, to)) {
    reply.middle = *slice;
    reply.end = std::move(after);
    if (!slice->empty()) reply.crc = page_crc(reply, from, to);
  } else {
    reply.end.reserve(bytes * 3);
    set_.append_joined(from, to, reply.end);
    reply.end += after;
  }
  pages_.fetch_add(1, std::memory_order_relaxed);
  scanned_items_.fetch_add(to - from, std::memory_order_relaxed);
  return reply;
}

double Service::now() {
  const Clock::time_point now = Clock::now();
  if (first_write_ == Clock::time_point()) first_write_ = now;
  return std::chrono::duration<double>(now - first_write_).count();
}

Reply Service::put(const Request& request, bool batch) {
  const Puts puts = find_puts(request.body, set_);
  if (!puts.problem.empty()) return invalid(puts.problem);
  std::array<Fingerprint, kMostPuts> prints;
  for (std::size_t i = 0; i < puts.count; ++i) prints[i] = fingerprint(puts.put[i].text);
  const std::string table = table_name(puts.table);
  const bool if_new = !batch && request.body.find("attribute_not_exists") != std::string_view::npos;

  std::array<bool, kMostPuts> accepted{};
  double taken = 0;
  double taken_hot = 0;
  double refused = 0;
  bool hot = false;
  {
    const std::lock_guard lock(mutex_);
    const double now = this->now();
    for (std::size_t i = 0; i < puts.count; ++i) {
      const Put& put = puts.put[i];
      const double units = put_units(put.index ? set_.counted_bytes(*put.index) : put.text.size());
      const std::uint32_t partition = put.index ? ItemSet::partition(*put.index) : 0xFFFFFFFFu;
      const Capacity::Verdict verdict = capacity_.put(units, partition, now);
      accepted[i] = verdict == Capacity::Verdict::accepted;
      (accepted[i] ? taken : refused) += units;
      if (accepted[i] && capacity_.is_hot(partition)) taken_hot += units;
      hot = hot || verdict == Capacity::Verdict::partition_refuses;
      if (!accepted[i]) continue;
      if (if_new && put.index && ledger_.has(*put.index)) {
        time_line_.record(request.client, now, taken, taken_hot, refused);
        return error("ConditionalCheckFailedException", "The conditional request failed");
      }
      if (put.index) {
        ledger_.add(*put.index, prints[i], put.text);
      } else {
        ledger_.add_unknown();
      }
    }
    time_line_.record(request.client, now, taken, taken_hot, refused);
  }
  if (taken == 0) return throttled(options_.on_demand, hot, table);
  Reply reply;
  if (!batch) {
    reply.begin = single_reply(puts.wants_capacity, taken, table);
    return reply;
  }
  reply.begin = "{";
  if (puts.wants_capacity) {
    reply.begin += fmt::format(R"("ConsumedCapacity":[{{"CapacityUnits":{:.1f},"TableName":"{}"}}],)", taken, table);
  }
  reply.begin += "\"UnprocessedItems\":{";
  if (refused > 0) {
    reply.begin.append("\"").append(table).append("\":[");
    for (std::size_t i = 0, listed = 0; i < puts.count; ++i) {
      if (accepted[i]) continue;
      reply.begin += listed++ > 0 ? ",{\"PutRequest\":{\"Item\":" : "{\"PutRequest\":{\"Item\":";
      reply.begin.append(puts.put[i].text).append("}}");
    }
    reply.begin += "]";
  }
  reply.begin += "}}";
  return reply;
}

Reply Service::update(const Request& request) {
  const Update update = find_update(request.body, set_);
  if (!update.problem.empty()) return invalid(update.problem);
  if (options_.target) return invalid("only a source takes updates");
  const std::string table = table_name(update.table);
  const double units = put_units(update.index ? set_.counted_bytes(*update.index) : 1);
  const std::uint32_t partition = update.index ? ItemSet::partition(*update.index) : 0xFFFFFFFFu;
  Capacity::Verdict verdict{};
  {
    const std::lock_guard lock(mutex_);
    const double now = this->now();
    verdict = capacity_.put(units, partition, now);
    const bool accepted = verdict == Capacity::Verdict::accepted;
    time_line_.record(request.client, now, accepted ? units : 0, accepted && capacity_.is_hot(partition) ? units : 0,
                      accepted ? 0 : units);
    if (accepted && update.index) updates_.add(*update.index, update.conditional);
    if (accepted && !update.index) updates_.add_unknown();
  }
  if (verdict != Capacity::Verdict::accepted) {
    return throttled(options_.on_demand, verdict == Capacity::Verdict::partition_refuses, table);
  }
  if (!update.index && update.conditional) {
    return error("ConditionalCheckFailedException", "The conditional request failed");
  }
  Reply reply;
  reply.begin = single_reply(update.wants_capacity, units, table);
  return reply;
}

std::string Service::stats() {
  const std::lock_guard lock(mutex_);
  const double running =
      first_write_ == Clock::time_point() ? 0 : std::chrono::duration<double>(Clock::now() - first_write_).count();
  return fmt::format(
      R"({{"requests":{},"request_bytes":{},"reply_bytes":{},"most_in_flight":{},"pages":{},"scanned_items":{},)"
      R"("set_items":{},"set_text_bytes":{},"seconds":{:.3f},{},{},{}}})",
      requests_.load(), request_bytes_.load(), reply_bytes_.load(), most_in_flight_.load(), pages_.load(),
      scanned_items_.load(), set_.size(), set_.text_bytes(), running, ledger_.json(), updates_.json(),
      time_line_.json());
}

void Service::reset() {
  const std::lock_guard lock(mutex_);
  ledger_ = Ledger(set_);
  updates_ = UpdateLedger(set_);
  capacity_ = Capacity(options_.capacity);
  time_line_ = TimeLine();
  first_write_ = Clock::time_point();
  most_in_flight_ = 0;
  requests_ = request_bytes_ = reply_bytes_ = scanned_items_ = pages_ = 0;
}

}  // namespace bulk::bench
