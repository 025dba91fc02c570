#include "io/aws_sts.h"

#include <array>
#include <cstdlib>

#include "io/aws_endpoint.h"
#include "io/clock.h"

namespace bulk {
namespace {

constexpr int kAttempts = 3;

void append_utf8(std::string& out, unsigned long code) {
  const auto put = [&out](unsigned long byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x110000) {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::string without_entities(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kNamed{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  std::string out;
  while (!text.empty()) {
    const std::size_t semicolon = text.front() == '&' ? text.substr(0, 12).find(';') : std::string_view::npos;
    if (semicolon == std::string_view::npos) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::string_view entity = text.substr(1, semicolon - 1);
    if (entity.starts_with('#')) {
      const bool hex = entity.starts_with("#x");
      append_utf8(out, std::strtoul(std::string(entity.substr(hex ? 2 : 1)).c_str(), nullptr, hex ? 16 : 10));
    }
    for (const auto& [name, c] : kNamed) {
      if (entity == name) out += c;
    }
    text.remove_prefix(semicolon + 1);
  }
  return out;
}

// arn:aws:sts::ACCOUNT:assumed-role/...
std::string account_of(std::string_view arn) {
  for (int colons = 0; colons < 4; ++colons) {
    const std::size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return std::string(arn.substr(0, arn.find(':')));
}

AwsCredentials call(const CredentialContext& context, const char* action, const AssumeRole& role,
                    const AwsCredentials* signed_by, const std::string& token) {
  const std::string what = std::string(action) + " of " + role.role_arn;
  const AwsSettings& settings = context.settings;
  if (settings.region.empty()) {
    throw Error(ErrorKind::usage, what + " needs a region", "set --region, AWS_REGION or region in the profile");
  }
  const auto field = [](const char* name, const std::string& value) {
    return value.empty() ? std::string() : std::string("&") + name + "=" + percent_encoded(value);
  };
  std::string session = role.session_name;
  if (session.empty()) session = "bulk-" + utc_compact(std::chrono::system_clock::now());
  const std::string body = std::string("Action=") + action + "&Version=2011-06-15" + field("RoleArn", role.role_arn) +
                           field("RoleSessionName", session) + field("ExternalId", role.external_id) +
                           field("DurationSeconds", role.duration_seconds) + field("WebIdentityToken", token);

  HttpRequest request;
  request.url = service_url(context, "STS", sts_endpoint(settings.region, settings.use_fips, settings.use_dualstack));
  request.body = body;
  request.max_reply_bytes = 1 << 20;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  if (signed_by != nullptr) {
    const std::string timestamp = utc_compact(std::chrono::system_clock::now());
    const SignedUrl url = split_url(request.url);
    request.headers.emplace_back("X-Amz-Date", timestamp);
    if (!signed_by->session_token.empty()) {
      request.headers.emplace_back("X-Amz-Security-Token", signed_by->session_token);
    }
    const std::string hash = sha256_hex(body);
    SigningInput input;
    input.method = request.method;
    input.path = url.path;
    input.query = url.query;
    input.headers = request.headers;
    input.headers.emplace_back("Host", url.host);
    input.payload_hash = hash;
    Signer signer(settings.region, "sts");
    request.headers.emplace_back("Authorization", signer.authorization(*signed_by, timestamp, input));
  }

  const HttpReply reply = exchange_or_throw(context, request, kAttempts, what);
  const std::string_view xml = reply.body.view();
  if (reply.status != 200) {
    // A message about a wrong signature repeats the request's headers, the session token among them.
    const AwsCredentials none;
    const AwsCredentials& used = signed_by != nullptr ? *signed_by : none;
    const auto safe = [&](const std::string& text) {
      return quotable(text, {used.secret_access_key, used.session_token, token, percent_encoded(token)});
    };
    const std::string code = xml_text(xml, "Code").value_or("HTTP status " + std::to_string(reply.status));
    const std::string message = xml_text(xml, "Message").value_or("");
    throw Error(reply.status >= 500 || reply.status == 429 ? ErrorKind::remote : ErrorKind::usage,
                what + " was refused: " + safe(code) + (message.empty() ? "" : ": " + safe(message)),
                "check the role's trust policy and the credentials that assume it");
  }
  std::map<std::string, std::string> texts;
  for (const char* name : {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}) {
    if (auto text = xml_text(xml, name)) texts[name] = *std::move(text);
  }
  if (const auto arn = xml_text(xml, "Arn")) texts["AccountId"] = account_of(*arn);
  return credentials_from(texts, "SessionToken", what);
}

}  // namespace

std::optional<std::string> xml_text(std::string_view xml, const std::string& name) {
  const std::string open = "<" + name + ">";
  const std::size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return std::nullopt;
  xml.remove_prefix(begin + open.size());
  const std::size_t end = xml.find('<');
  if (end == std::string_view::npos || !xml.substr(end).starts_with("</" + name + ">")) return std::nullopt;
  return without_entities(xml.substr(0, end));
}

AwsCredentials assume_role(const CredentialContext& context, const AssumeRole& role, const AwsCredentials& signed_by) {
  return call(context, "AssumeRole", role, &signed_by, "");
}

AwsCredentials assume_role_with_token(const CredentialContext& context, const AssumeRole& role,
                                      const std::string& web_identity_token) {
  return call(context, "AssumeRoleWithWebIdentity", role, nullptr, web_identity_token);
}

}  // namespace bulk
