// How numbers, sizes and times are written for people; the one place, so that progress, summaries and lists agree.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulk {

std::string with_separators(std::uint64_t number);  // 4,609
std::string human_bytes(std::uint64_t bytes);       // 256B, 588.0 KiB, 2.8 MiB
std::string human_count(std::uint64_t number);      // 950, 12.3k, 312k, 4.6M: where columns are short
std::string human_seconds(double seconds);          // 0.4 s, 12 s, 3m05s, 2h07m, 4d02h
// "1 item", "2 items"; with separators.
std::string counted(std::uint64_t number, std::string_view noun);

}  // namespace bulk
