// What scripts rely on: the JSON summary, variables, stages, lists, and what a command prints where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"

namespace bulk::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class Interface : public testing::Test {
 protected:
  void fill(std::size_t count) {
    write_items(sandbox_.path("items.jsonl"), count);
    expect_ok(sandbox_.bulk({"restore", "items.jsonl", "--stage", "local", "--create", "--key", "pk:S,sk:S"}));
  }

  Sandbox sandbox_;
};

TEST_F(Interface, TheSummaryHasAllItsMembers) {
  fill(1'000);
  const RunResult result = sandbox_.bulk({"backup", "--stage", "local", "--json"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const rapidjson::Document summary = parse_json(last_line(result.out));
  EXPECT_STREQ(member(summary, "message_type").GetString(), "summary");
  EXPECT_EQ(member(summary, "schema_version").GetInt(), 1);
  EXPECT_STREQ(member(summary, "command").GetString(), "backup");
  EXPECT_STREQ(member(summary, "status").GetString(), "ok");
  EXPECT_THAT(member(summary, "source").GetString(), MatchesRegex("sqlite:.*\\.bulk/local\\.db#local-main-table"));
  EXPECT_THAT(member(summary, "target").GetString(),
              MatchesRegex("(.*/)?backups/local-main-table-[0-9]{8}-[0-9]{6}\\.jsonl\\.zst"));
  EXPECT_EQ(member(summary, "records", "read").GetUint64(), 1'000u);
  EXPECT_EQ(member(summary, "records", "written").GetUint64(), 1'000u);
  EXPECT_EQ(member(summary, "records", "filtered").GetUint64(), 0u);
  EXPECT_EQ(member(summary, "records", "rejected").GetUint64(), 0u);
  EXPECT_EQ(member(summary, "records", "superseded").GetUint64(), 0u);
  EXPECT_EQ(member(summary, "bytes", "raw").GetUint64(), std::filesystem::file_size(sandbox_.path("items.jsonl")));
  EXPECT_EQ(member(summary, "bytes", "stored").GetUint64(),
            std::filesystem::file_size(sandbox_.path(member(summary, "target").GetString())));
  EXPECT_THAT(member(summary, "digest").GetString(), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_STREQ(member(summary, "verified").GetString(), "content");
  EXPECT_TRUE(member(summary, "consistent").GetBool());  // SQLite reads one snapshot
  for (const char* name : {"sent", "throttled", "retried"})
    EXPECT_TRUE(member(summary, "requests", name).IsUint64()) << name;
  for (const char* name : {"read", "write"}) EXPECT_TRUE(member(summary, "capacity", name).IsNumber()) << name;
  EXPECT_TRUE(member(summary, "seconds").IsNumber());
}

TEST_F(Interface, ASummaryEndsAFailedRunToo) {
  const RunResult result = sandbox_.bulk({"backup", "sqlite:nowhere.db#items", "--to", "x.jsonl.zst", "--json"});
  EXPECT_EQ(result.status, 10);
  const rapidjson::Document summary = parse_json(last_line(result.out));
  EXPECT_STREQ(member(summary, "message_type").GetString(), "summary");
  EXPECT_STREQ(member(summary, "status").GetString(), "failed");
}

TEST_F(Interface, DataGoesToStandardOutputAndTheRestToStandardError) {
  fill(10);
  const RunResult backup = sandbox_.bulk({"backup", "--stage", "local", "--to", "dump.jsonl.zst"});
  EXPECT_EQ(backup.out, "");
  EXPECT_THAT(backup.err, HasSubstr("dump.jsonl.zst"));
  EXPECT_THAT(backup.err, HasSubstr("10"));
  const RunResult quiet = sandbox_.bulk({"verify", "dump.jsonl.zst", "-q"});
  expect_ok(quiet);
  EXPECT_EQ(quiet.err, "");
  const RunResult cat = sandbox_.bulk({"cat", "dump.jsonl.zst", "--limit", "3"});
  EXPECT_EQ(std::count(cat.out.begin(), cat.out.end(), '\n'), 3);
  EXPECT_THAT(cat.out, MatchesRegex("(\\{\"Item\":\\{\"pk\":.*\\}\\}\n)+"));
  EXPECT_EQ(cat.err, "");
}

TEST_F(Interface, RestoreWithoutADumpListsWhatThereIs) {
  fill(10);
  expect_ok(sandbox_.bulk({"backup", "--stage", "local"}));
  const RunResult list = sandbox_.bulk({"list"});
  const RunResult restore = sandbox_.bulk({"restore"});
  expect_ok(list);
  expect_ok(restore);
  EXPECT_THAT(list.out, HasSubstr("local-main-table"));
  EXPECT_EQ(restore.out, list.out);
}

TEST_F(Interface, LatestIsTheNewestDumpOfTheStage) {
  fill(10);
  sandbox_.write("bulk.toml", "[stages.other]\nsource = \"sqlite:other.db#other-main-table\"\n");
  expect_ok(sandbox_.bulk({"backup", "--stage", "local", "--to", "backups/older.jsonl.zst"}));
  sandbox_.write("one.jsonl", item_line(99) + "\n");
  expect_ok(sandbox_.bulk({"restore", "one.jsonl", "--stage", "local", "--force"}));
  expect_ok(sandbox_.shell("sleep 1.1"));  // dumps are told apart by the second in which they began
  expect_ok(sandbox_.bulk({"backup", "--stage", "local", "--to", "backups/newer.jsonl.zst"}));
  expect_ok(sandbox_.bulk({"drop", "--stage", "local", "--backed-up-by", "latest", "--yes"}));
  const RunResult restored = sandbox_.bulk({"restore", "latest", "--stage", "local", "--create", "--json"});
  EXPECT_EQ(restored.status, 0) << restored.err;
  EXPECT_EQ(member(parse_json(last_line(restored.out)), "records", "written").GetUint64(), 11u);
  EXPECT_THAT(member(parse_json(last_line(restored.out)), "source").GetString(), HasSubstr("newer.jsonl.zst"));
  expect_error(sandbox_, sandbox_.bulk({"restore", "latest", "--stage", "other", "--create"}), 10,
               "no dump of stage other in backups; see bulk list");
}

TEST_F(Interface, VariablesAreFlagsAndFlagsWin) {
  fill(10);
  expect_ok(sandbox_.bulk({"backup", "--to", "a.jsonl.zst"}, {{"BULK_STAGE", "local"}}));
  EXPECT_TRUE(sandbox_.exists("a.jsonl.zst"));
  const RunResult json = sandbox_.bulk({"verify", "a.jsonl.zst"}, {{"BULK_JSON", "1"}});
  EXPECT_STREQ(member(parse_json(last_line(json.out)), "command").GetString(), "verify");
  expect_error(sandbox_,
               sandbox_.bulk({"backup", "--to", "b.jsonl.zst"}, {{"BULK_STAGE", "local"}, {"BULK_LEVEL", "99"}}), 2,
               R"(BULK_LEVEL wants a number from 1 to 19, not "99"; see bulk backup --help)");
  expect_ok(sandbox_.bulk({"backup", "--to", "b.jsonl.zst", "--level", "1"},
                          {{"BULK_STAGE", "local"}, {"BULK_LEVEL", "99"}}));
}

TEST_F(Interface, ADumpGoesBackToWhereItCameFrom) {
  fill(10);
  expect_ok(sandbox_.bulk({"backup", "--stage", "local", "--to", "dump.jsonl.zst"}));
  expect_ok(sandbox_.bulk({"drop", "--stage", "local", "--backed-up-by", "dump.jsonl.zst", "--yes"}));
  std::filesystem::create_directory(sandbox_.path("elsewhere"));
  expect_ok(sandbox_.bulk_in("elsewhere", {"restore", "../dump.jsonl.zst", "--create"}));
  expect_ok(sandbox_.bulk({"verify", "dump.jsonl.zst", "--against", "sqlite:.bulk/local.db#local-main-table"}));
}

TEST_F(Interface, InspectShowsWhatADumpKnows) {
  fill(10);
  expect_ok(sandbox_.bulk({"backup", "--stage", "local", "--to", "dump.jsonl.zst"}));
  const RunResult result = sandbox_.bulk({"inspect", "dump.jsonl.zst"});
  expect_ok(result);
  for (const char* part : {"local-main-table", "dynamodb-json", "KeySchema", "10"})
    EXPECT_THAT(result.out, HasSubstr(part));
}

TEST_F(Interface, HelpAndVersionGoToStandardOutput) {
  for (const Arguments& arguments : {Arguments{"--help"}, Arguments{"restore", "--help"}, Arguments{"--version"}}) {
    const RunResult result = sandbox_.bulk(arguments);
    expect_ok(result);
    EXPECT_THAT(result.out, HasSubstr("bulk"));
    EXPECT_EQ(result.err, "");
  }
}

}  // namespace
}  // namespace bulk::test
