#include "io/stop.h"

#include <algorithm>

namespace bulk {

void Stop::fail(std::exception_ptr cause) noexcept {
  const std::lock_guard lock(mutex_);
  if (stopped_.load(std::memory_order_relaxed)) return;
  cause_ = std::move(cause);
  stopped_.store(true, std::memory_order_release);
  wake_.notify_all();
  // Under the lock, so that off() can promise that no callback runs after it.
  for (const auto& [registration, wake] : callbacks_) wake();
}

void Stop::check() const {
  if (!stopped()) return;
  std::exception_ptr cause;
  {
    const std::lock_guard lock(mutex_);
    cause = cause_;
  }
  std::rethrow_exception(cause);
}

bool Stop::wait_for(std::chrono::nanoseconds duration) const {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, duration, [this] { return stopped_.load(std::memory_order_relaxed); });
}

std::size_t Stop::on_stop(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (stopped_.load(std::memory_order_relaxed)) wake();
  callbacks_.emplace_back(next_registration_, std::move(wake));
  return next_registration_++;
}

void Stop::off(std::size_t registration) {
  const std::lock_guard lock(mutex_);
  std::erase_if(callbacks_, [registration](const auto& entry) { return entry.first == registration; });
}

}  // namespace bulk
