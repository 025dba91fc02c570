// Any reply of the service, by status (first byte), with or without gzip, checksum and an error type in its headers
// (second byte): classified, with texts that are short and hold no control characters.
#include <libdeflate.h>

#include <array>

#include "backends/dynamodb/reply.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

void check_text(std::string_view text) {
  HOLDS(text.size() <= 400 + 3);
  for (const char c : text) HOLDS(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<int, 8> kStatuses = {200, 400, 403, 408, 413, 429, 500, 501};
  fuzz::Input input(data, size);
  HttpResult result;
  result.reply.status = kStatuses[input.byte() % kStatuses.size()];
  const std::uint8_t headers = input.byte();
  if ((headers & 1) != 0) result.reply.headers.emplace_back("content-encoding", "gzip");
  if ((headers & 2) != 0) {
    const std::uint32_t sum = libdeflate_crc32(0, input.rest().data(), input.rest().size());
    result.reply.headers.emplace_back("x-amz-crc32", std::to_string(sum));
  }
  if ((headers & 4) != 0) result.reply.headers.emplace_back("x-amzn-errortype", std::string(input.part()));
  if ((headers & 8) != 0) result.reply.headers.emplace_back("x-amz-crc32", std::string(input.part()));
  if ((headers & 16) != 0) result.reply.headers.emplace_back("content-encoding", std::string(input.part()));
  result.reply.body = Buffer(input.rest());
  const bool plain_and_sound = (headers & 0x19) == 0 && ((headers & 2) == 0 || (headers & 4) == 0);
  const int status = result.reply.status;

  const DynamoDbReply reply = classify_reply(result);
  using Kind = DynamoDbReply::Kind;
  HOLDS(reply.kind != Kind::stopped);
  HOLDS(reply.kind != Kind::ok || status == 200);
  HOLDS(reply.kind == Kind::ok || !reply.code.empty());
  HOLDS(reply.body.size() <= kMaxReplyBytes);
  HOLDS(!plain_and_sound || status != 200 || (reply.kind == Kind::ok && reply.body.view() == input.rest()));
  check_text(reply.code);
  for (const char c : reply.message) HOLDS(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  HOLDS(reply.message.size() < 1000);
  check_text(presentable(input.rest()));
  return 0;
}
