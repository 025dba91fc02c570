#include "backends/sqlite/connection.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/dump_files.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::error_line;

TEST(SqlQuoted, DoublesQuotes) {
  EXPECT_EQ(sql_quoted("a"), "\"a\"");
  EXPECT_EQ(sql_quoted("a\"b; DROP TABLE x"), "\"a\"\"b; DROP TABLE x\"");
  EXPECT_EQ(sql_quoted(""), "\"\"");
}

TEST(SqliteConnection, MakesAFileForItsOwnerAlone) {
  const test::TempDir folder;
  const mode_t before = umask(0);
  const std::string path = folder.file("a/b/t.db");
  Connection::create_file(path);
  umask(before);
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(folder.file("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  Connection::create_file(path);  // what is there stays
}

TEST(SqliteConnection, SaysThatAFileIsMissing) {
  const test::TempDir folder;
  const std::string path = folder.file("none.db");
  EXPECT_EQ(error_line([&] { Connection connection(path, 0); }, ErrorKind::not_found), path + ": no such SQLite file");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SqliteConnection, SaysThatAFileIsNoDatabase) {
  const test::TempDir folder;
  const std::string path = folder.file("text.db");
  test::write_file(path, std::string(5000, 'x'));
  EXPECT_EQ(error_line([&] { Connection(path, 0).execute("SELECT * FROM sqlite_schema"); }, ErrorKind::corrupt),
            path + ": SQLite: file is not a database; name an SQLite file");
}

TEST(SqliteConnection, ALockOfAnotherProgramIsAValueOrAnError) {
  const test::TempDir folder;
  const std::string path = folder.file("t.db");
  Connection::create_file(path);
  Connection one(path, 0);
  Connection two(path, 0);
  one.execute("CREATE TABLE t (x)");
  one.execute("BEGIN IMMEDIATE");
  EXPECT_FALSE(two.try_execute("BEGIN IMMEDIATE"));
  EXPECT_EQ(error_line([&] { two.execute("BEGIN IMMEDIATE"); }, ErrorKind::locked),
            path + ": SQLite: database is locked; another program is writing to the file; try again when it is done");
  one.execute("COMMIT");
  EXPECT_TRUE(two.try_execute("BEGIN IMMEDIATE"));
}

TEST(SqliteConnection, AFullDiskIsAnErrorWithSqlitesText) {
  const test::TempDir folder;
  const std::string path = folder.file("t.db");
  Connection::create_file(path);
  Connection connection(path, 0);
  connection.execute("CREATE TABLE t (x); PRAGMA max_page_count = 4");
  Statement insert(connection, "INSERT INTO t VALUES (?1)");
  const std::string large(100'000, 'x');
  insert.bind(1, large);
  EXPECT_EQ(error_line([&] { insert.step(); }, ErrorKind::failed),
            path + ": SQLite: database or disk is full; make room and run again");
}

TEST(SqliteTransaction, IsRolledBackUnlessCommitted) {
  const test::TempDir folder;
  const std::string path = folder.file("t.db");
  Connection::create_file(path);
  Connection connection(path, 0);
  connection.execute("CREATE TABLE t (x)");
  {
    Transaction transaction(connection);
    connection.execute("INSERT INTO t VALUES (1)");
  }
  {
    Transaction transaction(connection);
    connection.execute("INSERT INTO t VALUES (2)");
    transaction.commit();
  }
  Statement rows(connection, "SELECT x FROM t");
  ASSERT_TRUE(rows.step());
  EXPECT_EQ(rows.number(0), 2);
  EXPECT_FALSE(rows.step());
}

}  // namespace
}  // namespace bulk
