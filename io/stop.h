// The one way to stop. Success, first error and Ctrl-C share it: whoever fails calls fail() (the first cause is kept),
// everybody else notices through stopped() or is woken from wait_for(), drains and returns; whoever waits for the end
// calls rethrow(). One Stop per job; all members may be called from any thread. Not for use inside a signal handler:
// signals are received by a thread (src/signals.h) which calls fail().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

namespace bulk {

class Stop {
 public:
  Stop() = default;
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  // Ends the job with this cause; later causes are dropped.
  void fail(std::exception_ptr cause) noexcept;

  bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

  // Throws the cause when stopped.
  void check() const;

  // Sleeps; returns true at once when the job stops meanwhile (or had stopped).
  bool wait_for(std::chrono::nanoseconds duration) const;

  // Runs `wake` when the job stops (at once if it has): for queues and pools whose waiters have to be woken.
  // The callback must not block or throw, and outlives its registration: remove it with off().
  // off() returns only when the callback is not running.
  std::size_t on_stop(std::function<void()> wake);
  void off(std::size_t registration);

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable wake_;
  std::atomic<bool> stopped_{false};
  std::exception_ptr cause_;
  std::vector<std::pair<std::size_t, std::function<void()>>> callbacks_;
  std::size_t next_registration_ = 1;
};

}  // namespace bulk
