// Writing a folder of parts; going on with one is folder_resume_test.cc.
#include "backends/dump/folder_sink.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/support/folder_fixture.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;
using test::error_line;
using test::row_lines;
using test::write_rows;

constexpr const char* kNext = "; start afresh, without --resume";

using FolderSinkTest = test::FolderFixture;

TEST_F(FolderSinkTest, WritesAPartForEachTableAndAManifest) {
  const auto folder = sink();
  EXPECT_TRUE(folder->limits().whole_batches);
  EXPECT_EQ(folder->limits().sessions, 1u);
  EXPECT_TRUE(folder->compares_content());
  const auto session = folder->open();
  write_rows(*folder, *session, 2, 0, 10);
  write_rows(*folder, *session, 0, 0, 10);
  write_rows(*folder, *session, 2, 10, 25);
  EXPECT_FALSE(fs::exists(path_));
  folder->finish();
  EXPECT_FALSE(fs::exists(partial_));

  std::vector<std::string> names;
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
    bytes += entry.file_size();
    struct stat status {};
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << names.back();
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"manifest.json", part(0), part(1), part(2), part(3)}));
  EXPECT_EQ(folder->stored_bytes(), bytes);
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);

  EXPECT_EQ(lines_of(0), row_lines(0, 0, 10));
  EXPECT_TRUE(lines_of(1).empty());
  EXPECT_EQ(lines_of(2), row_lines(2, 0, 25));

  FolderStore store(path_, stop_);
  const DumpManifest& manifest = store.manifest();
  EXPECT_EQ(manifest.header.table.name, "shop");
  EXPECT_EQ(manifest.header.started, "2025-01-25T12:00:00Z");
  EXPECT_EQ(manifest.header.schema_json, encode_row_schema(schema_));
  EXPECT_TRUE(manifest.consistent);
  EXPECT_EQ(manifest.records, 35u);
  ASSERT_EQ(manifest.parts.size(), 4u);
  EXPECT_EQ(manifest.parts[2].name, part(2));
  EXPECT_EQ(manifest.parts[2].table, 2u);
  EXPECT_EQ(manifest.parts[2].records, 25u);
  EXPECT_EQ(manifest.parts[2].stored_bytes, fs::file_size(path_ + "/" + part(2)));
}

TEST_F(FolderSinkTest, APartIsADumpOfItsTableByItself) {
  test::write_folder(path_, schema_, stop_);
  DumpStore dump(path_ + "/" + part(3), stop_);
  const DumpHeader header = dump.header().value();
  EXPECT_EQ(header.tool, "bulk 0.1.0");
  EXPECT_EQ(header.dialect, "rows");
  EXPECT_EQ(header.started, "2025-01-25T12:00:00Z");
  EXPECT_EQ(header.stage, "pr-5");
  EXPECT_EQ(header.source, "postgresql://db.example/shop#public.t3");
  EXPECT_EQ(header.table.name, "public.t3");
  EXPECT_EQ(header.table.id, "7/16384 public.t3");
  RowSchema own;
  own.server = "15.18";
  own.database = "shop";
  own.tables = {schema_.tables[3]};
  EXPECT_EQ(header.schema_json, encode_row_schema(own));
  const DumpFooter& footer = dump.part()->footer();
  EXPECT_TRUE(footer.consistent);
  EXPECT_EQ(footer.records, 30u);
  ASSERT_EQ(footer.segments.size(), 1u);
  EXPECT_EQ(footer.segments.begin()->first, 3u);
}

TEST_F(FolderSinkTest, APartLeadsBackToATableOfAnyName) {
  RowSchema schema = test::row_schema(1);
  schema.tables[0].schema = "Sales";
  schema.tables[0].name = "a.b/c";
  WriteOptions options = test::folder_options(schema);
  options.header.source = "postgresql://db.example/shop?application_name=x";
  make_folder_sink(path_, options, stop_)->finish();
  DumpStore dump(path_ + "/Sales.a.b_c.jsonl.zst", stop_);
  EXPECT_EQ(dump.header()->source, "postgresql://db.example/shop?application_name=x#Sales.\"a.b/c\"");
  EXPECT_EQ(dump.header()->table.name, "Sales.a.b/c");
}

TEST_F(FolderSinkTest, ADatabaseWithoutTablesIsAManifest) {
  const RowSchema none = test::row_schema(0);
  make_folder_sink(path_, test::folder_options(none), stop_)->finish();
  FolderStore store(path_, stop_);
  EXPECT_TRUE(store.is_empty());
  EXPECT_TRUE(test::read_lines(store).empty());
  EXPECT_EQ(store.source({})->expected()->records, 0u);
}

TEST_F(FolderSinkTest, HoldsTheTablesOfItsSchema) {
  WriteOptions options = test::folder_options(schema_);
  options.rows = nullptr;
  EXPECT_EQ(error_line([&] { make_folder_sink(path_, options, stop_); }, ErrorKind::usage),
            "'" + path_ +
                "': a folder is the dump of a database, not of a table of items; name a file: a dump's name "
                "ends in .jsonl.zst");
  options.rows = std::make_shared<const RowSchema>(test::row_schema(3));
  EXPECT_EQ(error_line([&] { make_folder_sink(path_, options, stop_); }, ErrorKind::failed),
            "'" + path_ + "': the tables are not those of the dump's schema");
  const auto folder = sink();
  EXPECT_EQ(error_line([&] { write_rows(*folder, *folder->open(), 4, 0, 1); }, ErrorKind::failed),
            "there is no table 4");
}

