#include "io/aws_credential_context.h"

#include <rapidjson/document.h>

#include <algorithm>

#include "io/retry.h"

namespace bulk {
namespace {

constexpr std::size_t kMaxQuoteBytes = 300;

}  // namespace

std::string service_url(const CredentialContext& context, const std::string& service_id, const std::string& standard) {
  const std::string profile = context.settings.profile_explicit ? context.settings.profile : "";
  const std::string configured =
      resolve_aws_settings(context.environment, context.profiles, service_id, profile, "", "").endpoint_url;
  return configured.empty() ? standard : configured;
}

HttpResult exchange(const CredentialContext& context, const HttpRequest& request, int attempts) {
  RetryPolicy policy;
  policy.transient_base = policy.throttled_base = std::chrono::milliseconds(200);
  policy.cap = std::chrono::milliseconds(1000);
  policy.give_up_after = policy.throttled_give_up_after = std::chrono::milliseconds(0);
  policy.min_attempts = attempts;
  Backoff backoff(policy, static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()));
  for (;;) {
    HttpResult result = context.http.send(request);
    if (result.failure == HttpFailure::stopped) context.stop.check();
    const bool hopeless = result.failure == HttpFailure::bad_url || result.failure == HttpFailure::too_large;
    const bool answered =
        result.failure == HttpFailure::none && result.reply.status != 429 && result.reply.status < 500;
    if (hopeless || answered) return result;
    const std::chrono::nanoseconds wait = backoff.failed(Backoff::Cause::transient, std::chrono::steady_clock::now());
    if (wait.count() < 0) return result;
    if (context.stop.wait_for(wait)) context.stop.check();
  }
}

HttpReply exchange_or_throw(const CredentialContext& context, const HttpRequest& request, int attempts,
                            const std::string& what) {
  HttpResult result = exchange(context, request, attempts);
  if (result.failure != HttpFailure::none) {
    throw Error(ErrorKind::remote, what + " did not answer: " + result.detail, "check the network and try again");
  }
  return std::move(result.reply);
}

std::map<std::string, std::string> json_texts(std::string_view json, const std::string& what, const char* inside) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  const rapidjson::Value* object = &document;
  if (document.HasParseError() || !document.IsObject()) object = nullptr;
  if (object != nullptr && inside != nullptr) {
    const auto member = document.FindMember(inside);
    object = member != document.MemberEnd() && member->value.IsObject() ? &member->value : nullptr;
  }
  if (object == nullptr) {
    throw Error(ErrorKind::remote, what + (inside == nullptr ? " sent no JSON object"
                                                             : std::string(" sent no object \"") + inside + "\""));
  }
  std::map<std::string, std::string> texts;
  for (const auto& member : object->GetObject()) {
    std::string name(member.name.GetString(), member.name.GetStringLength());
    if (member.value.IsString()) {
      texts[std::move(name)].assign(member.value.GetString(), member.value.GetStringLength());
    } else if (member.value.IsInt64()) {
      texts[std::move(name)] = std::to_string(member.value.GetInt64());
    }
  }
  return texts;
}

WallTime expiry_from(const std::string& text, const std::string& what) {
  WallTime time;
  if (!parse_utc(text, time)) {
    throw Error(ErrorKind::remote, what + ": the expiry time \"" + quotable(text, {}) + "\" is no time");
  }
  return time;
}

AwsCredentials credentials_from(const std::map<std::string, std::string>& texts, const std::string& token_name,
                                const std::string& what) {
  const auto text = [&texts](const std::string& name) {
    const auto found = texts.find(name);
    return found == texts.end() ? std::string() : found->second;
  };
  AwsCredentials credentials{text("AccessKeyId"), text("SecretAccessKey"), text(token_name), text("AccountId"), {}};
  for (const auto& [name, value] : {std::pair("AccessKeyId", &credentials.access_key_id),
                                    std::pair("SecretAccessKey", &credentials.secret_access_key)}) {
    if (value->empty()) throw Error(ErrorKind::remote, what + " sent no " + name);
  }
  if (const std::string expiry = text("Expiration"); !expiry.empty()) credentials.expires = expiry_from(expiry, what);
  return credentials;
}

std::string quotable(std::string_view text, std::initializer_list<std::string_view> secrets) {
  std::string out(text);
  for (const std::string_view secret : secrets) {
    if (secret.empty()) continue;
    for (std::size_t at = 0; (at = out.find(secret, at)) != std::string::npos; at += 3)
      out.replace(at, secret.size(), "***");
  }
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  if (out.size() > kMaxQuoteBytes) {
    std::size_t end = kMaxQuoteBytes;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;  // not within a UTF-8 character
    out = out.substr(0, end) + "...";
  }
  return out;
}

}  // namespace bulk
