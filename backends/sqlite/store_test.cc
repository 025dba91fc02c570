#include "backends/sqlite/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "backends/schema.h"
#include "tests/support/dump_files.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::error_line;

// Root may write every file: tests of what must not be written run as somebody else.
class AsNobody {
 public:
  AsNobody() : changed_(geteuid() == 0 && seteuid(65534) == 0) {}
  ~AsNobody() {
    if (changed_ && seteuid(0) != 0) std::abort();
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  bool changed_;
};

const TableSchema kSchema = schema_from_key({{"pk", 'S'}, std::nullopt});

class SqliteStoreTest : public ::testing::Test {
 protected:
  void fill(SqliteStore& store, std::size_t records) {
    test::write_lines(*store.sink({}), test::record_lines(records), 25);
  }
  std::string answer(const std::string& sql) {
    Connection connection(path_, 0);
    Statement statement(connection, sql);
    return statement.step() ? std::string(statement.text(0)) : "no row";
  }

  test::TempDir folder_;
  std::string path_ = folder_.file("t.db");
};

TEST_F(SqliteStoreTest, ItemsCanBeLookedAtWithSql) {
  SqliteStore store(path_, "shop");
  store.create(schema_from_key({{"pk", 'S'}, KeyAttribute{"n", 'N'}}));
  test::write_lines(*store.sink({}), {R"({"Item":{"pk":{"S":"a\"b"},"n":{"N":"1e2"},"name":{"S":"chair"}}})"}, 1);
  EXPECT_EQ(
      answer(R"(SELECT json_extract(item, '$.name.S') FROM "shop" WHERE partition_key = 'a"b' AND sort_key = '100')"),
      "chair");
  EXPECT_EQ(answer("SELECT name FROM _bulk_tables"), "shop");
  EXPECT_EQ(answer("PRAGMA journal_mode"), "wal");
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(SqliteStoreTest, KeepsTheSchemaWordForWord) {
  const std::string json =
      R"({"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk",)"
      R"("AttributeType":"S"}],"GlobalSecondaryIndexes":[{"IndexName":"g"}],"Tags":[]})";
  SqliteStore store(path_, "t");
  store.create(schema_from_json(json));
  EXPECT_EQ(store.describe().schema->json, json);
  EXPECT_EQ(store.describe().identity.id.size(), 36u);
  EXPECT_EQ(store.describe().identity.id[14], '4');
  EXPECT_EQ(store.describe().identity.created.size(), 20u);
}

TEST_F(SqliteStoreTest, AnyNameIsLegal) {
  for (const char* name : {"a b", "select", "x\"y", "ü", "a.b-c_d", "'; DROP TABLE t; --"}) {
    SqliteStore store(path_, name);
    store.create(kSchema);
    fill(store, 3);
    EXPECT_EQ(test::read_lines(store).size(), 3u) << name;
  }
  EXPECT_EQ(error_line([&] { SqliteStore(path_, "sqlite_x").create(kSchema); }, ErrorKind::usage),
            "sqlite: the table name 'sqlite_x' is reserved; choose another name");
  EXPECT_EQ(error_line([&] { SqliteStore(path_, "_BULK_tables").create(kSchema); }, ErrorKind::usage),
            "sqlite: the table name '_BULK_tables' is reserved; choose another name");
  EXPECT_EQ(
      error_line([&] { SqliteStore(path_, "A B").create(kSchema); }, ErrorKind::refused),
      "sqlite:" + path_ + "#A B: the table exists; choose another name (SQLite's names do not differ by case alone)");
}

TEST_F(SqliteStoreTest, WithoutAFragmentItIsTheOnlyTable) {
  SqliteStore store(path_, "");
  EXPECT_FALSE(store.exists());
  EXPECT_EQ(error_line([&] { store.create(kSchema); }, ErrorKind::usage),
            "sqlite:" + path_ + ": no table is named; name one: sqlite:PATH#table");
  SqliteStore(path_, "one").create(kSchema);
  EXPECT_TRUE(store.exists());
  EXPECT_EQ(store.url(), "sqlite:" + path_ + "#one");
  SqliteStore(path_, "two").create(kSchema);
  EXPECT_EQ(error_line([&] { SqliteStore(path_, "").describe(); }, ErrorKind::usage),
            "sqlite:" + path_ + " holds several tables: one, two; name one: sqlite:PATH#table");
  EXPECT_EQ(error_line([&] { SqliteStore(path_, "three").describe(); }, ErrorKind::not_found),
            "sqlite:" + path_ + "#three: no such table");
}

TEST_F(SqliteStoreTest, UrlIsAbsoluteAndSeesThroughLinks) {
  SqliteStore(path_, "t").create(kSchema);
  std::filesystem::create_symlink(path_, folder_.file("link.db"));
  EXPECT_EQ(SqliteStore(folder_.file("link.db"), "t").url(), "sqlite:" + path_ + "#t");
  EXPECT_EQ(SqliteStore("some.db", "t").url(),
            "sqlite:" + (std::filesystem::current_path() / "some.db").string() + "#t");
}

TEST_F(SqliteStoreTest, AWriterInBetweenIsInvisibleToAllReaders) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  fill(store, 500);
  ReadOptions options;
  options.segments = 4;
  const auto source = store.source(options);
  EXPECT_TRUE(source->consistent());
  const auto readers_before = source->plan();
  // Changes every record, removes some, adds others.
  Connection other(path_, 1000);
  other.execute("UPDATE t SET item = '{\"pk\":{\"S\":\"changed\"}}' WHERE id % 2 = 0; DELETE FROM t WHERE id % 5 = 0");
  fill(store, 900);
  const std::vector<std::string> seen = test::read_lines(*source);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 500u);
  const std::vector<std::string> written = test::record_lines(500);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), std::set<std::string>(written.begin(), written.end()));
}

