#include "io/retry.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace bulk {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DelaysAreJitteredAndGrowUpToTheCap) {
  RetryPolicy policy;
  policy.give_up_after = std::chrono::hours(1000);
  std::chrono::nanoseconds longest{0};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(policy, seed);
    for (int attempt = 1; attempt <= 40; ++attempt) {
      const auto delay = backoff.failed(Backoff::Cause::transient, SteadyTime{});
      const auto limit = std::min<std::chrono::nanoseconds>(25ms * (std::int64_t{1} << std::min(attempt - 1, 20)), 20s);
      ASSERT_GE(delay, 0ns);
      ASSERT_LE(delay, limit);
      longest = std::max(longest, delay);
    }
  }
  EXPECT_GT(longest, 19s) << "the whole range up to the cap is used";
}

TEST(Backoff, GivesUpOnlyAfterBothTimeAndAttempts) {
  Backoff backoff(RetryPolicy{}, 1);
  const SteadyTime start{};
  EXPECT_GE(backoff.failed(Backoff::Cause::transient, start), 0ns);
  EXPECT_GE(backoff.failed(Backoff::Cause::transient, start + 59s), 0ns);
  EXPECT_GE(backoff.failed(Backoff::Cause::transient, start + 61s), 0ns) << "only three attempts so far";
  EXPECT_LT(backoff.failed(Backoff::Cause::transient, start + 62s), 0ns);
}

TEST(Backoff, IsMorePatientWithThrottling) {
  Backoff backoff(RetryPolicy{}, 1);
  const SteadyTime start{};
  for (int i = 0; i < 10; ++i) EXPECT_GE(backoff.failed(Backoff::Cause::throttled, start + i * 29s), 0ns);
  EXPECT_LT(backoff.failed(Backoff::Cause::throttled, start + 301s), 0ns);
}

TEST(Backoff, StartsAgainAfterASuccess) {
  Backoff backoff(RetryPolicy{}, 1);
  for (int i = 0; i < 4; ++i) backoff.failed(Backoff::Cause::transient, SteadyTime{});
  backoff.succeeded();
  EXPECT_EQ(backoff.attempts(), 0);
  EXPECT_GE(backoff.failed(Backoff::Cause::transient, SteadyTime{} + 1000s), 0ns);
}

}  // namespace
}  // namespace bulk
