// list, inspect and cat of dumps that are folders, and of their parts: whole runs, as main starts them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "backends/dump/folder_store.h"
#include "src/program.h"
#include "tests/support/row_dumps.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Outcome {
  int status = 0;
  std::string out, err;
};

class FolderCommands : public testing::Test {
 protected:
  FolderCommands() : before_(fs::current_path()) {
    fs::current_path(directory_.path());
    fs::create_directory("backups");
    test::write_folder(folder_, test::row_schema(3), stop_);
  }
  ~FolderCommands() override { fs::current_path(before_); }

  static Outcome run(const std::vector<std::string>& arguments) {
    Stop stop;
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Outcome outcome;
    outcome.status = run_program(
        arguments, [](const std::string&) { return std::nullopt; }, stop);
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    return outcome;
  }
  DumpManifest manifest() const { return parse_manifest(folder_, read_manifest_text(folder_)); }

  test::TempDir directory_;
  const std::string folder_ = "backups/shop-20250125-120000";
  Stop stop_;

 private:
  fs::path before_;
};

TEST_F(FolderCommands, ListShowsADatabase) {
  const Outcome outcome = run({"list"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, testing::ContainsRegex("2025-01-25T12:00:00Z +pr-5 +shop +30 +[0-9.]+ ?K?i?B +- +" +
                                                  folder_ + " \\(3 tables\\) \\(one point in time\\)\n"));
  const Outcome json = run({"list", "--json"});
  EXPECT_THAT(json.out, HasSubstr(R"("table":"shop","source":"postgresql://db.example/shop","records":30,)"));
  EXPECT_THAT(json.out, HasSubstr(R"("parts":3,"digest":")" + manifest().digest.hex() + '"'));
  EXPECT_EQ(run({"list", "--stage", "dev"}).out, "");
}

TEST_F(FolderCommands, InspectShowsWhatTheManifestSays) {
  const Outcome outcome = run({"inspect", folder_ + "/"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with(folder_ + "\n"
                                                "  Database: shop\n"
                                                "  Table id: 7/16384\n"
                                                "  Source:   postgresql://db.example/shop\n"
                                                "  Stage:    pr-5\n"
                                                "  Started:  2025-01-25T12:00:00Z\n"))
      << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("  Dialect:  rows\n"
                                     "  Rows:     30\n"));
  EXPECT_THAT(outcome.out, HasSubstr("  View:     of one point in time\n"
                                     "  Parts:    3\n"
                                     "  Server:   PostgreSQL 15.18\n"
                                     "  SQL:      no: the tables cannot be made from it\n"
                                     "  Sequences: 0\n"
                                     "  Views:    0 materialized\n"
                                     "\nParts:\n"
                                     "             ROWS      STORED       PLAIN  STATE    FILE\n"
                                     "                0  "));
  EXPECT_TRUE(outcome.out.ends_with("  intact   public.t2.jsonl.zst\n")) << outcome.out;
  EXPECT_EQ(outcome.out, run({"inspect", "latest"}).out);
  const std::string long_form = run({"inspect", folder_, "-v"}).out;
  EXPECT_THAT(long_form, HasSubstr("\npublic.t1 (primary key: id)\n"
                                   "  id    bigint\n"
                                   "  name  text\n"));
}

TEST_F(FolderCommands, InspectPrintsAJsonLineForEachPart) {
  const Outcome outcome = run({"inspect", folder_, "--json"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with(R"({"message_type":"dump","path":")" + folder_ +
                                      R"(","tool":"bulk 0.1.0","dialect":"rows",)"))
      << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr(R"("consistent":true,"parts":3})"
                                     "\n"));
  const ManifestPart part = manifest().parts[2];
  EXPECT_THAT(outcome.out,
              HasSubstr(R"({"message_type":"part","part":"public.t2.jsonl.zst","table":"public.t2","records":20,)"
                        R"("raw_bytes":)" +
                        std::to_string(part.raw_bytes) + R"(,"stored_bytes":)" + std::to_string(part.stored_bytes) +
                        R"(,"digest":")" + part.digest.hex() + R"(","fingerprint":")" + part.fingerprint +
                        R"(","intact":true})"
                        "\n"));
  EXPECT_THAT(outcome.out, HasSubstr(R"("records":{"read":30,)"));
}

TEST_F(FolderCommands, InspectNamesPartsThatAreDamaged) {
  fs::remove(folder_ + "/public.t1.jsonl.zst");
  const Outcome outcome = run({"inspect", folder_});
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.out, HasSubstr("  DAMAGED  public.t1.jsonl.zst\n"));
  EXPECT_THAT(outcome.out, HasSubstr("  intact   public.t2.jsonl.zst\n"));
  EXPECT_EQ(outcome.err, "bulk: '" + folder_ + "': 1 of 3 parts are damaged or missing: " + folder_ +
                             ": the dump is corrupt: part 'public.t1.jsonl.zst' is missing; use another copy\n");
  EXPECT_THAT(run({"inspect", folder_, "--json"}).out, HasSubstr(R"("intact":false})"));
  EXPECT_THAT(run({"list"}).out, HasSubstr(folder_ + "  damaged: part 'public.t1.jsonl.zst' is missing\n"));
}

TEST_F(FolderCommands, InspectOfAFolderThatIsNoDump) {
  fs::remove(folder_ + "/manifest.json");
  const Outcome outcome = run({"inspect", folder_});
  EXPECT_EQ(outcome.status, 10);
  EXPECT_EQ(outcome.err,
            "bulk: '" + folder_ + "' is a folder without manifest.json: no dump; name the files in it one by one\n");
}

TEST_F(FolderCommands, InspectOfAPartShowsItsTable) {
  const Outcome outcome = run({"inspect", folder_ + "/public.t2.jsonl.zst"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with(folder_ + "/public.t2.jsonl.zst\n"
                                                "  Table:    public.t2\n"
                                                "  Table id: 7/16384 public.t2\n"
                                                "  Source:   postgresql://db.example/shop#public.t2\n"))
      << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("  Rows:     20\n"));
  EXPECT_THAT(outcome.out, HasSubstr("  Frames:   2\n"
                                     "\npublic.t2 (primary key: id)\n"
                                     "  id    bigint\n"
                                     "  name  text\n"
                                     "\nFrames:\n"));
}

TEST_F(FolderCommands, CatPrintsTheRowsOfAllTables) {
  std::vector<std::string> lines = test::row_lines(1, 0, 10);
  for (const std::string& line : test::row_lines(2, 0, 20)) lines.push_back(line);
  const Outcome outcome = run({"cat", folder_});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, test::joined(lines));
  EXPECT_EQ(run({"cat", folder_, "--limit", "12"}).out,
            test::joined(std::vector<std::string>(lines.begin(), lines.begin() + 12)));
  EXPECT_EQ(run({"cat", folder_ + "/public.t1.jsonl.zst"}).out, test::joined(test::row_lines(1, 0, 10)));
  const Outcome key = run({"cat", folder_, "--key", "1"});
  EXPECT_EQ(key.status, 2);
  EXPECT_EQ(key.out, "");
  EXPECT_EQ(key.err, "bulk: '" + folder_ +
                         "' holds rows, and --key is for items; pick rows with jq: bulk cat DUMP | jq -c "
                         "'select(.id == 1)'\n");
}

}  // namespace
}  // namespace bulk
