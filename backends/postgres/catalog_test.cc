// Against a real server; see tests/support/postgres_server.h.
#include "backends/postgres/catalog.h"

#include <gmock/gmock.h>

#include "tests/support/dump_files.h"
#include "tests/support/postgres_fixture.h"

namespace bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Names = std::vector<std::string>;

class CatalogTest : public test::PostgresTest {
 protected:
  Names listed(bool all_kinds) {
    Names names;
    for (const PgTable& table : list_tables(*connect(), all_kinds)) {
      names.push_back(std::string(1, table.kind) + " " + table.name.full());
    }
    return names;
  }
  PgTable table(const std::string& fragment) {
    return find_table(*connect(), parse_postgres_url(url(fragment)).table.value(), "URL");
  }
  static std::string text_of(const std::vector<RowColumn>& columns) {
    std::string text;
    for (const RowColumn& column : columns) {
      text += column.name + ": " + column.type + " " + "nbjt"[static_cast<int>(column.kind)] + "\n";
    }
    return text;
  }
};

TEST_F(CatalogTest, TellsTypesAndHowTheirValuesStandInALine) {
  sql("CREATE TYPE public.colour AS ENUM ('red'); CREATE TYPE public.\"Pair\" AS (a int, b text);"
      "CREATE DOMAIN public.positive AS numeric(10,2) CHECK (VALUE > 0); CREATE DOMAIN public.price AS public.positive;"
      "CREATE DOMAIN public.flag AS boolean; CREATE DOMAIN public.document AS jsonb; CREATE DOMAIN public.list AS "
      "int[];"
      "CREATE TABLE public.t (a smallint, b integer, c bigint, d real, e double precision, f numeric, g numeric(10,2), "
      "h boolean,"
      " i jsonb, j json, k text, l varchar(5), m char(3), n \"char\", o timestamptz(3), p int[], q public.colour, r "
      "public.colour[],"
      " s public.\"Pair\", t public.price, u public.flag, v public.document, w public.list, x money, y oid, z interval "
      "day,"
      " aa public.price[], bb bit varying(7), cc name)");
  EXPECT_EQ(
      text_of(table("t").columns.columns),
      "a: smallint n\nb: integer n\nc: bigint n\nd: real n\ne: double precision n\nf: numeric n\ng: numeric(10,2) n\n"
      "h: boolean b\ni: jsonb j\nj: json t\nk: text t\nl: character varying(5) t\nm: character(3) t\nn: \"char\" t\n"
      "o: timestamp(3) with time zone t\np: integer[] t\nq: public.colour t\nr: public.colour[] t\ns: public.\"Pair\" "
      "t\n"
      "t: public.price n\nu: public.flag b\nv: public.document j\nw: public.list t\nx: money t\ny: oid t\n"
      "z: interval day t\naa: public.price[] t\nbb: bit varying(7) t\ncc: name t\n");
}

TEST_F(CatalogTest, LeavesOutWhatHasNoValuesOfItsOwn) {
  sql("CREATE TABLE public.t (gone int, a int GENERATED ALWAYS AS IDENTITY, b int GENERATED ALWAYS AS (a * 2) STORED, "
      "c text);"
      "ALTER TABLE public.t DROP COLUMN gone; CREATE TABLE public.bare ()");
  EXPECT_EQ(text_of(table("t").columns.columns), "a: integer n\nc: text t\n");
  EXPECT_EQ(text_of(table("bare").columns.columns), "");
}

TEST_F(CatalogTest, KnowsPrimaryKeysInTheirOrder) {
  sql("CREATE TABLE public.t (a int, b int, c int, PRIMARY KEY (c, a) INCLUDE (b)); CREATE TABLE public.u (a int "
      "UNIQUE)");
  EXPECT_THAT(table("t").columns.primary_key, ElementsAre("c", "a"));
  EXPECT_THAT(table("u").columns.primary_key, IsEmpty());
}

