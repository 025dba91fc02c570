// Keeps credentials until they are about to expire. In the last 15 minutes one thread fetches new ones while the others
// go on with the old; in the last 10 all wait for them. Credentials that live for less than half an hour get windows in
// proportion (a half and a third of their life), so that short ones are not fetched for every request.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "io/aws_credentials.h"

namespace bulk {

class CredentialCache final : public CredentialProvider {
 public:
  // `now` is the clock (tests bring their own). `fetch` may throw, and is never called by two threads at once.
  CredentialCache(std::function<AwsCredentials()> fetch, std::function<WallTime()> now)
      : fetch_(std::move(fetch)), now_(std::move(now)) {}

  AwsCredentials get() override;
  void refresh() override;

 private:
  void take(AwsCredentials credentials, WallTime now);

  std::function<AwsCredentials()> fetch_;
  std::function<WallTime()> now_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  bool fetching_ = false;
  std::optional<AwsCredentials> cached_;
  WallTime renew_at_;  // from here on one thread fetches
  WallTime wait_at_;   // from here on all wait
};

}  // namespace bulk
