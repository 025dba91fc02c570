// Against a real server; see tests/support/postgres_server.h.
#include "backends/postgres/source.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/cutting_proxy.h"
#include "tests/support/dump_files.h"
#include "tests/support/postgres_fixture.h"

namespace bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Lines = std::vector<std::string>;

constexpr std::uint64_t kOpen = 0xffff'ffff;
constexpr std::uint64_t kMiB = 1u << 20;

class SourceTest : public test::PostgresTest {
 protected:
  std::shared_ptr<PgSnapshot> snapshot(const std::vector<PgName>& names) {
    return std::make_shared<PgSnapshot>(parse_postgres_url(url()), "URL", stop_, [names](PgConnection& connection) {
      std::vector<PgTable> tables;
      tables.reserve(names.size());
      for (const PgName& name : names) tables.push_back(find_table(connection, name, "URL"));
      return tables;
    });
  }
  static std::unique_ptr<Source> source(const std::shared_ptr<PgSnapshot>& snapshot, const ReadOptions& options = {}) {
    return make_postgres_source(snapshot, snapshot->tables(), options);
  }
  Lines lines(const std::string& table, const ReadOptions& options = {}) {
    return test::read_lines(*source(snapshot({{"public", table}}), options));
  }
  // Numbers of a column `a`.
  static Lines numbered(int first, int last) {
    Lines all;
    for (int i = first; i <= last; ++i) all.emplace_back("{\"a\":" + std::to_string(i) + "}");
    return all;
  }
  static Lines sorted(Lines all) {
    std::sort(all.begin(), all.end());
    return all;
  }
  static ReadOptions in_pieces(unsigned segments) {
    ReadOptions options;
    options.segments = segments;
    return options;
  }
  std::string connections() {
    return value(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()");
  }
};

TEST_F(SourceTest, GivesRowsAsLines) {
  sql("CREATE TABLE public.t (id int, \"na\"\"me\" text, n numeric, ok bool, doc jsonb, raw json, list int[], at "
      "timestamptz);"
      "INSERT INTO public.t VALUES (1, E'a\\tb\\n\"é\\\\', 'NaN', true, '{\"x\": null}', '{\"y\" : 1}', '{1,NULL}', "
      "'2025-01-02 03:04:05.678+09'), (2, '', -0.50, false, 'null', NULL, '[0:1]={3,4}', 'infinity')");
  EXPECT_THAT(
      lines("t"),
      ElementsAre(R"({"id":1,"na\"me":"a\tb\n\"é\\","n":"NaN","ok":true,"doc":{"x": null},"raw":"{\"y\" : 1}",)"
                  R"("list":"{1,NULL}","at":"2025-01-01 18:04:05.678+00"})",
                  R"({"id":2,"na\"me":"","n":-0.50,"ok":false,"doc":null,"list":"[0:1]={3,4}","at":"infinity"})"));
}

TEST_F(SourceTest, GivesRowsWithoutColumnsAndTablesWithoutRows) {
  sql("CREATE TABLE public.bare (); INSERT INTO public.bare DEFAULT VALUES; INSERT INTO public.bare DEFAULT VALUES;"
      "CREATE TABLE public.nothing (a int)");
  EXPECT_THAT(lines("bare"), ElementsAre("{}", "{}"));
  EXPECT_THAT(lines("nothing"), IsEmpty());
}

TEST_F(SourceTest, LeavesOutGeneratedColumns) {
  sql("CREATE TABLE public.t (a int, b int GENERATED ALWAYS AS (a * 2) STORED); INSERT INTO public.t VALUES (1)");
  EXPECT_THAT(lines("t"), ElementsAre("{\"a\":1}"));
}

