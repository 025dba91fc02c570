#include "backends/postgres/row_backfill.h"

#include <gmock/gmock.h>

#include <functional>

#include "io/error.h"
#include "tests/support/postgres_rows_fixture.h"

namespace bulk {
namespace {

using testing::HasSubstr;

template <typename Call>
std::string error_of(const Call& call, ErrorKind kind) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.line();
    return error.line();
  }
  return "no error";
}

using RowBackfillTest = test::RowsTest;

TEST_F(RowBackfillTest, ChangesWhatIsMeantOnceAndTakesItBack) {
  sql("CREATE TABLE t (id int PRIMARY KEY, address text, location varchar(40), other json);"
      "INSERT INTO t SELECT i, 'street ' || i, CASE WHEN i % 5 = 0 THEN 'known' END, '{\"a\" : 1}' "
      "FROM generate_series(1, 3500) i; CREATE TABLE was AS TABLE t");
  const RowEntry entry = run("t", job("location IS NULL -- not yet", "location = address, address = NULL"));
  EXPECT_EQ(entry.looked_at, 3500u);
  EXPECT_EQ(entry.rows, 2800u);
  EXPECT_EQ(value("SELECT count(*) FROM t WHERE location = 'street ' || id AND address IS NULL"), "2800");
  EXPECT_EQ(value("SELECT rows || ' ' || looked_at || ' ' || array_to_string(position, ',') FROM bulk.backfills"),
            "2800 3500 3500");
  EXPECT_EQ(value("SELECT \"address before\" || \"location after\" FROM bulk.undo_j WHERE id = 7"), "street 7street 7");
  // Once more: there is nothing to do, and nothing is written.
  EXPECT_EQ(run("t", job("location IS NULL", "location = address, address = NULL", "again")).rows, 0u);

  const RowRollback::Outcome outcome = roll_back("t");
  EXPECT_EQ(outcome.restored, 2800u);
  EXPECT_EQ(outcome.changed_since, 0u);
  EXPECT_EQ(differing("t", "was"), "0");
}

struct Keyed {
  const char* columns;
  const char* values;  // of row i
  const char* key;
};

TEST_F(RowBackfillTest, VisitsKeysOfAllKindsOnceInTheirOwnOrder) {
  sql("CREATE TYPE colour AS ENUM ('red', 'green', 'blue'); CREATE DOMAIN code AS varchar(8) CHECK (value <> '')");
  for (const Keyed& keyed : {
           Keyed{"a bigint", "i * 7919 % 1300 - 600", "a"},
           Keyed{"a text COLLATE \"en-x-icu\"", "chr(65 + i % 2 * 32 + i % 26) || '''\\' || i", "a"},
           Keyed{"\"bulk_k0\" uuid, \"n before\" text", "md5(i::text)::uuid, ''", "\"n before\", \"bulk_k0\""},
           Keyed{"a numeric", "CASE i WHEN 0 THEN 'NaN' ELSE (1.10 * i)::numeric END", "a"},
           Keyed{"a timestamptz, b date",
                 "'2020-01-01'::timestamptz + i % 50 * '1 us'::interval, "
                 "CASE i / 50 WHEN 0 THEN '-infinity' ELSE '0044-03-15 BC'::date + i / 50 END",
                 "b, a"},
           Keyed{"a colour, b char(5), c float8",
                 "(ARRAY['red','green','blue']::colour[])[i % 3 + 1], i % 70, CASE i WHEN 5 THEN '-Infinity' ELSE i / "
                 "3.0 END",
                 "a, b, c"},
           Keyed{"a code, b boolean, c bytea", "'c' || i % 9, i % 2 = 0, decode(lpad(to_hex(i), 4, '0'), 'hex')",
                 "c, b, a"},
       }) {
    SCOPED_TRACE(keyed.columns);
    const std::string longest = "\"a name that is as long as PostgreSQL takes names, 63 bytes orü\"";
    sql("CREATE TABLE \"T a.b\" (" + std::string(keyed.columns) + ", \"Odd \"\"x ü\" int, " + longest +
        " code, n int, PRIMARY KEY (" + keyed.key + ")); INSERT INTO \"T a.b\" SELECT " + keyed.values +
        ", 0, 'x', 0 FROM generate_series(0, 1299) i; CREATE TABLE was AS TABLE \"T a.b\"");
    const RowEntry entry = run(
        "\"T a.b\"", job("\"Odd \"\"x ü\" < 1", "\"Odd \"\"x ü\" = \"Odd \"\"x ü\" + 1, n = 1, " + longest + " = 'y'"));
    EXPECT_EQ(entry.rows, 1300u);
    EXPECT_EQ(entry.looked_at, 1300u);
    EXPECT_EQ(value("SELECT count(*) FROM \"T a.b\" WHERE \"Odd \"\"x ü\" = 1 AND " + longest + " = 'y'"), "1300");
    EXPECT_EQ(roll_back("\"T a.b\"").restored, 1300u);
    EXPECT_EQ(differing("\"T a.b\"", "was"), "0");
    sql("DROP TABLE \"T a.b\", was, bulk.undo_j; DELETE FROM bulk.backfills");
  }
}

