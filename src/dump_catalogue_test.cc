#include "src/dump_catalogue.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/error.h"
#include "io/file.h"
#include "tests/support/dump_fixture.h"
#include "tests/support/row_dumps.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

TEST(Catalogue, OfAFolderThatDoesNotExistIsEmpty) {
  EXPECT_TRUE(read_catalogue("/nonexistent/folder").empty());
}

TEST(Catalogue, ListsNewestFirstAndWhatIsNotSoundLast) {
  const test::TempDir directory;
  test::write_empty_dump(directory.file("a.jsonl.zst"), "pr-5", "pr-5-main-table", "2025-01-25T12:00:00Z");
  test::write_empty_dump(directory.file("b.jsonl.zst"), "dev", "dev-main-table", "2025-02-01T00:00:00Z");
  test::write_empty_dump(directory.file("c.jsonl.zst"), "", "other", "2024-12-31T23:59:59Z");
  std::ofstream(directory.file("pr-5-bad.jsonl.zst")) << "not a dump";
  std::ofstream(directory.file("d.jsonl.zst.partial")) << "half";
  std::ofstream(directory.file("notes.txt")) << "ignored";
  std::filesystem::create_directory(directory.path() / "folder.jsonl.zst");
  std::filesystem::resize_file(directory.file("c.jsonl.zst"),
                               std::filesystem::file_size(directory.file("c.jsonl.zst")) - 1);

  const auto entries = read_catalogue(directory.path().string());
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[0].path, directory.file("b.jsonl.zst"));
  EXPECT_EQ(entries[1].path, directory.file("a.jsonl.zst"));
  EXPECT_EQ(entries[1].header.table.name, "pr-5-main-table");
  EXPECT_EQ(entries[1].stored_bytes, std::filesystem::file_size(directory.file("a.jsonl.zst")));
  EXPECT_EQ(entries[2].path, directory.file("c.jsonl.zst"));
  EXPECT_TRUE(entries[2].problem.starts_with("damaged: ")) << entries[2].problem;
  EXPECT_EQ(entries[3].problem, "unfinished: was left behind by a run that was killed");
  EXPECT_EQ(entries[4].problem, "carries no header: no metadata to show");
  EXPECT_TRUE(is_of_stage(entries[4], "pr-5"));
  EXPECT_FALSE(is_of_stage(entries[4], "dev"));
}

TEST(Catalogue, TellsWhatIsBeingWrittenFromWhatCanBeGoneOnWith) {
  const test::TempDir directory;
  PartialFile writing(directory.file("a.jsonl.zst"));
  for (const char* name : {"a.jsonl.zst.journal", "b.jsonl.zst.partial", "b.jsonl.zst.journal", "c.jsonl.zst.partial"})
    std::ofstream(directory.file(name)) << "half";
  const auto entries = read_catalogue(directory.path().string());
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].problem, "being written");
  EXPECT_STREQ(entries[0].state, "being_written");
  EXPECT_EQ(entries[1].problem, "unfinished; go on with --resume");
  EXPECT_STREQ(entries[1].state, "unfinished");
  EXPECT_EQ(entries[2].problem, "unfinished: was left behind by a run that was killed");
  EXPECT_STREQ(entries[2].state, "abandoned");
  // The look has not taken the lock away from the writer.
  EXPECT_THROW(PartialFile(directory.file("a.jsonl.zst")), Error);
}

TEST(Catalogue, AFolderWithAManifestIsADump) {
  const test::TempDir directory;
  const Stop stop;
  const std::string folder = directory.file("shop-20250125-120000");
  test::write_folder(folder, test::row_schema(3), stop);
  test::write_empty_dump(directory.file("a.jsonl.zst"), "pr-5", "t", "2025-01-01T00:00:00Z");
  std::filesystem::create_directory(directory.file("old"));
  test::write_empty_dump(directory.file("old/b.jsonl.zst"), "pr-5", "t", "2025-02-01T00:00:00Z");
  const auto entries = read_catalogue(directory.path().string());
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].path, folder);
  EXPECT_TRUE(entries[0].sound()) << entries[0].problem;
  EXPECT_EQ(entries[0].parts, 3u);
  EXPECT_EQ(entries[0].header.table.name, "shop");
  EXPECT_EQ(entries[0].header.stage, "pr-5");
  EXPECT_EQ(entries[0].footer.records, 30u);
  EXPECT_TRUE(entries[0].footer.consistent);
  std::uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) bytes += file.file_size();
  EXPECT_EQ(entries[0].stored_bytes, bytes);
  EXPECT_EQ(entries[1].parts, 0u);
  EXPECT_EQ(latest_dump(entries, "pr-5", "").value().path, folder);
  EXPECT_EQ(latest_dump(entries, "pr-5", "shop").value().path, folder);
  EXPECT_EQ(latest_dump(entries, "", "t").value().path, directory.file("a.jsonl.zst"));
}

