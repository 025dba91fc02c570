#include "src/batch_pool.h"

#include <algorithm>

namespace bulk {
namespace {

// Per batch of the pool. Each is a gap behind which a killed run has to write again what was written.
constexpr std::size_t kMostVacated = 4;

}  // namespace

BatchPool::BatchPool(std::size_t batches, std::size_t batch_bytes, Stop& stop, std::size_t aside_bytes)
    : batches_(batches), batch_bytes_(batch_bytes), stop_(stop), aside_left_(static_cast<std::int64_t>(aside_bytes)) {
  for (std::size_t i = 0; i < batches; ++i) {
    owned_.push_back(std::make_unique<Work>());
    free_.push_back(owned_.back().get());
  }
  registration_ = stop_.on_stop([this] {
    const std::lock_guard lock(mutex_);
    available_.notify_all();
  });
}

BatchPool::~BatchPool() {
  stop_.off(registration_);
}

Work* BatchPool::acquire() {
  std::unique_lock lock(mutex_);
  available_.wait(lock, [this] { return !free_.empty() || stop_.stopped(); });
  if (stop_.stopped()) return nullptr;
  Work* work = free_.back();
  free_.pop_back();
  return work;
}

bool BatchPool::charge(Work* work) {
  const std::size_t held = work->batch.bytes.size() + work->batch.records.size() * sizeof(Record);
  const std::size_t wanted = std::min(held / (2 * batch_bytes_), batches_ - 1);
  if (wanted == 0) return true;
  std::unique_lock lock(mutex_);
  available_.wait(lock, [&] { return free_.size() >= wanted || stop_.stopped(); });
  if (stop_.stopped()) return false;
  work->shares.assign(free_.end() - static_cast<std::ptrdiff_t>(wanted), free_.end());
  free_.resize(free_.size() - wanted);
  return true;
}

bool BatchPool::take_aside(std::size_t bytes) {
  if (vacated_.load(std::memory_order_relaxed) >= kMostVacated * batches_) return false;
  const auto wanted = static_cast<std::int64_t>(bytes);
  if (aside_left_.fetch_sub(wanted, std::memory_order_relaxed) >= wanted) return true;
  give_back(bytes);
  return false;
}

void BatchPool::give_back(std::size_t bytes) {
  aside_left_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
}

void BatchPool::vacate(Work* work) {
  auto heir = std::make_unique<Work>();
  heir->batch.bytes.swap(work->batch.bytes);
  heir->batch.records.swap(work->batch.records);
  heir->batch.encoded.swap(work->batch.encoded);
  heir->shares.swap(work->shares);
  work->vacated = true;
  vacated_.fetch_add(1, std::memory_order_relaxed);
  Work* const next = heir.get();
  {
    const std::lock_guard lock(mutex_);
    owned_.push_back(std::move(heir));
  }
  release(next);
}

void BatchPool::release(Work* work) {
  if (work->vacated) {
    vacated_.fetch_sub(1, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    std::erase_if(owned_, [work](const auto& owned) { return owned.get() == work; });
    return;
  }
  Batch& batch = work->batch;
  batch.reset();
  // One batch of huge records must not keep its memory for the rest of the run.
  batch.bytes.shrink_to(2 * batch_bytes_);
  batch.encoded.shrink_to(2 * batch_bytes_);
  if (batch.records.capacity() * sizeof(Record) > 2 * batch_bytes_) batch.records = {};
  work->next = 0;
  work->transformed = false;
  work->tally = {};
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(work);
    free_.insert(free_.end(), work->shares.begin(), work->shares.end());
    work->shares.clear();
  }
  available_.notify_one();
}

bool BatchPool::all_home() const {
  const std::lock_guard lock(mutex_);
  return free_.size() == owned_.size();
}

}  // namespace bulk
