// The write stage: the one place where a refused write is tried again, paced, cut in half and counted, for every
// backend.
//
// Each writer is a thread with a sink session and an event loop over its attempts. An attempt takes a slice from the
// feed, is held until the rate limiter lets it go, and goes out as soon as the window of requests under way has room
// (src/flight_window.h). What the sink did not process stays in the slice and goes out again after a jittered pause,
// together with new records. A request that is refused because of its content is halved until the one bad record is
// alone; that goes to the rejects. Records of a hot partition wait apart (src/hot_partitions.h). A batch whose last
// record is settled goes back to the pool. The first error, or giving up, stops the job.
//
// With sinks whose attempt is over when the call returns, a session has one attempt and the loop is a simple one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "backends/backend.h"
#include "io/rate.h"
#include "io/retry.h"
#include "io/stop.h"
#include "src/activity.h"
#include "src/conflicts.h"
#include "src/flight_window.h"
#include "src/hot_partitions.h"
#include "src/progress.h"
#include "src/rejects.h"
#include "src/totals.h"
#include "src/write_feed.h"

namespace bulk {

// What the writers share; all outlive them.
struct WriteContext {
  Sink& sink;
  WriteFeed& feed;
  BatchPool& pool;
  RateLimiter& rate;
  HotPartitions& hot;
  Rejects& rejects;
  RequestStats& stats;
  ProgressCounters& progress;
  Stop& stop;
  RetryPolicy retry{};
  ActivityBoard* board = nullptr;  // shows what each writer is doing, where there is one
  // Key order: the feed's lanes that each writer serves, one attempt each. 0: free order.
  unsigned lanes = 0;
  std::size_t most_bytes_under_way = 16u << 20;  // of lines, per writer; one attempt may exceed it
  ConflictResolver* conflicts = nullptr;         // of a sink of changes
};

class Writer {
 public:
  Writer(const WriteContext& context, unsigned number);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Writes until the feed has no more or the job stops. Errors go to Stop.
  void run() noexcept;

  // Counts per segment; after run().
  const std::map<std::uint32_t, Tally>& segments() const noexcept { return segments_; }
  // order_in_file() of records that the sink refused: they replace nothing in a foreign file.
  const std::vector<std::uint64_t>& refused_orders() const noexcept { return refused_orders_; }

 private:
  using Ticket = std::uint32_t;
  // A slice on its way, from the feed until each of its records is settled. Its ticket is its place in attempts_.
  struct Attempt {
    Attempt(unsigned of_lane, const RetryPolicy& retry, std::uint64_t seed) : lane(of_lane), backoff(retry, seed) {}
    const unsigned lane;
    std::vector<Pending> slice;
    std::vector<std::vector<Pending>> halves;  // of a refused request, still to be tried; the next one last
    Backoff backoff;
    RateLimiter::Reservation reservation;
    SteadyTime sent;
    std::size_t bytes = 0;      // of its lines, while under way
    std::uint64_t sending = 0;  // counts all that were sent; 0: not under way
  };
  struct Pause {
    SteadyTime until;
    Ticket ticket;
    Backoff::Cause cause;
    bool operator<(const Pause& other) const { return until > other.until; }
  };
  // Records of a hot partition.
  struct Parked {
    std::deque<Pending> records;
    Backoff backoff;
    SteadyTime not_before;
  };
  // A record outside its batch.
  struct Aside {
    std::unique_ptr<Batch> copy;
    unsigned rounds = 0;  // conflicts that it has had
  };
  struct Conflict {
    Pending entry;
    std::string item;
    unsigned rounds;
  };
  enum class Settled { written, filtered, rejected };

  // Sends whatever may go now. False when there is nothing more to do.
  bool launch(SteadyTime now);
  void resume_paused(SteadyTime now);
  void launch_parked(SteadyTime now);
  bool take_slices(SteadyTime now);
  Ticket idle_attempt();
  bool room() const;
  bool has_idle_attempt() const;
  void hold(Ticket ticket);
  void send_held(SteadyTime now);
  void send(Ticket ticket, SteadyTime now);
  SteadyTime next_look(SteadyTime now);

  void ended(Ticket ticket, WriteResult& result, SteadyTime now);
  void settle_done(Attempt& attempt, WriteResult& result, SteadyTime now);
  void charge(Attempt& attempt, double used, double refused);
  double table_refused(const Attempt& attempt, const std::vector<bool>& left, bool key_range, SteadyTime now);
  void halve(Ticket ticket, const std::string& reason);
  void retry(Ticket ticket, Backoff::Cause cause, const std::string& reason, SteadyTime now);
  void park(Attempt& attempt, const std::string* refused, SteadyTime now);
  Pending set_aside(const Pending& entry);
  void leave_place(const Pending& entry);
  void note_conflicts(Attempt& attempt, WriteResult& result);
  void resolve_conflicts();
  Pending replaced(const Pending& entry, const ConflictAnswer& answer, unsigned rounds);
  void launch_again(SteadyTime now);
  void take_heart(std::span<const Pending> written);
  void finished(Ticket ticket);
  [[noreturn]] void give_up(int attempts, const Pending& first, const std::string& reason) const;
  void settle(std::span<const Pending> entries, Settled how);
  void show_activity();

  WriteContext context_;
  const unsigned number_;
  const SinkLimits limits_;
  std::unique_ptr<SinkSession> session_;
  ActivityBoard::Seat seat_;
  std::size_t registration_ = 0;
  std::uint64_t seed_;
  FlightWindow window_;
  bool window_is_full_ = false;  // since the last time that something was sent

  std::deque<Attempt> attempts_;
  std::vector<Ticket> idle_;
  std::deque<Ticket> held_;  // have their reservation and wait for it, in its order, or for room
  std::priority_queue<Pause> pausing_;
  std::map<std::uint64_t, Parked> parked_;         // by partition
  std::size_t parked_records_ = 0;                 // in all of them
  std::unordered_map<const Batch*, Aside> aside_;  // copies of single records
  std::vector<Conflict> conflicts_;                // of this round of the loop
  std::deque<Pending> again_;                      // were in conflict, have a new change
  SteadyTime parked_look_;                         // when one of them may go, at the earliest
  std::optional<RateLimiter::Waiting> waiting_;

  unsigned under_way_ = 0;
  unsigned unanswered_ = 0;  // that pause because the target did not answer: they keep their place in the window
  std::size_t bytes_under_way_ = 0;
  std::uint64_t sendings_ = 0;
  std::deque<std::pair<Ticket, std::uint64_t>> oldest_;  // in the order of sending; those that have ended too

  std::uint64_t shown_ = 0;  // which of them the board shows

  std::vector<RecordRef> refs_;  // scratch
  std::vector<PartitionOutcome> outcomes_;
  std::map<std::uint32_t, Tally> segments_;
  std::vector<std::uint64_t> refused_orders_;
};

}  // namespace bulk
