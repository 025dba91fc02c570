#include "src/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "io/error.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

constexpr const char* kExample = R"(backup_dir = "dumps"
[stages.default]
source = "dynamodb://{stage}-main-table"
region = "eu-west-1"
[stages."pr-*"]
profile = "dev"
[stages."pr-prod-*"]
protected = true
[stages.pr-5]
region = "us-west-2"
[stages.prod]
protected = true
source = "dynamodb://prod-main-table?region=us-east-1"
encrypt_to = ["age1qqq"]
webhook = "${SLACK_WEBHOOK}"
)";

Environment variables(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

Config parsed(const std::string& text) {
  return parse_config(text, "bulk.toml", "");
}

std::string error_of(const std::function<void()>& action, ErrorKind kind = ErrorKind::usage) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.line();
  }
  return "no error";
}

std::string parse_error_of(const std::string& text) {
  return error_of([&] { parsed(text); });
}

TEST(Stage, InheritsFromTheDefault) {
  const Stage stage = resolve_stage(parsed(kExample), "dev", variables({}));
  EXPECT_EQ(stage.source, "dynamodb://dev-main-table");
  EXPECT_EQ(stage.region, "eu-west-1");
  EXPECT_EQ(stage.profile, "");
  EXPECT_FALSE(stage.is_protected);
}

TEST(Stage, ExactNameBeatsPatternAndTheLongestPatternWins) {
  const Config config = parsed(kExample);
  EXPECT_EQ(resolve_stage(config, "pr-7", variables({})).profile, "dev");
  // One rule besides the default decides, so the profile of "pr-*" does not reach these two.
  EXPECT_EQ(resolve_stage(config, "pr-5", variables({})).profile, "");
  EXPECT_EQ(resolve_stage(config, "pr-5", variables({})).region, "us-west-2");
  EXPECT_TRUE(resolve_stage(config, "pr-prod-1", variables({})).is_protected);
  EXPECT_EQ(resolve_stage(config, "pr-prod-1", variables({})).profile, "");
}

TEST(Stage, OfEquallyLongPatternsTheFirstInTheFileWins) {
  const Config config = parsed("[stages.\"x*\"]\nregion = \"first\"\n[stages.\"*y\"]\nregion = \"second\"\n");
  EXPECT_EQ(resolve_stage(config, "xy", variables({})).region, "first");
}

TEST(Stage, TakesVariablesFromTheEnvironment) {
  const Stage stage = resolve_stage(parsed(kExample), "prod", variables({{"SLACK_WEBHOOK", "https://hooks/{stage}"}}));
  EXPECT_EQ(stage.webhook, "https://hooks/{stage}") << "values of variables are taken as they are";
  EXPECT_EQ(stage.encrypt_to, std::vector<std::string>{"age1qqq"});
  EXPECT_TRUE(stage.is_protected);
  EXPECT_EQ(stage.source, "dynamodb://prod-main-table?region=us-east-1");
}

TEST(Stage, AnUnsetVariableIsAnErrorOfTheStageThatUsesItAlone) {
  const Config config = parsed(kExample);
  const std::string expected =
      "bulk.toml, line 15: webhook of [stages.prod] needs the environment variable SLACK_WEBHOOK, which is not set; "
      "set SLACK_WEBHOOK";
  EXPECT_EQ(error_of([&] { resolve_stage(config, "prod", variables({})); }), expected);
  EXPECT_EQ(error_of([&] { resolve_stage(config, "prod", variables({{"SLACK_WEBHOOK", ""}})); }), expected);
  EXPECT_NO_THROW(resolve_stage(config, "dev", variables({})));
}

TEST(Stage, RefusesAnUnfinishedVariable) {
  const Config config = parsed("[stages.a]\nregion = \"x${Y\"\n[stages.b]\nregion = \"${}\"\n");
  EXPECT_EQ(error_of([&] { resolve_stage(config, "a", variables({})); }),
            "bulk.toml, line 2: region of [stages.a] has a \"${\" without \"NAME}\"; write ${NAME}");
  EXPECT_EQ(error_of([&] { resolve_stage(config, "b", variables({})); }),
            "bulk.toml, line 4: region of [stages.b] has a \"${\" without \"NAME}\"; write ${NAME}");
}

