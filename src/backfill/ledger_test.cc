#include "src/backfill/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "io/error.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using testing::ElementsAre;

BackfillEntry full_entry() {
  BackfillEntry entry;
  entry.job = "add-location";
  entry.checksum = "00ff";
  entry.target = "dynamodb://t?region=eu-west-1";
  entry.target_id = "arn:t 2025";
  entry.applied_by = "zoë@host";
  entry.started = "2025-01-25T12:00:00Z";
  entry.completed = "2025-01-25T12:30:00Z";
  entry.status = BackfillStatus::completed;
  entry.where = "n > 3 AND s = \"\\\"";
  entry.read = 18'446'744'073'709'551'615u;
  entry.updated = 1;
  entry.unchanged = 2;
  entry.rejected = 3;
  entry.conflicts = 4;
  entry.notes = {"first\nline", "second"};
  entry.undo = "/state/add.undo.jsonl.zst";
  entry.undo_bytes = 12'345'678'901u;
  entry.backup = "backups/t.jsonl.zst";
  return entry;
}

class Ledger : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(path_, std::ios::binary | std::ios::trunc) << text; }
  std::string error(ErrorKind kind) {
    try {
      read_entry(path_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.line();
    }
    return "no error";
  }

  const test::TempDir dir_;
  const std::string path_ = dir_.file("x.json");
};

TEST_F(Ledger, GivesBackWhatWasWritten) {
  const BackfillEntry entry = full_entry();
  write_entry(path_, entry);
  const std::optional<BackfillEntry> read = read_entry(path_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->job, entry.job);
  EXPECT_EQ(read->checksum, entry.checksum);
  EXPECT_EQ(read->target, entry.target);
  EXPECT_EQ(read->target_id, entry.target_id);
  EXPECT_EQ(read->applied_by, entry.applied_by);
  EXPECT_EQ(read->started, entry.started);
  EXPECT_EQ(read->completed, entry.completed);
  EXPECT_EQ(read->status, entry.status);
  EXPECT_EQ(read->where, entry.where);
  EXPECT_EQ(read->read, entry.read);
  EXPECT_EQ(read->updated, 1u);
  EXPECT_EQ(read->unchanged, 2u);
  EXPECT_EQ(read->rejected, 3u);
  EXPECT_EQ(read->conflicts, 4u);
  EXPECT_EQ(read->notes, entry.notes);
  EXPECT_EQ(read->undo, entry.undo);
  EXPECT_EQ(read->undo_bytes, entry.undo_bytes);
  EXPECT_EQ(read->backup, entry.backup);
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0600u);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(Ledger, IsReplacedByTheNextStatus) {
  BackfillEntry entry = full_entry();
  for (const auto& [status, name] : {std::pair{BackfillStatus::running, "running"},
                                     {BackfillStatus::partial, "partial"},
                                     {BackfillStatus::completed, "completed"},
                                     {BackfillStatus::rolling_back, "rolling_back"},
                                     {BackfillStatus::rolled_back, "rolled_back"}}) {
    entry.status = status;
    std::ofstream(path_ + ".new") << "left by a run that was killed";
    write_entry(path_, entry);
    EXPECT_EQ(read_entry(path_)->status, status);
    EXPECT_EQ(status_name(status), name);
    EXPECT_THAT(test::read_file(path_), testing::HasSubstr("\"status\": \"" + std::string(name) + "\""));
  }
}

TEST_F(Ledger, HasTheFormThatIsDocumented) {
  BackfillEntry entry;
  entry.job = "j";
  entry.checksum = "c";
  entry.target = "t";
  write_entry(path_, entry);
  EXPECT_EQ(test::read_file(path_), R"({
  "bulk": "backfill",
  "format": 1,
  "job": "j",
  "checksum": "c",
  "target": "t",
  "status": "running",
  "counts": {
    "read": 0,
    "updated": 0,
    "unchanged": 0,
    "rejected": 0,
    "conflicts": 0
  },
  "undo_bytes": 0,
  "notes": []
}
)");
}

TEST_F(Ledger, IsNotThereBeforeTheFirstRun) {
  EXPECT_FALSE(read_entry(path_).has_value());
}

