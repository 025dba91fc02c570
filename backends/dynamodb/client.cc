#include "backends/dynamodb/client.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "io/aws_endpoint.h"
#include "io/aws_metadata.h"

namespace bulk {
namespace {

constexpr std::string_view kTargetPrefix = "DynamoDB_20120810.";
constexpr std::chrono::milliseconds kFirstContactPatience{3'000};
// While many threads write, fresh credentials may be the next ones to expire before each has used them once.
constexpr int kMostRenewals = 3;

// The region of an ARN goes before that of the environment and the profile, for the credentials' services too.
AwsSettings resolved(const DynamoDbUrl& url, const TableAddress& table, const Environment& environment,
                     const AwsProfiles& profiles) {
  AwsSettings settings = resolve_aws_settings(environment, profiles, "DynamoDB", url.profile,
                                              table.region.empty() ? url.region : table.region, url.endpoint);
  if (!table.region.empty() && !url.region.empty() && table.region != url.region && settings.endpoint_url.empty()) {
    throw Error(ErrorKind::usage,
                "table '" + table.name + "' is in region " + table.region + " by its ARN, but region " + url.region +
                    " is asked for",
                "leave the region out or set it to " + table.region);
  }
  return settings;
}

// Asks the instance where nothing else says it, and leaves what it found in the settings.
std::string region_of(const TableAddress& table, AwsSettings& settings, const Environment& environment,
                      const AwsProfiles& profiles, HttpClient& http, Stop& stop) {
  if (!settings.region.empty()) return settings.region;
  // A server of one's own has no regions, but signatures must name one.
  if (!settings.endpoint_url.empty() && !parse_origin(settings.endpoint_url).aws) return "us-east-1";
  settings.region = instance_region({environment, profiles, settings, http, stop});
  if (!settings.region.empty()) return settings.region;
  throw Error(ErrorKind::usage, "no AWS region is set for table '" + table.name + "'",
              "give --region, AWS_REGION or ?region= in the table's URL");
}

bool is_clock_error(const DynamoDbReply& reply) {
  if (reply.kind != DynamoDbReply::Kind::refused) return false;
  if (reply.code == "RequestTimeTooSkewed" || reply.code == "RequestExpired") return true;
  return reply.code == "InvalidSignatureException" &&
         (reply.message.find("Signature expired") != std::string::npos ||
          reply.message.find("Signature not yet current") != std::string::npos);
}

bool is_expired(const DynamoDbReply& reply) {
  return reply.kind == DynamoDbReply::Kind::refused &&
         (reply.code == "ExpiredToken" || reply.code == "ExpiredTokenException");
}

bool same_credentials(const AwsCredentials& one, const AwsCredentials& other) {
  return one.access_key_id == other.access_key_id && one.session_token == other.session_token;
}

bool is_credentials_code(const std::string& code) {
  constexpr std::array<std::string_view, 15> kCodes = {"AccessDenied",
                                                       "AccessDeniedException",
                                                       "ExpiredToken",
                                                       "ExpiredTokenException",
                                                       "IncompleteSignature",
                                                       "IncompleteSignatureException",
                                                       "InvalidClientTokenId",
                                                       "InvalidSignatureException",
                                                       "MissingAuthenticationToken",
                                                       "MissingAuthenticationTokenException",
                                                       "OptInRequired",
                                                       "RequestExpired",
                                                       "RequestTimeTooSkewed",
                                                       "SignatureDoesNotMatch",
                                                       "UnrecognizedClientException"};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

std::string seconds_text(std::chrono::nanoseconds duration) {
  return std::to_string(std::llround(std::chrono::duration<double>(duration).count())) + " s";
}

}  // namespace

DynamoDbClient::DynamoDbClient(DynamoDbUrl url, Environment environment, const std::string& user_agent, Stop& stop,
                               RequestStats& stats, const RetryPolicy& policy, const HttpTimeouts& timeouts)
    : url_(std::move(url)),
      table_(TableAddress::parse(url_.table)),
      environment_(std::move(environment)),
      stop_(stop),
      stats_(stats),
      policy_(policy),
      timeouts_(timeouts),
      profiles_(AwsProfiles::load(environment_)),
      settings_(resolved(url_, table_, environment_, profiles_)),
      http_(stop, user_agent, settings_.ca_bundle),
      region_(region_of(table_, settings_, environment_, profiles_, http_, stop)),
      credentials_(make_credential_chain(environment_, profiles_, settings_, http_, stop)) {
  if (!settings_.endpoint_url.empty()) parse_origin(settings_.endpoint_url);
  url_.region = region_;
  url_.endpoint = settings_.endpoint_url;
  url_.profile = settings_.profile_explicit ? settings_.profile : std::string();
}

std::string DynamoDbClient::account() {
  if (!table_.account.empty()) return table_.account;
  return credentials_account();
}

std::string DynamoDbClient::credentials_account() {
  return credentials_->get().account_id;
}

const DynamoDbClient::Target& DynamoDbClient::target() {
  const std::lock_guard lock(target_mutex_);
  if (target_) return *target_;
  EndpointQuery query;
  query.region = region_;
  query.use_fips = settings_.use_fips;
  query.use_dualstack = settings_.use_dualstack;
  query.endpoint_url = settings_.endpoint_url;
  query.account_id = credentials_->get().account_id;
  query.account_id_endpoint_mode = settings_.account_id_endpoint_mode;
  if (!table_.account.empty()) query.resource_arn = url_.table;
  const AwsEndpoint endpoint = dynamodb_endpoint(query);
  auto target = std::make_unique<Target>(Target{endpoint.url, endpoint.signing_region, parse_origin(endpoint.url)});
  signer_ = std::make_unique<Signer>(target->signing_region.empty() ? region_ : target->signing_region, "dynamodb");
  target_ = std::move(target);
  return *target_;
}

HttpRequest DynamoDbClient::signed_request(std::string_view operation, std::string_view body, Signed& with) {
  const Target& target = this->target();
  with.credentials = credentials_->get();
  const AwsCredentials& credentials = with.credentials;
  with.time = std::chrono::system_clock::now();
  with.offset_s = clock_offset_s_.load();
  with.measured_offset_s.reset();
  const std::string timestamp = utc_compact(with.time + std::chrono::seconds(with.offset_s));

  // In the order that signing wants: by name.
  SigningInput input;
  input.method = "POST";
  input.path = target.origin.path;
  const std::string payload_hash = sha256_hex(body);
  input.payload_hash = payload_hash;
  input.headers = {
      {"content-type", "application/x-amz-json-1.0"}, {"host", target.origin.host}, {"x-amz-date", timestamp}};
  if (!credentials.session_token.empty()) input.headers.emplace_back("x-amz-security-token", credentials.session_token);
  input.headers.emplace_back("x-amz-target", std::string(kTargetPrefix).append(operation));

  HttpRequest request;
  request.url = target.url;
  request.body = body;
  request.timeouts = timeouts_;
  request.max_reply_bytes = kMaxReplyBytes;
  // Of these a repetition is answered otherwise than the first: it must not go unseen.
  request.fresh_connection = operation == "CreateTable" || operation == "DeleteTable";
  request.headers.emplace_back("authorization", signer_->authorization(credentials, timestamp, input));
  for (const auto& header : input.headers) {
    if (header.first != "host") request.headers.push_back(header);
  }
  // Compression saves bandwidth; over the loopback interface it would only cost time.
  if (!target.origin.loopback) request.headers.emplace_back("accept-encoding", "gzip");

  stats_.sent.fetch_add(1, std::memory_order_relaxed);
  return request;
}

DynamoDbReply DynamoDbClient::read_reply(HttpResult& result, Signed& with) {
  if (result.failure == HttpFailure::none) {
    answered_.store(true, std::memory_order_relaxed);
    WallTime theirs;
    // Looked at only where it may matter: reading dates takes longer than signing.
    const auto date = result.reply.status == 200 ? std::nullopt : result.reply.header("date");
    if (date && parse_utc(std::string(*date), theirs)) {
      // Their clock shows whole seconds, so it is ahead of what it says.
      with.measured_offset_s = std::chrono::ceil<std::chrono::seconds>(theirs - with.time).count();
    }
  }
  return classify_reply(result);
}

HttpRequest DynamoDbClient::Attempt::request() {
  return client_->signed_request(operation_, body_, with_);
}

std::optional<DynamoDbReply> DynamoDbClient::Attempt::ended(HttpResult result) {
  if (result.resent) {
    resent_ = true;
    client_->stats_.sent.fetch_add(1, std::memory_order_relaxed);
    client_->stats_.retried.fetch_add(1, std::memory_order_relaxed);
  }
  DynamoDbReply reply = client_->read_reply(result, with_);
  reply.resent = resent_;
  // Compared with what this exchange was signed with: another thread may have repaired the offset meanwhile.
  const auto& measured = with_.measured_offset_s;
  if (!clock_repaired_ && is_clock_error(reply) && measured && *measured != with_.offset_s) {
    clock_repaired_ = true;
    client_->clock_offset_s_.store(*measured);
  } else if (is_expired(reply) && renewals_ < kMostRenewals && !no_others_) {
    ++renewals_;
    client_->renew(with_.credentials);
    no_others_ = same_credentials(client_->credentials_->get(), with_.credentials);
  } else {
    return reply;
  }
  client_->stats_.retried.fetch_add(1, std::memory_order_relaxed);
  return std::nullopt;
}

DynamoDbReply DynamoDbClient::attempt(std::string_view operation, std::string_view body, Buffer recycled) {
  Attempt attempt(*this, operation, body);
  while (true) {
    if (auto reply = attempt.ended(http_.send(attempt.request(), std::exchange(recycled, Buffer()))))
      return std::move(*reply);
  }
}

void DynamoDbClient::renew(const AwsCredentials& refused) {
  const std::lock_guard lock(renewal_mutex_);
  if (same_credentials(credentials_->get(), refused)) credentials_->refresh();
}

DynamoDbReply DynamoDbClient::try_call(std::string_view operation, std::string_view body, Hooks hooks) {
  RetryPolicy policy = hooks.policy.value_or(policy_);
  if (!answered_.load(std::memory_order_relaxed)) {
    policy.give_up_after = std::min(policy.give_up_after, kFirstContactPatience);
    policy.cap = std::min(policy.cap, kFirstContactPatience / 4);
  }
  const SteadyTime started = std::chrono::steady_clock::now();
  Backoff backoff(policy, static_cast<std::uint64_t>(started.time_since_epoch().count()) + calls_.fetch_add(1));
  int unanswered = 0;
  while (true) {
    stop_.check();
    DynamoDbReply reply = attempt(operation, body, std::move(hooks.recycled));
    if (reply.kind == DynamoDbReply::Kind::ok && hooks.accept) {
      if (std::string problem = hooks.accept(reply.body); !problem.empty()) {
        reply.kind = DynamoDbReply::Kind::transient;
        reply.code = "malformed reply";
        reply.message = presentable(problem);
      }
    }
    if (reply.kind == DynamoDbReply::Kind::ok || reply.kind == DynamoDbReply::Kind::refused) {
      reply.unanswered = unanswered;
      return reply;
    }
    stop_.check();
    const bool throttled = reply.kind == DynamoDbReply::Kind::throttled;
    if (!throttled) ++unanswered;
    if (throttled) stats_.throttled.fetch_add(1, std::memory_order_relaxed);
    if (throttled && hooks.throttled) hooks.throttled();
    const SteadyTime now = std::chrono::steady_clock::now();
    const auto wait = backoff.failed(throttled ? Backoff::Cause::throttled : Backoff::Cause::transient, now);
    if (wait < std::chrono::nanoseconds::zero()) {
      throw Error(ErrorKind::remote,
                  std::string(operation) + " on table '" + table_.name + "' at " + target().origin.host +
                      ": gave up after " + std::to_string(backoff.attempts()) + " attempts over " +
                      seconds_text(now - started) + ": " + reply.text(),
                  answered_.load() ? "try again" : "check the endpoint and the network, then try again");
    }
    if (stop_.wait_for(wait)) stop_.check();
    hooks.recycled = std::move(reply.body);
    stats_.retried.fetch_add(1, std::memory_order_relaxed);
  }
}

DynamoDbReply DynamoDbClient::try_call(std::string_view operation, std::string_view body, rapidjson::Document& reply,
                                       const std::optional<RetryPolicy>& policy) {
  Hooks hooks;
  hooks.policy = policy;
  hooks.accept = [&reply](const Buffer& text) {
    std::string problem;
    parse_json_object(text.view(), reply, problem);
    return problem;
  };
  return try_call(operation, body, std::move(hooks));
}

rapidjson::Document DynamoDbClient::call(std::string_view operation, std::string_view body) {
  rapidjson::Document document;
  const DynamoDbReply reply = try_call(operation, body, document);
  if (reply.kind == DynamoDbReply::Kind::refused) throw refusal(operation, reply);
  return document;
}

Error DynamoDbClient::refusal(std::string_view operation, const DynamoDbReply& reply) const {
  const std::string where = std::string(operation) + " on table '" + table_.name + "'";
  if (reply.code == "ResourceNotFoundException" || reply.code == "TableNotFoundException") {
    const std::string at = url_.endpoint.empty() ? std::string() : " at " + url_.endpoint;
    return {ErrorKind::not_found, "table '" + table_.name + "' does not exist in region " + region_ + at,
            "check the name, the region and the endpoint"};
  }
  if (is_credentials_code(reply.code)) {
    return {ErrorKind::usage, where + " was refused: " + reply.text(),
            "check the credentials in force and their permission dynamodb:" + std::string(operation)};
  }
  return {ErrorKind::failed, where + " failed: " + reply.text()};
}

}  // namespace bulk
