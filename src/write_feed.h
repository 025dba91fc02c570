// Where transformed batches wait for the writers, and where it is decided which records go to the sink together.
//
// Free order (the source holds every key once): writers take slices from all waiting batches in turn, so that a dump in
// hash order does not heat one partition after another. Key order (a foreign file, in which a key may come twice):
// batches are put back into the order of the file and each record goes to the writer that its key's hash names, so that
// two records of one key are never in flight together and the last one in the file wins.
//
// A sink of whole batches gets those of each segment in their sequence, so that what it holds is always a prefix of
// every segment: what a journal can be gone on from.
//
// push() is lock-free and called by transform workers; writers share one short critical section per slice.
#pragma once

#include <oneapi/tbb/concurrent_queue.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "backends/backend.h"
#include "io/stop.h"
#include "src/batch_pool.h"
#include "src/checkpoint.h"
#include "src/key_ledger.h"
#include "src/progress.h"

namespace bulk {

// A record on its way into the sink, with the work to settle when it has arrived.
struct Pending {
  Work* work;
  std::uint32_t index;
  const Record& record() const { return work->batch.records[index]; }
};

class WriteFeed {
 public:
  // `in_order`: key order instead of free order; `ledger`, where there is one, then learns every record in the order of
  // the file. `writers` is the number of threads that call fill(). `checkpoint` may be null.
  WriteFeed(const SinkLimits& limits, unsigned writers, bool in_order, KeyLedger* ledger, BatchPool& pool,
            Checkpoint* checkpoint, ProgressCounters& progress, Stop& stop);
  ~WriteFeed();
  WriteFeed(const WriteFeed&) = delete;

  void push(Work* work);
  // No more batches will come.
  void close();

  // Adds records for `writer` to `pending` up to the sink's limits and with distinct keys. Waits only when `pending` is
  // empty. False when `pending` is empty because there is nothing more to write, or the job stopped.
  bool fill(unsigned writer, std::vector<Pending>& pending);

  // A batch whose last record is settled goes home.
  void settled(Work* work);

 private:
  // Batches of one segment on their way back into its sequence.
  struct Sequence {
    std::uint64_t next = 0;
    std::map<std::uint64_t, Work*> early;
  };

  void take_new_batches();
  void admit(Work* work);
  bool take(unsigned writer, std::vector<Pending>& pending);
  bool fits(const std::vector<Pending>& pending, std::size_t bytes, const Record& record) const;
  bool exhausted(unsigned writer) const;
  void signal();

  const SinkLimits limits_;
  const bool in_order_;
  KeyLedger* const ledger_;
  BatchPool& pool_;
  Checkpoint* const checkpoint_;
  ProgressCounters& progress_;
  Stop& stop_;

  tbb::concurrent_queue<Work*> arrived_;
  std::atomic<std::uint64_t> changes_{0};  // counted up whenever a waiting writer should look again
  std::atomic<bool> closed_{false};

  std::mutex mutex_;          // guards what follows
  std::deque<Work*> active_;  // free order: batches with records not handed out
  std::map<std::uint32_t, Sequence> sequences_;
  std::size_t early_ = 0;                    // batches in all of them
  std::vector<std::deque<Pending>> routed_;  // key order: per writer
  std::size_t registration_ = 0;
};

}  // namespace bulk
