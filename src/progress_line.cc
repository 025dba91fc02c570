#include "src/progress_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "src/text.h"

namespace bulk {

namespace {

constexpr std::chrono::seconds kWindow{10};
// On average so many batches have to wait for a stage before it counts as the one that limits.
constexpr double kLimitingBatches = 0.5;

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string time_text(const ProgressSnapshot& snapshot) {
  const bool known = snapshot.expected_records && *snapshot.expected_records > snapshot.records;
  if (!known || !(snapshot.records_per_second > 0)) return human_seconds(snapshot.elapsed_seconds);
  const auto left = static_cast<double>(*snapshot.expected_records - snapshot.records);
  return human_seconds(left / snapshot.records_per_second) + " left";
}

std::string joined(const std::vector<std::string>& parts) {
  std::string line;
  for (const std::string& part : parts) line += (line.empty() ? "" : "  ") + part;
  return line;
}

std::vector<std::string> parts_of(const ProgressSnapshot& snapshot, bool brief) {
  std::string head = snapshot.phase;
  if (snapshot.expected_records && *snapshot.expected_records > 0) {
    // The expectation may be an estimate: a hundred is not said before the end.
    const double percent =
        100.0 * static_cast<double>(snapshot.records) / static_cast<double>(*snapshot.expected_records);
    head += fmt::format(" {}%", std::min(99, static_cast<int>(std::min(percent, 99.0))));
  }
  const std::string noun = snapshot.records == 1 ? " item" : " items";
  std::vector<std::string> parts{
      head,
      (brief ? human_count(snapshot.records) : with_separators(snapshot.records)) + noun,
  };
  if (snapshot.phase == kBackfillPhase || snapshot.phase == kRollbackPhase) {
    parts.push_back((brief ? human_count(snapshot.updated) : with_separators(snapshot.updated)) + " updated");
  }
  parts.insert(parts.end(),
               {human_bytes(snapshot.bytes),
                human_count(static_cast<std::uint64_t>(std::clamp(snapshot.records_per_second, 0.0, 1e18))) + "/s",
                time_text(snapshot)});
  if (snapshot.throttled_share >= 0.01) {
    parts.push_back(fmt::format("throttled {}%", static_cast<int>(std::min(snapshot.throttled_share, 1.0) * 100)));
  }
  if (!snapshot.limiting_stage.empty()) parts.push_back(snapshot.limiting_stage + "-bound");
  return parts;
}

}  // namespace

std::string progress_line(const ProgressSnapshot& snapshot, unsigned columns) {
  std::string line = joined(parts_of(snapshot, false));
  if (line.size() <= columns) return line;
  std::vector<std::string> parts = parts_of(snapshot, true);
  for (line = joined(parts); line.size() > columns && parts.size() > 1; line = joined(parts)) parts.pop_back();
  return line.substr(0, columns);
}

ProgressEstimator::ProgressEstimator(std::string phase, std::optional<std::uint64_t> expected_records, SteadyTime start)
    : phase_(std::move(phase)), expected_records_(expected_records), start_(start) {}

void ProgressEstimator::add(const ProgressSample& sample) {
  window_.push_back(sample);
  // The sample before the window stays: it is where the window's differences begin.
  while (window_.size() > 2 && sample.time - window_[1].time >= kWindow) window_.pop_front();
}

ProgressSnapshot ProgressEstimator::snapshot() const {
  ProgressSnapshot snapshot;
  snapshot.phase = phase_;
  snapshot.expected_records = expected_records_;
  if (window_.empty()) return snapshot;
  const ProgressSample& first = window_.front();
  const ProgressSample& last = window_.back();
  snapshot.records = last.records;
  snapshot.updated = last.updated;
  snapshot.bytes = last.bytes;
  snapshot.elapsed_seconds = seconds_between(start_, last.time);
  const double span = seconds_between(first.time, last.time);
  if (span > 0 && last.records >= first.records) {
    snapshot.records_per_second = static_cast<double>(last.records - first.records) / span;
  }
  const std::uint64_t sent = last.requests_sent - first.requests_sent;
  const std::uint64_t throttled = last.requests_throttled - first.requests_throttled;
  if (sent > 0) snapshot.throttled_share = static_cast<double>(throttled) / static_cast<double>(sent);
  if (window_.size() > 1) {
    double transform = 0, write = 0;
    for (const ProgressSample& sample : window_) {
      transform += sample.waiting_for_transform;
      write += sample.waiting_for_write;
    }
    const double least = kLimitingBatches * static_cast<double>(window_.size());
    snapshot.limiting_stage = write >= least && write >= transform ? "write" : transform >= least ? "cpu" : "read";
  }
  return snapshot;
}

ProgressMode effective_mode(const Options& options, bool is_terminal, const std::string& term) {
  if (options.quiet) return ProgressMode::none;
  if (options.progress != ProgressMode::automatic) return options.progress;
  return is_terminal && term != "dumb" ? ProgressMode::bar : ProgressMode::plain;
}

}  // namespace bulk
