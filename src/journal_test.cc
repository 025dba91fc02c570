#include "src/journal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "io/error.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

class JournalTest : public testing::Test {
 protected:
  JournalHeader header() const {
    JournalHeader header;
    header.tool = "bulk";
    header.started = "2025-01-25T12:00:00Z";
    header.pid = 4711;
    return header;
  }
  test::TempDir folder_;
  std::string path_ = folder_.file("x.journal");
};

TEST_F(JournalTest, WhatWasAppendedIsThePastOfTheNextOne) {
  {
    Journal journal(path_, "it is being done");
    EXPECT_FALSE(journal.past());
    journal.begin(header());
    journal.append(segments_entry(std::vector<Segment>{{0, 1, 0, 0}}));
    journal.keep();
  }
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  Journal journal(path_, "it is being done");
  ASSERT_TRUE(journal.past());
  EXPECT_EQ(journal.past()->segments.size(), 1u);
}

TEST_F(JournalTest, ATornEndIsCutBeforeItGoesOn) {
  {
    Journal journal(path_, "");
    journal.begin(header());
    journal.keep();
  }
  std::ofstream(path_, std::ios::app) << "0000";
  {
    Journal journal(path_, "");
    ASSERT_TRUE(journal.past());
    journal.go_on();
    journal.append(verified_entry());
  }
  Journal journal(path_, "");
  ASSERT_TRUE(journal.past());
  EXPECT_TRUE(journal.past()->verified);
}

TEST_F(JournalTest, WithoutProgressItGoesWithItsRun) {
  {
    Journal journal(path_, "");
    journal.begin(header());
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  { const Journal journal(path_, ""); }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(JournalTest, ThatOfAnEarlierRunStaysUntilItIsBegunAfresh) {
  {
    Journal journal(path_, "");
    journal.begin(header());
    journal.keep();
  }
  { const Journal journal(path_, ""); }
  EXPECT_TRUE(std::filesystem::exists(path_));
  {
    Journal journal(path_, "");
    journal.begin(header());
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(JournalTest, ASecondRunIsLockedOutAndToldByWhom) {
  Journal journal(path_, "");
  journal.begin(header());
  try {
    const Journal second(path_, "'x' is being written");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::locked);
    EXPECT_EQ(error.line(),
              "'x' is being written by another run (process 4711, since 2025-01-25T12:00:00Z); wait for it");
  }
  bool busy = false;
  EXPECT_TRUE(look_at_journal(path_, busy));
  EXPECT_TRUE(busy);
}

TEST_F(JournalTest, RemovedItIsGoneAndFree) {
  Journal journal(path_, "");
  journal.begin(header());
  journal.remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
  const Journal second(path_, "");
  bool busy = false;
  EXPECT_FALSE(look_at_journal(folder_.file("other"), busy));
  EXPECT_FALSE(busy);
}

}  // namespace
}  // namespace bulk
