#include "src/activity.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace bulk {
namespace {

TEST(ActivityBoard, ShowsWhatEachSeatIsDoing) {
  ActivityBoard board(3);
  EXPECT_TRUE(board.activities().empty());
  ActivityBoard::Seat first(&board);
  ActivityBoard::Seat second(&board);
  const SteadyTime before = std::chrono::steady_clock::now();
  first.doing(Doing::reading, 999'999, 4'711);
  const std::vector<Activity> all = board.activities();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].doing, Doing::reading);
  EXPECT_EQ(all[0].segment, 999'999u);
  EXPECT_EQ(all[0].records, 4'711u);
  EXPECT_GE(all[0].since, before - std::chrono::milliseconds(1));
  EXPECT_LE(all[0].since, std::chrono::steady_clock::now());
  EXPECT_EQ(all[1].doing, Doing::waiting);
}

TEST(ActivityBoard, ASeatIsFreeAgainWhenItsOwnerHasGone) {
  ActivityBoard board(1);
  for (int i = 0; i < 3; ++i) {
    ActivityBoard::Seat seat(&board);
    seat.doing(Doing::writing, 7);
    EXPECT_EQ(board.activities().size(), 1u);
  }
  EXPECT_TRUE(board.activities().empty());
}

TEST(ActivityBoard, WhoFindsNoSeatIsNotSeen) {
  ActivityBoard board(1);
  ActivityBoard::Seat first(&board);
  ActivityBoard::Seat second(&board);
  ActivityBoard::Seat nobody(nullptr);
  second.doing(Doing::reading);
  nobody.doing(Doing::reading);
  ASSERT_EQ(board.activities().size(), 1u);
  EXPECT_EQ(board.activities()[0].doing, Doing::waiting);
}

TEST(ActivityBoard, NeverShowsAMixtureOfTwoSteps) {
  ActivityBoard board(1);
  std::jthread worker([&board](const std::stop_token& stop) {
    ActivityBoard::Seat seat(&board);
    while (!stop.stop_requested()) {
      seat.doing(Doing::reading, 1);
      seat.doing(Doing::writing, 2);
    }
  });
  for (int i = 0; i < 10'000; ++i) {
    for (const Activity& activity : board.activities()) {
      if (activity.doing == Doing::waiting) continue;
      EXPECT_EQ(activity.segment, activity.doing == Doing::reading ? 1u : 2u);
    }
  }
}

}  // namespace
}  // namespace bulk