TEST(Stage, WithoutAFileLocalIsTheEmbeddedStoreAndOthersAreTables) {
  EXPECT_EQ(resolve_stage({}, "local", variables({})).source, "sqlite:.bulk/local.db#local-main-table");
  EXPECT_EQ(resolve_stage({}, "pr-5", variables({})).source, "dynamodb://pr-5-main-table");
  EXPECT_EQ(backup_directory({}, variables({})), "backups");
}

TEST(Stage, AFileThatNamesStagesMakesAllOthersUnknown) {
  const Config config = parsed("[stages.prod]\nprotected = true\n[stages.\"pr-*\"]\n");
  EXPECT_EQ(error_of([&] { resolve_stage(config, "prd", variables({})); }, ErrorKind::not_found),
            "no stage prd in bulk.toml; stages there: prod, pr-*");
  EXPECT_EQ(resolve_stage(config, "prod", variables({})).source, "dynamodb://prod-main-table");
  EXPECT_EQ(resolve_stage(config, "local", variables({})).source, "sqlite:.bulk/local.db#local-main-table");
}

TEST(Stage, RefusesNamesThatWouldChangeTheEndpoint) {
  for (const std::string name : {"", "a/b", "a?region=x", "a b", "pr-*", "default", "ü"}) {
    EXPECT_EQ(error_of([&] { resolve_stage({}, name, variables({})); }),
              "\"" + name + "\" cannot be the name of a stage; use letters, digits, . _ and -");
  }
  EXPECT_THROW(resolve_stage({}, std::string(129, 'a'), variables({})), Error);
}

TEST(Stage, SeesRelativePathsFromTheFolderOfTheFile) {
  const Config config = parse_config(
      "[stages.default]\nsource = \"sqlite:data/{stage}.db#t\"\n[stages.abs]\nsource = "
      "\"sqlite:/x/y.db\"\n[stages.file]\nsource = \"d/x.jsonl\"",
      "/etc/p/bulk.toml", "/etc/p");
  EXPECT_EQ(resolve_stage(config, "a", variables({})).source, "sqlite:/etc/p/data/a.db#t");
  EXPECT_EQ(resolve_stage(config, "abs", variables({})).source, "sqlite:/x/y.db");
  EXPECT_EQ(resolve_stage(config, "file", variables({})).source, "/etc/p/d/x.jsonl");
  EXPECT_EQ(backup_directory(config, variables({})), "/etc/p/backups");
}

TEST(StageSource, PutsTheTableIntoTheForm) {
  Stage stage;
  stage.name = "pr-5";
  stage.source = "dynamodb://pr-5-main-table?region=x";
  EXPECT_EQ(stage_source(stage, ""), "dynamodb://pr-5-main-table?region=x");
  EXPECT_EQ(stage_source(stage, "main"), "dynamodb://pr-5-main-table?region=x");
  EXPECT_EQ(stage_source(stage, "users"), "dynamodb://pr-5-users-table?region=x");
  EXPECT_EQ(stage_source(stage, "pr-5-other"), "dynamodb://pr-5-other?region=x");
  stage.source = "dynamodb://app-pr-5-table";
  EXPECT_EQ(stage_source(stage, "users"), "dynamodb://users");
  stage.name = "local";
  stage.source = "sqlite:.bulk/local.db#local-main-table";
  EXPECT_EQ(stage_source(stage, "users"), "sqlite:.bulk/local.db#local-users-table");
  stage.source = "sqlite:x.db";
  EXPECT_EQ(stage_source(stage, "users"), "sqlite:x.db#users");
}

TEST(StageSource, RefusesATableThatWouldChangeTheEndpoint) {
  Stage stage;
  stage.name = "a";
  stage.source = "dynamodb://a-main-table";
  EXPECT_EQ(error_of([&] { stage_source(stage, "x?endpoint=http://evil"); }),
            "--table \"x?endpoint=http://evil\" cannot be the name of a table; use letters, digits, . _ and -");
  stage.source = "x.jsonl.zst";
  EXPECT_EQ(error_of([&] { stage_source(stage, "x"); }),
            "--table: the source of stage a has no tables; leave --table out");
}

TEST(ConfigFile, SubstitutesInBackupDir) {
  const Config config = parsed("backup_dir = \"${ROOT}/dumps\"");
  EXPECT_EQ(backup_directory(config, variables({{"ROOT", "/srv"}})), "/srv/dumps");
  EXPECT_EQ(error_of([&] { backup_directory(config, variables({})); }),
            "bulk.toml, line 1: backup_dir needs the environment variable ROOT, which is not set; set ROOT");
}

