#include "io/aws_metadata.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <random>

#include "io/file.h"

namespace bulk {
namespace {

constexpr std::size_t kMaxReplyBytes = 256 << 10;
constexpr long kContainerTimeoutMs = 2000;
constexpr int kContainerAttempts = 3;
constexpr const char* kContainerHost = "http://169.254.170.2";
constexpr const char* kInstanceWhat = "EC2 instance metadata";
constexpr const char* kRolePath = "latest/meta-data/iam/security-credentials/";

bool is_true(const std::string& value) {
  return curl_strequal(value.c_str(), "true") != 0;
}

std::string without_line_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

HttpRequest metadata_request(const std::string& method, const std::string& url, long timeout_ms) {
  HttpRequest request;
  request.method = method;
  request.url = url;
  request.timeouts = {timeout_ms, timeout_ms, 2 * timeout_ms};
  request.max_reply_bytes = kMaxReplyBytes;
  request.use_proxy = false;
  return request;
}

struct UrlParts {
  std::string scheme, host;
};

// Parsed by curl itself, so that the host that is checked is the host that is called.
std::optional<UrlParts> parse_url(const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return std::nullopt;
  const auto part = [&parsed](CURLUPart which) {
    char* text = nullptr;
    curl_url_get(parsed.get(), which, &text, 0);
    const std::unique_ptr<char, void (*)(void*)> owner(text, curl_free);
    return std::string(text != nullptr ? text : "");
  };
  return UrlParts{part(CURLUPART_SCHEME), part(CURLUPART_HOST)};
}

bool is_local_host(const std::string& host) {
  if (host == "localhost" || host == "[::1]" || host == "169.254.170.2" || host == "169.254.170.23" ||
      host == "[fd00:ec2::23]") {
    return true;
  }
  // 127.0.0.0/8, and not a name that begins so.
  return host.starts_with("127.") && std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string::npos;
}

std::string container_url(const CredentialContext& context, bool& use_proxy) {
  use_proxy = false;
  if (const std::string path = context.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !path.empty()) {
    if (path.front() != '/') {
      throw Error(ErrorKind::usage, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /");
    }
    return kContainerHost + path;
  }
  std::string url = context.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const auto parts = parse_url(url);
  if (!parts || (parts->scheme != "http" && parts->scheme != "https")) {
    throw Error(ErrorKind::usage, "AWS_CONTAINER_CREDENTIALS_FULL_URI is not an http or https URL");
  }
  const bool local = is_local_host(parts->host);
  if (parts->scheme == "http" && !local) {
    throw Error(ErrorKind::usage,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI names the host " + quotable(parts->host, {}) +
                    ", which plain http may not be used with",
                "use https or a loopback address");
  }
  use_proxy = !local;
  return url;
}

std::string container_token(const CredentialContext& context) {
  std::string token = context.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string path = context.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty()) {
    token = read_text_file(path, 64 << 10);
  }
  if (token.find_first_of("\r\n") != std::string::npos) {
    throw Error(ErrorKind::usage, "the container authorization token holds a line break",
                "check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  }
  return token;
}

// The instance metadata service as configured.
class InstanceMetadata {
 public:
  explicit InstanceMetadata(const CredentialContext& context) : context_(context) {
    const IniSection* profile = context.profiles.profile(context.settings.profile);
    const auto setting = [&](const char* variable, const char* key) {
      std::string value = context.variable(variable);
      return value.empty() && profile != nullptr ? profile_value(*profile, key) : value;
    };
    base_ = setting("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
    if (base_.empty()) {
      const std::string mode = setting("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");
      base_ = curl_strequal(mode.c_str(), "ipv6") != 0 ? "http://[fd00:ec2::254]/" : "http://169.254.169.254/";
    }
    if (base_.back() != '/') base_ += '/';
    v1_disabled_ = is_true(setting("AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled"));
    timeout_ms_ = static_cast<long>(1000 * number("AWS_METADATA_SERVICE_TIMEOUT", 1, 0.01, 60));
    attempts_ = static_cast<int>(number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1, 1, 10));
  }

  std::string host() const {
    const auto parts = parse_url(base_);
    return parts ? parts->host : "its endpoint";
  }

  // False when nobody answers or the way to version 1 is barred; `absence` says which.
  bool sign_in(std::string& absence) {
    HttpRequest request = metadata_request("PUT", base_ + "latest/api/token", timeout_ms_);
    request.headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}};
    HttpResult result = exchange(context_, request, attempts_);
    absence = "no answer from " + host();
    if (result.failure == HttpFailure::none && result.reply.status == 200) {
      token_ = result.reply.body.view();
      return true;
    }
    const int status = result.reply.status;
    if (status == 400)
      throw Error(ErrorKind::remote, std::string(kInstanceWhat) + " refused the token request (HTTP 400)");
    // A hop limit of 1 makes the reply to a container's PUT vanish; version 1 may answer yet.
    const bool old_service = status == 403 || status == 404 || status == 405 || result.failure == HttpFailure::timeout;
    if (old_service && v1_disabled_) absence = "no token from " + host() + ", and version 1 is disabled";
    return old_service && !v1_disabled_;
  }

  HttpResult get(const std::string& path) const {
    HttpRequest request = metadata_request("GET", base_ + path, timeout_ms_);
    if (!token_.empty()) request.headers = {{"x-aws-ec2-metadata-token", token_}};
    return exchange(context_, request, attempts_);
  }

 private:
  double number(const char* variable, double standard, double least, double most) const {
    const std::string text = context_.variable(variable);
    if (text.empty()) return standard;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value >= least && value <= most)) {
      throw Error(ErrorKind::usage, std::string(variable) + " is not a sensible number");
    }
    return value;
  }

