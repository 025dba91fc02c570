// Roles through the Security Token Service: AssumeRole (signed with other credentials) and AssumeRoleWithWebIdentity
// (unsigned, with a token). Internal to io/aws_*. One blocking call each, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "io/aws_credential_context.h"

namespace bulk {

struct AssumeRole {
  std::string role_arn;
  std::string session_name;  // empty: one is made up
  std::string external_id;
  std::string duration_seconds;  // decimal; empty: the service's default
};

// Errors: remote when STS does not answer, usage with its code and message when it refuses.
AwsCredentials assume_role(const CredentialContext& context, const AssumeRole& role, const AwsCredentials& signed_by);
AwsCredentials assume_role_with_token(const CredentialContext& context, const AssumeRole& role,
                                      const std::string& web_identity_token);

// The text of the first element <NAME> in `xml`, entities resolved; nothing when there is none. Enough of XML for the
// replies of STS, whose elements have neither attributes nor mixed content where we look.
std::optional<std::string> xml_text(std::string_view xml, const std::string& name);

}  // namespace bulk