TEST_F(Ledger, SaysThatItIsDamaged) {
  const std::string damaged =
      "'" + path_ +
      "' is damaged: it does not say how far the backfill is; put a sound copy of it back; bulk "
      "backfill rollback needs the undo log beside it alone";
  write_entry(path_, full_entry());
  const std::string whole = test::read_file(path_);
  for (std::size_t length = 0; length + 2 < whole.size(); length += 7) {
    write(whole.substr(0, length));
    EXPECT_EQ(error(ErrorKind::corrupt), damaged) << length;
  }
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string text = whole;
    text.replace(text.find(what), what.size(), instead);
    write(text);
    EXPECT_EQ(error(ErrorKind::corrupt), damaged) << instead;
  };
  with("\"backfill\"", "\"undo\"");
  with("\"bulk\"", "\"bulb\"");
  with("\"format\": 1", "\"format\": \"1\"");
  with("\"completed\",\n  \"counts\"", "\"done\",\n  \"counts\"");
  with("\"status\": \"completed\"", "\"status\": 3");
  with("\"job\": \"add-location\"", "\"job\": \"\"");
  with("\"checksum\"", "\"check\"");
  with("\"target\": \"", "\"to\": \"");
  write("[]");
  EXPECT_EQ(error(ErrorKind::corrupt), damaged);
}

TEST_F(Ledger, IsNotWrittenSoThatItCannotBeRead) {
  BackfillEntry entry = full_entry();
  write_entry(path_, entry);
  entry.undo = "/st\xe4te/x.undo.jsonl.zst";
  try {
    write_entry(path_, entry);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.line(), "'" + path_ +
                                "' cannot say how far the backfill is: a path or a name is not UTF-8; use a "
                                "state folder with another name");
  }
  EXPECT_EQ(read_entry(path_)->undo, full_entry().undo);
}

TEST_F(Ledger, OfAnotherFormatIsForAnotherVersion) {
  write(R"({"bulk":"backfill","format":2})");
  EXPECT_EQ(error(ErrorKind::usage),
            "'" + path_ + "' has format 2, this program reads format 1; use a newer version of bulk");
}

TEST_F(Ledger, TellsJobsAndTablesApart) {
  const BackfillFiles files = backfill_files("/s", "j", "dynamodb://t");
  EXPECT_TRUE(files.ledger.starts_with("/s/backfills/j-")) << files.ledger;
  const std::string stem = files.ledger.substr(0, files.ledger.size() - 5);
  EXPECT_EQ(stem.size(), std::string("/s/backfills/j-0123456789abcdef").size());
  EXPECT_EQ(files.ledger, stem + ".json");
  EXPECT_EQ(files.journal, stem + ".journal");
  EXPECT_EQ(files.undo, stem + ".undo.jsonl.zst");
  EXPECT_EQ(files.changed, stem + ".changed.jsonl");
  EXPECT_NE(backfill_files("/s", "j", "dynamodb://u").ledger, files.ledger);
  EXPECT_NE(backfill_files("/s", "k", "dynamodb://t").ledger, files.ledger);
}

TEST_F(Ledger, ListsAllEntriesNewestFirst) {
  std::vector<std::string> damaged;
  EXPECT_TRUE(all_entries(dir_.path().string(), damaged).empty()) << "no run yet, no folder";
  std::filesystem::create_directory(backfill_folder(dir_.path().string()));
  BackfillEntry entry = full_entry();
  for (const char* day : {"2025-01-02", "2025-01-03", "2025-01-01"}) {
    entry.job = entry.started = day;
    write_entry(backfill_files(dir_.path().string(), day, "t").ledger, entry);
  }
  const std::string broken = backfill_folder(dir_.path().string()) + "/x.json";
  std::ofstream(broken) << "{";
  std::ofstream(backfill_folder(dir_.path().string()) + "/x.journal") << "{";
  std::vector<std::string> jobs;
  for (const BackfillEntry& one : all_entries(dir_.path().string(), damaged)) jobs.push_back(one.job);
  EXPECT_THAT(jobs, ElementsAre("2025-01-03", "2025-01-02", "2025-01-01"));
  EXPECT_THAT(damaged, ElementsAre(broken));
}

}  // namespace
}  // namespace bulk
