#include "io/clock.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

namespace bulk {
namespace {

std::string format(WallTime time, const char* pattern) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), pattern, &utc);
  return {text.data(), length};
}

// The clock counts nanoseconds and ends in the year 2262; a later time ("9999-12-31", meaning never) becomes its last
// one.
WallTime from_unix_seconds(std::time_t seconds) {
  constexpr auto kLast = std::chrono::floor<std::chrono::seconds>(WallTime::max()).time_since_epoch().count();
  return std::chrono::system_clock::from_time_t(std::clamp<std::time_t>(seconds, -kLast, kLast));
}

}  // namespace

std::string utc_iso8601(WallTime time) {
  return format(time, "%Y-%m-%dT%H:%M:%SZ");
}
std::string utc_compact(WallTime time) {
  return format(time, "%Y%m%dT%H%M%SZ");
}
std::string utc_file_stamp(WallTime time) {
  return format(time, "%Y%m%d-%H%M%S");
}

bool parse_utc(const std::string& text, WallTime& out) {
  std::tm utc{};
  // The HTTP form first: "Sat, 25 Jan 2025 12:00:00 GMT".
  if (const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc); end != nullptr && *end == '\0') {
    out = from_unix_seconds(timegm(&utc));
    return true;
  }
  utc = {};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (end == nullptr) return false;
  if (*end == '.') {
    ++end;
    if (*end < '0' || *end > '9') return false;
    while (*end >= '0' && *end <= '9') ++end;
  }
  long offset_seconds = 0;
  if (std::strcmp(end, "Z") != 0) {
    const std::size_t length = std::strlen(end);
    const bool colon = length == 6 && end[3] == ':';
    if ((*end != '+' && *end != '-') || (length != 5 && !colon)) return false;
    std::array<int, 4> digits{};
    std::size_t used = 0;
    for (const char* c = end + 1; *c != '\0'; ++c) {
      if (*c == ':' && colon && c == end + 3) continue;
      if (*c < '0' || *c > '9' || used == digits.size()) return false;
      digits[used++] = *c - '0';
    }
    if (used != digits.size()) return false;
    offset_seconds = ((digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3]) * 60;
    if (*end == '-') offset_seconds = -offset_seconds;
  }
  out = from_unix_seconds(timegm(&utc) - offset_seconds);
  return true;
}

}  // namespace bulk