TEST_F(SourceTest, GivesEveryRowOfATableCutIntoRangesOnce) {
  sql("CREATE TABLE public.t (a int) WITH (fillfactor = 10); INSERT INTO public.t SELECT generate_series(1, 9000);"
      "DELETE FROM public.t WHERE a BETWEEN 3000 AND 5000; UPDATE public.t SET a = a + 100000 WHERE a % 7 = 0");
  Lines all = numbered(1, 9000);
  all.erase(all.begin() + 2999, all.begin() + 5000);
  for (std::string& line : all) {
    const int number = std::stoi(line.substr(5));
    if (number % 7 == 0) line = "{\"a\":" + std::to_string(number + 100'000) + "}";
  }
  const auto held = snapshot({{"public", "t"}});
  // What comes later, and goes, and moves, is not in it.
  sql("INSERT INTO public.t SELECT generate_series(20000, 30000); DELETE FROM public.t WHERE a % 3 = 0; UPDATE "
      "public.t SET a = -a");
  sql("VACUUM public.t");
  for (const unsigned pieces : {1u, 2u, 7u, 1000u}) {
    const auto reading = source(held, in_pieces(pieces));
    EXPECT_EQ(reading->plan().size(), std::min<std::size_t>(pieces, held->tables()[0].bytes / 8192)) << pieces;
    EXPECT_EQ(sorted(test::read_lines(*reading)), sorted(all)) << pieces;
  }
}

TEST_F(SourceTest, ReadsATableThatHasGrownToItsEnd) {
  sql("CREATE TABLE public.t (a int); INSERT INTO public.t SELECT generate_series(1, 5000)");
  const auto held = snapshot({{"public", "t"}});
  std::vector<PgTable> tables = held->tables();
  tables[0].bytes = 4 * 8192;  // as it was when it was measured
  const auto reading = make_postgres_source(held, tables, in_pieces(3));
  EXPECT_EQ(reading->plan().size(), 2u);
  EXPECT_EQ(test::read_lines(*reading), numbered(1, 5000));
}

TEST_F(SourceTest, CutsTablesByTheirSize) {
  sql("CREATE TABLE public.small (a int); CREATE TABLE public.big (a int); CREATE TABLE public.wide (a int); CREATE "
      "VIEW public.v AS "
      "SELECT 1 AS x");
  const auto held = snapshot({{"public", "small"}, {"public", "big"}, {"public", "wide"}, {"public", "v"}});
  std::vector<PgTable> tables = held->tables();
  tables[0].bytes = 60 * kMiB;
  tables[1].bytes = 1000 * kMiB;
  tables[2].bytes = 30 * kMiB;
  tables[2].toast_bytes = 300 * kMiB;
  tables[3].bytes = 5000 * kMiB;
  ReadOptions options;
  options.jobs = 2;
  const auto ranges = [&](std::uint32_t position) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
    for (const Segment& segment : make_postgres_source(held, tables, options)->plan()) {
      if (segment.table == position) all.emplace_back(segment.begin, segment.end);
    }
    return all;
  };
  // 6,390 MiB by 16 are more than the largest range.
  using Range = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_THAT(ranges(0), ElementsAre(Range{0, kOpen}));
  EXPECT_THAT(ranges(1),
              ElementsAre(Range{0, 31'999}, Range{32'000, 63'999}, Range{64'000, 95'999}, Range{96'000, kOpen}));
  EXPECT_THAT(ranges(2), ElementsAre(Range{0, 1'919}, Range{1'920, kOpen})) << "by what is stored out of line too";
  EXPECT_THAT(ranges(3), ElementsAre(Range{0, kOpen})) << "a view is read whole";
  tables[3].bytes = 0;
  EXPECT_EQ(ranges(1).size(), 12u) << "1,390 MiB by 16";
  tables[1].bytes = 100 * kMiB;
  EXPECT_EQ(ranges(1).size(), 2u) << "not below 64 MiB";
  tables[1].heap = false;
  EXPECT_EQ(ranges(1).size(), 1u);
}

TEST_F(SourceTest, BeginsWithTheLargestTable) {
  sql("CREATE TABLE public.a (a int); CREATE TABLE public.b (a int); CREATE TABLE public.c (a int)");
  const auto held = snapshot({{"public", "a"}, {"public", "b"}, {"public", "c"}});
  std::vector<PgTable> tables = held->tables();
  tables[1].bytes = 300 * kMiB;
  tables[2].bytes = 10 * kMiB;
  std::vector<std::uint32_t> order;
  std::uint32_t index = 0;
  const auto reading = make_postgres_source(held, tables, {});
  for (const Segment& segment : reading->plan()) {
    EXPECT_EQ(segment.index, index++);
    EXPECT_EQ(segment.count, 7u);
    order.push_back(segment.table);
  }
  EXPECT_THAT(order, ElementsAre(1, 1, 1, 1, 1, 2, 0));
  EXPECT_TRUE(reading->consistent());
  EXPECT_EQ(reading->most_readers(), 2u);
}