TEST(ConfigFile, RefusesUnknownKeysWithTheirLine) {
  EXPECT_EQ(parse_error_of("\nbackupdir = \"x\""),
            "bulk.toml, line 2: unknown key backupdir; known are backup_dir, state_dir and [stages.NAME]");
  EXPECT_EQ(parse_error_of("[stages.prod]\nprotectd = true"),
            "bulk.toml, line 2: unknown key protectd of [stages.prod]; known are source, protected, profile, region, "
            "endpoint_url, encrypt_to and webhook");
}

TEST(ConfigFile, RefusesWrongTypesWithTheirLine) {
  EXPECT_EQ(parse_error_of("[stages.prod]\nprotected = \"yes\""),
            "bulk.toml, line 2: protected of [stages.prod] has to be true or false; write protected = true");
  EXPECT_EQ(parse_error_of("backup_dir = 3"),
            "bulk.toml, line 1: backup_dir has to be a text that is not empty; write it in quotes");
  EXPECT_EQ(parse_error_of("[stages.a]\nsource = \"\""),
            "bulk.toml, line 2: source of [stages.a] has to be a text that is not empty; write it in quotes");
  EXPECT_EQ(parse_error_of("[stages.a]\nencrypt_to = \"age1\""),
            "bulk.toml, line 2: encrypt_to of [stages.a] has to be a list of texts; write [\"...\"]");
  EXPECT_EQ(parse_error_of("stages = 1"), "bulk.toml, line 1: stages has to be tables; write [stages.NAME]");
  EXPECT_EQ(parse_error_of("[stages]\nprod = 1"),
            "bulk.toml, line 2: stages.prod has to be a table; write [stages.prod]");
  EXPECT_EQ(parse_error_of("[stages.\"a b\"]"),
            "bulk.toml, line 1: \"a b\" cannot be the name of a stage; use letters, digits, . _ - and * in patterns");
}

TEST(ConfigFile, ReportsWhatIsNotToml) {
  const std::string line = parse_error_of("[stages.prod]\nprotected = \n");
  EXPECT_TRUE(line.starts_with("bulk.toml, line 2: ")) << line;
  EXPECT_TRUE(line.ends_with("; correct the file")) << line;
}

TEST(ConfigFile, SurvivesDamage) {
  std::mt19937 random(5);
  const std::string whole = kExample;
  for (int round = 0; round < 2'000; ++round) {
    std::string text = whole;
    for (int edit = 0; edit < 3; ++edit) text[random() % text.size()] = static_cast<char>(random());
    try {
      parsed(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
    }
  }
}

class InFolder {
 public:
  explicit InFolder(const std::filesystem::path& folder) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder);
  }
  ~InFolder() { std::filesystem::current_path(before_); }
  InFolder(const InFolder&) = delete;

 private:
  std::filesystem::path before_;
};

TEST(LoadConfig, LooksUpwardThenInTheHomeFolder) {
  const test::TempDir directory;
  const auto root = std::filesystem::canonical(directory.path());
  std::filesystem::create_directories(root / "project/deep/deeper");
  std::filesystem::create_directories(root / "home/.config/bulk");
  std::filesystem::create_directories(root / "xdg/bulk");
  std::ofstream(root / "project/bulk.toml") << "backup_dir = \"a\"";
  std::ofstream(root / "home/.config/bulk/bulk.toml") << "backup_dir = \"b\"";
  std::ofstream(root / "xdg/bulk/bulk.toml") << "backup_dir = \"c\"";
  {
    const InFolder in(root / "project/deep/deeper");
    const Config config = load_config("", variables({}));
    EXPECT_EQ(config.path, (root / "project/bulk.toml").string());
    EXPECT_EQ(std::filesystem::absolute(backup_directory(config, variables({}))).lexically_normal(),
              root / "project/a");
  }
  {
    const InFolder in(root / "project");
    EXPECT_EQ(load_config("", variables({})).path, "bulk.toml");
    EXPECT_EQ(backup_directory(load_config("", variables({})), variables({})), "a");
  }
  const InFolder in(root);
  const auto home = variables({{"HOME", (root / "home").string()}});
  EXPECT_EQ(backup_directory(load_config("", home), home), "b");
  const auto xdg = variables({{"HOME", (root / "home").string()}, {"XDG_CONFIG_HOME", (root / "xdg").string()}});
  EXPECT_EQ(backup_directory(load_config("", xdg), xdg), "c");
  EXPECT_EQ(load_config("", variables({})).path, "");
  EXPECT_EQ(backup_directory(load_config("project/bulk.toml", home), home), "project/a");
  EXPECT_EQ(error_of([&] { load_config("nowhere.toml", home); }, ErrorKind::usage),
            "no file 'nowhere.toml'; check --config");
}

