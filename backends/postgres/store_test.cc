// Against a real server; see tests/support/postgres_server.h.
#include "backends/postgres/store.h"

#include <gmock/gmock.h>

#include "tests/support/dump_files.h"
#include "tests/support/postgres_fixture.h"

namespace bulk {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PostgresStoreTest : public test::PostgresTest {
 protected:
  PostgresStore store(const std::string& url) { return PostgresStore(parse_postgres_url(url), context_); }
  PostgresStore store() { return store(url()); }
  static RowSchema schema_of(PostgresStore& store) { return decode_row_schema(store.describe().schema.value().json); }
  static std::vector<std::string> names(const RowSchema& schema) {
    std::vector<std::string> all;
    for (const RowTable& table : schema.tables) all.push_back(table.full_name());
    return all;
  }
  std::string id() {
    return "postgresql " + value("SELECT system_identifier FROM pg_control_system()") + "/" +
           value("SELECT oid FROM pg_database WHERE datname = current_database()");
  }

  RequestStats stats_;
  StoreContext context_{stop_, stats_, process_environment(), "bulk-test", "", "", ""};
};

TEST_F(PostgresStoreTest, DescribesADatabase) {
  sql("CREATE TABLE public.b (id int PRIMARY KEY, t text); CREATE TABLE public.a (x jsonb);"
      "INSERT INTO public.b SELECT n, 'x' FROM generate_series(1, 100) n; ANALYZE public.b");
  PostgresStore at = store();
  EXPECT_TRUE(at.exists());
  const TableFacts facts = at.describe();
  EXPECT_EQ(facts.dialect, "rows");
  EXPECT_EQ(facts.origin, url());
  EXPECT_EQ(at.url(), url());
  EXPECT_EQ(facts.identity.name, database());
  EXPECT_EQ(facts.identity.id, id());
  EXPECT_EQ(facts.records, 100u);
  EXPECT_EQ(facts.bytes, 8192u);
  const RowSchema schema = schema_of(at);
  EXPECT_EQ(schema.database, database());
  EXPECT_THAT(names(schema), ElementsAre("public.a", "public.b"));
  EXPECT_EQ(schema.tables[1],
            (RowTable{"public", "b", {{"id", "integer", RowKind::number}, {"t", "text", RowKind::text}}, {"id"}}));
  EXPECT_EQ(schema.pre_data, "");
  EXPECT_EQ(at.identity_text(), id());
  EXPECT_EQ(at.incarnation(), id());
}

TEST_F(PostgresStoreTest, DescribesATable) {
  sql("CREATE TABLE public.\"T.t\" (id int); CREATE TABLE public.other (id int)");
  const std::string oid = value("SELECT 'public.\"T.t\"'::regclass::oid");
  for (const char* fragment : {"public.\"T.t\"", "\"T.t\""}) {
    PostgresStore at = store(url(fragment));
    EXPECT_TRUE(at.exists());
    EXPECT_EQ(at.describe().identity.name, "public.T.t");
    EXPECT_EQ(at.describe().identity.id, id() + "/" + oid);
    EXPECT_EQ(at.incarnation(), id() + "/" + oid);
    EXPECT_EQ(at.identity_text(), id() + " #public.\"T.t\"");
    EXPECT_THAT(names(schema_of(at)), ElementsAre("public.T.t"));
  }
}

TEST_F(PostgresStoreTest, SaysWhatIsNotThere) {
  PostgresStore table = store(url("nothing"));
  EXPECT_FALSE(table.exists());
  EXPECT_EQ(
      test::error_line([&] { table.describe(); }, ErrorKind::not_found),
      url("nothing") + ": there is no table nothing; names are taken as they are spelled, upper and lower case too");
  EXPECT_EQ(table.identity_text(), id() + " #nothing");
  EXPECT_EQ(table.incarnation(), id());
  EXPECT_FALSE(store(server().url("no_such_database")).exists());
}

TEST_F(PostgresStoreTest, IsNotTakenForAnotherOneWhereTheServerDoesNotAnswer) {
  EXPECT_THAT(test::error_line([&] { store("postgresql://127.0.0.1:1/x#a.b").identity_text(); }, ErrorKind::remote),
              HasSubstr("cannot connect"));
  EXPECT_THAT(test::error_line([&] { store("postgresql://127.0.0.1:1/x").exists(); }, ErrorKind::remote),
              HasSubstr("cannot connect"));
}

TEST_F(PostgresStoreTest, IsEmptyWhereNoTableHoldsARow) {
  sql("CREATE TABLE public.a (x int); CREATE TABLE public.b (x int); CREATE TABLE public.child () INHERITS (public.a);"
      "CREATE TABLE public.parts (x int) PARTITION BY LIST (x); CREATE TABLE public.part PARTITION OF public.parts "
      "DEFAULT");
  EXPECT_TRUE(store().is_empty());
  sql("INSERT INTO public.child VALUES (1); INSERT INTO public.part VALUES (1)");
  EXPECT_FALSE(store().is_empty());
  EXPECT_TRUE(store(url("a")).is_empty()) << "its child is a table of its own";
  EXPECT_TRUE(store(url("b")).is_empty());
  EXPECT_FALSE(store(url("parts")).is_empty());
}

TEST_F(PostgresStoreTest, HoldsOneMomentWhenFrozen) {
  sql("CREATE TABLE public.t (a serial, b int); INSERT INTO public.t (b) VALUES (1), (2); CREATE MATERIALIZED VIEW "
      "public.m AS SELECT 1 AS x;"
      "CREATE INDEX by_b ON public.t (b)");
  PostgresStore at = store();
  at.freeze(true);
  sql("INSERT INTO public.t (b) VALUES (3); CREATE TABLE public.later (a int)");
  const RowSchema schema = schema_of(at);
  EXPECT_THAT(names(schema), ElementsAre("public.t"));
  EXPECT_THAT(schema.sequences, ElementsAre(RowSequence{"public", "t_a_seq", "2", true, "public.t"}));
  EXPECT_THAT(schema.materialized_views, ElementsAre(std::pair<std::string, std::string>{"public", "m"}));
  EXPECT_THAT(schema.pre_data, AllOf(HasSubstr("CREATE TABLE public.t"), ::testing::Not(HasSubstr("later"))));
  EXPECT_THAT(schema.post_data, HasSubstr("CREATE INDEX by_b"));
  EXPECT_THAT(schema.not_copied, IsEmpty());
  ReadOptions options;
  EXPECT_THAT(test::read_lines(*at.source(options)), ElementsAre("{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":2}"));
  options.rows = std::make_shared<const RowSchema>(schema);
  EXPECT_THAT(test::read_lines(*at.source(options)), SizeIs(2));
  at.freeze(false);
  EXPECT_THAT(test::read_lines(*at.source(options)), SizeIs(2)) << "once is for ever";
}

TEST_F(PostgresStoreTest, MayHaveNoTables) {
  PostgresStore at = store();
  EXPECT_TRUE(at.is_empty());
  at.freeze(true);
  EXPECT_THAT(names(schema_of(at)), IsEmpty());
  const auto source = at.source({});
  EXPECT_THAT(source->plan(), IsEmpty());
  source->confirm();
}

TEST_F(PostgresStoreTest, IsOfNowWhenItIsNotFrozen) {
  sql("CREATE TABLE public.t (a int); CREATE TABLE public.u (a int, b int)");
  PostgresStore at = store();
  ReadOptions options;
  RowSchema wanted = schema_of(at);
  wanted.tables = {wanted.tables[1], wanted.tables[0]};
  std::swap(wanted.tables[0].columns[0], wanted.tables[0].columns[1]);
  options.rows = std::make_shared<const RowSchema>(wanted);
  EXPECT_THAT(test::read_lines(*at.source(options)), IsEmpty());
  sql("INSERT INTO public.t VALUES (1); INSERT INTO public.u VALUES (2, 3)");
  EXPECT_THAT(test::read_lines(*at.source(options)), ::testing::UnorderedElementsAre("{\"b\":3,\"a\":2}", "{\"a\":1}"));
  sql("DROP TABLE public.t");
  EXPECT_EQ(test::error_line([&] { at.source(options); }, ErrorKind::not_found),
            url() + ": there is no table public.t");
}

TEST_F(PostgresStoreTest, ReadsItsTableUnderTheNameOfAnother) {
  sql("CREATE TABLE public.t (a int); INSERT INTO public.t VALUES (1)");
  PostgresStore at = store(url("t"));
  RowSchema wanted = schema_of(at);
  wanted.tables[0].name = "elsewhere";
  ReadOptions options;
  options.rows = std::make_shared<const RowSchema>(wanted);
  EXPECT_THAT(test::read_lines(*at.source(options)), ElementsAre("{\"a\":1}"));
}

TEST_F(PostgresStoreTest, FreezesATableWithItsOwnSql) {
  sql("CREATE TABLE public.t (a serial); CREATE TABLE public.u (a serial); CREATE VIEW public.v AS SELECT 1 AS x; "
      "SELECT lo_from_bytea(0, 'x')");
  PostgresStore table = store(url("t"));
  table.freeze(true);
  const RowSchema schema = schema_of(table);
  EXPECT_THAT(schema.pre_data, AllOf(HasSubstr("CREATE TABLE public.t"), ::testing::Not(HasSubstr("public.u"))));
  EXPECT_THAT(schema.sequences, ElementsAre(RowSequence{"public", "t_a_seq", "1", false, "public.t"}));
  PostgresStore view = store(url("v"));
  view.freeze(true);
  EXPECT_EQ(schema_of(view).pre_data, "");
  EXPECT_THAT(schema_of(view).not_copied, ElementsAre("how public.v is made: it is a view"));
}

TEST_F(PostgresStoreTest, RefusesLargeObjectsAndNamesWhatElseIsNotCopied) {
  sql("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE public.f (a int) "
      "SERVER far;"
      "CREATE TABLE public.settings (a int); ALTER EXTENSION plpgsql ADD TABLE public.settings; CREATE TABLE "
      "public.unset (a int);"
      "ALTER EXTENSION plpgsql ADD TABLE public.unset; SET allow_system_table_mods = on; UPDATE pg_extension SET "
      "extconfig = "
      "ARRAY['public.settings'::regclass::oid, 'public.unset'::regclass::oid], extcondition = ARRAY['WHERE a > 1', ''] "
      "WHERE extname = 'plpgsql'; INSERT INTO public.settings VALUES (1), (2); CREATE TABLE public.t (a int)");
  {
    PostgresStore at = store();
    at.freeze(true);
    EXPECT_THAT(names(schema_of(at)), ElementsAre("public.t"));
    EXPECT_THAT(schema_of(at).not_copied, ElementsAre("rows of foreign table public.f: they are another server's",
                                                      "configuration rows of an extension in public.settings"));
  }
  sql("DELETE FROM public.settings WHERE a > 1; SELECT lo_from_bytea(0, 'x')");
  PostgresStore at = store();
  EXPECT_EQ(test::error_line([&] { at.freeze(true); }, ErrorKind::refused),
            url() +
                ": it holds large objects (1), and a dump has no place for them; name the tables to be backed up "
                "with '#', one "
                "by one, and save large objects with pg_dump");
  sql("SELECT lo_unlink(oid) FROM pg_largeobject_metadata");
  at.freeze(true);
  EXPECT_THAT(schema_of(at).not_copied, ElementsAre("rows of foreign table public.f: they are another server's"));
}

TEST_F(PostgresStoreTest, ReadsFromAStandbyButUnloggedTables) {
  sql("CREATE TABLE public.t (a serial); INSERT INTO public.t SELECT generate_series(1, 1000); CREATE UNLOGGED TABLE "
      "public.quick (a int)");
  const auto follower = standby();
  const std::string there = follower->url(database());
  PostgresStore whole = store(there);
  EXPECT_EQ(whole.identity_text(), id()) << "the same database";
  EXPECT_EQ(test::error_line([&] { whole.freeze(true); }, ErrorKind::refused),
            there +
                ": a standby does not have the rows of unlogged tables: public.quick; read from the primary, or name "
                "other tables "
                "with '#'");
  PostgresStore table = store(there + "#t");
  table.freeze(true);
  EXPECT_THAT(schema_of(table).pre_data, HasSubstr("CREATE TABLE public.t"));
  ReadOptions options;
  options.segments = 3;
  const auto source = table.source(options);
  EXPECT_EQ(source->plan().size(), 3u);
  EXPECT_THAT(test::read_lines(*source), SizeIs(1000));
  source->confirm();
}

TEST_F(PostgresStoreTest, ConnectsAgainWhenItsConnectionWasClosed) {
  PostgresStore at = store();
  EXPECT_TRUE(at.is_empty());
  sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = "
      "current_database()");
  EXPECT_TRUE(at.is_empty());
}

TEST_F(PostgresStoreTest, IsMadeOfRowsAndNotDroppedByUs) {
  PostgresStore at = store();
  EXPECT_EQ(at.rows(), &at);
  const std::string items = url() + ": tables of rows are made from the SQL of a dump of rows, not from a key schema";
  EXPECT_EQ(test::error_line([&] { at.create({}); }, ErrorKind::usage), items);
  EXPECT_EQ(test::error_line([&] { at.finish_create({}); }, ErrorKind::usage), items);
  EXPECT_EQ(test::error_line([&] { at.drop(); }, ErrorKind::usage),
            url() + ": bulk does not drop tables of PostgreSQL; use DROP TABLE");
  EXPECT_EQ(test::error_line([&] { at.sink({}); }, ErrorKind::usage),
            url() + " takes rows of tables, and the source holds items");
}

}  // namespace
}  // namespace bulk
