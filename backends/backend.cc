// What backends/backend.h leaves to backends and says for those that do not: the two ways of a sink session to make
// attempts, in terms of each other, and a store whose records cannot be changed in place.
#include <utility>

#include "backends/backend.h"
#include "io/error.h"

namespace bulk {

WriteResult SinkSession::write(std::span<const RecordRef> records) {
  std::vector<Ended> ended;
  begin(0, records);
  while (ended.empty()) collect(std::chrono::steady_clock::now() + std::chrono::seconds(1), ended);
  return std::move(ended.front().result);
}

void BlockingSession::begin(std::uint32_t ticket, std::span<const RecordRef> records) {
  ended_.push_back({ticket, write(records)});
}

void BlockingSession::collect(SteadyTime until, std::vector<Ended>& ended) {
  std::unique_lock lock(mutex_);
  if (ended_.empty()) wake_.wait_until(lock, until, [this] { return woken_; });
  woken_ = false;
  lock.unlock();
  for (Ended& one : ended_) ended.push_back(std::move(one));
  ended_.clear();
}

void BlockingSession::wake() noexcept {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_one();
}

std::unique_ptr<Sink> Store::updater(const WriteOptions&) {
  throw Error(ErrorKind::usage, "records of " + url() + " cannot be changed in place", "restore it into a table first");
}

}  // namespace bulk