TEST_F(SourceTest, ReadsOtherKindsOfTablesWhole) {
  sql("CREATE TABLE public.parts (a int) PARTITION BY RANGE (a); CREATE TABLE public.low PARTITION OF public.parts FOR "
      "VALUES FROM (0) "
      "TO (3); CREATE TABLE public.high PARTITION OF public.parts DEFAULT; INSERT INTO public.parts SELECT "
      "generate_series(1, 5);"
      "CREATE VIEW public.v AS SELECT a FROM public.parts WHERE a > 3; CREATE MATERIALIZED VIEW public.m AS SELECT 7 "
      "AS a;"
      "CREATE TABLE public.parent (a int); CREATE TABLE public.child () INHERITS (public.parent); INSERT INTO "
      "public.parent VALUES (1);"
      "INSERT INTO public.child VALUES (2)");
  EXPECT_EQ(sorted(lines("parts")), numbered(1, 5));
  EXPECT_EQ(lines("low"), numbered(1, 2));
  EXPECT_EQ(sorted(lines("v")), numbered(4, 5));
  EXPECT_EQ(lines("m"), numbered(7, 7));
  EXPECT_EQ(lines("parent"), numbered(1, 1));
  EXPECT_EQ(lines("child"), numbered(2, 2));
}

TEST_F(SourceTest, ReadsTheColumnsItIsAskedForOfTablesOfAnyName) {
  sql("CREATE SCHEMA \"S.s\"; CREATE TABLE \"S.s\".\"T \"\"t\" (\"A\" int, \"a\" int, \"sp ace\" text);"
      "INSERT INTO \"S.s\".\"T \"\"t\" VALUES (1, 2, 'x')");
  const auto held = snapshot({{"S.s", "T \"t"}});
  EXPECT_THAT(test::read_lines(*source(held)), ElementsAre(R"({"A":1,"a":2,"sp ace":"x"})"));
  std::vector<PgTable> tables = held->tables();
  std::swap(tables[0].columns.columns[0], tables[0].columns.columns[2]);
  tables[0].columns.columns.pop_back();
  EXPECT_THAT(test::read_lines(*make_postgres_source(held, tables, {})), ElementsAre(R"({"sp ace":"x","a":2})"));
}

TEST_F(SourceTest, FillsBatchesToTheirSizeAndGoesOnBehindThem) {
  sql("CREATE TABLE public.t (a int); INSERT INTO public.t SELECT generate_series(1, 3000)");
  const auto held = snapshot({{"public", "t"}});
  ReadOptions options = in_pieces(2);
  options.batch_bytes = 1000;
  const auto reading = source(held, options);
  const std::vector<Segment> plan = reading->plan();
  ASSERT_EQ(plan.size(), 2u);
  Lines all;
  for (const Segment& segment : plan) {
    Cursor cursor;
    std::uint64_t rows = 0;
    // Each batch by another reader.
    for (;;) {
      const auto reader = reading->open(segment, cursor);
      Batch batch;
      if (!reader->read(batch)) break;
      EXPECT_LT(batch.bytes.size(), 1020u);
      rows += batch.records.size();
      for (const Record& record : batch.records) all.emplace_back(batch.line(record));
      EXPECT_EQ(batch.after, std::to_string(rows));
      cursor = batch.after;
    }
  }
  EXPECT_EQ(all, numbered(1, 3000));
  EXPECT_THAT(test::error_line([&] { reading->open(plan[0], "x7"); }, ErrorKind::failed),
              "table public.t: no cursor of rows: x7");
}

TEST_F(SourceTest, GivesOneRowAtLeastAndRefusesWhatDoesNotFit) {
  sql("CREATE TABLE public.t (a text); INSERT INTO public.t SELECT repeat('x', n) FROM unnest(ARRAY[10, 5000, 20]) n");
  ReadOptions options;
  options.batch_bytes = 1;
  options.max_record_bytes = 6000;
  EXPECT_EQ(lines("t", options).size(), 3u);
  options.max_record_bytes = 4999;
  EXPECT_EQ(test::error_line([&] { lines("t", options); }, ErrorKind::failed),
            "table public.t, row 2: a row of 5000 bytes is larger than the buffers allow; raise --memory");
  options.max_record_bytes = 5000;  // as a line it is longer
  EXPECT_THAT(test::error_line([&] { lines("t", options); }, ErrorKind::failed),
              HasSubstr("row 2: a row of 5008 bytes"));
}

