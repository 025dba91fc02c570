// What connects a backfill's pipeline with its undo log: batches are written down before they go out, and changes that
// met another record than they were made for are computed anew and written down too.
//
// ChangeLog numbers batches over all runs of the work, so that a later run can tell which of them are in doubt.
// BackfillResolver is called by several writers at once; each call takes a Changer of its own from those that are free.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "src/backfill/changer.h"
#include "src/backfill/undo_log.h"
#include "src/checkpoint.h"
#include "src/conflicts.h"
#include "src/log_stage.h"

namespace bulk {

class ChangeLog : public BatchLog {
 public:
  // `past`: what earlier runs have settled; the batches of this run are counted from there. `log` outlives it.
  ChangeLog(UndoLog& log, const std::map<std::uint32_t, SegmentProgress>& past);

  void write_down(std::span<Work* const> works) override;
  // Change lines (each with its newline) that conflicts in a batch of this run have led to. Any thread.
  struct Lines {
    std::uint32_t segment;
    std::uint64_t sequence;
    std::string text;
    std::uint64_t records = 0;
  };
  void write_down(std::span<const Lines> lines);

 private:
  std::uint64_t number(std::uint32_t segment, std::uint64_t sequence) const;

  UndoLog& log_;
  std::map<std::uint32_t, std::uint64_t> batches_before_;
};

class BackfillResolver : public ConflictResolver {
 public:
  // All outlive it.
  BackfillResolver(const ChangeRules& rules, ChangeLog& log, Stop& stop) : rules_(rules), log_(log), stop_(stop) {}

  std::vector<ConflictAnswer> resolve(std::span<const Conflicted> conflicts) override;
  // No more conflicts will come: of a program, that it ends well. Error otherwise.
  void finish();

 private:
  // Whoever writes so often that a hundred attempts in a row come too late will not be outrun.
  static constexpr unsigned kMostRounds = 100;

  std::unique_ptr<Changer> take_changer();

  const ChangeRules& rules_;
  ChangeLog& log_;
  Stop& stop_;
  std::mutex mutex_;  // guards idle_
  std::vector<std::unique_ptr<Changer>> idle_;
};

}  // namespace bulk
