// `bulk backfill` as users run it: change, prove, take back, go on, and be refused. The same for every store; what only
// the ledger and the command line decide is tried on the embedded one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/place.h"
#include "tests/e2e/program.h"

namespace bulk::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kItems = 300;
constexpr const char* kRename = R"toml(name = "rename"
table = "TABLE"
when = "attribute_exists(#n) AND attribute_not_exists(title)"
update = "SET title = #n REMOVE #n"
[names]
"#n" = "name"
)toml";

std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

class BackfillIn : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    place_ = open_place(GetParam());
    if (!place_) GTEST_SKIP() << GetParam() << " is not installed";
    for (const auto& [name, value] : place_->environment) sandbox_.environment[name] = value;
    url_ = place_->url("orders");
    write_items(sandbox_.path("in.jsonl"), kItems);
    expect_ok(sandbox_.bulk({"restore", "in.jsonl", "--to", url_, "--create", "--key", "pk:S,sk:S"}));
  }
  std::string job(const std::string& name, std::string text) {
    const std::size_t at = text.find("TABLE");
    if (at != std::string::npos) text.replace(at, 5, url_);
    sandbox_.write(name, text);
    return name;
  }
  rapidjson::Document summary(const Arguments& arguments, int status = 0) {
    Arguments with_json = arguments;
    with_json.emplace_back("--json");
    const RunResult result = sandbox_.bulk(with_json);
    EXPECT_EQ(result.status, status) << result.err;
    return parse_json(last_line(result.out));
  }
  // The table's own words for its content, whatever its order.
  std::string digest() {
    const RunResult backup = sandbox_.bulk({"backup", url_, "--to", "now.jsonl.zst", "--json"});
    EXPECT_EQ(backup.status, 0) << backup.err;
    std::filesystem::remove(sandbox_.path("now.jsonl.zst"));
    return member(parse_json(last_line(backup.out)), "digest").GetString();
  }

  std::unique_ptr<Place> place_;
  Sandbox sandbox_;
  std::string url_;
};

TEST_P(BackfillIn, ChangesEveryRecordOnceProvesItAndTakesItBack) {
  const std::string before = digest();
  const std::string file = job("rename.toml", kRename);

  const rapidjson::Document dry = summary({"backfill", "run", file, "--dry-run"});
  EXPECT_EQ(member(dry, "backfill", "would_change").GetUint64(), kItems);
  EXPECT_EQ(digest(), before);

  EXPECT_EQ(sandbox_.bulk({"backfill", "verify", file}).status, 4);
  const rapidjson::Document run = summary({"backfill", "run", file});
  EXPECT_EQ(member(run, "records", "read").GetUint64(), kItems);
  EXPECT_EQ(member(run, "records", "written").GetUint64(), kItems);
  EXPECT_STREQ(member(run, "backfill", "status").GetString(), "completed");
  EXPECT_NE(digest(), before);
  const RunResult changed = sandbox_.bulk({"cat", url_});
  EXPECT_THAT(changed.out, HasSubstr(R"("title":{"S":"Zoë 渡邊 7"})"));
  EXPECT_THAT(changed.out, Not(HasSubstr(R"("name":)")));
  expect_ok(sandbox_.bulk({"backfill", "verify", file}));

  // A second run has nothing to do, and says so without reading the table.
  const rapidjson::Document again = summary({"backfill", "run", file});
  EXPECT_EQ(member(again, "records", "written").GetUint64(), kItems);

  const rapidjson::Document back = summary({"backfill", "rollback", file});
  EXPECT_EQ(member(back, "records", "written").GetUint64(), kItems);
  EXPECT_EQ(digest(), before);
  EXPECT_THAT(sandbox_.bulk({"backfill", "status", file}).out, HasSubstr("rolled back"));

  // And from the beginning.
  EXPECT_EQ(member(summary({"backfill", "run", file}), "records", "written").GetUint64(), kItems);
}

TEST_P(BackfillIn, StopsAtTheLimitAndGoesOn) {
  const std::string file = job("rename.toml", kRename);
  const rapidjson::Document some = summary({"backfill", "run", file, "--limit", "70"});
  EXPECT_EQ(member(some, "records", "written").GetUint64(), 70u);
  EXPECT_STREQ(member(some, "backfill", "status").GetString(), "partial");
  const RunResult table = sandbox_.bulk({"cat", url_});
  std::size_t titles = 0;
  for (std::size_t at = 0; (at = table.out.find(R"("title":)", at)) != std::string::npos; ++at) ++titles;
  EXPECT_EQ(titles, 70u);

  summary({"backfill", "run", file});
  expect_ok(sandbox_.bulk({"backfill", "verify", file}));
}

