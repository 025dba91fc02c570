// Time as the program sees it: UTC texts for names and headers. Waiting is Stop::wait_for, so that every wait can be
// interrupted; pure objects that need the time (io/rate.h, io/retry.h) take it as an argument.
#pragma once

#include <chrono>
#include <string>

namespace bulk {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

std::string utc_iso8601(WallTime time);     // 2025-01-25T12:00:00Z
std::string utc_compact(WallTime time);     // 20250125T120000Z, as SigV4 wants it
std::string utc_file_stamp(WallTime time);  // 20250125-120000, as dump names have it

// Reads "2025-01-25T12:00:00Z" (fraction and +00:00 forms too) or the HTTP date form; false when it is neither.
bool parse_utc(const std::string& text, WallTime& out);

}  // namespace bulk