TEST_F(RowBackfillTest, TakesPartitionedTablesAsAWholeAndParentsAlone) {
  sql("CREATE TABLE p (id int, part int, n int, PRIMARY KEY (part, id)) PARTITION BY LIST (part);"
      "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p DEFAULT;"
      "INSERT INTO p SELECT i, i % 3, 0 FROM generate_series(1, 90) i;"
      "CREATE TABLE parent (id int PRIMARY KEY, n int); CREATE TABLE child () INHERITS (parent);"
      "INSERT INTO parent VALUES (1, 0); INSERT INTO child VALUES (1, 0)");
  EXPECT_EQ(run("p", job("n = 0", "n = 1")).rows, 90u);
  EXPECT_EQ(value("SELECT count(*) FROM p WHERE n = 1"), "90");
  EXPECT_EQ(roll_back("p").restored, 90u);
  run("parent", job("n = 0", "n = 1", "k"));
  EXPECT_EQ(value("SELECT sum(n) FROM ONLY parent"), "1");
  EXPECT_EQ(value("SELECT sum(n) FROM child"), "0");
}

TEST_F(RowBackfillTest, KnowsDefaultsPartsOfColumnsQueriesAndTriggers) {
  sql("CREATE TYPE place AS (street text, city text);"
      "CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 5, tags text[], home place, x text, y text, z text);"
      "CREATE TABLE other (id int, x text, y text); INSERT INTO other VALUES (1, 'ox', 'oy');"
      "INSERT INTO t SELECT i, 1, '{p,q}', ROW ('s', 'c')::place, 'x', 'y', 'z' FROM generate_series(1, 3) i;"
      "CREATE TABLE was AS TABLE t;"
      "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.z = upper(NEW.z); RETURN NEW; END';"
      "CREATE TRIGGER shout BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION shout()");
  run("t",
      job("a = 1",
          "a = DEFAULT, tags[2] = 'r', home.city = 'd', (x, y) = (SELECT o.x, o.y FROM other o WHERE o.id = t.id), "
          "z = 'new'"));
  EXPECT_EQ(value("SELECT string_agg(t::text, ' ' ORDER BY id) FROM t"),
            "(1,5,\"{p,r}\",\"(s,d)\",ox,oy,NEW) (2,5,\"{p,r}\",\"(s,d)\",,,NEW) (3,5,\"{p,r}\",\"(s,d)\",,,NEW)");
  // What a trigger has made of it is what the job left.
  sql("DROP TRIGGER shout ON t");
  EXPECT_EQ(roll_back("t").restored, 3u);
  EXPECT_EQ(differing("t", "was"), "0");
}

