// A role's keys through IAM Identity Center (SSO): the sign-in token that `aws sso login` left in its cache, refreshed
// where the cache allows it, buys the keys. Internal to io/aws_*. Blocking, any thread; the token file is replaced
// atomically after a refresh.
#pragma once

#include <string>

#include "io/aws_credential_context.h"

namespace bulk {

// Whether the profile is one that signs in through SSO.
bool has_sso(const IniSection& profile);

// Errors: usage when the profile is incomplete or the session has expired ("run aws sso login --profile NAME"), remote
// when the service does not answer.
AwsCredentials sso_credentials(const CredentialContext& context, const std::string& profile);

}  // namespace bulk