// A writer that moves a mark from row to row: readers that saw two states would find it in none or in two.
TEST_F(SqliteStoreTest, ReadersAgreeWhileSomebodyWrites) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  fill(store, 64);
  const std::jthread writer([&](const std::stop_token& done) {
    Connection connection(path_, 5000);
    for (int i = 0; !done.stop_requested(); ++i) {
      connection.execute("BEGIN IMMEDIATE; UPDATE t SET item = '{}'; UPDATE t SET item = '{\"here\":1}' WHERE id = " +
                         std::to_string(i % 64 + 1) + "; COMMIT");
    }
  });
  ReadOptions options;
  options.segments = 8;
  for (int round = 0; round < 40; ++round) {
    const std::vector<std::string> seen = test::read_lines(store, options);
    EXPECT_EQ(seen.size(), 64u);
    const auto here = std::count(seen.begin(), seen.end(), R"({"Item":{"here":1}})");
    const auto elsewhere = std::count(seen.begin(), seen.end(), "{\"Item\":{}}");
    EXPECT_TRUE((here == 1 && elsewhere == 63) || (here == 0 && elsewhere == 0)) << here << " and " << elsewhere;
  }
}

TEST_F(SqliteStoreTest, ReadsAFileThatCannotBeWritten) {
  {
    SqliteStore store(path_, "t");
    store.create(kSchema);
    fill(store, 100);
    Connection(path_, 0).execute("PRAGMA journal_mode = DELETE");
  }
  chmod(path_.c_str(), 0444);
  chmod(folder_.path().c_str(), 0755);
  const AsNobody nobody;
  SqliteStore store(path_, "t");
  ReadOptions options;
  options.segments = 3;
  EXPECT_EQ(test::read_lines(store, options).size(), 100u);
  EXPECT_EQ(error_line([&] { fill(store, 1); }, ErrorKind::failed),
            path_ + ": SQLite: attempt to write a readonly database");
}

TEST_F(SqliteStoreTest, ReadsWhileAnotherProgramKeepsTheWriteLock) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  fill(store, 100);
  Connection other(path_, 0);
  other.execute("BEGIN IMMEDIATE; DELETE FROM t");
  ReadOptions options;
  options.segments = 4;
  EXPECT_EQ(test::read_lines(store, options).size(), 100u);
}

