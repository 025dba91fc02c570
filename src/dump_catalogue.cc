#include "src/dump_catalogue.h"

#include <sys/file.h>

#include <algorithm>
#include <filesystem>

#include "backends/dump/folder_store.h"
#include "backends/dump/part_file.h"
#include "io/error.h"
#include "io/file.h"

namespace bulk {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDump = ".jsonl.zst";
constexpr std::string_view kPartial = ".jsonl.zst.partial";
constexpr std::string_view kSuffix = ".partial";
constexpr std::string_view kJournal = ".journal";

// Why a partial file or folder is there.
void explain_partial(const File& file, CatalogueEntry& entry) {
  const std::string journal = entry.path.substr(0, entry.path.size() - kSuffix.size()) + std::string(kJournal);
  std::error_code ignored;
  if (::flock(file.fd(), LOCK_SH | LOCK_NB) != 0) {
    entry.state = "being_written";
    entry.problem = "being written";
  } else if (fs::exists(journal, ignored)) {
    entry.state = "unfinished";
    entry.problem = "unfinished; go on with --resume";
  } else {
    entry.state = "abandoned";
    entry.problem = "unfinished: was left behind by a run that was killed";
  }
}

CatalogueEntry read_entry(const fs::path& path) {
  CatalogueEntry entry;
  entry.path = path.string();
  try {
    File file = File::open_for_reading(entry.path);
    entry.stored_bytes = file.size();
    if (entry.path.ends_with(kPartial)) {
      explain_partial(file, entry);
    } else if (!PartFile::recognise(file)) {
      entry.state = "damaged";
      entry.problem = "carries no header: no metadata to show";
    } else {
      const PartFile part(std::move(file));
      entry.header = part.header();
      entry.footer = part.footer();
    }
  } catch (const Error& error) {
    entry.state = "damaged";
    entry.problem = "damaged: " + std::string(error.what());
  }
  return entry;
}

// A folder without a manifest is no dump; one that a run has not finished holds parts, or is beside a journal.
bool is_unfinished_folder(const fs::path& path) {
  std::error_code ignored;
  const std::string whole = path.string();
  if (!whole.ends_with(kSuffix)) return false;
  if (fs::exists(whole.substr(0, whole.size() - kSuffix.size()) + std::string(kJournal), ignored)) return true;
  for (const fs::directory_entry& file : fs::directory_iterator(path, ignored)) {
    const std::string name = file.path().filename().string();
    if (name.ends_with(kDump) || name.ends_with(kPartial)) return true;
  }
  return false;
}

std::uint64_t bytes_of_files(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code ignored;
  for (const fs::directory_entry& file : fs::directory_iterator(folder, ignored)) {
    std::error_code problem;
    const std::uintmax_t size = file.file_size(problem);
    if (!problem) bytes += size;
  }
  return bytes;
}

void read_folder(CatalogueEntry& entry) {
  const std::string text = read_manifest_text(entry.path);
  DumpManifest manifest = parse_manifest(entry.path, text);
  entry.parts = manifest.parts.size();
  entry.stored_bytes = text.size();
  for (const ManifestPart& part : manifest.parts) {
    entry.stored_bytes += part.stored_bytes;
    const std::string problem = missing_part(entry.path, part);
    if (!problem.empty()) throw Error(ErrorKind::corrupt, problem);
  }
  entry.header = std::move(manifest.header);
  entry.header.schema_json.clear();
  entry.footer.ended = manifest.ended;
  entry.footer.records = manifest.records;
  entry.footer.raw_bytes = manifest.raw_bytes;
  entry.footer.digest = manifest.digest;
  entry.footer.consistent = manifest.consistent;
}

// Nothing when the folder is no dump.
std::optional<CatalogueEntry> read_folder_entry(const fs::path& path) {
  CatalogueEntry entry;
  entry.path = path.string();
  std::error_code ignored;
  const bool partial = is_unfinished_folder(path);
  if (!partial && !fs::exists(path / kManifestName, ignored)) return std::nullopt;
  try {
    if (partial) {
      entry.stored_bytes = bytes_of_files(path);
      explain_partial(File::open_for_reading(entry.path), entry);
    } else {
      read_folder(entry);
    }
  } catch (const Error& error) {
    entry.stored_bytes = bytes_of_files(path);
    entry.state = "damaged";
    entry.problem = "damaged: " + std::string(error.what());
  }
  return entry;
}

}  // namespace

std::vector<CatalogueEntry> read_catalogue(const std::string& directory) {
  std::vector<CatalogueEntry> entries;
  std::error_code problem;
  fs::directory_iterator files(directory, problem);
  if (problem == std::errc::no_such_file_or_directory) return entries;
  if (problem) throw os_error("read folder '" + directory + "'", problem.value());
  for (const fs::directory_entry& file : files) {
    const std::string name = file.path().filename().string();
    std::error_code ignored;  // a file that vanished meanwhile is none
    if (file.is_directory(ignored)) {
      if (auto entry = read_folder_entry(file.path())) entries.push_back(std::move(*entry));
      continue;
    }
    if (!name.ends_with(kDump) && !name.ends_with(kPartial)) continue;
    if (file.is_regular_file(ignored)) entries.push_back(read_entry(file.path()));
  }
  std::sort(entries.begin(), entries.end(), [](const CatalogueEntry& a, const CatalogueEntry& b) {
    if (a.sound() != b.sound()) return a.sound();
    if (!a.sound()) return a.path < b.path;
    // The header's times have one form, so their order is that of their texts.
    if (a.header.started != b.header.started) return a.header.started > b.header.started;
    // Within a second the later one has a number behind its name: ...-2, ...-10.
    if (a.path.size() != b.path.size()) return a.path.size() > b.path.size();
    return a.path > b.path;
  });
  return entries;
}

bool is_of_stage(const CatalogueEntry& entry, const std::string& stage) {
  if (entry.sound()) return entry.header.stage == stage;
  return fs::path(entry.path).filename().string().starts_with(stage + "-");
}

std::optional<CatalogueEntry> latest_dump(const std::vector<CatalogueEntry>& entries, const std::string& stage,
                                          const std::string& table) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const CatalogueEntry& entry) {
    return entry.sound() && !entry.selected() && (stage.empty() || is_of_stage(entry, stage)) &&
           (table.empty() || entry.header.table.name == table);
  });
  if (found == entries.end()) return std::nullopt;
  return *found;
}

}  // namespace bulk
