#include "src/stall_judge.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

using std::chrono::seconds;

constexpr seconds kLimit{60};
constexpr seconds kPatience{330};

SteadyTime at(int second) {
  return SteadyTime(seconds(second));
}

StallSample sample(int second, std::vector<Activity> activities = {}) {
  StallSample sample;
  sample.time = at(second);
  sample.activities = std::move(activities);
  return sample;
}

Activity doing(Doing what, int since, std::uint32_t segment = 0) {
  return {what, segment, 0, at(since)};
}

TEST(StallJudge, NamesTheOneThatHasHungLongest) {
  StallJudge judge(kLimit, kPatience, sample(0));
  const std::vector<Activity> activities{doing(Doing::waiting, 0, 1), doing(Doing::writing, 2, 2),
                                         doing(Doing::reading, 1, 3), doing(Doing::reading, 30, 4)};
  EXPECT_FALSE(judge.add(sample(59, activities)));
  // So long without progress, but nobody has been in one step for so long.
  EXPECT_FALSE(judge.add(sample(60, activities)));
  const auto stall = judge.add(sample(61, activities));
  ASSERT_TRUE(stall && stall->hanging);
  EXPECT_EQ(stall->hanging->doing, Doing::reading);
  EXPECT_EQ(stall->hanging->segment, 3u);
}

TEST(StallJudge, EveryKindOfProgressStartsTheTimeAnew) {
  const auto moved = [](void (*move)(StallSample&)) {
    StallJudge judge(kLimit, kPatience, sample(0));
    StallSample later = sample(59, {doing(Doing::reading, 0)});
    move(later);
    EXPECT_FALSE(judge.add(later));
    later.time = at(118);
    EXPECT_FALSE(judge.add(later));
    later.time = at(119);
    return judge.add(later).has_value();
  };
  EXPECT_TRUE(moved([](StallSample& sample) { sample.records_read = 1; }));
  EXPECT_TRUE(moved([](StallSample& sample) { sample.records_written = 1; }));
  EXPECT_TRUE(moved([](StallSample& sample) { sample.streamed_bytes = 1; }));
  EXPECT_TRUE(moved([](StallSample& sample) { sample.requests_sent = 1; }));
}

TEST(StallJudge, GivesTheRetryLogicItsTimeAndNoMore) {
  StallSample now = sample(0, {doing(Doing::reading, 0)});
  now.requests_sent = 1;
  StallJudge judge(kLimit, kPatience, now);
  for (int second = 20; second < 330; second += 20) {
    now.time = at(second);
    ++now.requests_retried;  // counted before it is sent
    EXPECT_FALSE(judge.add(now)) << second;
    ++now.requests_sent;
    EXPECT_FALSE(judge.add(now)) << second;
  }
  now.time = at(340);
  EXPECT_TRUE(judge.add(now));
}

TEST(StallJudge, PatienceEndsWhenTheRepeatsDo) {
  StallSample now = sample(0, {doing(Doing::reading, 0)});
  StallJudge judge(kLimit, kPatience, now);
  now.time = at(50);
  now.requests_sent = now.requests_retried = 1;
  EXPECT_FALSE(judge.add(now));
  now.time = at(79);
  EXPECT_FALSE(judge.add(now));
  now.time = at(80);
  EXPECT_TRUE(judge.add(now));
}

TEST(StallJudge, SlowOnPurposeIsNoStall) {
  StallJudge judge(kLimit, kPatience, sample(0));
  StallSample now = sample(1'000, {doing(Doing::reading, 0)});
  now.paced = true;
  EXPECT_FALSE(judge.add(now));
  now.paced = false;
  EXPECT_TRUE(judge.add(now));
}

TEST(StallJudge, WhoComputesIsAlive) {
  StallJudge judge(kLimit, kPatience, sample(0));
  EXPECT_FALSE(judge.add(sample(1'000, {doing(Doing::waiting, 0), doing(Doing::working, 0)})));
  EXPECT_FALSE(judge.add(sample(1'001, {doing(Doing::waiting, 0), doing(Doing::writing, 990)})));
}

TEST(StallJudge, AllWaitingForEachOtherIsAStall) {
  StallJudge judge(kLimit, kPatience, sample(0));
  const auto stall = judge.add(sample(60, {doing(Doing::waiting, 0), doing(Doing::waiting, 0)}));
  ASSERT_TRUE(stall);
  EXPECT_FALSE(stall->hanging);
}

}  // namespace
}  // namespace bulk