TEST(StateDirectory, IsThatOfTheFileThenOfXdgThenOfTheHome) {
  const auto home = variables({{"HOME", "/home/ann"}});
  const auto xdg = variables({{"HOME", "/home/ann"}, {"XDG_STATE_HOME", "/state"}});
  EXPECT_EQ(state_directory(parsed(""), variables({})), "");
  EXPECT_EQ(state_directory(parsed(""), home), "/home/ann/.local/state/bulk");
  EXPECT_EQ(state_directory(parsed(""), xdg), "/state/bulk");
  EXPECT_EQ(state_directory(parse_config("state_dir = \"../s/${NAME}\"", "conf/bulk.toml", "conf"),
                            variables({{"NAME", "n"}, {"XDG_STATE_HOME", "/state"}})),
            "conf/../s/n");
  EXPECT_EQ(state_directory(parse_config("state_dir = \"/s\"", "conf/bulk.toml", "conf"), home), "/s");
}

TEST(StateDirectory, IgnoresVariablesThatAreRelative) {
  EXPECT_EQ(state_directory(parsed(""), variables({{"HOME", "/home/ann"}, {"XDG_STATE_HOME", "state"}})),
            "/home/ann/.local/state/bulk");
  EXPECT_EQ(state_directory(parsed(""), variables({{"HOME", "home"}, {"XDG_STATE_HOME", ""}})), "");
}

TEST(StateDirectory, NamesTheVariableThatIsNotSet) {
  EXPECT_EQ(error_of([] { state_directory(parsed("state_dir = \"${NO_SUCH}/s\""), variables({})); }),
            "bulk.toml, line 1: state_dir needs the environment variable NO_SUCH, which is not set; set NO_SUCH");
  EXPECT_EQ(parse_error_of("state_dir = 3"),
            "bulk.toml, line 1: state_dir has to be a text that is not empty; write it in quotes");
}

TEST(StateDirectory, IsMadeForItsOwnerOnly) {
  const test::TempDir temporary;
  const std::string path = temporary.file("a/b/c");
  make_state_directory(path);
  make_state_directory(path);
  for (const char* made : {"a", "a/b", "a/b/c"}) {
    EXPECT_EQ(std::filesystem::status(temporary.path() / made).permissions(), std::filesystem::perms::owner_all);
  }
}

TEST(StateDirectory, SaysWhatToSetWhereItCannotBeMade) {
  const test::TempDir temporary;
  std::ofstream(temporary.file("file")) << "x";
  EXPECT_EQ(error_of([&] { make_state_directory(temporary.file("file/state")); }, ErrorKind::failed),
            "cannot make folder '" + temporary.file("file") + "': Not a directory; set state_dir in bulk.toml");
  EXPECT_EQ(error_of([] { make_state_directory(""); }, ErrorKind::failed),
            "no folder for the state of runs: HOME is not set; set state_dir in bulk.toml");
}

TEST(MatchesPattern, TreatsTheStarAsAnyRun) {
  EXPECT_TRUE(matches_pattern("pr-*", "pr-5"));
  EXPECT_TRUE(matches_pattern("pr-*", "pr-"));
  EXPECT_FALSE(matches_pattern("pr-*", "pr"));
  EXPECT_TRUE(matches_pattern("*-prod-*", "eu-prod-prod-1"));
  EXPECT_TRUE(matches_pattern("a*b*c", "aXbXbc"));
  EXPECT_FALSE(matches_pattern("a*b*c", "aXbXcb"));
  EXPECT_TRUE(matches_pattern("", ""));
  EXPECT_TRUE(matches_pattern("**", ""));
  EXPECT_FALSE(matches_pattern("", "a"));
}

}  // namespace
}  // namespace bulk
