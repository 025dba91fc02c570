// The stage between reading and writing. Each batch is one task on oneTBB: every record is checked, measured and
// hashed, records that are no legal items are taken out, and the sink's pure encoding is made (a dump's frame). Of
// lines that this program has checked before, as hashes prove, only the key is looked at (codecs/key_scan.h). Tasks
// share nothing that changes; each worker thread has its own scanner and counts, which are added up at the end.
// Blocking work never runs here.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "backends/backend.h"
#include "codecs/change.h"
#include "codecs/item.h"
#include "codecs/key_scan.h"
#include "io/stop.h"
#include "src/batch_pool.h"
#include "src/progress.h"
#include "src/record_step.h"
#include "src/rejects.h"
#include "src/totals.h"

namespace bulk {

enum class Look {
  items,    // records' digests are those of their content
  keys,     // records' digests are those of their lines; needs a key schema
  changes,  // the lines are changes (codecs/change.h), records' digests are those of lines; needs a key schema
  rows,     // lines of the dialect rows, which their source has made or proven: their digest is their content's
};

class TransformStage {
 public:
  // `done` takes each transformed batch (from any worker thread). It must not block. `step` may be null.
  TransformStage(unsigned jobs, const Sink& sink, const KeySchema* key, Look look, RecordStep* step, Rejects& rejects,
                 ProgressCounters& progress, Stop& stop, std::function<void(Work*)> done);
  // Waits for tasks under way.
  ~TransformStage();

  // Hands a batch in; returns at once. Any thread.
  void submit(Work* work);
  // Waits until every batch handed in has left, and ends the step's workers. Call when no more will be submitted.
  void drain() noexcept;

  // Read and rejected counts per segment; after drain().
  void add_to(std::map<std::uint32_t, Tally>& segments);

 private:
  struct Worker {
    Worker(const KeySchema* key, Look look) : items(key) {
      if (look == Look::keys) keys.emplace(*key);
    }
    ItemScanner items;
    std::optional<KeyScanner> keys;
    ChangeReader changes;
    Change change;
    std::unique_ptr<RecordWorker> step;
    std::map<std::uint32_t, Tally> segments;
  };

  struct Task {
    TransformStage* stage;
    Work* work;
    void operator()() const { stage->run(work); }
  };

  struct Wait {
    tbb::task_group* group;
    void operator()() const { group->wait(); }
  };

  Worker& worker();
  void work_through_queue() noexcept;
  void run(Work* work) noexcept;
  void transform(Work* work);
  // Fill the record's facts in; what is wrong with it, empty: nothing.
  static std::string look_at_item(Worker& worker, std::string_view line, Record& record);
  static std::string look_at_key(Worker& worker, std::string_view line, Record& record);
  static std::string look_at_change(Worker& worker, std::string_view line, Record& record);
  static std::string look_at_row(std::uint32_t table, std::string_view line, Record& record);
  static std::string why_no_record(Worker& worker, std::string_view line);

  const Sink& sink_;
  Rejects& rejects_;
  ProgressCounters& progress_;
  Stop& stop_;
  std::function<void(Work*)> done_;
  const KeySchema* const key_;
  const Look look_;
  RecordStep* const step_;
  std::mutex workers_mutex_;  // of the map, once per batch; a worker is its thread's own
  std::unordered_map<std::thread::id, Worker> workers_;
  // Batches come and go through TBB's own queues, which ThreadSanitizer cannot look into; these two say the same in a
  // way that it understands, at the price of two additions per batch.
  std::atomic<std::uint64_t> handed_in_{0};
  std::atomic<std::uint64_t> handed_on_{0};
  // `jobs` workers and one slot more, which is drain()'s own: where no worker thread could be started it does the work
  // itself instead of waiting for ever.
  tbb::global_control parallelism_;
  tbb::task_arena arena_;
  tbb::task_group group_;
  // A step that waits for other processes has threads of its own.
  std::mutex queue_mutex_;  // guards the next three
  std::condition_variable queue_changed_;
  std::deque<Work*> queue_;
  bool queue_closed_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace bulk
