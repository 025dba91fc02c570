// Talks to DynamoDB: one call is resolved, signed, sent, checked and classified here and nowhere else.
//
// attempt() is one exchange and never waits; the sink uses it, because retrying writes is the write stage's business.
// try_call() and call() repeat attempts (io/retry.h) until the service has said yes or no; reads and control-plane
// calls use them. Until the endpoint has answered for the first time the patience is three seconds: a wrong port must
// not look like a long outage.
//
// Two failures are repaired within an attempt: a wrong local clock (once; the service's Date gives an offset that is
// kept) and expired credentials (fetched again, at most three times, and no more when the source has no others).
//
// Thread-safe; one client per table and job, shared by its store, source and sink. Not movable: its parts refer to each
// other.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "backends/backend.h"
#include "backends/dynamodb/address.h"
#include "backends/dynamodb/json.h"
#include "backends/dynamodb/reply.h"
#include "backends/dynamodb/url.h"
#include "io/aws_config.h"
#include "io/aws_credentials.h"
#include "io/error.h"
#include "io/http.h"
#include "io/http_loop.h"
#include "io/retry.h"
#include "io/sigv4.h"
#include "io/stop.h"

namespace bulk {

class DynamoDbClient {
 public:
  // `url` has its region, endpoint and profile filled in from flags where there were any. Reads the AWS settings; sends
  // nothing to the service (only where nobody says the region, the instance's metadata service is asked). Throws
  // Error(usage) for a table name, profile or endpoint that cannot be. `stop` and `stats` outlive the client.
  DynamoDbClient(DynamoDbUrl url, Environment environment, const std::string& user_agent, Stop& stop,
                 RequestStats& stats, const RetryPolicy& policy = {}, const HttpTimeouts& timeouts = {});
  DynamoDbClient(const DynamoDbClient&) = delete;
  DynamoDbClient& operator=(const DynamoDbClient&) = delete;

  const TableAddress& table() const noexcept { return table_; }
  const std::string& table_text() const noexcept { return url_.table; }  // as TableName has it: the name or the ARN
  const std::string& region() const noexcept { return region_; }
  // The account of the table where the ARN or the credentials say it; may fetch credentials, throws as they do.
  std::string account();
  std::string credentials_account();  // the account in force; empty: unknown
  // With region and endpoint as resolved, so that a later run finds the same table.
  const DynamoDbUrl& resolved_url() const noexcept { return url_; }
  bool encrypted() const { return settings_.endpoint_url.empty() || settings_.endpoint_url.starts_with("https"); }
  const RetryPolicy& policy() const noexcept { return policy_; }
  RequestStats& stats() noexcept { return stats_; }
  Stop& stop() noexcept { return stop_; }

  // Counts what it sends; `throttled` and `retried` are counted by whoever repeats it.
  DynamoDbReply attempt(std::string_view operation, std::string_view body, Buffer recycled = {});

  // What one exchange was signed with.
  struct Signed {
    AwsCredentials credentials;
    WallTime time;
    std::int64_t offset_s = 0;                      // of the service's clock, as the signature assumed
    std::optional<std::int64_t> measured_offset_s;  // what the reply's Date says
  };
  // One attempt in pieces, for who has many under way.
  class Attempt {
   public:
    // `operation` and `body` outlive the attempt.
    Attempt(DynamoDbClient& client, std::string_view operation, std::string_view body)
        : client_(&client), operation_(operation), body_(body) {}
    // Signs it; to be sent.
    HttpRequest request();
    // What has come back. Nothing: what was refused has been repaired (clock, credentials), send request() again.
    std::optional<DynamoDbReply> ended(HttpResult result);

   private:
    DynamoDbClient* client_;
    std::string_view operation_, body_;
    Signed with_;
    bool clock_repaired_ = false;
    int renewals_ = 0;
    bool no_others_ = false;  // credentials than those that were refused
    bool resent_ = false;
  };
  // Sends for this client, on the thread that owns the loop. Does not outlive the client.
  std::unique_ptr<HttpLoop> open_loop() const { return std::make_unique<HttpLoop>(http_.setup()); }

  struct Hooks {
    // Looks at an ok reply and says what is malformed in it; empty: nothing. A malformed reply counts as transient.
    std::function<std::string(Buffer& body)> accept;
    std::function<void()> throttled;      // before each wait that throttling has caused
    Buffer recycled;                      // its memory takes the reply
    std::optional<RetryPolicy> policy{};  // instead of the client's own
  };
  // Until ok or refused. Throws Error(remote) when it gave up, the job's cause when it stopped.
  DynamoDbReply try_call(std::string_view operation, std::string_view body, Hooks hooks);
  // The same for a call whose reply is a JSON object: `reply` is set when it was ok.
  DynamoDbReply try_call(std::string_view operation, std::string_view body, rapidjson::Document& reply,
                         const std::optional<RetryPolicy>& policy = std::nullopt);
  // Refusals are errors too.
  rapidjson::Document call(std::string_view operation, std::string_view body);

  // A refusal as an Error: no such table is not_found, credentials and permissions are usage, everything else failed.
  Error refusal(std::string_view operation, const DynamoDbReply& reply) const;

 private:
  struct Target {
    std::string url, signing_region;
    HttpOrigin origin;
  };
  const Target& target();
  HttpRequest signed_request(std::string_view operation, std::string_view body, Signed& with);
  DynamoDbReply read_reply(HttpResult& result, Signed& with);
  // Forgets the credentials that were refused, unless another thread has fetched new ones since.
  void renew(const AwsCredentials& refused);

  DynamoDbUrl url_;
  TableAddress table_;
  Environment environment_;
  Stop& stop_;
  RequestStats& stats_;
  RetryPolicy policy_;
  HttpTimeouts timeouts_;
  AwsProfiles profiles_;
  AwsSettings settings_;
  HttpClient http_;
  std::string region_;
  std::unique_ptr<CredentialProvider> credentials_;
  std::mutex renewal_mutex_;
  std::mutex target_mutex_;
  std::unique_ptr<Target> target_;  // resolved with the first credentials, constant from then on
  std::unique_ptr<Signer> signer_;
  std::atomic<std::int64_t> clock_offset_s_{0};
  std::atomic<bool> answered_{false};
  std::atomic<std::uint64_t> calls_{0};  // seeds the jitter
};

}  // namespace bulk