TEST(Catalogue, AFolderThatIsNotWholeIsDamaged) {
  const test::TempDir directory;
  const Stop stop;
  for (const char* name : {"a", "b", "c", "d"}) test::write_folder(directory.file(name), test::row_schema(3), stop);
  std::filesystem::remove(directory.file("a/public.t1.jsonl.zst"));
  const auto size = std::filesystem::file_size(directory.file("b/public.t2.jsonl.zst"));
  std::filesystem::resize_file(directory.file("b/public.t2.jsonl.zst"), size - 1);
  std::ofstream(directory.file("c/manifest.json")) << "{}";
  std::filesystem::remove(directory.file("d/manifest.json"));
  const auto entries = read_catalogue(directory.path().string());
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].problem, "damaged: part 'public.t1.jsonl.zst' is missing");
  EXPECT_STREQ(entries[0].state, "damaged");
  EXPECT_EQ(entries[1].problem, "damaged: part 'public.t2.jsonl.zst' has " + std::to_string(size - 1) +
                                    " bytes, its manifest says " + std::to_string(size));
  EXPECT_EQ(entries[2].problem, "damaged: " + directory.file("c/manifest.json") +
                                    ": the dump is corrupt: dump manifest: its first member is not "
                                    "\"bulk\":\"manifest\"");
}

TEST(Catalogue, TellsWhatAnUnfinishedFolderIs) {
  const test::TempDir directory;
  const Stop stop;
  const auto writing = make_folder_sink(directory.file("a"), test::folder_options(test::row_schema(2)), stop);
  for (const char* name : {"b.partial", "c.partial", "empty.partial"}) {
    std::filesystem::create_directory(directory.file(name));
  }
  for (const char* name : {"a.journal", "b.journal", "c.partial/public.t0.jsonl.zst.partial"})
    std::ofstream(directory.file(name)) << "half";
  const auto entries = read_catalogue(directory.path().string());
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].path, directory.file("a.partial"));
  EXPECT_EQ(entries[0].problem, "being written");
  EXPECT_EQ(entries[1].problem, "unfinished; go on with --resume");
  EXPECT_EQ(entries[2].problem, "unfinished: was left behind by a run that was killed");
  EXPECT_EQ(entries[2].stored_bytes, 4u);
  // The look has not taken the lock away from the writer.
  EXPECT_THROW(make_folder_sink(directory.file("a"), test::folder_options(test::row_schema(2)), stop), Error);
}

TEST(Catalogue, OfTwoDumpsOfOneSecondTheNumberedOneIsTheLater) {
  const test::TempDir directory;
  for (const char* name :
       {"t-20250101-000000.jsonl.zst", "t-20250101-000000-2.jsonl.zst", "t-20250101-000000-10.jsonl.zst"}) {
    test::write_empty_dump(directory.file(name), "pr-5", "t", "2025-01-01T00:00:00Z");
  }
  const auto entries = read_catalogue(directory.path().string());
  EXPECT_EQ(entries[0].path, directory.file("t-20250101-000000-10.jsonl.zst"));
  EXPECT_EQ(entries[1].path, directory.file("t-20250101-000000-2.jsonl.zst"));
}

TEST(Catalogue, FindsTheLatestSoundDumpOfAStageAndTable) {
  const test::TempDir directory;
  test::write_empty_dump(directory.file("1.jsonl.zst"), "pr-5", "pr-5-main-table", "2025-01-01T00:00:00Z");
  test::write_empty_dump(directory.file("2.jsonl.zst"), "pr-5", "pr-5-users-table", "2025-01-02T00:00:00Z");
  test::write_empty_dump(directory.file("3.jsonl.zst"), "dev", "dev-main-table", "2025-01-03T00:00:00Z");
  std::ofstream(directory.file("pr-5-9.jsonl.zst")) << "damaged";
  const auto entries = read_catalogue(directory.path().string());
  EXPECT_EQ(latest_dump(entries, "", "").value().path, directory.file("3.jsonl.zst"));
  EXPECT_EQ(latest_dump(entries, "pr-5", "").value().path, directory.file("2.jsonl.zst"));
  EXPECT_EQ(latest_dump(entries, "pr-5", "pr-5-main-table").value().path, directory.file("1.jsonl.zst"));
  EXPECT_FALSE(latest_dump(entries, "prod", "").has_value());
}

}  // namespace
}  // namespace bulk
