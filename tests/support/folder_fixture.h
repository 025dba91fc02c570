// A folder of parts being written: four tables, and what a run that was killed leaves behind.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "backends/dump/folder_store.h"
#include "tests/support/row_dumps.h"
#include "tests/support/temp_dir.h"

namespace bulk::test {

class FolderFixture : public ::testing::Test {
 protected:
  std::unique_ptr<Sink> sink(const std::vector<std::string>& checkpoints = {}) {
    WriteOptions options = folder_options(schema_);
    options.checkpoints = checkpoints;
    return FolderStore(path_, stop_).sink(options);
  }
  std::string part(std::size_t table) const { return "public.t" + std::to_string(table) + ".jsonl.zst"; }
  std::vector<std::string> lines_of(std::size_t table) {
    DumpStore dump(path_ + "/" + part(table), stop_);
    return read_lines(dump);
  }
  // Leaves NAME.partial with parts of the tables 0 and 1: each has a frame that is recorded, table 0 one more that is
  // not, and table 2 has one that nobody knows of.
  std::vector<std::string> leave_half() {
    const auto first = sink();
    const auto session = first->open();
    write_rows(*first, *session, 0, 0, 10);
    std::vector<std::string> entries = {first->checkpoint()};
    write_rows(*first, *session, 1, 0, 10);
    entries.push_back(first->checkpoint());
    write_rows(*first, *session, 0, 10, 20);
    write_rows(*first, *session, 2, 0, 10);
    return entries;
  }
  // Goes on where leave_half() has recorded that it was.
  void finish_rest(Sink& second) {
    const auto session = second.open();
    write_rows(second, *session, 2, 0, 10);
    write_rows(second, *session, 0, 10, 30);
    second.finish();
  }
  void expect_whole() {
    EXPECT_EQ(lines_of(0), row_lines(0, 0, 30));
    EXPECT_EQ(lines_of(1), row_lines(1, 0, 10));
    EXPECT_EQ(lines_of(2), row_lines(2, 0, 10));
    EXPECT_TRUE(lines_of(3).empty());
    FolderStore store(path_, stop_);
    EXPECT_EQ(store.manifest().records, 50u);
    EXPECT_EQ(read_lines(store).size(), 50u);
    EXPECT_FALSE(std::filesystem::exists(partial_));
  }

  TempDir directory_;
  const RowSchema schema_ = row_schema(4);
  std::string path_ = directory_.file("shop");
  std::string partial_ = path_ + ".partial";
  Stop stop_;
};

}  // namespace bulk::test
