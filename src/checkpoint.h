// How far a run has come, durably: the contiguous prefix of settled batches in each segment, with its counts, written
// to the journal now and then (docs/journal.md, "How often").
//
// The write stage tells it of every batch that is wholly settled, from any writer thread; that thread makes the
// checkpoint when one is due, while the others go on. For a sink of whole batches there is one writer, so what the sink
// has been given and what is settled are then the same set.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "backends/backend.h"
#include "io/clock.h"
#include "src/batch_pool.h"
#include "src/journal.h"
#include "src/rejects.h"

namespace bulk {

class Checkpoint {
 public:
  // `journal` has begun, or goes on, and outlives the checkpoint. `past`: what is gone on from, or null; it need not
  // outlive the constructor.
  Checkpoint(Journal& journal, const JournalContent* past);

  // The segments of the past, or else those that the source plans, which are recorded.
  std::vector<Segment> plan(Source& source);
  // Where reading a segment begins.
  Cursor cursor(std::uint32_t segment) const;
  // What was settled before this run.
  const std::map<std::uint32_t, SegmentProgress>& past() const noexcept { return past_; }

  // Before the first batch: what is made durable with each checkpoint. Both outlive it; `rejects` may be null.
  void attach(Sink& sink, Rejects* rejects) noexcept {
    sink_ = &sink;
    rejects_ = rejects;
  }
  // Any thread.
  void settled(const Work& work);
  // A last checkpoint of what has been settled since the one before; when no thread is writing any more.
  void flush();
  // Something is settled that a later run need not do again.
  bool has_progress();
  // What was counted is not what was written: nobody may go on from this.
  void disown();

 private:
  struct Settled {
    Cursor after;
    Tally tally;
  };
  struct Line {
    SegmentProgress progress;                // up to the last batch of the prefix
    std::uint64_t next = 0;                  // sequence number, within this run, of the batch that extends it
    std::map<std::uint64_t, Settled> early;  // settled before it
  };

  bool due(SteadyTime now) const;
  void write(std::unique_lock<std::mutex>& lock);

  Journal& journal_;
  Sink* sink_ = nullptr;
  Rejects* rejects_ = nullptr;
  std::vector<Segment> segments_;
  std::map<std::uint32_t, SegmentProgress> past_;

  std::mutex mutex_;  // guards what follows
  std::map<std::uint32_t, Line> lines_;
  std::map<std::uint32_t, SegmentProgress> advanced_;  // since the last checkpoint
  bool written_ = false;                               // in this run
  bool writing_ = false;
  bool broken_ = false;  // a checkpoint has failed; a later one could claim what was lost
  SteadyTime started_, last_;
  std::chrono::nanoseconds cost_{0};
};

}  // namespace bulk
