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
  // The sender has no more than this to send at a time.
  unsigned offered = 1'000'000;

  // Keeps the window filled for so long. Returns the requests that ended per second.
  double run(FlightWindow& window, std::chrono::nanoseconds duration) {
    const SteadyTime end = now_ + duration;
    std::uint64_t ended = 0;
    while (now_ < end) {
      while (under_way_.size() < std::min(window.size(), offered)) {
        free_ = std::max(free_, now_) + service_;
        under_way_.push({free_ + latency, now_, under_way_.size() + 1 >= window.size()});
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
  SteadyTime free_{};
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
