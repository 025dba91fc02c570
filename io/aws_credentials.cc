#include "io/aws_credentials.h"

#include "io/aws_credential_cache.h"
#include "io/aws_credential_context.h"
#include "io/aws_credential_sources.h"

namespace bulk {

std::unique_ptr<CredentialProvider> make_credential_chain(const Environment& environment, const AwsProfiles& profiles,
                                                          const AwsSettings& settings, HttpClient& http, Stop& stop) {
  // The source is looked for at the first use, and kept; the sources refer to the context, hence the shared owner.
  struct Chain {
    CredentialContext context;
    CredentialFetch fetch;
  };
  const auto chain = std::make_shared<Chain>(Chain{{environment, profiles, settings, http, stop}, nullptr});
  return std::make_unique<CredentialCache>(
      [chain] {
        if (!chain->fetch) chain->fetch = find_credential_source(chain->context);
        return chain->fetch();
      },
      std::chrono::system_clock::now);
}

}  // namespace bulk
