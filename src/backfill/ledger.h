// The ledger of backfills (docs/backfill.md, "The ledger"): one small file for each job and table, replaced atomically,
// which says how far the job is. Values and their file; whoever changes an entry holds the lock of the job's journal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulk {

enum class BackfillStatus { running, partial, completed, rolling_back, rolled_back };

struct BackfillEntry {
  std::string job, checksum, target, target_id, applied_by, started, completed;
  BackfillStatus status = BackfillStatus::running;
  std::string where;  // what the last run was narrowed to
  std::uint64_t read = 0, updated = 0, unchanged = 0, rejected = 0, conflicts = 0;
  std::vector<std::string> notes;
  std::string undo;              // path of the undo log
  std::uint64_t undo_bytes = 0;  // of it, when the last run ended: less than that is damage
  std::string backup;            // path of the dump that --backup-first has made
};

// Where the parts of one job on one table are; the files need not be there.
struct BackfillFiles {
  std::string ledger, journal, undo, changed;
};
// `target`: identity of the table.
BackfillFiles backfill_files(const std::string& state_directory, const std::string& job, const std::string& target);
std::string backfill_folder(const std::string& state_directory);

std::string status_name(BackfillStatus status);

// Nothing when there is no such file. Error(corrupt) when it is damaged, Error(usage) for a format that is not known.
std::optional<BackfillEntry> read_entry(const std::string& path);
// Durable when it returns.
void write_entry(const std::string& path, const BackfillEntry& entry);
// All of a state folder, newest first. Damaged files are passed over; their paths are appended to `damaged`.
std::vector<BackfillEntry> all_entries(const std::string& state_directory, std::vector<std::string>& damaged);

}  // namespace bulk
