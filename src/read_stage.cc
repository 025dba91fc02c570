#include "src/read_stage.h"

#include <algorithm>

namespace bulk {

ReadStage::ReadStage(Source& source, std::span<const Segment> segments, BatchPool& pool, RateLimiter& bandwidth,
                     Stop& stop, std::function<void(Work*)> hand_on)
    : segments_(segments), pool_(pool), bandwidth_(bandwidth), stop_(stop), hand_on_(std::move(hand_on)) {
  for (const Segment& segment : segments_) readers_.push_back(source.open(segment, Cursor{}));
  const std::size_t threads = std::min<std::size_t>(segments_.size(), kMostReaders);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

void ReadStage::join() {
  for (std::jthread& thread : threads_) thread.join();
  threads_.clear();
}

void ReadStage::run() noexcept {
  try {
    while (!stop_.stopped()) {
      const std::size_t mine = next_segment_.fetch_add(1, std::memory_order_relaxed);
      if (mine >= segments_.size()) return;
      read_segment(segments_[mine]);
      readers_[mine].reset();
    }
  } catch (...) {
    stop_.fail(std::current_exception());
  }
}

void ReadStage::read_segment(const Segment& segment) {
  Reader& reader = *readers_[static_cast<std::size_t>(&segment - segments_.data())];
  for (std::uint64_t sequence = 0;; ++sequence) {
    Work* work = pool_.acquire();
    if (work == nullptr) return;
    if (!reader.read(work->batch)) {
      pool_.release(work);
      return;
    }
    if (!bandwidth_.acquire(static_cast<double>(work->batch.bytes.size()), stop_)) {
      pool_.release(work);
      return;
    }
    if (segments_.size() == 1 && !pool_.charge(work)) {
      pool_.release(work);
      return;
    }
    work->batch.segment = segment.index;
    work->batch.sequence = sequence;
    hand_on_(work);
  }
}

}  // namespace bulk
