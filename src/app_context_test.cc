#include "src/app_context.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

constexpr const char* kFile = R"(backup_dir = "dumps"
[stages.default]
source = "sqlite:{stage}.db#{stage}-main-table"
region = "eu-west-1"
profile = "dev"
[stages.prod]
protected = true
encrypt_to = ["age1x"]
webhook = "https://hooks.example/secret"
)";

class Context : public testing::Test {
 protected:
  Context() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(directory_.path());
    std::ofstream("bulk.toml") << kFile;
    options_.command = "restore";
    options_.quiet = true;
  }
  ~Context() override { std::filesystem::current_path(before_); }

  AppContext& context() {
    if (!context_) {
      testing::internal::CaptureStderr();
      context_ = std::make_unique<AppContext>(
          options_, stop_, [](const std::string&) { return std::nullopt; }, summary_, out_);
      errors_ = testing::internal::GetCapturedStderr();
    }
    return *context_;
  }
  std::string error_of(const std::function<void()>& action, ErrorKind kind) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.line();
    }
    return "no error";
  }

  test::TempDir directory_;
  Options options_;
  Summary summary_;
  std::string errors_;

 private:
  std::filesystem::path before_;
  Stop stop_;
  StandardOutput out_;
  std::unique_ptr<AppContext> context_;
};

TEST_F(Context, FlagsWinOverTheStage) {
  options_.stage = "pr-5";
  options_.region = "us-east-1";
  EXPECT_EQ(context().stores.region, "us-east-1");
  EXPECT_EQ(context().stores.profile, "dev");
  EXPECT_EQ(context().stores.endpoint_url, "");
}

TEST_F(Context, AnExplicitEndpointWinsOverTheStagesSource) {
  options_.stage = "pr-5";
  EXPECT_EQ(context().endpoint("", "SOURCE"), "sqlite:pr-5.db#pr-5-main-table");
  EXPECT_EQ(context().endpoint("dynamodb://t", "SOURCE"), "dynamodb://t");
}

TEST_F(Context, PutsTheTableIntoTheStageAlone) {
  options_.stage = "pr-5";
  options_.table = "users";
  EXPECT_EQ(context().endpoint("", "SOURCE"), "sqlite:pr-5.db#pr-5-users-table");
  EXPECT_EQ(error_of([&] { context().endpoint("dynamodb://t", "SOURCE"); }, ErrorKind::usage),
            "--table goes with --stage, not with an endpoint; name the table in SOURCE");
}

TEST_F(Context, NeedsAnEndpointOrAStage) {
  EXPECT_EQ(error_of([&] { context().endpoint("", "TARGET"); }, ErrorKind::usage),
            "no TARGET and no --stage; see bulk restore --help");
}

TEST_F(Context, NamesDumpsByTableAndTime) {
  const WallTime time{std::chrono::seconds(1'737'806'400)};
  EXPECT_EQ(context().new_dump_path("pr-5-main-table", time), "dumps/pr-5-main-table-20250125-120000.jsonl.zst");
  EXPECT_EQ(context().new_dump_path("../a/b c", time), "dumps/_._a_b_c-20250125-120000.jsonl.zst");
  EXPECT_EQ(context().new_dump_path("", time), "dumps/table-20250125-120000.jsonl.zst");
}

TEST_F(Context, AsksForConfirmationOfAProtectedStagesTable) {
  AppContext& here = context();
  const auto target = here.open("sqlite:prod.db#prod-main-table");
  const std::string line = error_of([&] { here.require_confirmation(*target, "drop it"); }, ErrorKind::refused);
  EXPECT_EQ(line, target->url() + " belongs to the protected stage prod; add --confirm prod to drop it");
  EXPECT_NO_THROW(here.require_confirmation(*here.open("sqlite:dev.db#dev-main-table"), "drop it"));
}

TEST_F(Context, ConfirmationHasToNameTheStage) {
  options_.confirm = "dev";
  const auto target = context().open("sqlite:prod.db#prod-main-table");
  EXPECT_THROW(context().require_confirmation(*target, "drop it"), Error);
  options_.confirm = "prod";
  EXPECT_NO_THROW(context().require_confirmation(*target, "drop it"));
}

TEST_F(Context, AProtectedStageIsProtectedWhereverFlagsLeadIt) {
  options_.stage = "prod";
  options_.table = "anything";
  const auto target = context().open(context().endpoint("", "TARGET"));
  EXPECT_THROW(context().require_confirmation(*target, "drop it"), Error);
}

TEST_F(Context, RefusesADumpInPlainOfAStageThatHasToBeEncrypted) {
  const auto prod = context().open("sqlite:prod.db#prod-main-table");
  EXPECT_EQ(
      error_of([&] { context().refuse_plain_dump(*prod); }, ErrorKind::refused),
      "a dump of stage prod has to be encrypted (encrypt_to in bulk.toml), and this version cannot encrypt; use a "
      "version that encrypts");
  const auto dev = context().open("sqlite:dev.db#dev-main-table");
  EXPECT_NO_THROW(context().refuse_plain_dump(*dev));
}

TEST_F(Context, WarnsThatTheWebhookIsNotCalledAndDoesNotShowIt) {
  options_.stage = "prod";
  context();
  EXPECT_EQ(errors_, "bulk: warning: stage prod has a webhook, and this version sends no notifications\n");
  EXPECT_EQ(summary_.warnings,
            std::vector<std::string>{"stage prod has a webhook, and this version sends no notifications"});
}

TEST_F(Context, DoesNotWarnWhereNothingWouldBeSent) {
  options_.stage = "prod";
  options_.command = "list";
  context();
  EXPECT_EQ(errors_, "");
}

}  // namespace
}  // namespace bulk
