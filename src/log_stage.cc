#include "src/log_stage.h"

namespace bulk {

LogStage::LogStage(BatchLog& log, Stop& stop, std::function<void(Work*)> done)
    : log_(log), stop_(stop), done_(std::move(done)), thread_([this] { run(); }) {}

LogStage::~LogStage() {
  drain();
}

void LogStage::submit(Work* work) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(work);
  }
  changed_.notify_one();
}

void LogStage::drain() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void LogStage::run() noexcept {
  while (true) {
    std::vector<Work*> works;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      works.swap(waiting_);
    }
    std::vector<Work*> to_log;
    for (Work* const work : works) {
      if (work->transformed && !work->batch.records.empty()) to_log.push_back(work);
    }
    try {
      if (!to_log.empty() && !stop_.stopped()) log_.write_down(to_log);
    } catch (...) {
      stop_.fail(std::current_exception());
    }
    for (Work* const work : works) {
      // What could not be written down must not be written out. The write feed gives it back to the pool.
      if (stop_.stopped()) work->transformed = false;
      done_(work);
    }
  }
}

}  // namespace bulk
