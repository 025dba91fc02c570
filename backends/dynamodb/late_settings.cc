#include "backends/dynamodb/late_settings.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>

#include "backends/dynamodb/control.h"

namespace bulk {
namespace {

using std::chrono::milliseconds;

// The service refuses a change while another one is under way, and point-in-time recovery of a table that is very new.
bool is_passing(const DynamoDbReply& reply) {
  constexpr std::array<std::string_view, 3> kCodes = {"ResourceInUseException", "TableInUseException",
                                                      "ContinuousBackupsUnavailableException"};
  return std::find(kCodes.begin(), kCodes.end(), reply.code) != kCodes.end();
}

class LateSettingsRun {
 public:
  LateSettingsRun(DynamoDbClient& client, std::string arn)
      : client_(client), arn_(std::move(arn)), table_("{\"TableName\":" + json_quoted(client.table_text())) {}

  // UpdateTable makes one change at a time, hence the waiting in between.
  void update_table(const std::string& setting, const std::string& members,
                    const std::function<bool(const LateSettings&)>& is_on) {
    const auto shown = [&](const rapidjson::Document& description) {
      return is_on(read_late_settings(read_schema(description, {})));
    };
    apply(setting, [&] {
      std::string problem = call("UpdateTable", table_ + "," + members + "}", control_policy(client_), [&] {
        rapidjson::Document document;
        const DynamoDbReply reply = client_.try_call("DescribeTable", table_ + "}", document);
        return reply.kind == DynamoDbReply::Kind::ok && shown(document);
      });
      if (!problem.empty()) return problem;
      // DescribeTable may be behind by a moment; some compatible servers do not keep what they have accepted.
      const milliseconds patience = std::min<milliseconds>(client_.policy().give_up_after, kVisiblePatience);
      return wait_until_shown(client_, shown, patience) ? std::string() : "not there after it has been accepted";
    });
  }

  void time_to_live(const std::string& attribute) {
    apply("time to live on '" + attribute + "'", [&] {
      const std::string members = ",\"TimeToLiveSpecification\":{\"Enabled\":true,\"AttributeName\":";
      return call("UpdateTimeToLive", table_ + members + json_quoted(attribute) + "}}", client_.policy(), [&] {
        rapidjson::Document document;
        const DynamoDbReply reply = client_.try_call("DescribeTimeToLive", table_ + "}", document);
        return reply.kind == DynamoDbReply::Kind::ok && read_time_to_live(document) == attribute;
      });
    });
  }

  void tags(const std::vector<std::pair<std::string, std::string>>& tags) {
    std::string list;
    for (const auto& [key, value] : tags) {
      if (!list.empty()) list += ',';
      list += "{\"Key\":" + json_quoted(key) + ",\"Value\":" + json_quoted(value) + "}";
    }
    apply("tags", [&] {
      return call("TagResource", "{\"ResourceArn\":" + json_quoted(arn_) + ",\"Tags\":[" + list + "]}",
                  client_.policy(), [] { return false; });
    });
  }

  void point_in_time_recovery(int period_days) {
    std::string members = ",\"PointInTimeRecoverySpecification\":{\"PointInTimeRecoveryEnabled\":true";
    if (period_days > 0) members += ",\"RecoveryPeriodInDays\":" + std::to_string(period_days);
    apply("point-in-time recovery", [&] {
      return call("UpdateContinuousBackups", table_ + members + "}}", client_.policy(), [] { return false; });
    });
  }

  std::vector<std::string> take_missing() { return std::move(missing_); }

 private:
  static constexpr milliseconds kVisiblePatience{20'000};
  static constexpr std::string_view kUnknown = "not known to this endpoint";

  // The data are there and proven by now: nothing that goes wrong here may make the run look as if they were not.
  void apply(const std::string& setting, const std::function<std::string()>& change) {
    std::string problem;
    try {
      problem = change();
    } catch (const Error& error) {
      if (client_.stop().stopped()) throw;
      problem = error.what();
    }
    if (problem.empty()) return;
    missing_.push_back((problem == kUnknown ? "" : "FAILED: ") + setting + ": " + problem);
  }

  // Empty when the change is made or, by `is_on`, has been made by an earlier attempt (or an earlier run); else what
  // the service says.
  std::string call(std::string_view operation, const std::string& body, const RetryPolicy& policy,
                   const std::function<bool()>& is_on) {
    RetryPolicy patient = client_.policy();
    patient.cap = control_policy(client_).cap;
    Backoff backoff(patient, static_cast<std::uint64_t>(SteadyTime::clock::now().time_since_epoch().count()));
    while (true) {
      DynamoDbClient::Hooks hooks;
      hooks.policy = policy;
      const DynamoDbReply reply = client_.try_call(operation, body, std::move(hooks));
      if (reply.kind == DynamoDbReply::Kind::ok) return {};
      if (reply.code == "UnknownOperationException") return std::string(kUnknown);
      const bool passing = is_passing(reply);
      if ((passing || reply.code == "ValidationException") && is_on()) return {};
      if (!passing) return reply.text();
      const auto wait = backoff.failed(Backoff::Cause::throttled, SteadyTime::clock::now());
      if (wait < std::chrono::nanoseconds::zero()) return reply.text();
      if (client_.stop().wait_for(wait)) client_.stop().check();
      client_.stats().retried.fetch_add(1, std::memory_order_relaxed);
    }
  }

  DynamoDbClient& client_;
  std::string arn_;
  std::string table_;  // the beginning of a request's body
  std::vector<std::string> missing_;
};

}  // namespace

std::vector<std::string> apply_late_settings(DynamoDbClient& client, const std::string& arn, const LateSettings& late) {
  LateSettingsRun run(client, arn);
  const SideSettings& side = late.side;
  if (!side.ttl_attribute.empty()) run.time_to_live(side.ttl_attribute);
  if (!side.tags.empty()) run.tags(side.tags);
  if (!late.stream_view.empty()) {
    run.update_table(
        "stream",
        "\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":" + json_quoted(late.stream_view) + "}",
        [&](const LateSettings& now) { return now.stream_view == late.stream_view; });
  }
  if (side.point_in_time_recovery) run.point_in_time_recovery(side.recovery_period_days);
  if (late.deletion_protected) {
    run.update_table("deletion protection", "\"DeletionProtectionEnabled\":true",
                     [](const LateSettings& now) { return now.deletion_protected; });
  }
  return run.take_missing();
}

}  // namespace bulk
