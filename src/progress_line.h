// What the progress line says, apart from when and where it is drawn: samples of counters become rates, shares and an
// estimate of the time left, and these become one line that fits. Pure; time comes with the samples.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "io/clock.h"
#include "src/options.h"

namespace bulk {

// Phases in which what was updated is shown beside what was looked at.
inline constexpr const char* kBackfillPhase = "backfill";
inline constexpr const char* kRollbackPhase = "rollback";

struct ProgressSample {
  SteadyTime time;
  std::uint64_t records = 0, updated = 0, bytes = 0;
  std::uint64_t requests_sent = 0, requests_throttled = 0;
  int waiting_for_transform = 0, waiting_for_write = 0;
};

struct ProgressSnapshot {
  std::string phase;
  std::uint64_t records = 0, updated = 0, bytes = 0;
  std::optional<std::uint64_t> expected_records;
  double records_per_second = 0;
  double elapsed_seconds = 0;
  double throttled_share = 0;  // of requests, 0 to 1
  std::string limiting_stage;  // "read", "cpu", "write"; empty: unknown
};

// "backfill 26%  1,234,567 items  56,789 updated ..." of a backfill and its rollback;
// "restore 26%  1,234,567 items  2.1 GiB  312k/s  3m05s left  throttled 4%  write-bound", in at most `columns`:
// numbers are shortened first, then parts dropped from the right.
std::string progress_line(const ProgressSnapshot& snapshot, unsigned columns);

class ProgressEstimator {
 public:
  ProgressEstimator(std::string phase, std::optional<std::uint64_t> expected_records, SteadyTime start);

  // In order of time.
  void add(const ProgressSample& sample);
  // As of the last sample. Rates are those of the last ten seconds: a table that begins to throttle shows at once.
  ProgressSnapshot snapshot() const;

 private:
  std::string phase_;
  std::optional<std::uint64_t> expected_records_;
  SteadyTime start_;
  std::deque<ProgressSample> window_;
};

// How progress is shown: --progress and -q first, then whether standard error is a terminal that can redraw a line. No
// colours are used, so NO_COLOR has nothing to switch off.
ProgressMode effective_mode(const Options& options, bool is_terminal, const std::string& term);

}  // namespace bulk
