#include "io/aws_credential_sources.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "io/aws_metadata.h"
#include "io/aws_process.h"
#include "io/aws_sso.h"
#include "io/aws_sts.h"
#include "io/file.h"

namespace bulk {
namespace {

constexpr std::size_t kMaxTokenBytes = 64 << 10;
const char* const kNextAction = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile";

AwsCredentials environment_credentials(const CredentialContext& context) {
  AwsCredentials credentials;
  credentials.access_key_id = context.variable("AWS_ACCESS_KEY_ID");
  credentials.secret_access_key = context.variable("AWS_SECRET_ACCESS_KEY");
  credentials.session_token = context.variable("AWS_SESSION_TOKEN");
  if (credentials.session_token.empty()) credentials.session_token = context.variable("AWS_SECURITY_TOKEN");
  credentials.account_id = context.variable("AWS_ACCOUNT_ID");
  for (const auto& [value, name, other] :
       {std::tuple(&credentials.access_key_id, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        std::tuple(&credentials.secret_access_key, "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")}) {
    if (value->empty())
      throw Error(ErrorKind::usage, std::string(name) + " is not set", std::string("set it beside ") + other);
  }
  if (const std::string expiry = context.variable("AWS_CREDENTIAL_EXPIRATION"); !expiry.empty()) {
    WallTime time;
    if (!parse_utc(expiry, time)) {
      throw Error(ErrorKind::usage, "AWS_CREDENTIAL_EXPIRATION is not a time", "write it as 2025-01-25T12:00:00Z");
    }
    credentials.expires = time;
  }
  return credentials;
}

bool has_static_keys(const IniSection& profile) {
  return !profile_value(profile, "aws_access_key_id").empty() ||
         !profile_value(profile, "aws_secret_access_key").empty();
}

// The profile's own keys.
CredentialFetch static_keys(const std::string& name, const IniSection& profile) {
  AwsCredentials credentials;
  credentials.access_key_id = profile_value(profile, "aws_access_key_id");
  credentials.secret_access_key = profile_value(profile, "aws_secret_access_key");
  credentials.session_token = profile_value(profile, "aws_session_token");
  credentials.account_id = profile_value(profile, "aws_account_id");
  for (const auto& [value, key] : {std::pair(&credentials.access_key_id, "aws_access_key_id"),
                                   std::pair(&credentials.secret_access_key, "aws_secret_access_key")}) {
    if (value->empty()) {
      throw Error(ErrorKind::usage, CredentialContext::named(name) + " has no " + key, "set both keys or none");
    }
  }
  return [credentials] { return credentials; };
}

CredentialFetch process(const CredentialContext& context, const std::string& name, const IniSection& profile) {
  return [&context, name, command = profile_value(profile, "credential_process"),
          account_id = profile_value(profile, "aws_account_id")] {
    AwsCredentials credentials = process_credentials(context, command, name);
    if (credentials.account_id.empty()) credentials.account_id = account_id;
    return credentials;
  };
}

CredentialFetch web_identity(const CredentialContext& context, AssumeRole role, std::string token_file,
                             const std::string& where) {
  if (role.role_arn.empty()) {
    throw Error(ErrorKind::usage, where + " names a web identity token file but no role",
                "set AWS_ROLE_ARN or role_arn");
  }
  return [&context, role = std::move(role), token_file = std::move(token_file)] {
    std::string token = read_text_file(token_file, kMaxTokenBytes);  // each time: it is replaced while we run
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
    return assume_role_with_token(context, role, token);
  };
}

AssumeRole role_of(const IniSection& profile, const std::string& name) {
  AssumeRole role{profile_value(profile, "role_arn"), profile_value(profile, "role_session_name"),
                  profile_value(profile, "external_id"), profile_value(profile, "duration_seconds")};
  const std::string& duration = role.duration_seconds;
  if (!duration.empty()) {
    const bool digits = duration.size() <= 5 &&
                        std::all_of(duration.begin(), duration.end(), [](char c) { return c >= '0' && c <= '9'; });
    const int seconds = digits ? std::stoi(duration) : 0;
    if (seconds < 900 || seconds > 43200) {
      throw Error(ErrorKind::usage, CredentialContext::named(name) + ": duration_seconds is not between 900 and 43200");
    }
  }
  return role;
}

CredentialFetch profile_web_identity(const CredentialContext& context, const std::string& name,
                                     const IniSection& profile) {
  return web_identity(context, role_of(profile, name), profile_value(profile, "web_identity_token_file"),
                      CredentialContext::named(name));
}

CredentialFetch instance(const CredentialContext& context) {
  return [&context] {
    InstanceCredentials answer = instance_credentials(context);
    if (!answer.credentials) {
      throw Error(ErrorKind::remote, "no credentials from EC2 instance metadata: " + answer.absence,
                  "check credential_source of the profile");
    }
    return *std::move(answer.credentials);
  };
}

CredentialFetch assumed_role(const CredentialContext& context, const std::string& name, std::vector<std::string> chain);

// The credentials of a profile that a role is assumed from: its own keys win over its role.
CredentialFetch source_profile(const CredentialContext& context, const std::string& name,
                               std::vector<std::string> chain) {
  const IniSection* profile = context.profiles.profile(name);
  if (profile == nullptr) {
    throw Error(ErrorKind::usage,
                CredentialContext::named(chain.back()) + " has the source_profile \"" + name + "\", which is not in " +
                    context.profiles.sources(),
                "check source_profile");
  }
  if (has_static_keys(*profile)) return static_keys(name, *profile);
  const bool has_token_file = !profile_value(*profile, "web_identity_token_file").empty();
  if (!profile_value(*profile, "role_arn").empty() && !has_token_file)
    return assumed_role(context, name, std::move(chain));
  if (has_token_file) return profile_web_identity(context, name, *profile);
  if (has_sso(*profile)) return [&context, name] { return sso_credentials(context, name); };
  if (!profile_value(*profile, "credential_process").empty()) return process(context, name, *profile);
  throw Error(ErrorKind::usage,
              CredentialContext::named(name) + ", the source_profile of \"" + chain.back() + "\", has no credentials",
              "give it keys, a role, SSO or a credential_process");
}

CredentialFetch named_source(const CredentialContext& context, const std::string& name, const std::string& source) {
  if (source == "Environment") return [&context] { return environment_credentials(context); };
  if (source == "Ec2InstanceMetadata") return instance(context);
  if (source == "EcsContainer") return [&context] { return container_credentials(context); };
  throw Error(ErrorKind::usage, CredentialContext::named(name) + ": credential_source is not a source",
              "set it to Environment, Ec2InstanceMetadata or EcsContainer");
}

// `chain`: the profiles gone through so far, this one not among them.
CredentialFetch assumed_role(const CredentialContext& context, const std::string& name,
                             std::vector<std::string> chain) {
  const std::string where = CredentialContext::named(name);
  if (std::find(chain.begin(), chain.end(), name) != chain.end()) {
    std::string path;
    for (const std::string& profile : chain) path += profile + " -> ";
    throw Error(ErrorKind::usage, "the source_profile chain is a loop: " + path + name, "check source_profile");
  }
  chain.push_back(name);
  const IniSection& profile = *context.profiles.profile(name);
  AssumeRole role = role_of(profile, name);
  if (!profile_value(profile, "mfa_serial").empty()) {
    throw Error(ErrorKind::usage, where + " needs an MFA code (mfa_serial), which cannot be asked for here",
                "get temporary credentials with aws sts get-session-token and set them");
  }
  const std::string source = profile_value(profile, "source_profile");
  const std::string credential_source = profile_value(profile, "credential_source");
  if (source.empty() == credential_source.empty()) {
    throw Error(ErrorKind::usage,
                where + " has a role_arn with " + (source.empty() ? "neither" : "both") + " source_profile " +
                    (source.empty() ? "nor" : "and") + " credential_source",
                "set one of them");
  }
  CredentialFetch signer = source.empty() ? named_source(context, name, credential_source)
                                          : source_profile(context, source, std::move(chain));
  return
      [&context, role = std::move(role), signer = std::move(signer)] { return assume_role(context, role, signer()); };
}

std::string looked_at(const CredentialContext& context, const std::string& instance_absence) {
  return "no AWS credentials found: looked in " +
         std::string(context.settings.profile_explicit ? "" : "the environment (AWS_ACCESS_KEY_ID), ") +
         CredentialContext::named(context.settings.profile) + " of " + context.profiles.sources() +
         ", container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI) and EC2 instance metadata (" + instance_absence +
         ")";
}

}  // namespace

CredentialFetch find_credential_source(const CredentialContext& context) {
  const bool use_environment = !context.settings.profile_explicit;
  if (use_environment && !(context.variable("AWS_ACCESS_KEY_ID") + context.variable("AWS_SECRET_ACCESS_KEY")).empty()) {
    return [&context] { return environment_credentials(context); };
  }

  const IniSection none;
  const std::string& name = context.settings.profile;
  const IniSection* found = context.profiles.profile(name);
  const IniSection& profile = found != nullptr ? *found : none;
  const bool has_token_file = !profile_value(profile, "web_identity_token_file").empty();
  if (!profile_value(profile, "role_arn").empty() && !has_token_file) {
    // A profile may name itself as its source when it has keys too.
    return assumed_role(context, name, {});
  }
  if (std::string file = context.variable("AWS_WEB_IDENTITY_TOKEN_FILE"); use_environment && !file.empty()) {
    return web_identity(context, {context.variable("AWS_ROLE_ARN"), context.variable("AWS_ROLE_SESSION_NAME"), "", ""},
                        std::move(file), "AWS_WEB_IDENTITY_TOKEN_FILE");
  }
  if (has_token_file) return profile_web_identity(context, name, profile);
  if (has_sso(profile)) return [&context, name] { return sso_credentials(context, name); };
  const bool has_process = !profile_value(profile, "credential_process").empty();
  if (has_static_keys(profile) && (context.profiles.in_credentials_file(name) || !has_process)) {
    return static_keys(name, profile);
  }
  if (has_process) return process(context, name, profile);
  if (has_container_credentials(context)) return [&context] { return container_credentials(context); };
  return [&context] {
    InstanceCredentials answer = instance_credentials(context);
    if (!answer.credentials) throw Error(ErrorKind::usage, looked_at(context, answer.absence), kNextAction);
    return *std::move(answer.credentials);
  };
}

}  // namespace bulk
