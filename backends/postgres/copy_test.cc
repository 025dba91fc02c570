// COPY in both directions, against a real server.
#include <gmock/gmock.h>

#include "backends/postgres/connection.h"
#include "tests/support/dump_files.h"
#include "tests/support/postgres_fixture.h"

namespace bulk {
namespace {

using ::testing::HasSubstr;

class CopyTest : public test::PostgresTest {
 protected:
  static std::vector<std::string> rows_of(PgConnection& connection, const std::string& query) {
    connection.begin_copy_out("COPY (" + query + ") TO STDOUT", "read");
    std::vector<std::string> rows;
    std::string_view row;
    while (connection.copy_row(row)) rows.emplace_back(row);
    return rows;
  }
};

TEST_F(CopyTest, GivesRowsWithoutTheirNewlines) {
  const auto connection = connect();
  EXPECT_EQ(rows_of(*connection, "VALUES (1, E'a\\tb\\n'), (2, NULL), (3, '')"),
            (std::vector<std::string>{"1\ta\\tb\\n", "2\t\\N", "3\t"}));
  EXPECT_EQ(rows_of(*connection, "SELECT FROM generate_series(1, 3)"), (std::vector<std::string>{"", "", ""}));
  EXPECT_EQ(rows_of(*connection, "SELECT 1 WHERE false"), std::vector<std::string>{});
  EXPECT_EQ(connection->run("SELECT 1", "ask").text(0, 0), "1") << "and is free again";
}

TEST_F(CopyTest, GivesRowsOfAnySize) {
  const auto connection = connect();
  const std::vector<std::string> rows =
      rows_of(*connection, "SELECT repeat('x', 1 << n) FROM generate_series(0, 24) n");
  ASSERT_EQ(rows.size(), 25u);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].size(), std::size_t{1} << i);
}

TEST_F(CopyTest, EndsWithTheServersError) {
  const auto connection = connect();
  EXPECT_EQ(
      test::error_line([&] { connection->begin_copy_out("COPY public.nothing TO STDOUT", "read"); }, ErrorKind::failed),
      url() + ": cannot read: relation \"public.nothing\" does not exist");
  connection->begin_copy_out("COPY (SELECT 1000 / (3000 - n) FROM generate_series(1, 4000) n) TO STDOUT",
                             "read numbers");
  std::string_view row;
  std::size_t rows = 0;
  EXPECT_EQ(test::error_line(
                [&] {
                  while (connection->copy_row(row)) ++rows;
                },
                ErrorKind::failed),
            url() + ": cannot read numbers: division by zero");
  EXPECT_EQ(rows, 2999u);
  EXPECT_EQ(connection->run("SELECT 1", "ask").text(0, 0), "1") << "and is free again";
}

TEST_F(CopyTest, SaysWhenItsConnectionIsLost) {
  const auto connection = connect();
  const std::string pid(connection->run("SELECT pg_backend_pid()", "ask").text(0, 0));
  connection->begin_copy_out("COPY (SELECT generate_series(1, 100000000)) TO STDOUT", "read");
  std::string_view row;
  ASSERT_TRUE(connection->copy_row(row));
  sql("SELECT pg_terminate_backend(" + pid + ", 10000)");
  EXPECT_EQ(test::error_line(
                [&] {
                  while (connection->copy_row(row)) {
                  }
                },
                ErrorKind::remote),
            url() + ": cannot read: terminating connection due to administrator command; try again");
}

TEST_F(CopyTest, IsCancelledWhenNobodyWantsTheRest) {
  {
    const auto connection = connect();
    // The server begins to answer when it has some kilobytes to say.
    connection->begin_copy_out(
        "COPY (SELECT CASE n WHEN 20000 THEN pg_sleep(1000)::text ELSE 'x' END FROM generate_series(1, 20000) n) "
        "TO STDOUT",
        "read");
  }
  while (value("SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE 'COPY%'") != "0") {
  }
}

TEST_F(CopyTest, TakesRowsBehindOtherStatements) {
  sql("CREATE TABLE public.t (a int, b text); CREATE TABLE public.log (a int)");
  const auto connection = connect();
  ASSERT_FALSE(connection->try_begin_copy_in("BEGIN; INSERT INTO public.log VALUES (1); COPY public.t FROM STDIN"));
  std::string rows;
  for (int i = 0; i < 200'000; ++i) rows += std::to_string(i) + "\tsome text of the row\n";
  ASSERT_FALSE(connection->try_copy_in(rows));
  ASSERT_FALSE(connection->try_copy_in("-1\t\\N\n"));
  std::uint64_t taken = 0;
  ASSERT_FALSE(connection->try_end_copy_in(taken));
  EXPECT_EQ(taken, 200'001u);
  EXPECT_EQ(value("SELECT count(*) FROM public.t"), "0");
  connection->run("COMMIT", "end");
  EXPECT_EQ(value("SELECT count(*) || ' ' || sum(a) || ' ' || (SELECT count(*) FROM public.log) FROM public.t"),
            "200001 19999899999 1");
}

TEST_F(CopyTest, SaysWhichRowWasRefused) {
  sql("CREATE TABLE public.t (a int PRIMARY KEY)");
  const auto connection = connect();
  const auto copy = [&](const std::string& rows) {
    EXPECT_FALSE(connection->try_begin_copy_in("COPY public.t FROM STDIN"));
    EXPECT_FALSE(connection->try_copy_in(rows));
    std::uint64_t taken = 0;
    const auto failure = connection->try_end_copy_in(taken);
    return failure ? failure->sqlstate + " " + failure->message : "";
  };
  EXPECT_EQ(copy("1\n2\nx\n"), "22P02 invalid input syntax for type integer: \"x\" (COPY t, line 3, column a: \"x\")");
  EXPECT_EQ(
      copy("1\n2\n1\n"),
      "23505 duplicate key value violates unique constraint \"t_pkey\": Key (a)=(1) already exists (COPY t, line 3)");
  EXPECT_EQ(copy("1\n2\n"), "");
  EXPECT_EQ(value("SELECT count(*) FROM public.t"), "2");
  const auto refused = connection->try_begin_copy_in("BEGIN; COPY public.nothing FROM STDIN");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->sqlstate, "42P01");
  connection->run("ROLLBACK", "end");
}

TEST_F(CopyTest, IsNotInterruptedByWhatTheServerSaysMeanwhile) {
  // Each row makes a notice of 1 KB: both directions are full at the same time.
  sql("CREATE TABLE public.t (a int); CREATE FUNCTION public.talk() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN RAISE WARNING '%', pg_catalog.repeat('x', 1000); RETURN NEW; END $$; "
      "CREATE TRIGGER talk BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.talk()");
  const auto connection = connect();
  std::string rows;
  for (int i = 0; i < 20'000; ++i) rows += "123456789\n";
  ASSERT_FALSE(connection->try_begin_copy_in("COPY public.t FROM STDIN"));
  ASSERT_FALSE(connection->try_copy_in(rows));
  std::uint64_t taken = 0;
  ASSERT_FALSE(connection->try_end_copy_in(taken));
  EXPECT_EQ(taken, 20'000u);
}

TEST_F(CopyTest, IsNoPlainStatement) {
  const auto connection = connect();
  EXPECT_THAT(test::error_line([&] { connection->run("COPY (SELECT 1) TO STDOUT", "do so"); }, ErrorKind::remote),
              HasSubstr("a COPY where none was expected"));
}

}  // namespace
}  // namespace bulk
