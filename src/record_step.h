// A step on the way that looks into records: it leaves some out, changes others, or makes changes (codecs/change.h) of
// them. The transform stage calls it for every batch whose records have been looked at. What a step does to the account
// is in its tally: records left out count as filtered or rejected by the digest that they were read with; records that
// go on with another content are taken from the account with the old digest and made with the new one.
#pragma once

#include <memory>

#include "backends/batch.h"
#include "src/rejects.h"
#include "src/totals.h"

namespace bulk {

// Belongs to one thread.
class RecordWorker {
 public:
  virtual ~RecordWorker() = default;
  // Changes batch.bytes and batch.records; may fill batch.encoded, and then the sink's encode() is not called.
  virtual void apply(Batch& batch, Tally& tally, Rejects& rejects) = 0;
  // No more batches will come to this worker. Throws when that is not how it should end.
  virtual void finish() {}
};

class RecordStep {
 public:
  virtual ~RecordStep() = default;
  // True: its workers wait for other processes, and so have threads of their own instead of oneTBB's.
  virtual bool waits() const { return false; }
  // True: the lines are changes, not items.
  virtual bool reads_changes() const { return false; }
  // Called from any thread. What it returns does not outlive the step.
  virtual std::unique_ptr<RecordWorker> worker() = 0;
};

}  // namespace bulk
