#include "src/write_feed.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "io/error.h"
#include "tests/support/scripted.h"

namespace bulk {
namespace {

using Fill = WriteFeed::Fill;

class WriteFeedTest : public testing::Test {
 protected:
  // A batch whose records have these keys; one byte of line each.
  Work* batch(const std::vector<std::string>& keys, std::uint64_t sequence = 0) {
    Work* work = pool_.acquire();
    for (const std::string& key : keys) {
      Record record;
      record.offset = static_cast<std::uint32_t>(work->batch.bytes.size());
      record.length = 1;
      record.position = static_cast<std::uint32_t>(work->batch.records.size());
      record.key_hash = hash128(key);
      record.digest = hash128(key + std::to_string(sequence));
      work->batch.bytes.append("x\n");
      work->batch.records.push_back(record);
    }
    work->batch.sequence = sequence;
    work->transformed = true;
    return work;
  }
  static std::vector<std::string> many(const std::string& prefix, int count) {
    std::vector<std::string> keys;
    keys.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) keys.push_back(prefix + std::to_string(i));
    return keys;
  }

  static bool fill(WriteFeed& feed, unsigned lane, std::vector<Pending>& slice) {
    return feed.fill(lane, slice) == Fill::records;
  }

  Stop stop_;
  ProgressCounters progress_;
  BatchPool pool_{16, 1 << 16, stop_};
};

TEST_F(WriteFeedTest, SlicesTakeTurnsAmongTheWaitingBatches) {
  WriteFeed feed({25, 1 << 20, false, 1}, 1, false, nullptr, pool_, nullptr, progress_, stop_);
  Work* first = batch(many("a", 60));
  Work* second = batch(many("b", 60));
  feed.push(first);
  feed.push(second);
  feed.close();
  std::vector<Work*> order;
  std::vector<Pending> slice;
  std::size_t records = 0;
  while (fill(feed, 0, slice)) {
    order.push_back(slice.front().work);
    records += slice.size();
    EXPECT_LE(slice.size(), 25u);
    slice.clear();
  }
  EXPECT_EQ(records, 120u);
  EXPECT_EQ(order, (std::vector<Work*>{first, second, first, second, first}));
}

TEST_F(WriteFeedTest, ASliceHoldsAKeyOnce) {
  WriteFeed feed({25, 1 << 20, false, 1}, 1, false, nullptr, pool_, nullptr, progress_, stop_);
  feed.push(batch({"a", "b", "a", "c"}));
  feed.close();
  std::vector<Pending> slice;
  ASSERT_TRUE(fill(feed, 0, slice));
  EXPECT_EQ(slice.size(), 2u);
  slice.clear();
  ASSERT_TRUE(fill(feed, 0, slice));
  EXPECT_EQ(slice.size(), 2u);
}

TEST_F(WriteFeedTest, FillsUpWhatASliceHasLeft) {
  WriteFeed feed({25, 1 << 20, false, 1}, 1, false, nullptr, pool_, nullptr, progress_, stop_);
  feed.push(batch(many("a", 40)));
  feed.close();
  std::vector<Pending> slice;
  ASSERT_TRUE(fill(feed, 0, slice));
  slice.resize(10);  // as if 15 had been processed
  ASSERT_TRUE(fill(feed, 0, slice));
  EXPECT_EQ(slice.size(), 25u);
  slice.resize(3);
  ASSERT_TRUE(fill(feed, 0, slice)) << "nothing new, but three are still to be written";
  EXPECT_EQ(slice.size(), 3u);
  slice.clear();
  EXPECT_EQ(feed.fill(0, slice), Fill::nothing_more);
}

TEST_F(WriteFeedTest, InKeyOrderAKeyHasOneLaneAndTheOrderOfTheFile) {
  KeyLedger ledger("/tmp", 1 << 20);
  constexpr unsigned kLanes = 3;
  WriteFeed feed({25, 1 << 20, false, kLanes}, kLanes, true, &ledger, pool_, nullptr, progress_, stop_);
  // They arrive out of order, as transform workers finish them.
  feed.push(batch(many("k", 50), 2));
  feed.push(batch(many("k", 50), 0));
  feed.push(batch(many("k", 50), 1));
  feed.close();
  std::set<std::uint64_t> keys_seen;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    std::map<std::uint64_t, std::vector<std::uint64_t>> sequences;
    std::vector<Pending> slice;
    while (fill(feed, lane, slice)) {
      for (const Pending& entry : slice) sequences[entry.record().key_hash.low].push_back(entry.work->batch.sequence);
      slice.clear();
    }
    for (const auto& [key, order] : sequences) {
      EXPECT_EQ(order, (std::vector<std::uint64_t>{0, 1, 2}));
      EXPECT_TRUE(keys_seen.insert(key).second) << "a key of two lanes";
    }
  }
  EXPECT_EQ(keys_seen.size(), 50u);
}

