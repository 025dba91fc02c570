#include "backends/dynamodb/reply.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "backends/dynamodb/json.h"

namespace bulk {
namespace {

constexpr std::array<std::string_view, 14> kThrottlingCodes = {"Throttling",
                                                               "ThrottlingException",
                                                               "ThrottledException",
                                                               "RequestThrottledException",
                                                               "TooManyRequestsException",
                                                               "ProvisionedThroughputExceededException",
                                                               "TransactionInProgressException",
                                                               "RequestLimitExceeded",
                                                               "BandwidthLimitExceeded",
                                                               "LimitExceededException",
                                                               "RequestThrottled",
                                                               "SlowDown",
                                                               "PriorRequestNotComplete",
                                                               "EC2ThrottledException"};
constexpr std::array<std::string_view, 8> kTransientCodes = {"RequestTimeout",
                                                             "RequestTimeoutException",
                                                             "ReplicatedWriteConflictException",
                                                             "TransactionConflictException",
                                                             "InternalServerError",
                                                             "InternalFailure",
                                                             "ServiceUnavailable",
                                                             "ServiceUnavailableException"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& codes, std::string_view code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool gunzip(const Buffer& stored, Buffer& plain) {
  constexpr std::size_t kTrailer = 4;  // the plain size modulo 2^32 ends a gzip member: a hint, never trusted
  if (stored.size() < 18) return false;
  std::size_t hint = 0;
  for (std::size_t i = 0; i < kTrailer; ++i) {
    hint |= static_cast<std::size_t>(static_cast<unsigned char>(stored.data()[stored.size() - kTrailer + i]))
            << (8 * i);
  }
  if (hint > kMaxReplyBytes) return false;
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  plain.resize(std::max<std::size_t>(hint, 1));
  std::size_t used = 0;
  std::size_t made = 0;
  if (libdeflate_gzip_decompress_ex(decompressor.get(), stored.data(), stored.size(), plain.data(), plain.size(), &used,
                                    &made) != LIBDEFLATE_SUCCESS) {
    return false;
  }
  plain.resize(made);
  return used == stored.size();
}

// From "com.amazonaws.dynamodb.v20120810#CODE" or "CODE:http://..." to CODE.
std::string bare_code(std::string_view type) {
  type = type.substr(0, type.find(':'));
  if (const std::size_t hash = type.rfind('#'); hash != std::string_view::npos) type.remove_prefix(hash + 1);
  return presentable(type);
}

// Reasons read like TableWriteKeyRangeThroughputExceeded: what is throttled, in which direction, why.
bool only_key_ranges(const rapidjson::Document& error) {
  const rapidjson::Value* reasons = json_member(&error, "ThrottlingReasons");
  if (reasons == nullptr) reasons = json_member(&error, "throttlingReasons");
  return reasons != nullptr && reasons->IsArray() && !reasons->Empty() &&
         std::all_of(reasons->Begin(), reasons->End(), [](const rapidjson::Value& element) {
           const std::string_view reason = json_text(&element, "reason");
           return reason.starts_with("Table") && reason.ends_with("KeyRangeThroughputExceeded");
         });
}

// False: it says that it is the service's own JSON and is none.
bool read_error(const HttpReply& http, DynamoDbReply& reply) {
  bool sound = true;
  rapidjson::Document document;
  std::string problem;
  if (parse_json_object(http.body.view(), document, problem)) {
    reply.code = bare_code(json_text(&document, "__type"));
    std::string_view message = json_text(&document, "message");
    if (message.empty()) message = json_text(&document, "Message");
    reply.message = presentable(message);
    reply.key_range = only_key_ranges(document);
  } else {
    const bool own = http.header("content-type").value_or(std::string_view()).starts_with("application/x-amz-json");
    sound = http.body.empty() || !own;
    reply.message = sound ? presentable(http.body.view()) : std::move(problem);  // a proxy's page
  }
  if (reply.code.empty()) reply.code = bare_code(http.header("x-amzn-errortype").value_or(std::string_view()));
  if (reply.code.empty()) reply.code = std::to_string(http.status);
  return sound;
}

}  // namespace

std::string presentable(std::string_view text) {
  constexpr std::size_t kMost = 400;
  text = text.substr(0, text.find("The Canonical String"));
  std::string out;
  for (const char c : text.substr(0, kMost)) out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
  if (text.size() > kMost) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xC0) == 0x80) out.pop_back();  // half a character
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xC0) out.pop_back();
    out += "...";
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string unpack_reply(HttpReply& reply) {
  if (const auto header = reply.header("x-amz-crc32")) {
    std::uint32_t expected = 0;
    const char* end = header->data() + header->size();
    const auto [stop, error] = std::from_chars(header->data(), end, expected);
    const std::uint32_t found = libdeflate_crc32(0, reply.body.data(), reply.body.size());
    if (error != std::errc() || stop != end || expected != found) {
      return "the reply's checksum is wrong (" + std::to_string(found) + ", the service says " + presentable(*header) +
             ")";
    }
  }
  const std::string_view encoding = reply.header("content-encoding").value_or(std::string_view());
  if (encoding.empty() || encoding == "identity") return {};
  if (encoding != "gzip") return "the reply is encoded as '" + presentable(encoding) + "'";
  Buffer plain;
  if (!gunzip(reply.body, plain)) return "the reply's compressed body is malformed";
  reply.body = std::move(plain);
  return {};
}

DynamoDbReply classify_reply(HttpResult& result) {
  DynamoDbReply reply;
  if (result.failure != HttpFailure::none) {
    reply.message = presentable(result.detail);
    switch (result.failure) {
      case HttpFailure::stopped:
        reply.kind = DynamoDbReply::Kind::stopped;
        reply.code = "stopped";
        break;
      case HttpFailure::bad_url:
        reply.kind = DynamoDbReply::Kind::refused;
        reply.code = "bad URL";
        break;
      case HttpFailure::too_large:
        reply.kind = DynamoDbReply::Kind::refused;
        reply.code = "reply too large";
        break;
      default:
        reply.kind = DynamoDbReply::Kind::transient;
        reply.code = "no reply";
    }
    return reply;
  }
  HttpReply& http = result.reply;
  if (std::string problem = unpack_reply(http); !problem.empty()) {
    reply.kind = DynamoDbReply::Kind::transient;
    reply.code = "malformed reply";
    reply.message = std::move(problem);
    return reply;
  }
  if (http.status == 200) {
    reply.body = std::move(http.body);
    return reply;
  }
  if (!read_error(http, reply)) {
    reply.kind = DynamoDbReply::Kind::transient;
    reply.code = "malformed reply";
    return reply;
  }
  constexpr int kNotImplemented = 501;  // what some compatible servers say of an operation that they do not know
  const bool worth_repeating = http.status != kNotImplemented;
  if (worth_repeating && (contains(kThrottlingCodes, reply.code) || http.status == 429)) {
    reply.kind = DynamoDbReply::Kind::throttled;
  } else if (worth_repeating && (http.status >= 500 || http.status == 408 || contains(kTransientCodes, reply.code))) {
    reply.kind = DynamoDbReply::Kind::transient;
  } else {
    reply.kind = DynamoDbReply::Kind::refused;
  }
  reply.body = std::move(http.body);
  return reply;
}

}  // namespace bulk
