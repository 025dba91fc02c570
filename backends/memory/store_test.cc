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