TEST_P(BackfillIn, RollsBackWhatIsStillAsTheJobLeftItAndListsTheRest) {
  const std::string file = job("rename.toml", kRename);
  summary({"backfill", "run", file});
  // Somebody changes one record, and another one is put anew.
  const std::string touched = R"({"Item":{"pk":{"S":"CUSTOMER#0"},"sk":{"S":"ORDER#3"},"title":{"S":"by hand"}}})";
  sandbox_.write("touched.jsonl", touched + "\n");
  expect_ok(sandbox_.bulk({"restore", "touched.jsonl", "--to", url_, "--force"}));

  const rapidjson::Document back = summary({"backfill", "rollback", file});
  EXPECT_EQ(member(back, "records", "written").GetUint64(), kItems - 1);
  EXPECT_EQ(member(back, "backfill", "changed_since").GetUint64(), 1u);
  std::ifstream report(member(back, "backfill", "changed_since_file").GetString());
  std::string line;
  std::getline(report, line);
  EXPECT_THAT(line, HasSubstr(R"("sk":{"S":"ORDER#3"})"));
  EXPECT_THAT(sandbox_.bulk({"cat", url_}).out, HasSubstr("by hand"));
}

TEST_P(BackfillIn, WritesWholeRecordsWhereToldAndTakesThemBack) {
  const std::string before = digest();
  const std::string file = job("rename.toml", kRename);
  const RunResult put = sandbox_.bulk({"backfill", "run", file, "--write", "put"});
  expect_ok(put);
  EXPECT_THAT(put.err, HasSubstr("bulk: warning: --write put replaces whole records: what others write to one between "
                                 "our read and our write is lost, and one that they delete comes back\n"));
  expect_ok(sandbox_.bulk({"backfill", "verify", file}));
  expect_ok(sandbox_.bulk({"backfill", "rollback", file}));
  EXPECT_EQ(digest(), before);
}

TEST_P(BackfillIn, RunsAModuleWithPlainValues) {
  BULK_REQUIRE_PROGRAM("node");
  const std::string before = digest();
  sandbox_.write("shout.mjs", R"(export const shouldMigrate = (item) => item.shouted === undefined;
export const transform = (item) => ({ ...item, shouted: item.name.toUpperCase(), number: item.number + 1 });
)");
  const std::string file = job(
      "shout.toml", "name = \"shout\"\ntable = \"TABLE\"\nmodule = \"shout.mjs\"\ndepends = [\"name\", \"number\"]\n");
  EXPECT_EQ(member(summary({"backfill", "run", file}), "records", "written").GetUint64(), kItems);
  expect_ok(sandbox_.bulk({"backfill", "verify", file}));
  const RunResult one = sandbox_.bulk({"cat", url_, "--key", R"({"pk":{"S":"CUSTOMER#0"},"sk":{"S":"ORDER#3"}})"});
  EXPECT_THAT(one.out, HasSubstr(R"("shouted":{"S":"ZOË 渡邊 3"})"));
  EXPECT_THAT(one.out, HasSubstr(R"("number":{"N":"4"})"));
  EXPECT_THAT(one.out, HasSubstr(R"({"N":"12345678901234567890123456789012345678"})"));
  expect_ok(sandbox_.bulk({"backfill", "rollback", file}));
  EXPECT_EQ(digest(), before);
}

INSTANTIATE_TEST_SUITE_P(Places, BackfillIn, testing::ValuesIn(all_places()),
                         [](const auto& info) { return info.param; });

// What the place does not matter for.
class Backfill : public testing::Test {
 protected:
  Backfill() {
    write_items(sandbox_.path("in.jsonl"), kItems);
    expect_ok(sandbox_.bulk({"restore", "in.jsonl", "--stage", "local", "--create", "--key", "pk:S,sk:S"}));
    sandbox_.write("rename.toml", R"(name = "rename"
steps = [{ rename = ["name", "title"] }]
)");
  }
  RunResult run(const std::string& file, const Arguments& more = {}) {
    Arguments arguments{"backfill", "run", file, "--stage", "local"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return sandbox_.bulk(arguments);
  }
  std::vector<std::string> content() { return sorted_lines(sandbox_.bulk({"cat", "--stage", "local"}).out); }

  Sandbox sandbox_;
};

TEST_F(Backfill, RefusesAJobThatWouldApplyAgainToItsOwnResult) {
  const auto before = content();
  sandbox_.write("count.toml", R"(name = "count"
update = "SET #n = #n + :one"
[names]
"#n" = "number"
[values]
":one" = { N = "1" }
)");
  const RunResult refused = run("count.toml");
  EXPECT_EQ(refused.status, 13);
  EXPECT_THAT(refused.err, HasSubstr("bulk: the job count would apply again to its own result: it would change the "
                                     "record {"));
  EXPECT_THAT(refused.err,
              HasSubstr("once more; give it a `when` that no longer holds afterwards, or name an attribute "
                        "that marks what is done: marker = \"migrated_by\"\n"));
  EXPECT_EQ(content(), before);

  sandbox_.write("marked.toml", "marker = \"done_by\"\n" + sandbox_.read("count.toml"));
  expect_ok(run("marked.toml"));
  EXPECT_THAT(sandbox_.bulk({"cat", "--stage", "local"}).out, HasSubstr(R"("done_by":{"S":"count"})"));
  expect_ok(sandbox_.bulk({"backfill", "verify", "marked.toml", "--stage", "local"}));
  expect_ok(sandbox_.bulk({"backfill", "rollback", "marked.toml", "--stage", "local"}));
  EXPECT_EQ(content(), before);
}

TEST_F(Backfill, RefusesAFileThatHasChangedSinceTheJobWasDone) {
  expect_ok(run("rename.toml"));
  sandbox_.write("rename.toml", sandbox_.read("rename.toml") + "# a comment\n");
  const RunResult refused = run("rename.toml");
  EXPECT_EQ(refused.status, 13);
  EXPECT_THAT(refused.err, HasSubstr("bulk: 'rename.toml' has changed since the job rename was completed on sqlite:"));
  EXPECT_THAT(refused.err, HasSubstr("; give the changed job another name, or put the file back as it was\n"));
}

TEST_F(Backfill, OfAProtectedStageNeedsConfirmationAndABackup) {
  sandbox_.write("bulk.toml",
                 "[stages.local]\nsource = \"sqlite:.bulk/local.db#local-main-table\"\nprotected = true\n");
  const RunResult unconfirmed = run("rename.toml");
  EXPECT_EQ(unconfirmed.status, 13);
  EXPECT_THAT(unconfirmed.err,
              HasSubstr("belongs to the protected stage local; add --confirm local to change its records\n"));
  const RunResult unsaved = run("rename.toml", {"--confirm", "local"});
  EXPECT_EQ(unsaved.status, 13);
  EXPECT_THAT(unsaved.err,
              HasSubstr("belongs to the protected stage local: a backfill of it needs a backup; add --backup-first\n"));

  const RunResult done = run("rename.toml", {"--confirm", "local", "--backup-first", "--json"});
  EXPECT_EQ(done.status, 0) << done.err;
  const std::string dump = member(parse_json(last_line(done.out)), "backfill", "backup").GetString();
  EXPECT_THAT(sandbox_.bulk({"cat", dump}).out, HasSubstr(R"("name":)"));
  EXPECT_EQ(sandbox_.bulk({"backfill", "rollback", "rename.toml", "--stage", "local"}).status, 13);
  expect_ok(sandbox_.bulk({"backfill", "rollback", "rename.toml", "--stage", "local", "--confirm", "local"}));
}

TEST_F(Backfill, OfAStageWhoseDumpsAreEncryptedIsRefusedBecauseOfItsUndoLog) {
  sandbox_.write("bulk.toml",
                 "[stages.local]\nsource = \"sqlite:.bulk/local.db#local-main-table\"\nencrypt_to = [\"age1x\"]\n");
  const RunResult refused = run("rename.toml");
  EXPECT_EQ(refused.status, 13);
  EXPECT_THAT(refused.err,
              HasSubstr("bulk: an undo log of stage local has to be encrypted (encrypt_to in bulk.toml), and "
                        "this version cannot encrypt; use a version that encrypts\n"));
}

TEST_F(Backfill, NarrowedByWhereIsPartialAndTheNextRunDoesTheRest) {
  const RunResult some = run("rename.toml", {"--where", "number < 100", "--json"});
  ASSERT_EQ(some.status, 0) << some.err;
  const rapidjson::Document first = parse_json(last_line(some.out));
  EXPECT_EQ(member(first, "records", "written").GetUint64(), 100u);
  EXPECT_STREQ(member(first, "backfill", "status").GetString(), "partial");
  const RunResult rest = run("rename.toml", {"--json"});
  ASSERT_EQ(rest.status, 0) << rest.err;
  const rapidjson::Document second = parse_json(last_line(rest.out));
  EXPECT_EQ(member(second, "records", "written").GetUint64(), kItems - 100);
  EXPECT_STREQ(member(second, "backfill", "status").GetString(), "completed");
  const RunResult back = sandbox_.bulk({"backfill", "rollback", "rename.toml", "--stage", "local", "--json"});
  EXPECT_EQ(member(parse_json(last_line(back.out)), "records", "written").GetUint64(), kItems);
}

TEST_F(Backfill, LeavesTheTableAloneWhenAProgramFails) {
  BULK_REQUIRE_PROGRAM("jq");
  const auto before = content();
  const struct {
    const char* program;
    const char* says;
  } cases[] = {
      {R"x(["jq", "-c", "select(.Item.number.N != \"7\")"])x", "bulk: filter jq"},
      {R"x(["jq", "-c", ".,."])x", "bulk: filter jq"},
      {R"x(["jq", "-c", ".Item.pk.S = \"another\""])x", "answered the record"},
      {R"x(["jq", "-c", ".Item.number.N = \"x\""])x", "answered what is no record for"},
      {R"x(["sh", "-c", "echo out of order >&2; exit 3"])x", "out of order"},
      {R"x(["no-such-program"])x", "no-such-program"},
  };
  for (const auto& one : cases) {
    sandbox_.write("bad.toml", std::string("name = \"bad\"\nfilter = ") + one.program + "\n");
    const RunResult failed = run("bad.toml");
    EXPECT_NE(failed.status, 0) << one.program;
    EXPECT_THAT(failed.err, HasSubstr(one.says));
    EXPECT_EQ(content(), before) << one.program;
  }
}

TEST_F(Backfill, CreateWritesAJobThatCanBeRead) {
  const RunResult created = sandbox_.bulk({"backfill", "create", "20261120-rename"});
  expect_ok(created);
  EXPECT_EQ(created.out, "migrations/20261120-rename.toml\n");
  expect_ok(sandbox_.bulk({"backfill", "run", "migrations/20261120-rename.toml", "--stage", "local", "--dry-run"}));
  EXPECT_EQ(sandbox_.bulk({"backfill", "create", "20261120-rename"}).status, 13);
  EXPECT_EQ(sandbox_.bulk({"backfill", "create", "a/b"}).status, 2);
}

TEST_F(Backfill, DryRunShowsBeforeAndAfterOfSomeRecords) {
  const RunResult dry = run("rename.toml", {"--dry-run", "--sample", "50"});
  expect_ok(dry);
  EXPECT_THAT(dry.out, HasSubstr("\n  - \"name\": {\"S\":\"Zoë 渡邊 "));
  EXPECT_THAT(dry.out, HasSubstr("\n  + \"title\": {\"S\":\"Zoë 渡邊 "));
  EXPECT_THAT(dry.err, HasSubstr("Backfill: dry run, nothing was changed\n"));
  EXPECT_EQ(sandbox_.bulk({"backfill", "status", "rename.toml", "--stage", "local"}).status, 10);
}

TEST_F(Backfill, TransformsAndSelectionsWorkOnTheWayOfADump) {
  sandbox_.write("mask.toml", R"(name = "mask"
steps = [{ set = ["name", { S = "masked" }] }, { remove = "raw" }]
)");
  expect_ok(sandbox_.bulk({"backup", "--stage", "local", "--to", "some.jsonl.zst", "--where",
                           "number < 10 AND paid = true", "--transform", "mask.toml"}));
  const RunResult cat = sandbox_.bulk({"cat", "some.jsonl.zst"});
  EXPECT_EQ(std::count(cat.out.begin(), cat.out.end(), '\n'), 5);
  EXPECT_THAT(cat.out, Not(HasSubstr("渡邊")));
  EXPECT_THAT(cat.out, Not(HasSubstr(R"("raw")")));
  expect_ok(sandbox_.bulk({"verify", "some.jsonl.zst"}));
  EXPECT_THAT(sandbox_.bulk({"inspect", "some.jsonl.zst"}).out,
              HasSubstr(R"({"where":"number < 10 AND paid = true","transform":"mask")"));

  // Into a table: read back and compared with what was made of the records.
  const RunResult copy = sandbox_.bulk({"copy", "sqlite:.bulk/local.db#local-main-table", "sqlite:b.db#t", "--create",
                                        "--transform", "mask.toml", "--where", "number >= 10", "--json"});
  ASSERT_EQ(copy.status, 0) << copy.err;
  const rapidjson::Document summary = parse_json(last_line(copy.out));
  EXPECT_EQ(member(summary, "records", "written").GetUint64(), kItems - 10);
  EXPECT_EQ(member(summary, "records", "filtered").GetUint64(), 10u);
  EXPECT_STREQ(member(summary, "verified").GetString(), "content");
}

TEST_F(Backfill, LatestMeansAWholeDump) {
  expect_ok(sandbox_.bulk({"backup", "--stage", "local", "--where", "number < 10"}));
  const RunResult none = sandbox_.bulk({"inspect", "latest", "--stage", "local"});
  EXPECT_EQ(none.status, 10);
  EXPECT_THAT(sandbox_.bulk({"list"}).out, HasSubstr("(a selection)"));
}

}  // namespace
}  // namespace bulk::test
