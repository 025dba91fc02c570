// Reader threads: blocking I/O has threads of its own, one segment at a time each. A reader takes an empty batch from
// the pool, fills it and hands it on; when all segments are read, or the job stops, it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "backends/backend.h"
#include "io/rate.h"
#include "io/stop.h"
#include "src/activity.h"
#include "src/batch_pool.h"
#include "src/checkpoint.h"

namespace bulk {

class ReadStage {
 public:
  // More never make sense: a thread each.
  static constexpr unsigned kMostReaders = 64;

  // Starts reading, at most `readers` segments at a time, each from its cursor where there is a checkpoint. `bandwidth`
  // paces the bytes of records of all readers together. `hand_on` takes each filled batch; called from every reader
  // thread. `board`, where there is one, shows what each reader is doing. When `enough` (may be empty) says so, nothing
  // more is read.
  ReadStage(Source& source, std::span<const Segment> segments, unsigned readers, const Checkpoint* checkpoint,
            BatchPool& pool, RateLimiter& bandwidth, Stop& stop, std::function<void(Work*)> hand_on,
            ActivityBoard* board = nullptr, std::function<bool()> enough = {});

  // Waits for all readers.
  void join();

 private:
  void run() noexcept;
  void read_segment(const Segment& segment, Reader& reader, ActivityBoard::Seat& seat);
  std::unique_ptr<Reader> open(const Segment& segment);

  Source& source_;
  std::span<const Segment> segments_;
  const Checkpoint* const checkpoint_;
  BatchPool& pool_;
  RateLimiter& bandwidth_;
  Stop& stop_;
  std::function<void(Work*)> hand_on_;
  ActivityBoard* const board_;
  std::function<bool()> enough_;
  std::mutex opening_;
  std::atomic<std::size_t> next_segment_{0};
  std::vector<std::jthread> threads_;
};

}  // namespace bulk
