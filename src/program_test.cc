// Whole runs of commands that need no server, as main starts them.
#include "src/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/error.h"
#include "tests/support/dump_fixture.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using testing::HasSubstr;

struct Outcome {
  int status = 0;
  std::string out, err;
};

Environment nothing_set() {
  return [](const std::string&) { return std::nullopt; };
}

Outcome run(const std::vector<std::string>& arguments, Stop& stop, const Environment& environment = nothing_set()) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.status = run_program(arguments, environment, stop);
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  return outcome;
}

Outcome run(const std::vector<std::string>& arguments) {
  Stop stop;
  return run(arguments, stop);
}

TEST(Program, PrintsHelpWhereItWasAskedFor) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("Usage: bulk "));
  EXPECT_EQ(help.err, "");
  const Outcome alone = run({});
  EXPECT_EQ(alone.status, 2);
  EXPECT_EQ(alone.out, "");
  EXPECT_EQ(alone.err, help.out);
}

TEST(Program, SaysInOneLineWhatIsWrongWithTheCommandLine) {
  const Outcome outcome = run({"backup", "--bogus"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "bulk: unexpected argument --bogus; see bulk backup --help\n");
}

TEST(Program, EndsJsonWithASummaryEvenWhenTheCommandLineIsWrong) {
  const Outcome outcome = run({"backup", "--bogus", "--json"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.out, HasSubstr(R"("command":"backup","status":"failed")"));
  EXPECT_THAT(outcome.out, HasSubstr(R"("error":{"kind":"usage","message":"unexpected argument --bogus",)"));
  EXPECT_TRUE(outcome.out.ends_with("}\n"));
}

TEST(Program, ReportsAFailureWithItsKind) {
  const Outcome human = run({"inspect", "/nonexistent/x.jsonl.zst"});
  EXPECT_EQ(human.status, 10);
  EXPECT_EQ(human.err, "bulk: no file '/nonexistent/x.jsonl.zst'\n");
  const Outcome json = run({"inspect", "/nonexistent/x.jsonl.zst", "--json"});
  EXPECT_EQ(json.status, 10);
  EXPECT_THAT(json.out, HasSubstr(R"("status":"failed")"));
  EXPECT_THAT(json.out, HasSubstr(R"("kind":"not_found")"));
  EXPECT_EQ(json.err, human.err);
}

TEST(Program, ReportsTheSignalRatherThanWhatItCaused) {
  Stop stop;
  stop.fail(std::make_exception_ptr(Error::interrupted(15)));
  const Outcome outcome = run({"inspect", "/nonexistent/x.jsonl.zst"}, stop);
  EXPECT_EQ(outcome.status, 143);
  EXPECT_EQ(outcome.err, "bulk: terminated\n");
}

TEST(Program, NeedsASourceOrAStage) {
  const Outcome outcome = run({"backup"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "bulk: no SOURCE and no --stage; see bulk backup --help\n");
}

class InFolder : public testing::Test {
 protected:
  InFolder() : before_(std::filesystem::current_path()) { std::filesystem::current_path(directory_.path()); }
  ~InFolder() override { std::filesystem::current_path(before_); }

  test::TempDir directory_;

 private:
  std::filesystem::path before_;
};

using ListCommand = InFolder;
using InspectCommand = InFolder;

TEST_F(ListCommand, SaysThatThereIsNothing) {
  const Outcome outcome = run({"list"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "no dumps in backups\n");
  EXPECT_EQ(run({"list", "--stage", "pr-5"}).err, "no dumps of stage pr-5 in backups\n");
  EXPECT_EQ(run({"list", "-q"}).err, "");
}

TEST_F(ListCommand, ShowsDumpsNewestFirstAndNamesWhatIsNone) {
  std::filesystem::create_directory("backups");
  test::write_empty_dump("backups/a.jsonl.zst", "pr-5", "pr-5-main-table", "2025-01-25T12:00:00Z");
  test::write_empty_dump("backups/b.jsonl.zst", "", "other\x1b[2J", "2025-01-26T12:00:00Z");
  std::ofstream("backups/pr-5-c.jsonl.zst") << "text";
  const std::string size = std::to_string(std::filesystem::file_size("backups/a.jsonl.zst"));
  const Outcome outcome = run({"list"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out,
            "TIME                  STAGE  TABLE            ITEMS  SIZE  VERIFIED  FILE\n"
            "2025-01-26T12:00:00Z  -      other?[2J            0  " +
                std::to_string(std::filesystem::file_size("backups/b.jsonl.zst")) +
                "B  -         backups/b.jsonl.zst\n"
                "2025-01-25T12:00:00Z  pr-5   pr-5-main-table      0  " +
                size +
                "B  -         backups/a.jsonl.zst\n"
                "backups/pr-5-c.jsonl.zst  carries no header: no metadata to show\n");
  EXPECT_EQ(outcome.err, "");
  const Outcome stage = run({"list", "--stage", "pr-5"});
  EXPECT_THAT(stage.out, testing::Not(HasSubstr("backups/b.jsonl.zst")));
  EXPECT_THAT(stage.out, HasSubstr("backups/pr-5-c.jsonl.zst"));
}

TEST_F(ListCommand, PrintsJsonLinesAndASummary) {
  std::filesystem::create_directory("backups");
  test::write_empty_dump("backups/a.jsonl.zst", "pr-5", "t", "2025-01-25T12:00:00Z");
  std::ofstream("backups/c.jsonl.zst") << "text";
  const Outcome outcome = run({"list", "--json"});
  const std::string size = std::to_string(std::filesystem::file_size("backups/a.jsonl.zst"));
  EXPECT_TRUE(outcome.out.starts_with(
      R"({"message_type":"dump","path":"backups/a.jsonl.zst","started":"2025-01-25T12:00:00Z",)"
      R"("ended":"2025-01-25T12:00:00Z","stage":"pr-5","table":"t","source":"dynamodb://t","records":0,"raw_bytes":0,)"
      R"("stored_bytes":)" +
      size +
      R"(,"digest":"00000000000000000000000000000000","consistent":false,"verified":null})"
      "\n"
      R"({"message_type":"dump","path":"backups/c.jsonl.zst","state":"damaged","problem":"carries no header: no metadata to show","stored_bytes":4})"
      "\n"
      R"({"message_type":"summary","schema_version":1,"command":"list","status":"ok",)"))
      << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr(R"("dumps":2)"));
}

TEST_F(InspectCommand, ShowsMetadataSchemaAndFrames) {
  DumpHeader header = test::small_header("pr-5", "t", "2025-01-25T12:00:00Z");
  header.schema_json = R"({"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]})";
  test::write_small_dump("x.jsonl.zst", header, "{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n", 1);
  const Outcome outcome = run({"inspect", "x.jsonl.zst"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_TRUE(
      outcome.out.starts_with("x.jsonl.zst\n"
                              "  Table:    t\n"
                              "  Source:   dynamodb://t\n"
                              "  Stage:    pr-5\n"
                              "  Started:  2025-01-25T12:00:00Z\n"
                              "  Ended:    2025-01-25T12:00:00Z\n"
                              "  Tool:     bulk 0.1.0\n"
                              "  Dialect:  dynamodb-json\n"
                              "  Items:    1\n"
                              "  Size:     "))
      << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("  Digest:   00000000000000000000000000000000\n"
                                     "  View:     not of one point in time\n"
                                     "  Segments: 1\n"
                                     "  Frames:   1\n"
                                     "\nSchema:\n"
                                     "  {\n"
                                     "    \"KeySchema\": [\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\nFrames:\n   FRAME           OFFSET      STORED       PLAIN  SHA-256"));
  EXPECT_TRUE(outcome.out.ends_with("  intact\n")) << outcome.out;
  EXPECT_EQ(outcome.err, "");
}

TEST_F(InspectCommand, NamesDamagedFrames) {
  test::write_small_dump("x.jsonl.zst", test::small_header("", "t", "2025-01-25T12:00:00Z"),
                         "{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n", 1);
  const auto header_bytes = encode_header(test::small_header("", "t", "2025-01-25T12:00:00Z")).size();
  std::fstream file("x.jsonl.zst", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(header_bytes + 12));
  file.put('!');
  file.close();
  const Outcome outcome = run({"inspect", "x.jsonl.zst"});
  EXPECT_EQ(outcome.status, 4);
  EXPECT_TRUE(outcome.out.ends_with("  DAMAGED\n")) << outcome.out;
  EXPECT_EQ(outcome.err, "bulk: 'x.jsonl.zst': 1 of 1 frames are damaged; bulk verify says where\n");
  const Outcome json = run({"inspect", "x.jsonl.zst", "--json"});
  EXPECT_EQ(json.status, 4);
  EXPECT_THAT(json.out, HasSubstr(R"("intact":false})"));
  EXPECT_THAT(json.out, HasSubstr(R"("status":"failed")"));
}

TEST_F(InspectCommand, PrintsOneJsonLineForTheDumpAndOneForEachFrame) {
  DumpHeader header = test::small_header("pr-5", "t", "2025-01-25T12:00:00Z");
  header.schema_json = R"({"KeySchema":[]})";
  test::write_small_dump("x.jsonl.zst", header, "{\"Item\":{}}\n", 1);
  const Outcome outcome = run({"inspect", "x.jsonl.zst", "--json"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(
      outcome.out,
      HasSubstr(R"({"message_type":"dump","path":"x.jsonl.zst","tool":"bulk 0.1.0","dialect":"dynamodb-json",)"));
  EXPECT_THAT(outcome.out, HasSubstr(R"("table":{"name":"t"},"schema":{"KeySchema":[]},"records":1,"raw_bytes":12,)"));
  EXPECT_THAT(outcome.out, HasSubstr(R"({"message_type":"frame","frame":1,"offset":)"));
  EXPECT_THAT(outcome.out, HasSubstr(R"("plain_bytes":12,)"));
}

TEST_F(InspectCommand, RefusesFilesOfOtherPrograms) {
  std::ofstream("x.jsonl") << "{}\n";
  const Outcome outcome = run({"inspect", "x.jsonl"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err,
            "bulk: 'x.jsonl' carries no header: plain lines have no metadata to show; bulk cat prints its records\n");
}

TEST_F(InspectCommand, FindsTheLatestDump) {
  std::filesystem::create_directory("backups");
  test::write_empty_dump("backups/a.jsonl.zst", "pr-5", "t", "2025-01-25T12:00:00Z");
  test::write_empty_dump("backups/b.jsonl.zst", "dev", "t", "2025-01-26T12:00:00Z");
  EXPECT_TRUE(run({"inspect", "latest"}).out.starts_with("backups/b.jsonl.zst\n"));
  EXPECT_TRUE(run({"inspect", "latest", "--stage", "pr-5"}).out.starts_with("backups/a.jsonl.zst\n"));
  const Outcome none = run({"inspect", "latest", "--stage", "prod"});
  EXPECT_EQ(none.status, 10);
  EXPECT_EQ(none.err, "bulk: no dump of stage prod in backups; see bulk list\n");
}

}  // namespace
}  // namespace bulk