TEST_F(WriteFeedTest, GivesWholeBatchesToASinkOfThem) {
  WriteFeed feed({1, 1, true, 1}, 1, false, nullptr, pool_, nullptr, progress_, stop_);
  feed.push(batch(many("a", 60)));
  feed.push(batch({}, 1));
  feed.close();
  std::vector<Pending> slice;
  ASSERT_TRUE(fill(feed, 0, slice));
  EXPECT_EQ(slice.size(), 60u);
  slice.clear();
  EXPECT_EQ(feed.fill(0, slice), Fill::nothing_more) << "an empty batch goes straight home";
}

TEST_F(WriteFeedTest, WholeBatchesOfASegmentComeInTheirSequence) {
  WriteFeed feed({1, 1, true, 1}, 1, false, nullptr, pool_, nullptr, progress_, stop_);
  std::vector<Work*> works;
  for (const std::uint64_t sequence : {2u, 0u, 1u}) {
    works.push_back(batch({"a" + std::to_string(sequence)}, sequence));
    works.back()->batch.segment = 7;
  }
  works.push_back(batch({"b"}));
  for (Work* work : works) feed.push(work);
  feed.close();
  std::vector<Work*> order;
  std::vector<Pending> slice;
  while (fill(feed, 0, slice)) {
    order.push_back(slice.front().work);
    slice.clear();
  }
  EXPECT_EQ(order, (std::vector<Work*>{works[1], works[2], works[0], works[3]}));
}

TEST_F(WriteFeedTest, AGapThatNothingCanFillIsAnErrorAndNoWait) {
  WriteFeed feed({1, 1, true, 1}, 1, false, nullptr, pool_, nullptr, progress_, stop_);
  feed.push(batch({"a"}, 1));
  feed.close();
  std::vector<Pending> slice;
  EXPECT_THROW(feed.fill(0, slice), Error);
}

TEST_F(WriteFeedTest, NothingIsWrittenOfABatchThatWasNotTransformed) {
  WriteFeed feed({25, 1 << 20, false, 1}, 1, false, nullptr, pool_, nullptr, progress_, stop_);
  Work* work = batch({"a"});
  work->transformed = false;
  feed.push(work);
  feed.close();
  std::vector<Pending> slice;
  EXPECT_EQ(feed.fill(0, slice), Fill::nothing_more);
  EXPECT_TRUE(pool_.all_home());
}

TEST_F(WriteFeedTest, SaysThatItHasNothingYetAndWhenToAskAgain) {
  WriteFeed feed({25, 1 << 20, false, 1}, 1, false, nullptr, pool_, nullptr, progress_, stop_);
  int wakes = 0;
  const std::size_t registration = feed.on_change([&] { ++wakes; });
  std::vector<Pending> slice;
  EXPECT_EQ(feed.fill(0, slice), Fill::nothing_yet);
  feed.push(batch({"a"}));
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(feed.fill(0, slice), Fill::records);
  slice.clear();
  stop_.fail(std::make_exception_ptr(Error(ErrorKind::failed, "x")));
  EXPECT_EQ(wakes, 2);
  EXPECT_EQ(feed.fill(0, slice), Fill::nothing_more);
  feed.off(registration);
  feed.close();
  EXPECT_EQ(wakes, 2);
}

}  // namespace
}  // namespace bulk
