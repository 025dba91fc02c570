#include "src/batch_pool.h"

namespace bulk {

BatchPool::BatchPool(std::size_t batches, std::size_t batch_bytes, Stop& stop)
    : batch_bytes_(batch_bytes), stop_(stop) {
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

void BatchPool::release(Work* work) {
  Batch& batch = work->batch;
  batch.reset();
  // One batch of huge records must not keep its memory for the rest of the run.
  batch.bytes.shrink_to(2 * batch_bytes_);
  batch.encoded.shrink_to(2 * batch_bytes_);
  work->next = 0;
  {
    const std::lock_guard lock(mutex_);
    free_.push_back(work);
  }
  available_.notify_one();
}

bool BatchPool::all_home() const {
  const std::lock_guard lock(mutex_);
  return free_.size() == owned_.size();
}

}  // namespace bulk
