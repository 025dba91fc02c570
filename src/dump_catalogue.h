// The dumps of a folder: what `bulk list` shows and what `latest` means. Reads the metadata of each file, never the
// records. Not recursive; looks at *.jsonl.zst, at folders with a manifest, and at what ends in .partial, the latter
// only to name what is being written (the writer holds flock() on it; the look takes a shared lock for an instant) and
// what a killed run left behind. No threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codecs/dump_part.h"

namespace bulk {

struct CatalogueEntry {
  std::string path;
  std::uint64_t stored_bytes = 0;
  std::size_t parts = 0;  // of a folder
  std::string problem;  // empty: a whole dump, as far as its metadata tells; else why it cannot be restored from as one
  // Of one that is not whole, for programs: being_written, unfinished (--resume goes on with it), abandoned, damaged.
  const char* state = "";
  DumpHeader header;  // of a sound one; of a folder without its schema, which may be large
  DumpFooter footer;  // of a folder what its manifest says

  bool sound() const { return problem.empty(); }
  // It does not hold all that its table held, or not as it was there: --where, --transform.
  bool selected() const { return !header.selection_json.empty(); }
};

// Newest first; files that are not sound come last, by name. A folder that does not exist is empty.
std::vector<CatalogueEntry> read_catalogue(const std::string& directory);

// Was it taken from this stage? The header says so (a dump taken without naming a stage belongs to none); of a file
// whose header cannot be read, its name.
bool is_of_stage(const CatalogueEntry& entry, const std::string& stage);

// The newest sound dump of a whole table, of `stage` (empty: of all) and `table` (empty: of all), or nothing. `entries`
// as read.
std::optional<CatalogueEntry> latest_dump(const std::vector<CatalogueEntry>& entries, const std::string& stage,
                                          const std::string& table);

}  // namespace bulk
