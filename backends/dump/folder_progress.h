// What is known of a folder that is not finished: the `sink` object of a journal's entries (docs/journal.md), made of
// those of its parts. Pure. The text is hostile input; what it says of a part is that part's own progress
// (backends/dump/part_progress.h) and is judged there.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace bulk {

struct FolderProgress {
  std::string tables;                                       // which tables the parts are of: FolderSink's own text
  std::map<std::uint32_t, std::vector<std::string>> parts;  // by the table's position: entries in their order
};

// One entry. `tables` empty: an earlier entry has it.
std::string encode_folder_progress(const std::string& tables, const std::map<std::uint32_t, std::string>& parts);

// All entries of a journal as one. Throws Error(corrupt) with the number of the entry (from 1) and what is wrong.
FolderProgress join_folder_progress(std::span<const std::string> entries);

}  // namespace bulk
