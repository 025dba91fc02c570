#include "io/rate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "io/error.h"

namespace bulk {
namespace {

using namespace std::chrono_literals;

TEST(RateLimiter, LetsGoAtOnceWhatIsNotLimited) {
  Stop stop;
  RateLimiter limiter({});
  EXPECT_TRUE(limiter.acquire(1e9, stop));
  const RateLimiter::Reservation reservation = limiter.reserve(1e9);
  EXPECT_EQ(reservation.units, 1e9);
  EXPECT_EQ(limiter.wait_left(reservation), 0ns);
  EXPECT_TRUE(std::isinf(limiter.rate()));
  EXPECT_FALSE(limiter.waiting());
}

TEST(RateLimiter, StopsWaitingWhenTheJobStops) {
  Stop stop;
  RateLimiter limiter({.max_units = 0.001});
  stop.fail(std::make_exception_ptr(Error(ErrorKind::failed, "x")));
  EXPECT_FALSE(limiter.acquire(1000, stop));
  EXPECT_FALSE(limiter.waiting());
}

TEST(RateLimiter, ReservationsWaitWithoutBlockingAndAreLookedAtAgainBeforeTheirTime) {
  RateLimiter limiter({.max_units = 0.001});
  const RateLimiter::Reservation first = limiter.reserve(1);
  const RateLimiter::Reservation second = limiter.reserve(1);
  EXPECT_GT(second.goal, first.goal) << "served in their order";
  EXPECT_EQ(limiter.wait_left(first), 200ms) << "not in 1,000 s: the rate may grow";
  EXPECT_EQ(limiter.wait_left(second), 200ms);
}

TEST(RateLimiter, AReservationThatIsGivenUpMakesRoom) {
  RateLimiter limiter({.max_units = 1'000'000'000});
  const RateLimiter::Reservation large = limiter.reserve(1e15);
  EXPECT_GT(limiter.wait_left(large), 0ns);
  limiter.settle(large.units, 0, 0);
  const RateLimiter::Reservation small = limiter.reserve(0.001);
  EXPECT_LT(limiter.wait_left(small), 200ms);
}

TEST(RateLimiter, AReservationThatIsGivenUpMovesUpWhoeverWaitsBehind) {
  RateLimiter limiter({.max_units = 0.001});
  const RateLimiter::Reservation large = limiter.reserve(1e6);
  const RateLimiter::Reservation small = limiter.reserve(1e-9);
  EXPECT_EQ(limiter.wait_left(small), 200ms);
  limiter.settle(large.units, 0, 0);
  EXPECT_LT(limiter.wait_left(small), 200ms);
}

TEST(RateLimiter, SaysThatSomebodyIsHeldBack) {
  RateLimiter limiter({});
  {
    const RateLimiter::Waiting one(limiter);
    const RateLimiter::Waiting two(limiter);
    EXPECT_TRUE(limiter.waiting());
  }
  EXPECT_FALSE(limiter.waiting());
}

TEST(RateLimiter, MayBeUsedFromManyThreads) {
  Stop stop;
  RateLimiter limiter({});
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1'000; ++i) {
          EXPECT_TRUE(limiter.acquire(25, stop));
          limiter.settle(25, 25, 0);
          const RateLimiter::Reservation reservation = limiter.reserve(25);
          EXPECT_EQ(limiter.wait_left(reservation), 0ns);
          limiter.settle(25, 25, 0);
        }
      });
    }
  }
  EXPECT_TRUE(std::isinf(limiter.rate()));
}

}  // namespace
}  // namespace bulk
