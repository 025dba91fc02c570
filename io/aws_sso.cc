#include "io/aws_sso.h"

#include <openssl/evp.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "io/aws_endpoint.h"
#include "io/clock.h"
#include "io/file.h"

namespace bulk {
namespace {

constexpr int kAttempts = 3;
constexpr std::chrono::minutes kRefreshWindow{15};

struct SsoProfile {
  std::string name, account_id, role_name, start_url, region;
  std::string session;  // empty in the older form, whose tokens cannot be refreshed
};

std::string sha1_hex(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) throw std::bad_alloc();
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

SsoProfile read_profile(const CredentialContext& context, const std::string& name) {
  const IniSection& section = *context.profiles.profile(name);
  SsoProfile sso{name,
                 profile_value(section, "sso_account_id"),
                 profile_value(section, "sso_role_name"),
                 profile_value(section, "sso_start_url"),
                 profile_value(section, "sso_region"),
                 profile_value(section, "sso_session")};
  const std::string where = CredentialContext::named(name);
  if (!sso.session.empty()) {
    const IniSection* session = context.profiles.sso_session(sso.session);
    if (session == nullptr) {
      throw Error(ErrorKind::usage, where + " names the SSO session \"" + sso.session + "\", which is not defined",
                  "add [sso-session " + sso.session + "] to the AWS config file");
    }
    for (const auto& [key, value] :
         {std::pair("sso_start_url", &sso.start_url), std::pair("sso_region", &sso.region)}) {
      const std::string in_session = profile_value(*session, key);
      if (!value->empty() && *value != in_session) {
        throw Error(ErrorKind::usage,
                    where + ": " + key + " differs from that of its SSO session \"" + sso.session + "\"",
                    "remove it from the profile");
      }
      *value = in_session;
    }
  }
  for (const auto& [key, value] :
       {std::pair("sso_account_id", &sso.account_id), std::pair("sso_role_name", &sso.role_name),
        std::pair("sso_start_url", &sso.start_url), std::pair("sso_region", &sso.region)}) {
    if (value->empty()) throw Error(ErrorKind::usage, where + " has no " + key, "run aws configure sso");
  }
  return sso;
}

// The token file of one sign-in. Members that are not ours are kept when it is written back.
class TokenCache {
 public:
  TokenCache(const CredentialContext& context, const SsoProfile& sso) : context_(context), sso_(sso) {
    path_ = context.variable("HOME") + "/.aws/sso/cache/" +
            sha1_hex(sso.session.empty() ? sso.start_url : sso.session) + ".json";
    std::error_code ignored;
    if (!std::filesystem::exists(path_, ignored)) throw sign_in("not signed in to SSO");
    const std::string json = read_text_file(path_, 1 << 20);
    document_.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
    if (document_.HasParseError() || !document_.IsObject())
      throw sign_in("the SSO token file " + path_ + " is not valid");
  }

  // The access token, refreshed when it is about to expire and can be.
  std::string token() {
    const auto now = std::chrono::system_clock::now();
    const WallTime expires = time("expiresAt");
    if (text("accessToken").empty()) throw sign_in("not signed in to SSO");
    if (expires - now < kRefreshWindow && can_refresh(now)) {
      const bool refreshed = refresh(now);
      if (!refreshed && expires <= now) throw expired();
    } else if (expires <= now) {
      throw expired();
    }
    return text("accessToken");
  }

  Error expired() const { return sign_in("SSO session expired"); }

 private:
  Error sign_in(const std::string& what) const {
    return Error(ErrorKind::usage, what + " (" + CredentialContext::named(sso_.name) + ")",
                 "run aws sso login --profile " + sso_.name);
  }

  std::string text(const char* name) const {
    const auto member = document_.FindMember(name);
    if (member == document_.MemberEnd() || !member->value.IsString()) return {};
    return {member->value.GetString(), member->value.GetStringLength()};
  }

  // A time that is absent or unreadable counts as past. Older tools wrote "UTC" in place of "Z".
  WallTime time(const char* name) const {
    std::string value = text(name);
    if (value.ends_with("UTC")) value.replace(value.size() - 3, 3, "Z");
    WallTime time;
    return parse_utc(value, time) ? time : WallTime();
  }

  bool can_refresh(WallTime now) const {
    return !sso_.session.empty() && !text("refreshToken").empty() && !text("clientId").empty() &&
           !text("clientSecret").empty() && time("registrationExpiresAt") > now;
  }

