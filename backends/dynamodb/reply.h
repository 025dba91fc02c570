// What a reply of the service means: the checksum of its stored bytes, its compression, and the class of its error code
// (AWS SDK reference guide, "Retry behavior"). Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "io/buffer.h"
#include "io/http.h"

namespace bulk {

struct DynamoDbReply {
  enum class Kind {
    ok,         // `body` is what the service answered
    throttled,  // refused for capacity
    transient,  // transport, checksum, 5xx: worth another attempt; a write may have been carried out
    refused,    // the service says no: `code` and `message`
    stopped,    // the job stopped meanwhile
  };
  Kind kind = Kind::ok;
  std::string code;     // "ValidationException"; the status where the body names none
  std::string message;  // one line, without secrets, bounded
  Buffer body;          // as it was answered, of an error too; empty where none came
  // Earlier attempts of the same call whose outcome is not known: any of them may have been carried out.
  int unanswered = 0;
  // An exchange of this attempt went out on more than one connection (HttpResult::resent).
  bool resent = false;
  // Throttled: all of ThrottlingReasons name partitions of the table. An index that is over its limits, whole or in one
  // partition, slows the table as a whole: nothing tells which of the table's partitions feed it.
  bool key_range = false;

  std::string text() const { return message.empty() ? code : code + ": " + message; }
};

// A reply is never inflated beyond this; real ones are a few MB.
inline constexpr std::size_t kMaxReplyBytes = 64u << 20;

// Checks x-amz-crc32 over the bytes as they came, then undoes gzip. Empty: sound, `reply.body` is plain; otherwise what
// is wrong.
std::string unpack_reply(HttpReply& reply);

// Takes the result of an exchange apart. Consumes result.reply.body.
DynamoDbReply classify_reply(HttpResult& result);

// Text of a stranger as part of a one-line error: no control characters, at most 400 bytes, without the canonical
// request that signature errors repeat (it holds the session token).
std::string presentable(std::string_view text);

}  // namespace bulk
