#include "src/key_ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

// Keys with all their orders, as a ledger of `memory_bytes` walks them.
std::map<std::string, std::vector<std::uint64_t>> walked(std::size_t memory_bytes, int entries, int keys) {
  const test::TempDir dir;
  KeyLedger ledger(dir.path().string(), memory_bytes);
  std::mt19937_64 random(7);
  for (int i = 0; i < entries; ++i) {
    const std::string key = "key-" + std::to_string(random() % static_cast<std::uint64_t>(keys));
    ledger.add({hash128(key), hash128(std::to_string(i)), static_cast<std::uint64_t>(i), key});
    EXPECT_TRUE(std::filesystem::is_empty(dir.path())) << "temporary files have no name";
  }
  std::map<std::string, std::vector<std::uint64_t>> found;
  std::string unfinished;  // key whose entries go on
  ledger.walk([&](std::span<const KeyLedger::Entry> same_key, bool more) {
    const std::string key(same_key.front().key_text);
    std::vector<std::uint64_t>& orders = found[key];
    EXPECT_TRUE(orders.empty() || key == unfinished) << "a key is visited once";
    unfinished = more ? key : std::string();
    for (const KeyLedger::Entry& entry : same_key) {
      EXPECT_EQ(entry.key_text, key);
      EXPECT_EQ(entry.digest, hash128(std::to_string(entry.order)));
      orders.push_back(entry.order);
    }
  });
  return found;
}

TEST(KeyLedger, WalksEveryKeyOnceWithItsEntriesInOrder) {
  const auto found = walked(1 << 20, 5000, 700);
  std::size_t entries = 0;
  for (const auto& [key, orders] : found) {
    EXPECT_TRUE(std::is_sorted(orders.begin(), orders.end()));
    entries += orders.size();
  }
  EXPECT_EQ(entries, 5000u);
}

TEST(KeyLedger, AnswersTheSameWhenItHasToUseTheDisk) {
  EXPECT_EQ(walked(1000, 5000, 700), walked(1 << 20, 5000, 700));
}

TEST(KeyLedger, AnswersTheSameWhenAPartitionDoesNotFitIntoTheMemory) {
  for (const int keys : {1, 2, 3000}) {
    const auto found = walked(8'000, 20'000, keys);
    EXPECT_EQ(found, walked(16 << 20, 20'000, keys)) << keys;
    for (const auto& [key, orders] : found) EXPECT_TRUE(std::is_sorted(orders.begin(), orders.end())) << key;
  }
}

TEST(KeyLedger, MayBeEmpty) {
  EXPECT_TRUE(walked(1000, 0, 1).empty());
}

}  // namespace
}  // namespace bulk
