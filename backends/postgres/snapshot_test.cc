// Against a real server; see tests/support/postgres_server.h.
#include "backends/postgres/snapshot.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/support/dump_files.h"
#include "tests/support/postgres_fixture.h"

namespace bulk {
namespace {

using ::testing::StartsWith;
using namespace std::chrono_literals;

class SnapshotTest : public test::PostgresTest {
 protected:
  using Choose = std::function<std::vector<PgTable>(PgConnection&)>;

  static std::vector<PgTable> tables(PgConnection& connection) { return list_tables(connection, false); }
  PgSnapshot snapshot(const Choose& choose = tables, std::chrono::milliseconds patience = 10s) {
    return PgSnapshot(parse_postgres_url(url()), "URL", stop_, choose, patience);
  }
  static std::string count(PgConnection& connection, const std::string& table) {
    return std::string(connection.run("SELECT count(*) FROM " + table, "count").text(0, 0));
  }
  std::string names(const PgSnapshot& snapshot) {
    std::string all;
    for (const PgTable& table : snapshot.tables()) all += table.name.full() + " ";
    return all;
  }
};

TEST_F(SnapshotTest, IsOneMomentForAllReaders) {
  sql("CREATE TABLE public.t AS SELECT generate_series(1, 10) AS a");
  PgSnapshot held = snapshot();
  const auto first = held.reader(held.tables().at(0));
  sql("INSERT INTO public.t VALUES (11); DELETE FROM public.t WHERE a < 6; CREATE TABLE public.later (a int)");
  const auto second = held.reader(held.tables().at(0));
  EXPECT_EQ(count(*first, "public.t"), "10");
  EXPECT_EQ(count(*second, "public.t"), "10");
  EXPECT_EQ(count(held.holder(), "public.t"), "10");
  EXPECT_EQ(names(held), "public.t ");
  held.check_held();
}

TEST_F(SnapshotTest, KeepsTablesFromBeingDroppedOrEmptied) {
  sql("CREATE TABLE public.t (a int); SET lock_timeout = '50ms'");
  {
    const PgSnapshot held = snapshot();
    for (const char* statement :
         {"DROP TABLE public.t", "TRUNCATE public.t", "ALTER TABLE public.t ADD COLUMN b int"}) {
      EXPECT_THROW(sql(statement), Error) << statement;
    }
    sql("INSERT INTO public.t VALUES (1)");
  }
  // What held it has gone, which the server learns when it looks.
  sql("SET lock_timeout = 0; DROP TABLE public.t");
}

TEST_F(SnapshotTest, HasTheTablesThatAreThereWhenItIsTaken) {
  sql("CREATE TABLE public.a (x int); CREATE TABLE public.dropped (x int)");
  int looks = 0;
  const PgSnapshot held = snapshot([&](PgConnection& connection) {
    std::vector<PgTable> found = tables(connection);
    if (++looks == 1) sql("CREATE TABLE public.b (x int)");
    if (looks == 3) sql("DROP TABLE public.dropped");
    if (looks == 4) sql("ALTER TABLE public.b RENAME TO c");
    return found;
  });
  EXPECT_EQ(names(held), "public.a public.c ");
  EXPECT_EQ(looks, 6);
}

TEST_F(SnapshotTest, GivesUpWhereTablesComeAndGo) {
  int looks = 0;
  EXPECT_EQ(test::error_line(
                [&] {
                  snapshot([&](PgConnection& connection) {
                    std::vector<PgTable> found = tables(connection);
                    sql("CREATE TABLE public.t" + std::to_string(++looks) + " (a int)");
                    return found;
                  });
                },
                ErrorKind::remote),
            "URL: tables come and go: 10 looks found other ones; try again when nobody makes, drops or renames tables");
}

TEST_F(SnapshotTest, SaysWhichTableItCannotLockAndWhoHasIt) {
  sql("CREATE TABLE public.a (x int); CREATE TABLE public.b (x int)");
  sql("BEGIN; LOCK TABLE public.b");
  EXPECT_EQ(test::error_line([&] { snapshot(tables, 50ms); }, ErrorKind::remote),
            "URL: cannot lock public.b within 50 ms: process " + value("SELECT pg_backend_pid()") +
                " of the server holds it or waits for it; try again when that has ended");
}

TEST_F(SnapshotTest, SaysWhichTableItMayNotRead) {
  sql("CREATE ROLE poor LOGIN; GRANT USAGE ON SCHEMA public TO poor; CREATE TABLE public.secret (a int)");
  const std::string there = server().url(database(), "poor");
  EXPECT_EQ(test::error_line([&] { PgSnapshot(parse_postgres_url(there), "URL", stop_, tables); }, ErrorKind::failed),
            "URL: cannot lock the tables: permission denied for table secret; connect as the owner, or as a role that "
            "has the "
            "privilege");
}

TEST_F(SnapshotTest, LocksTablesOfAnyNameInManyStatements) {
  sql("CREATE SCHEMA \"S s\"; CREATE TABLE \"S s\".\"T.\"\"t\" (a int); CREATE TABLE \"S s\".\"t.\"\"T\" (a int);"
      "DO $$ BEGIN FOR i IN 1..600 LOOP EXECUTE format('CREATE TABLE public.t%s (a int)', i); END LOOP; END $$");
  const PgSnapshot held = snapshot();
  EXPECT_EQ(held.tables().size(), 602u);
  EXPECT_EQ(
      value(
          "SELECT count(*) FROM pg_locks JOIN pg_class c ON c.oid = relation AND relkind = 'r' AND relnamespace "
          "NOT IN ('pg_catalog'::regnamespace) WHERE mode = 'AccessShareLock' AND granted AND pid <> pg_backend_pid()"),
      "602");
}

TEST_F(SnapshotTest, LocksPartitionsWithTheirTableAndATablesChildrenAsThemselves) {
  sql("CREATE TABLE public.parts (a int) PARTITION BY LIST (a); CREATE TABLE public.part PARTITION OF public.parts "
      "DEFAULT;"
      "CREATE TABLE public.parent (a int); CREATE TABLE public.child () INHERITS (public.parent); SET lock_timeout = "
      "'50ms'");
  const auto only = [](const std::string& name) {
    return [name](PgConnection& connection) { return std::vector{find_table(connection, {"public", name}, "URL")}; };
  };
  {
    const PgSnapshot held = snapshot(only("parts"));
    EXPECT_THROW(sql("TRUNCATE public.part"), Error);
    sql("TRUNCATE public.child");
  }
  const PgSnapshot held = snapshot(only("parent"));
  sql("TRUNCATE public.child");
  EXPECT_THROW(sql("TRUNCATE ONLY public.parent"), Error);
}

TEST_F(SnapshotTest, DoesNotTakeAViewThatWasRefreshedMeanwhile) {
  sql("CREATE TABLE public.t AS SELECT generate_series(1, 5) AS a; CREATE MATERIALIZED VIEW public.m AS SELECT * FROM "
      "public.t");
  int looks = 0;
  PgSnapshot held = snapshot([&](PgConnection& connection) {
    // Within the snapshot, before the view is locked: what the snapshot would see of it is nothing.
    if (++looks == 2) sql("INSERT INTO public.t VALUES (6); REFRESH MATERIALIZED VIEW public.m");
    return std::vector{find_table(connection, {"public", "m"}, "URL")};
  });
  EXPECT_EQ(looks, 4);
  EXPECT_EQ(count(*held.reader(held.tables().at(0)), "public.m"), "6");
  sql("SET lock_timeout = '50ms'");
  EXPECT_THROW(sql("REFRESH MATERIALIZED VIEW public.m"), Error);
}

TEST_F(SnapshotTest, UsesReadersAgain) {
  sql("CREATE TABLE public.t (a int)");
  PgSnapshot held = snapshot();
  const auto pid = [](PgConnection& connection) {
    return std::string(connection.run("SELECT pg_backend_pid()", "ask").text(0, 0));
  };
  auto one = held.reader(held.tables().at(0));
  auto two = held.reader(held.tables().at(0));
  const std::string first = pid(*one);
  const std::string second = pid(*two);
  EXPECT_NE(first, second);
  held.give_back(std::move(one));
  EXPECT_EQ(pid(*held.reader(held.tables().at(0))), first);
}

TEST_F(SnapshotTest, GivesReadersToManyThreads) {
  sql("CREATE TABLE public.t AS SELECT generate_series(1, 10) AS a");
  PgSnapshot held = snapshot();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 5; ++turn) {
        held.check_held();
        auto reader = held.reader(held.tables().at(0));
        EXPECT_EQ(count(*reader, "public.t"), "10");
        held.give_back(std::move(reader));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(SnapshotTest, ReadsThroughItsHolderWhereAnotherWaitsForTheTable) {
  sql("CREATE TABLE public.t AS SELECT generate_series(1, 10) AS a");
  std::optional<PgSnapshot> held(std::in_place, parse_postgres_url(url()), "URL", stop_, tables);
  const PgTable table = held->tables()[0];
  auto before = held->reader(table);
  held->give_back(before);
  // Not behind the first reader, which has its lock already.
  const auto waiting = connect();
  std::thread other([&] { waiting->run("ALTER TABLE public.t ADD COLUMN b int", "alter", PgConnection::kUnlimited); });
  while (value("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") std::this_thread::sleep_for(1ms);

  auto again = held->reader(table);
  EXPECT_EQ(again, before);
  const auto second = held->reader(table);
  EXPECT_EQ(second.get(), &held->holder());
  EXPECT_EQ(count(*second, "public.t"), "10");
  held->check_held();
  // The holder is busy, until it is given back.
  std::thread giver([&] {
    std::this_thread::sleep_for(20ms);
    held->give_back(second);
  });
  EXPECT_EQ(held->reader(table).get(), &held->holder());
  giver.join();
  before.reset();
  again.reset();
  held.reset();
  other.join();
}

TEST_F(SnapshotTest, SaysThatItsHolderIsLost) {
  sql("CREATE TABLE public.t (a int)");
  PgSnapshot held = snapshot();
  const auto reader = held.reader(held.tables().at(0));
  sql("SELECT pg_terminate_backend(" + std::string(held.holder().run("SELECT pg_backend_pid()", "ask").text(0, 0)) +
      ", 10000)");
  const std::string text =
      "URL: the connection that holds the snapshot is lost: terminating connection due to administrator command: what "
      "is read "
      "from now on may be of another time; begin again";
  EXPECT_EQ(test::error_line([&] { held.check_held(); }, ErrorKind::remote), text);
  EXPECT_THAT(test::error_line([&] { held.check_held(); }, ErrorKind::remote),
              StartsWith("URL: the connection that holds the snapshot is lost: "));
  EXPECT_THAT(test::error_line([&] { held.reader(held.tables().at(0)); }, ErrorKind::remote),
              StartsWith("URL: the connection that holds the snapshot is lost: "));
}

}  // namespace
}  // namespace bulk
