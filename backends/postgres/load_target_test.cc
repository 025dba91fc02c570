#include "backends/postgres/load_target.h"

#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "tests/support/postgres_load_fixture.h"

namespace bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LoadTargetTest : public test::LoadTest {
 protected:
  std::vector<std::string> finish(const RowSchema& schema, bool created, unsigned jobs = 2, bool owners = true,
                                  const std::string& at = "") {
    const PgUrl to = parse_postgres_url(at.empty() ? url() : at);
    const std::string what = at.empty() ? url() : at;
    return finish_tables({to, what, stop_}, schema, target_tables(schema, to), created, owners, jobs);
  }
  void create(const RowSchema& schema, bool owners = true) { create_tables(*connect(), schema, owners); }
  RowStore::Match match(const RowSchema& schema, const std::string& table = "") {
    return match_tables(*connect(), schema, target_tables(schema, parse_postgres_url(url(table))));
  }
  // What pg_dump says of a database, without what it makes up for psql.
  std::string dump(const std::string& database, const std::string& section) {
    const test::TempDir folder;
    const std::string file = folder.file("sql");
    test::Process program({(test::postgres_programs() / "pg_dump").string(), "--schema-only", "--section=" + section,
                           "--exclude-schema=bulk_load", server().url(database)},
                          file);
    while (program.running()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::ifstream text(file);
    std::string sql;
    for (std::string line; std::getline(text, line);) {
      if (!line.starts_with('\\')) sql += line + "\n";
    }
    return sql;
  }
};

TEST_F(LoadTargetTest, SaysWhichTablesAreMissingDifferOrHoldRows) {
  sql("CREATE TYPE colour AS ENUM ('red'); CREATE TABLE same (id bigint, c colour, n numeric(10,2), v varchar(5));"
      "CREATE TABLE other (id int, c text, extra text, made int GENERATED ALWAYS AS (1) STORED, g int);"
      "CREATE VIEW seen AS SELECT 1 AS id; INSERT INTO same VALUES (1);"
      "CREATE TABLE parted (id int) PARTITION BY RANGE (id);"
      "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1);"
      "CREATE TABLE base (id int); CREATE TABLE derived () INHERITS (base); INSERT INTO derived VALUES (1)");
  RowSchema schema = schema_of({{"public", "same"}, {"public", "other"}, {"public", "parted"}, {"public", "base"}});
  RowStore::Match match = this->match(schema);
  EXPECT_THAT(match.missing, IsEmpty());
  EXPECT_THAT(match.differing, IsEmpty());
  EXPECT_THAT(match.holding_rows, ElementsAre("public.same", "public.parted"));

  schema.tables[1].columns = {{"id", "bigint", RowKind::number},
                              {"c", "text", RowKind::text},
                              {"made", "integer", RowKind::number},
                              {"gone", "text", RowKind::text},
                              {"g", "numeric(10,2)", RowKind::number}};
  schema.tables.push_back({"public", "seen", {{"id", "integer", RowKind::number}}, {}});
  schema.tables.push_back({"public", "no.where", {}, {}});
  match = this->match(schema);
  EXPECT_THAT(match.missing, ElementsAre("public.no.where"));
  EXPECT_THAT(match.differing,
              ElementsAre("public.other: column 'id' is integer here and bigint in the dump",
                          "public.other: column 'made' is generated here and holds values of its own in the dump",
                          "public.other: column 'gone' of the dump is not there",
                          "public.other: column 'g' is integer here and numeric(10,2) in the dump",
                          "public.other: column 'extra' is not in the dump", "public.seen is a view here"));
}

TEST_F(LoadTargetTest, FindsTheOneTableThatAnEndpointNames) {
  sql("CREATE SCHEMA s; CREATE TABLE s.there (id int); CREATE TABLE twice (id int); CREATE TABLE s.twice (id int)");
  RowSchema schema = schema_of({{"s", "there"}});
  schema.tables[0].name = "elsewhere";
  EXPECT_THAT(match(schema, "there").differing, IsEmpty());
  EXPECT_THAT(match(schema, "there").missing, IsEmpty());
  EXPECT_THAT(match(schema, "public.there").missing, ElementsAre("public.there"));
  EXPECT_EQ(error_of([&] { match(schema, "twice"); }, ErrorKind::usage),
            "several tables are called twice: public.twice and s.twice; name the schema too");
  schema.tables.push_back(schema.tables[0]);
  EXPECT_EQ(error_of([&] { match(schema, "there"); }, ErrorKind::usage),
            "2 tables cannot be loaded into one, there; name the database without a table, or take one table with "
            "--table");
}

TEST_F(LoadTargetTest, MakesAllOfASchemaOrNothing) {
  RowSchema schema;
  schema.pre_data =
      "SET some_day_transaction_timeout = 0;\n"
      "CREATE SCHEMA public;\nCREATE SCHEMA shop;\nALTER SCHEMA shop OWNER TO nobody_here;\n"
      "CREATE TABLE shop.a (id int);\nCREATE TABLE shop.b (\n    id nothing_known\n);\n";
  EXPECT_EQ(error_of([&] { create(schema, false); }, ErrorKind::failed),
            "URL: cannot run CREATE TABLE shop.b ( id nothing_known );: type \"nothing_known\" does not exist");
  EXPECT_EQ(value("SELECT count(*) FROM pg_namespace WHERE nspname = 'shop'"), "0");
  EXPECT_EQ(error_of([&] { create(schema, true); }, ErrorKind::failed),
            "URL: cannot run ALTER SCHEMA shop OWNER TO nobody_here;: role \"nobody_here\" does not exist; --no-owner "
            "leaves owners and privileges out");
  schema.pre_data.replace(schema.pre_data.find("nothing_known"), 13, "int");
  create(schema, false);
  EXPECT_EQ(value("SELECT count(*) FROM pg_tables WHERE schemaname = 'shop'"), "2");
}

TEST_F(LoadTargetTest, MakesADatabaseAgainAsPgDumpDescribesIt) {
  sql(R"(CREATE SCHEMA "S p"; CREATE EXTENSION pg_trgm; COMMENT ON EXTENSION pg_trgm IS 'x';)"
      R"(CREATE TABLE "S p"."T;t" (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v text UNIQUE, "a;b" int[]);)"
      R"(CREATE INDEX "i;x" ON "S p"."T;t" (lower(v)) WHERE v <> ';'; CREATE INDEX ON "S p"."T;t" USING gin ("a;b");)"
      R"(COMMENT ON TABLE "S p"."T;t" IS 'a; comment'; COMMENT ON INDEX "S p"."i;x" IS 'of; an index';)"
      R"(CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES "S p"."T;t" ON DELETE CASCADE);)"
      R"(CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END;';)"
      "CREATE TRIGGER t AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION f();"
      "CREATE RULE r AS ON DELETE TO child DO INSTEAD NOTHING; ALTER TABLE child ENABLE ROW LEVEL SECURITY;"
      "CREATE POLICY p ON child USING (id > 0); CREATE STATISTICS st ON id, parent FROM child;"
      "CREATE TABLE parted (id int, v text) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF parted FOR VALUES IN "
      "(1);"
      "CREATE INDEX ON parted (v); CREATE PUBLICATION pub FOR TABLE child;"
      "CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM child; CREATE UNIQUE INDEX ON m (n)");
  RowSchema schema = schema_of({{"S p", "T;t"}, {"public", "child"}, {"public", "p1"}});
  schema.pre_data = dump(database(), "pre-data");
  schema.post_data = dump(database(), "post-data");
  schema.sequences = {{"S p", "T;t_id_seq", "17", true, "S p.T;t"},
                      {"public", "child_id_seq", "5", false, "public.child"}};
  schema.materialized_views = {{"public", "m"}};
  const std::string from = database();
  const std::string made = from + "_made";
  connect("postgres")->run("CREATE DATABASE " + made, "make a database");

  const auto there = connect(made);
  create_tables(*there, schema, true);
  there->run("INSERT INTO \"S p\".\"T;t\" VALUES (1, 'v'); INSERT INTO public.child VALUES (1, 1)", "load");
  EXPECT_THAT(finish(schema, true, 3, true, server().url(made)), IsEmpty());
  EXPECT_EQ(dump(made, "pre-data"), schema.pre_data);
  EXPECT_EQ(dump(made, "post-data"), schema.post_data);
  EXPECT_EQ(there
                ->run("SELECT nextval('\"S p\".\"T;t_id_seq\"') || ' ' || nextval('public.child_id_seq') || ' ' || n ||"
                      " ' ' || (SELECT count(*) FROM pg_stats WHERE tablename = 'child') FROM public.m",
                      "look")
                .text(0, 0),
            "18 5 1 2");
  // Gone on with, it finds all of it there; what it cannot tell from something else of that name it says.
  EXPECT_THAT(
      finish(schema, true, 3, true, server().url(made)),
      ElementsAre("it was there already: CREATE POLICY p ON public.child USING ((id > 0));",
                  "it was there already: CREATE PUBLICATION pub WITH (publish = 'insert, update, delete, truncate');",
                  "it was there already: ALTER PUBLICATION pub ADD TABLE ONLY public.child;"));
  EXPECT_EQ(dump(made, "post-data"), schema.post_data);
}

TEST_F(LoadTargetTest, BeginsNothingNewAfterAStatementThatFailed) {
  sql("CREATE TABLE a (id int, v int); CREATE TABLE b (id int); INSERT INTO a VALUES (1, 1), (1, 2)");
  RowSchema schema = schema_of({{"public", "a"}, {"public", "b"}});
  schema.post_data =
      "SET default_tablespace = '';\n"
      "ALTER TABLE ONLY public.b\n    ADD CONSTRAINT b_pkey PRIMARY KEY (id);\n"
      "ALTER TABLE ONLY public.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (id);\n"
      "CREATE INDEX later ON public.a USING btree (v);\n"
      "ALTER TABLE ONLY public.a\n    ADD CONSTRAINT a_fkey FOREIGN KEY (id) REFERENCES public.b(id);\n";
  EXPECT_EQ(
      error_of([&] { finish(schema, true, 1); }, ErrorKind::failed),
      "URL: cannot run ALTER TABLE ONLY public.a ADD CONSTRAINT a_pkey PRIMARY KEY (id);: could not create unique "
      "index \"a_pkey\": Key (id)=(1) is duplicated");
  EXPECT_EQ(value("SELECT count(*) FROM pg_class WHERE relname = 'later'"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM pg_class WHERE relname = 'b_pkey'"), "1");
  EXPECT_THAT(error_of([&] { finish(schema, true, 3); }, ErrorKind::failed), HasSubstr("ADD CONSTRAINT a_pkey"));
  EXPECT_EQ(value("SELECT count(*) FROM pg_constraint WHERE conname = 'a_fkey'"), "0");
  sql("DELETE FROM a WHERE v = 2; INSERT INTO b VALUES (1)");
  EXPECT_THAT(finish(schema, true, 3), IsEmpty());
  EXPECT_EQ(value("SELECT count(*) FROM pg_constraint WHERE conname IN ('a_fkey', 'a_pkey', 'b_pkey')"), "3");
  // An index of that name that is another one is none of ours.
  sql("DROP INDEX later; CREATE INDEX later ON b (id)");
  EXPECT_THAT(error_of([&] { finish(schema, true); }, ErrorKind::failed),
              HasSubstr("relation \"later\" already exists"));
}

TEST_F(LoadTargetTest, ChecksForeignKeysThatNobodyLookedAt) {
  sql("CREATE TABLE parent (a int, b text COLLATE \"C\", PRIMARY KEY (a, b));"
      "CREATE TABLE child (x int, y text COLLATE \"en-x-icu\", CONSTRAINT simple FOREIGN KEY (x, y) REFERENCES parent);"
      "CREATE TABLE strict (x int, y text, CONSTRAINT whole FOREIGN KEY (x, y) REFERENCES parent MATCH FULL);"
      "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE high PARTITION OF parted FOR VALUES FROM (10) TO (20);"
      "CREATE TABLE refers (id int REFERENCES parted);"
      "SET session_replication_role = replica;"
      "INSERT INTO parent VALUES (1, 'x'); INSERT INTO low VALUES (1); INSERT INTO high VALUES (11);"
      "INSERT INTO child VALUES (1, 'x'), (7, NULL), (NULL, 'z'); INSERT INTO strict VALUES (1, 'x'), (NULL, NULL);"
      "INSERT INTO refers VALUES (1), (11), (NULL)");
  const RowSchema schema = schema_of({{"public", "child"}, {"public", "strict"}, {"public", "refers"}});
  EXPECT_THAT(finish(schema, false), IsEmpty());
  const auto broken = [&](const std::string& change, const std::string& undo, const RowSchema& loaded) {
    sql(change);
    const std::string error = error_of([&] { finish(loaded, false); }, ErrorKind::corrupt);
    sql(undo);
    return error;
  };
  const std::string next =
      ": a row refers to one that is not there; the source breaks it too, or is not all of what it refers to: load the "
      "other tables as well";
  EXPECT_EQ(broken("INSERT INTO child VALUES (1, 'y')", "DELETE FROM child WHERE y = 'y'", schema),
            "URL: the rows that were loaded break constraint simple of public.child" + next);
  EXPECT_EQ(broken("INSERT INTO strict VALUES (1, NULL)", "DELETE FROM strict WHERE x = 1 AND y IS NULL", schema),
            "URL: the rows that were loaded break constraint whole of public.strict" + next);
  EXPECT_EQ(broken("INSERT INTO refers VALUES (12)", "DELETE FROM refers WHERE id = 12", schema),
            "URL: the rows that were loaded break constraint refers_id_fkey of public.refers" + next);
  // What refers to a table that was loaded counts too: rows of it may have been replaced.
  EXPECT_EQ(broken("DELETE FROM high", "INSERT INTO high VALUES (11)", schema_of({{"public", "high"}})),
            "URL: the rows that were loaded break constraint refers_id_fkey of public.refers" + next);
  sql("ALTER TABLE child DROP CONSTRAINT simple; INSERT INTO child VALUES (1, 'y');"
      "ALTER TABLE child ADD CONSTRAINT simple FOREIGN KEY (x, y) REFERENCES parent NOT VALID");
  EXPECT_THAT(finish(schema, false), IsEmpty());
}

TEST_F(LoadTargetTest, ChecksUniquenessThatIsLookedAtByTriggers) {
  sql("CREATE TABLE d (id int, CONSTRAINT once UNIQUE (id) DEFERRABLE INITIALLY IMMEDIATE);"
      "SET session_replication_role = replica; INSERT INTO d VALUES (1), (2), (2)");
  EXPECT_EQ(error_of(
                [&] {
                  finish(schema_of({{"public", "d"}}), false);
                },
                ErrorKind::corrupt),
            "URL: the rows that were loaded break constraint once of public.d: could not create unique index \"once\": "
            "Key (id)=(2) is duplicated; the source breaks it too, or is not all of what it refers to: load the other "
            "tables as well");
  sql("DELETE FROM d WHERE id = 2");
  EXPECT_THAT(finish(schema_of({{"public", "d"}}), false), IsEmpty());
}

TEST_F(LoadTargetTest, SaysWhoseTriggersFired) {
  const std::string user = database() + "_user";
  sql("CREATE ROLE " + user +
      " LOGIN; CREATE TABLE quiet (id int PRIMARY KEY); CREATE TABLE loud (id int REFERENCES quiet);"
      "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
      "CREATE TRIGGER t BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION f();"
      "CREATE TRIGGER u BEFORE UPDATE ON quiet FOR EACH ROW EXECUTE FUNCTION f();"
      "ALTER TABLE quiet OWNER TO " +
      user + "; ALTER TABLE loud OWNER TO " + user);
  const RowSchema schema = schema_of({{"public", "quiet"}, {"public", "loud"}});
  EXPECT_THAT(
      finish(schema, false, 2, true, server().url(database(), user)),
      ElementsAre("triggers of public.loud fired during the load: the role may not set session_replication_role"));
  EXPECT_THAT(finish(schema, false), IsEmpty());
}

TEST_F(LoadTargetTest, SetsTheSequencesThatAreThere) {
  sql("CREATE TABLE a (id serial, other serial); CREATE TABLE b (id bigint GENERATED ALWAYS AS IDENTITY)");
  RowSchema schema = schema_of({{"public", "a"}});
  schema.sequences = {{"public", "a_id_seq", "41", true, "public.a"}, {"public", "gone_seq", "3", true, ""}};
  EXPECT_THAT(finish(schema, false),
              ElementsAre("sequence public.gone_seq of the dump is not set: there is none of that name here"));
  EXPECT_EQ(value("SELECT nextval('public.a_id_seq')"), "42");
  // Into a table of another name: its own sequence, not that of the table of the dump's name.
  RowSchema other = schema_of({{"public", "b"}});
  other.tables[0].name = "a";
  other.sequences = {{"public", "a_id_seq", "1000", true, "public.a"}};
  EXPECT_THAT(finish(other, false, 1, true, url("b")), IsEmpty());
  EXPECT_EQ(value("SELECT nextval('public.b_id_seq') || ' ' || nextval('public.a_id_seq')"), "1001 43");
  other = schema_of({{"public", "a"}});
  other.tables[0].name = "b";
  other.sequences = {{"public", "b_id_seq", "9", true, "public.b"}};
  EXPECT_THAT(
      finish(other, false, 1, true, url("a")),
      ElementsAre("sequence public.b_id_seq of the dump is not set: it is not clear which one of public.a it is"));
}

}  // namespace
}  // namespace bulk
