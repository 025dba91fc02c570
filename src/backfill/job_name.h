// What a backfill's job may be called: the name is part of file names and of tables' names. Pure.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string_view>

namespace bulk {

inline constexpr const char* kJobNameRule = "use up to 100 letters, digits, '.', '_' and '-'";

inline bool is_job_name(std::string_view name) {
  constexpr std::size_t kMaxNameBytes = 100;
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace bulk
