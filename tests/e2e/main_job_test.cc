// The job the program exists for, on each kind of store: back up a stage, drop its table, restore it, prove it. Tables
// of sizes at which batches of 25 begin and end, a big one, and real data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/place.h"
#include "tests/e2e/program.h"
#include "tests/support/shared.h"

namespace bulk::test {
namespace {

using testing::MatchesRegex;

// Items as text that two programs can be compared by: members and sets sorted, one per line, lines sorted.
constexpr const char* kNormalise =
    R"(jq -cS '.Item | walk(if type == "object" then with_entries(if .key | IN("SS","NS","BS") then .value |= sort else . end))"
    R"( else . end)' | LC_ALL=C sort)";

class MainJob : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    place_ = open_place(GetParam());
    if (place_ == nullptr) GTEST_SKIP() << "no " << GetParam() << "; scripts/test installs it";
    sandbox_.environment.insert(place_->environment.begin(), place_->environment.end());
    sandbox_.write("bulk.toml", "[stages.\"pr-*\"]\nsource = \"" + place_->url("{stage}-main-table") + "\"\n");
  }

  // Fills the stage's table from a file of lines, then backs up, drops, restores and verifies.
  void run(const std::string& file, const std::string& key, std::uint64_t records) {
    RunResult result = sandbox_.bulk({"restore", file, "--stage", "pr-5", "--create", "--key", key, "--json"});
    ASSERT_EQ(result.status, 0) << result.err;
    const std::string digest = check_summary(result, records);

    result = sandbox_.bulk({"backup", "--stage", "pr-5", "--json"});
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(check_summary(result, records), digest);
    const std::string dump = member(parse_json(last_line(result.out)), "target").GetString();
    EXPECT_THAT(dump, MatchesRegex("(.*/)?backups/pr-5-main-table-[0-9]{8}-[0-9]{6}\\.jsonl\\.zst"));
    ASSERT_TRUE(sandbox_.exists(dump));
    check_with_other_programs(file, dump, records);

    result = sandbox_.bulk({"drop", place_->url("pr-5-main-table"), "--backed-up-by", dump, "--yes"});
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(sandbox_.bulk({"cat", place_->url("pr-5-main-table")}).status, 10);

    result = sandbox_.bulk({"restore", dump, "--create", "--json"});
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(check_summary(result, records), digest);

    result = sandbox_.bulk({"verify", dump, "--against", place_->url("pr-5-main-table")});
    EXPECT_EQ(result.status, 0) << result.err;
    result = sandbox_.bulk({"diff", file, place_->url("pr-5-main-table")});
    EXPECT_EQ(result.status, 0) << result.err;
  }

  // Every record accounted for and compared; returns the digest.
  static std::string check_summary(const RunResult& result, std::uint64_t records) {
    const rapidjson::Document summary = parse_json(last_line(result.out));
    EXPECT_STREQ(member(summary, "status").GetString(), "ok");
    EXPECT_EQ(member(summary, "records", "read").GetUint64(), records);
    EXPECT_EQ(member(summary, "records", "written").GetUint64(), records);
    EXPECT_EQ(member(summary, "records", "rejected").GetUint64(), 0u);
    EXPECT_EQ(member(summary, "records", "superseded").GetUint64(), 0u);
    EXPECT_STREQ(member(summary, "verified").GetString(), "content");
    return member(summary, "digest").GetString();
  }

  // zstd and jq read the dump, and find in it what was in the file. (Of a big one, as many lines: jq is slow, and the
  // servers write numbers in their own way.)
  void check_with_other_programs(const std::string& file, const std::string& dump, std::uint64_t records) {
    if (!have_program("jq") || !have_program("zstd")) return;
    const std::string dumped = "zstd -t -q '" + dump + "' && zstd -dcq '" + dump + "' | ";
    const std::string given = std::string(file.ends_with(".gz") ? "zcat" : "cat") + " '" + file + "' | ";
    const std::string read = records > 1'000 ? "wc -l" : kNormalise;
    const RunResult result =
        sandbox_.shell(dumped + read + " > dumped && " + given + read + " > given && cmp dumped given");
    EXPECT_EQ(result.status, 0) << result.out << result.err;
  }

  std::unique_ptr<Place> place_;
  Sandbox sandbox_;
};

std::string parameter_name(const testing::TestParamInfo<std::string>& info) {
  return info.param;
}

INSTANTIATE_TEST_SUITE_P(On, MainJob, testing::ValuesIn(all_places()), parameter_name);

TEST_P(MainJob, ReturnsAnEmptyTable) {
  write_items(sandbox_.path("items.jsonl"), 0);
  run("items.jsonl", "pk:S,sk:S", 0);
}

TEST_P(MainJob, ReturnsOneItem) {
  write_items(sandbox_.path("items.jsonl"), 1);
  run("items.jsonl", "pk:S,sk:S", 1);
}

TEST_P(MainJob, ReturnsExactlyOneBatchOfItems) {
  write_items(sandbox_.path("items.jsonl"), 25);
  run("items.jsonl", "pk:S,sk:S", 25);
}

TEST_P(MainJob, ReturnsOneItemMoreThanABatch) {
  write_items(sandbox_.path("items.jsonl"), 26);
  run("items.jsonl", "pk:S,sk:S", 26);
}

TEST_P(MainJob, ReturnsAHundredThousandItems) {
  write_items(sandbox_.path("items.jsonl"), 100'000);
  run("items.jsonl", "pk:S,sk:S", 100'000);
}

TEST_P(MainJob, ReturnsTheSampleShop) {
  run(std::string(BULK_SOURCE_DIR) + "/examples/shop.jsonl.gz", "pk:S,sk:S", 6'321);
}

TEST_P(MainJob, ReturnsTheMovies) {
  BULK_REQUIRE_SHARED("samples/derived/movies.ddb.jsonl.gz");
  run(shared_file("samples/derived/movies.ddb.jsonl.gz"), "year:N,title:S", 4'609);
}

TEST_P(MainJob, ReturnsAProductCatalogue) {
  BULK_REQUIRE_SHARED("samples/aws-doc-sdk-examples/ProductCatalog.json");
  // The file is the body of a BatchWriteItem request: {"TABLE":[{"PutRequest":{"Item":...}},...]}.
  const rapidjson::Document request =
      parse_json(read_file(shared_file("samples/aws-doc-sdk-examples/ProductCatalog.json")));
  std::string lines;
  std::uint64_t count = 0;
  for (const rapidjson::Value& put : member(request, "ProductCatalog").GetArray()) {
    rapidjson::StringBuffer line;
    rapidjson::Writer<rapidjson::StringBuffer> writer(line);
    member(put, "PutRequest").Accept(writer);
    lines += line.GetString() + std::string("\n");
    ++count;
  }
  ASSERT_GT(count, 0u);
  sandbox_.write("products.jsonl", lines);
  run("products.jsonl", "Id:N", count);
}

}  // namespace
}  // namespace bulk::test
