// Dumps and other programs: zstd and jq read them, pipes carry them, files that other tools made restore.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"
#include "tests/support/shared.h"

namespace bulk::test {
namespace {

using testing::HasSubstr;

class Interop : public testing::Test {
 protected:
  void fill(std::size_t count) {
    write_items(sandbox_.path("items.jsonl"), count);
    expect_ok(
        sandbox_.bulk({"restore", "items.jsonl", "--to", "sqlite:store.db#items", "--create", "--key", "pk:S,sk:S"}));
  }
  // The tables hold the same items.
  void expect_equal(const std::string& a, const std::string& b) {
    const RunResult result = sandbox_.bulk({"diff", a, b});
    EXPECT_EQ(result.status, 0) << result.err << result.out;
  }

  Sandbox sandbox_;
};

TEST_F(Interop, ZstdAndJqReadADump) {
  BULK_REQUIRE_PROGRAM("zstd");
  BULK_REQUIRE_PROGRAM("jq");
  fill(30'000);
  expect_ok(sandbox_.bulk({"backup", "sqlite:store.db#items", "--to", "dump.jsonl.zst"}));
  expect_ok(sandbox_.shell("zstd -q -t dump.jsonl.zst"));
  const RunResult count = sandbox_.shell("zstd -dcq dump.jsonl.zst | jq -c .Item | wc -l");
  EXPECT_EQ(count.out, "30000\n") << count.err;
}

TEST_F(Interop, ADumpEditedWithOtherProgramsRestoresAsUnverified) {
  BULK_REQUIRE_PROGRAM("zstd");
  fill(100);
  expect_ok(sandbox_.bulk({"backup", "sqlite:store.db#items", "--to", "dump.jsonl.zst"}));
  expect_ok(sandbox_.shell("zstd -dcq dump.jsonl.zst | sed 's/渡邊/渡邉/' | zstd -q -o edited.jsonl.zst"));
  expect_ok(sandbox_.bulk(
      {"restore", "edited.jsonl.zst", "--to", "sqlite:store.db#edited", "--create", "--key", "pk:S,sk:S"}));
  EXPECT_EQ(sandbox_.bulk({"diff", "sqlite:store.db#items", "sqlite:store.db#edited"}).status, 4);
  const RunResult verify = sandbox_.bulk({"verify", "edited.jsonl.zst"});
  expect_error(sandbox_, verify, 4,
               "'edited.jsonl.zst' holds 100 legal records but neither counts nor digest: it cannot be proven whole; "
               "--against TARGET compares it with a table");
  expect_ok(sandbox_.bulk({"verify", "edited.jsonl.zst", "--against", "sqlite:store.db#edited"}));
}

// Turned into a dump, a file with doubled keys keeps its order and says so: the last record still wins.
TEST_F(Interop, ADumpOfAFileWithDoubledKeysKeepsItsOrder) {
  std::string text;
  for (int version = 0; version < 40; ++version) {
    for (int key = 0; key < 300; ++key) {
      text += R"({"Item":{"pk":{"S":")" + std::to_string(key) + R"("},"sk":{"S":"s"},"version":{"N":")" +
              std::to_string(version) + R"("},"filler":{"S":")" + std::string(300, 'x') + "\"}}}\n";
    }
  }
  sandbox_.write("doubled.jsonl", text);
  for (const std::string copy : {"part.jsonl.zst", "plain.jsonl"}) {
    expect_ok(sandbox_.bulk({"copy", "doubled.jsonl", copy, "--memory", "16M", "-j", "4"}));
    expect_ok(sandbox_.bulk({"restore", copy, "--to", "sqlite:store.db#" + copy, "--create", "--key", "pk:S,sk:S"}));
    const RunResult latest =
        sandbox_.shell("bulk cat 'sqlite:store.db#" + copy + R"(' | grep -c '"version":{"N":"39"}')");
    EXPECT_EQ(latest.out, "300\n");
  }
  expect_ok(sandbox_.bulk({"verify", "part.jsonl.zst"}));
}

TEST_F(Interop, PipesCarryADumpWithItsSchema) {
  fill(5'000);
  const RunResult result =
      sandbox_.shell("bulk backup sqlite:store.db#items --to - | bulk restore - --to sqlite:store.db#copy --create");
  expect_ok(result);
  expect_equal("sqlite:store.db#items", "sqlite:store.db#copy");
}

TEST_F(Interop, PipesCarryLinesOfOtherPrograms) {
  fill(500);
  expect_ok(
      sandbox_.shell("bulk cat sqlite:store.db#items | grep -v ORDER#77 |"
                     " bulk restore - --to sqlite:store.db#copy --create --key pk:S,sk:S"));
  const RunResult result = sandbox_.bulk({"diff", "sqlite:store.db#items", "sqlite:store.db#copy"});
  EXPECT_EQ(result.status, 4);
  EXPECT_THAT(result.out + result.err, HasSubstr(R"({"pk":{"S":"CUSTOMER#7"},"sk":{"S":"ORDER#77"}})"));
}

TEST_F(Interop, ACatWhoseReaderLeavesEndsWithoutAWord) {
  fill(20'000);
  const RunResult result = sandbox_.shell("set +o pipefail; bulk cat sqlite:store.db#items | head -n 1 > first");
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(sandbox_.read("first"), HasSubstr("{\"Item\":{"));
}

TEST_F(Interop, TheFileOfAScanRestores) {
  BULK_REQUIRE_PROGRAM("jq");
  const std::string sample = std::string(BULK_SOURCE_DIR) + "/examples/shop.jsonl.gz";
  expect_ok(sandbox_.shell("zcat " + sample +
                           " | jq -s '{Items: map(.Item), Count: length, ScannedCount: length}' > scan.json"));
  const RunResult result = sandbox_.bulk(
      {"restore", "scan.json", "--to", "sqlite:store.db#scan", "--create", "--key", "pk:S,sk:S", "--json"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(member(parse_json(last_line(result.out)), "records", "written").GetUint64(), 6'321u);
  expect_ok(sandbox_.bulk({"restore", sample, "--to", "sqlite:store.db#lines", "--create", "--key", "pk:S,sk:S"}));
  expect_equal("sqlite:store.db#scan", "sqlite:store.db#lines");
}

TEST_F(Interop, PlainAndGzippedLinesAreDumpsToo) {
  fill(1'000);
  for (const std::string name : {"lines.jsonl", "lines.jsonl.gz"}) {
    expect_ok(sandbox_.bulk({"backup", "sqlite:store.db#items", "--to", name}));
    expect_ok(
        sandbox_.bulk({"restore", name, "--to", "sqlite:" + name + ".db#items", "--create", "--key", "pk:S,sk:S"}));
    expect_equal("sqlite:store.db#items", "sqlite:" + name + ".db#items");
  }
  EXPECT_EQ(sandbox_.shell("wc -l < lines.jsonl").out, "1000\n");
  EXPECT_EQ(sandbox_.shell("gzip -dc lines.jsonl.gz | wc -l").out, "1000\n");
}

TEST_F(Interop, CopyNeedsNoFileBetween) {
  fill(3'000);
  const RunResult result =
      sandbox_.bulk({"copy", "sqlite:store.db#items", "sqlite:other.db#items", "--create", "--json"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_STREQ(member(parse_json(last_line(result.out)), "verified").GetString(), "content");
  expect_equal("sqlite:store.db#items", "sqlite:other.db#items");
}

}  // namespace
}  // namespace bulk::test
