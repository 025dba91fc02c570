#include "src/backfill/deadline.h"

#include <chrono>
#include <ctime>

#include "io/error.h"

namespace bulk {

WallTime next_time_of_day(const std::string& text, WallTime now) {
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  const bool form = text.size() == 5 && digit(0) && digit(1) && text[2] == ':' && digit(3) && digit(4);
  const int hour = form ? (text[0] - '0') * 10 + (text[1] - '0') : 24;
  const int minute = form ? (text[3] - '0') * 10 + (text[4] - '0') : 60;
  if (hour > 23 || minute > 59) {
    throw Error(ErrorKind::usage, "--until wants a time of day, not " + printable(text),
                "write for example --until 06:00");
  }
  const std::time_t from = std::chrono::system_clock::to_time_t(now);
  std::tm day{};
  localtime_r(&from, &day);
  for (int later = 0;; ++later) {
    std::tm at = day;
    at.tm_mday += later;
    at.tm_hour = hour;
    at.tm_min = minute;
    at.tm_sec = 0;
    at.tm_isdst = -1;
    const WallTime time = std::chrono::system_clock::from_time_t(std::mktime(&at));
    if (time > now || later > 1) return time;
  }
}

Deadline::Deadline(WallTime until, std::string text, Stop& stop)
    : thread_([this, until, text = std::move(text), &stop] {
        std::unique_lock lock(mutex_);
        if (changed_.wait_until(lock, until, [this] { return ending_; })) return;
        reached_ = true;
        lock.unlock();
        stop.fail(
            std::make_exception_ptr(Error(ErrorKind::remote, "it is " + text + ", when --until wants it to stop")));
      }) {}

Deadline::~Deadline() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
}

bool Deadline::reached() const {
  const std::lock_guard lock(mutex_);
  return reached_;
}

}  // namespace bulk
