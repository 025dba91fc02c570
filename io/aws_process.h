// credential_process: a program of the user's that prints credentials. Run without a shell, for at most a minute, its
// standard output read up to a bound; what it writes to standard error goes to ours. Internal to io/aws_*. Blocking.
#pragma once

#include <string>
#include <vector>

#include "io/aws_credential_context.h"

namespace bulk {

// Splits a command line as a POSIX shell would (quotes, backslashes), without expanding anything.
// Error(usage) when a quote is not closed or nothing is there.
std::vector<std::string> split_command(const std::string& command);

// Error(usage) when the program cannot be run or fails, Error(remote) when it says something else than it should.
AwsCredentials process_credentials(const CredentialContext& context, const std::string& command,
                                   const std::string& profile);

}  // namespace bulk
