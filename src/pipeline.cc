// The flow of every command that moves records. Threads: one per segment being read (at most 64), `jobs` oneTBB workers
// that transform, one per sink session, and the stall watch; the caller waits. The only back-pressure is the pool of
// batches.
#include "src/pipeline.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_set>
#include <vector>

#include "io/error.h"
#include "src/activity.h"
#include "src/batch_pool.h"
#include "src/hot_partitions.h"
#include "src/key_ledger.h"
#include "src/read_stage.h"
#include "src/rejects.h"
#include "src/transform.h"
#include "src/write_feed.h"
#include "src/write_stage.h"

namespace bulk {
namespace {

constexpr std::uint64_t kBatches = 8;            // sixteenths of the memory bound
constexpr std::uint64_t kReplyBytes = 5u << 19;  // 2.5 MiB

// Which of the records written were replaced by a later one with the same key.
Count superseded(KeyLedger& ledger, const std::vector<std::uint64_t>& refused_orders, const Stop& stop) {
  const std::unordered_set<std::uint64_t> refused(refused_orders.begin(), refused_orders.end());
  Count replaced;
  std::optional<Digest> last;  // of the key's records so far that were not refused
  ledger.walk([&](std::span<const KeyLedger::Entry> same_key, bool more) {
    stop.check();
    for (const KeyLedger::Entry& entry : same_key) {
      if (refused.contains(entry.order)) continue;
      if (last) replaced.add(*last);
      last = entry.digest;
    }
    if (!more) last.reset();
  });
  return replaced;
}

// Promise 1: every record that was read is written, filtered or rejected, in each segment, by count and by digest, and
// the source held no more than that.
void prove(const Totals& totals, const Source& source, Look look) {
  for (const auto& [index, tally] : totals.segments) {
    Count settled = tally.written;
    settled += tally.filtered;
    settled += tally.rejected;
    Count expected = tally.read;
    expected += tally.made;
    expected -= tally.taken;
    if (settled == expected) continue;
    throw Error(ErrorKind::corrupt,
                "segment " + std::to_string(index) + ": " + std::to_string(tally.read.records) +
                    " records were read but " + std::to_string(settled.records) +
                    " are accounted for, or not the same ones",
                "do not use the result; run again");
  }
  const std::optional<ExpectedTotals> expected = source.expected();
  if (!expected) return;
  const Tally all = totals.all();
  if (all.read.records == expected->records && all.raw_bytes == expected->raw_bytes &&
      (look == Look::keys || all.rejected.records > 0 || all.read.digest == expected->digest)) {
    return;
  }
  throw Error(ErrorKind::corrupt,
              "the source says it holds " + std::to_string(expected->records) + " records with digest " +
                  expected->digest.hex() + ", but " + std::to_string(all.read.records) + " with digest " +
                  all.read.digest.hex() + " were read",
              "do not use the result");
}

// Lines that were proven by hashes have been accounted for as lines. Their content is what the source says it is.
Totals by_content(const Totals& of_lines, const Source& source) {
  Totals totals;
  Tally& all = totals.segments[0];
  all = of_lines.all();
  if (all.filtered.records > 0 || all.rejected.records > 0) {
    throw Error(ErrorKind::corrupt, "records that were not looked into were left out", "do not use the result");
  }
  all.read.digest = all.written.digest = source.expected()->digest;
  return totals;
}

// A source may only be able to hand out larger batches than were planned (the frames of a dump): then there are fewer.
std::size_t batches_within(std::uint64_t memory_bytes, std::size_t batch_bytes, const MemoryPlan& plan) {
  if (batch_bytes <= plan.batch_bytes) return plan.batches;
  return std::clamp<std::size_t>(memory_bytes / 16 * kBatches / (3 * batch_bytes), 2, plan.batches);
}

unsigned most_readers(const Source& source, const MemoryPlan& plan) {
  return source.most_readers() == 0 ? plan.readers : std::min(plan.readers, source.most_readers());
}

// Of a foreign file: 256 requests under way in all are one million records a second at 5 ms a request.
unsigned lanes_of_a_writer(const SinkLimits& limits, unsigned writers) {
  return std::clamp(256 / writers, 1u, limits.under_way);
}

}  // namespace

// The bound in sixteenths:
//   8  batches. One of B bytes of lines holds at most 3 B: the lines, which may overshoot by one page (about 0.6 B at
//      the default size), the table of records (64 bytes a record, about 0.17 B for records of 380 bytes), and what the
//      sink encodes (a stored frame, at most B).
//   2  readers, each with one reply in hand: 2.3 MB for a DynamoDB page of ordinary items. A foreign file has one
//      reader; its ledger of keys has 1 of these 2.
//   4  requests under way: their bodies, as long as the lines in them, replies, and what libcurl holds.
//   1  records of hot partitions, copied aside.
//   1  scratch of the transform's workers, stacks, and what malloc keeps.
// A batch of a stream that exceeds its share (one record of megabytes, millions of tiny ones) keeps other batches empty
// until it is done: BatchPool::charge.
MemoryPlan plan_memory(std::uint64_t memory_bytes, unsigned jobs) {
  const std::uint64_t sixteenth = memory_bytes / 16;
  const std::uint64_t least_batches = 2 * jobs + 2;
  const std::uint64_t batch_bytes =
      std::clamp<std::uint64_t>(kBatches * sixteenth / (3 * 2 * least_batches), 64u << 10, 4u << 20);
  MemoryPlan plan{};
  plan.batch_bytes = batch_bytes;
  plan.batches = std::max(kBatches * sixteenth / (3 * batch_bytes), least_batches);
  plan.readers =
      static_cast<unsigned>(std::clamp<std::uint64_t>(2 * sixteenth / kReplyBytes, 2, ReadStage::kMostReaders));
  plan.under_way_bytes = 4 * sixteenth;
  plan.aside_bytes = sixteenth;
  plan.ledger_bytes = sixteenth;
  return plan;
}

Totals run_pipeline(Source& source, Sink& sink, const KeySchema* key, const PipelineOptions& options,
                    RateLimiter& write_rate, RequestStats& stats, ProgressCounters& progress, Stop& stop,
                    Checkpoint* checkpoint) {
  // What is to be read, and into how much memory.
  const std::vector<Segment> segments = checkpoint == nullptr ? source.plan() : checkpoint->plan(source);
  const MemoryPlan memory = plan_memory(options.memory_bytes, options.jobs);
  BatchPool pool(
      batches_within(options.memory_bytes, std::max(memory.batch_bytes, source.largest_batch_bytes()), memory),
      memory.batch_bytes, stop, memory.aside_bytes);

  // A foreign file may hold a key twice: its records are written in order, and the ledger counts who replaced whom, as
  // far as the key is known.
  const bool in_order = !source.distinct_keys();
  std::unique_ptr<KeyLedger> ledger;
  if (in_order && key != nullptr) {
    ledger = std::make_unique<KeyLedger>(options.temporary_directory, memory.ledger_bytes);
  }

  RateLimiter bandwidth({.max_units = static_cast<double>(options.read_bytes_per_second)});

  if (checkpoint != nullptr) {
    for (const auto& [index, past] : checkpoint->past()) {
      progress.records_read += past.tally.read.records;
      progress.bytes_read += past.tally.raw_bytes;
      progress.records_written += past.tally.written.records + past.tally.filtered.records;
    }
  }

  // Build the stages from the far end, so that each finds the next one ready.
  Rejects rejects(options.source_name, options.rejects_file, options.max_rejects, options.add_to_rejects);
  if (checkpoint != nullptr) checkpoint->attach(sink, &rejects);
  const SinkLimits limits = sink.limits();
  const unsigned sessions = std::max(1u, std::min(options.writers, limits.sessions));
  const unsigned lanes = in_order ? lanes_of_a_writer(limits, sessions) : 0;
  WriteFeed feed(limits, std::max(1u, lanes) * sessions, in_order, ledger.get(), pool, checkpoint, progress, stop);
  HotPartitions hot;
  ActivityBoard board(memory.readers + sessions + 1);
  std::vector<std::unique_ptr<Writer>> writers;
  for (unsigned i = 0; i < sessions; ++i) {
    writers.push_back(std::make_unique<Writer>(
        WriteContext{sink, feed, pool, write_rate, hot, rejects, stats, progress, stop, options.retry, &board, lanes,
                     memory.under_way_bytes / sessions, options.conflicts},
        i));
  }
  const bool trust = options.trust_proven_lines && options.step == nullptr && key != nullptr && source.proven_lines() &&
                     source.expected();
  const bool changes = options.step != nullptr && options.step->reads_changes();
  const Look look = options.rows ? Look::rows : changes ? Look::changes : trust && !in_order ? Look::keys : Look::items;
  std::optional<LogStage> log;
  if (options.log != nullptr) log.emplace(*options.log, stop, [&feed](Work* work) { feed.push(work); });
  TransformStage transform(options.jobs, sink, key, look, options.step, rejects, progress, stop,
                           [&feed, &log](Work* work) { log ? log->submit(work) : feed.push(work); });

  StallLimits patience = options.stall;
  patience.one_segment = segments.size() == 1;
  patience.paced_by.insert(patience.paced_by.end(), {&write_rate, &bandwidth});
  ActivityBoard::Seat seat(&board);
  const StallWatch watch(std::move(patience), board, progress, stats, stop);

  // Run: the last stage first. Each ends by itself when the one before it has.
  {
    std::vector<std::jthread> writing;
    try {
      for (const auto& writer : writers) writing.emplace_back([&writer] { writer->run(); });
      ReadStage readers(
          source, segments, most_readers(source, memory), checkpoint, pool, bandwidth, stop,
          [&transform](Work* work) { transform.submit(work); }, &board, options.enough);
      readers.join();
    } catch (...) {
      stop.fail(std::current_exception());
    }
    transform.drain();
    if (log) log->drain();
    feed.close();
  }
  seat.doing(Doing::finishing);
  if (checkpoint != nullptr) {
    try {
      checkpoint->flush();
    } catch (...) {
      stop.fail(std::current_exception());
    }
  }
  stop.check();

  seat.doing(Doing::working);
  // Add up what earlier runs have settled and what the threads of this one counted, each for itself.
  Totals totals;
  for (const Segment& segment : segments) totals.segments[segment.index];
  if (checkpoint != nullptr) {
    for (const auto& [index, past] : checkpoint->past()) totals.segments[index] = past.tally;
  }
  transform.add_to(totals.segments);
  std::vector<std::uint64_t> refused_orders;
  for (const auto& writer : writers) {
    for (const auto& [index, tally] : writer->segments()) {
      totals.segments[index].written += tally.written;
      totals.segments[index].filtered += tally.filtered;
      totals.skipped += tally.filtered;
      totals.segments[index].rejected += tally.rejected;
    }
    refused_orders.insert(refused_orders.end(), writer->refused_orders().begin(), writer->refused_orders().end());
  }
  if (ledger) totals.superseded = superseded(*ledger, refused_orders, stop);

  for (const Segment& segment : segments) totals.tables[segment.table] += totals.segments[segment.index].written;

  // Prove, and only then let the result appear.
  source.confirm();
  try {
    if (!pool.all_home()) {
      throw Error(ErrorKind::corrupt, "a batch was not settled", "do not use the result; run again");
    }
    prove(totals, source, look);
    if (look == Look::keys) totals = by_content(totals, source);
  } catch (const Error&) {
    if (checkpoint != nullptr) checkpoint->disown();
    throw;
  }
  writers.clear();
  seat.doing(Doing::finishing);
  rejects.sync();
  sink.finish();
  return totals;
}

}  // namespace bulk
