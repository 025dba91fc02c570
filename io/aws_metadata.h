// Credentials that the place gives in which the program runs: the container agent (ECS, EKS Pod Identity) and the EC2
// instance metadata service, version 2 with a way back to version 1. Link-local, so proxies are never used there.
// Also the region of an instance. Blocking calls, any thread.
#pragma once

#include <optional>
#include <string>

#include "io/aws_credential_context.h"

namespace bulk {

// Whether the environment names a container endpoint.
bool has_container_credentials(const CredentialContext& context);
// Errors: usage when the endpoint may not be used or no token can be read, remote when it does not answer well.
AwsCredentials container_credentials(const CredentialContext& context);

// What the instance metadata service said: credentials, or why there are none ("no answer from 169.254.169.254").
struct InstanceCredentials {
  std::optional<AwsCredentials> credentials;
  std::string absence;
};
// Error(remote) when there is such a service and its answer is wrong.
InstanceCredentials instance_credentials(const CredentialContext& context);

// Where the instance stands ("eu-west-1"); empty when it is turned off, does not answer or says no region.
std::string instance_region(const CredentialContext& context);

}  // namespace bulk
