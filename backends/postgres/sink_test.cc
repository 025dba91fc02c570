#include "backends/postgres/sink.h"

#include <gmock/gmock.h>

#include "tests/support/postgres_load_fixture.h"

namespace bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class PostgresSinkTest : public test::LoadTest {
 protected:
  void SetUp() override {
    LoadTest::SetUp();
    if (!IsSkipped()) sql("CREATE TABLE t (id int PRIMARY KEY, name text)");
  }
  WriteOptions options() { return options_of({{"public", "t"}}); }
  std::string rows() { return value("SELECT count(*) || ' ' || count(DISTINCT id) FROM public.t"); }
};

TEST_F(PostgresSinkTest, WritesABatchTogetherWithItsNameAndLeavesNothingElseBehind) {
  const auto sink = this->sink(options());
  EXPECT_TRUE(sink->limits().whole_batches);
  EXPECT_EQ(sink->limits().under_way, 1u);
  const auto session = sink->open();
  const Batch batch = batch_of(*sink, lines(0, 10));
  const WriteResult result = session->write(refs_of(batch));
  EXPECT_EQ(result.outcome, Outcome::done) << result.reason;
  EXPECT_TRUE(result.sent);
  EXPECT_EQ(rows(), "10 10");
  EXPECT_EQ(value("SELECT load || ' ' || tbl || ' ' || chunk || ' ' || first || ' ' || records FROM bulk_load.chunks"),
            "load-1 0 0:1 0 10");
  EXPECT_EQ(sink->checkpoint(), "");
  sink->finish();
  EXPECT_EQ(value("SELECT count(*) FROM pg_namespace WHERE nspname = 'bulk_load'"), "0");
  EXPECT_EQ(value("SELECT name FROM public.t WHERE id = 7"), "n 7");
}

TEST_F(PostgresSinkTest, LeavesOutTheBadRowsWithTheServersMessage) {
  sql("ALTER TABLE public.t ADD CHECK (id <> 5), ADD CHECK (length(name) < 20)");
  const auto sink = this->sink(options());
  const auto session = sink->open();
  std::vector<std::string> some = lines(0, 16);
  some[9] = R"({"id":9,"name":"much longer than it may be"})";
  some[12] = R"({"id":99999999999,"name":"n"})";
  some[14] = R"({"id":3,"name":"again"})";
  const Batch batch = batch_of(*sink, some);
  EXPECT_FALSE(batch.encoded.empty());
  Rejects rejects;
  write_all(*session, refs_of(batch), rejects);
  EXPECT_THAT(
      rejects,
      ElementsAre(
          Pair(some[5],
               "new row for relation \"t\" violates check constraint \"t_id_check\": Failing row contains "
               "(5, n 5) (COPY t, line 1: \"5\tn 5\")"),
          Pair(some[9],
               "new row for relation \"t\" violates check constraint \"t_name_check\": Failing row contains "
               "(9, much longer than it may be) (COPY t, line 1: \"9\tmuch longer than it may be\")"),
          Pair(some[12],
               "value \"99999999999\" is out of range for type integer (COPY t, line 1, column id: \"99999999999\")"),
          Pair(some[14],
               "duplicate key value violates unique constraint \"t_pkey\": Key (id)=(3) already exists "
               "(COPY t, line 1)")));
  EXPECT_EQ(rows(), "12 12");
  sink->finish();
}

TEST_F(PostgresSinkTest, FindsTheLineThatIsNoRow) {
  const auto sink = this->sink(options());
  const auto session = sink->open();
  std::vector<std::string> some = lines(0, 4);
  some[2] = R"({"id":true,"name":"n"})";
  const Batch batch = batch_of(*sink, some);
  EXPECT_TRUE(batch.encoded.empty());
  EXPECT_FALSE(session->write(refs_of(batch)).sent);
  Rejects rejects;
  write_all(*session, refs_of(batch), rejects);
  EXPECT_THAT(rejects, ElementsAre(Pair(some[2], "column 'id': true where a number is expected (at byte 6)")));
  EXPECT_EQ(rows(), "3 3");
}

