#include "src/write_feed.h"

#include <algorithm>

#include "io/error.h"

namespace bulk {

WriteFeed::WriteFeed(const SinkLimits& limits, unsigned lanes, bool in_order, KeyLedger* ledger, BatchPool& pool,
                     Checkpoint* checkpoint, ProgressCounters& progress, Stop& stop)
    : limits_(limits),
      in_order_(in_order),
      ledger_(ledger),
      pool_(pool),
      checkpoint_(checkpoint),
      progress_(progress),
      stop_(stop),
      routed_(lanes) {
  registration_ = stop_.on_stop([this] { signal(); });
}

WriteFeed::~WriteFeed() {
  stop_.off(registration_);
}

void WriteFeed::signal() {
  const std::lock_guard lock(listeners_mutex_);
  for (const auto& [registration, wake] : listeners_) wake();
}

std::size_t WriteFeed::on_change(std::function<void()> wake) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.emplace(next_listener_, std::move(wake));
  return next_listener_++;
}

void WriteFeed::off(std::size_t registration) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.erase(registration);
}

void WriteFeed::push(Work* work) {
  progress_.waiting_for_write.fetch_add(1, std::memory_order_relaxed);
  arrived_.push(work);
  signal();
}

void WriteFeed::close() {
  closed_.store(true, std::memory_order_release);
  signal();
}

WriteFeed::Fill WriteFeed::fill(unsigned lane, std::vector<Pending>& pending) {
  // Read before the queue is emptied: whatever was pushed before close() is then seen.
  const bool closed = closed_.load(std::memory_order_acquire);
  if (stop_.stopped()) return Fill::nothing_more;
  const std::lock_guard lock(mutex_);
  take_new_batches();
  if (take(lane, pending) || !pending.empty()) return Fill::records;
  if (!closed) return Fill::nothing_yet;
  if (exhausted(lane)) return Fill::nothing_more;
  // Nothing will come that could fill the gap.
  if (early_ > 0) throw Error(ErrorKind::corrupt, "a batch was lost", "do not use the result; run again");
  return Fill::nothing_yet;
}

bool WriteFeed::exhausted(unsigned lane) const {
  return early_ == 0 && (in_order_ ? routed_[lane].empty() : active_.empty());
}

void WriteFeed::take_new_batches() {
  Work* work = nullptr;
  while (arrived_.try_pop(work)) {
    if (!work->transformed) {
      progress_.waiting_for_write.fetch_sub(1, std::memory_order_relaxed);
      pool_.release(work);
      continue;
    }
    if (!in_order_ && !limits_.whole_batches) {
      admit(work);
      continue;
    }
    Sequence& sequence = sequences_[work->batch.segment];
    sequence.early.emplace(work->batch.sequence, work);
    ++early_;
    for (auto next = sequence.early.begin(); next != sequence.early.end() && next->first == sequence.next;
         next = sequence.early.erase(next)) {
      admit(next->second);
      ++sequence.next;
      --early_;
    }
  }
}

void WriteFeed::settled(Work* work) {
  if (checkpoint_ != nullptr) checkpoint_->settled(*work);
  pool_.release(work);
}

void WriteFeed::admit(Work* work) {
  progress_.waiting_for_write.fetch_sub(1, std::memory_order_relaxed);
  const std::vector<Record>& records = work->batch.records;
  if (records.empty()) {
    settled(work);
    return;
  }
  work->unacknowledged.store(static_cast<std::uint32_t>(records.size()), std::memory_order_relaxed);
  work->in_buffer.store(static_cast<std::uint32_t>(records.size()), std::memory_order_relaxed);
  if (!in_order_) {
    active_.push_back(work);
    return;
  }
  for (std::uint32_t i = 0; i < records.size(); ++i) {
    if (ledger_ != nullptr)
      ledger_->add({records[i].key_hash, records[i].digest, order_in_file(work->batch, records[i]), {}});
    if (!limits_.whole_batches) routed_[records[i].key_hash.low % routed_.size()].push_back({work, &work->batch, i});
  }
  // A sink of whole batches takes them in the order of the file; there is one lane then.
  if (limits_.whole_batches) {
    for (std::uint32_t i = 0; i < records.size(); ++i) routed_[0].push_back({work, &work->batch, i});
  }
  signal();
}

bool WriteFeed::fits(const std::vector<Pending>& pending, std::size_t bytes, const Record& record) const {
  if (pending.empty()) return true;
  if (pending.size() >= limits_.records || bytes + record.length > limits_.bytes) return false;
  // At most 25 keys: looking at each is cheaper than a set.
  return std::none_of(pending.begin(), pending.end(),
                      [&](const Pending& other) { return other.record().key_hash == record.key_hash; });
}

bool WriteFeed::take(unsigned lane, std::vector<Pending>& pending) {
  if (limits_.whole_batches) {
    if (!pending.empty()) return false;
    if (in_order_) {
      std::deque<Pending>& own = routed_[0];
      while (!own.empty() && (pending.empty() || own.front().work == pending.front().work)) {
        pending.push_back(own.front());
        own.pop_front();
      }
      return !pending.empty();
    }
    if (active_.empty()) return false;
    Work* work = active_.front();
    active_.pop_front();
    for (std::uint32_t i = 0; i < work->batch.records.size(); ++i) pending.push_back({work, &work->batch, i});
    return true;
  }

  std::size_t bytes = 0;
  for (const Pending& entry : pending) bytes += entry.record().length;
  const std::size_t before = pending.size();
  if (in_order_) {
    std::deque<Pending>& own = routed_[lane];
    while (!own.empty() && fits(pending, bytes, own.front().record())) {
      bytes += own.front().record().length;
      pending.push_back(own.front());
      own.pop_front();
    }
    return pending.size() > before;
  }
  while (!active_.empty()) {
    Work* work = active_.front();
    const std::vector<Record>& records = work->batch.records;
    while (work->next < records.size() && fits(pending, bytes, records[work->next])) {
      bytes += records[work->next].length;
      pending.push_back({work, &work->batch, work->next++});
    }
    active_.pop_front();
    if (work->next == records.size()) continue;
    active_.push_back(work);
    break;
  }
  return pending.size() > before;
}

}  // namespace bulk
