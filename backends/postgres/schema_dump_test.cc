// With programs that only say their version, and with the real one against a real server.
#include "backends/postgres/schema_dump.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "backends/postgres/snapshot.h"
#include "tests/support/dump_files.h"
#include "tests/support/postgres_fixture.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

TEST(PgDump, IsTheOldestThatIsNotOlderThanTheServer) {
  const std::vector<PgDumpProgram> programs{{"/a", 13}, {"/b", 17}, {"/c", 15}, {"/d", 16}};
  EXPECT_EQ(choose_pg_dump(programs, 150'018).path, "/c");
  EXPECT_EQ(choose_pg_dump(programs, 100'023).path, "/a");
  EXPECT_EQ(choose_pg_dump(programs, 170'001).path, "/b");
  EXPECT_EQ(test::error_line([&] { choose_pg_dump(programs, 180'000); }, ErrorKind::usage),
            "the server is PostgreSQL 18 and the newest pg_dump here is 17; install postgresql-client-18");
  EXPECT_EQ(test::error_line([&] { choose_pg_dump({}, 150'018); }, ErrorKind::usage),
            "the server is PostgreSQL 15 and there is no pg_dump here; install postgresql-client-15");
}

class PgDumpSearch : public ::testing::Test {
 protected:
  void program(const std::string& folder, const std::string& body, const std::string& name = "pg_dump") {
    std::filesystem::create_directories(folder_.path() / folder);
    const std::string path = folder_.file(folder + "/" + name);
    test::write_file(path, "#!/bin/sh\n" + body + "\n");
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  }
  // Of those in our folders alone: what this machine has installed is found as well.
  std::vector<int> found(const std::string& path) {
    std::vector<int> majors;
    for (const PgDumpProgram& program : find_pg_dump([&](const std::string& name) {
           return name == "PATH" ? std::optional<std::string>(path) : std::nullopt;
         })) {
      if (program.path.starts_with(std::filesystem::canonical(folder_.path()).string()))
        majors.push_back(program.major);
    }
    return majors;
  }
  test::TempDir folder_;
};

TEST_F(PgDumpSearch, LooksAtAllInThePathAndAsksForTheirVersions) {
  program("a", "echo 'pg_dump (PostgreSQL) 17.2 (Debian 17.2-1)'");
  program("b", "echo 'pg_dump (PostgreSQL) 9.6.24'");
  program("broken", "exit 1");
  program("other", "echo something else");
  test::write_file(folder_.file("no_program"), "");
  const std::string at = folder_.path().string() + "/";
  EXPECT_EQ(found(at + "a::" + at + "missing:" + at + "b:" + at + "broken:" + at + "other:" + at + "a"),
            (std::vector<int>{17, 9}));
  EXPECT_EQ(found(""), std::vector<int>{});
}

TEST_F(PgDumpSearch, PassesOverScriptsThatChooseByThemselves) {
  program("bin", "echo 'pg_dump (PostgreSQL) 15.1'", "pg_wrapper");
  std::filesystem::create_symlink("pg_wrapper", folder_.path() / "bin/pg_dump");
  EXPECT_EQ(found(folder_.path().string() + "/bin"), std::vector<int>{});
}

class SchemaDumpTest : public test::PostgresTest {
 protected:
  PgDumpProgram real() const { return {(test::postgres_programs() / "pg_dump").string(), 15}; }
  PgSchemaSql dump(const std::vector<PgName>& tables = {}) {
    const PgSnapshot held(parse_postgres_url(url()), "URL", stop_,
                          [](PgConnection& connection) { return list_tables(connection, false); });
    sql("CREATE TABLE public.later (a int)");  // not of this moment
    return dump_schema(real(), parse_postgres_url(url("public.orders")), held.id(), tables, stop_);
  }
};

TEST_F(SchemaDumpTest, IsTheSqlBeforeTheRowsAndTheSqlBehindThem) {
  sql("CREATE TYPE public.colour AS ENUM ('red'); CREATE TABLE public.orders (id serial PRIMARY KEY, c public.colour, "
      "t text);"
      "CREATE INDEX by_text ON public.orders (t); CREATE SCHEMA bulk_load; CREATE TABLE bulk_load.chunks (a int);"
      "INSERT INTO public.orders (t) VALUES ('secret row')");
  const PgSchemaSql script = dump();
  EXPECT_THAT(script.pre_data,
              AllOf(HasSubstr("CREATE TYPE public.colour AS ENUM"), HasSubstr("CREATE TABLE public.orders ("),
                    HasSubstr("CREATE SEQUENCE public.orders_id_seq"), Not(HasSubstr("by_text"))));
  EXPECT_THAT(script.post_data, AllOf(HasSubstr("ADD CONSTRAINT orders_pkey PRIMARY KEY"),
                                      HasSubstr("CREATE INDEX by_text"), Not(HasSubstr("CREATE TABLE"))));
  for (const std::string& text : {script.pre_data, script.post_data}) {
    EXPECT_THAT(text, AllOf(Not(HasSubstr("bulk_load")), Not(HasSubstr("later")), Not(HasSubstr("secret row")),
                            Not(HasSubstr("restrict "))));
  }
}

TEST_F(SchemaDumpTest, TakesTablesByTheirExactNames) {
  sql("CREATE SCHEMA \"S s\"; CREATE TABLE \"S s\".\"a*.\"\"b$|\" (x int); CREATE TABLE \"S s\".\"aa.\"\"b\" (y int);"
      "CREATE TABLE public.\"a*\" (z int); CREATE TABLE public.ab (w int)");
  const PgSchemaSql script = dump({{"S s", "a*.\"b$|"}, {"public", "a*"}});
  EXPECT_THAT(script.pre_data,
              AllOf(HasSubstr("CREATE TABLE \"S s\".\"a*.\"\"b$|\" ("), HasSubstr("CREATE TABLE public.\"a*\" ("),
                    Not(HasSubstr("\"aa.")), Not(HasSubstr("public.ab"))));
}

TEST_F(SchemaDumpTest, SaysWhatPgDumpSaid) {
  EXPECT_THAT(
      test::error_line([&] { dump_schema(real(), parse_postgres_url(url()), "no-snapshot", {}, stop_); },
                       ErrorKind::failed),
      MatchesRegex("postgresql://bulk@127.0.0.1:[0-9]+/t[0-9]+: pg_dump \\(/.*/pg_dump\\) failed: .*invalid snapshot "
                   "identifier: \"no-snapshot\".*; see what it says when it is run by hand: pg_dump --schema-only"));
}

TEST_F(PgDumpSearch, IsEndedWithTheJob) {
  program("slow", "echo $$ > " + folder_.file("begun.new") + "; mv " + folder_.file("begun.new") + " " +
                      folder_.file("begun") + "; exec sleep 1000");
  Stop stop;
  std::thread other([&] {
    while (!std::filesystem::exists(folder_.file("begun"))) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop.fail(std::make_exception_ptr(Error::interrupted(SIGTERM)));
  });
  EXPECT_EQ(test::error_line(
                [&] {
                  dump_schema({folder_.file("slow/pg_dump"), 15}, parse_postgres_url("postgresql://h"), "1", {}, stop);
                },
                ErrorKind::interrupted),
            "terminated");
  other.join();
  EXPECT_EQ(::kill(std::stoi(test::read_file(folder_.file("begun"))), 0), -1) << "it is gone";
}

TEST_F(PgDumpSearch, LeavesOutWhatIsMeantForPsql) {
  program("new",
          "printf -- '--\\n-- dump\\n--\\n\\n\\\\restrict aKey1\\n\\nSELECT 1;\\n\\\\restrict "
          "other\\n\\n\\\\unrestrict aKey1\\n\\n'");
  const Stop stop;
  EXPECT_EQ(
      dump_schema({folder_.file("new/pg_dump"), 17}, parse_postgres_url("postgresql://h"), "1", {}, stop).pre_data,
      "--\n-- dump\n--\n\n\nSELECT 1;\n\\restrict other\n\n\n");
}

TEST_F(PgDumpSearch, IsGivenNoShellAndNoSecrets) {
  program("echoing", "for a in \"$@\"; do echo \"$a\"; done");
  const Stop stop;
  EXPECT_EQ(
      dump_schema({folder_.file("echoing/pg_dump"), 15}, parse_postgres_url("postgresql://u@h:5/d?sslmode=require#x.y"),
                  "0-1", {{"x", "y \"$(z)"}}, stop)
          .post_data,
      "--schema-only\n--section=post-data\n--snapshot=0-1\n--encoding=UTF8\n--lock-wait-timeout=10s\n--no-password\n"
      "--dbname=postgresql://u@h:5/d?sslmode=require\n--table=\"x\".\"y \"\"$(z)\"\n--strict-names\n");
}

}  // namespace
}  // namespace bulk
