#include "src/read_stage.h"

#include <algorithm>

namespace bulk {

ReadStage::ReadStage(Source& source, std::span<const Segment> segments, unsigned readers, const Checkpoint* checkpoint,
                     BatchPool& pool, RateLimiter& bandwidth, Stop& stop, std::function<void(Work*)> hand_on,
                     ActivityBoard* board, std::function<bool()> enough)
    : source_(source),
      segments_(segments),
      checkpoint_(checkpoint),
      pool_(pool),
      bandwidth_(bandwidth),
      stop_(stop),
      hand_on_(std::move(hand_on)),
      board_(board),
      enough_(std::move(enough)) {
  const std::size_t threads = std::min<std::size_t>(segments_.size(), readers);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

void ReadStage::join() {
  for (std::jthread& thread : threads_) thread.join();
  threads_.clear();
}

void ReadStage::run() noexcept {
  ActivityBoard::Seat seat(board_);
  try {
    while (!stop_.stopped() && !(enough_ && enough_())) {
      const std::size_t mine = next_segment_.fetch_add(1, std::memory_order_relaxed);
      if (mine >= segments_.size()) return;
      seat.doing(Doing::reading, segments_[mine].index);  // opening reads too
      read_segment(segments_[mine], *open(segments_[mine]), seat);
    }
  } catch (...) {
    stop_.fail(std::current_exception());
  }
}

// Only now: a million segments must not mean a million readers at once.
std::unique_ptr<Reader> ReadStage::open(const Segment& segment) {
  const std::lock_guard lock(opening_);
  return source_.open(segment, checkpoint_ == nullptr ? Cursor() : checkpoint_->cursor(segment.index));
}

void ReadStage::read_segment(const Segment& segment, Reader& reader, ActivityBoard::Seat& seat) {
  std::uint64_t records = 0;
  for (std::uint64_t sequence = 0; !(enough_ && enough_()); ++sequence) {
    Work* work = pool_.acquire();
    if (work == nullptr) return;
    seat.doing(Doing::reading, segment.index, records);
    const bool filled = reader.read(work->batch);
    seat.doing(Doing::waiting);
    if (!filled) {
      pool_.release(work);
      return;
    }
    records += work->batch.records.size();
    if (!bandwidth_.acquire(static_cast<double>(work->batch.bytes.size()), stop_)) {
      pool_.release(work);
      return;
    }
    if (segments_.size() == 1 && !pool_.charge(work)) {
      pool_.release(work);
      return;
    }
    work->batch.segment = segment.index;
    work->batch.table = segment.table;
    work->batch.sequence = sequence;
    hand_on_(work);
  }
}

}  // namespace bulk
