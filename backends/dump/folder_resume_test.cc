// Going on with a folder of parts that an earlier run has left unfinished.
#include <gtest/gtest.h>

#include "tests/support/folder_fixture.h"
#include "tests/support/shared.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;
using test::error_line;
using test::row_lines;
using test::write_rows;

constexpr const char* kNext = "; start afresh, without --resume";

using FolderResumeTest = test::FolderFixture;

TEST_F(FolderResumeTest, GoesOnPartByPart) {
  const std::vector<std::string> entries = leave_half();
  ASSERT_TRUE(fs::exists(partial_));
  {
    WriteOptions options = test::folder_options(schema_);
    options.header.started = "2025-01-25T13:00:00Z";
    options.checkpoints = entries;
    const auto second = make_folder_sink(path_, options, stop_);
    EXPECT_EQ(second->checkpoint(), "");
    finish_rest(*second);
  }
  expect_whole();
  FolderStore store(path_, stop_);
  EXPECT_FALSE(store.manifest().consistent);
  EXPECT_EQ(store.manifest().header.started, "2025-01-25T12:00:00Z");
}

TEST_F(FolderResumeTest, GoesOnAgainAndAgain) {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto next = sink(entries);
    const auto session = next->open();
    write_rows(*next, *session, static_cast<std::uint32_t>(i % 2), 10 * i, 10 * i + 10);
    entries.push_back(next->checkpoint());
    EXPECT_NE(entries.back(), "");
    write_rows(*next, *session, 3, 0, 10);  // in doubt, and begun afresh by the next run
  }
  sink(entries)->finish();
  std::vector<std::string> even = row_lines(0, 0, 10);
  for (const std::size_t begin : {20, 40}) {
    const auto more = row_lines(0, begin, begin + 10);
    even.insert(even.end(), more.begin(), more.end());
  }
  EXPECT_EQ(lines_of(0), even);
  EXPECT_EQ(lines_of(1).size(), 20u);
  EXPECT_TRUE(lines_of(3).empty());
}

// Killed after the last checkpoint, while the parts and the folder were given their names.
TEST_F(FolderResumeTest, GoesOnWhereItWasKilledAtTheEnd) {
  std::vector<std::string> entries = leave_half();
  {
    const auto second = sink(entries);
    const auto session = second->open();
    write_rows(*second, *session, 2, 0, 10);
    write_rows(*second, *session, 0, 10, 30);
    entries.push_back(second->checkpoint());
    test::write_file(path_, "in the way");
    EXPECT_EQ(error_line([&] { second->finish(); }, ErrorKind::refused),
              "'" + path_ + "' appeared while it was being written; name another folder");
  }
  EXPECT_TRUE(fs::exists(partial_ + "/manifest.json"));
  EXPECT_TRUE(fs::exists(partial_ + "/" + part(0)));
  fs::remove(path_);
  sink(entries)->finish();
  expect_whole();
}

TEST_F(FolderResumeTest, GoesOnWithTheSameTablesAlone) {
  const std::vector<std::string> entries = leave_half();
  RowSchema other = schema_;
  other.tables[3].columns.push_back({"more", "text", RowKind::text});
  WriteOptions options = test::folder_options(other);
  options.checkpoints = entries;
  EXPECT_EQ(error_line([&] { make_folder_sink(path_, options, stop_); }, ErrorKind::refused),
            "cannot go on with '" + partial_ + "': the tables are not what they were" + kNext);
  // Other rows in them, sequences further on: the same tables.
  other = schema_;
  other.sequences.push_back({"public", "t0_id_seq", "4711", true, ""});
  options = test::folder_options(other);
  options.checkpoints = entries;
  finish_rest(*make_folder_sink(path_, options, stop_));
  expect_whole();
}

TEST_F(FolderResumeTest, DamageToWhatStaysIsAnError) {
  const std::vector<std::string> entries = leave_half();
  const std::string file = partial_ + "/" + part(0) + ".partial";
  const std::string bytes = test::read_file(file);
  std::string damaged = bytes;
  const std::size_t frame = damaged.find("\x28\xB5\x2F\xFD");
  damaged[frame + 20] = static_cast<char>(damaged[frame + 20] ^ 1);
  test::write_file(file, damaged);
  EXPECT_EQ(error_line([&] { sink(entries); }, ErrorKind::corrupt),
            file + ": frame 1 of 1 at byte " + std::to_string(frame) + ": its SHA-256 is not the journal's" + kNext);
  test::write_file(file, bytes.substr(0, 20));
  EXPECT_EQ(error_line([&] { sink(entries); }, ErrorKind::corrupt).substr(0, file.size() + 20),
            file + ": it ends at byte 20");
  fs::create_hard_link(directory_.file("shop.partial/" + part(1) + ".partial"), directory_.file("kept"));
  test::write_file(file, bytes);
  EXPECT_EQ(
      error_line([&] { sink(entries); }, ErrorKind::refused),
      "'" + partial_ + "/" + part(1) + ".partial' is no file, or has a second name, which must not change" + kNext);
  fs::remove(directory_.file("kept"));
  fs::remove(file);
  EXPECT_EQ(error_line([&] { sink(entries); }, ErrorKind::corrupt), "'" + file + "' is gone" + kNext);
  // It is all there still for whoever wants to save something from it.
  EXPECT_TRUE(fs::exists(partial_ + "/" + part(1) + ".partial"));
  fs::remove_all(partial_);
  EXPECT_EQ(error_line([&] { sink(entries); }, ErrorKind::corrupt), "'" + partial_ + "' is gone" + kNext);
}

TEST_F(FolderResumeTest, ProgressThatCannotBeIsAnError) {
  std::vector<std::string> entries = leave_half();
  const std::string good = entries[0];
  const std::size_t name = good.find("\"parts\":{\"0\"") + 10;
  entries[0] = good.substr(0, name) + "9" + good.substr(name + 1);
  EXPECT_EQ(error_line([&] { sink(entries); }, ErrorKind::corrupt),
            std::string("progress of the dump: there is no table 9") + kNext);
  entries = {good, entries[1], entries[1]};
  EXPECT_EQ(error_line([&] { sink(entries); }, ErrorKind::corrupt),
            std::string("progress of the dump: entry 2: a second header") + kNext);
  EXPECT_NE(sink({good}), nullptr);
}

}  // namespace
}  // namespace bulk
