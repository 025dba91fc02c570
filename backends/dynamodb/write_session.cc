#include "backends/dynamodb/write_session.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace bulk {
namespace {

using Outcome = WriteResult::Outcome;

constexpr std::size_t kMostRequestBytes = 16u << 20;
// What stands around the lines at most: 25 times {"PutRequest":} and the table's ARN, or the expressions of an update.
constexpr std::size_t kFrameBytes = 16 << 10;
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

// The last one given back comes first: it is still in the processor's cache.
Buffer taken_from(std::vector<Buffer>& buffers) {
  if (buffers.empty()) return {};
  Buffer buffer = std::move(buffers.back());
  buffers.pop_back();
  return buffer;
}

void give_back(std::vector<Buffer>& buffers, Buffer buffer) {
  if (buffer.capacity() == 0 || buffer.capacity() > kKeptBufferBytes || buffers.size() >= kKeptBuffers) return;
  buffer.clear();
  buffers.push_back(std::move(buffer));
}

}  // namespace

SinkLimits request_limits(const DynamoDbClient& client, unsigned jobs, std::size_t records) {
  SinkLimits limits;
  limits.records = records;
  limits.bytes = kMostRequestBytes - kFrameBytes;
  limits.sessions = std::clamp(jobs, 1u, kMostSessions);
  limits.under_way = kMostUnderWay / limits.sessions;
  limits.attempt_bytes = client.encrypted() ? kTlsExchangeBytes : kExchangeBytes;
  return limits;
}

double write_units(std::size_t bytes) {
  return std::max(1.0, std::ceil(static_cast<double>(bytes) / 1024));
}

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

std::string item_reply_problem(const rapidjson::Value& reply, std::initializer_list<std::string_view> more) {
  const rapidjson::Value* capacity = json_member(&reply, "ConsumedCapacity");
  if (capacity == nullptr || !capacity->IsObject()) return "it has no ConsumedCapacity";
  for (const auto& member : reply.GetObject()) {
    const std::string_view name = json_text(&member.name);
    if (name != "ConsumedCapacity" && std::find(more.begin(), more.end(), name) == more.end()) {
      return "it has a member '" + presentable(name) + "'";
    }
  }
  return {};
}

std::string write_reply_problem(std::string_view operation, std::string_view reply, rapidjson::Document& document) {
  std::string problem;
  if (parse_json_object(reply, document, problem)) {
    problem = item_reply_problem(document, {"Attributes", "ItemCollectionMetrics"});
  }
  return problem.empty() ? problem : "malformed " + std::string(operation) + " reply: " + problem;
}

WriteResult unavailable(std::string reason) {
  WriteResult result;
  result.outcome = Outcome::unavailable;
  result.reason = std::move(reason);
  return result;
}

WriteSession::WriteSession(std::shared_ptr<DynamoDbClient> client)
    : client_(std::move(client)), loop_(client_->open_loop()), table_json_(json_quoted(client_->table_text())) {}

void WriteSession::begin(std::uint32_t ticket, std::span<const RecordRef> records) {
  while (ticket >= requests_.size()) requests_.push_back(std::make_unique<UnderWay>());
  UnderWay& request = *requests_[ticket];
  request.records.assign(records.begin(), records.end());
  request.body = taken_from(bodies_);
  request.earlier = 0;
  request.is_write = true;
  request.resent = false;
  if (std::optional<WriteResult> result = compose(request)) {
    give_back(bodies_, std::move(request.body));
    result->sent = false;
    at_once_.push_back({ticket, *std::move(result)});
    return;
  }
  request.attempt.emplace(*client_, request.operation, request.body.view());
  send(ticket);
}

void WriteSession::collect(SteadyTime until, std::vector<Ended>& ended) {
  if (!at_once_.empty()) until = SteadyTime::min();
  for (Ended& one : at_once_) ended.push_back(std::move(one));
  at_once_.clear();
  exchanges_.clear();
  loop_->collect(until, exchanges_);
  for (HttpLoop::Ended& exchange : exchanges_) {
    const auto ticket = static_cast<std::uint32_t>(exchange.ticket);
    UnderWay& request = *requests_[ticket];
    std::optional<DynamoDbReply> reply = request.attempt->ended(std::move(exchange.result));
    if (!reply) {
      send(ticket);
      continue;
    }
    request.resent = request.resent || (reply->resent && request.is_write);
    std::optional<WriteResult> result = take(request, *reply);
    give_back(replies_, std::move(reply->body));
    if (!result) {
      ++request.earlier;
      request.attempt.emplace(*client_, request.operation, request.body.view());
      send(ticket);
      continue;
    }
    result->resent = request.resent;
    charge(*result);
    ended.push_back({ticket, *std::move(result)});
    give_back(bodies_, std::move(request.body));
  }
}

void WriteSession::send(std::uint32_t ticket) {
  HttpRequest request = requests_[ticket]->attempt->request();
  request.receive_buffer_bytes = kReceiveBufferBytes;
  loop_->start(ticket, std::move(request), taken_from(replies_));
}

WriteResult WriteSession::failure(std::string_view operation, const DynamoDbReply& reply) {
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

void WriteSession::charge(const WriteResult& result) {
  client_->stats().write_centiunits.fetch_add(
      static_cast<std::uint64_t>(std::llround(std::min(result.units, 1e9) * 100)), std::memory_order_relaxed);
}

}  // namespace bulk
