// What a run did, as the JSON summary of the interface and as lines for people. A command fills it; main prints it in
// one place, also when the run failed. Plain values; formatting is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "codecs/digest.h"
#include "io/error.h"
#include "src/totals.h"

namespace bulk {

enum class Verified { no, acknowledged, content };

// Of a diff, or of a verification against a table.
struct Differences {
  std::uint64_t equal = 0, only_in_source = 0, only_in_target = 0, different = 0;
};

// Of `bulk backfill`.
struct BackfillSummary {
  std::string job, status, undo, backup, report;
  bool already = false;  // it was done before, nothing happened now
  std::uint64_t conflicts = 0;
  std::uint64_t as_before = 0, changed_since = 0;  // of a rollback: records that were not changed back
  std::optional<std::uint64_t> would_change;       // dry run and verify
  std::uint64_t cannot_change = 0;                 // the same
  std::string where;                               // what they were narrowed to
  double units = 0;                                // that the changes would cost
  std::string estimate, time;                      // of a dry run
};

struct Summary {
  std::string command;
  bool dry_run = false;
  std::string source, target;  // endpoints or paths as to be shown, without secrets
  bool rows = false;           // the records are rows, not items
  std::string table;           // name of the table read or written; empty: not shown
  std::uint64_t read = 0, written = 0, filtered = 0, rejected = 0, superseded = 0;  // records
  std::uint64_t resumed = 0;  // of the records read: by earlier runs of the same work
  std::uint64_t raw_bytes = 0, stored_bytes = 0;
  std::optional<Digest> digest;
  Verified verified = Verified::no;
  bool consistent = false;
  bool source_unproven = false;  // a foreign file: neither counts nor digest say that what could be read is all of it
  std::uint64_t requests_sent = 0, requests_throttled = 0, requests_retried = 0;
  double capacity_read = 0, capacity_write = 0;
  double seconds = 0;
  std::optional<Differences> differences;
  std::optional<std::uint64_t> dumps;  // list
  std::optional<std::uint64_t> runs;   // history
  std::optional<BackfillSummary> backfill;
  std::vector<std::string> not_copied;  // settings of the table that were seen and not carried over
  std::vector<std::string> warnings;
  std::optional<Error> error;  // set by main

  // records, raw_bytes and digest (of what the target holds of this run).
  void take(const Totals& totals);
  // requests and capacity. main calls it; a command need not.
  void take(const RequestStats& stats);
};

// "ok", "rejected" (finished, but records were rejected) or "failed".
std::string summary_status(const Summary& summary);
// One line without its newline.
std::string summary_json(const Summary& summary);
// Lines, each ended by a newline; empty for commands whose output is the answer (list, history, inspect, cat).
std::string summary_text(const Summary& summary);

}  // namespace bulk