  const CredentialContext& context_;
  std::string base_;
  std::string token_;
  bool v1_disabled_ = false;
  long timeout_ms_ = 0;
  int attempts_ = 0;
};

}  // namespace

bool has_container_credentials(const CredentialContext& context) {
  return !context.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").empty() ||
         !context.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").empty();
}

AwsCredentials container_credentials(const CredentialContext& context) {
  const std::string what = "the container credentials endpoint";
  bool use_proxy = false;
  HttpRequest request = metadata_request("GET", container_url(context, use_proxy), kContainerTimeoutMs);
  request.use_proxy = use_proxy;
  request.headers = {{"Accept", "application/json"}};
  if (std::string token = container_token(context); !token.empty()) {
    request.headers.emplace_back("Authorization", std::move(token));
  }
  const HttpReply reply = exchange_or_throw(context, request, kContainerAttempts, what);
  if (reply.status != 200) {
    throw Error(ErrorKind::remote, what + " answered with HTTP status " + std::to_string(reply.status),
                "check the task's or pod's role");
  }
  return credentials_from(json_texts(reply.body.view(), what), "Token", what);
}

std::string instance_region(const CredentialContext& context) {
  if (is_true(context.variable("AWS_EC2_METADATA_DISABLED"))) return {};
  InstanceMetadata metadata(context);
  std::string absence;
  if (!metadata.sign_in(absence)) return {};
  const HttpResult result = metadata.get("latest/meta-data/placement/region");
  if (result.failure != HttpFailure::none || result.reply.status != 200) return {};
  std::string region = without_line_end(std::string(result.reply.body.view()));
  // It becomes part of a host's name.
  const bool sound = !region.empty() && region.size() <= 32 &&
                     region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return sound ? region : std::string();
}

InstanceCredentials instance_credentials(const CredentialContext& context) {
  if (is_true(context.variable("AWS_EC2_METADATA_DISABLED"))) {
    return {std::nullopt, "turned off by AWS_EC2_METADATA_DISABLED"};
  }
  InstanceMetadata metadata(context);
  std::string absence;
  if (!metadata.sign_in(absence)) return {std::nullopt, absence};

  const HttpResult roles = metadata.get(kRolePath);
  if (roles.failure != HttpFailure::none) return {std::nullopt, absence};
  if (roles.reply.status == 404) return {std::nullopt, "the instance has no role"};
  const std::string_view list = roles.reply.body.view();
  const std::string role = without_line_end(std::string(list.substr(0, list.find('\n'))));
  if (roles.reply.status != 200 || role.empty()) {
    return {std::nullopt, metadata.host() + " answered with HTTP status " + std::to_string(roles.reply.status)};
  }
  const HttpResult keys = metadata.get(kRolePath + percent_encoded(role));
  if (keys.failure != HttpFailure::none || keys.reply.status != 200) {
    const std::string why =
        keys.failure != HttpFailure::none ? keys.detail : "HTTP status " + std::to_string(keys.reply.status);
    throw Error(ErrorKind::remote, std::string(kInstanceWhat) + " gave no keys for its role: " + why, "try again");
  }
  const auto texts = json_texts(keys.reply.body.view(), kInstanceWhat);
  if (const auto code = texts.find("Code"); code != texts.end() && code->second != "Success") {
    const auto message = texts.find("Message");
    throw Error(ErrorKind::remote, std::string(kInstanceWhat) + ": " + quotable(code->second, {}) +
                                       (message == texts.end() ? "" : ": " + quotable(message->second, {})));
  }
  AwsCredentials credentials = credentials_from(texts, "Token", kInstanceWhat);
  // When the service itself cannot renew its keys it hands out old ones, which the other services then go on accepting:
  // use them, and look again in 15 minutes plus 2 to 10 (15 more, since renewal begins 15 minutes before the end).
  const auto now = std::chrono::system_clock::now();
  if (credentials.expires && *credentials.expires < now + std::chrono::minutes(10)) {
    std::minstd_rand random(static_cast<unsigned>(now.time_since_epoch().count()));
    credentials.expires = now + std::chrono::minutes(30) + std::chrono::seconds(120 + random() % 481);
  }
  return {std::move(credentials), {}};
}

}  // namespace bulk
