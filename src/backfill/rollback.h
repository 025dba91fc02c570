// Taking a backfill back (docs/backfill.md, "Rollback"): the undo log as a source, the step that turns changes around,
// and who is asked when a record is no longer as the change left it.
//
// The log is read twice: first to its end (is it sound, and which keys have several changes?), then as the source of a
// pipeline with one segment. It may have been written by several runs.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "codecs/key_schema.h"
#include "src/backfill/undo_index.h"
#include "src/conflicts.h"
#include "src/record_step.h"

namespace bulk {

// Batches of change lines, up to `sound_bytes` of the log.
std::unique_ptr<Source> make_undo_source(const std::string& path, std::uint64_t sound_bytes);

// Changes become those that take them back; changes that a later one of the same key has replaced count as filtered.
class ReverseStep : public RecordStep {
 public:
  explicit ReverseStep(const UndoIndex& index) : index_(index) {}
  bool reads_changes() const override { return true; }
  std::unique_ptr<RecordWorker> worker() override;
  std::uint64_t superseded() const { return superseded_.load(std::memory_order_relaxed); }

 private:
  class Worker;
  const UndoIndex& index_;
  std::atomic<std::uint64_t> superseded_{0};
};

class RollbackResolver : public ConflictResolver {
 public:
  // `report`: file that lists the records that were changed since; made when there is one, replacing an older one.
  explicit RollbackResolver(std::string report) : report_(std::move(report)) {}

  std::vector<ConflictAnswer> resolve(std::span<const Conflicted> conflicts) override;

  std::uint64_t as_before() const { return as_before_.load(); }
  std::uint64_t changed_since() const { return changed_since_.load(); }
  const std::string& report() const { return report_; }
  void sync();

 private:
  const std::string report_;
  std::atomic<std::uint64_t> as_before_{0}, changed_since_{0};
  std::mutex mutex_;  // guards file_
  std::optional<File> file_;
};

}  // namespace bulk
