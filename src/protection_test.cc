#include "src/protection.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

class Protection : public testing::Test {
 protected:
  // The name of the protecting stage, or "".
  std::string protecting(const std::string& toml, const std::string& table) {
    return found(toml, table, protecting_stage);
  }
  std::string encrypting(const std::string& toml, const std::string& table) {
    return found(toml, table, encrypting_stage);
  }

  // With keys, so that nothing is asked for credentials; a home without files.
  std::map<std::string, std::string> variables_{{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                                {"AWS_SECRET_ACCESS_KEY", "secret"},
                                                {"AWS_REGION", "eu-west-1"},
                                                {"HOME", "/nonexistent"}};

 private:
  template <typename Find>
  std::string found(const std::string& toml, const std::string& table, Find find) {
    const Config config = parse_config(toml, "bulk.toml", "");
    const auto environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto value = variables_.find(name);
      if (value == variables_.end()) return std::nullopt;
      return value->second;
    };
    StoreContext context{stop_, stats_, environment, "test", "", "", ""};
    const auto store = open_store(table, context);
    return find(config, *store, context).value_or("");
  }

  Stop stop_;
  RequestStats stats_;
};

constexpr const char* kPinned = R"([stages.default]
source = "dynamodb://{stage}-main-table"
[stages.prod]
protected = true
source = "dynamodb://prod-main-table?region=us-east-1"
)";

TEST_F(Protection, IsOfTheTableHoweverItWasNamed) {
  EXPECT_EQ(protecting(kPinned, "dynamodb://prod-main-table?region=us-east-1"), "prod");
  EXPECT_EQ(protecting(kPinned, "dynamodb://dev-main-table?region=us-east-1"), "");
  EXPECT_EQ(protecting(kPinned, "sqlite:/elsewhere/x.db#prod-main-table"), "");
  variables_["AWS_REGION"] = "us-east-1";
  EXPECT_EQ(protecting(kPinned, "dynamodb://arn:aws:dynamodb:us-east-1:123456789012:table/prod-main-table"), "prod");
}

TEST_F(Protection, StopsWhereTheStageSaysMore) {
  EXPECT_EQ(protecting(kPinned, "dynamodb://prod-main-table?region=eu-central-1"), "");
  EXPECT_EQ(protecting(kPinned, "dynamodb://prod-main-table?region=us-east-1&endpoint=http://127.0.0.1:8000"), "prod")
      << "the stage leaves the endpoint open";
}

TEST_F(Protection, HoldsForWhatTheStageLeavesOpen) {
  const std::string open = "[stages.prod]\nprotected = true\n";
  EXPECT_EQ(protecting(open, "dynamodb://prod-main-table"), "prod");
  EXPECT_EQ(protecting(open, "dynamodb://prod-main-table?region=us-west-2"), "prod");
}

TEST_F(Protection, ComparesEndpointsByWhatTheyMean) {
  const std::string local = "[stages.prod]\nprotected = true\nendpoint_url = \"http://localhost:8000\"\n";
  EXPECT_EQ(protecting(local, "dynamodb://prod-main-table?endpoint=http://127.0.0.1:8000"), "prod");
  EXPECT_EQ(protecting(local, "dynamodb://prod-main-table?endpoint=http://127.0.0.1:9000"), "");
}

TEST_F(Protection, OfAPatternReachesTheStagesThatItDecidesAbout) {
  const std::string patterns = R"([stages."pr-*"]
protected = true
[stages.pr-5]
protected = false
)";
  EXPECT_EQ(protecting(patterns, "dynamodb://pr-6-main-table"), "pr-6");
  EXPECT_EQ(protecting(patterns, "dynamodb://pr-5-main-table"), "");
  EXPECT_EQ(protecting(patterns, "dynamodb://prod-main-table"), "");
}

TEST_F(Protection, OfTheDefaultReachesAllOthers) {
  const std::string all = R"([stages.default]
protected = true
source = "dynamodb://app-{stage}-data"
[stages."pr-*"]
protected = false
)";
  EXPECT_EQ(protecting(all, "dynamodb://app-dev-data"), "dev");
  EXPECT_EQ(protecting(all, "dynamodb://app-pr-5-data"), "");
  EXPECT_EQ(protecting(all, "dynamodb://other-dev-data"), "");
}

