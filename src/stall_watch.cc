#include "src/stall_watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "src/exit_status.h"
#include "src/summary.h"
#include "src/text.h"

namespace bulk {

namespace {

constexpr std::chrono::seconds kTick{1};
// A wake that comes so much too late: the whole process was stopped (Ctrl-Z), and nothing could move.
constexpr std::chrono::seconds kWasStopped{5};
double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

// 12:01:05Z of a moment that another clock knows.
std::string time_of_day(SteadyTime moment, SteadyTime now) {
  const auto ago = std::chrono::duration_cast<WallTime::duration>(now - moment);
  const std::string text = utc_iso8601(std::chrono::system_clock::now() - ago);
  return text.substr(text.find('T') + 1);
}

Error cause_of(const Stop& stop) {
  try {
    stop.check();
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {ErrorKind::failed, error.what()};
  }
  return {ErrorKind::failed, "stopped"};
}

// Not through stdio: the thread that is stuck may hold its locks.
void print(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

}  // namespace

StallLimits stall_limits(const Options& options, const std::string& source, const std::string& target) {
  const auto shown = [](const std::string& name, const char* stream) { return name == "-" ? stream : name; };
  StallLimits limits;
  limits.no_progress = std::chrono::seconds(options.stall_timeout_s);
  limits.source = shown(source, "standard input");
  limits.target = shown(target, "standard output");
  limits.abandon = [command = options.command, json = options.json](const Error& error) {
    print(STDERR_FILENO, "bulk: " + error.line() + "\n");
    if (json) {
      Summary summary;
      summary.command = command;
      summary.error = error;
      print(STDOUT_FILENO, summary_json(summary) + "\n");
    }
    ::_exit(exit_status(error));
  };
  return limits;
}

StallWatch::StallWatch(StallLimits limits, const ActivityBoard& board, const ProgressCounters& progress,
                       const RequestStats& stats, Stop& stop)
    : limits_(std::move(limits)), board_(board), progress_(progress), stats_(stats), stop_(stop) {
  if (limits_.no_progress.count() == 0) return;
  registration_ = stop_.on_stop([this] {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  });
  try {
    thread_ = std::jthread([this] { run(); });
  } catch (...) {
    stop_.off(registration_);
    throw;
  }
}

StallWatch::~StallWatch() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
  stop_.off(registration_);
}

bool StallWatch::sleep_until(SteadyTime until, bool draining) {
  std::unique_lock lock(mutex_);
  wake_.wait_until(lock, until, [&] { return ending_ || (stopping_ && !draining); });
  return ending_;
}

void StallWatch::run() {
  const std::chrono::nanoseconds tick = std::min<std::chrono::nanoseconds>(kTick, limits_.no_progress);
  std::chrono::nanoseconds patience = limits_.drain;
  StallJudge judge(limits_.no_progress, limits_.retry_patience, sample());
  while (!stop_.stopped()) {
    const SteadyTime next = std::chrono::steady_clock::now() + tick;
    if (sleep_until(next, false)) return;
    if (stop_.stopped()) break;
    const StallSample now = sample();
    if (now.time - next > kWasStopped) {
      judge = StallJudge(limits_.no_progress, limits_.retry_patience, now);
      continue;
    }
    if (const std::optional<Stall> stall = judge.add(now)) {
      patience = limits_.drain_after_stall;
      stop_.fail(std::make_exception_ptr(error_of(*stall, now.time)));
    }
  }
  if (!sleep_until(std::chrono::steady_clock::now() + patience, true)) abandon();
}

StallSample StallWatch::sample() const {
  constexpr auto relaxed = std::memory_order_relaxed;
  StallSample sample;
  sample.time = std::chrono::steady_clock::now();
  sample.records_read = progress_.records_read.load(relaxed);
  sample.records_written = progress_.records_written.load(relaxed);
  sample.streamed_bytes = stats_.streamed_bytes.load(relaxed);
  sample.requests_sent = stats_.sent.load(relaxed);
  sample.requests_retried = stats_.retried.load(relaxed);
  sample.paced = std::any_of(limits_.paced_by.begin(), limits_.paced_by.end(),
                             [](const RateLimiter* rate) { return rate->waiting(); });
  sample.activities = board_.activities();
  return sample;
}

Error StallWatch::error_of(const Stall& stall, SteadyTime now) const {
  std::string what = "all threads wait for each other";
  if (stall.hanging) {
    const Activity& hanging = *stall.hanging;
    const std::string place =
        (limits_.one_segment ? "" : fmt::format("segment {} of ", hanging.segment)) + limits_.source;
    const std::string since = " has hung since " + time_of_day(hanging.since, now);
    const auto after = [](std::uint64_t records) { return ", after " + counted(records, "record"); };
    if (hanging.doing == Doing::reading) {
      what = "reading " + place + since + after(hanging.records);
    } else if (hanging.doing == Doing::writing) {
      what = "writing records of " + place + " to " + limits_.target + since +
             after(progress_.records_written.load(std::memory_order_relaxed));
    } else {
      what = "making " + limits_.target + " durable" + since;
    }
  }
  return {ErrorKind::remote, fmt::format("no progress for {:g} s: {}", seconds(limits_.no_progress), what),
          "try again"};
}

void StallWatch::abandon() {
  const Error cause = cause_of(stop_);
  if (limits_.abandon) return limits_.abandon(cause);
  print(STDERR_FILENO, "bulk: " + cause.line() + "\n");
  ::_exit(exit_status(cause));
}

}  // namespace bulk
