#include "backends/postgres/table_load.h"

#include <gmock/gmock.h>

#include "tests/support/postgres_load_fixture.h"

namespace bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TableLoadTest : public test::LoadTest {
 protected:
  void SetUp() override {
    LoadTest::SetUp();
    if (!IsSkipped()) sql("CREATE TABLE t (id int PRIMARY KEY, name text)");
  }
  WriteOptions options() { return options_of({{"public", "t"}}); }
  std::string rows() { return value("SELECT count(*) || ' ' || count(DISTINCT id) FROM public.t"); }
};

TEST_F(TableLoadTest, ReplacesRowsOfTheSameKey) {
  sql("CREATE TABLE two (a text, b int, v text, made int GENERATED ALWAYS AS (b + 1) STORED, PRIMARY KEY (b, a));"
      "INSERT INTO two VALUES ('x', 1, 'old'), ('y', 1, 'kept'); CREATE TABLE bare (id int PRIMARY KEY);"
      "INSERT INTO bare VALUES (1)");
  WriteOptions write = options_of({{"public", "two"}, {"public", "bare"}});
  write.replace = true;
  const auto sink = this->sink(write);
  const auto session = sink->open();
  Rejects rejects;
  const Batch batch = batch_of(*sink, {R"({"a":"x","b":1,"v":"new"})", R"({"a":"x","b":2})",
                                       R"({"a":"z","b":1,"v":"first"})", R"({"a":"z","b":1,"v":"last"})"});
  write_all(*session, refs_of(batch), rejects);
  const Batch bare = batch_of(*sink, {R"({"id":1})", R"({"id":2})"}, 1);
  write_all(*session, refs_of(bare), rejects);
  EXPECT_THAT(rejects, IsEmpty());
  EXPECT_EQ(value("SELECT string_agg(concat(a, b, '=', v), ' ' ORDER BY a, b) FROM public.two"),
            "x1=new x2= y1=kept z1=last");
  EXPECT_EQ(value("SELECT count(*) FROM public.bare"), "2");
  sink->finish();
}

TEST_F(TableLoadTest, AddsWhatIsMissingAndRemembersWhatItLeftAlone) {
  sql("INSERT INTO t VALUES (1, 'kept'), (3, 'kept'), (6, 'kept')");
  WriteOptions write = options();
  write.only_missing = true;
  {
    const auto sink = this->sink(write);
    const auto session = sink->open();
    const Batch batch = batch_of(*sink, lines(0, 8));
    const auto refs = refs_of(batch);
    EXPECT_THAT(session->write(std::span(refs).first(4)).skipped, ElementsAre(1, 3));
    EXPECT_THAT(session->write(std::span(refs).subspan(4)).skipped, ElementsAre(2));
    EXPECT_EQ(value("SELECT string_agg(skipped::text, ' ' ORDER BY first) FROM bulk_load.chunks"), "{1,3} {6}");
    const Batch none = batch_of(*sink, lines(20, 22), 0, "2");
    EXPECT_THAT(session->write(refs_of(none)).skipped, IsEmpty());
  }
  EXPECT_EQ(rows(), "10 10");
  write.resumed = true;
  const auto sink = this->sink(write);
  const auto session = sink->open();
  const Batch batch = batch_of(*sink, lines(0, 8));
  const WriteResult result = session->write(refs_of(batch));
  EXPECT_EQ(result.outcome, Outcome::done);
  EXPECT_FALSE(result.sent);
  EXPECT_THAT(result.skipped, ElementsAre(1, 3, 6));
  // Two of one key: the first one is added, and only the second one was there.
  const Batch twice = batch_of(*sink, {R"({"id":30,"name":"first"})", R"({"id":30,"name":"second"})"}, 0, "3");
  const auto refs = refs_of(twice);
  EXPECT_EQ(session->write(refs).outcome, Outcome::invalid);
  EXPECT_THAT(session->write(std::span(refs).first(1)).skipped, IsEmpty());
  EXPECT_THAT(session->write(std::span(refs).subspan(1)).skipped, ElementsAre(0));
  EXPECT_EQ(value("SELECT string_agg(name, ' ' ORDER BY id) FROM public.t WHERE id IN (1, 30)"), "kept first");
}

TEST_F(TableLoadTest, RefusesToMergeRowsThatHaveNoKey) {
  sql("CREATE TABLE keyless (id int); CREATE TABLE counted (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY)");
  WriteOptions write = options_of({{"public", "keyless"}});
  write.only_missing = true;
  EXPECT_EQ(
      error_of([&] { sink(write); }, ErrorKind::usage),
      "public.keyless: it has no primary key by which its rows could be told; load it without --only-missing, into "
      "a table without rows");
  write = options_of({{"public", "counted"}});
  write.replace = true;
  EXPECT_EQ(
      error_of([&] { sink(write); }, ErrorKind::usage),
      "public.counted: column 'n' is GENERATED ALWAYS AS IDENTITY and cannot be changed in a row; load it without "
      "--force, into a table without rows");
}

}  // namespace
}  // namespace bulk
