// Between the transform stage and the write feed, for changes that must be taken back if need be: batches are written
// down durably before anything of them is written out. Batches that come while the log is being synced share the next
// sync. One thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "io/stop.h"
#include "src/batch_pool.h"

namespace bulk {

class BatchLog {
 public:
  virtual ~BatchLog() = default;
  // Returns when these batches (transformed, with records) are durable. One thread at a time.
  virtual void write_down(std::span<Work* const> works) = 0;
};

class LogStage {
 public:
  // `done` takes each batch that is written down, and each that need not be. It must not block.
  LogStage(BatchLog& log, Stop& stop, std::function<void(Work*)> done);
  ~LogStage();
  LogStage(const LogStage&) = delete;

  // Any thread; returns at once.
  void submit(Work* work);
  // Waits until every batch handed in has left. Call when no more will be submitted.
  void drain();

 private:
  void run() noexcept;

  BatchLog& log_;
  Stop& stop_;
  std::function<void(Work*)> done_;
  std::mutex mutex_;  // guards the next two
  std::vector<Work*> waiting_;
  bool closed_ = false;
  std::condition_variable changed_;
  std::jthread thread_;
};

}  // namespace bulk