TEST_F(PostgresSinkTest, EncodesAndWritesTablesOfAllShapes) {
  sql(R"(CREATE SCHEMA "Ünï ""code";)"
      R"(CREATE TABLE "Ünï ""code"."a.b'c" ("select" int, "x y" text, "Ü" jsonb);)"
      "CREATE TABLE none (); CREATE TABLE one (v text);"
      "CREATE TABLE made (a int GENERATED ALWAYS AS IDENTITY, b int, c int GENERATED ALWAYS AS (b * 2) STORED);"
      "CREATE TABLE parted (id int, v text) PARTITION BY RANGE (id);"
      "CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (20)");
  const auto sink = this->sink(options_of(
      {{"Ünï \"code", "a.b'c"}, {"public", "none"}, {"public", "one"}, {"public", "made"}, {"public", "parted"}}));
  const auto session = sink->open();
  const auto write = [&](std::uint32_t table, const std::vector<std::string>& some) {
    const Batch batch = batch_of(*sink, some, table);
    const WriteResult result = session->write(refs_of(batch));
    EXPECT_EQ(result.outcome, Outcome::done) << table << result.reason;
  };
  write(0, {R"({"select":1,"x y":"tab\t, \\ and\nline","Ü":{"k": null}})", R"({"Ü":null})", "{}"});
  write(1, {"{}", "{}"});
  write(2, {R"({"v":""})", R"({"v":"\\."})", "{}"});
  write(3, {R"({"a":7,"b":3})"});
  write(4, {R"({"id":3,"v":"low"})", R"({"id":13,"v":"high"})"});
  EXPECT_EQ(
      value(R"(SELECT string_agg(concat("select", '|', "x y", '|', "Ü" IS NULL, '|', "Ü"), ';' ORDER BY "select", "Ü"))"
            R"( FROM "Ünï ""code"."a.b'c")"),
      "1|tab\t, \\ and\nline|f|{\"k\": null};||f|null;||t|");
  EXPECT_EQ(value("SELECT count(*) FROM public.none"), "2");
  EXPECT_EQ(value("SELECT string_agg(coalesce(v, 'NULL'), '|' ORDER BY v) FROM public.one"), "|\\.|NULL");
  EXPECT_EQ(value("SELECT a || ' ' || b || ' ' || c FROM public.made"), "7 3 6");
  EXPECT_EQ(value("SELECT v FROM public.parted_high"), "high");
  sink->finish();
}

TEST_F(PostgresSinkTest, TakesChildrenBeforeTheirParents) {
  sql("CREATE TABLE child (id int, parent int REFERENCES t)");
  const auto sink = this->sink(options_of({{"public", "child"}, {"public", "t"}}));
  const auto session = sink->open();
  const Batch child = batch_of(*sink, {R"({"id":1,"parent":2})"}, 0);
  EXPECT_EQ(session->write(refs_of(child)).outcome, Outcome::done);
  const Batch parent = batch_of(*sink, lines(0, 10), 1);
  EXPECT_EQ(session->write(refs_of(parent)).outcome, Outcome::done);
  sink->finish();
}

TEST_F(PostgresSinkTest, RefusesAnOrderThatTheRoleCannotHaveIgnored) {
  sql("CREATE ROLE " + database() +
      "_user LOGIN; CREATE TABLE child (id int, parent int REFERENCES t);"
      "GRANT ALL ON t, child TO " +
      database() + "_user; GRANT CREATE ON DATABASE " + database() + " TO " + database() + "_user");
  const std::string as_user = server().url(database(), database() + "_user");
  const auto both = options_of({{"public", "child"}, {"public", "t"}});
  EXPECT_EQ(
      error_of([&] { sink(both, as_user); }, ErrorKind::refused),
      as_user +
          ": foreign key child_parent_fkey of public.child would be checked row by row: the role may not set "
          "session_replication_role; load as a superuser, grant the role SET ON PARAMETER session_replication_role "
          "(PostgreSQL 15), or use --create in an empty database, which adds foreign keys after the load");
  // A table alone can be loaded: what it refers to is there already.
  sql("INSERT INTO t SELECT 1, 'one'; CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS"
      " 'BEGIN NEW.id := NEW.id * 2; RETURN NEW; END';"
      "CREATE TRIGGER twice BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION twice()");
  const auto child = sink(options_of({{"public", "child"}}), as_user);
  const Batch batch = batch_of(*child, {R"({"id":1,"parent":1})", R"({"id":2,"parent":2})"});
  Rejects rejects;
  write_all(*child->open(), refs_of(batch), rejects);
  EXPECT_THAT(rejects, ElementsAre(Pair(R"({"id":2,"parent":2})",
                                        "insert or update on table \"child\" violates foreign key constraint "
                                        "\"child_parent_fkey\": Key (parent)=(2) is not present in table \"t\"")));
  EXPECT_EQ(value("SELECT id FROM public.child"), "2");
  child->finish();
}

TEST_F(PostgresSinkTest, EndsTheLoadWhereAnotherAttemptCannotHelp) {
  const auto sink = this->sink(options());
  const auto session = sink->open();
  const Batch batch = batch_of(*sink, lines(0, 10));
  sql("ALTER TABLE t RENAME name TO title");
  EXPECT_EQ(error_of([&] { session->write(refs_of(batch)); }, ErrorKind::failed),
            "URL: cannot write rows into public.t: column \"name\" of relation \"t\" does not exist");
  sql("ALTER TABLE t RENAME title TO name; CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS"
      " 'BEGIN IF NEW.id = 3 THEN RETURN NULL; END IF; RETURN NEW; END';"
      "CREATE TRIGGER nothing BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing();"
      "ALTER TABLE t ENABLE ALWAYS TRIGGER nothing");
  EXPECT_EQ(
      error_of([&] { session->write(refs_of(batch)); }, ErrorKind::failed),
      "URL: of 10 rows given to public.t the server took 9; a trigger or rule of the table leaves rows out: switch "
      "it off for the load");
  EXPECT_EQ(rows(), "0 0");
}

TEST_F(PostgresSinkTest, MakesDoWithTheConnectionsThatItGets) {
  const std::string user = database() + "_few";
  sql("CREATE ROLE " + user + " LOGIN CONNECTION LIMIT 3; GRANT ALL ON t TO " + user + "; GRANT CREATE ON DATABASE " +
      database() + " TO " + user);
  WriteOptions write = options();
  write.jobs = 8;
  EXPECT_EQ(sink(write, server().url(database(), user))->limits().sessions, 2u);
  write.load_id = "load-2";
  EXPECT_EQ(sink(write)->limits().sessions, 8u);
}

}  // namespace
}  // namespace bulk
