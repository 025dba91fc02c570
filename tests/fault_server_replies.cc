#include "tests/fault_server_replies.h"

#include <libdeflate.h>

#include <chrono>
#include <ctime>
#include <iterator>
#include <memory>
#include <string_view>

#include "io/clock.h"
#include "tests/fault_server_tables.h"

namespace bulk::test {
namespace {

using Reply = TinyHttpServer::Reply;
using Request = TinyHttpServer::Request;

constexpr std::int64_t kSignatureWindow_s = 15 * 60;

std::string gzipped(const std::string& text) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(1), &libdeflate_free_compressor);
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), text.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor.get(), text.data(), text.size(), out.data(), out.size()));
  return out;
}

void corrupt(std::string& packed, Dice& dice) {
  constexpr std::size_t kHeader = 10;  // of gzip; nothing checks its time and system
  const std::size_t at = kHeader + dice.pick(FaultKind::corrupt_gzip, packed.size() - kHeader);
  if (dice.pick(FaultKind::corrupt_gzip, 2) == 0) {
    packed.resize(at);
  } else {
    packed[at] = static_cast<char>(packed[at] ^ 0x55);
  }
}

// Either the checksum or the body has changed on its way; the latter by one character, so that it may still be JSON.
void spoil_checksum(std::uint32_t& crc, std::string& body, Dice& dice) {
  if (dice.pick(FaultKind::wrong_crc, 2) == 0) {
    crc ^= 1u << dice.pick(FaultKind::wrong_crc, 32);
    return;
  }
  char& byte = body[dice.pick(FaultKind::wrong_crc, body.size())];
  byte = byte == 'x' ? 'y' : 'x';
}

// No JSON object, whatever the body was: a beginning of it, more than it, or something else.
void break_json(std::string& body, Dice& dice) {
  switch (dice.pick(FaultKind::cut_json, 4)) {
    case 0:
      body += '}';
      return;
    case 1:
      body = "upstream connect error or disconnect before headers";
      return;
    default:
      body.resize(body.size() < 2 ? 0 : 1 + dice.pick(FaultKind::cut_json, body.size() - 1));
  }
}

}  // namespace

Reply dropped(Dice& dice, FaultKind kind) {
  Reply reply;
  reply.fault = dice.pick(kind, 2) == 0 ? Reply::Fault::raw : Reply::Fault::abort;
  return reply;
}

Reply throttling_error(const Faults& faults, const std::string& operation, Dice& dice) {
  std::vector<std::string> codes = faults.throttle_codes;
  if (operation == "CreateTable" || operation == "DeleteTable" || operation == "UpdateTable" ||
      operation == "UpdateTimeToLive") {
    codes.emplace_back("LimitExceededException");
  }
  const std::string code = codes[dice.pick(FaultKind::throttle, codes.size())];
  Reply reply = error_reply(400, code, "slow down");
  constexpr std::size_t kThousand = 1'000;
  if (static_cast<double>(dice.pick(FaultKind::throttle, kThousand)) < faults.throttling_reasons * kThousand) {
    reply.body.pop_back();
    reply.body += std::string(code == "ThrottlingException" ? ",\"throttlingReasons\"" : ",\"ThrottlingReasons\"") +
                  R"(:[{"reason":"TableWriteProvisionedThroughputExceeded",)"
                  R"("resource":"arn:aws:dynamodb:us-east-1:000000000000:table/t"}]})";
  }
  return reply;
}

Reply unavailable(Dice& dice) {
  constexpr int kStatuses[] = {500, 502, 503, 503, 504};
  const int status = kStatuses[dice.pick(FaultKind::unavailable, std::size(kStatuses))];
  Reply reply;
  reply.status = status;
  switch (dice.pick(FaultKind::unavailable, 3)) {
    case 0:
      return error_reply(status, status == 500 ? "InternalServerError" : "ServiceUnavailable", "try later");
    case 1:
      reply.headers.emplace_back("Content-Type", "text/html");
      reply.body = "<html><body><h1>" + std::to_string(status) + " upstream is gone</h1></body></html>\r\n";
      return reply;
    default:
      return reply;
  }
}

std::string access_key(const Request& request) {
  const std::string authorization = request.header("authorization");
  const std::size_t begin = authorization.find("Credential=");
  if (begin == std::string::npos) return {};
  const std::size_t name = begin + std::string_view("Credential=").size();
  return authorization.substr(name, authorization.find('/', name) - name);
}

std::string skew_problem(const std::string& signed_at, std::int64_t now_s) {
  constexpr std::size_t kCompactSize = 16;  // 20250125T120000Z
  if (signed_at.size() != kCompactSize) return {};
  std::string iso = signed_at;
  for (const std::size_t at : {13u, 11u}) iso.insert(at, ":");
  for (const std::size_t at : {6u, 4u}) iso.insert(at, "-");
  WallTime theirs;
  if (!parse_utc(iso, theirs)) return {};
  const auto text = [](std::int64_t seconds) {
    return utc_compact(std::chrono::system_clock::from_time_t(static_cast<std::time_t>(seconds)));
  };
  const std::int64_t difference = std::chrono::system_clock::to_time_t(theirs) - now_s;
  if (difference < -kSignatureWindow_s) {
    return "Signature expired: " + signed_at + " is now earlier than " + text(now_s - kSignatureWindow_s) + " (" +
           text(now_s) + " - 15 min.)";
  }
  if (difference > kSignatureWindow_s) {
    return "Signature not yet current: " + signed_at + " is still later than " + text(now_s + kSignatureWindow_s) +
           " (" + text(now_s) + " + 15 min.)";
  }
  return {};
}

std::string http_date(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

Reply damaged(Reply reply, const Faults& faults, Dice& dice, bool& flawless) {
  const auto happens = [&](FaultKind kind) { return dice.happens(kind, faults.*Faults::probability_of(kind)); };
  const auto spoils = [&](FaultKind kind) {
    const bool does = happens(kind);
    flawless = flawless && !does;
    return does;
  };
  const bool ours = reply.headers.empty() && !reply.body.empty();  // not a proxy's
  if (ours) {
    reply.headers.emplace_back("Content-Type", "application/x-amz-json-1.0");
    if (spoils(FaultKind::cut_json)) break_json(reply.body, dice);
    const bool damage = spoils(FaultKind::corrupt_gzip);
    if (damage || happens(FaultKind::gzip)) {
      reply.body = gzipped(reply.body);
      reply.headers.emplace_back("Content-Encoding", "gzip");
      if (damage) corrupt(reply.body, dice);
    }
    std::uint32_t crc = libdeflate_crc32(0, reply.body.data(), reply.body.size());
    if (spoils(FaultKind::wrong_crc)) spoil_checksum(crc, reply.body, dice);
    reply.headers.emplace_back("x-amz-crc32", std::to_string(crc));
  }
  if (reply.body.empty()) return reply;
  if (spoils(FaultKind::truncate)) {
    reply.fault = Reply::Fault::cut;
    reply.sent = dice.pick(FaultKind::truncate, reply.body.size());
  } else if (spoils(FaultKind::stall)) {
    reply.fault = Reply::Fault::stall;
    reply.sent = dice.pick(FaultKind::stall, reply.body.size());
  } else if (happens(FaultKind::dribble)) {
    reply.fault = Reply::Fault::dribble;
  }
  return reply;
}

}  // namespace bulk::test
