// What all credential sources share: where they look (environment, profiles), how they talk (HTTP with a few retries)
// and how they read replies. Internal to io/aws_*: users see io/aws_credentials.h. Stateless, any thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "io/aws_config.h"
#include "io/error.h"
#include "io/http.h"
#include "io/sigv4.h"
#include "io/stop.h"

namespace bulk {

struct CredentialContext {
  const Environment& environment;
  const AwsProfiles& profiles;
  const AwsSettings& settings;
  HttpClient& http;
  Stop& stop;

  // An environment variable; empty when unset.
  std::string variable(const std::string& name) const { return environment(name).value_or(""); }
  // "profile "NAME"", for messages.
  static std::string named(const std::string& profile) { return "profile \"" + profile + "\""; }
};

// Fetches fresh credentials each time it is called; throws Error.
using CredentialFetch = std::function<AwsCredentials()>;

// Where a service stands: the configured endpoint of `service_id` ("STS"), else `standard`.
std::string service_url(const CredentialContext& context, const std::string& service_id, const std::string& standard);

// One exchange, tried up to `attempts` times while the failure is one of transport, 429 or 5xx. Any other status is
// returned; when the attempts are used up the failure is returned too. Throws the job's cause when it stops meanwhile.
HttpResult exchange(const CredentialContext& context, const HttpRequest& request, int attempts);

// As exchange(), but a failure is Error(remote) "WHAT did not answer: DETAIL".
HttpReply exchange_or_throw(const CredentialContext& context, const HttpRequest& request, int attempts,
                            const std::string& what);

// The texts and whole numbers among the members of a JSON object, or of the object that is its member `inside`.
// Error(remote) "WHAT sent no JSON object" when it is none.
std::map<std::string, std::string> json_texts(std::string_view json, const std::string& what,
                                              const char* inside = nullptr);

// The usual reply {"AccessKeyId","SecretAccessKey",TOKEN,"Expiration"[,"AccountId"]}. Error(remote) when a key is
// absent.
AwsCredentials credentials_from(const std::map<std::string, std::string>& texts, const std::string& token_name,
                                const std::string& what);

// An expiry time; Error(remote) "WHAT: ..." when the text is no time.
WallTime expiry_from(const std::string& text, const std::string& what);

// Text from elsewhere made fit for a message: one line, printable, short, and without the secrets.
std::string quotable(std::string_view text, std::initializer_list<std::string_view> secrets);

}  // namespace bulk
