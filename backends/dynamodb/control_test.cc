#include "backends/dynamodb/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/dynamodb/fixture.h"
#include "tests/fault_server.h"

namespace bulk {
namespace {

using test::Faults;
using test::FaultServer;
using test::Job;
using test::TinyHttpServer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What read_side_settings() notes when every optional question is answered so.
std::vector<std::string> notes_for(const TinyHttpServer::Reply& reply, std::uint64_t* asked = nullptr) {
  Faults faults;
  faults.reply = [&](const std::string&, const std::string&) { return reply; };
  FaultServer server(faults);
  Job job;
  const auto client = job.client(server.url("main"));
  std::vector<std::string> notes = read_side_settings(*client, "arn").not_copied;
  if (asked != nullptr) *asked = server.requests("ListTagsOfResource");
  return notes;
}

const auto kAllUnread =
    ElementsAre("TimeToLive (could not be read)", "Tags (could not be read)", "PointInTimeRecovery (could not be read)",
                "ResourcePolicy (could not be read)", "KinesisStreamingDestination (could not be read)",
                "ContributorInsights (could not be read)");

TEST(OptionalQuestions, DoNotSinkABackupWhenTheyAreNotAnswered) {
  std::uint64_t asked = 0;
  EXPECT_THAT(notes_for({500, R"({"__type":"x#InternalServerError"})", {}}, &asked), kAllUnread);
  EXPECT_EQ(asked, 4u);
  EXPECT_THAT(notes_for({400, R"({"__type":"x#ThrottlingException"})", {}}, &asked), kAllUnread);
  EXPECT_EQ(asked, 4u);
  EXPECT_THAT(notes_for({200, "[", {}}), kAllUnread);
}

TEST(OptionalQuestions, AreNotRepeatedWhenTheyAreRefused) {
  std::uint64_t asked = 0;
  EXPECT_THAT(notes_for({501, R"({"__type":"InternalFailure","message":"not yet implemented"})", {}}, &asked),
              kAllUnread);
  EXPECT_EQ(asked, 1u);
  EXPECT_THAT(notes_for({400, R"({"__type":"x#ValidationException"})", {}}, &asked), kAllUnread);
  EXPECT_EQ(asked, 1u);
}

TEST(OptionalQuestions, HideNothingWhereTheEndpointKnowsNoSuchThing) {
  EXPECT_THAT(notes_for({400, R"({"__type":"x#UnknownOperationException"})", {}}), IsEmpty());
  EXPECT_THAT(notes_for({400, R"({"__type":"x#PolicyNotFoundException"})", {}}), IsEmpty());
}

TEST(OptionalQuestions, EndWhenTheJobStops) {
  Faults faults;
  faults.internal_error = 1;
  FaultServer server(faults);
  Job job;
  const auto client = job.client(server.url("main"));
  job.stop.fail(std::make_exception_ptr(Error::interrupted(2)));
  EXPECT_THROW(read_side_settings(*client, "arn"), Error);
}

}  // namespace
}  // namespace bulk
