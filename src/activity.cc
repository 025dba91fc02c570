#include "src/activity.h"

#include <chrono>

namespace bulk {

namespace {

// 4 bits say what, 24 which segment (the most that any source cuts are 1,000,000), 36 since when: two years of
// milliseconds.
constexpr unsigned kDoingBits = 4;
constexpr unsigned kSegmentBits = 24;
constexpr std::uint64_t kDoingMask = (1u << kDoingBits) - 1;
constexpr std::uint64_t kSegmentMask = (1u << kSegmentBits) - 1;

}  // namespace

ActivityBoard::ActivityBoard(std::size_t seats)
    : began_(std::chrono::steady_clock::now()), count_(seats), places_(std::make_unique<Place[]>(seats)) {}

ActivityBoard::Seat::Seat(ActivityBoard* board) noexcept : board_(nullptr) {
  if (board == nullptr) return;
  for (std::size_t i = 0; i < board->count_; ++i) {
    if (board->places_[i].taken.exchange(true, std::memory_order_acq_rel)) continue;
    board_ = board;
    index_ = i;
    doing(Doing::waiting);
    return;
  }
}

ActivityBoard::Seat::~Seat() {
  if (board_ == nullptr) return;
  doing(Doing::waiting);
  board_->places_[index_].taken.store(false, std::memory_order_release);
}

void ActivityBoard::Seat::doing(Doing what, std::uint32_t segment, std::uint64_t records) noexcept {
  if (board_ == nullptr) return;
  const auto passed =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - board_->began_).count();
  Place& place = board_->places_[index_];
  place.records.store(records, std::memory_order_relaxed);
  place.state.store(static_cast<std::uint64_t>(passed) << (kDoingBits + kSegmentBits) |
                        (segment & kSegmentMask) << kDoingBits | static_cast<std::uint64_t>(what),
                    std::memory_order_release);
}

std::vector<Activity> ActivityBoard::activities() const {
  std::vector<Activity> all;
  for (std::size_t i = 0; i < count_; ++i) {
    const Place& place = places_[i];
    if (!place.taken.load(std::memory_order_acquire)) continue;
    const std::uint64_t state = place.state.load(std::memory_order_acquire);
    Activity activity;
    activity.doing = static_cast<Doing>(state & kDoingMask);
    activity.segment = static_cast<std::uint32_t>(state >> kDoingBits & kSegmentMask);
    activity.records = place.records.load(std::memory_order_relaxed);
    activity.since = began_ + std::chrono::milliseconds(state >> (kDoingBits + kSegmentBits));
    all.push_back(activity);
  }
  return all;
}

}  // namespace bulk
