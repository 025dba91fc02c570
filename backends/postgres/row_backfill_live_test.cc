// Backfills of rows among others: those who write to the same rows, hold them, or end our connection.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "io/error.h"
#include "tests/support/cutting_proxy.h"
#include "tests/support/postgres_rows_fixture.h"

namespace bulk {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

using RowsAmongOthers = test::RowsTest;

TEST_F(RowsAmongOthers, LoseNoUpdateOfEightWriters) {
  constexpr int kRows = 300;
  sql("CREATE TABLE t (id int PRIMARY KEY, was int, now int);"
      "INSERT INTO t SELECT i, 0, NULL FROM generate_series(1, " +
      std::to_string(kRows) + ") i");
  // The application knows both forms.
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> increments{0};
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 8; ++writer) {
    writers.emplace_back([&, writer] {
      const auto connection = connect();
      PgResult result;
      for (int i = writer; !done; i += 7) {
        const auto failure = connection->try_run(
            "UPDATE t SET was = was + 1, now = now + 1 WHERE id = " + std::to_string(i % kRows + 1), result);
        if (!failure) increments += result.affected();
      }
    });
  }
  Work work(*this, "t", job("now IS NULL", "now = was, was = NULL"));
  while (increments < 200) std::this_thread::yield();
  // Few at a time, so that the writers come between.
  for (std::uint64_t changed = 0; changed < kRows;) {
    const RowBackfill::Batch batch = work.backfill->next(7);
    ASSERT_FALSE(batch.end);
    changed += batch.changed;
  }
  const std::uint64_t then = increments;
  while (increments < then + 200) std::this_thread::yield();
  done = true;
  writers.clear();
  EXPECT_EQ(value("SELECT sum(now) FROM t"), std::to_string(increments.load()));
  EXPECT_EQ(value("SELECT count(was) FROM t"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM bulk.undo_j"), std::to_string(kRows));
}

TEST_F(RowsAmongOthers, LookAtTheConditionAgainOnceTheRowIsTheirs) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t SELECT i, i FROM generate_series(1, 5) i");
  const auto other = connect();
  other->run("BEGIN; UPDATE t SET b = 100 WHERE id = 2; UPDATE t SET a = 30 WHERE id = 3; DELETE FROM t WHERE id = 4",
             "hold rows");
  Work work(*this, "t", job("b IS NULL", "b = a"));
  std::jthread run([&] { work.run(); });
  while (value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "0") {
  }
  other->run("COMMIT", "let them go");
  run.join();
  EXPECT_EQ(value("SELECT string_agg(id || ':' || b, ' ' ORDER BY id) FROM t"), "1:1 2:100 3:30 5:5");
  EXPECT_EQ(value("SELECT count(*) FROM bulk.undo_j"), "3");
}

// A trigger that fails as often as `fails` says, with this SQLSTATE, or ends the connection.
std::string failing_trigger(int fails, const std::string& how) {
  return "CREATE SEQUENCE tries; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
         "nextval('public.tries') <= " +
         std::to_string(fails) + " THEN " + how +
         "; END IF; RETURN NEW; END $$;"
         "CREATE TRIGGER fail BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fail();";
}
constexpr const char* kTable =
    "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, 0 FROM generate_series(1, 1500) i;";

TEST_F(RowsAmongOthers, TryAgainWhenLocksAreHeldAndGiveUpInTheEnd) {
  retry_.transient_base = 1ms;
  sql(kTable + failing_trigger(3, "RAISE EXCEPTION 'held' USING ERRCODE = '55P03'"));
  Work work(*this, "t", job("n = 0", "n = 1"));
  work.run();
  EXPECT_EQ(value("SELECT sum(n) FROM t"), "1500");
  EXPECT_EQ(stats_.retried, 3u);

  retry_.give_up_after = 5ms;
  sql("ALTER SEQUENCE tries MINVALUE -1000000 RESTART WITH -1000000");
  Work stuck(*this, "t", job("n = 1", "n = 2", "k"));
  try {
    stuck.run();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_EQ(error.line(), url("t") +
                                ": cannot change rows: held; find out in pg_stat_activity who holds the rows; "
                                "the same command goes on");
  }
  EXPECT_EQ(value("SELECT sum(n) FROM t"), "1500");
}

TEST_F(RowsAmongOthers, GoOnWhenTheirConnectionIsLost) {
  retry_.transient_base = 1ms;
  sql(kTable + failing_trigger(2, "PERFORM pg_terminate_backend(pg_backend_pid())"));
  Work work(*this, "t", job("n = 0", "n = n + 1"));
  work.run();
  EXPECT_EQ(value("SELECT count(*) FROM t WHERE n = 1"), "1500");
  EXPECT_EQ(work.backfill->entry().rows, 1500u);
  EXPECT_TRUE(is_row_job_locked(work.session.connection(), "j", "public.t"));
}

TEST_F(RowsAmongOthers, AskTheLedgerWhatBecameOfACommitWithoutAnAnswer) {
  retry_.transient_base = 1ms;
  sql(kTable);
  test::CuttingProxy proxy(server().port());
  const std::string there =
      "postgresql://bulk@127.0.0.1:" + std::to_string(proxy.port()) + "/" + database() + "#public.t";
  RowSession session(parse_postgres_url(there), there, retry_, stats_, stop_);
  session.hold_lock("j");
  RowSql statements(session.target(), job("n = 0", "n = n + 1"));
  RowBackfill backfill(session, statements, {});
  RowEntry entry;
  entry.version = "j";
  entry.target = "public.t";
  entry.target_oid = session.target().oid;
  entry.undo = "undo_j";
  backfill.begin(entry);
  // Every other answer to a COMMIT is lost, and every third request for one does not arrive.
  std::atomic<int> commits{0}, cuts{0};
  std::atomic<bool> committing{false};
  proxy.set([&](bool to_server, std::string_view bytes) {
    if (to_server) {
      committing = bytes.find("; COMMIT") != std::string_view::npos;
      if (!committing || ++commits % 3 != 0) return false;
    } else if (!committing.exchange(false) || commits % 2 != 0) {
      return false;
    }
    ++cuts;
    return true;
  });
  std::uint64_t changed = 0, looked = 0;
  for (;;) {
    const RowBackfill::Batch batch = backfill.next(100);
    if (batch.end) break;
    changed += batch.changed;
    looked += batch.looked;
  }
  EXPECT_GT(cuts, 3);
  EXPECT_EQ(changed, 1500u);
  EXPECT_EQ(looked, 1500u);
  EXPECT_EQ(value("SELECT count(*) FROM t WHERE n = 1"), "1500");
  EXPECT_EQ(value("SELECT rows || ' ' || looked_at FROM bulk.backfills"), "1500 1500");
}

TEST_F(RowsAmongOthers, DoNotMeetAnotherRunOfTheJob) {
  sql(kTable);
  Work work(*this, "t", job("n = 0", "n = 1"));
  RowSession second(parse_postgres_url(url("t")), url("t"), retry_, stats_, stop_);
  EXPECT_TRUE(is_row_job_locked(second.connection(), "j", "public.t"));
  EXPECT_FALSE(is_row_job_locked(second.connection(), "another", "public.t"));
  try {
    second.hold_lock("j");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::locked);
    EXPECT_EQ(error.line(), "the backfill j of " + url("t") + " is being done by another run; wait for it");
  }
  second.hold_lock("another");
}

}  // namespace
}  // namespace bulk
