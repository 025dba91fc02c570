#include "backends/dynamodb/control.h"

#include <algorithm>
#include <chrono>
#include <functional>

namespace bulk {
namespace {

using std::chrono::milliseconds;
constexpr std::chrono::minutes kPatience{10};

std::string table_body(const DynamoDbClient& client, const std::string& members = {}) {
  return "{\"TableName\":" + json_quoted(client.table_text()) + members + "}";
}

// Asks `done` again and again, at first quickly: it gets the state, which is empty when the table is gone.
void wait_for_state(DynamoDbClient& client, const std::function<bool(const TableDescription&)>& done) {
  const SteadyTime start = std::chrono::steady_clock::now();
  milliseconds pause{50};
  while (true) {
    TableDescription description;
    if (const auto reply = describe_table(client)) description = read_description(*reply);
    if (done(description)) return;
    if (std::chrono::steady_clock::now() - start > kPatience) {
      const std::string state = description.status.empty() ? "not there" : description.status;
      throw Error(ErrorKind::remote, "table '" + client.table().name + "' is still " + state + " after 600 s",
                  "try again");
    }
    if (client.stop().wait_for(pause)) client.stop().check();
    pause = std::min(pause * 2, milliseconds(2'000));
  }
}

// An optional question: the reply, or nothing when it was refused. A refusal for want of permission is noted, because
// what it hides might be there.
std::optional<rapidjson::Document> ask(DynamoDbClient& client, std::string_view operation, const std::string& body,
                                       const std::string& setting, SideSettings& side) {
  rapidjson::Document document;
  const DynamoDbReply reply = client.try_call(operation, body, document);
  if (reply.kind == DynamoDbReply::Kind::ok) return document;
  if (reply.code.starts_with("AccessDenied")) side.not_copied.push_back(setting + " (no permission to read it)");
  return std::nullopt;
}

void read_tags(DynamoDbClient& client, const std::string& arn, SideSettings& side) {
  constexpr int kMostPages = 20;  // the service allows 50 tags in all
  std::string token;
  bool system_tags = false;
  for (int page = 0; page < kMostPages; ++page) {
    std::string body = "{\"ResourceArn\":" + json_quoted(arn);
    if (!token.empty()) body += ",\"NextToken\":" + json_quoted(token);
    const auto reply = ask(client, "ListTagsOfResource", body + "}", "Tags", side);
    if (!reply) return;
    if (const auto* tags = json_member(&*reply, "Tags"); tags != nullptr && tags->IsArray()) {
      for (const auto& tag : tags->GetArray()) {
        const std::string_view key = json_text(&tag, "Key");
        // Names that begin with aws: are the service's own and cannot be set.
        if (key.starts_with("aws:")) {
          system_tags = true;
        } else if (!key.empty()) {
          side.tags.emplace_back(key, json_text(&tag, "Value"));
        }
      }
    }
    token = json_text(&*reply, "NextToken");
    if (token.empty()) break;
  }
  if (system_tags) side.not_copied.emplace_back("Tags of AWS services (aws:...)");
}

}  // namespace

std::optional<rapidjson::Document> describe_table(DynamoDbClient& client) {
  rapidjson::Document document;
  const DynamoDbReply reply = client.try_call("DescribeTable", table_body(client), document);
  if (reply.kind == DynamoDbReply::Kind::ok) return document;
  if (reply.code == "ResourceNotFoundException") return std::nullopt;
  throw client.refusal("DescribeTable", reply);
}

void wait_until_active(DynamoDbClient& client) {
  wait_for_state(client, [](const TableDescription& table) { return table.active; });
}

void wait_until_gone(DynamoDbClient& client) {
  wait_for_state(client, [](const TableDescription& table) { return table.status.empty(); });
}

SideSettings read_side_settings(DynamoDbClient& client, const std::string& arn) {
  SideSettings side;
  const std::string table = table_body(client);
  const std::string resource = "{\"ResourceArn\":" + json_quoted(arn) + "}";
  if (const auto reply = ask(client, "DescribeTimeToLive", table, "TimeToLive", side)) {
    const auto* ttl = json_member(&*reply, "TimeToLiveDescription");
    const std::string_view status = json_text(ttl, "TimeToLiveStatus");
    if (status == "ENABLED" || status == "ENABLING") side.ttl_attribute = json_text(ttl, "AttributeName");
  }
  read_tags(client, arn, side);
  if (const auto reply = ask(client, "DescribeContinuousBackups", table, "PointInTimeRecovery", side)) {
    const auto* recovery =
        json_member(json_member(&*reply, "ContinuousBackupsDescription"), "PointInTimeRecoveryDescription");
    side.point_in_time_recovery = json_text(recovery, "PointInTimeRecoveryStatus") == "ENABLED";
    side.recovery_period_days = static_cast<int>(std::clamp(json_number(recovery, "RecoveryPeriodInDays"), 0.0, 35.0));
  }
  // Settings that a dump has no place for: named when they are there.
  if (const auto reply = ask(client, "GetResourcePolicy", resource, "ResourcePolicy", side)) {
    if (!json_text(&*reply, "Policy").empty()) side.not_copied.emplace_back("ResourcePolicy");
  }
  if (const auto reply =
          ask(client, "DescribeKinesisStreamingDestination", table, "KinesisStreamingDestination", side)) {
    const auto* destinations = json_member(&*reply, "KinesisDataStreamDestinations");
    const auto is_on = [](const rapidjson::Value& destination) {
      const std::string_view status = json_text(&destination, "DestinationStatus");
      return status == "ACTIVE" || status == "ENABLING" || status == "UPDATING";
    };
    if (destinations != nullptr && destinations->IsArray() &&
        std::any_of(destinations->Begin(), destinations->End(), is_on)) {
      side.not_copied.emplace_back("KinesisStreamingDestination");
    }
  }
  if (const auto reply = ask(client, "DescribeContributorInsights", table, "ContributorInsights", side)) {
    const std::string_view status = json_text(&*reply, "ContributorInsightsStatus");
    if (status == "ENABLED" || status == "ENABLING") side.not_copied.emplace_back("ContributorInsights");
  }
  return side;
}

std::vector<std::string> apply_late_settings(DynamoDbClient& client, const std::string& arn, const LateSettings& late) {
  std::vector<std::string> failed;
  // The data are there and proven by now: nothing that goes wrong here may make the run look as if they were not.
  const auto apply = [&](const std::string& setting, std::string_view operation, const std::string& body) {
    try {
      const DynamoDbReply reply = client.try_call(operation, body, DynamoDbClient::Hooks{});
      if (reply.kind == DynamoDbReply::Kind::ok) {
        if (operation == "UpdateTable") wait_until_active(client);
        return;
      }
      const bool unknown = reply.code == "UnknownOperationException";
      failed.push_back(setting + ": " + (unknown ? "not known to this endpoint" : reply.text()));
    } catch (const Error& error) {
      if (client.stop().stopped()) throw;
      failed.push_back(setting + ": " + error.what());
    }
  };
  const SideSettings& side = late.side;
  if (!side.ttl_attribute.empty()) {
    apply("time to live on '" + side.ttl_attribute + "'", "UpdateTimeToLive",
          table_body(client, ",\"TimeToLiveSpecification\":{\"Enabled\":true,\"AttributeName\":" +
                                 json_quoted(side.ttl_attribute) + "}"));
  }
  if (!side.tags.empty()) {
    std::string tags;
    for (const auto& [key, value] : side.tags) {
      if (!tags.empty()) tags += ',';
      tags += "{\"Key\":" + json_quoted(key) + ",\"Value\":" + json_quoted(value) + "}";
    }
    apply("tags", "TagResource", "{\"ResourceArn\":" + json_quoted(arn) + ",\"Tags\":[" + tags + "]}");
  }
  if (!late.stream_view.empty()) {
    apply("stream", "UpdateTable",
          table_body(client, ",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":" +
                                 json_quoted(late.stream_view) + "}"));
  }
  if (side.point_in_time_recovery) {
    std::string specification = "{\"PointInTimeRecoveryEnabled\":true";
    if (side.recovery_period_days > 0) {
      specification += ",\"RecoveryPeriodInDays\":" + std::to_string(side.recovery_period_days);
    }
    apply("point-in-time recovery", "UpdateContinuousBackups",
          table_body(client, ",\"PointInTimeRecoverySpecification\":" + specification + "}"));
  }
  if (late.deletion_protected) {
    apply("deletion protection", "UpdateTable", table_body(client, ",\"DeletionProtectionEnabled\":true"));
  }
  return failed;
}

}  // namespace bulk
