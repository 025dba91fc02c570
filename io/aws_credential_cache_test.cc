#include "io/aws_credential_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "io/error.h"

namespace bulk {
namespace {

using std::chrono::minutes;

class CredentialCacheTest : public testing::Test {
 protected:
  AwsCredentials fetch() {
    ++fetches_;
    if (fails_) throw Error(ErrorKind::remote, "nobody answered");
    AwsCredentials credentials{"K" + std::to_string(fetches_), "S", "", "", {}};
    if (lifetime_) credentials.expires = now_ + *lifetime_;
    return credentials;
  }

  WallTime now_ = WallTime(std::chrono::hours(24 * 365 * 50));
  std::optional<minutes> lifetime_ = minutes(60);
  int fetches_ = 0;
  bool fails_ = false;
  CredentialCache cache_{[this] { return fetch(); }, [this] { return now_; }};
};

TEST_F(CredentialCacheTest, FetchesAgainOnlyNearTheEnd) {
  EXPECT_EQ(cache_.get().access_key_id, "K1");
  now_ += minutes(44);
  EXPECT_EQ(cache_.get().access_key_id, "K1");
  now_ += minutes(1);
  EXPECT_EQ(cache_.get().access_key_id, "K2");
}

TEST_F(CredentialCacheTest, NeverFetchesWhatDoesNotExpireUntilTold) {
  lifetime_.reset();
  cache_.get();
  now_ += std::chrono::hours(100000);
  EXPECT_EQ(cache_.get().access_key_id, "K1");
  cache_.refresh();
  EXPECT_EQ(cache_.get().access_key_id, "K2");
}

TEST_F(CredentialCacheTest, GoesOnWithTheOldOnesWhileRenewalFailsButNotForLong) {
  cache_.get();
  fails_ = true;
  now_ += minutes(46);
  EXPECT_EQ(cache_.get().access_key_id, "K1");
  EXPECT_EQ(fetches_, 2);
  EXPECT_EQ(cache_.get().access_key_id, "K1");
  EXPECT_EQ(fetches_, 2) << "a failed renewal is not tried again at once";
  now_ += minutes(1);
  cache_.get();
  EXPECT_EQ(fetches_, 3);
  now_ += minutes(3);
  EXPECT_THROW(cache_.get(), Error);
  fails_ = false;
  EXPECT_EQ(cache_.get().access_key_id, "K5");
}

TEST_F(CredentialCacheTest, KeepsShortLivedOnesForHalfOfTheirLife) {
  lifetime_ = minutes(4);
  cache_.get();
  now_ += minutes(1);
  cache_.get();
  EXPECT_EQ(fetches_, 1);
  now_ += minutes(1);
  cache_.get();
  EXPECT_EQ(fetches_, 2);
}

TEST_F(CredentialCacheTest, RefusesExpiredOnes) {
  lifetime_ = minutes(0);
  try {
    cache_.get();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(error.line(), "the AWS credentials expired at 2019-12-20T00:00:00Z; sign in again or set new ones");
  }
}

// One thread is held inside its fetch while others ask.
class ManyThreads : public testing::Test {
 protected:
  AwsCredentials fetch() {
    const int number = ++fetches_;
    if (number == held_) {
      inside_.count_down();
      go_on_.wait();
    }
    return {"K" + std::to_string(number), "S", "", "", now_.load() + minutes(60)};
  }

  std::atomic<WallTime> now_{WallTime(std::chrono::hours(24 * 365 * 50))};
  std::atomic<int> fetches_{0};
  int held_ = 1;
  std::latch inside_{1};
  std::latch go_on_{1};
  CredentialCache cache_{[this] { return fetch(); }, [this] { return now_.load(); }};
};

TEST_F(ManyThreads, ShareOneFetch) {
  std::vector<std::thread> threads;
  threads.reserve(8);
  std::atomic<int> first{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { first += cache_.get().access_key_id == "K1" ? 1 : 0; });
  }
  inside_.wait();
  go_on_.count_down();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(first, 8);
  EXPECT_EQ(fetches_, 1);
}

TEST_F(ManyThreads, UseTheOldOnesWhileOneRenews) {
  held_ = 2;
  cache_.get();
  now_ = now_.load() + minutes(46);
  std::thread renewing([&] { EXPECT_EQ(cache_.get().access_key_id, "K2"); });
  inside_.wait();
  EXPECT_EQ(cache_.get().access_key_id, "K1");  // would never return if it waited
  go_on_.count_down();
  renewing.join();
  EXPECT_EQ(cache_.get().access_key_id, "K2");
}

}  // namespace
}  // namespace bulk