TEST_F(SourceTest, MakesAPolicyAnErrorAndNoGap) {
  sql("CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA public TO clerk; CREATE TABLE public.t (a int); INSERT INTO "
      "public.t VALUES (1);"
      "GRANT SELECT ON public.t TO clerk; ALTER TABLE public.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON public.t "
      "USING (a > 1)");
  const std::string there = server().url(database(), "clerk");
  const auto held = std::make_shared<PgSnapshot>(
      parse_postgres_url(there), "URL", stop_, [](PgConnection& connection) { return list_tables(connection, false); });
  EXPECT_EQ(
      test::error_line([&] { test::read_lines(*source(held)); }, ErrorKind::failed),
      "URL: cannot read public.t: query would be affected by row-level security policy for table \"t\"; connect as the "
      "owner, or as a role that has the privilege");
}

TEST_F(SourceTest, UsesConnectionsAgainThatHaveReadTheirRange) {
  sql("CREATE TABLE public.t (a int); INSERT INTO public.t SELECT generate_series(1, 20000)");
  const auto held = snapshot({{"public", "t"}});
  const auto reading = source(held, in_pieces(20));
  EXPECT_EQ(test::read_lines(*reading).size(), 20'000u);
  EXPECT_EQ(connections(), "3") << "the test's, the holder's and one reader's";
  { const auto reader = reading->open(reading->plan()[0], {}); }
  EXPECT_EQ(test::read_lines(*reading).size(), 20'000u) << "one that has not read its range is closed";
}

TEST_F(SourceTest, GoesOnWithAnotherConnectionWhereOneBroke) {
  sql("CREATE TABLE public.t (a int, b text); ALTER TABLE public.t ALTER b SET STORAGE PLAIN; INSERT INTO public.t "
      "SELECT n, repeat('x', 1900) FROM generate_series(1, 2000) n; CREATE VIEW public.v AS SELECT * FROM public.t");
  test::CuttingProxy proxy(server().port());
  const std::string there = "postgresql://bulk@127.0.0.1:" + std::to_string(proxy.port()) + "/" + database();
  const auto held = std::make_shared<PgSnapshot>(parse_postgres_url(there), "URL", stop_, [](PgConnection& connection) {
    return std::vector{find_table(connection, {"public", "t"}, "URL"), find_table(connection, {"public", "v"}, "URL")};
  });
  ReadOptions options;
  options.batch_bytes = 100'000;
  const auto reading = source(held, options);
  // Each connection is cut behind half a megabyte of rows, so many times.
  const auto rows_of = [&](std::uint32_t table, int cuts) {
    proxy.set([cuts, passed = std::size_t{0}](bool to_server, std::string_view bytes) mutable {
      if (to_server || bytes.find("xxxxxxxx") == std::string_view::npos) return false;
      passed += bytes.size();
      const bool cut = cuts > 0 && passed > 500'000;
      if (!cut) return false;
      --cuts;
      passed = 0;
      return true;
    });
    const auto reader = reading->open({0, 1, 0, kOpen, table}, "100");
    Batch batch;
    std::size_t rows = 100;
    while (reader->read(batch)) {
      for (const Record& record : batch.records) {
        EXPECT_THAT(std::string(batch.line(record)), StartsWith("{\"a\":" + std::to_string(++rows) + ","));
      }
      EXPECT_EQ(batch.after, std::to_string(rows));
      batch.reset();
    }
    return rows;
  };
  EXPECT_EQ(rows_of(0, 3), 2000u);
  EXPECT_THAT(test::error_line([&] { rows_of(0, 4); }, ErrorKind::remote), StartsWith("URL: cannot read public.t: "))
      << "but not for ever";
  EXPECT_THAT(test::error_line([&] { rows_of(1, 1); }, ErrorKind::remote), StartsWith("URL: cannot read public.v: "))
      << "whose rows may come in any order";
}

TEST_F(SourceTest, SaysThatTheSnapshotIsLostBeforeItReadsAndAtTheEnd) {
  sql("CREATE TABLE public.t (a int)");
  const auto held = snapshot({{"public", "t"}});
  const auto reading = source(held);
  const std::vector<Segment> plan = reading->plan();
  reading->confirm();
  sql("SELECT pg_terminate_backend(" + std::string(held->holder().run("SELECT pg_backend_pid()", "ask").text(0, 0)) +
      ", 10000)");
  EXPECT_THAT(test::error_line([&] { reading->confirm(); }, ErrorKind::remote),
              StartsWith("URL: the connection that holds the snapshot is lost"));
  EXPECT_THAT(test::error_line([&] { reading->open(plan[0], {}); }, ErrorKind::remote),
              StartsWith("URL: the connection that holds the snapshot is lost"));
}

}  // namespace
}  // namespace bulk
