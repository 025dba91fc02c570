// Where transformed batches wait for the writers, and where it is decided which records go to the sink together.
//
// Free order (the source holds every key once): writers take slices from all waiting batches in turn, so that a dump in
// hash order does not heat one partition after another. Key order (a foreign file, in which a key may come twice):
// batches are put back into the order of the file and each record goes to the lane that its key's hash names. A lane
// has one write under way at a time, so two records of one key never are, and the last one in the file wins.
//
// A sink of whole batches gets those of each segment in their sequence, so that what it holds is always a prefix of
// every segment: what a journal can be gone on from.
//
// push() is called by transform workers and waits for nothing; writers share one short critical section per slice.
#pragma once

#include <oneapi/tbb/concurrent_queue.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
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
  const Batch* batch;  // where its bytes are: the work's, or a copy
  std::uint32_t index;
  bool unanswered = false;  // an earlier sending of this very line may have been carried out
  const Record& record() const { return batch->records[index]; }
};

class WriteFeed {
 public:
  // `in_order`: key order instead of free order; `ledger`, where there is one, then learns every record in the order of
  // the file. `lanes` is what fill() is called with. `checkpoint` may be null.
  WriteFeed(const SinkLimits& limits, unsigned lanes, bool in_order, KeyLedger* ledger, BatchPool& pool,
            Checkpoint* checkpoint, ProgressCounters& progress, Stop& stop);
  ~WriteFeed();
  WriteFeed(const WriteFeed&) = delete;

  void push(Work* work);
  // No more batches will come.
  void close();

  enum class Fill { records, nothing_yet, nothing_more };
  // Adds records for `lane` to `pending` up to the sink's limits and with distinct keys; never waits. What it returns
  // says whether `pending` is empty, and if so, why. A job that stopped has nothing more to write.
  Fill fill(unsigned lane, std::vector<Pending>& pending);

  // Calls `wake` whenever fill() may have something else to say, and when the job stops. It must not block.
  std::size_t on_change(std::function<void()> wake);
  // Returns only when the callback is not running.
  void off(std::size_t registration);

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
  bool take(unsigned lane, std::vector<Pending>& pending);
  bool fits(const std::vector<Pending>& pending, std::size_t bytes, const Record& record) const;
  bool exhausted(unsigned lane) const;
  void signal();

  const SinkLimits limits_;
  const bool in_order_;
  KeyLedger* const ledger_;
  BatchPool& pool_;
  Checkpoint* const checkpoint_;
  ProgressCounters& progress_;
  Stop& stop_;

  tbb::concurrent_queue<Work*> arrived_;
  std::atomic<bool> closed_{false};

  std::mutex listeners_mutex_;
  std::map<std::size_t, std::function<void()>> listeners_;
  std::size_t next_listener_ = 1;

  std::mutex mutex_;          // guards what follows
  std::deque<Work*> active_;  // free order: batches with records not handed out
  std::map<std::uint32_t, Sequence> sequences_;
  std::size_t early_ = 0;                    // batches in all of them
  std::vector<std::deque<Pending>> routed_;  // key order: per lane
  std::size_t registration_ = 0;
};

}  // namespace bulk
