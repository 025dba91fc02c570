// Reader threads: blocking I/O has threads of its own, one segment at a time each. A reader takes an empty batch from
// the pool, fills it and hands it on; when all segments are read, or the job stops, it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "backends/backend.h"
#include "io/rate.h"
#include "io/stop.h"
#include "src/batch_pool.h"

namespace bulk {

class ReadStage {
 public:
  // At most so many segments are read at once, whatever --segments says: a thread each.
  static constexpr unsigned kMostReaders = 64;

  // Starts reading. `bandwidth` paces the bytes of records of all readers together. `hand_on` takes each filled batch;
  // called from every reader thread.
  ReadStage(Source& source, std::span<const Segment> segments, BatchPool& pool, RateLimiter& bandwidth, Stop& stop,
            std::function<void(Work*)> hand_on);

  // Waits for all readers.
  void join();

 private:
  void run() noexcept;
  void read_segment(const Segment& segment);

  std::span<const Segment> segments_;
  BatchPool& pool_;
  RateLimiter& bandwidth_;
  Stop& stop_;
  std::function<void(Work*)> hand_on_;
  std::vector<std::unique_ptr<Reader>> readers_;  // one per segment, opened before any thread starts
  std::atomic<std::size_t> next_segment_{0};
  std::vector<std::jthread> threads_;
};

}  // namespace bulk
