// How fast a table may be read or written, in capacity units per second: finds the table's ceiling without being told,
// holds it, and finds it again when it has moved. Pure: time is an argument, no locks; RateLimiter (io/rate.h) is the
// thread-safe wrapper. Equal seeds give equal runs.
//
// What is paced. A request is charged an estimate before it is sent (reserve) and trued up with the units that its
// reply reports (settle). Refused units (UnprocessedItems, throttling errors) are the one signal of congestion. Without
// a limit and without congestion the rate is unbounded: a table that never refuses is never slowed down.
//
// What is congestion. One refusal is not. Each refused request is evidence for a table that refuses a tenth of all
// requests against one that refuses a hundredth at random, each accepted one speaks a little for the latter (a CUSUM of
// the log-likelihood ratio, begun anew whenever it falls to 0). Three refusals in a row suffice, or four among a dozen;
// at hundreds of requests per second it takes more, so that false alarms stay rare per second, not per request: 1 %
// refused at random, at 40,000 units per second, costs no throughput. What was under way at a cut says nothing about
// the new rate and is no evidence.
//
// How large the ceiling is. A table that refuses gives exactly its capacity, and it keeps what is not used for later
// (DynamoDB: up to 300 s of it). So the units accepted between two congestions, divided by the time between them, ARE
// the capacity, whatever the curve in between looked like. Where the refused share says that far less is left (a halved
// capacity), the ceiling is cut by the lower bound of that share, and a tenth of a second later, if refusals go on, to
// what was accepted meanwhile.
//
// The curve. CUBIC: a cut to 80 % of the ceiling, back at it after 1.7 s, flat around it, 20 % above it after 3.4 s;
// the bucket that filled below the ceiling pays for what is sent above it, so that a deep curve costs no throughput.
// When even that is not refused the capacity must have grown: from there on the rate doubles every half second, and a
// doubled capacity is found within 5 s. A ceiling that fell by much is looked for twice as early, as it may come back
// at once. Fewer than five requests per second are too few for all that: one refusal is congestion there while the
// curve is above the ceiling, and below two per second the curve is slower.
//
// Fairness. Processes see each other only by being refused. All grow by the same share per second, but whoever sends
// twice as much is cut more than twice as often, because it meets refusals twice as often and needs several close
// together: the larger shrinks. Lengths are jittered so that nobody moves in step; where they do (two processes, 50 ms
// of latency) it takes minutes. What a process gets while all of them begin at once is chance, a hundredth or a third
// of the table: so the search begins at a quarter of it and at four requests per second at least, and the first cuts
// are deeper. Whoever has little among others looks like one who is alone with a slow table, but is refused below its
// ceiling too: a single refusal there is no congestion, or it would never grow.
//
// Where others need the table (share < 1) the rate is that share of the ceiling found, a cut is deeper (70 %), takes a
// minute to heal, and the way up is a doubling per 30 minutes, which is how fast a table on demand grows. Others may
// take all of the table for a moment, and what they leave then is no ceiling: cuts come as often as refusals, each to
// 70 %, after 3 s to what is accepted, but the curve heals to the ceiling before the fall. Where cuts go on for 10 s
// although the table accepts something, the capacity was lowered: from then on the former ceiling is forgotten, half of
// it in 5 s, down to the rate that was refused.
//
// Waiting. Goals are counted in units of debt paid back, in two doubles, so that neither an idle hour nor an absurd
// maximum (bounded by 1e12) costs the last digit of a small step. What a request did not use is paid back at once and
// moves up whoever waits behind it, but the last of them never ahead of the bucket.
//
// Rejected, by the worst of 9 or 18 runs of 8 processes at 10,000 units per second (now: Jain's index 0.97) unless
// said:
//   a retreat to the ceiling at a single refusal instead of a cut: a third of the refusals, but whoever is large stays
//     so (index 0.50), and a doubled capacity is not found (0.22 of it is used after 5 s);
//   one refusal is a cut: a quarter less refused, but small processes, whose requests are few, are cut as often as
//     large ones (index 0.84);
//   cuts of 10 %: index 0.93; of 30 %: a table that saves up no more than 0.05 s gives 94 % of its capacity, not 97 %;
//   a plateau of a number of requests for all: the small grow slowest (index 0.71 at 1,000 units per second).
// And by the worst of 72 runs of 8 processes that begin at once, at 5,000 units per second (now: 0.96):
//   below five requests per second one refusal is congestion anywhere and the curve is slower, and the search begins
//     with all that was got at first: one or two stay at a hundredth of the table for minutes (0.37, mostly 0.75);
//   the search begins with all that was got at first, nothing else: 0.94;
//   one refusal is nowhere congestion, and no curve is slower: fair at 1,000 units per second as well (0.95, now
//     0.6), but of what one alone sends to a table of 25 units per second a quarter is refused, not 3 %.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

