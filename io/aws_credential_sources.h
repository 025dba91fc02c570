// Which source of credentials is in force: the SDKs' order (environment, assumed role, web identity, SSO, credentials
// file, credential_process, config file, container, instance). A source is chosen by what is configured, not by whether
// it works: one that is configured and fails is an error, never a silent way to the next. Internal to io/aws_*. Any
// thread.
#pragma once

#include "io/aws_credential_context.h"

namespace bulk {

// The first configured source; the last one, the instance's metadata service, is only known to be absent when asked:
// its fetch then throws Error(usage) "no AWS credentials found: ...". Errors of configuration (Error(usage)) are thrown
// here. The context must outlive the fetch.
CredentialFetch find_credential_source(const CredentialContext& context);

}  // namespace bulk
