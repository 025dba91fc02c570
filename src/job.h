// What the commands that move records have in common: from options and table facts to read options, rates and a run of
// the pipeline; comparing two stores; reading a target back. Used by the command's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "src/app_context.h"
#include "src/checkpoint.h"
#include "src/compare.h"
#include "src/conflicts.h"
#include "src/log_stage.h"
#include "src/record_step.h"
#include "src/totals.h"

namespace bulk {

unsigned effective_jobs(const Options& options);
// A folder for files that may spill: TMPDIR, else /tmp.
std::string temporary_directory(const Environment& environment);

// Units per second that a run may use of a table. `own` is true when this run created the table or found it empty: then
// all of it, otherwise half, unless --capacity-percent says differently; --max-rcu and --max-wcu are never exceeded.
RateLimits read_rate_limits(const Options& options, const TableFacts& facts, bool own);
RateLimits write_rate_limits(const Options& options, const TableFacts& facts, bool own);

// Runs the whole of `from` into `sink`. `reads` and `writes` pace the two sides.
struct Transfer {
  Store& from;
  const KeySchema* key = nullptr;
  bool consistent = false;
  RateLimits reads{};
  RateLimits writes{};
  unsigned writers = 1;
  bool with_rejects = false;                // --rejects applies
  bool trust_proven_lines = false;          // PipelineOptions
  bool resumed = false;                     // goes on where an earlier run has stopped
  bool is_rows = false;                     // the records are of the dialect rows
  std::shared_ptr<const RowSchema> rows{};  // ReadOptions::rows
  Checkpoint* checkpoint = nullptr;
  // PipelineOptions; all may be null or empty.
  RecordStep* step = nullptr;
  BatchLog* log = nullptr;
  ConflictResolver* conflicts = nullptr;
  std::function<bool()> enough{};
  // Where the records come from, if not from `from`.
  std::function<std::unique_ptr<Source>()> open_source{};
};
// `make_sink` is called when the source is open: a dump says whether its source was consistent.
Totals run_transfer(AppContext& context, const Transfer& transfer,
                    const std::function<Sink&(const Source&)>& make_sink);

// Opens a dump that is read. A pipe may deliver nothing: that is a stall (src/stall_watch.h) like any other.
void await_first_bytes(AppContext& context, Store& source);

// What two stores have in common, so that they can be compared.
struct Common {
  std::optional<KeySchema> key;           // of items
  std::shared_ptr<const RowSchema> rows;  // or the tables of rows
};
// Error(usage) for items and rows; Error(refused) where keys or tables differ.
Common common_of(AppContext& context, Store& first, Store& second);

// A side of a comparison: reads `store` consistently.
ComparedSide compared_side(AppContext& context, Store& store, const Common& common, const std::string& name);

// The key that both sides share: of either, which must be equal (Error(refused)), or --key where neither knows one.
KeySchema common_key(const Options& options, const TableFacts& first, const std::string& first_name,
                     const TableFacts& second, const std::string& second_name);

// Compares and fills the summary's differences. `show` gets each differing key.
Comparison compare_stores(AppContext& context, Store& first, Store& second, const Common& common,
                          const std::function<void(Difference, std::string_view)>& show);

}  // namespace bulk