#include "io/clock.h"
#include "io/rate_limits.h"

namespace bulk {

class RateModel {
 public:
  explicit RateModel(const RateLimits& limits, SteadyTime now, std::uint64_t seed = 1);

  // Takes `units` from the bucket (it may go into debt) and says how long the caller has to wait before sending.
  std::chrono::nanoseconds reserve(double units, SteadyTime now);

  // What the caller of the last reserve() waits for, and how long it still has to wait for it: less than it was told
  // when the rate has grown since, more when it was cut. The rate grows while one waits: ask again before the end.
  double goal() const noexcept { return poured_ + (poured_rest_ + std::max(-level_, 0.0)); }
  std::chrono::nanoseconds remaining(double goal, SteadyTime now);

  // The outcome of a request that had reserved `reserved`: `used` units were consumed, `refused` were turned away.
  void settle(double reserved, double used, double refused, SteadyTime now);

  double rate() const noexcept { return rate_; }        // units per second; infinity when unbounded
  double ceiling() const noexcept { return ceiling_; }  // remembered; 0 when never congested

 private:
  enum class Phase {
    unbounded,  // no congestion yet
    searching,  // what is known is a guess from few requests: double until the next congestion
    holding,    // follow the curve around the ceiling
  };
  struct Evidence {
    double score = 0;              // log-likelihood ratio of congestion
    double sent = 0, refused = 0;  // units since it began to rise
    double refusals = 0;           // requests
  };

  void advance(SteadyTime now);
  void pour(double units);
  void give_back(double units);
  void measure(double reserved, double used, SteadyTime now);
  bool congested(double reserved, double refused, SteadyTime now);
  double sustained(double since_cut, SteadyTime now) const;
  void cut(double refused, SteadyTime now);
  double cut_share(double found, double since_cut, SteadyTime now);
  double curve(double since_cut) const;
  double clamped(double rate) const;

  RateLimits limits_;
  Phase phase_;
  double rate_;
  double ceiling_;
  double depth_ = 0;    // of the last cut
  double plateau_ = 1;  // seconds from it to the ceiling
  bool fell_ = false;   // the ceiling, by much, at the last cut
  int cuts_ = 0;

  double level_ = 0;        // units in the bucket, negative in debt
  double poured_ = 0;       // units of debt that were paid back since the beginning
  double poured_rest_ = 0;  // what is too little for its last digit
  double last_goal_ = 0;
  SteadyTime filled_;

  SteadyTime cut_;
  SteadyTime trouble_;  // the first of the last cuts: the share has not recovered between any two of them
  double used_since_cut_ = 0, settled_since_cut_ = 0, requests_since_cut_ = 0;
  double reserved_ = 0, settled_ = 0;  // units, since the beginning
  double reservations_ = 0;
  double stale_until_ = 0;  // of settled_: what follows was sent after the cut
  Evidence evidence_;

  SteadyTime window_start_;
  double window_used_ = 0, window_requests_ = 0;
  double measured_ = 0, requests_per_second_ = 0;  // of what was accepted, in the last whole window
  double usual_requests_ = 0;                      // per second
  std::minstd_rand random_;
};

}  // namespace bulk
