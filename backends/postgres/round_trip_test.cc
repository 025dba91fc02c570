// Rows that were read, as lines, and put back are the same rows: said by the server itself, for a table of every
// built-in type and values at their edges.
#include <gtest/gtest.h>

#include "backends/postgres/source.h"
#include "codecs/row_text.h"
#include "tests/support/dump_files.h"
#include "tests/support/postgres_fixture.h"

namespace bulk {
namespace {

class RoundTripTest : public test::PostgresTest {
 protected:
  // From public.t by way of lines into public.u.
  void copy() {
    const auto held =
        std::make_shared<PgSnapshot>(parse_postgres_url(url()), "URL", stop_, [](PgConnection& connection) {
          return std::vector{find_table(connection, {"public", "t"}, "URL")};
        });
    const std::vector<RowColumn>& columns = held->tables()[0].columns.columns;
    RowReader back(columns);
    Buffer rows;
    for (const std::string& line : test::read_lines(*make_postgres_source(held, held->tables(), {}))) {
      ASSERT_TRUE(back.append(line, rows)) << back.problem() << "\n" << line;
    }
    const auto connection = connect();
    ASSERT_FALSE(connection->try_begin_copy_in("COPY public.u FROM STDIN"));
    ASSERT_FALSE(connection->try_copy_in(rows.view()));
    std::uint64_t taken = 0;
    const auto failure = connection->try_end_copy_in(taken);
    ASSERT_FALSE(failure) << failure->message;
  }
  // Rows of one table that the other has not, either way, NULLs and doubles counted.
  std::string differences() {
    return value(
        "SELECT (SELECT count(*) FROM (SELECT t::text FROM public.t EXCEPT ALL SELECT u::text FROM public.u) x) + "
        "(SELECT count(*) FROM (SELECT u::text FROM public.u EXCEPT ALL SELECT t::text FROM public.t) x)");
  }
  void expect_same() {
    sql("CREATE TABLE public.u (LIKE public.t)");
    copy();
    EXPECT_EQ(differences(), "0");
    EXPECT_EQ(value("SELECT count(*) FROM public.u"), value("SELECT count(*) FROM public.t"));
  }
};

TEST_F(RoundTripTest, KeepsEveryBuiltInType) {
  sql("CREATE TYPE public.mood AS ENUM ('sad', 'a \"b\", c\\d'); CREATE TYPE public.pair AS (a int, b text);"
      "CREATE DOMAIN public.amount AS numeric(12,3); CREATE DOMAIN public.facts AS jsonb");
  const std::vector<std::pair<std::string, std::vector<std::string>>> types{
      {"smallint", {"-32768", "32767"}},
      {"integer", {"-2147483648", "0"}},
      {"bigint", {"9223372036854775807", "-9223372036854775808"}},
      {"real", {"NaN", "-0", "1e-45", "3.4028235e38", "-Infinity", "0.1"}},
      {"double precision", {"NaN", "-0", "5e-324", "1.7976931348623157e308", "Infinity", "0.1"}},
      {"numeric",
       {"NaN", "Infinity", "-Infinity", "0.000", "1e-1000", std::string(1000, '9') + "." + std::string(1000, '7')}},
      {"numeric(10,2)", {"-0.50", "12345678.90"}},
      {"public.amount", {"1.5", "-0.001"}},
      {"boolean", {"t", "f"}},
      {"jsonb", {"null", "{\"a\": [1, 2.50, \"x\\ny\\u00e9\", null, true], \"\": {}}", "\"text\"", "1e400", "[]"}},
      {"public.facts", {"null", "{\"b\": 1, \"a\": \"\\\\\\\"\"}"}},
      {"json", {"null", "{\"a\" :  1,\n\t\"a\":2}", "\"\\u0041\""}},
      {"text", {"", "\\N", "\\.", "a\tb\r\nc\\d\"e'f", "\x01\x02\x08\x0b\x0c\x1f\x7f", "é€😀", " padded "}},
      {"varchar(10)", {"", "tabs\t\t"}},
      {"char(8)", {"x", "", "\\"}},
      {"\"char\"", {"a", ""}},
      {"name", {"Name \"q\""}},
      {"bytea", {"\\x", "\\x00ff5c0a09"}},
      {"uuid", {"00000000-0000-0000-0000-000000000000"}},
      {"date", {"infinity", "-infinity", "4713-01-01 BC", "5874897-12-31"}},
      {"time", {"24:00:00", "00:00:00.000001"}},
      {"timetz", {"23:59:59.999999+15:59:59", "00:00-12"}},
      {"timestamp", {"infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999"}},
      {"timestamptz", {"-infinity", "0001-01-01 00:00:00+00 BC", "2025-03-30 02:30:00+01"}},
      {"interval", {"178000000 years", "-1 mons +1 days -00:00:00.000001", "0"}},
      {"interval day", {"3 days"}},
      {"money", {"-92233720368547758.08", "1234.50"}},
      {"bit(5)", {"10110"}},
      {"bit varying", {"", "1"}},
      {"inet", {"10.0.0.1/8", "::ffff:1.2.3.4"}},
      {"cidr", {"10.0.0.0/8"}},
      {"macaddr", {"08:00:2b:01:02:03"}},
      {"macaddr8", {"08:00:2b:01:02:03:04:05"}},
      {"point", {"(-0,1e-300)", "(NaN,Infinity)"}},
      {"line", {"{1,-1,0.1}"}},
      {"lseg", {"[(0,0),(1,1)]"}},
      {"box", {"(1,1),(0,0)"}},
      {"path", {"((0,0),(1,1))", "[(0,0)]"}},
      {"polygon", {"((0,0),(1,1),(2,0))"}},
      {"circle", {"<(0,0),1.5>"}},
      {"tsvector", {"'a b':1A 'c\\\\d':2,3B", ""}},
      {"tsquery", {"'a' & !'b' <2> 'c':*"}},
      {"xml", {"<a b=\"c\">t</a>", "text only"}},
      {"int4range", {"empty", "(,)", "[1,5)"}},
      {"numrange", {"(0.10,NaN]"}},
      {"tstzrange", {"[2025-01-01 00:00:00+00,infinity)"}},
      {"daterange", {"(,2025-01-01)"}},
      {"int4multirange", {"{}", "{[1,2),[5,)}"}},
      {"oid", {"4294967295"}},
      {"regclass", {"pg_catalog.pg_class", "12345678"}},
      {"regtype", {"integer"}},
      {"xid", {"4294967295"}},
      {"cid", {"1"}},
      {"tid", {"(1,2)"}},
      {"pg_lsn", {"FFFFFFFF/FFFFFFFF"}},
      {"pg_snapshot", {"10:20:10,14,15"}},
      {"jsonpath", {"$.\"a\"[*] ? (@ > 1)"}},
      {"refcursor", {"c"}},
      {"aclitem", {"bulk=r/bulk"}},
      {"public.mood", {"a \"b\", c\\d"}},
      {"public.pair", {"(1,\"a\\\\b \"\"c\"\"\")", "(,)"}},
      {"int[]", {"{}", "[0:1]={1,NULL}", "[-2:-1][3:3]={{1},{2}}"}},
      {"text[]", {"{NULL,\"NULL\",\"\",\"a,b\",\"\\\"\\\\\",\" x \"}"}},
      {"timestamptz[]", {"{infinity,\"2025-01-01 00:00:00+00\"}"}},
      {"public.pair[]", {"{\"(1,x)\",NULL}"}},
      {"public.mood[]", {"{sad}"}},
      {"jsonb[]", {"{\"{\\\"a\\\": 1}\",\"null\"}"}},
      {"bytea[]", {"{\"\\\\x00\"}"}},
      {"box[]", {"{(1,1),(0,0);(2,2),(1,1)}"}},
  };
  std::string columns;
  for (std::size_t i = 0; i < types.size(); ++i)
    columns += (i == 0 ? "" : ", ") + ("c" + std::to_string(i)) + " " + types[i].first;
  sql("CREATE TABLE public.t (" + columns + ")");
  // A row for each value, all other columns NULL, and one of all first values.
  std::string all;
  for (std::size_t i = 0; i < types.size(); ++i) {
    for (const std::string& text : types[i].second) {
      sql("INSERT INTO public.t (c" + std::to_string(i) + ") VALUES (" + pg_literal(text) + "::" + types[i].first +
          ")");
    }
    all += (i == 0 ? "" : ", ") + pg_literal(types[i].second[0]);
  }
  sql("INSERT INTO public.t VALUES (" + all + "); INSERT INTO public.t DEFAULT VALUES");
  expect_same();
  EXPECT_EQ(value("SELECT count(*) FROM public.u WHERE c9 IS NULL"),
            value("SELECT count(*) FROM public.t WHERE c9 IS NULL"))
      << "jsonb null is no NULL";
}

TEST_F(RoundTripTest, KeepsEveryCharacterOfTextAndOfNames) {
  sql("CREATE TABLE public.t (\"a\"\"b\\c\" text, \"é\n\" text); INSERT INTO public.t "
      "SELECT chr(n), 'before' || chr(n) || 'behind' FROM generate_series(1, 3000) n UNION ALL "
      "SELECT chr(n), NULL FROM unnest(ARRAY[8232, 55295, 57344, 65533, 65535, 65536, 1114111]) n");
  expect_same();
}

TEST_F(RoundTripTest, KeepsRowsWithoutColumns) {
  sql("CREATE TABLE public.t (); INSERT INTO public.t DEFAULT VALUES; INSERT INTO public.t DEFAULT VALUES; CREATE "
      "TABLE public.u ()");
  copy();
  EXPECT_EQ(value("SELECT count(*) FROM public.u"), "2");
}

}  // namespace
}  // namespace bulk
