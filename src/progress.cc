#include "src/progress.h"
#include "io/error.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <thread>

#include "src/progress_line.h"

namespace bulk {

namespace {

constexpr std::chrono::milliseconds kRedraw{200};
constexpr std::chrono::seconds kPlainLine{10};
constexpr std::chrono::seconds kPlainLineVerbose{2};
constexpr unsigned kDefaultColumns = 80;
constexpr const char* kEraseLine = "\r\x1b[K";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

struct Progress::Drawer {
  Drawer(const Options& options, std::string what, const RequestStats& request_stats, int to)
      : command(std::move(what)),
        mode(effective_mode(options, isatty(to) == 1, variable("TERM"))),
        quiet(options.quiet),
        plain_interval(options.verbose > 0 ? kPlainLineVerbose : kPlainLine),
        stats(request_stats),
        fd(to) {}

  // All below: under the mutex.

  void print(std::string_view text) const {
    // Progress that cannot be shown is no reason to end the job.
    [[maybe_unused]] const ssize_t written = write(fd, text.data(), text.size());
  }
  unsigned columns() const {
    winsize size{};
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultColumns;
    // One column stays free: many terminals wrap when the last one is written.
    return size.ws_col - 1u;
  }
  void sample() {
    ProgressSample now;
    now.time = std::chrono::steady_clock::now();
    // Done is what has been written, if only into a fingerprint: reading runs ahead by what the buffers hold.
    now.records =
        counters.records_written.load(std::memory_order_relaxed) + counters.left_out.load(std::memory_order_relaxed);
    now.updated = counters.updated.load(std::memory_order_relaxed);
    now.bytes = counters.bytes_written.load(std::memory_order_relaxed);
    now.requests_sent = stats.sent.load(std::memory_order_relaxed);
    now.requests_throttled = stats.throttled.load(std::memory_order_relaxed);
    now.waiting_for_transform = counters.waiting_for_transform.load(std::memory_order_relaxed);
    now.waiting_for_write = counters.waiting_for_write.load(std::memory_order_relaxed);
    estimator->add(now);
  }
  void draw_line() {
    print(kEraseLine + progress_line(estimator->snapshot(), columns()));
    on_screen = true;
  }
  void erase() {
    if (!on_screen) return;
    print(kEraseLine);
    on_screen = false;
  }

  void run() {
    std::unique_lock lock(mutex);
    auto next_plain = std::chrono::steady_clock::now() + plain_interval;
    while (!wake.wait_for(lock, kRedraw, [this] { return ending; })) {
      if (!estimator) {
        next_plain = std::chrono::steady_clock::now() + plain_interval;
        continue;
      }
      sample();
      if (mode == ProgressMode::bar) {
        draw_line();
      } else if (std::chrono::steady_clock::now() >= next_plain) {
        print(progress_line(estimator->snapshot(), std::numeric_limits<unsigned>::max()) + "\n");
        next_plain += plain_interval;
      }
    }
    erase();
  }

  const std::string command;
  const ProgressMode mode;
  const bool quiet;
  const std::chrono::seconds plain_interval;
  const RequestStats& stats;
  const int fd;
  ProgressCounters counters;

  std::mutex mutex;
  std::condition_variable wake;
  std::optional<ProgressEstimator> estimator;  // nothing: between phases
  bool on_screen = false;
  bool ending = false;
  std::thread thread;  // started by the first phase
};

Progress::Progress(const Options& options, std::string what, const RequestStats& stats, int fd)
    : drawer_(std::make_unique<Drawer>(options, std::move(what), stats, fd)) {}

Progress::~Progress() {
  {
    const std::lock_guard lock(drawer_->mutex);
    drawer_->ending = true;
  }
  drawer_->wake.notify_all();
  if (drawer_->thread.joinable()) drawer_->thread.join();
}

ProgressCounters& Progress::counters() noexcept {
  return drawer_->counters;
}

void Progress::phase(const std::string& name, std::optional<std::uint64_t> expected_records) {
  Drawer& drawer = *drawer_;
  const std::lock_guard lock(drawer.mutex);
  for (auto* counter : {&drawer.counters.records_read, &drawer.counters.records_written, &drawer.counters.bytes_read,
                        &drawer.counters.bytes_written, &drawer.counters.left_out, &drawer.counters.updated}) {
    counter->store(0, std::memory_order_relaxed);
  }
  drawer.estimator.emplace(name.empty() ? drawer.command : name, expected_records, std::chrono::steady_clock::now());
  if (drawer.mode == ProgressMode::none) return;
  if (drawer.mode == ProgressMode::bar) {
    drawer.sample();
    drawer.draw_line();
  }
  if (!drawer.thread.joinable()) drawer.thread = std::thread([&drawer] { drawer.run(); });
}

void Progress::done() {
  const std::lock_guard lock(drawer_->mutex);
  drawer_->estimator.reset();
  drawer_->erase();
}

void Progress::erase() {
  const std::lock_guard lock(drawer_->mutex);
  drawer_->erase();
}

void Progress::note(const std::string& line) {
  if (drawer_->quiet) return;
  const std::lock_guard lock(drawer_->mutex);
  const bool redraw = drawer_->on_screen;
  drawer_->erase();
  drawer_->print(printable(line) + "\n");
  if (redraw) drawer_->draw_line();
}

}  // namespace bulk
