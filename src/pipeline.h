// Moves every record of a source into a sink and proves that it did. See pipeline.cc: it is the table of contents.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "backends/backend.h"
#include "io/rate.h"
#include "io/retry.h"
#include "io/stop.h"
#include "src/checkpoint.h"
#include "src/conflicts.h"
#include "src/log_stage.h"
#include "src/progress.h"
#include "src/record_step.h"
#include "src/stall_watch.h"
#include "src/totals.h"

namespace bulk {

struct PipelineOptions {
  unsigned jobs = 2;                         // transform parallelism
  std::uint64_t memory_bytes = 256u << 20;   // bound of all batches
  unsigned writers = 16;                     // at most; the sink may want fewer
  std::uint64_t read_bytes_per_second = 0;   // 0: no limit
  RetryPolicy retry{};                       // of writes
  std::string temporary_directory = "/tmp";  // for the key ledger of foreign files
  std::string source_name = "source";        // for error texts about single records
  std::string rejects_file;                  // empty: the first bad record ends the job
  std::uint64_t max_rejects = 100;
  StallLimits stall;  // never, unless said otherwise
  // Records of a source whose lines are proven need not be looked into (Look::keys). For a sink that wants no digests
  // of content; not together with a rejects file or --only-missing, whose records are accounted for by content.
  bool trust_proven_lines = false;
  bool rows = false;            // the records are of the dialect rows
  bool add_to_rejects = false;  // the file is that of the run being gone on with
  // All may be null. What looks into records on the way; what has to have them before they are written; who is asked
  // when a change meets another record than it was made for.
  RecordStep* step = nullptr;
  BatchLog* log = nullptr;
  ConflictResolver* conflicts = nullptr;
  // Readers end when it says so: what has been read is still written, and the source counts as not read to its end.
  std::function<bool()> enough;
};

// Everything the run needs is given; nothing is global. `key` may be null when neither source nor sink knows keys.
// Throws the first error. Returns only when every record read is accounted for (Error(corrupt) otherwise) and
// source.expected(), where it has one, equals what was read. sink.finish() has been called.
// `checkpoint`: records how far the run has come and says where it goes on from; the totals are then those of the whole
// work. Null: the run cannot be resumed. Not for a source that may hold a key twice.
Totals run_pipeline(Source& source, Sink& sink, const KeySchema* key, const PipelineOptions& options,
                    RateLimiter& write_rate, RequestStats& stats, ProgressCounters& progress, Stop& stop,
                    Checkpoint* checkpoint = nullptr);

// Who may hold how much of a memory bound: the commented sum is in pipeline.cc.
struct MemoryPlan {
  std::size_t batch_bytes;      // of lines: the target size
  std::size_t batches;          // that the pool has
  unsigned readers;             // at most, at the same time
  std::size_t under_way_bytes;  // of requests, of all writers
  std::size_t aside_bytes;      // of records copied out of their batches
  std::size_t ledger_bytes;     // of the keys of a foreign file
};
MemoryPlan plan_memory(std::uint64_t memory_bytes, unsigned jobs);

}  // namespace bulk
