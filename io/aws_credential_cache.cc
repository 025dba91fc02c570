#include "io/aws_credential_cache.h"

#include <algorithm>
#include <exception>

#include "io/error.h"

namespace bulk {
namespace {

constexpr std::chrono::minutes kRenewWindow{15};
constexpr std::chrono::minutes kWaitWindow{10};
constexpr std::chrono::minutes kRetryRenewal{1};

}  // namespace

AwsCredentials CredentialCache::get() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const WallTime now = now_();
    const bool usable = cached_ && now < wait_at_;
    if (usable && (fetching_ || now < renew_at_)) return *cached_;
    if (fetching_) {
      fetched_.wait(lock);
      continue;
    }
    fetching_ = true;
    lock.unlock();
    std::optional<AwsCredentials> fresh;
    std::exception_ptr failure;
    try {
      AwsCredentials fetched = fetch_();
      if (fetched.expires && *fetched.expires <= now_()) {
        throw Error(ErrorKind::usage, "the AWS credentials expired at " + utc_iso8601(*fetched.expires),
                    "sign in again or set new ones");
      }
      fresh = std::move(fetched);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    fetching_ = false;
    fetched_.notify_all();
    if (fresh) {
      take(*std::move(fresh), now_());
      return *cached_;
    }
    if (!usable || !cached_) std::rethrow_exception(failure);
    renew_at_ = now + kRetryRenewal;  // the old ones are good for some minutes yet
    return *cached_;
  }
}

void CredentialCache::take(AwsCredentials credentials, WallTime now) {
  renew_at_ = wait_at_ = WallTime::max();
  if (credentials.expires) {
    const WallTime end = *credentials.expires;
    renew_at_ = end - std::min<WallTime::duration>(kRenewWindow, (end - now) / 2);
    wait_at_ = end - std::min<WallTime::duration>(kWaitWindow, (end - now) / 3);
  }
  cached_ = std::move(credentials);
}

void CredentialCache::refresh() {
  const std::lock_guard lock(mutex_);
  cached_.reset();
}

}  // namespace bulk
