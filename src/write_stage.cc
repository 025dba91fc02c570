#include "src/write_stage.h"

#include <mutex>
#include <random>

#include "io/error.h"

namespace bulk {
namespace {

void add_to(Count& count, const Pending& entry) {
  const std::lock_guard lock(entry.work->tally_mutex);
  count.add(entry.record().digest);
}

}  // namespace

Writer::Writer(const WriteContext& context, unsigned number)
    : context_(context),
      number_(number),
      session_(context.sink.open()),
      seat_(context.board),
      backoff_(context.retry, std::random_device{}()) {}

void Writer::run() noexcept {
  try {
    std::vector<Pending> slice;
    while (context_.feed.fill(number_, slice)) {
      if (attempt(slice)) {
        bisect(std::move(slice));
        slice.clear();
      }
      seat_.doing(Doing::waiting);
    }
  } catch (...) {
    context_.stop.fail(std::current_exception());
  }
  seat_.doing(Doing::waiting);
}

double Writer::estimate(std::span<const Pending> slice) const {
  double units = 0;
  for (const Pending& entry : slice) units += context_.sink.estimate_units(entry.record());
  return units;
}

bool Writer::attempt(std::vector<Pending>& slice) {
  seat_.doing(Doing::working);
  const double reserved = estimate(slice);
  if (reserved > 0 && !context_.rate.acquire(reserved, context_.stop)) context_.stop.check();
  context_.stop.check();
  refs_.clear();
  for (const Pending& entry : slice) refs_.push_back({&entry.work->batch, entry.index});
  if (backoff_.attempts() > 0) context_.stats.retried.fetch_add(1, std::memory_order_relaxed);

  seat_.doing(Doing::writing, slice.front().work->batch.segment);
  WriteResult result = session_->write(refs_);
  using Outcome = WriteResult::Outcome;
  switch (result.outcome) {
    case Outcome::invalid:
      if (reserved > 0) context_.rate.settle(reserved, result.units, 0);
      refusal_ = std::move(result.reason);
      return true;
    case Outcome::throttled:
      context_.stats.throttled.fetch_add(1, std::memory_order_relaxed);
      if (reserved > 0) context_.rate.settle(reserved, 0, reserved);
      wait_before_retry(Backoff::Cause::throttled, result.reason, slice.front());
      return false;
    case Outcome::unavailable:
      // Whether units were used is not known; they stay charged.
      if (reserved > 0) context_.rate.settle(reserved, reserved, 0);
      wait_before_retry(Backoff::Cause::transient, result.reason, slice.front());
      return false;
    case Outcome::done:
      break;
  }

  std::vector<bool> left(slice.size(), false);
  for (const std::uint32_t position : result.unprocessed) left.at(position) = true;
  std::vector<bool> skipped(slice.size(), false);
  for (const std::uint32_t position : result.skipped) skipped.at(position) = true;
  std::vector<Pending> unprocessed;
  for (std::size_t i = 0; i < slice.size(); ++i) {
    if (left[i]) {
      unprocessed.push_back(slice[i]);
    } else {
      settle(slice[i], skipped[i] ? Settled::filtered : Settled::written);
    }
  }
  const double refused = estimate(unprocessed);
  if (reserved > 0) context_.rate.settle(reserved, result.units > 0 ? result.units : reserved - refused, refused);
  const bool progress = unprocessed.size() < slice.size();
  slice = std::move(unprocessed);
  if (progress) backoff_.succeeded();
  if (!slice.empty()) {
    context_.stats.throttled.fetch_add(1, std::memory_order_relaxed);
    wait_before_retry(Backoff::Cause::throttled, "the table is over its capacity", slice.front());
  }
  return false;
}

void Writer::bisect(std::vector<Pending> slice) {
  // Depth-first, the left half first: records of a foreign file stay in their order.
  std::vector<std::vector<Pending>> groups;
  groups.push_back(std::move(slice));
  bool refused = true;  // the first group was
  while (!groups.empty()) {
    std::vector<Pending> group = std::move(groups.back());
    groups.pop_back();
    while (!refused && !group.empty()) refused = attempt(group);
    if (!refused) continue;
    refused = false;
    if (group.size() == 1) {
      const Pending& bad = group.front();
      const Batch& batch = bad.work->batch;
      context_.rejects.add({refusal_, batch.line(bad.record()),
                            batch.first_line == 0 ? 0 : batch.first_line + bad.record().position, batch.segment});
      refused_orders_.push_back(order_in_file(*bad.work, bad.index));
      settle(bad, Settled::rejected);
      continue;
    }
    const auto middle = group.begin() + static_cast<std::ptrdiff_t>(group.size() / 2);
    groups.emplace_back(middle, group.end());
    groups.emplace_back(group.begin(), middle);
  }
}

void Writer::wait_before_retry(Backoff::Cause cause, const std::string& reason, const Pending& first) {
  const auto delay = backoff_.failed(cause, std::chrono::steady_clock::now());
  if (delay.count() < 0) {
    throw Error(ErrorKind::remote,
                "gave up after " + std::to_string(backoff_.attempts()) + " attempts to write records of segment " +
                    std::to_string(first.work->batch.segment) + ": " + reason,
                "try again when the table answers");
  }
  seat_.doing(Doing::working);
  context_.stop.wait_for(delay);
}

void Writer::settle(const Pending& entry, Settled how) {
  const Record& record = entry.record();
  Tally& tally = segments_[entry.work->batch.segment];
  switch (how) {
    case Settled::written:
      tally.written.add(record.digest);
      context_.progress.records_written.fetch_add(1, std::memory_order_relaxed);
      context_.progress.bytes_written.fetch_add(record.length + 1, std::memory_order_relaxed);
      break;
    case Settled::filtered:
      tally.filtered.add(record.digest);
      add_to(entry.work->tally.filtered, entry);
      context_.progress.records_written.fetch_add(1, std::memory_order_relaxed);
      break;
    case Settled::rejected:
      tally.rejected.add(record.digest);
      add_to(entry.work->tally.rejected, entry);
      break;
  }
  if (entry.work->unacknowledged.fetch_sub(1, std::memory_order_acq_rel) == 1) context_.feed.settled(entry.work);
}

}  // namespace bulk
