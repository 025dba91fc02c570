#include "io/partial_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "io/error.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;
using Begin = PartialFolder::Begin;

bool ends_in_dat(std::string_view name) {
  return name.ends_with(".dat");
}

std::string error_line(const std::function<void()>& run, ErrorKind kind) {
  try {
    run();
  } catch (const Error& error) {
    return error.kind() == kind ? error.line() : "wrong kind of error: " + error.line();
  }
  return "no error";
}

class PartialFolderTest : public ::testing::Test {
 protected:
  std::unique_ptr<PartialFolder> begin(Begin how = Begin::afresh) {
    return std::make_unique<PartialFolder>(path_, how, ends_in_dat);
  }
  std::string refusal(ErrorKind kind, Begin how = Begin::afresh) {
    return error_line([&] { begin(how); }, kind);
  }
  void put(const std::string& name) const { std::ofstream(name) << "x"; }

  test::TempDir directory_;
  std::string path_ = directory_.file("dump");
  std::string partial_ = path_ + ".partial";
};

TEST_F(PartialFolderTest, AppearsUnderItsNameWithAllThatIsInIt) {
  {
    const auto folder = begin();
    struct stat status {};
    ASSERT_EQ(stat(partial_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    folder->create("a.dat").write("content");
    EXPECT_EQ(error_line([&] { folder->create("a.dat"); }, ErrorKind::refused), "'" + partial_ + "/a.dat' exists");
    ASSERT_EQ(stat((partial_ + "/a.dat").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    folder->create("b.tmp.dat");
    folder->rename("b.tmp.dat", "b.dat");
    folder->create("c.dat");
    folder->remove("c.dat");
    folder->remove("c.dat");
    EXPECT_FALSE(fs::exists(path_));
    folder->publish();
  }
  EXPECT_FALSE(fs::exists(partial_));
  EXPECT_EQ(fs::file_size(path_ + "/a.dat"), 7u);
  EXPECT_TRUE(fs::exists(path_ + "/b.dat"));
  EXPECT_FALSE(fs::exists(path_ + "/c.dat"));
}

TEST_F(PartialFolderTest, LeavesNothingWhenItWasNotPublished) {
  begin()->create("a.dat");
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(PartialFolderTest, WhatWasKeptIsThereForALaterRun) {
  {
    const auto folder = begin();
    folder->create("a.dat");
    folder->keep();
    folder->create("b.dat");
  }
  EXPECT_TRUE(fs::exists(partial_ + "/b.dat"));
  {
    const auto folder = begin(Begin::go_on);
    EXPECT_TRUE(folder->has("a.dat"));
    EXPECT_FALSE(folder->has("z.dat"));
    folder->open("a.dat").write("more");
    EXPECT_EQ(error_line([&] { folder->open("z.dat"); }, ErrorKind::corrupt),
              "'" + partial_ + "/z.dat' is gone; start afresh, without --resume");
  }
  EXPECT_TRUE(fs::exists(partial_ + "/a.dat"));
  begin(Begin::go_on)->publish();
  EXPECT_EQ(fs::file_size(path_ + "/a.dat"), 4u);
}

TEST_F(PartialFolderTest, ThereHasToBeSomethingToGoOnWith) {
  EXPECT_EQ(refusal(ErrorKind::corrupt, Begin::go_on), "'" + partial_ + "' is gone; start afresh, without --resume");
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(PartialFolderTest, ReplacesWhatARunHasLeft) {
  fs::create_directory(partial_);
  put(partial_ + "/old.dat");
  const auto folder = begin();
  EXPECT_FALSE(fs::exists(partial_ + "/old.dat"));
  folder->create("new.dat");
  folder->publish();
  EXPECT_TRUE(fs::exists(path_ + "/new.dat"));
}

TEST_F(PartialFolderTest, RemovesNothingThatItDoesNotKnow) {
  fs::create_directory(partial_);
  put(partial_ + "/old.dat");
  const std::string next = "', which no dump has; look what it is and remove it, or name another folder";
  put(partial_ + "/notes");
  EXPECT_EQ(refusal(ErrorKind::refused), "'" + partial_ + "' holds 'notes" + next);
  fs::remove(partial_ + "/notes");
  fs::create_directory(partial_ + "/more.dat");
  EXPECT_EQ(refusal(ErrorKind::refused), "'" + partial_ + "' holds 'more.dat" + next);
  fs::remove(partial_ + "/more.dat");
  fs::create_symlink("/etc/passwd", partial_ + "/link.dat");
  EXPECT_EQ(refusal(ErrorKind::refused), "'" + partial_ + "' holds 'link.dat" + next);
  EXPECT_TRUE(fs::exists(partial_ + "/old.dat"));
  // What somebody puts there while it is being written stays as well.
  fs::remove_all(partial_);
  {
    const auto folder = begin();
    folder->create("a.dat");
    put(partial_ + "/notes");
  }
  EXPECT_FALSE(fs::exists(partial_ + "/a.dat"));
  EXPECT_TRUE(fs::exists(partial_ + "/notes"));
}

TEST_F(PartialFolderTest, IsWrittenByOneRunAtATime) {
  const auto first = begin();
  const std::string busy = "'" + partial_ + "' is being written by another run; wait for it or name another folder";
  EXPECT_EQ(refusal(ErrorKind::locked), busy);
  EXPECT_EQ(refusal(ErrorKind::locked, Begin::go_on), busy);
  EXPECT_TRUE(fs::exists(partial_));
}

TEST_F(PartialFolderTest, ReplacesNothing) {
  put(path_);
  EXPECT_EQ(refusal(ErrorKind::refused), "'" + path_ + "' exists; name another folder or remove it");
  fs::remove(path_);
  put(partial_);
  EXPECT_EQ(refusal(ErrorKind::refused), "'" + partial_ + "' is no folder; remove it or use another name");
  fs::remove(partial_);
  fs::create_directory(directory_.file("elsewhere"));
  fs::create_directory_symlink(directory_.file("elsewhere"), partial_);
  EXPECT_EQ(refusal(ErrorKind::refused), "'" + partial_ + "' is no folder; remove it or use another name");
  fs::remove(partial_);

  const auto folder = begin();
  folder->create("a.dat");
  for (const bool as_file : {true, false}) {
    as_file ? put(path_) : static_cast<void>(fs::create_directory(path_));
    EXPECT_EQ(error_line([&] { folder->publish(); }, ErrorKind::refused),
              "'" + path_ + "' appeared while it was being written; name another folder");
    fs::remove(path_);
  }
  folder->publish();
  EXPECT_TRUE(fs::exists(path_ + "/a.dat"));
}

TEST_F(PartialFolderTest, NoticesThatItWasMovedAway) {
  const auto folder = begin();
  fs::rename(partial_, directory_.file("moved"));
  const std::string expected =
      "'" + partial_ + "' was removed or replaced while it was being written; start afresh, without --resume";
  EXPECT_EQ(error_line([&] { folder->keep(); }, ErrorKind::failed), expected);
  EXPECT_EQ(error_line([&] { folder->publish(); }, ErrorKind::failed), expected);
  folder->create("a.dat");
  EXPECT_TRUE(fs::exists(directory_.file("moved") + "/a.dat"));
}

TEST_F(PartialFolderTest, TheFolderAroundItHasToBeThere) {
  path_ = "/nonexistent/backups/dump";
  EXPECT_EQ(refusal(ErrorKind::failed), "folder '/nonexistent/backups' does not exist; make it first");
}

}  // namespace
}  // namespace bulk
