// Databases under everyday trouble: backups beside writers, runs that are killed and gone on with, targets that do not
// fit, rows that the target refuses, dumps that are damaged. The program as users run it, a real server, and the
// server's own word for what is in its tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "tests/e2e/expect.h"
#include "tests/e2e/postgres_place.h"

namespace bulk::test {
namespace {

using testing::HasSubstr;

// 60,000 rows without a key: what is loaded twice shows.
constexpr const char* kPlain = R"sql(
  CREATE TABLE plain (n int, text text);
  INSERT INTO plain SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 60000) AS i;
)sql";
constexpr const char* kParents = R"sql(
  CREATE TABLE parent (id int PRIMARY KEY, best int, name text);
  CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, CHECK (id < 1000));
  ALTER TABLE parent ADD FOREIGN KEY (best) REFERENCES child;
  INSERT INTO parent SELECT i, NULL, 'p' || i FROM generate_series(1, 50) AS i;
  INSERT INTO child SELECT i, 1 + i % 50 FROM generate_series(1, 200) AS i;
  UPDATE parent SET best = id + 1;
)sql";

class PostgresLoad : public testing::Test {
 protected:
  void SetUp() override { BULK_REQUIRE_POSTGRES(place_); }
  RunResult bulk(const Arguments& arguments) { return place_.bulk(arguments); }
  void back_up(const std::string& sql) {
    place_.make_database("source", sql);
    place_.make_database("target", "");
    expect_ok(bulk({"backup", place_.url("source"), "--to", "dump"}));
  }
  std::string target() const { return place_.url("target"); }

