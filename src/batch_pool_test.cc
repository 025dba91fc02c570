#include "src/batch_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "io/error.h"

namespace bulk {
namespace {

TEST(BatchPool, LendsSoManyBatchesAndNoMore) {
  Stop stop;
  BatchPool pool(2, 1000, stop);
  Work* first = pool.acquire();
  Work* second = pool.acquire();
  EXPECT_NE(first, second);
  EXPECT_FALSE(pool.all_home());
  Work* third = nullptr;
  std::jthread waiting([&] { third = pool.acquire(); });
  pool.release(first);
  waiting.join();
  EXPECT_EQ(third, first);
  pool.release(second);
  pool.release(third);
  EXPECT_TRUE(pool.all_home());
}

TEST(BatchPool, GivesBatchesOutEmpty) {
  Stop stop;
  BatchPool pool(1, 1000, stop);
  Work* work = pool.acquire();
  work->batch.bytes.append("line\n");
  work->batch.records.push_back({});
  work->batch.after = "cursor";
  work->batch.first_line = 7;
  work->next = 1;
  pool.release(work);
  EXPECT_EQ(pool.acquire(), work);
  EXPECT_TRUE(work->batch.bytes.empty());
  EXPECT_TRUE(work->batch.records.empty());
  EXPECT_TRUE(work->batch.after.empty());
  EXPECT_EQ(work->batch.first_line, 0u);
  EXPECT_EQ(work->next, 0u);
}

TEST(BatchPool, DoesNotKeepTheMemoryOfAHugeBatch) {
  Stop stop;
  BatchPool pool(1, 1000, stop);
  Work* work = pool.acquire();
  work->batch.bytes.reserve(1 << 20);
  work->batch.encoded.reserve(1500);
  pool.release(work);
  EXPECT_EQ(work->batch.bytes.capacity(), 0u);
  EXPECT_GE(work->batch.encoded.capacity(), 1500u);
}

TEST(BatchPool, ABatchOfManySharesKeepsOthersEmpty) {
  Stop stop;
  BatchPool pool(4, 1000, stop);
  Work* huge = pool.acquire();
  huge->batch.bytes.resize(4500);
  ASSERT_TRUE(pool.charge(huge));
  Work* last = pool.acquire();
  Work* next = nullptr;
  std::jthread waiting([&] { next = pool.acquire(); });
  pool.release(huge);
  waiting.join();
  EXPECT_NE(next, nullptr);
  pool.release(next);
  pool.release(last);
  EXPECT_TRUE(pool.all_home());
}

TEST(BatchPool, ABatchLargerThanThePoolStillPassesAlone) {
  Stop stop;
  BatchPool pool(2, 1000, stop);
  Work* huge = pool.acquire();
  huge->batch.bytes.resize(1'000'000);
  EXPECT_TRUE(pool.charge(huge));
  pool.release(huge);
  EXPECT_TRUE(pool.all_home());
}

TEST(BatchPool, AVacatedBatchLendsItsMemoryAndIsStillMissed) {
  Stop stop;
  BatchPool pool(1, 1000, stop);
  Work* work = pool.acquire();
  work->batch.bytes.append("line\n");
  work->batch.segment = 3;
  const char* const memory = work->batch.bytes.data();
  pool.vacate(work);
  Work* next = pool.acquire();
  EXPECT_NE(next, work);
  EXPECT_EQ(next->batch.bytes.size(), 0u);
  EXPECT_EQ(next->batch.bytes.data(), memory);
  EXPECT_EQ(work->batch.segment, 3u) << "the account stays";
  pool.release(next);
  EXPECT_FALSE(pool.all_home());
  pool.release(work);
  EXPECT_TRUE(pool.all_home());
}

TEST(BatchPool, AHugeBatchDoesNotWaitForVacatedOnes) {
  Stop stop;
  BatchPool pool(2, 1000, stop);
  Work* vacated = pool.acquire();
  pool.vacate(vacated);
  Work* huge = pool.acquire();
  huge->batch.bytes.resize(1'000'000);
  EXPECT_TRUE(pool.charge(huge));
  pool.release(huge);
  pool.release(vacated);
  EXPECT_TRUE(pool.all_home());
}

TEST(BatchPool, LetsNobodyGetFarAheadOfVacatedBatches) {
  Stop stop;
  BatchPool pool(1, 1000, stop, 1 << 20);
  std::vector<Work*> vacated;
  while (pool.take_aside(1)) {
    vacated.push_back(pool.acquire());
    pool.vacate(vacated.back());
  }
  EXPECT_EQ(vacated.size(), 4u);
  pool.release(vacated.front());
  EXPECT_TRUE(pool.take_aside(1));
}

TEST(BatchPool, HasABudgetForWhatIsCopiedAside) {
  Stop stop;
  BatchPool pool(1, 1000, stop, 100);
  EXPECT_TRUE(pool.take_aside(60));
  EXPECT_FALSE(pool.take_aside(60));
  EXPECT_TRUE(pool.take_aside(40));
  pool.give_back(60);
  EXPECT_TRUE(pool.take_aside(60));
}

TEST(BatchPool, WakesWaitersWhenTheJobStops) {
  Stop stop;
  BatchPool pool(1, 1000, stop);
  pool.acquire();
  Work* got = nullptr;
  std::jthread waiting([&] { got = pool.acquire(); });
  stop.fail(std::make_exception_ptr(Error(ErrorKind::failed, "x")));
  waiting.join();
  EXPECT_EQ(got, nullptr);
}

}  // namespace
}  // namespace bulk