TEST_F(Protection, ReachesTheFurtherTablesOfAStage) {
  const std::string two = "[stages.prod]\nprotected = true\n[stages.prod-eu]\nprotected = false\n";
  EXPECT_EQ(protecting(two, "dynamodb://prod-users-table"), "prod");
  EXPECT_EQ(protecting(two, "dynamodb://prod-eu-main-table"), "");
  EXPECT_EQ(protecting(two, "dynamodb://prod--table"), "");
  EXPECT_EQ(protecting(two, "dynamodb://production-users-table"), "");
  EXPECT_EQ(protecting("[stages.\"prod-*\"]\nprotected = true\n", "dynamodb://prod-1-users-table"), "prod-1");
}

TEST_F(Protection, FailsSafeWhereTheNameFitsAndTheRestCannotBeKnown) {
  const std::string unset = "[stages.prod]\nprotected = true\nregion = \"${PROD_REGION}\"\n";
  EXPECT_EQ(protecting(unset, "dynamodb://prod-main-table"), "prod");
  EXPECT_EQ(protecting(unset, "dynamodb://dev-main-table"), "");
  const std::string name = "[stages.prod]\nprotected = true\nsource = \"dynamodb://prod-${SUFFIX}\"\n";
  EXPECT_EQ(protecting(name, "dynamodb://prod-anything"), "prod");
  EXPECT_EQ(protecting(name, "dynamodb://dev-anything"), "");
  variables_["SUFFIX"] = "data";
  EXPECT_EQ(protecting(name, "dynamodb://prod-anything"), "");
  EXPECT_EQ(protecting(name, "dynamodb://prod-data"), "prod");
  const std::string profile = "[stages.prod]\nprotected = true\nprofile = \"not-on-this-machine\"\n";
  EXPECT_EQ(protecting(profile, "dynamodb://prod-main-table"), "prod");
}

TEST_F(Protection, OfAPatternWithoutAnythingToTellItsStagesApartGoesByTheName) {
  const std::string shared = "[stages.\"prod-*\"]\nprotected = true\nsource = \"dynamodb://shared-table\"\n";
  EXPECT_EQ(protecting(shared, "dynamodb://shared-table"), "prod-*");
  EXPECT_EQ(protecting(shared, "dynamodb://other-table"), "");
}

TEST_F(Protection, NeedsNoVariablesThatDoNotLocateTheTable) {
  EXPECT_EQ(
      protecting(std::string(kPinned) + "webhook = \"${SLACK}\"\n", "dynamodb://prod-main-table?region=eu-central-1"),
      "");
  EXPECT_EQ(
      protecting(std::string(kPinned) + "webhook = \"${SLACK}\"\n", "dynamodb://prod-main-table?region=us-east-1"),
      "prod");
}

TEST_F(Protection, WorksForEmbeddedStores) {
  const test::TempDir directory;
  const std::string database = directory.file("prod.db");
  const std::string toml =
      "[stages.\"prod*\"]\nprotected = true\nsource = \"sqlite:" + directory.path().string() + "/{stage}.db#items\"\n";
  EXPECT_EQ(protecting(toml, "sqlite:" + database + "#items"), "prod");
  EXPECT_EQ(protecting(toml, "sqlite:" + directory.path().string() + "/./prod.db#items"), "prod");
  EXPECT_EQ(protecting(toml, "sqlite:" + directory.file("dev.db") + "#items"), "");
  EXPECT_EQ(protecting(toml, "sqlite:" + database + "#others"), "");
}

TEST_F(Protection, IsNoneWithoutAFile) {
  EXPECT_EQ(protecting("", "dynamodb://prod-main-table"), "");
}

TEST_F(Protection, EncryptionIsFoundInTheSameWay) {
  const std::string toml = "[stages.prod]\nencrypt_to = [\"age1x\"]\n[stages.dev]\nencrypt_to = []\n";
  EXPECT_EQ(encrypting(toml, "dynamodb://prod-main-table"), "prod");
  EXPECT_EQ(encrypting(toml, "dynamodb://dev-main-table"), "");
  EXPECT_EQ(protecting(toml, "dynamodb://prod-main-table"), "");
}

TEST(SameIdentity, TakesWhatIsNotKnownForTheSame) {
  EXPECT_TRUE(same_identity("dynamodb table t in r", "dynamodb table t in r"));
  EXPECT_TRUE(same_identity("dynamodb table t in r of account 1", "dynamodb table t in r"));
  EXPECT_FALSE(same_identity("dynamodb table t in r of account 1", "dynamodb table t in r of account 2"));
  EXPECT_FALSE(same_identity("dynamodb table t in r", "dynamodb table t in r2"));
  EXPECT_TRUE(same_identity("sqlite:/x.db", "sqlite:/x.db#t"));
  EXPECT_FALSE(same_identity("sqlite:/x.db#a", "sqlite:/x.db#b"));
}

}  // namespace
}  // namespace bulk
