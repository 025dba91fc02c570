#include "backends/dynamodb/control.h"

#include <algorithm>

namespace bulk {
namespace {

using std::chrono::milliseconds;
constexpr std::chrono::minutes kPatience{10};
constexpr milliseconds kLongestPause{5'000};

std::string table_body(const DynamoDbClient& client, const std::string& members = {}) {
  return "{\"TableName\":" + json_quoted(client.table_text()) + members + "}";
}

// Asks `done` again and again, at first quickly: it gets the state, which is empty when the table is gone, and
// DescribeTable's reply, null then.
void wait_for_state(DynamoDbClient& client,
                    const std::function<bool(const TableDescription&, const rapidjson::Document*)>& done) {
  const SteadyTime start = std::chrono::steady_clock::now();
  milliseconds pause{50};
  while (true) {
    TableDescription description;
    const auto reply = describe_table(client);
    if (reply) description = read_description(*reply);
    if (done(description, reply ? &*reply : nullptr)) return;
    if (std::chrono::steady_clock::now() - start > kPatience) {
      const std::string state = description.status.empty() ? "not there" : description.status;
      throw Error(ErrorKind::remote, "table '" + client.table().name + "' is still " + state + " after 600 s",
                  "try again");
    }
    if (client.stop().wait_for(pause)) client.stop().check();
    pause = std::min(pause * 2, milliseconds(2'000));
  }
}

// An optional question: the reply, or nothing when it was refused or not answered in a few attempts, which must not
// sink a backup. It is noted then, because what stays hidden might be there, unless the endpoint has no such operation.
std::optional<rapidjson::Document> ask(DynamoDbClient& client, std::string_view operation, const std::string& body,
                                       const std::string& setting, SideSettings& side) {
  RetryPolicy brief = client.policy();
  brief.give_up_after = brief.throttled_give_up_after = milliseconds::zero();
  brief.min_attempts = 4;
  brief.transient_base *= 10;  // few attempts, so further apart: with the usual bases over some seconds
  brief.throttled_base *= 10;
  std::string_view why = " (could not be read)";
  try {
    rapidjson::Document document;
    const DynamoDbReply reply = client.try_call(operation, body, document, brief);
    if (reply.kind == DynamoDbReply::Kind::ok) return document;
    // The second is how the service says that there is no policy.
    if (reply.code == "UnknownOperationException" || reply.code == "PolicyNotFoundException") return std::nullopt;
    if (reply.code.starts_with("AccessDenied")) why = " (no permission to read it)";
  } catch (const Error& error) {
    if (client.stop().stopped() || error.kind() != ErrorKind::remote) throw;
  }
  side.not_copied.push_back(setting + std::string(why));
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

RetryPolicy control_policy(const DynamoDbClient& client) {
  constexpr milliseconds kThrottlingPatience{30'000};
  RetryPolicy policy = client.policy();
  policy.throttled_give_up_after = std::min(policy.throttled_give_up_after, kThrottlingPatience);
  policy.cap = std::min(policy.cap, kLongestPause);
  return policy;
}

void wait_until_active(DynamoDbClient& client) {
  wait_for_state(client, [](const TableDescription& table, const auto*) { return table.active; });
}

void wait_until_gone(DynamoDbClient& client) {
  wait_for_state(client, [](const TableDescription& table, const auto*) { return table.status.empty(); });
}

bool wait_until_shown(DynamoDbClient& client, const std::function<bool(const rapidjson::Document&)>& shown,
                      milliseconds patience) {
  std::optional<SteadyTime> active_since;
  bool is_shown = false;
  wait_for_state(client, [&](const TableDescription& table, const rapidjson::Document* reply) {
    if (reply == nullptr || !table.active) return false;
    is_shown = shown(*reply);
    const SteadyTime now = std::chrono::steady_clock::now();
    if (!active_since) active_since = now;
    return is_shown || now - *active_since >= patience;
  });
  return is_shown;
}

std::string read_time_to_live(const rapidjson::Document& reply) {
  const auto* ttl = json_member(&reply, "TimeToLiveDescription");
  const std::string_view status = json_text(ttl, "TimeToLiveStatus");
  return status == "ENABLED" || status == "ENABLING" ? std::string(json_text(ttl, "AttributeName")) : std::string();
}

SideSettings read_side_settings(DynamoDbClient& client, const std::string& arn) {
  SideSettings side;
  const std::string table = table_body(client);
  const std::string resource = "{\"ResourceArn\":" + json_quoted(arn) + "}";
  if (const auto reply = ask(client, "DescribeTimeToLive", table, "TimeToLive", side)) {
    side.ttl_attribute = read_time_to_live(*reply);
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

}  // namespace bulk
