#include "backends/dynamodb/late_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "backends/dynamodb/control.h"
#include "backends/dynamodb/fixture.h"
#include "tests/fault_server.h"

namespace bulk {
namespace {

using test::Faults;
using test::FaultServer;
using test::Job;
using test::TinyHttpServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

LateSettings stream_and_protection() {
  LateSettings late;
  late.stream_view = "NEW_IMAGE";
  late.deletion_protected = true;
  return late;
}

class LateSettingsTest : public ::testing::Test {
 protected:
  LateSettingsTest() { server_.create_table(test::create_table_body("main")); }

  std::vector<std::string> apply(const LateSettings& late) {
    return apply_late_settings(*job_.client(server_.url("main")), "arn", late);
  }

  // The operation is answered so for the first `times` times.
  void answer(const std::string& operation, const TinyHttpServer::Reply& reply, int times) {
    Faults faults;
    faults.reply = [=, left = std::make_shared<std::atomic<int>>(times)](
                       const std::string& asked, const std::string&) -> std::optional<TinyHttpServer::Reply> {
      if (asked != operation || (*left)-- <= 0) return std::nullopt;
      return reply;
    };
    server_.set(faults);
  }

  LateSettings settings_now() {
    const auto reply = describe_table(*job_.client(server_.url("main")));
    return read_late_settings(read_schema(*reply, {}));
  }

  FaultServer server_;
  Job job_;
};

TEST_F(LateSettingsTest, AreSeenThroughOneAfterTheOther) {
  Faults faults;
  faults.updating_polls = 4;  // the first of them still shows the old state
  server_.set(faults);
  EXPECT_THAT(apply(stream_and_protection()), IsEmpty());
  EXPECT_EQ(server_.requests("UpdateTable"), 2u) << "each once: the second waited for the first";
  EXPECT_EQ(settings_now().stream_view, "NEW_IMAGE");
  EXPECT_TRUE(settings_now().deletion_protected);
}

class PassingRefusal : public LateSettingsTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(PassingRefusal, IsOutlasted) {
  answer("UpdateTable", {400, std::string(R"({"__type":"x#)") + GetParam() + "\"}", {}}, 3);
  LateSettings late;
  late.deletion_protected = true;
  EXPECT_THAT(apply(late), IsEmpty());
  EXPECT_EQ(server_.requests("UpdateTable"), 4u);
  EXPECT_TRUE(settings_now().deletion_protected);
}

INSTANTIATE_TEST_SUITE_P(LateSettings, PassingRefusal,
                         ::testing::Values("ResourceInUseException", "TableInUseException", "LimitExceededException"));

TEST_F(LateSettingsTest, WaitUntilBackupsOfANewTableAreAvailable) {
  Faults faults;
  int asked = 0;
  faults.reply = [&](const std::string& operation, const std::string&) -> std::optional<TinyHttpServer::Reply> {
    if (operation != "UpdateContinuousBackups") return std::nullopt;
    if (++asked < 4) {
      return TinyHttpServer::Reply{
          400, R"({"__type":"x#ContinuousBackupsUnavailableException","message":"Backups are being enabled"})", {}};
    }
    return TinyHttpServer::Reply{200, "{}", {}};
  };
  server_.set(faults);
  LateSettings late;
  late.side.point_in_time_recovery = true;
  EXPECT_THAT(apply(late), IsEmpty());
  EXPECT_EQ(asked, 4);
}

TEST_F(LateSettingsTest, AreNamedAsFailedWithTheServicesText) {
  answer("UpdateTable", {400, R"({"__type":"x#ResourceInUseException","message":"busy"})", {}}, 1'000'000);
  EXPECT_THAT(apply(stream_and_protection()), ElementsAre("FAILED: stream: ResourceInUseException: busy",
                                                          "FAILED: deletion protection: ResourceInUseException: busy"));
  answer("UpdateTable", {400, R"({"__type":"x#AccessDeniedException","message":"no"})", {}}, 1);
  LateSettings late;
  late.deletion_protected = true;
  EXPECT_THAT(apply(late), ElementsAre("FAILED: deletion protection: AccessDeniedException: no"));
  answer("UpdateTable", {400, R"({"__type":"x#LimitExceededException","message":"500"})", {}}, 1'000'000);
  EXPECT_THAT(apply(late), ElementsAre(MatchesRegex("FAILED: deletion protection: UpdateTable on table 'main' at .*: "
                                                    "gave up after .* over .*: LimitExceededException: 500")));
}

TEST_F(LateSettingsTest, AreNamedWhenTheEndpointAcceptsThemAndDoesNotKeepThem) {
  answer("UpdateTable", {200, "{}", {}}, 1);
  LateSettings late;
  late.deletion_protected = true;
  EXPECT_THAT(apply(late), ElementsAre("FAILED: deletion protection: not there after it has been accepted"));
}

TEST_F(LateSettingsTest, OfALostReplyOrAnEarlierRunCountAsMade) {
  Faults faults;
  faults.operations = {"UpdateTable", "UpdateTimeToLive"};
  faults.lost_replies = 2;
  faults.updating_polls = 3;
  server_.set(faults);
  LateSettings late = stream_and_protection();
  late.side.ttl_attribute = "ttl";
  EXPECT_THAT(apply(late), IsEmpty());
  EXPECT_THAT(apply(late), IsEmpty());
  late.side.ttl_attribute = "other";
  late.stream_view = "KEYS_ONLY";
  EXPECT_THAT(apply(late),
              ElementsAre("FAILED: time to live on 'other': ValidationException: TimeToLive is already enabled",
                          HasSubstr("FAILED: stream: ValidationException: Table already has an enabled stream")));
}

TEST_F(LateSettingsTest, EndWhenTheJobStops) {
  RetryPolicy slow;
  slow.throttled_base = slow.cap = std::chrono::hours(1);
  answer("UpdateTable", {400, R"({"__type":"x#ResourceInUseException"})", {}}, 1'000'000);
  const auto client = job_.client(server_.url("main"), slow);
  std::thread stopper([&] {
    while (server_.requests("UpdateTable") == 0) std::this_thread::yield();
    job_.stop.fail(std::make_exception_ptr(Error::interrupted(2)));
  });
  LateSettings late;
  late.deletion_protected = true;
  EXPECT_THROW(apply_late_settings(*client, "arn", late), Error);
  stopper.join();
}

}  // namespace
}  // namespace bulk
