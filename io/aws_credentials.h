// The credential chain: environment, profile (static keys, assume-role chains through STS, credential_process, web
// identity, SSO token cache), container endpoint, IMDSv2; in the SDKs' order. Credentials are refreshed before they
// expire: one thread fetches, others go on with the old ones until ten minutes before the end, then all wait.
// Thread-safe. Secrets never appear in error texts.
#pragma once

#include <memory>

#include "io/aws_config.h"
#include "io/http.h"
#include "io/sigv4.h"

namespace bulk {

class CredentialProvider {
 public:
  virtual ~CredentialProvider() = default;

  // Credentials that are good for at least ten minutes where the source allows it.
  // Throws Error(usage) when no source has any ("no AWS credentials found: looked in ..."), Error(remote) when a source
  // that is configured did not answer.
  virtual AwsCredentials get() = 0;

  // The service said ExpiredToken: forget what is cached.
  virtual void refresh() = 0;
};

// `stop` interrupts waits. The chain keeps references to its arguments.
std::unique_ptr<CredentialProvider> make_credential_chain(const Environment& environment, const AwsProfiles& profiles,
                                                          const AwsSettings& settings, HttpClient& http, Stop& stop);

}  // namespace bulk
