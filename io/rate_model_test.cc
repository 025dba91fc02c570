#include "io/rate_model.h"

#include <gtest/gtest.h>

#include <cmath>

namespace bulk {
namespace {

using namespace std::chrono_literals;

// How well it finds and shares capacity is tested in tests/rate_simulation_test.cc; here is what it promises request by
// request.

double seconds(SteadyTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// A table that takes `capacity` units per second and saves up a second of it, and one writer of 25-unit requests.
struct Table {
  RateModel model;
  SteadyTime now{};
  double capacity;
  double bucket = 0;
  double accepted = 0, refused = 0;

  Table(const RateLimits& limits, double capacity) : model(limits, SteadyTime{}), capacity(capacity) {}

  void run(std::chrono::nanoseconds duration) {
    accepted = refused = 0;
    const SteadyTime end = now + duration;
    SteadyTime filled = now;
    while (now < end) {
      model.reserve(25, now);
      const double goal = model.goal();
      do {
        now += std::clamp<std::chrono::nanoseconds>(model.remaining(goal, now), 100us, 200ms);
      } while (model.remaining(goal, now).count() > 0);
      bucket = std::min(capacity, bucket + capacity * std::chrono::duration<double>(now - filled).count());
      filled = now;
      const double done = std::min(25.0, std::floor(bucket));
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
    EXPECT_EQ(model.reserve(1e6, SteadyTime{} + i * 1ms), 0ns);
    model.settle(1e6, 1e6, 0, SteadyTime{} + i * 1ms);
  }
  EXPECT_TRUE(std::isinf(model.rate()));
}

TEST(RateModel, NeverExceedsTheGivenMaximum) {
  Table table({.max_units = 100}, 10'000);
  table.run(30s);
  EXPECT_LE(table.accepted, 100 * 30 + 50);
  EXPECT_GT(table.accepted, 95 * 30);
  EXPECT_EQ(table.refused, 0);
}

TEST(RateModel, ARefusalNowAndThenIsNoCongestion) {
  RateModel model({}, SteadyTime{});
  for (int i = 0; i < 10'000; ++i) {
    const double refused = i % 50 == 49 ? 25 : 0;
    model.reserve(25, SteadyTime{} + i * 2ms);
    model.settle(25, 25 - refused, refused, SteadyTime{} + i * 2ms);
  }
  EXPECT_TRUE(std::isinf(model.rate()));
}

TEST(RateModel, WhoSendsLittleIsNotCutByOneRefusalBelowItsCeiling) {
  RateModel model({.start_units = 100}, SteadyTime{});
  SteadyTime now{};
  const auto send = [&](double refused, std::chrono::nanoseconds later = 250ms) {
    now += later;
    model.reserve(25, now);
    model.settle(25, 25 - refused, refused, now);
  };
  for (int i = 0; i < 4; ++i) send(0);
  for (int i = 0; i < 3; ++i) send(25, 1ms);
  const double ceiling = model.ceiling();
  EXPECT_LT(model.rate(), 0.7 * ceiling);
  for (int i = 0; i < 3; ++i) send(0);
  send(25);
  EXPECT_EQ(model.ceiling(), ceiling) << "others send too";
  EXPECT_GT(model.rate(), 0.7 * ceiling);
  for (int i = 0; i < 6; ++i) send(0);
  EXPECT_GT(model.rate(), ceiling);
  send(25);
  EXPECT_LT(model.rate(), model.ceiling()) << "above it one refusal says that the table is full";
}

TEST(RateModel, ARefusalOfTheVeryFirstRequestsDoesNotStallTheRun) {
  // 16 writers are refused at once; the table then takes 10,000 units per second.
  SteadyTime now{};
  RateModel model({}, now);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(model.reserve(25, now).count(), 0);
  for (int i = 0; i < 16; ++i) model.settle(25, 0, 25, now);
  EXPECT_TRUE(std::isinf(model.rate()));
  now += 600ms;
  for (int i = 0; i < 16; ++i) model.reserve(25, now);
  for (int i = 0; i < 16; ++i) model.settle(25, 0, 25, now);
  EXPECT_FALSE(std::isinf(model.rate()));
  double done = 0;
  for (; done < 10'000 && seconds(now) < 60; done += 25) {
    model.reserve(25, now);
    const double goal = model.goal();
    while (model.remaining(goal, now).count() > 0) now += 10ms;
    model.settle(25, 25, 0, now);
  }
  EXPECT_LT(seconds(now), 10);
}

TEST(RateModel, FindsATableThatTakesAThousandTimesLessThanWasSent) {
  Table table({}, 50);
  table.run(20s);
  table.run(300s);
  EXPECT_GT(table.accepted, 0.95 * 300 * 50);
  EXPECT_LT(table.refused, 0.1 * table.accepted);
}

TEST(RateModel, AKnownCapacityIsWhereItBeginsAndNoBound) {
  Table table({.start_units = 1'000}, 1'000);
  EXPECT_EQ(table.model.rate(), 1'000);
  table.run(5s);
  EXPECT_LT(table.refused, 0.1 * table.accepted);
  table.capacity = 1e9;
  table.run(10s);
  EXPECT_GT(table.accepted, 100 * 1'000);
}

TEST(RateModel, OfACeilingThatOthersNeedItTakesItsShareAndProbesSeldom) {
  Table shared({.share = 0.5}, 10'000);
  shared.run(20s);
  shared.run(300s);
  EXPECT_GT(shared.accepted, 0.35 * 300 * 10'000);
  EXPECT_LT(shared.accepted, 0.65 * 300 * 10'000);
  EXPECT_LT(shared.refused, 0.001 * shared.accepted);
}

TEST(RateModel, ASpikeOfOthersCostsAShareAMinuteAndNotHours) {
  Table shared({.start_units = 5'000, .share = 0.5}, 10'000);
  shared.run(120s);
  const double before = shared.model.rate();
  shared.capacity = 0;
  shared.run(500ms);
  EXPECT_LT(shared.model.rate(), before / 2) << "others are let go first";
  shared.capacity = 10'000;
  shared.run(90s);
  EXPECT_GT(shared.model.rate(), 0.9 * before);
}

TEST(RateModel, AShareFollowsACapacityThatWasLoweredForGood) {
  Table shared({.start_units = 5'000, .share = 0.5}, 10'000);
  shared.run(120s);
  shared.capacity = 100;
  shared.run(120s);
  shared.run(300s);
  EXPECT_GT(shared.accepted, 0.5 * 300 * 100);
  EXPECT_LT(shared.refused, 0.02 * shared.accepted) << "the former ceiling is forgotten";
}

TEST(RateModel, AnAbsurdMaximumDoesNotStallWhoeverComesAfterAnIdleHour) {
  for (const double most : {1e9, 1e15, 1e18}) {
    SteadyTime now{};
    RateModel model({.max_units = most}, now);
    model.remaining(0, now += 1h);
    model.reserve(4e12, now);
    const double goal = model.goal();
    EXPECT_GT(model.remaining(goal, now).count(), 0) << most;
    for (int i = 0; i < 100 && model.remaining(goal, now).count() > 0; ++i) now += model.remaining(goal, now);
    EXPECT_EQ(model.remaining(goal, now), 0ns) << most;
  }
}

TEST(RateModel, WhatIsGivenBackMovesUpWhoeverWaitsBehind) {
  RateModel model({.max_units = 100}, SteadyTime{});
  model.reserve(1'000, SteadyTime{});
  model.reserve(50, SteadyTime{});
  const double behind = model.goal();
  EXPECT_EQ(model.remaining(behind, SteadyTime{}), 10'500ms);
  model.settle(1'000, 0, 0, SteadyTime{});
  EXPECT_EQ(model.remaining(behind, SteadyTime{}), 500ms);
}

TEST(RateModel, WhatIsGivenBackMovesNobodyAheadOfTheRate) {
  RateModel model({.max_units = 100}, SteadyTime{});
  model.reserve(100, SteadyTime{});
  model.reserve(50, SteadyTime{});
  const double behind = model.goal();
  model.settle(0, 80, 0, SteadyTime{});  // more than was reserved
  model.settle(100, 20, 0, SteadyTime{});
  EXPECT_EQ(model.remaining(behind, SteadyTime{}), 1'500ms) << "150 units, of them 80 given back, and 80 more used";
  model.reserve(50, SteadyTime{});
  EXPECT_EQ(model.remaining(model.goal(), SteadyTime{}), 2s);

  double used = 0;  // 100 who estimate twice of what they need
  SteadyTime now = SteadyTime{} + 2s;
  for (int i = 0; i < 100; ++i) {
    model.reserve(20, now);
    const double goal = model.goal();
    while (model.remaining(goal, now).count() > 0) now += model.remaining(goal, now);
    model.settle(20, 10, 0, now);
    used += 10;
  }
  EXPECT_LE(used, 100 * (seconds(now) - 2) + 25 + 10);
}

TEST(RateModel, ChargesWhatWasUsedInsteadOfWhatWasEstimated) {
  RateModel model({.max_units = 100}, SteadyTime{});
  EXPECT_GT(model.reserve(100, SteadyTime{}), 0ns);
  model.settle(100, 10, 0, SteadyTime{});
  EXPECT_EQ(model.reserve(90, SteadyTime{} + 1s), 650ms) << "25 units saved at most, 90 asked, at 100 per second";
}

TEST(RateModel, WhatWasRefusedStaysCharged) {
  RateModel model({.max_units = 100}, SteadyTime{});
  model.reserve(100, SteadyTime{});
  model.settle(100, 0, 100, SteadyTime{});
  EXPECT_EQ(model.reserve(100, SteadyTime{}), 2s);
  model.settle(100, 0, 0, SteadyTime{});
  EXPECT_EQ(model.remaining(model.goal(), SteadyTime{}), 1s) << "given up: neither used nor refused";
}

TEST(RateModel, WhoeverWaitsIsServedEarlierWhenTheRateGrows) {
  SteadyTime now{};
  RateModel model({.start_units = 10}, now);
  EXPECT_EQ(model.reserve(100, now), 10s);
  const double goal = model.goal();
  while (model.remaining(goal, now).count() > 0) now += 100ms;
  EXPECT_LT(seconds(now), 3) << "nothing was refused: it doubles every half second";
}

TEST(RateModel, StaysFiniteHoweverLongNothingIsRefused) {
  RateModel model({.start_units = 10}, SteadyTime{});
  SteadyTime now{};
  for (int i = 0; i < 1'000; ++i, now += 10s) {
    model.reserve(1e6, now);
    model.settle(1e6, 1e6, 0, now);
  }
  EXPECT_TRUE(std::isfinite(model.rate()));
  EXPECT_TRUE(std::isfinite(model.goal()));
}

}  // namespace
}  // namespace bulk