TEST_F(CatalogTest, ListsTablesOfAllKindsButThoseOfOthers) {
  sql("CREATE SCHEMA app; CREATE SCHEMA bulk_load; CREATE TABLE bulk_load.chunks (a int); CREATE TEMPORARY TABLE "
      "passing (a int);"
      "CREATE TABLE app.b (a int); CREATE TABLE app.\"B\" (a int); CREATE UNLOGGED TABLE public.quick (a int);"
      "CREATE TABLE public.child (extra int) INHERITS (app.b); CREATE TABLE public.parts (a int) PARTITION BY LIST (a);"
      "CREATE TABLE public.part1 PARTITION OF public.parts FOR VALUES IN (1); CREATE VIEW public.v AS SELECT 1 AS x;"
      "CREATE MATERIALIZED VIEW public.m AS SELECT 1 AS x; CREATE SEQUENCE public.s; CREATE FOREIGN DATA WRAPPER w;"
      "CREATE SERVER far FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE public.f (a int) SERVER far;"
      "CREATE TABLE public.member (a int); ALTER EXTENSION plpgsql ADD TABLE public.member;"
      "CREATE TABLE public.settings (a int); ALTER EXTENSION plpgsql ADD TABLE public.settings;"
      "SET allow_system_table_mods = on; UPDATE pg_extension SET extconfig = ARRAY['public.settings'::regclass::oid],"
      " extcondition = ARRAY['WHERE a > 1'] WHERE extname = 'plpgsql'");
  EXPECT_THAT(listed(true),
              ElementsAre("r app.B", "r app.b", "r public.child", "f public.f", "m public.m", "r public.part1",
                          "p public.parts", "r public.quick", "r public.settings", "v public.v"));
  EXPECT_THAT(listed(false), ElementsAre("r app.B", "r app.b", "r public.child", "r public.part1", "r public.quick",
                                         "r public.settings"));
  EXPECT_EQ(table("settings").extension_condition, "WHERE a > 1");
  EXPECT_EQ(table("quick").extension_condition, "");
  EXPECT_EQ(table("quick").persistence, 'u');
  EXPECT_EQ(table("app.B").persistence, 'p');
  EXPECT_TRUE(table("quick").heap);
  sql("UPDATE pg_extension SET extcondition = ARRAY[''] WHERE extname = 'plpgsql'");
  EXPECT_EQ(table("settings").extension_condition, "WHERE true");
}

TEST_F(CatalogTest, FindsATableByAnyName) {
  const std::vector<PgName> names{{"public", "orders"},
                                  {"public", "Orders"},
                                  {"My Schema", "a.b"},
                                  {"My Schema", "quo\"ted"},
                                  {"public", "größe"},
                                  {"public", "line\nbreak"},
                                  {"public", "'; DROP TABLE x; --"},
                                  {"public", "back\\slash"}};
  sql("CREATE SCHEMA \"My Schema\"");
  for (const PgName& name : names) {
    sql("CREATE TABLE " + pg_identifier(name) + " (" + pg_identifier(name.name) + " int PRIMARY KEY)");
  }
  for (const PgName& name : names) {
    const PgTable found = table(format_pg_fragment(name));
    EXPECT_EQ(found.name, name);
    ASSERT_EQ(found.columns.columns.size(), 1u);
    EXPECT_EQ(found.columns.columns[0].name, name.name);
    EXPECT_THAT(found.columns.primary_key, ElementsAre(name.name));
    EXPECT_EQ(found.columns.full_name(), name.full());
    EXPECT_EQ(table(format_pg_fragment({"", name.name})).oid, found.oid);
  }
  EXPECT_EQ(listed(false).size(), names.size());
}

TEST_F(CatalogTest, SaysWhichTablesANameMayMean) {
  sql("CREATE SCHEMA a; CREATE SCHEMA \"b.c\"; CREATE TABLE a.t (x int); CREATE TABLE \"b.c\".t (x int)");
  EXPECT_EQ(test::error_line([&] { table("t"); }, ErrorKind::usage),
            "URL: there are several tables of this name: a.t, \"b.c\".t; name one with its schema");
  EXPECT_EQ(test::error_line([&] { table("T"); }, ErrorKind::not_found),
            "URL: there is no table T; names are taken as they are spelled, upper and lower case too");
  EXPECT_EQ(test::error_line([&] { table("public.t"); }, ErrorKind::not_found),
            "URL: there is no table public.t; names are taken as they are spelled, upper and lower case too");
  EXPECT_EQ(
      test::error_line([&] { table("pg_catalog.pg_class"); }, ErrorKind::not_found),
      "URL: there is no table pg_catalog.pg_class; names are taken as they are spelled, upper and lower case too");
}

