// What the program refuses to do to data unless it is told to: exit status 13, one line, and nothing has changed.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"

namespace bulk::test {
namespace {

class Refusals : public testing::Test {
 protected:
  void SetUp() override {
    write_items(sandbox_.path("ten.jsonl"), 10);
    write_items(sandbox_.path("twenty.jsonl"), 20);
    sandbox_.write(
        "bulk.toml",
        "[stages.default]\nsource = \"sqlite:store.db#{stage}-main-table\"\n[stages.prod]\nprotected = true\n");
  }
  void fill(const std::string& stage, const std::string& file) {
    expect_ok(sandbox_.bulk({"restore", file, "--stage", stage, "--create", "--key", "pk:S,sk:S", "--confirm", stage}));
  }
  std::size_t records(const std::string& table) {
    const RunResult result = sandbox_.bulk({"cat", "sqlite:store.db#" + table});
    expect_ok(result);
    return static_cast<std::size_t>(std::count(result.out.begin(), result.out.end(), '\n'));
  }

  Sandbox sandbox_;
};

TEST_F(Refusals, ToRestoreOverData) {
  fill("dev", "ten.jsonl");
  expect_error(sandbox_, sandbox_.bulk({"restore", "twenty.jsonl", "--stage", "dev"}), 13,
               "table 'sqlite:DIRstore.db#dev-main-table' holds data; --force merges (records with the same key are "
               "replaced), --only-missing adds only new keys");
  EXPECT_EQ(records("dev-main-table"), 10u);
}

TEST_F(Refusals, OfOnlyMissingForAFileThatMayHoldAKeyTwice) {
  fill("dev", "ten.jsonl");
  expect_error(sandbox_, sandbox_.bulk({"restore", "twenty.jsonl", "--stage", "dev", "--only-missing"}), 2,
               "twenty.jsonl may hold a key twice, and --only-missing would keep the first record, not the last; use "
               "--force, or another table");
  EXPECT_EQ(records("dev-main-table"), 10u);
}

TEST_F(Refusals, ToListWhenARestoreWasMeant) {
  expect_error(sandbox_, sandbox_.bulk({"restore", "", "--stage", "dev", "--force"}), 2,
               "an argument is empty: is a variable not set?; see bulk restore --help");
  expect_error(sandbox_, sandbox_.bulk({"restore", "--stage", "dev", "--force"}), 2,
               "restore what? there is no DUMP; bulk restore alone lists what there is");
}

TEST_F(Refusals, OfAnotherKeyThanTheDumps) {
  fill("dev", "ten.jsonl");
  expect_ok(sandbox_.bulk({"backup", "--stage", "dev", "--to", "dump.jsonl.zst"}));
  expect_error(sandbox_, sandbox_.bulk({"restore", "dump.jsonl.zst", "--stage", "other", "--create", "--key", "id:N"}),
               13, "the source's key is pk:S,sk:S, --key says id:N; leave --key out");
}

TEST_F(Refusals, OfAnOlderDumpWhenTheLatestIsDamaged) {
  fill("dev", "ten.jsonl");
  expect_ok(sandbox_.bulk({"backup", "--stage", "dev"}));
  sandbox_.shell("sleep 0.02; mv backups backup; mkdir backups; mv backup/*.zst backups/dev-main-table-1.jsonl.zst");
  expect_ok(sandbox_.bulk({"restore", "latest", "--stage", "dev", "--force", "-n"}));
  sandbox_.shell("sleep 0.02; head -c 500 backups/dev-main-table-1.jsonl.zst > backups/dev-main-table-2.jsonl.zst");
  const RunResult result = sandbox_.bulk({"restore", "latest", "--stage", "dev", "--force"});
  EXPECT_EQ(result.status, 4) << result.err;
  EXPECT_THAT(result.err, testing::StartsWith("bulk: backups/dev-main-table-2.jsonl.zst is newer than "
                                              "backups/dev-main-table-1.jsonl.zst but no sound dump: "));
}

TEST_F(Refusals, OfAFlagThatContradictsTheEndpoint) {
  expect_error(sandbox_, sandbox_.bulk({"backup", "dynamodb://t?region=eu-west-1", "--region", "us-east-1"}), 2,
               "--region says one thing and the endpoint of table t another; leave one of them out");
}

TEST_F(Refusals, OfTwoOutputsInOneStream) {
  fill("dev", "ten.jsonl");
  const RunResult result = sandbox_.bulk({"backup", "--stage", "dev", "--to", "-", "--json"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.err, "bulk: --to - and --json both want standard output; leave one of them out\n");
}

TEST_F(Refusals, EndWithForceWhichMerges) {
  fill("dev", "twenty.jsonl");
  sandbox_.write("one.jsonl", R"({"Item":{"pk":{"S":"CUSTOMER#0"},"sk":{"S":"ORDER#3"},"new":{"BOOL":true}}})");
  expect_ok(sandbox_.bulk({"restore", "one.jsonl", "--stage", "dev", "--force"}));
  EXPECT_EQ(records("dev-main-table"), 20u);
  const RunResult replaced =
      sandbox_.bulk({"cat", "--stage", "dev", "--key", R"({"pk":{"S":"CUSTOMER#0"},"sk":{"S":"ORDER#3"}})"});
  EXPECT_EQ(replaced.out,
            "{\"Item\":{\"pk\":{\"S\":\"CUSTOMER#0\"},\"sk\":{\"S\":\"ORDER#3\"},\"new\":{\"BOOL\":true}}}\n");
}

TEST_F(Refusals, EndWithOnlyMissingWhichAdds) {
  fill("dev", "ten.jsonl");
  fill("more", "twenty.jsonl");
  expect_ok(sandbox_.bulk({"backup", "--stage", "more", "--to", "twenty.jsonl.zst"}));
  const RunResult result = sandbox_.bulk({"restore", "twenty.jsonl.zst", "--stage", "dev", "--only-missing", "--json"});
  expect_ok(result);
  EXPECT_EQ(member(parse_json(last_line(result.out)), "records", "written").GetUint64(), 10u);
  EXPECT_EQ(member(parse_json(last_line(result.out)), "records", "filtered").GetUint64(), 10u);
  EXPECT_EQ(records("dev-main-table"), 20u);
}

TEST_F(Refusals, OfATableWithAnotherKey) {
  fill("dev", "ten.jsonl");
  expect_ok(sandbox_.bulk({"backup", "--stage", "dev", "--to", "dump.jsonl.zst"}));
  sandbox_.write("none.jsonl", "");
  expect_ok(sandbox_.bulk({"restore", "none.jsonl", "--stage", "other", "--create", "--key", "id:N"}));
  expect_error(sandbox_, sandbox_.bulk({"restore", "dump.jsonl.zst", "--stage", "other"}), 13,
               "the key schema differs: the source has pk:S,sk:S, table 'sqlite:DIRstore.db#other-main-table' has "
               "id:N; restore into another table, or delete this one and use --create");
  expect_error(sandbox_, sandbox_.bulk({"restore", "dump.jsonl.zst", "--stage", "other", "--force"}), 13,
               "the key schema differs: the source has pk:S,sk:S, table 'sqlite:DIRstore.db#other-main-table' has "
               "id:N; restore into another table, or delete this one and use --create");
  EXPECT_EQ(records("other-main-table"), 0u);
}

TEST_F(Refusals, OfATableThatIsNotThereWithoutCreate) {
  expect_error(sandbox_, sandbox_.bulk({"restore", "ten.jsonl", "--stage", "dev"}), 10,
               "no table 'sqlite:DIRstore.db#dev-main-table'; add --create to make it");
  EXPECT_FALSE(sandbox_.exists("store.db"));
}

TEST_F(Refusals, ToOverwriteADump) {
  fill("dev", "ten.jsonl");
  sandbox_.write("dump.jsonl.zst", "precious");
  expect_error(sandbox_, sandbox_.bulk({"backup", "--stage", "dev", "--to", "dump.jsonl.zst"}), 13,
               "'dump.jsonl.zst' exists; name another file or remove it");
  EXPECT_EQ(sandbox_.read("dump.jsonl.zst"), "precious");
}

TEST_F(Refusals, OfAProtectedStage) {
  fill("prod", "ten.jsonl");
  expect_ok(sandbox_.bulk({"backup", "--stage", "prod", "--to", "dump.jsonl.zst"}));
  expect_error(
      sandbox_, sandbox_.bulk({"restore", "twenty.jsonl", "--stage", "prod", "--force"}), 13,
      "sqlite:DIRstore.db#prod-main-table belongs to the protected stage prod; add --confirm prod to write into it");
  expect_error(
      sandbox_, sandbox_.bulk({"restore", "twenty.jsonl", "--stage", "prod", "--force", "--confirm", "dev"}), 13,
      "sqlite:DIRstore.db#prod-main-table belongs to the protected stage prod; add --confirm prod to write into it");
  expect_error(
      sandbox_, sandbox_.bulk({"drop", "--stage", "prod", "--backed-up-by", "dump.jsonl.zst", "--yes"}), 13,
      "sqlite:DIRstore.db#prod-main-table belongs to the protected stage prod; add --confirm prod to delete it");
  EXPECT_EQ(records("prod-main-table"), 10u);
}

TEST_F(Refusals, OfAProtectedTableHoweverItIsNamed) {
  fill("prod", "ten.jsonl");
  std::filesystem::create_symlink(sandbox_.path("store.db"), sandbox_.path("alias.db"));
  for (const std::string& url :
       {std::string("sqlite:store.db#prod-main-table"), std::string("sqlite:./store.db#prod-main-table"),
        "sqlite:" + sandbox_.path("store.db") + "#prod-main-table", std::string("sqlite:alias.db#prod-main-table")}) {
    const RunResult result = sandbox_.bulk({"restore", "twenty.jsonl", "--to", url, "--force", "--yes"});
    EXPECT_EQ(result.status, 13) << url << ": " << result.err;
    EXPECT_THAT(result.err, testing::HasSubstr("--confirm prod")) << url;
  }
  EXPECT_EQ(records("prod-main-table"), 10u);
}

TEST_F(Refusals, EndWithConfirm) {
  fill("prod", "ten.jsonl");
  expect_ok(sandbox_.bulk({"restore", "twenty.jsonl", "--stage", "prod", "--force", "--confirm", "prod"}));
  EXPECT_EQ(records("prod-main-table"), 20u);
}

TEST_F(Refusals, ToDropWhatTheDumpDoesNotHold) {
  fill("dev", "ten.jsonl");
  expect_ok(sandbox_.bulk({"backup", "--stage", "dev", "--to", "dump.jsonl.zst"}));
  expect_ok(sandbox_.bulk({"restore", "twenty.jsonl", "--stage", "dev", "--force"}));
  const RunResult result = sandbox_.bulk({"drop", "--stage", "dev", "--backed-up-by", "dump.jsonl.zst", "--yes", "-q"});
  expect_error(
      sandbox_, result, 13,
      "'sqlite:DIRstore.db#dev-main-table' holds 10 records that 'dump.jsonl.zst' does not hold, and lacks 0, for "
      R"(example {"pk":{"S":"CUSTOMER#1"},"sk":{"S":"ORDER#15"}}; take a new backup)");
  EXPECT_EQ(records("dev-main-table"), 20u);
}

TEST_F(Refusals, ToDropWithoutYesWhereNobodyCanBeAsked) {
  fill("dev", "ten.jsonl");
  expect_ok(sandbox_.bulk({"backup", "--stage", "dev", "--to", "dump.jsonl.zst"}));
  expect_error(
      sandbox_, sandbox_.bulk({"drop", "--stage", "dev", "--backed-up-by", "dump.jsonl.zst"}), 13,
      "'sqlite:DIRstore.db#dev-main-table' is backed up by the dump and was not deleted; add --yes to delete it");
  EXPECT_EQ(records("dev-main-table"), 10u);
}

TEST_F(Refusals, LeaveADryRunWithoutEffect) {
  fill("dev", "ten.jsonl");
  expect_ok(sandbox_.bulk({"backup", "--stage", "dev", "--to", "dump.jsonl.zst"}));
  expect_ok(sandbox_.bulk({"restore", "twenty.jsonl", "--stage", "dev", "--force", "--dry-run"}));
  expect_ok(sandbox_.bulk({"backup", "--stage", "dev", "--dry-run"}));
  expect_ok(sandbox_.bulk({"drop", "--stage", "dev", "--backed-up-by", "dump.jsonl.zst", "--dry-run"}));
  EXPECT_EQ(records("dev-main-table"), 10u);
  EXPECT_FALSE(sandbox_.exists("backups"));
}

}  // namespace
}  // namespace bulk::test
