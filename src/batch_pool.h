// The pipeline's only back-pressure: a fixed number of batches. A reader that wants an empty one waits until a batch
// has been wholly acknowledged and comes back. What the pool owns bounds the memory of a run whatever the input.
//
// A Work is a batch on its way, with what the stages know about it. It is owned by the pool for its whole life and
// lent: reader -> transform -> write stage -> release(). All members of BatchPool are thread-safe.
//
// Records that have to wait for long (of a hot partition) must not keep the whole pool waiting: the write stage copies
// them aside, within a budget, and gives the memory of their batch back when nothing else in it is needed. What is left
// of the Work is an account of what is still to be settled.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/batch.h"
#include "io/stop.h"
#include "src/totals.h"

namespace bulk {

struct Work {
  Batch batch;
  bool transformed = false;                      // false on its way out of a job that stops: nothing is written of it
  std::mutex tally_mutex;                        // writers of one batch share its tally; the transform stage is alone
  Tally tally;                                   // read, filtered and rejected of this batch
  std::uint32_t next = 0;                        // write feed: first record not handed out yet
  std::atomic<std::uint32_t> unacknowledged{0};  // records that the sink has not settled yet
  std::atomic<std::uint32_t> in_buffer{0};       // those of them whose bytes are in the batch, not copied aside
  bool vacated = false;                          // its memory has gone to another Work
  std::vector<Work*> shares;                     // batches that stay empty because this one needs their memory
};

// Ascending in the order of the source's only segment: which of two records of a foreign file came later.
inline std::uint64_t order_in_file(const Batch& batch, const Record& record) {
  return batch.sequence << 32 | record.position;
}

class BatchPool {
 public:
  // `aside_bytes`: the budget of take_aside().
  BatchPool(std::size_t batches, std::size_t batch_bytes, Stop& stop, std::size_t aside_bytes = 0);
  ~BatchPool();
  BatchPool(const BatchPool&) = delete;

  // An empty batch; null when the job stopped.
  Work* acquire();
  // Charges a filled batch: one that holds k times its share keeps k - 1 others empty until it is released. Waits for
  // them; false when the job stopped. Only for a source with one reader: several could wait for each other.
  bool charge(Work* work);
  void release(Work* work);

  // A copy of so many bytes may be made; false: the budget is used up, or so many vacated batches wait for their last
  // records that reading should not get further ahead. give_back() when the copy is no longer needed.
  bool take_aside(std::size_t bytes);
  void give_back(std::size_t bytes);
  // A copy that has to be made, whatever is left of the budget.
  void charge_aside(std::size_t bytes) { aside_left_.fetch_sub(static_cast<std::int64_t>(bytes)); }
  // Nobody needs the memory of this batch any more, but some of its records are not settled.
  void vacate(Work* work);

  // All batches are home again (called when every stage has ended, to prove that none was lost).
  bool all_home() const;

 private:
  const std::size_t batches_;
  const std::size_t batch_bytes_;
  Stop& stop_;
  std::atomic<std::int64_t> aside_left_;
  std::atomic<std::size_t> vacated_{0};
  std::vector<std::unique_ptr<Work>> owned_;
  mutable std::mutex mutex_;
  std::condition_variable available_;
  std::vector<Work*> free_;
  std::size_t registration_ = 0;
};

}  // namespace bulk
