#include "backends/postgres/row_rollback.h"

#include <gmock/gmock.h>

#include "io/error.h"
#include "tests/support/postgres_rows_fixture.h"

namespace bulk {
namespace {

using testing::HasSubstr;
using RowRollbackTest = test::RowsTest;

TEST_F(RowRollbackTest, LeavesAndListsWhatOthersHaveChangedSince) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a text, b numeric, other int); INSERT INTO t SELECT i, 'x', 'NaN', 0 FROM "
      "generate_series(1, 1200) i");
  run("t", job("a = 'x'", "a = 'y', b = 1"));
  sql("UPDATE t SET a = 'by \"hand\"' WHERE id = 3; UPDATE t SET b = 1.0 WHERE id = 4; UPDATE t SET other = 1 WHERE id "
      "= 5; UPDATE t SET a = 'x', b = 'NaN' WHERE id = 6; DELETE FROM t WHERE id = 1200");
  std::string report;
  const RowRollback::Outcome outcome = roll_back("t", &report);
  EXPECT_EQ(outcome.restored, 1196u);
  EXPECT_EQ(outcome.as_before, 1u);
  EXPECT_EQ(outcome.changed_since, 3u);
  EXPECT_EQ(report,
            "{\"Key\":{\"id\":3},\"Now\":{\"id\":3,\"a\":\"by \\\"hand\\\"\",\"b\":1,\"other\":0}}\n"
            "{\"Key\":{\"id\":4},\"Now\":{\"id\":4,\"a\":\"y\",\"b\":1.0,\"other\":0}}\n"
            "{\"Key\":{\"id\":1200},\"Now\":null}\n");
  EXPECT_EQ(value("SELECT a || b || other FROM t WHERE id = 5"), "xNaN1");
  // Once more does nothing.
  EXPECT_EQ(roll_back("t").restored, 1196u);
}

TEST_F(RowRollbackTest, CountsAsBeforeWhatARowWasBeforeAllPasses) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a text, n int DEFAULT 0); INSERT INTO t SELECT i, 'first' FROM "
      "generate_series(1, 2) i");
  const RowJob marks = job("a <> 'job'", "a = 'job'");
  run("t", marks);
  // One is changed back and one is given a new value of its own; then the job passes over the table again.
  sql("UPDATE t SET a = 'first' WHERE id = 1; UPDATE t SET a = 'second' WHERE id = 2; UPDATE bulk.backfills SET "
      "position = '{}'; UPDATE t SET n = 1");
  run("t", marks);
  EXPECT_EQ(roll_back("t").restored, 2u);
  EXPECT_EQ(value("SELECT string_agg(a, ' ' ORDER BY id) FROM t"), "first second");
}

TEST_F(RowRollbackTest, IsRefusedWhenAColumnOrTheUndoTableIsGone) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a text, b text); INSERT INTO t VALUES (1, 'a')");
  run("t", job("b IS NULL", "b = a, a = NULL"));
  const auto refused = [&] {
    try {
      roll_back("t");
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused);
      return error.line();
    }
    return std::string("no error");
  };
  sql("ALTER TABLE t DROP COLUMN a");
  EXPECT_EQ(refused(),
            "public.t has no column \"a\" any more, which the job has changed; take what is needed from "
            "bulk.undo_j by hand");
  sql("ALTER TABLE t ADD COLUMN a text; DROP TABLE bulk.undo_j");
  EXPECT_EQ(refused(), "the undo table bulk.undo_j is gone; restore a backup");
}

TEST_F(RowRollbackTest, PassesRowsThatPostgreSqlDoesNotTakeBack) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t SELECT i, 'a' || i FROM generate_series(1, 100) i");
  run("t", job("a LIKE 'a%'", "a = 'b' || id"));
  sql("ALTER TABLE t ADD CHECK (a <> 'a77')");
  RowSession session(parse_postgres_url(url("t")), url("t"), retry_, stats_, stop_);
  const RowEntry entry = find_row_entry(session.connection(), "j", "public.t").value();
  RowRollback rollback(session, entry);
  EXPECT_EQ(rollback.left(), 100u);
  std::vector<std::string> refused;
  for (RowRollback::Batch batch = rollback.next(); !batch.end; batch = rollback.next()) {
    if (!batch.refused) continue;
    refused.push_back(*batch.refused);
    EXPECT_THAT(batch.reason, HasSubstr("violates check constraint"));
  }
  EXPECT_THAT(refused, testing::ElementsAre("{\"id\":77}"));
  EXPECT_EQ(rollback.outcome().restored, 99u);
  EXPECT_EQ(rollback.left(), 1u);
}

}  // namespace
}  // namespace bulk
