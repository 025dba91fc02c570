#include "src/checkpoint.h"

#include <algorithm>

namespace bulk {
namespace {

// A tenth of the writer's time at most; a hundredth of the work done so far, and at most this, can be lost.
constexpr int kCostFactor = 9;
constexpr int kWorkDivisor = 100;
constexpr std::chrono::seconds kLongest{5};

}  // namespace

Checkpoint::Checkpoint(Journal& journal, const JournalContent* past)
    : journal_(journal), started_(std::chrono::steady_clock::now()), last_(started_) {
  if (past == nullptr) return;
  segments_ = past->segments;
  past_ = past->progress;
  for (const auto& [index, progress] : past_) lines_[index].progress = progress;
}

std::vector<Segment> Checkpoint::plan(Source& source) {
  if (segments_.empty()) {
    segments_ = source.plan();
    journal_.append(segments_entry(segments_));
  }
  return segments_;
}

Cursor Checkpoint::cursor(std::uint32_t segment) const {
  const auto found = past_.find(segment);
  return found == past_.end() ? Cursor() : found->second.after;
}

void Checkpoint::settled(const Work& work) {
  if (work.batch.incomplete) return;
  std::unique_lock lock(mutex_);
  Line& line = lines_[work.batch.segment];
  Tally tally = work.tally;
  tally.written = tally.left_to_write();
  line.early.emplace(work.batch.sequence, Settled{work.batch.after, tally});
  for (auto next = line.early.begin(); next != line.early.end() && next->first == line.next;
       next = line.early.erase(next)) {
    line.progress.after = std::move(next->second.after);
    line.progress.tally += next->second.tally;
    ++line.progress.batches;
    ++line.next;
    advanced_[work.batch.segment] = line.progress;
  }
  if (!advanced_.empty() && !broken_ && !writing_ && due(std::chrono::steady_clock::now())) write(lock);
}

bool Checkpoint::due(SteadyTime now) const {
  const auto pause = std::max<std::chrono::nanoseconds>(kCostFactor * cost_, (now - started_) / kWorkDivisor);
  return now - last_ >= std::min<std::chrono::nanoseconds>(pause, kLongest);
}

void Checkpoint::write(std::unique_lock<std::mutex>& lock) {
  const std::map<std::uint32_t, SegmentProgress> advanced = std::move(advanced_);
  advanced_.clear();
  writing_ = true;
  broken_ = true;  // until it is written
  lock.unlock();
  const SteadyTime before = std::chrono::steady_clock::now();
  if (rejects_ != nullptr) rejects_->sync();
  journal_.append(checkpoint_entry(advanced, sink_->checkpoint()));
  journal_.keep();
  lock.lock();
  written_ = true;
  writing_ = false;
  broken_ = false;
  last_ = std::chrono::steady_clock::now();
  cost_ = last_ - before;
}

void Checkpoint::flush() {
  std::unique_lock lock(mutex_);
  if (!advanced_.empty() && !broken_) write(lock);
}

bool Checkpoint::has_progress() {
  const std::lock_guard lock(mutex_);
  return written_ || !past_.empty();
}

void Checkpoint::disown() {
  journal_.remove();
}

}  // namespace bulk
