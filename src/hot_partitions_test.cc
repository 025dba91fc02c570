#include "src/hot_partitions.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

namespace bulk {
namespace {

using namespace std::chrono_literals;
using Outcomes = std::vector<PartitionOutcome>;

// A request of one record for each of `others` partitions, all accepted, and `refused`, which is not.
Outcomes request(std::uint64_t first_other, std::size_t others, std::uint64_t refused) {
  Outcomes outcomes;
  for (std::size_t i = 0; i < others; ++i) outcomes.push_back({first_other + i, 1, false});
  outcomes.push_back({refused, 1, true});
  return outcomes;
}

// How many requests it takes until `hot` is.
int requests_until_hot(HotPartitions& partitions, std::uint64_t hot, SteadyTime now, int most = 100) {
  for (int i = 1; i <= most; ++i) {
    partitions.settled(request(1'000 + 100u * static_cast<unsigned>(i), 24, hot), false, now);
    if (partitions.is_hot(hot)) return i;
  }
  return -1;
}

TEST(HotPartitions, NothingIsRememberedWhereNothingIsRefused) {
  HotPartitions partitions;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    EXPECT_EQ(partitions.settled(Outcomes{{i, 1, false}, {i + 1, 1, false}}, false, SteadyTime()), 0);
  }
  EXPECT_FALSE(partitions.any());
  EXPECT_FALSE(partitions.is_hot(3));
  EXPECT_EQ(partitions.reserve(3, 1e9, SteadyTime()), 0ns);
}

TEST(HotPartitions, OneIsHotThatIsRefusedAgainAndAgainWhileOthersGoThrough) {
  HotPartitions partitions;
  const int requests = requests_until_hot(partitions, 7, SteadyTime());
  EXPECT_GE(requests, 4) << "two or three refusals are chance";
  EXPECT_LE(requests, 8);
  EXPECT_TRUE(partitions.any());
  EXPECT_FALSE(partitions.is_hot(1'100));
}

TEST(HotPartitions, WhatIsRefusedOfOneThatIsHotIsNotCongestionOfTheTable) {
  HotPartitions partitions;
  EXPECT_EQ(partitions.settled(request(100, 24, 7), false, SteadyTime()), 1) << "nothing is known yet";
  ASSERT_GT(requests_until_hot(partitions, 7, SteadyTime()), 0);
  Outcomes outcomes = request(100, 23, 7);
  EXPECT_EQ(partitions.settled(outcomes, false, SteadyTime()), 0);
  outcomes.push_back({999, 2.5, true});
  EXPECT_EQ(partitions.settled(outcomes, false, SteadyTime()), 2.5);
}

TEST(HotPartitions, OneWhoseHalfIsRefusedIsFoundToo) {
  HotPartitions partitions;
  int requests = 0;
  for (; requests < 200 && !partitions.is_hot(7); ++requests) {
    Outcomes outcomes = request(1'000 + 100u * static_cast<unsigned>(requests), 24, 7);
    outcomes.back().refused = requests % 2 == 0;
    partitions.settled(outcomes, false, SteadyTime());
  }
  EXPECT_LT(requests, 40);
}

// Refused at random or in bursts of whole requests, some tables 2 and some 60 % of the time; what was refused comes
// again. 2,000,000 outcomes.
TEST(HotPartitions, ATableOverItsCapacityMakesNobodyHot) {
  int hot = 0;
  for (const double share : {0.02, 0.1, 0.3, 0.6}) {
    for (const bool whole_requests : {false, true}) {
      HotPartitions partitions;
      std::mt19937_64 random(static_cast<std::uint64_t>(share * 100));
      std::uniform_real_distribution<> uniform(0, 1);
      SteadyTime now;
      std::uint64_t next = 0;
      std::vector<std::uint64_t> again;
      bool saturated = false;
      for (int i = 0; i < 10'000; ++i, now += 10ms) {
        Outcomes outcomes;
        if (uniform(random) < 0.02) saturated = uniform(random) < share;
        const bool refused = whole_requests && saturated;
        while (outcomes.size() < 25) {
          std::uint64_t partition = ++next;
          if (!again.empty() && uniform(random) < 0.5) {
            partition = again.back();
            again.pop_back();
          }
          outcomes.push_back({partition, 1, whole_requests ? refused : uniform(random) < share});
        }
        partitions.settled(outcomes, false, now);
        for (const PartitionOutcome& outcome : outcomes) {
          if (outcome.refused) again.insert(again.begin(), outcome.partition);
          hot += partitions.is_hot(outcome.partition) ? 1 : 0;
        }
        if (again.size() > 1'000) again.resize(1'000);
      }
    }
  }
  EXPECT_EQ(hot, 0);
}

TEST(HotPartitions, NothingIsConcludedWithoutOthersToCompareWith) {
  HotPartitions partitions;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(partitions.settled(Outcomes{{7, 25, true}}, false, SteadyTime()), 25);
  }
  EXPECT_FALSE(partitions.is_hot(7));
}

TEST(HotPartitions, TheServiceIsBelievedWhenItNamesAKeyRange) {
  HotPartitions partitions;
  EXPECT_EQ(partitions.settled(Outcomes{{7, 1, true}, {7, 1, true}}, true, SteadyTime()), 0);
  EXPECT_TRUE(partitions.is_hot(7)) << "there was nobody else in the request";

  HotPartitions of_two;
  int requests = 0;
  for (; requests < 100 && !of_two.is_hot(7); ++requests) {
    EXPECT_EQ(of_two.settled(Outcomes{{7, 1, true}, {8, 1, true}}, true, SteadyTime()), 0);
  }
  EXPECT_EQ(requests, 5);
}

TEST(HotPartitions, OneIsPacedAtWhatItTakesAndForgottenWhenItIsNotHinderedAnyMore) {
  HotPartitions partitions;
  SteadyTime now;
  ASSERT_GT(requests_until_hot(partitions, 7, now), 0);
  // It takes 100 units per second and saves nothing up; there is always something to send.
  double capacity = 100, level = 0, accepted = 0, refused = 0;
  SteadyTime filled = now;
  const auto run = [&](std::chrono::seconds duration) {
    accepted = refused = 0;
    for (const SteadyTime end = now + duration; now < end && partitions.is_hot(7);) {
      const auto wait = partitions.reserve(7, 5, now);
      now += std::max<std::chrono::nanoseconds>(wait, 1ms);
      if (wait.count() > 0) continue;
      level = std::min(level + capacity * std::chrono::duration<double>(now - filled).count(), capacity / 4);
      filled = now;
      const bool goes = level >= 5;
      if (goes) level -= 5;
      (goes ? accepted : refused) += 5;
      partitions.settled(Outcomes{{7, 5, !goes}, {1'000, 1, false}}, false, now);
    }
  };
  run(10s);
  run(60s);
  EXPECT_TRUE(partitions.is_hot(7));
  EXPECT_GT(accepted, 0.9 * 60 * capacity);
  EXPECT_LT(refused, 0.1 * accepted);
  // The partition was split: it takes more than anybody sends.
  capacity = 1e9;
  run(60s);
  EXPECT_FALSE(partitions.is_hot(7));
  EXPECT_FALSE(partitions.any());
}

TEST(HotPartitions, OneThatIsNotSeenAnyMoreIsForgotten) {
  HotPartitions partitions;
  SteadyTime now;
  ASSERT_GT(requests_until_hot(partitions, 7, now), 0);
  partitions.settled(Outcomes{{1, 1, false}}, false, now + 9s);
  EXPECT_TRUE(partitions.is_hot(7));
  partitions.settled(Outcomes{{1, 1, false}}, false, now + 10s);
  EXPECT_FALSE(partitions.any());
}

TEST(HotPartitions, RemembersThoseThatCameLast) {
  HotPartitions partitions;
  const SteadyTime now;
  ASSERT_GT(requests_until_hot(partitions, 7, now), 0);
  for (std::uint64_t i = 0; i < 4'095; ++i) partitions.settled(Outcomes{{10'000 + i, 1, true}}, false, now);
  EXPECT_TRUE(partitions.is_hot(7));
  partitions.settled(Outcomes{{20'000, 1, true}}, false, now);
  EXPECT_FALSE(partitions.is_hot(7));
  EXPECT_TRUE(partitions.any());
}

TEST(HotPartitions, MayBeUsedFromManyThreads) {
  HotPartitions partitions;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&partitions, thread] {
        SteadyTime now;
        for (std::uint64_t i = 0; i < 500; ++i, now += 1ms) {
          partitions.settled(request(100'000 * thread + 25 * i, 24, 7), false, now);
          if (partitions.any() && partitions.is_hot(7)) partitions.reserve(7, 1, now);
        }
      });
    }
  }
  EXPECT_TRUE(partitions.is_hot(7));
}

}  // namespace
}  // namespace bulk