  void set(const char* name, const std::string& value) {
    rapidjson::Value copy(value, document_.GetAllocator());
    const auto member = document_.FindMember(name);
    if (member != document_.MemberEnd()) {
      member->value = copy;
    } else {
      document_.AddMember(rapidjson::Value(name, document_.GetAllocator()), copy, document_.GetAllocator());
    }
  }

  // False when the service says no; the old token may be good for a while yet.
  bool refresh(WallTime now) {
    rapidjson::StringBuffer body;
    rapidjson::Writer<rapidjson::StringBuffer> writer(body);
    writer.StartObject();
    writer.Key("grantType");
    writer.String("refresh_token");
    for (const char* name : {"clientId", "clientSecret", "refreshToken"}) {
      writer.Key(name);
      writer.String(text(name));
    }
    writer.EndObject();
    HttpRequest request;
    request.url = service_url(context_, "SSO OIDC", sso_oidc_endpoint(sso_.region)) + "/token";
    request.headers = {{"Content-Type", "application/json"}};
    request.body = {body.GetString(), body.GetSize()};
    request.max_reply_bytes = 1 << 20;
    const HttpResult result = exchange(context_, request, kAttempts);
    if (result.failure != HttpFailure::none || result.reply.status != 200) return false;
    auto texts = json_texts(result.reply.body.view(), "SSO token refresh");
    const long lifetime_s = std::strtol(texts["expiresIn"].c_str(), nullptr, 10);
    if (texts["accessToken"].empty() || lifetime_s <= 0) return false;
    set("accessToken", texts["accessToken"]);
    set("expiresAt", utc_iso8601(now + std::chrono::seconds(lifetime_s)));
    if (!texts["refreshToken"].empty()) set("refreshToken", texts["refreshToken"]);
    store();
    return true;
  }

  void store() const {
    rapidjson::StringBuffer json;
    rapidjson::Writer<rapidjson::StringBuffer> writer(json);
    document_.Accept(writer);
    const std::string temporary = path_ + "." + std::to_string(::getpid()) + ".tmp";
    ::unlink(temporary.c_str());
    {
      File file = File::create_new(temporary);
      file.write({json.GetString(), json.GetSize()});
      file.sync();
    }
    if (std::rename(temporary.c_str(), path_.c_str()) != 0) throw os_error("replace " + path_, errno);
  }

  const CredentialContext& context_;
  const SsoProfile& sso_;
  std::string path_;
  rapidjson::Document document_;
};

}  // namespace

bool has_sso(const IniSection& profile) {
  return !profile_value(profile, "sso_account_id").empty() || !profile_value(profile, "sso_role_name").empty();
}

AwsCredentials sso_credentials(const CredentialContext& context, const std::string& profile) {
  const SsoProfile sso = read_profile(context, profile);
  TokenCache cache(context, sso);
  const std::string what = "SSO (" + CredentialContext::named(profile) + ")";
  HttpRequest request;
  request.method = "GET";
  request.url = service_url(context, "SSO", sso_portal_endpoint(sso.region)) +
                "/federation/credentials?role_name=" + percent_encoded(sso.role_name) +
                "&account_id=" + percent_encoded(sso.account_id);
  request.headers = {{"x-amz-sso_bearer_token", cache.token()}};
  request.max_reply_bytes = 1 << 20;
  const HttpReply reply = exchange_or_throw(context, request, kAttempts, what);
  if (reply.status == 401) throw cache.expired();
  if (reply.status != 200) {
    throw Error(reply.status >= 500 || reply.status == 429 ? ErrorKind::remote : ErrorKind::usage,
                what + " gave no keys for role " + sso.role_name + " of account " + sso.account_id + ": HTTP status " +
                    std::to_string(reply.status),
                "check sso_account_id and sso_role_name");
  }
  auto texts = json_texts(reply.body.view(), what, "roleCredentials");
  AwsCredentials credentials{texts["accessKeyId"], texts["secretAccessKey"], texts["sessionToken"], sso.account_id, {}};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw Error(ErrorKind::remote, what + " sent no keys");
  }
  const std::string& expiration_ms = texts["expiration"];
  char* end = nullptr;
  const long long ms = std::strtoll(expiration_ms.c_str(), &end, 10);
  // Beyond the year 9999 a time point in nanoseconds would overflow long before anything expires.
  if (!expiration_ms.empty() && *end == '\0' && ms > 0 && ms < 9'000'000'000'000) {
    credentials.expires = WallTime(std::chrono::milliseconds(ms));
  }
  return credentials;
}

}  // namespace bulk