TEST_F(RowBackfillTest, RefusesAJobThatAppliesToItsOwnResult) {
  sql("CREATE TABLE t (id int PRIMARY KEY, n int, s varchar(3)); INSERT INTO t SELECT i, i, 'ab' FROM "
      "generate_series(5, 9) i; CREATE TABLE was AS TABLE t");
  const auto refused = [&](const std::string& when, const std::string& update) {
    Work work(*this, "t", job(when, update));
    const std::string error = error_of([&] { work.run(); }, ErrorKind::refused);
    work.backfill->forget();
    return error;
  };
  const std::string next = "; give it a `when` that no longer holds afterwards; nothing was changed";
  EXPECT_EQ(refused("", "n = n + 1"),
            "the job j would apply again to its own result: it would change the row {\"id\":5} once more" + next);
  EXPECT_EQ(refused("n < 8", "n = n + 1"),
            "the job j would apply again to its own result: it would change the row {\"id\":5} once more" + next);
  EXPECT_EQ(refused("", "s = s || 'x'"),
            "the job j would apply again to its own result: it would change rows once more" + next);
  EXPECT_EQ(differing("t", "was"), "0");
  EXPECT_EQ(value("SELECT count(*) FROM bulk.backfills"), "0");
  EXPECT_EQ(value("SELECT to_regclass('bulk.undo_j') IS NULL"), "t");
  // These do not.
  EXPECT_EQ(run("t", job("", "s = upper(s), n = abs(n)")).rows, 5u);
}

TEST_F(RowBackfillTest, FindsTheRowsThatPostgreSqlRefuses) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a text, n int CHECK (n <> 13)); INSERT INTO t SELECT i, CASE i WHEN 700 "
      "THEN 'x' ELSE i::text END FROM generate_series(1, 2000) i");
  Work work(*this, "t", job("n IS NULL", "n = a::int"));
  work.run();
  ASSERT_EQ(work.refused.size(), 2u);
  EXPECT_EQ(work.refused[0].key, "{\"id\":13}");
  EXPECT_THAT(work.refused[0].reason, HasSubstr("violates check constraint"));
  EXPECT_EQ(work.refused[1].line, "{\"id\":700,\"a\":\"x\"}");
  EXPECT_EQ(work.refused[1].reason, "invalid input syntax for type integer: \"x\"");
  EXPECT_EQ(work.backfill->entry().rows, 1998u);
  EXPECT_EQ(work.backfill->entry().rejected, 2u);
  EXPECT_EQ(work.backfill->entry().looked_at, 2000u);
}

// A program that answers with what `change` makes of each line.
RowProgram program(const std::function<std::string(std::string)>& change) {
  return [change](std::span<const std::string> lines) {
    std::vector<std::string> answers;
    for (const std::string& line : lines) answers.push_back(change(line));
    return answers;
  };
}

std::string replaced(std::string line, const std::string& what, const std::string& with) {
  const std::size_t at = line.find(what);
  return at == std::string::npos ? line : line.replace(at, what.size(), with);
}

TEST_F(RowBackfillTest, WritesWhatAProgramAnswersAndOnlyThat) {
  sql("CREATE DOMAIN filled AS text NOT NULL; CREATE TABLE t (id bigint PRIMARY KEY, a text, n numeric, doc jsonb, d "
      "filled, at date, g int GENERATED ALWAYS AS (1) STORED); INSERT INTO t SELECT i, 'tab\t \"q\" ' || i, 1.10, "
      "'{\"k\": [1.0, null]}', 'd', 'infinity' FROM generate_series(1, 450) i; CREATE TABLE was AS TABLE t");
  std::string first;
  const RowProgram renames = program([&](const std::string& line) {
    if (first.empty()) first = line;
    // The number is spelled in another way, which is no change.
    const std::string other = replaced(line, "1.10", "1.1");
    return line.find("\"id\":7,") != std::string::npos ? replaced(other, ",\"at\":\"infinity\"", "")
                                                       : replaced(other, "\"tab", "\"TAB");
  });
  EXPECT_EQ(run("t", job("id <= 400", ""), renames).rows, 400u);
  EXPECT_EQ(first, R"({"id":1,"a":"tab\t \"q\" 1","n":1.10,"doc":{"k": [1.0, null]},"d":"d","at":"infinity"})");
  EXPECT_EQ(value("SELECT count(*) FROM t WHERE a LIKE 'TAB%'"), "399");
  EXPECT_EQ(value("SELECT at IS NULL FROM t WHERE id = 7"), "t");
  EXPECT_EQ(value("SELECT string_agg(DISTINCT touched[1], ' ') FROM bulk.undo_j"), "a at");
  // Somebody else's change of another column is none of the rollback's business.
  sql("UPDATE t SET n = 2 WHERE id = 7; UPDATE was SET n = 2 WHERE id = 7");
  EXPECT_EQ(roll_back("t").restored, 400u);
  EXPECT_EQ(differing("t", "was"), "0");
}

