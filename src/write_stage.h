// The write stage: the one place where a refused write is tried again, paced, cut in half and counted, for every
// backend.
//
// Each writer thread owns a sink session. It fills a slice from the feed, asks the rate limiter for its units, and
// makes one attempt. What the sink did not process stays in the slice and goes out again after a jittered delay,
// together with new records. A request that is refused because of its content is halved until the one bad record is
// alone; that goes to the rejects. A batch whose last record is settled goes back to the pool. The first error, or
// giving up, stops the job.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "io/rate.h"
#include "io/retry.h"
#include "io/stop.h"
#include "src/activity.h"
#include "src/progress.h"
#include "src/rejects.h"
#include "src/totals.h"
#include "src/write_feed.h"

namespace bulk {

// What the writers share; all outlive them.
struct WriteContext {
  Sink& sink;
  WriteFeed& feed;
  RateLimiter& rate;
  Rejects& rejects;
  RequestStats& stats;
  ProgressCounters& progress;
  Stop& stop;
  RetryPolicy retry{};
  ActivityBoard* board = nullptr;  // shows what each writer is doing, where there is one
};

class Writer {
 public:
  Writer(const WriteContext& context, unsigned number);

  // Writes until the feed has no more or the job stops. Errors go to Stop.
  void run() noexcept;

  // Counts per segment; after run().
  const std::map<std::uint32_t, Tally>& segments() const noexcept { return segments_; }
  // order_in_file() of records that the sink refused: they replace nothing in a foreign file.
  const std::vector<std::uint64_t>& refused_orders() const noexcept { return refused_orders_; }

 private:
  // One attempt at `slice`; leaves in it what still has to be written. True when the content was refused.
  bool attempt(std::vector<Pending>& slice);
  void bisect(std::vector<Pending> slice);
  void wait_before_retry(Backoff::Cause cause, const std::string& reason, const Pending& first);
  enum class Settled { written, filtered, rejected };
  void settle(const Pending& entry, Settled how);
  double estimate(std::span<const Pending> slice) const;

  WriteContext context_;
  const unsigned number_;
  std::unique_ptr<SinkSession> session_;
  ActivityBoard::Seat seat_;
  Backoff backoff_;
  std::string refusal_;          // why the last invalid request was refused
  std::vector<RecordRef> refs_;  // scratch of attempt()
  std::map<std::uint32_t, Tally> segments_;
  std::vector<std::uint64_t> refused_orders_;
};

}  // namespace bulk
