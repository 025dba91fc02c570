#include "src/flight_window.h"

#include <gtest/gtest.h>

#include <queue>
#include <vector>

namespace bulk {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// A server on virtual time: every reply takes the latency, and beyond `most_per_second` requests wait in a queue.
class Target {
 public:
  explicit Target(double most_per_second) : service_(microseconds(static_cast<int>(1e6 / most_per_second))) {}

  microseconds latency{5'000};
  // Every so often, by turns sooner and later, it (or the sender's machine) stands still for a while.
  milliseconds pause{0}, between_pauses{0};
  // One request in so many ends after that time already, and one every so often at once.
  unsigned short_one_in = 0;
  microseconds short_latency{0};
  milliseconds between_local_ends{0};
  // The sender has no more than this to send at a time.
  unsigned offered = 1'000'000;

  // Keeps the window filled for so long. Returns the requests that ended per second.
  double run(FlightWindow& window, std::chrono::nanoseconds duration) {
    const SteadyTime end = now_ + duration;
    std::uint64_t ended = 0;
    while (now_ < end) {
      if (pause.count() > 0 && now_ >= next_pause_) {
        free_ = std::max(free_, now_) + pause;
        next_pause_ = now_ + between_pauses * (1 + pauses_++ % 3);
      }
      while (under_way_.size() < std::min(window.size(), offered)) {
        const bool full = under_way_.size() + 1 >= window.size();
        if (between_local_ends.count() > 0 && now_ >= next_local_end_) {
          under_way_.push({now_ + microseconds(20), now_, full});
          next_local_end_ = now_ + between_local_ends;
          continue;
        }
        free_ = std::max(free_, now_) + service_;
        const bool is_short = short_one_in > 0 && ++sent_ % short_one_in == 0;
        under_way_.push({free_ + (is_short ? short_latency : latency), now_, full});
      }
      const Request request = under_way_.top();
      under_way_.pop();
      now_ = std::max(now_, request.ends);
      window.ended(request.sent, now_, request.full);
      ++ended;
    }
    return static_cast<double>(ended) / std::chrono::duration<double>(duration).count();
  }
  SteadyTime now() const { return now_; }

 private:
  struct Request {
    SteadyTime ends, sent;
    bool full;
    bool operator<(const Request& other) const { return ends > other.ends; }
  };
  SteadyTime now_{std::chrono::seconds(1)};
  SteadyTime free_{}, next_pause_{}, next_local_end_{};
  std::uint64_t sent_ = 0;
  unsigned pauses_ = 0;
  microseconds service_;
  std::priority_queue<Request> under_way_;
};

TEST(FlightWindow, FindsWhatLatencyAsksForWithinThreeSeconds) {
  for (const milliseconds latency : {milliseconds(5), milliseconds(50)}) {
    Target target(20'000);
    target.latency = latency;
    FlightWindow window(1'024, target.now());
    target.run(window, std::chrono::seconds(3));
    EXPECT_GE(target.run(window, std::chrono::seconds(5)), 0.9 * std::min(20'000.0, 1'024.0 * 1'000 / latency.count()))
        << latency.count() << " ms, window " << window.size();
  }
}

TEST(FlightWindow, StaysSmallWhereTheTargetIsTheLimit) {
  Target target(2'000);
  target.latency = microseconds(500);
  FlightWindow window(1'024, target.now());
  EXPECT_GE(target.run(window, std::chrono::seconds(20)), 0.95 * 2'000);
  EXPECT_LE(window.size(), 32u);
}

TEST(FlightWindow, StaysSmallWhereThroughputVariesForOtherReasons) {
  Target target(20'000);
  target.latency = microseconds(100);
  target.pause = milliseconds(35);
  target.between_pauses = milliseconds(40);
  FlightWindow window(1'024, target.now());
  for (int second = 0; second < 30; ++second) {
    target.run(window, std::chrono::seconds(1));
    EXPECT_LE(window.size(), 128u) << "after " << second << " s";
  }
}

TEST(FlightWindow, FindsWhatLatencyAsksForAlthoughThroughputVaries) {
  Target target(20'000);
  target.latency = milliseconds(50);
  target.pause = milliseconds(20);
  target.between_pauses = milliseconds(100);
  FlightWindow window(1'024, target.now());
  target.run(window, std::chrono::seconds(3));
  EXPECT_GE(window.size(), 512u);
}

TEST(FlightWindow, IsNotHeldByARequestThatEndsAtOnceNowAndThen) {
  Target target(100'000);
  target.latency = milliseconds(50);
  target.between_local_ends = std::chrono::seconds(1);
  FlightWindow window(2'048, target.now());
  target.run(window, std::chrono::seconds(5));
  EXPECT_GE(window.size(), 1'024u);
}

TEST(FlightWindow, IsNotHeldByAFewShortReplies) {
  const auto size_after = [](unsigned short_one_in) {
    Target target(200'000);
    target.short_one_in = short_one_in;
    target.short_latency = target.latency / 10;
    FlightWindow window(2'048, target.now());
    target.run(window, std::chrono::seconds(5));
    return window.size();
  };
  const unsigned clean = size_after(0);
  EXPECT_GE(clean, 500u);
  EXPECT_GE(size_after(1'000), 0.8 * clean);
  EXPECT_GE(size_after(50), 0.8 * clean);
}

TEST(FlightWindow, TakesOnlyLossesInARowForALoss) {
  Target target(2'000);
  target.latency = microseconds(500);
  FlightWindow window(1'024, target.now());
  target.run(window, std::chrono::seconds(5));
  const unsigned before = window.size();
  for (int i = 0; i < 50; ++i) {
    // Slow for no more than two rounds, after which the sender has little to send.
    target.latency = milliseconds(20);
    target.offered = 1'000'000;
    target.run(window, milliseconds(150));
    target.latency = microseconds(500);
    target.offered = 3;
    target.run(window, milliseconds(300));
    EXPECT_LT(window.size(), 2 * before) << "looks for the size again, after " << i;
  }
}

TEST(FlightWindow, ShrinksAndGrowsAgainWhenLatencyChanges) {
  Target target(10'000);
  target.latency = milliseconds(50);
  FlightWindow window(1'024, target.now());
  target.run(window, std::chrono::seconds(5));
  EXPECT_GE(window.size(), 400u);
  target.latency = milliseconds(2);
  target.run(window, std::chrono::seconds(60));
  EXPECT_LE(window.size(), 200u);
  target.latency = milliseconds(50);
  target.run(window, std::chrono::seconds(20));
  EXPECT_GE(target.run(window, std::chrono::seconds(5)), 0.9 * 10'000);
}

TEST(FlightWindow, LearnsNothingWhileSomethingElseIsTheLimit) {
  Target target(10'000);
  target.offered = 3;
  FlightWindow window(1'024, target.now());
  target.run(window, std::chrono::seconds(10));
  EXPECT_EQ(window.size(), 16u);
}

TEST(FlightWindow, OfOneRequestStaysOne) {
  Target target(10'000);
  FlightWindow window(1, target.now());
  target.run(window, std::chrono::seconds(10));
  EXPECT_EQ(window.size(), 1u);
}

}  // namespace
}  // namespace bulk
