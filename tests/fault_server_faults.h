// What the fault-injecting server may do wrong, and the dice that decide when.
//
// The permitted faults, and why the program survives each:
//
// - throttle: An error of `throttle_codes` (for control-plane calls LimitExceededException too), with or without its
//   ThrottlingReasons; nothing is done. The code alone decides: the request goes out again, later and more slowly,
//   for minutes.
// - internal_error: 500 InternalServerError; nothing is done. Transient: tried again.
// - unavailable: 500, 502, 503 or 504 with the service's own JSON, a proxy's page, or no body at all; nothing is
//   done. The status alone makes it transient.
// - error_after: Carried out, then HTTP 500. A put repeats safely; a conditional put finds its own first attempt and
//   is counted as found; a control-plane call looks whether its wish has come true.
// - drop_before: The connection ends (in order, or by a reset) without a reply; nothing is done. It cannot be told
//   from drop_after.
// - drop_after: The same after the request has been carried out. As error_after.
// - partial_write: A BatchWriteItem is carried out for some of its puts, then the connection is reset. No put of it
//   counts as written before a reply says so.
// - truncate: Carried out; Content-Length announces more than is sent. The transport sees that the end is missing.
// - dribble: A good reply, a few bytes at a time. Bytes that come are no stall.
// - hang: Nothing is done, or all of it, and never a byte comes back. The stall timeout ends it: transient.
// - stall: Carried out; the reply stops in the middle of its body. As hang.
// - wrong_crc: Carried out, but x-amz-crc32 does not fit: it or one character of the body was changed. No reply is
//   believed before its checksum has been checked.
// - gzip: A good reply, compressed. The checksum covers the stored bytes; then they are inflated.
// - corrupt_gzip: Carried out; the reply is compressed and damaged, with a checksum of the damaged bytes. gzip has a
//   checksum too.
// - cut_json: Carried out; the reply is no JSON, with a good checksum. It is checked before anything in it is
//   believed, and an error that cannot be read is no answer.
// - expire: From now on the access key of this request is refused with ExpiredTokenException (a key is good for 20
//   requests at least). Credentials are fetched anew, once per expiry; where they stay the same (environment
//   variables) the run ends with status 2 and says so.
// - clock_offset_s: The service's clock differs from ours, and it refuses what is signed outside of 15 minutes. The
//   Date of the reply gives the offset, which is kept.
// - unprocessed: Single puts of a BatchWriteItem come back in UnprocessedItems. They stay in the writer's slice.
// - none_processed: All of them do. As throttling.
// - empty_page: A Scan's page without items, with a LastEvaluatedKey. Only the absence of that key is an end.
// - wcu_per_second: Puts above it come back unprocessed, or the request is throttled. As above.
// - no_old_item: A condition that failed is answered without the item, as by servers that do not know
//   ReturnValuesOnConditionCheckFailure. The item is read by itself.
// - poison_attribute: An item that has it makes the whole request a ValidationException. Halved until it is alone.
// - latency, creating_polls, updating_polls: Slowness. The program polls and waits.
//
// Not permitted, because no client could survive it: claiming a put that was not made, or items that are not there,
// under a good checksum.
//
// Each is decided by the seed and the request's number alone; only wcu_per_second goes by the clock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/tiny_http_server.h"

namespace bulk::test {

enum class FaultKind {
  throttle,
  internal_error,
  unavailable,
  error_after,
  drop_before,
  drop_after,
  partial_write,
  truncate,
  dribble,
  hang,
  stall,
  wrong_crc,
  gzip,
  corrupt_gzip,
  cut_json,
  expire,
  skew,  // a request refused for the time it was signed at
  unprocessed,
  none_processed,
  empty_page,
};
inline constexpr std::size_t kFaultKinds = 20;
const char* fault_name(FaultKind kind);

struct Faults {
  std::uint64_t seed = 1;
  std::set<std::string> operations;  // the ones that fail; empty: all

  // Probabilities per request, of unprocessed per put.
  double throttle = 0, internal_error = 0, unavailable = 0, error_after = 0;
  double drop_before = 0, drop_after = 0, partial_write = 0;
  double truncate = 0, dribble = 0, hang = 0, stall = 0;
  double wrong_crc = 0, gzip = 0, corrupt_gzip = 0, cut_json = 0;
  double expire = 0;
  double unprocessed = 0, none_processed = 0, empty_page = 0;

  std::vector<std::string> throttle_codes = {"ProvisionedThroughputExceededException", "ThrottlingException",
                                             "RequestLimitExceeded"};
  double throttling_reasons = 0.5;  // of the throttling errors
  std::int64_t clock_offset_s = 0;
  std::string poison_attribute;
  bool no_old_item = false;
  double wcu_per_second = 0;       // 0: no limit
  std::size_t page_items = 1'000;  // most items on a page of a Scan
  std::size_t page_bytes = 1u << 20;
  std::chrono::milliseconds latency{0};
  int lost_replies = 0;    // so many requests, the first ones, are carried out and answered with HTTP 500
  int creating_polls = 0;  // a new table is CREATING for so many DescribeTable calls
  int updating_polls = 0;  // a changed one is as it was for one of them, and then UPDATING for the rest of so many
  // A reply of the test's own instead of the server's, for hostile ones; nothing is done then.
  std::function<std::optional<TinyHttpServer::Reply>(const std::string& operation, const std::string& body)> reply;

  // The member that holds the probability of a kind; null for skew, which has none.
  static double Faults::*probability_of(FaultKind kind);
};

// The dice of one request. Every kind has its own, so that asking for one fault does not change what another one does.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t request);

  // A fault of `kind` with this probability; noted when it happens.
  bool happens(FaultKind kind, double probability);
  // 0 .. below-1, for what kind a fault of a kind is; `below` is at least 1.
  std::size_t pick(FaultKind kind, std::size_t below);
  void note(FaultKind kind) { happened_.push_back(kind); }

  const std::vector<FaultKind>& happened() const noexcept { return happened_; }

 private:
  std::uint64_t draw(FaultKind kind);

  std::uint64_t base_;
  std::array<std::uint64_t, kFaultKinds> draws_{};
  std::vector<FaultKind> happened_;
};

}  // namespace bulk::test