TEST_F(CatalogTest, MeasuresTablesWithWhatIsStoredOutOfLine) {
  sql("CREATE TABLE public.wide (a text); ALTER TABLE public.wide ALTER COLUMN a SET STORAGE EXTERNAL; INSERT INTO "
      "public.wide SELECT repeat('x', 20000) FROM "
      "generate_series(1, 50);"
      "CREATE TABLE public.bare (); CREATE VIEW public.v AS SELECT 1 AS x");
  const auto connection = connect();
  std::vector<PgTable> tables = list_tables(*connection, true);
  ASSERT_EQ(tables.size(), 3u);
  measure(*connection, tables);
  EXPECT_EQ(tables[0].bytes, 0u);
  EXPECT_EQ(tables[2].bytes, 8192u);
  EXPECT_GT(tables[2].toast_bytes, 50u * 20'000u);
  EXPECT_EQ(tables[2].estimated_rows, 64) << "a guess";
  sql("ANALYZE public.wide");
  tables = list_tables(*connection, false);
  EXPECT_EQ(tables[1].bytes, 8192u);
  EXPECT_EQ(tables[1].estimated_rows, 50);
  measure(*connection, tables);
  EXPECT_EQ(tables[1].estimated_rows, 50);
}

TEST_F(CatalogTest, ReadsSequencesWithTheirOwners) {
  sql("CREATE TABLE public.a (id serial, other bigint GENERATED BY DEFAULT AS IDENTITY); CREATE TABLE public.b (id "
      "serial);"
      "CREATE SEQUENCE public.\"Free one\" START 7; SELECT nextval('public.a_id_seq'), nextval('public.a_id_seq')");
  const auto connection = connect();
  EXPECT_THAT(read_sequences(*connection, {}), ElementsAre(RowSequence{"public", "Free one", "7", false, ""},
                                                           RowSequence{"public", "a_id_seq", "2", true, "public.a"},
                                                           RowSequence{"public", "a_other_seq", "1", false, "public.a"},
                                                           RowSequence{"public", "b_id_seq", "1", false, "public.b"}));
  EXPECT_THAT(read_sequences(*connection, {table("b").oid}),
              ElementsAre(RowSequence{"public", "b_id_seq", "1", false, "public.b"}));
  EXPECT_THAT(read_sequences(*connection, {table("a").oid, table("b").oid}), ::testing::SizeIs(3));
}

TEST_F(CatalogTest, ReadsManySequences) {
  sql("DO $$ BEGIN FOR i IN 1..450 LOOP EXECUTE format('CREATE SEQUENCE public.s%s START %s', 1000 + i, i); END LOOP; "
      "END $$");
  const std::vector<RowSequence> sequences = read_sequences(*connect(), {});
  ASSERT_EQ(sequences.size(), 450u);
  for (int i = 0; i < 450; ++i) {
    EXPECT_EQ(sequences[i], (RowSequence{"public", "s" + std::to_string(1001 + i), std::to_string(i + 1), false, ""}));
  }
}

TEST_F(CatalogTest, OrdersMaterializedViewsByWhatTheyReadFrom) {
  sql("CREATE TABLE public.t (a int); CREATE MATERIALIZED VIEW public.z AS SELECT * FROM public.t;"
      "CREATE VIEW public.v AS SELECT * FROM public.z; CREATE MATERIALIZED VIEW public.a AS SELECT * FROM public.v;"
      "CREATE MATERIALIZED VIEW public.m AS SELECT a.a FROM public.a JOIN public.z ON true;"
      "CREATE MATERIALIZED VIEW public.empty AS SELECT * FROM public.t WITH NO DATA");
  using Pair = std::pair<std::string, std::string>;
  EXPECT_THAT(populated_views(*connect()), ElementsAre(Pair{"public", "z"}, Pair{"public", "a"}, Pair{"public", "m"}));
}

TEST_F(CatalogTest, CountsLargeObjects) {
  EXPECT_EQ(count_large_objects(*connect()), 0u);
  sql("SELECT lo_from_bytea(0, 'x'), lo_from_bytea(0, 'y')");
  EXPECT_EQ(count_large_objects(*connect()), 2u);
}

TEST_F(CatalogTest, KnowsServerAndDatabase) {
  const PgIdentity identity = identify(*connect());
  EXPECT_EQ(identity.system, value("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(std::to_string(identity.database_oid),
            value("SELECT oid FROM pg_database WHERE datname = current_database()"));
  EXPECT_EQ(identity.database, database());
  EXPECT_THAT(identity.server, ::testing::StartsWith("15."));
  EXPECT_EQ(identity.server.find(' '), std::string::npos);
}

TEST_F(CatalogTest, TakesTheAddressOfAServerThatDoesNotTellItsIdentifier) {
  sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; CREATE ROLE curious LOGIN");
  const std::string there = server().url(database(), "curious");
  PgConnection connection(parse_postgres_url(there), there, stop_);
  EXPECT_EQ(identify(connection).system, "127.0.0.1:" + std::to_string(server().port()));
}

}  // namespace
}  // namespace bulk