TEST_F(FolderSinkTest, LeavesNothingWithoutACheckpoint) {
  {
    const auto folder = sink();
    const auto session = folder->open();
    write_rows(*folder, *session, 0, 0, 10);
    EXPECT_TRUE(fs::exists(partial_ + "/" + part(0) + ".partial"));
  }
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(FolderSinkTest, ReplacesNoDumpAndIsWrittenByOneRun) {
  const auto first = sink();
  EXPECT_EQ(error_line([&] { sink(); }, ErrorKind::locked),
            "'" + partial_ + "' is being written by another run; wait for it or name another folder");
  write_rows(*first, *first->open(), 0, 0, 10);
  first->finish();
  EXPECT_EQ(error_line([&] { sink(); }, ErrorKind::refused),
            "'" + path_ + "' exists; name another folder or remove it");
  EXPECT_EQ(lines_of(0), row_lines(0, 0, 10));
}

TEST_F(FolderSinkTest, BeginsAfreshOverWhatWasLeft) {
  leave_half();
  EXPECT_TRUE(fs::exists(partial_ + "/" + part(2) + ".partial"));
  test::write_file(partial_ + "/" + part(3), "published by the run that was killed");
  test::write_file(partial_ + "/manifest.json", "{}");
  const auto second = sink();
  EXPECT_TRUE(fs::is_empty(partial_));
  write_rows(*second, *second->open(), 1, 0, 5);
  second->finish();
  EXPECT_EQ(lines_of(1), row_lines(1, 0, 5));
  EXPECT_TRUE(lines_of(3).empty());
}

TEST_F(FolderSinkTest, TellsWhatWasAddedToWhichPart) {
  const auto folder = sink();
  const auto session = folder->open();
  EXPECT_EQ(folder->checkpoint(), "");
  write_rows(*folder, *session, 2, 0, 10);
  const std::string first = folder->checkpoint();
  EXPECT_TRUE(first.starts_with(R"({"tables":")")) << first;
  EXPECT_NE(first.find(R"(","parts":{"2":{"bytes":)"), std::string::npos) << first;
  EXPECT_EQ(folder->checkpoint(), "");
  write_rows(*folder, *session, 0, 0, 10);
  write_rows(*folder, *session, 2, 10, 20);
  const std::string second = folder->checkpoint();
  EXPECT_TRUE(second.starts_with(R"({"parts":{"0":{"bytes":)")) << second;
  EXPECT_NE(second.find(R"(]]},"2":{"bytes":)"), std::string::npos) << second;
  EXPECT_NE(second.find(std::to_string(fs::file_size(partial_ + "/" + part(2) + ".partial"))), std::string::npos);
}

TEST_F(FolderSinkTest, FinishingCanBeStopped) {
  const auto folder = sink();
  write_rows(*folder, *folder->open(), 0, 0, 10);
  stop_.fail(std::make_exception_ptr(Error::interrupted(2)));
  EXPECT_EQ(error_line([&] { folder->finish(); }, ErrorKind::interrupted), "interrupted");
  EXPECT_FALSE(fs::exists(path_));
}

// Fewer descriptors than tables, as for as long as the object lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t most) {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = most;
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(FolderSinkTest, WritesMoreTablesThanThereAreDescriptors) {
  constexpr std::size_t kTables = 1000;
  constexpr std::size_t kWithRows = 400;
  const RowSchema schema = test::row_schema(kTables);
  {
    const FewDescriptors few(600);
    const auto folder = make_folder_sink(path_, test::folder_options(schema), stop_);
    const auto session = folder->open();
    // In turns, so that parts are closed and opened again; the last ones stay empty.
    for (std::size_t round = 0; round < 2; ++round) {
      for (std::uint32_t table = 0; table < kWithRows; ++table) {
        write_rows(*folder, *session, table, 5 * round, 5 * round + 5);
      }
    }
    folder->finish();
    FolderStore store(path_, stop_);
    EXPECT_EQ(store.manifest().parts.size(), kTables);
    ReadOptions options;
    options.jobs = 1;
    EXPECT_EQ(test::read_lines(store, options).size(), 10 * kWithRows);
  }
  EXPECT_EQ(lines_of(17), row_lines(17, 0, 10));
  EXPECT_EQ(lines_of(kWithRows - 1), row_lines(kWithRows - 1, 0, 10));
}

TEST_F(FolderSinkTest, NoticesThatAPartWasReplacedWhileItWasClosed) {
  constexpr std::uint32_t kTables = 300;
  const auto folder = make_folder_sink(path_, test::folder_options(test::row_schema(kTables)), stop_);
  const auto session = folder->open();
  for (std::uint32_t table = 0; table < kTables; ++table) write_rows(*folder, *session, table, 0, 1);
  const std::string file = partial_ + "/" + part(0) + ".partial";
  const std::string bytes = test::read_file(file);
  fs::rename(file, directory_.file("moved"));
  test::write_file(file, bytes);
  EXPECT_EQ(error_line([&] { write_rows(*folder, *session, 0, 1, 2); }, ErrorKind::failed),
            "'" + file + "' was removed or replaced while it was being written" + kNext);
}

}  // namespace
}  // namespace bulk
