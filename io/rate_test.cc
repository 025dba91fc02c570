#include "io/rate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "io/error.h"

namespace bulk {
namespace {

using namespace std::chrono_literals;

// A table that accepts `capacity` units per second and one writer that sends 25-unit requests as the model allows, on
// virtual time.
struct Simulation {
  RateModel model;
  SteadyTime now{};
  double capacity;
  double bucket = 0;
  double accepted = 0, refused = 0;

  Simulation(const RateLimits& limits, double capacity) : model(limits, SteadyTime{}), capacity(capacity) {}

  void run(std::chrono::nanoseconds duration) {
    accepted = refused = 0;
    const SteadyTime end = now + duration;
    SteadyTime filled = now;
    while (now < end) {
      now += std::max<std::chrono::nanoseconds>(model.reserve(25, now), 1ms);
      bucket = std::min(capacity, bucket + capacity * std::chrono::duration<double>(now - filled).count());
      filled = now;
      const double done = std::min(25.0, bucket);
      bucket -= done;
      accepted += done;
      refused += 25 - done;
      model.settle(25, done, 25 - done, now);
    }
  }
};

TEST(RateModel, NeverSlowsATableThatNeverRefuses) {
  RateModel model({}, SteadyTime{});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(model.reserve(1e6, SteadyTime{}), 0ns);
    model.settle(1e6, 1e6, 0, SteadyTime{} + i * 1ms);
  }
  EXPECT_TRUE(std::isinf(model.rate()));
}

TEST(RateModel, FindsTheCeilingAndWastesLittle) {
  Simulation table({}, 1000);
  table.run(20s);
  table.run(60s);
  EXPECT_GT(table.accepted, 0.85 * 60 * 1000);
  EXPECT_LT(table.refused, 0.05 * table.accepted);
}

TEST(RateModel, FollowsCapacityThatMoves) {
  Simulation table({}, 1000);
  table.run(20s);
  table.capacity = 200;
  table.run(20s);
  table.run(40s);
  EXPECT_GT(table.accepted, 0.8 * 40 * 200);
  EXPECT_LT(table.refused, 0.08 * table.accepted);
  table.capacity = 2000;
  table.run(60s);
  table.run(30s);
  EXPECT_GT(table.accepted, 0.8 * 30 * 2000);
}

TEST(RateModel, NeverExceedsTheGivenMaximum) {
  Simulation table({.max_units = 100}, 10'000);
  table.run(30s);
  EXPECT_LE(table.accepted, 100 * 30 + 50);
  EXPECT_GT(table.accepted, 95 * 30);
  EXPECT_EQ(table.refused, 0);
}

TEST(RateModel, ProbesRarelyWhereOthersNeedTheTable) {
  Simulation alone({}, 1000);
  alone.run(20s);
  alone.run(120s);
  Simulation shared({.share = 0.5}, 1000);
  shared.run(20s);
  shared.run(120s);
  EXPECT_LT(shared.refused, alone.refused / 2);
  EXPECT_GT(shared.accepted, 0.3 * 120 * 1000);
}

TEST(RateModel, ChargesWhatWasUsedInsteadOfWhatWasEstimated) {
  RateModel model({.max_units = 100}, SteadyTime{});
  EXPECT_GT(model.reserve(100, SteadyTime{}), 0ns);
  model.settle(100, 10, 0, SteadyTime{});
  EXPECT_EQ(model.reserve(90, SteadyTime{} + 1s), 650ms) << "25 units saved at most, 90 asked, at 100 per second";
}

TEST(RateLimiter, StopsWaitingWhenTheJobStops) {
  Stop stop;
  RateLimiter limiter({.max_units = 0.001});
  stop.fail(std::make_exception_ptr(Error(ErrorKind::failed, "x")));
  EXPECT_FALSE(limiter.acquire(1000, stop));
}

TEST(RateModel, ARefusalOfTheVeryFirstRequestsDoesNotStallTheRun) {
  // 16 writers of 25 units each are refused at once; the table then takes 10,000 units per second.
  SteadyTime now{};
  RateModel model({}, now);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(model.reserve(25, now).count(), 0);
  for (int i = 0; i < 16; ++i) model.settle(25, 0, 25, now);
  EXPECT_TRUE(std::isinf(model.rate()));
  now += std::chrono::milliseconds(600);
  for (int i = 0; i < 16; ++i) model.settle(25, 0, 25, now);
  double done = 0;
  for (int i = 0; done < 10'000 && i < 1'000'000; ++i) {
    now += model.reserve(25, now);
    model.settle(25, 25, 0, now);
    done += 25;
  }
  EXPECT_LT(std::chrono::duration<double>(now.time_since_epoch()).count(), 15.0);
}

TEST(RateModel, WhoeverWaitsIsServedEarlierWhenTheRateGrows) {
  SteadyTime now{};
  RateModel model({.max_units = 0, .start_units = 10, .share = 1}, now);
  EXPECT_EQ(model.reserve(100, now), std::chrono::seconds(10));
  const double goal = model.goal();
  now += std::chrono::seconds(5);
  EXPECT_EQ(model.remaining(goal, now), std::chrono::seconds(5));
  // Well behind the ceiling's plateau the curve probes steeply.
  now += std::chrono::seconds(4);
  model.settle(0, 0, 0, now);
  EXPECT_LT(model.remaining(goal, now), std::chrono::seconds(1));
  now += std::chrono::seconds(1);
  EXPECT_EQ(model.remaining(goal, now).count(), 0);
}

}  // namespace
}  // namespace bulk