TEST_F(RowBackfillTest, RefusesAProgramThatBreaksItsContract) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a text, n int); INSERT INTO t SELECT i, 'a', 5 FROM generate_series(1, 3) "
      "i");
  const auto failed = [&](const std::string& what, const std::string& with, ErrorKind kind = ErrorKind::failed) {
    Work work(*this, "t", job("", ""), program([&](const std::string& line) { return replaced(line, what, with); }));
    const std::string error = error_of([&] { work.run(); }, kind);
    work.backfill->forget();
    return error;
  };
  const std::string next =
      "; it has to write one row for each that it reads, in order, and must not change keys; nothing of this batch was "
      "written";
  EXPECT_EQ(failed("\"id\":2", "\"id\":9"),
            "the program has changed column \"id\" of public.t, which belongs to the primary key" + next);
  EXPECT_EQ(
      failed("\"a\":", "\"b\":"),
      "the program answered what is no row of public.t for {\"id\":1}: there is no column 'b' (at byte 8)" + next);
  EXPECT_EQ(failed("\"a\":\"", "\"a\":\"x", ErrorKind::refused),
            "the job j would apply again to its own result: it would change the row {\"id\":1} once more; give it a "
            "`when` that no longer holds afterwards; nothing was changed");
  EXPECT_EQ(value("SELECT string_agg(t::text, '' ORDER BY id) FROM t"), "(1,a,5)(2,a,5)(3,a,5)");
}

TEST_F(RowBackfillTest, SaysWhatIsWrongWithTheJob) {
  sql("CREATE TABLE t (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a) STORED, i int GENERATED ALWAYS AS "
      "IDENTITY); CREATE TABLE bare (a int); CREATE VIEW v AS TABLE t");
  const auto usage = [&](const std::string& table, const std::string& when, const std::string& update) {
    return error_of([&] { Work(*this, table, job(when, update)); }, ErrorKind::usage);
  };
  EXPECT_EQ(usage("t", "b = 1", "a = 1"), "when: column \"b\" does not exist; correct the SQL");
  EXPECT_EQ(usage("t", "a = 1", "a = f(1)"), "update: function f(integer) does not exist; correct the SQL");
  EXPECT_EQ(usage("t", "a = 1 LIMIT 5", "a = 2"), "when: syntax error at or near \"LIMIT\"; correct the SQL");
  EXPECT_EQ(usage("t", "", "b = 1"), "public.t has no column \"b\"; names without quotes are in lower case");
  EXPECT_EQ(usage("t", "", "id = 1"), "\"id\" belongs to the primary key, which a job may not change; leave it out");
  EXPECT_EQ(usage("t", "", "g = 1"), "\"g\" is generated by the server and cannot be set; leave it out");
  EXPECT_EQ(usage("t", "", "i = 1"), "\"i\" is generated by the server and cannot be set; leave it out");
  EXPECT_EQ(usage("t", "", "a = 1, a = 2"), "\"a\" is set twice; set it once");
  EXPECT_EQ(usage("bare", "", "a = 1"),
            url("bare") +
                ": public.bare has no primary key, by which its rows could be visited in order; give it one: "
                "ALTER TABLE ... ADD PRIMARY KEY");
  EXPECT_EQ(usage("v", "", "a = 1"),
            url("v") + ": public.v is a view, and rows of tables are changed; name the table that holds the rows");
  EXPECT_EQ(usage("", "", "a = 1"), url() + " names no table; add #TABLE or #SCHEMA.TABLE, or name it in the job");
  EXPECT_EQ(value("SELECT to_regnamespace('bulk') IS NULL"), "t");
}

}  // namespace
}  // namespace bulk
