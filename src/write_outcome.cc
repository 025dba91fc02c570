// What the outcome of an attempt means: its records are settled, go out again, wait apart or are refused for good.
#include <algorithm>
#include <mutex>

#include "io/error.h"
#include "src/write_stage.h"

namespace bulk {
namespace {

// A partition's pace is a guess at first: so many refusals in a row are no reason for a pause on top of it.
constexpr int kRefusalsBeforePause = 3;

}  // namespace

void Writer::ended(Ticket ticket, WriteResult& result, SteadyTime now) {
  Attempt& attempt = attempts_[ticket];
  --under_way_;
  bytes_under_way_ -= attempt.bytes;
  attempt.sending = 0;
  using Outcome = WriteResult::Outcome;
  const bool answered = result.outcome != Outcome::unavailable;
  // What was not sent, or not answered, says nothing about the target's latency.
  if (result.sent && answered) window_.ended(attempt.sent, now, window_is_full_);
  if (!answered || result.resent) {
    for (Pending& entry : attempt.slice) entry.unanswered = true;
  }

  const double reserved = attempt.reservation.units;
  switch (result.outcome) {
    case Outcome::invalid:
      charge(attempt, result.units, 0);
      halve(ticket, result.reason);
      return;
    case Outcome::throttled: {
      context_.stats.throttled.fetch_add(1, std::memory_order_relaxed);
      const std::vector<bool> all(attempt.slice.size(), true);
      charge(attempt, result.units, table_refused(attempt, all, result.key_range, now));
      retry(ticket, Backoff::Cause::throttled, result.reason, now);
      return;
    }
    case Outcome::unavailable:
      // Whether units were used is not known; they stay charged.
      charge(attempt, reserved, 0);
      retry(ticket, Backoff::Cause::transient, result.reason, now);
      return;
    case Outcome::done:
      settle_done(attempt, result, now);
      if (attempt.slice.empty()) {
        finished(ticket);
      } else {
        context_.stats.throttled.fetch_add(1, std::memory_order_relaxed);
        retry(ticket, Backoff::Cause::throttled, "the table is over its capacity", now);
      }
      return;
  }
}

// Leaves in the slice what was not processed.
void Writer::settle_done(Attempt& attempt, WriteResult& result, SteadyTime now) {
  std::vector<Pending>& slice = attempt.slice;
  std::vector<bool> left(slice.size(), false);
  for (const std::uint32_t position : result.unprocessed) left.at(position) = true;
  const bool all = result.unprocessed.empty();
  double refused_units = 0;
  if (!all || context_.hot.any()) refused_units = table_refused(attempt, left, false, now);
  double unprocessed_units = 0;
  for (const std::uint32_t position : result.unprocessed) {
    unprocessed_units += context_.sink.estimate_units(slice[position].record());
  }
  charge(attempt, result.units > 0 ? result.units : attempt.reservation.units - unprocessed_units, refused_units);

  if (all && result.skipped.empty() && result.conflicts.empty()) {
    take_heart(slice);
    settle(slice, Settled::written);
    slice.clear();
    attempt.backoff.succeeded();
    return;
  }
  std::vector<bool> skipped(slice.size(), false), conflicts(slice.size(), false);
  for (const std::uint32_t position : result.skipped) skipped.at(position) = true;
  for (const WriteResult::Conflict& conflict : result.conflicts) conflicts.at(conflict.position) = true;
  if (!result.conflicts.empty()) note_conflicts(attempt, result);
  std::vector<Pending> written, filtered, unprocessed;
  for (std::size_t i = 0; i < slice.size(); ++i) {
    if (conflicts[i]) continue;
    (left[i] ? unprocessed : skipped[i] ? filtered : written).push_back(slice[i]);
  }
  take_heart(written);
  settle(written, Settled::written);
  settle(filtered, Settled::filtered);
  if (unprocessed.size() < slice.size()) attempt.backoff.succeeded();
  slice = std::move(unprocessed);
}

void Writer::charge(Attempt& attempt, double used, double refused) {
  if (attempt.reservation.units > 0) context_.rate.settle(attempt.reservation.units, used, refused);
}

// Of the units of the records that are `left`, those that are congestion of the whole table.
double Writer::table_refused(const Attempt& attempt, const std::vector<bool>& left, bool key_range, SteadyTime now) {
  outcomes_.clear();
  for (std::size_t i = 0; i < attempt.slice.size(); ++i) {
    const Record& record = attempt.slice[i].record();
    outcomes_.push_back({record.partition_hash, context_.sink.estimate_units(record), left[i]});
  }
  return context_.hot.settled(outcomes_, key_range, now);
}

void Writer::halve(Ticket ticket, const std::string& reason) {
  Attempt& attempt = attempts_[ticket];
  std::vector<Pending>& slice = attempt.slice;
  if (slice.size() > 1) {
    // Depth-first, the left half first: records of a foreign file stay in their order.
    const auto middle = slice.begin() + static_cast<std::ptrdiff_t>(slice.size() / 2);
    attempt.halves.emplace_back(middle, slice.end());
    slice.erase(middle, slice.end());
    hold(ticket);
    return;
  }
  const Pending& bad = slice.front();
  const Batch& batch = bad.work->batch;
  context_.rejects.add({reason, bad.batch->line(bad.record()),
                        batch.first_line == 0 ? 0 : batch.first_line + bad.record().position, batch.segment});
  if (context_.lanes > 0) refused_orders_.push_back(order_in_file(batch, bad.record()));
  settle(slice, Settled::rejected);
  slice.clear();
  finished(ticket);
}

void Writer::retry(Ticket ticket, Backoff::Cause cause, const std::string& reason, SteadyTime now) {
  Attempt& attempt = attempts_[ticket];
  if (cause == Backoff::Cause::throttled && context_.lanes == 0 && context_.hot.any()) {
    park(attempt, &reason, now);
    if (attempt.slice.empty()) {
      finished(ticket);
      return;
    }
  }
  const auto delay = attempt.backoff.failed(cause, now);
  if (delay.count() < 0) give_up(attempt.backoff.attempts(), attempt.slice.front(), reason);
  if (cause == Backoff::Cause::transient) ++unanswered_;
  pausing_.push({now + delay, ticket, cause});
}

// Sets the slice's records of hot partitions aside. `refused` says why they were refused just now; null: they were not
// sent yet.
void Writer::park(Attempt& attempt, const std::string* refused, SteadyTime now) {
  std::vector<Pending>& slice = attempt.slice;
  const auto is_hot = [&](const Pending& entry) { return context_.hot.is_hot(entry.record().partition_hash); };
  const auto hot =
      std::stable_partition(slice.begin(), slice.end(), [&](const Pending& entry) { return !is_hot(entry); });
  std::uint64_t failed = 0;
  for (auto entry = hot; entry != slice.end(); ++entry) {
    const std::uint64_t partition = entry->record().partition_hash;
    auto [place, added] = parked_.try_emplace(partition, Parked{{}, Backoff(context_.retry, seed_++), now});
    Parked& parked = place->second;
    ++parked_records_;
    if (refused == nullptr) {
      parked.records.push_back(set_aside(*entry));
      continue;
    }
    parked.records.push_front(set_aside(*entry));
    if (partition == failed) continue;  // one attempt, one failure
    failed = partition;
    const auto delay = parked.backoff.failed(Backoff::Cause::throttled, now);
    if (delay.count() < 0) give_up(parked.backoff.attempts(), *entry, *refused);
    // Its own pace comes from HotPartitions; this is for a partition that takes nothing at all.
    if (parked.backoff.attempts() > kRefusalsBeforePause) parked.not_before = now + delay;
  }
  slice.erase(hot, slice.end());
  parked_look_ = now;
}

// Copied out of its batch, so that the pool gets the batch's memory back while the record waits. Where the budget is
// used up it stays where it is.
Pending Writer::set_aside(const Pending& entry) {
  Work* const work = entry.work;
  if (entry.batch != &work->batch || !context_.pool.take_aside(entry.record().length + sizeof(Batch))) return entry;
  auto copy = std::make_unique<Batch>();
  copy->bytes.append(work->batch.line(entry.record()));
  copy->records.push_back(entry.record());
  copy->records.front().offset = 0;
  const Pending aside{work, copy.get(), 0, entry.unanswered};
  leave_place(entry);
  aside_.emplace(aside.batch, Aside{std::move(copy)});
  return aside;
}

// A record that has been copied no longer needs the bytes that it had.
void Writer::leave_place(const Pending& entry) {
  Work* const work = entry.work;
  if (entry.batch != &work->batch) {
    context_.pool.give_back(entry.record().length + sizeof(Batch));
    aside_.erase(entry.batch);
  } else if (work->in_buffer.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    context_.pool.vacate(work);
  }
}

// Their partitions take something after all.
void Writer::take_heart(std::span<const Pending> written) {
  if (parked_.empty()) return;
  for (const Pending& entry : written) {
    if (const auto parked = parked_.find(entry.record().partition_hash); parked != parked_.end()) {
      parked->second.backoff.succeeded();
    }
  }
}

void Writer::finished(Ticket ticket) {
  Attempt& attempt = attempts_[ticket];
  if (attempt.halves.empty()) {
    attempt.backoff.succeeded();
    idle_.push_back(ticket);
    return;
  }
  attempt.slice = std::move(attempt.halves.back());
  attempt.halves.pop_back();
  hold(ticket);
}

void Writer::give_up(int attempts, const Pending& first, const std::string& reason) const {
  throw Error(ErrorKind::remote,
              "gave up after " + std::to_string(attempts) + " attempts to write records of segment " +
                  std::to_string(first.work->batch.segment) + ": " + reason,
              "try again when the table answers");
}

// Once per run of records of one batch, which a slice nearly always is.
void Writer::settle(std::span<const Pending> entries, Settled how) {
  std::uint64_t bytes = 0;
  for (std::size_t begin = 0, end = 0; begin < entries.size(); begin = end) {
    Work* const work = entries[begin].work;
    Count count;
    std::uint32_t in_buffer = 0;
    for (end = begin; end < entries.size() && entries[end].work == work; ++end) {
      const Record& record = entries[end].record();
      count.add(record.digest);
      bytes += record.length + 1;
      if (entries[end].batch == &work->batch) {
        ++in_buffer;
      } else {
        context_.pool.give_back(record.length + sizeof(Batch));
        aside_.erase(entries[end].batch);
      }
    }
    Tally& tally = segments_[work->batch.segment];
    (how == Settled::written ? tally.written : how == Settled::filtered ? tally.filtered : tally.rejected) += count;
    if (how != Settled::written) {
      const std::lock_guard lock(work->tally_mutex);
      (how == Settled::filtered ? work->tally.filtered : work->tally.rejected) += count;
    }
    const auto settled = static_cast<std::uint32_t>(end - begin);
    // While these are not acknowledged, the work is there.
    if (in_buffer > 0 && work->in_buffer.fetch_sub(in_buffer, std::memory_order_acq_rel) == in_buffer &&
        work->unacknowledged.load(std::memory_order_acquire) > settled) {
      context_.pool.vacate(work);
    }
    if (work->unacknowledged.fetch_sub(settled, std::memory_order_acq_rel) == settled) context_.feed.settled(work);
  }
  if (how != Settled::rejected) {
    context_.progress.records_written.fetch_add(entries.size(), std::memory_order_relaxed);
  }
  if (how == Settled::written) {
    context_.progress.bytes_written.fetch_add(bytes, std::memory_order_relaxed);
    context_.progress.updated.fetch_add(entries.size(), std::memory_order_relaxed);
  }
}

}  // namespace bulk
