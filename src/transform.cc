#include "src/transform.h"

#include <cstring>

#include "codecs/lines.h"
#include "io/error.h"

namespace bulk {

TransformStage::TransformStage(unsigned jobs, const Sink& sink, const KeySchema* key, Look look, RecordStep* step,
                               Rejects& rejects, ProgressCounters& progress, Stop& stop,
                               std::function<void(Work*)> done)
    : sink_(sink),
      rejects_(rejects),
      progress_(progress),
      stop_(stop),
      done_(std::move(done)),
      key_(key),
      look_(look),
      step_(step),
      parallelism_(tbb::global_control::max_allowed_parallelism, jobs + 1),
      arena_(static_cast<int>(jobs) + 1, 1) {
  if (step_ == nullptr || !step_->waits()) return;
  for (unsigned i = 0; i < jobs; ++i) threads_.emplace_back([this] { work_through_queue(); });
}

TransformStage::~TransformStage() {
  drain();
}

void TransformStage::submit(Work* work) {
  progress_.waiting_for_transform.fetch_add(1, std::memory_order_relaxed);
  if (!threads_.empty()) {
    {
      const std::lock_guard lock(queue_mutex_);
      queue_.push_back(work);
    }
    queue_changed_.notify_one();
    return;
  }
  handed_in_.fetch_add(1, std::memory_order_release);
  arena_.enqueue(group_.defer(Task{this, work}));
}

TransformStage::Worker& TransformStage::worker() {
  const std::lock_guard lock(workers_mutex_);
  const auto [place, added] = workers_.try_emplace(std::this_thread::get_id(), key_, look_);
  if (added && step_ != nullptr) place->second.step = step_->worker();
  return place->second;
}

void TransformStage::work_through_queue() noexcept {
  while (true) {
    std::unique_lock lock(queue_mutex_);
    queue_changed_.wait(lock, [this] { return queue_closed_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Work* const work = queue_.front();
    queue_.pop_front();
    lock.unlock();
    run(work);
  }
}

void TransformStage::run(Work* work) noexcept {
  static_cast<void>(handed_in_.load(std::memory_order_acquire));
  progress_.waiting_for_transform.fetch_sub(1, std::memory_order_relaxed);
  try {
    if (!stop_.stopped()) transform(work);
  } catch (...) {
    stop_.fail(std::current_exception());
  }
  // Also after a failure: the write stage gives the batch back to the pool.
  done_(work);
  handed_on_.fetch_add(1, std::memory_order_release);
}

void TransformStage::drain() noexcept {
  arena_.execute(Wait{&group_});
  static_cast<void>(handed_on_.load(std::memory_order_acquire));
  {
    const std::lock_guard lock(queue_mutex_);
    queue_closed_ = true;
  }
  queue_changed_.notify_all();
  threads_.clear();
  if (step_ == nullptr || stop_.stopped()) return;
  try {
    for (auto& [thread, worker] : workers_) {
      if (const std::unique_ptr<RecordWorker> ending = std::move(worker.step)) ending->finish();
    }
  } catch (...) {
    stop_.fail(std::current_exception());
  }
}

void TransformStage::transform(Work* work) {
  Worker& worker = this->worker();
  Batch& batch = work->batch;
  Tally& tally = work->tally;
  tally.raw_bytes = batch.bytes.size();
  progress_.records_read.fetch_add(batch.records.size(), std::memory_order_relaxed);
  progress_.bytes_read.fetch_add(batch.bytes.size(), std::memory_order_relaxed);

  std::size_t kept = 0;
  std::size_t kept_bytes = 0;
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    Record record = batch.records[i];
    const std::string_view line = batch.line(record);
    const std::string reason = worker.keys              ? look_at_key(worker, line, record)
                               : look_ == Look::rows    ? look_at_row(batch.table, line, record)
                               : look_ == Look::changes ? look_at_change(worker, line, record)
                                                        : look_at_item(worker, line, record);
    if (!reason.empty()) {
      // What cannot be understood has no digest of its own; its bytes stand in for it on both sides of the account.
      const Digest digest = hash128(line);
      tally.read.add(digest);
      tally.rejected.add(digest);
      rejects_.add({reason, line, batch.first_line == 0 ? 0 : batch.first_line + i, batch.segment});
      continue;
    }
    record.position = static_cast<std::uint32_t>(i);
    tally.read.add(record.digest);
    // Close the gaps that rejected lines have left, so that the bytes stay exactly the lines of the records.
    if (kept != i) {
      std::memmove(batch.bytes.data() + kept_bytes, batch.bytes.data() + record.offset, record.length + 1);
      record.offset = static_cast<std::uint32_t>(kept_bytes);
    }
    kept_bytes += record.length + 1;
    batch.records[kept++] = record;
  }
  batch.records.resize(kept);
  batch.bytes.resize(kept_bytes);
  if (worker.step) {
    worker.step->apply(batch, tally, rejects_);
    progress_.left_out.fetch_add(kept - batch.records.size(), std::memory_order_relaxed);
  }
  if (!batch.records.empty() && batch.encoded.empty()) sink_.encode(batch);
  worker.segments[batch.segment] += tally;
  work->transformed = true;
}

std::string TransformStage::look_at_item(Worker& worker, std::string_view line, Record& record) {
  const std::string_view item = item_of_line(line);
  ItemFacts facts;
  if (!item.empty() && !worker.items.scan(item, facts)) return worker.items.problem().text;
  if (item.empty() || facts.length != item.size()) return why_no_record(worker, line);
  if (!facts.one_line) return "a line break stands between the item's tokens";
  record.digest = facts.digest;
  record.key_hash = facts.key_hash;
  record.partition_hash = facts.partition_hash;
  record.size_bytes = static_cast<std::uint32_t>(facts.size_bytes);
  return {};
}

std::string TransformStage::look_at_key(Worker& worker, std::string_view line, Record& record) {
  KeyFacts facts;
  if (!worker.keys->scan(line, facts)) return worker.keys->problem().text;
  record.digest = facts.line_digest;
  record.key_hash = facts.key_hash;
  record.partition_hash = facts.partition_hash;
  record.size_bytes = static_cast<std::uint32_t>(facts.size_bytes);
  return {};
}

std::string TransformStage::look_at_change(Worker& worker, std::string_view line, Record& record) {
  if (!worker.changes.read(line, worker.change)) return worker.changes.problem();
  ItemFacts facts;
  if (!worker.items.scan(worker.change.key, facts) || facts.length != worker.change.key.size()) {
    return "its key: " + worker.items.problem().text;
  }
  record.digest = hash128(line);
  record.key_hash = facts.key_hash;
  record.partition_hash = facts.partition_hash;
  record.size_bytes = static_cast<std::uint32_t>(facts.size_bytes);
  return {};
}

// A row need not have a key: a comparison tells rows apart by all of them.
std::string TransformStage::look_at_row(std::uint32_t table, std::string_view line, Record& record) {
  record.digest = hash128(line);
  record.key_hash = record.digest;
  record.key_hash += Digest{0, table};
  record.key_hash = mix(record.key_hash);
  record.size_bytes = static_cast<std::uint32_t>(line.size());
  return {};
}

std::string TransformStage::why_no_record(Worker& worker, std::string_view line) {
  Buffer normal;
  ItemProblem problem;
  normalise_line(line, worker.items, normal, problem);
  return problem.text;
}

void TransformStage::add_to(std::map<std::uint32_t, Tally>& segments) {
  for (const auto& [thread, worker] : workers_) {
    for (const auto& [index, tally] : worker.segments) {
      segments[index] += tally;
    }
  }
}

}  // namespace bulk
