// The backends that need nothing but this machine's disk.
#include "backends/dump/store.h"
#include "backends/memory/store.h"
#include "backends/sqlite/store.h"
#include "io/error.h"
#include "tests/conformance/updates.h"
#include "tests/support/temp_dir.h"

namespace bulk::test {
namespace {

class MemoryPlace : public Place {
 public:
  std::unique_ptr<Store> store() override { return std::make_unique<MemoryStore>(table_); }

 private:
  MemoryStore table_{"t"};
};

class SqlitePlace : public Place {
 public:
  std::unique_ptr<Store> store() override { return std::make_unique<SqliteStore>(folder_.file("t.db"), "shop \"1\""); }

 private:
  TempDir folder_;
};

class DumpPlace : public Place {
 public:
  std::unique_ptr<Store> store() override { return std::make_unique<DumpStore>(folder_.file("t.jsonl.zst"), stop_); }

 private:
  TempDir folder_;
  Stop stop_;
};

template <typename T>
Backend backend(const std::string& name, bool table) {
  return {name, table, true, [] { return std::make_unique<T>(); }};
}

INSTANTIATE_TEST_SUITE_P(Local, Conformance,
                         ::testing::Values(backend<MemoryPlace>("Memory", true), backend<SqlitePlace>("Sqlite", true),
                                           backend<DumpPlace>("Dump", false)),
                         backend_name);
INSTANTIATE_TEST_SUITE_P(Local, Updates,
                         ::testing::Values(backend<MemoryPlace>("Memory", true), backend<SqlitePlace>("Sqlite", true)),
                         backend_name);

// Of stores that take many changes in one attempt.
class SliceUpdates : public Updates {};

TEST_P(SliceUpdates, AreCarriedOutOneByOneUnlessOneIsRefused) {
  const auto place = [](const std::string& sort) { return R"("pk":{"S":"slice"},"sk":{"N":")" + sort + "\"}"; };
  const auto to = [&](const std::string& sort, const std::string& value) {
    return "{\"Key\":{" + place(sort) + R"(},"Before":{"x":{"S":"old"}},"After":{"x":)" + value + "}}";
  };
  const auto attempt = [&](const std::vector<std::string>& changes) {
    Batch batch;
    std::vector<RecordRef> slice;
    for (const std::string& line : changes) {
      Record record;
      record.offset = static_cast<std::uint32_t>(batch.bytes.size());
      record.length = static_cast<std::uint32_t>(line.size());
      batch.bytes.append(line);
      batch.bytes.push_back('\n');
      batch.records.push_back(record);
    }
    for (std::uint32_t i = 0; i < changes.size(); ++i) slice.push_back({&batch, i});
    const auto target = store();
    return target->updater({})->open()->write(slice);
  };
  const auto line = [&](const std::string& sort, const std::string& value) {
    return "{\"Item\":{" + place(sort) + R"(,"x":{"S":")" + value + "\"}}}";
  };
  write({line("1", "old"), line("2", "theirs"), line("3", "old"), line("4", "old")});
  const WriteResult mixed = attempt(
      {to("1", R"({"S":"new"})"), to("2", R"({"S":"new"})"), to("3", R"({"S":"new"})"), to("9", R"({"S":"new"})")});
  EXPECT_EQ(mixed.outcome, Outcome::done) << mixed.reason;
  ASSERT_EQ(mixed.conflicts.size(), 2u);
  EXPECT_EQ(mixed.conflicts[0].position, 1u);
  EXPECT_EQ(canonical(mixed.conflicts[0].item), canonical(std::string(item_of_line(line("2", "theirs")))));
  EXPECT_EQ(mixed.conflicts[1].position, 3u);
  EXPECT_EQ(mixed.conflicts[1].item, "");
  const std::vector<std::string> after = {line("1", "new"), line("2", "theirs"), line("3", "new"), line("4", "old")};
  EXPECT_EQ(read(), content_of(after));
  const std::string bad = "{\"Key\":{" + place("3") + R"(},"Before":{"x":{"S":"new"}},"After":{"x":{"N":"1e126"}}})";
  const WriteResult invalid = attempt({to("4", R"({"S":"new"})"), to("2", R"({"S":"new"})"), bad});
  EXPECT_EQ(invalid.outcome, Outcome::invalid);
  EXPECT_NE(invalid.reason.find("Number overflow"), std::string::npos) << invalid.reason;
  EXPECT_TRUE(invalid.conflicts.empty());
  EXPECT_EQ(read(), content_of(after)) << "all of the slice or nothing";
}

INSTANTIATE_TEST_SUITE_P(Local, SliceUpdates,
                         ::testing::Values(backend<MemoryPlace>("Memory", true), backend<SqlitePlace>("Sqlite", true)),
                         backend_name);

TEST(DumpUpdates, AreRefused) {
  DumpPlace place;
  const auto store = place.store();
  try {
    store->updater({});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(error.what(), "records of " + store->url() + " cannot be changed in place");
  }
}

}  // namespace
}  // namespace bulk::test