  // Starts it and kills it after a while, until it has ended by itself; how often it was killed.
  int run_with_kills(Arguments arguments, int most_kills, const Arguments& when_resumed) {
    for (int kills = 0;; ++kills) {
      const auto run = place_.sandbox().start(arguments);
      if (kills == 0) arguments.insert(arguments.end(), when_resumed.begin(), when_resumed.end());
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(60 + 70 * kills);
      while (kills < most_kills && run->running() && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      if (kills < most_kills && run->running()) {
        run->signal(SIGKILL);
        run->wait();
        continue;
      }
      expect_ok(run->wait());
      return kills;
    }
  }

  PostgresPlace place_;
};

TEST_F(PostgresLoad, ABackupIsOfOnePointInTimeWhateverIsWritten) {
  place_.make_database("source", R"sql(
    CREATE TABLE a (id int PRIMARY KEY, money int); CREATE TABLE b (id int PRIMARY KEY, money int);
    INSERT INTO a SELECT i, 100 FROM generate_series(1, 20000) AS i; INSERT INTO b SELECT i, 100 FROM generate_series(1, 20000) AS i;
  )sql");
  place_.make_database("target", "");
  PostgresPlace other;
  std::atomic<bool> done = false;
  // Money moves between the tables, rows move within them, and new tables' rows come and go.
  std::jthread writer([&] {
    while (!done) {
      other.psql("source", R"sql(
        BEGIN; UPDATE a SET money = money - 7 WHERE id % 10 = 3; UPDATE b SET money = money + 7 WHERE id % 10 = 3; COMMIT;
        BEGIN; DELETE FROM a WHERE id % 50 = 1; INSERT INTO a SELECT i, 100 FROM generate_series(1, 20000, 50) AS i;
               UPDATE b SET money = money + (4000000 - (SELECT sum(money) FROM a) - (SELECT sum(money) FROM b)) WHERE id = 1; COMMIT;
      )sql");
    }
  });
  for (int i = 0; i < 3; ++i) {
    const std::string dump = "dump" + std::to_string(i);
    const RunResult backup = bulk({"backup", place_.url("source"), "--to", dump, "--json"});
    expect_ok(backup);
    EXPECT_THAT(backup.out, HasSubstr("\"consistent\":true"));
    place_.psql("target", "DROP TABLE IF EXISTS a, b");
    expect_ok(bulk({"restore", dump, "--to", target(), "--create"}));
    EXPECT_EQ(place_.psql("target",
                          "SELECT (SELECT sum(money) FROM a) + (SELECT sum(money) FROM b), (SELECT count(*) FROM a)"),
              "4000000|20000");
  }
  done = true;
}

TEST_F(PostgresLoad, AKilledRestoreThatIsGoneOnWithHasEveryRowOnce) {
  back_up(kPlain);
  const int kills = run_with_kills({"restore", "dump", "--to", target(), "--create", "-q"}, 12, {"--resume"});
  RecordProperty("kills", kills);
  place_.expect_same_rows("source", "target", {"plain"});
  EXPECT_EQ(place_.psql("target", "SELECT count(*) FROM pg_namespace WHERE nspname = 'bulk_load'"), "0");
}

TEST_F(PostgresLoad, AKilledRestoreOfOneTableGoesOnWithTheTableThatItMade) {
  place_.make_database("source", kPlain);
  place_.make_database("target", "");
  expect_ok(bulk({"backup", place_.url("source", "public.plain"), "--to", "plain.jsonl.zst"}));
  const std::string table = place_.url("target", "public.plain");
  const RunResult other =
      bulk({"restore", "plain.jsonl.zst", "--to", place_.url("target", "public.other"), "--create"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("the dump says how public.plain is made, and not how public.other is"));
  run_with_kills({"restore", "plain.jsonl.zst", "--to", table, "--create", "-q"}, 5, {"--resume"});
  place_.expect_same_rows("source", "target", {"plain"});
}

TEST_F(PostgresLoad, AKilledBackupGoesOnOnlyWhenItMayBeOfTwoTimes) {
  place_.make_database("source", kPlain);
  place_.make_database("target", "");
  const Arguments backup = {"backup", place_.url("source"), "--to", "dump", "-q", "--bwlimit", "8M"};
  const auto run = place_.sandbox().start(backup);
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (run->running() && !place_.sandbox().exists("dump.journal") && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1'000));
  run->signal(SIGKILL);
  run->wait();
  ASSERT_FALSE(place_.sandbox().exists("dump"));
  Arguments resume = {"backup", place_.url("source"), "--to", "dump", "--resume"};
  const RunResult refused = bulk(resume);
  EXPECT_EQ(refused.status, 13);
  EXPECT_EQ(refused.err, "bulk: what is left of " + place_.url("source") +
                             " would be of another point in time than what is in the dump; start afresh, without "
                             "--resume, or accept that with --not-consistent\n");
  resume.push_back("--not-consistent");
  resume.push_back("--json");
  const RunResult resumed = bulk(resume);
  expect_ok(resumed);
  EXPECT_THAT(resumed.out, HasSubstr("\"consistent\":false"));
  expect_ok(bulk({"verify", "dump"}));
  expect_ok(bulk({"restore", "dump", "--to", target(), "--create"}));
  place_.expect_same_rows("source", "target", {"plain"});
}

TEST_F(PostgresLoad, ATargetThatDoesNotFitIsLeftAlone) {
  back_up(kParents);
  RunResult result = bulk({"restore", "dump", "--to", target()});
  EXPECT_EQ(result.status, 10);
  EXPECT_EQ(result.err,
            "bulk: " + target() + " does not have 2 tables: public.child, public.parent; add --create to make them\n");
  place_.psql("target", "CREATE TABLE parent (id int PRIMARY KEY, best int, name text)");
  result = bulk({"restore", "dump", "--to", target(), "--create"});
  EXPECT_EQ(result.status, 13);
  EXPECT_EQ(result.err, "bulk: " + target() +
                            " has some of the tables, but not public.child; --create makes all of them or none: use an "
                            "empty database, or make the missing ones first\n");
  place_.psql("target", "CREATE TABLE child (id bigint PRIMARY KEY, parent int, extra text)");
  result = bulk({"restore", "dump", "--to", target()});
  EXPECT_EQ(result.status, 13);
  EXPECT_THAT(result.err, HasSubstr("public.child"));
  EXPECT_THAT(result.err, HasSubstr("bigint"));
  place_.psql("target",
              "DROP TABLE child; CREATE TABLE child (id int PRIMARY KEY, parent int); INSERT INTO child VALUES (7)");
  result = bulk({"restore", "dump", "--to", target()});
  EXPECT_EQ(result.status, 13);
  EXPECT_EQ(result.err, "bulk: " + target() +
                            " holds rows in public.child; --force merges (rows of the same primary key are replaced), "
                            "--only-missing adds only new ones\n");
  EXPECT_EQ(place_.psql("target", "SELECT (SELECT count(*) FROM parent), (SELECT count(*) FROM child)"), "0|1");
}

TEST_F(PostgresLoad, TablesThatReferToEachOtherAreLoadedInAnyOrder) {
  back_up(kParents);
  expect_ok(bulk({"restore", "dump", "--to", target(), "--create"}));
  place_.expect_same_rows("source", "target", {"parent", "child"});
  // Into tables that have their constraints already.
  place_.psql("target", "TRUNCATE parent, child");
  expect_ok(bulk({"restore", "dump", "--to", target()}));
  place_.expect_same_rows("source", "target", {"parent", "child"});
  // One of them alone: what it refers to is not there.
  place_.psql("target", "TRUNCATE parent, child");
  const RunResult half = bulk({"restore", "dump", "--to", target(), "--table", "child"});
  EXPECT_EQ(half.status, 4) << half.err;
  EXPECT_THAT(half.err, HasSubstr("child_parent_fkey"));
}

TEST_F(PostgresLoad, SomeTablesOfADumpAreChosenByNameOrPattern) {
  back_up(
      "CREATE SCHEMA s; CREATE TABLE s.one (id serial PRIMARY KEY); CREATE TABLE s.two (id int); CREATE TABLE three "
      "(id int);"
      "INSERT INTO s.one DEFAULT VALUES; INSERT INTO s.two VALUES (2); INSERT INTO three VALUES (3);");
  place_.psql("target",
              "CREATE SCHEMA s; CREATE TABLE s.one (id serial PRIMARY KEY); CREATE TABLE s.two (id int); CREATE TABLE "
              "three (id int)");
  expect_ok(bulk({"restore", "dump", "--to", target(), "--table", "s.*"}));
  EXPECT_EQ(
      place_.psql("target",
                  "SELECT (SELECT count(*) FROM s.one), (SELECT count(*) FROM s.two), (SELECT count(*) FROM three)"),
      "1|1|0");
  EXPECT_EQ(place_.psql("target", "INSERT INTO s.one DEFAULT VALUES RETURNING id"), "2");
  expect_ok(bulk({"restore", "dump", "--to", target(), "--table", "three"}));
  EXPECT_EQ(place_.psql("target", "SELECT * FROM three"), "3");
  const RunResult none = bulk({"restore", "dump", "--to", target(), "--table", "four"});
  EXPECT_EQ(none.status, 10);
  EXPECT_EQ(none.err, "bulk: no table 'four' in dump; bulk inspect lists them\n");
}

TEST_F(PostgresLoad, ARowThatTheTargetRefusesGoesToTheRejectsWithItsReason) {
  back_up("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 20000) AS i");
  place_.psql("target", "CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n <> 12345))");
  const RunResult stopped = bulk({"restore", "dump", "--to", target()});
  EXPECT_EQ(stopped.status, 1);
  EXPECT_THAT(stopped.err, HasSubstr("violates check constraint"));
  place_.psql("target", "TRUNCATE t");
  const RunResult rejected = bulk({"restore", "dump", "--to", target(), "--rejects", "bad.jsonl"});
  EXPECT_EQ(rejected.status, 3) << rejected.err;
  EXPECT_EQ(place_.psql("target", "SELECT count(*) FROM t"), "19999");
  const std::string bad = place_.sandbox().read("bad.jsonl");
  EXPECT_THAT(bad, HasSubstr(R"({"id":12345,"n":12345})"));
  EXPECT_THAT(bad, HasSubstr("new row for relation"));
}

TEST_F(PostgresLoad, RowsAreMergedOrAddedWhereThatIsSaid) {
  back_up(
      "CREATE TABLE t (id int PRIMARY KEY, n text); INSERT INTO t SELECT i, 'new' FROM generate_series(1, 1000) AS i");
  const std::string old =
      "CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, n text); TRUNCATE t; INSERT INTO t SELECT i, 'old' FROM "
      "generate_series(501, 1500) AS i";
  const std::string counts = "SELECT count(*) FILTER (WHERE n = 'old'), count(*) FILTER (WHERE n = 'new') FROM t";
  place_.psql("target", old);
  expect_ok(bulk({"restore", "dump", "--to", target(), "--force"}));
  EXPECT_EQ(place_.psql("target", counts), "500|1000");
  place_.psql("target", old);
  const RunResult added = bulk({"restore", "dump", "--to", target(), "--only-missing", "--json"});
  expect_ok(added);
  EXPECT_EQ(place_.psql("target", counts), "1000|500");
  EXPECT_THAT(added.out, HasSubstr("\"written\":500,\"filtered\":500"));
}

TEST_F(PostgresLoad, OwnersAndPrivilegesAreLeftOutWhereThatIsSaid) {
  const std::string role = "owner_of_" + std::to_string(::getpid());
  place_.make_database("source", "CREATE ROLE " + role + "; CREATE TABLE t (id int); ALTER TABLE t OWNER TO " + role +
                                     "; GRANT SELECT ON t TO PUBLIC");
  place_.make_database("target", "");
  expect_ok(bulk({"backup", place_.url("source"), "--to", "dump"}));
  place_.psql("source", "ALTER TABLE t OWNER TO bulk; DROP ROLE " + role);
  const RunResult lost = bulk({"restore", "dump", "--to", target(), "--create"});
  EXPECT_EQ(lost.status, 1);
  EXPECT_THAT(lost.err, HasSubstr("role \"" + role + "\" does not exist"));
  EXPECT_EQ(place_.psql("target", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
  expect_ok(bulk({"restore", "dump", "--to", target(), "--create", "--no-owner"}));
  EXPECT_EQ(place_.psql("target", "SELECT tableowner FROM pg_tables WHERE tablename = 't'"), "bulk");
}

TEST_F(PostgresLoad, ADatabaseIsCopiedIntoAnother) {
  place_.make_database(
      "source",
      std::string(kParents) + "CREATE MATERIALIZED VIEW sums AS SELECT parent, count(*) FROM child GROUP BY parent;");
  place_.make_database("target", "");
  expect_ok(bulk({"copy", place_.url("source"), target(), "--create"}));
  place_.expect_same_rows("source", "target", {"parent", "child", "sums"});
  expect_ok(bulk({"diff", place_.url("source"), target()}));
  place_.psql("target", "UPDATE child SET parent = 2 WHERE id = 5; DELETE FROM child WHERE id = 100");
  const RunResult differs = bulk({"diff", place_.url("source"), target()});
  EXPECT_EQ(differs.status, 4);
  EXPECT_THAT(differs.out, HasSubstr(R"(~ {"table":"public.child","key":{"id":5}})"));
  EXPECT_THAT(differs.out, HasSubstr(R"(- {"table":"public.child","key":{"id":100}})"));
}

TEST_F(PostgresLoad, ARowThatStandsInAnotherTableIsADifference) {
  const std::string tables = "CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE two (id int PRIMARY KEY);";
  back_up(tables + "INSERT INTO one VALUES (1), (2); INSERT INTO two VALUES (3)");
  place_.psql("target", tables + "INSERT INTO one VALUES (1); INSERT INTO two VALUES (2), (3)");
  const RunResult diff = bulk({"diff", "dump", target()});
  EXPECT_EQ(diff.status, 4) << diff.err;
  EXPECT_THAT(diff.out, HasSubstr(R"(- {"table":"public.one","key":{"id":2}})"));
  EXPECT_THAT(diff.out, HasSubstr(R"(+ {"table":"public.two","key":{"id":2}})"));
  EXPECT_EQ(bulk({"verify", "dump", "--against", target()}).status, 4);
}

TEST_F(PostgresLoad, PasswordsInTheSchemaDoNotReachTheDump) {
  back_up(
      "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER legacy FOREIGN DATA WRAPPER nowhere;"
      "CREATE USER MAPPING FOR PUBLIC SERVER legacy OPTIONS (\"user\" 'app', password 'geheim'); CREATE TABLE t (id "
      "int);");
  EXPECT_THAT(place_.sandbox().read("dump/manifest.json"),
              AllOf(HasSubstr("CREATE SERVER legacy"), Not(HasSubstr("geheim"))));
  expect_ok(bulk({"restore", "dump", "--to", target(), "--create"}));
}

TEST_F(PostgresLoad, AProtectedDatabaseIsProtectedHoweverItIsNamed) {
  back_up(kParents);
  const std::string url = target();
  std::string other_role = url;
  other_role.replace(other_role.find("bulk@"), 4, "nobody_knows");
  std::string by_host = url;
  by_host.replace(by_host.find("127.0.0.1"), 9, "localhost");
  for (const std::string& source : {url, by_host, other_role, url + "#public.parent"}) {
    place_.sandbox().write("bulk.toml", "[stages.prod]\nprotected = true\nsource = \"" + source + "\"\n");
    const RunResult refused = bulk({"restore", "dump", "--to", url, "--create"});
    EXPECT_EQ(refused.status, 13) << source;
    EXPECT_THAT(refused.err, HasSubstr("belongs to the protected stage prod")) << source;
  }
  // Another database is another one.
  place_.sandbox().write("bulk.toml", "[stages.prod]\nprotected = true\nsource = \"" + place_.url("source") + "\"\n");
  expect_ok(bulk({"restore", "dump", "--to", url, "--create"}));
}

TEST_F(PostgresLoad, DamagedFoldersAreFoundOut) {
  back_up(kParents);
  place_.shell(
      "cp -r dump missing && rm missing/public.child.jsonl.zst; cp -r dump cut && truncate -s -10 "
      "cut/public.child.jsonl.zst;"
      "cp -r dump other && cp other/public.parent.jsonl.zst other/public.child.jsonl.zst; cp -r dump none && rm "
      "none/manifest.json;"
      "cp -r dump flipped && printf X | dd of=flipped/public.child.jsonl.zst bs=1 seek=700 conv=notrunc status=none");
  for (const char* damaged : {"missing", "cut", "other", "flipped"}) {
    const RunResult verified = bulk({"verify", damaged});
    EXPECT_EQ(verified.status, 4) << damaged << ": " << verified.err;
    EXPECT_THAT(verified.err, HasSubstr("public.child.jsonl.zst")) << damaged;
    EXPECT_EQ(bulk({"restore", damaged, "--to", target(), "--create"}).status, 4) << damaged;
    // Damage inside of a frame shows when it is read; all else before anything is made.
    if (damaged != std::string("flipped")) {
      EXPECT_EQ(place_.psql("target", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0") << damaged;
    }
    place_.psql("target", "DROP TABLE IF EXISTS child, parent CASCADE");
  }
  EXPECT_THAT(bulk({"verify", "none"}).err, HasSubstr("manifest.json"));
  EXPECT_NE(bulk({"verify", "none"}).status, 0);
}

TEST_F(PostgresLoad, WhatCannotBeDoneIsSaidAtOnce) {
  place_.make_database("source", "CREATE TABLE t (id int); SELECT lo_create(4711);");
  const std::string source = place_.url("source");
  EXPECT_THAT(bulk({"backup", source}).err, HasSubstr("large object"));
  EXPECT_EQ(bulk({"backup", source}).status, 13);
  expect_ok(bulk({"backup", source + "#public.t", "--to", "t.jsonl.zst"}));
  EXPECT_EQ(bulk({"backup", source, "--to", "x.jsonl.zst"}).err,
            "bulk: a database becomes a folder, and 'x.jsonl.zst' is a file's name; name a folder, or one table with "
            "#SCHEMA.TABLE\n");
  EXPECT_EQ(bulk({"backup", source + "#public.none"}).status, 10);
  EXPECT_EQ(bulk({"backup", source + "_none"}).status, 10);
  std::string with_password = source;
  with_password.insert(with_password.find('@'), ":geheim");
  const RunResult password = bulk({"backup", with_password});
  EXPECT_EQ(password.status, 2);
  EXPECT_THAT(password.err, Not(HasSubstr("geheim")));
  EXPECT_EQ(bulk({"drop", source + "#public.t", "--backed-up-by", "t.jsonl.zst", "--yes"}).status, 2);
}

}  // namespace
}  // namespace bulk::test