TEST_F(SqliteStoreTest, ALockedFileIsUnavailableAndNothingIsDone) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  const auto sink = store.sink({});
  const auto session = sink->open();
  Batch batch;
  test::append_line(batch, test::record_line(1));
  const RecordRef record{&batch, 0};
  Connection other(path_, 0);
  other.execute("BEGIN IMMEDIATE");
  const WriteResult result = session->write({&record, 1});
  EXPECT_EQ(result.outcome, WriteResult::Outcome::unavailable);
  EXPECT_EQ(result.reason, path_ + " is locked by another program");
  other.execute("COMMIT");
  EXPECT_TRUE(store.is_empty());
  EXPECT_EQ(session->write({&record, 1}).outcome, WriteResult::Outcome::done);
  EXPECT_FALSE(store.is_empty());
}

TEST_F(SqliteStoreTest, OneBadRecordUndoesItsWholeWrite) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  const auto sink = store.sink({});
  const auto session = sink->open();
  Batch batch;
  test::append_line(batch, test::record_line(1));
  test::append_line(batch, R"({"Item":{"x":{"S":"no key"}}})");
  const std::vector<RecordRef> records{{&batch, 0}, {&batch, 1}};
  EXPECT_EQ(session->write(records).outcome, WriteResult::Outcome::invalid);
  EXPECT_TRUE(store.is_empty());
  EXPECT_EQ(session->write({records.data(), 1}).outcome, WriteResult::Outcome::done);
  EXPECT_FALSE(store.is_empty());
}

TEST_F(SqliteStoreTest, ARowOverSeveralLinesIsAnErrorThatNamesIt) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  fill(store, 3);
  Connection(path_, 0).execute("UPDATE t SET item = '{' || char(10) || '}' WHERE id = 2");
  EXPECT_EQ(error_line([&] { test::read_lines(store); }, ErrorKind::failed),
            "sqlite:" + path_ + "#t, id 2: the item spans several lines; set item = json(item) in this row");
}

TEST_F(SqliteStoreTest, ARecordOverTheBuffersIsAnErrorThatNamesIt) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  fill(store, 1);
  ReadOptions options;
  options.max_record_bytes = 10;
  EXPECT_EQ(error_line([&] { test::read_lines(store, options); }, ErrorKind::failed),
            "sqlite:" + path_ + "#t, id 1: a record of 31 bytes is larger than the buffers allow; raise --memory");
}

TEST_F(SqliteStoreTest, RowsAtTheEndsOfTheRangeOfIdsAreRead) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  fill(store, 4);
  Connection(path_, 0).execute(
      "UPDATE t SET id = -9223372036854775808 WHERE id = 1; UPDATE t SET id = 9223372036854775807 WHERE id = 2");
  for (const unsigned segments : {1u, 2u, 3u, 16u}) {
    ReadOptions options;
    options.segments = segments;
    EXPECT_EQ(test::read_lines(store, options).size(), 4u) << segments;
  }
}

TEST_F(SqliteStoreTest, ADamagedFileIsCorrupt) {
  {
    SqliteStore store(path_, "t");
    store.create(kSchema);
    fill(store, 2000);
  }
  std::string bytes = test::read_file(path_);
  ASSERT_GT(bytes.size(), 40'000u);
  for (std::size_t i = 12'288; i < bytes.size(); ++i) bytes[i] = '\x5a';
  test::write_file(path_, bytes);
  SqliteStore store(path_, "t");
  EXPECT_EQ(
      error_line([&] { test::read_lines(store); }, ErrorKind::corrupt),
      path_ + ": SQLite: database disk image is malformed; the sqlite3 shell's .recover may save what can be read");
}

TEST_F(SqliteStoreTest, ASchemaThatIsNoneIsCorrupt) {
  SqliteStore store(path_, "t");
  store.create(kSchema);
  Connection(path_, 0).execute("UPDATE _bulk_tables SET schema = '{}'");
  EXPECT_EQ(error_line([&] { store.describe(); }, ErrorKind::corrupt),
            path_ + "#t: table schema: AttributeDefinitions is missing or no list");
}

}  // namespace
}  // namespace bulk
