// The null server's items are legal, distinct and repeatable, and its capacity is granted as documented.
#include <gtest/gtest.h>

#include <set>

#include "bench/null_server/capacity.h"
#include "bench/null_server/item_set.h"
#include "codecs/item.h"

namespace bulk::bench {
namespace {

ItemSetOptions small(std::uint64_t items, std::size_t item_bytes = 380) {
  ItemSetOptions options;
  options.items = items;
  options.item_bytes = item_bytes;
  return options;
}

TEST(NullServerItems, AreLegalAndAsLargeAsDynamoDbCountsThem) {
  const KeySchema keys = {{"pk", 'S'}, KeyAttribute{"sk", 'S'}};
  ItemScanner scanner(&keys);
  for (const std::size_t bytes : {100, 380, 1000, 40'000, 400'000}) {
    const ItemSet set(small(bytes > 10'000 ? 400'000 / bytes * 3 : 1000, bytes));
    std::set<std::string> seen;
    for (std::uint64_t i = 0; i < set.size(); ++i) {
      ItemFacts facts;
      const std::string item = set.item(i);
      ASSERT_TRUE(scanner.scan(item, facts)) << scanner.problem().text << " in " << item;
      ASSERT_EQ(facts.length, item.size());
      ASSERT_EQ(facts.size_bytes, set.counted_bytes(i)) << item;
      ASSERT_LE(facts.size_bytes, kMaxItemBytes);
      ASSERT_EQ(scanner.key_text(), set.key(i));
      ASSERT_EQ(set.index_of(item), i);
      ASSERT_TRUE(seen.insert(set.key(i)).second);
    }
    const double mean = static_cast<double>(set.text_bytes()) / static_cast<double>(set.size());
    EXPECT_NEAR(mean, static_cast<double>(bytes), 0.05 * static_cast<double>(bytes));
  }
}

TEST(NullServerItems, AreThoseOfTheSeed) {
  ItemSetOptions options = small(500);
  const ItemSet one(options);
  const ItemSet same(options);
  options.seed = 2;
  const ItemSet other(options);
  EXPECT_EQ(one.total(), same.total());
  EXPECT_FALSE(one.total() == other.total());
}

TEST(NullServerItems, RepeatTheBlockUnderOtherKeys) {
  ItemSetOptions options = small(1003);
  options.block_bytes = 380 * 100;
  const ItemSet set(options);
  EXPECT_FALSE(set.joined(90, 110).has_value());
  std::set<std::string> keys;
  Fingerprint sum;
  std::string all;
  for (std::uint64_t i = 0; i < set.size(); ++i) {
    const std::string item = set.item(i);
    EXPECT_EQ(set.index_of(item), i);
    keys.insert(set.key(i));
    sum.add(fingerprint(item));
    all += (i > 0 ? "," : "") + item;
  }
  EXPECT_EQ(keys.size(), 1003u);
  EXPECT_EQ(sum, set.total());
  std::string joined;
  set.append_joined(0, set.size(), joined);
  EXPECT_EQ(joined, all);
}

TEST(NullServerCapacity, GivesNoMoreThanItsRateAndWhatItKept) {
  CapacityOptions options;
  options.wcu = 100;
  options.burst_seconds = 3;
  options.changes = {{10, 50}};
  Capacity capacity(options);
  const auto take_all = [&](double now) {
    int taken = 0;
    while (capacity.put(1, 0, now) == Capacity::Verdict::accepted) ++taken;
    return taken;
  };
  EXPECT_EQ(take_all(0), 300);
  EXPECT_EQ(take_all(1), 100);
  EXPECT_EQ(take_all(9), 300);   // of 800 the burst bucket kept
  EXPECT_EQ(take_all(12), 150);  // of 200: three seconds at the new rate
}

TEST(NullServerCapacity, DrainedItStartsEmptyAndKeepsASecondAtLeast) {
  CapacityOptions options;
  options.wcu = 1000;
  options.burst_seconds = 0.1;
  options.saved_seconds = 0;
  Capacity capacity(options);
  EXPECT_EQ(capacity.put(1, 0, 0), Capacity::Verdict::table_refuses);
  EXPECT_EQ(capacity.put(500, 0, 0.5), Capacity::Verdict::accepted);
  EXPECT_EQ(capacity.put(600, 0, 100), Capacity::Verdict::accepted);
  EXPECT_EQ(capacity.put(401, 0, 100), Capacity::Verdict::table_refuses);
  EXPECT_EQ(capacity.put(400, 0, 100), Capacity::Verdict::accepted);
}

TEST(NullServerCapacity, AFullBucketTakesAnItemThatIsLargerAndOwesTheRest) {
  CapacityOptions options;
  options.wcu = 10;
  options.burst_seconds = 1;
  Capacity capacity(options);
  EXPECT_EQ(capacity.put(40, 0, 0), Capacity::Verdict::accepted);
  EXPECT_EQ(capacity.put(1, 0, 3), Capacity::Verdict::table_refuses);
  EXPECT_EQ(capacity.put(1, 0, 3.2), Capacity::Verdict::accepted);
}

TEST(NullServerCapacity, AHotPartitionRefusesWhileTheTableHasUnits) {
  CapacityOptions options;
  options.wcu = 1000;
  options.burst_seconds = 1;
  options.hot_share = 0.25;
  options.hot_wcu = 10;
  Capacity capacity(options);
  EXPECT_EQ(capacity.put(10, 0, 0), Capacity::Verdict::accepted);
  EXPECT_EQ(capacity.put(1, 0x3FFFFFFF, 0), Capacity::Verdict::partition_refuses);
  EXPECT_EQ(capacity.put(990, 0x40000001, 0), Capacity::Verdict::accepted);
  EXPECT_EQ(capacity.put(1, 0x40000001, 0), Capacity::Verdict::table_refuses);
}

}  // namespace
}  // namespace bulk::bench
