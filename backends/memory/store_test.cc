#include "backends/memory/store.h"

#include "backends/schema.h"
#include "tests/support/dump_files.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

using test::error_line;

TEST(MemoryStore, NeedsATable) {
  MemoryStore store("t");
  EXPECT_EQ(error_line([&] { store.is_empty(); }, ErrorKind::not_found), "memory:t: no such table");
  EXPECT_EQ(error_line([&] { store.source({}); }, ErrorKind::not_found), "memory:t: no such table");
  EXPECT_EQ(error_line([&] { store.sink({}); }, ErrorKind::not_found), "memory:t: no such table");
  store.create(schema_from_key({{"pk", 'S'}, std::nullopt}));
  EXPECT_EQ(error_line([&] { store.create({}); }, ErrorKind::refused), "memory:t: the table exists");
}

TEST(MemoryStore, ASourceSeesTheTableAsItWas) {
  MemoryStore store("t");
  store.create(schema_from_key({{"pk", 'S'}, std::nullopt}));
  test::write_lines(*store.sink({}), test::record_lines(3), 3);
  const auto source = store.source({});
  test::write_lines(*store.sink({}), test::record_lines(9), 9);
  store.drop();
  EXPECT_EQ(test::read_lines(*source).size(), 3u);
}

// As in a store where each change sees the ones before it.
TEST(MemoryStore, ChangesOfOneWriteSeeEachOther) {
  MemoryStore store("t");
  store.create(schema_from_key({{"pk", 'S'}, std::nullopt}));
  test::write_lines(*store.sink({}), {R"({"Item":{"pk":{"S":"k"},"v":{"S":"a"}}})"}, 1);
  const auto change = [](const std::string& from, const std::string& to) {
    return R"({"Key":{"pk":{"S":"k"}},"Before":{"v":{"S":")" + from + R"("}},"After":{"v":)" + to + "}}";
  };
  const auto write = [&](const std::vector<std::string>& lines) {
    Batch batch;
    std::vector<RecordRef> refs;
    for (const std::string& line : lines) {
      batch.records.emplace_back();
      batch.records.back().offset = static_cast<std::uint32_t>(batch.bytes.size());
      batch.records.back().length = static_cast<std::uint32_t>(line.size());
      batch.bytes.append(line);
      batch.bytes.push_back('\n');
    }
    for (std::uint32_t i = 0; i < lines.size(); ++i) refs.push_back({&batch, i});
    return store.updater({})->open()->write(refs);
  };
  const WriteResult result = write({change("a", R"({"S":"b"})"), change("a", R"({"S":"c"})")});
  ASSERT_EQ(result.conflicts.size(), 1u);
  EXPECT_EQ(result.conflicts[0].position, 1u);
  EXPECT_NE(result.conflicts[0].item.find(R"("v":{"S":"b"})"), std::string::npos) << result.conflicts[0].item;
  // Refused for one change, none is carried out.
  EXPECT_EQ(write({change("b", R"({"S":"d"})"), change("d", R"({"S":"e"})"), "{}"}).outcome,
            WriteResult::Outcome::invalid);
  EXPECT_TRUE(write({change("b", R"({"S":"f"})")}).conflicts.empty());
}

TEST(MemoryStore, RefusesACursorOfSomethingElse) {
  MemoryStore store("t");
  store.create(schema_from_key({{"pk", 'S'}, std::nullopt}));
  const auto source = store.source({});
  EXPECT_EQ(error_line([&] { source->open(source->plan()[0], "7"); }, ErrorKind::failed),
            "memory table: no cursor of this source: 7");
  EXPECT_EQ(error_line([&] { source->open(source->plan()[0], "x"); }, ErrorKind::failed),
            "memory table: no cursor of this source: x");
}

}  // namespace
}  // namespace bulk
