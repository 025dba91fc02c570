// What a backend is: a Store that can be described, created and dropped, a Source that reads it and a Sink that writes
// it. A new backend is one Store, one Source, one Sink and one line in registry.cc, and it passes tests/conformance.
//
// Division of labour: a backend makes ONE attempt at a write and reports what happened; retrying, pacing, bisecting and
// counting stand once, in src/write_stage.cc. Reads retry inside the backend with the same policy (io/retry.h), because
// only it knows what may be repeated. Everything here may throw Error to end the job.
//
// Threads: a Store is used by one thread at a time. Sink::open is called before the workers start, Source::open by one
// thread at a time while others read; each Reader and each SinkSession belongs to one thread (SinkSession::wake() is
// for all). Sink::encode is called from many threads at once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/batch.h"
#include "codecs/dump_part.h"
#include "codecs/key_schema.h"
#include "codecs/row_schema.h"
#include "io/clock.h"
#include "io/rate.h"
#include "io/stop.h"

namespace bulk {

// What a run has asked of its remotes; shared by all sessions of a job.
struct RequestStats {
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> throttled{0};        // refused for capacity, wholly or in part
  std::atomic<std::uint64_t> retried{0};          // sent again for any reason
  std::atomic<std::uint64_t> read_centiunits{0};  // capacity units x 100
  std::atomic<std::uint64_t> write_centiunits{0};
  std::atomic<std::uint64_t> streamed_bytes{0};  // that standard input or a pipe has delivered
};

struct TableSchema {
  KeySchema key;     // of the dialect rows: nothing
  std::string json;  // docs/format.md, header member "schema": compact JSON; empty: unknown
};

struct TableFacts {
  TableIdentity identity;
  std::string origin;                 // of a dump: the endpoint it was taken from; else empty
  std::string selection;              // of a dump: DumpHeader::selection_json
  std::optional<TableSchema> schema;  // a foreign file has none
  std::string dialect = "dynamodb-json";
  std::optional<std::uint64_t> records;    // exact for dumps, otherwise an estimate for progress
  std::optional<std::uint64_t> bytes;      // of the store's own counting, an estimate
  double read_units = 0, write_units = 0;  // provisioned capacity per second; 0: unknown or on demand
  // Of a table on demand, per second: what its owner allows at most, and what it takes at once; 0: none, unknown.
  double most_read_units = 0, most_write_units = 0;
  double warm_read_units = 0, warm_write_units = 0;
  bool deletion_protected = false;
};

struct Segment {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
  std::uint64_t begin = 0, end = 0;  // the backend's own (dump: frames)
  std::uint32_t table = 0;           // of several: position in RowSchema::tables
};

// Totals a source knows about itself (a dump's footer): what a complete read must add up to.
struct ExpectedTotals {
  std::uint64_t records = 0;
  std::uint64_t raw_bytes = 0;
  Digest digest;
};

class Reader {
 public:
  virtual ~Reader() = default;
  // Fills an empty batch (bytes, records' offsets and lengths, first_line, after) up to about its target size, at least
  // one record; false at the end of the segment, leaving the batch empty. Segment and sequence are set by the caller.
  virtual bool read(Batch& batch) = 0;
};

struct ReadOptions {
  bool consistent = false;
  std::optional<unsigned> segments;    // --segments; nothing: auto
  unsigned jobs = 2;                   // parallelism of the machine
  std::size_t batch_bytes = 4u << 20;  // target size of a batch
  std::size_t max_record_bytes = 32u << 20;
  RateLimiter* rate = nullptr;     // paces reads where set
  const KeySchema* key = nullptr;  // needed by stores that cannot know it (foreign files)
  bool pass_bad_records = false;   // of a foreign file: hand on what is no record as it stands, to be rejected
  // Of rows: the tables to read, with these columns in this order; Segment::table is a position in them. Null: all that
  // describe() names.
  std::shared_ptr<const RowSchema> rows;
};

class Source {
 public:
  virtual ~Source() = default;
  virtual std::vector<Segment> plan() = 0;
  virtual std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) = 0;
  // False: the same key may come twice; records must be written in order, the last one wins.
  virtual bool distinct_keys() const { return true; }
  // Of batches that are larger than ReadOptions::batch_bytes because they cannot be cut (a dump's frames); 0: there are
  // none.
  virtual std::size_t largest_batch_bytes() const { return 0; }
  // True: every record read is byte for byte one that this program had checked when it wrote it: proven by checksums.
  virtual bool proven_lines() const { return false; }
  // True: all records are of one point in time.
  virtual bool consistent() const { return false; }
  // How many segments may be read at the same time; 0: any number.
  virtual unsigned most_readers() const { return 0; }
  // When all segments have been read, before that counts: throws when what was promised did not hold until now.
  virtual void confirm() {}
  virtual std::optional<ExpectedTotals> expected() const { return std::nullopt; }
};

struct SinkLimits {
  std::size_t records = 1;        // per write
  std::size_t bytes = 1u << 20;   // of lines per write
  bool whole_batches = false;     // a write is always one whole batch (dumps); records and bytes do not apply
  unsigned sessions = 1;          // how many sessions make sense at most; a thread each
  unsigned under_way = 1;         // attempts that a session can have under way at the same time
  std::size_t attempt_bytes = 0;  // what one of them holds in memory beside its lines
};

struct WriteResult {
  enum class Outcome {
    done,         // carried out, except for `unprocessed`
    throttled,    // nothing was done: over capacity
    unavailable,  // nothing may be assumed done; worth another attempt (`reason` says why)
    invalid,      // the request as a whole was refused because of its content (`reason`): nothing was done
  };
  Outcome outcome = Outcome::done;
  std::vector<std::uint32_t> unprocessed;  // positions in the span given to write()
  std::vector<std::uint32_t> skipped;  // positions, only_missing: a record with this key was there and was left alone
  // Of changes (Store::updater): what a change was computed from is no longer there, so nothing was done to the record.
  struct Conflict {
    std::uint32_t position;
    std::string item;  // as it is now, a JSON object in DynamoDB JSON; empty: there is none
  };
  std::vector<Conflict> conflicts;
  double units = 0;  // capacity consumed
  std::string reason;
  bool key_range = false;  // throttled: because of one hot partition, as the service says
  bool sent = true;        // false: it has ended without a request to the target
  bool resent = false;     // a connection broke and it went out again: an earlier sending may have been carried out
};

// A record within its batch, as the write stage passes it.
struct RecordRef {
  const Batch* batch;
  std::uint32_t index;
  const Record& record() const { return batch->records[index]; }
  std::string_view line() const { return batch->line(record()); }
};

class SinkSession {
 public:
  // What became of an attempt.
  struct Ended {
    std::uint32_t ticket;
    WriteResult result;
  };

  virtual ~SinkSession() = default;
  // Begins one attempt, within the limits, keys distinct; it ends in collect() under its ticket. The records stay where
  // they are until then; the span itself need not.
  virtual void begin(std::uint32_t ticket, std::span<const RecordRef> records) = 0;
  // Waits until an attempt has ended, `until` has passed or wake() was called since the last collect(); appends what
  // has ended.
  virtual void collect(SteadyTime until, std::vector<Ended>& ended) = 0;
  virtual void wake() noexcept = 0;  // any thread
  // One attempt from beginning to end, with no other under way.
  virtual WriteResult write(std::span<const RecordRef> records);
};

// Of sinks whose attempt is over when the call returns: they define write().
class BlockingSession : public SinkSession {
 public:
  WriteResult write(std::span<const RecordRef> records) override = 0;
  void begin(std::uint32_t ticket, std::span<const RecordRef> records) final;
  void collect(SteadyTime until, std::vector<Ended>& ended) final;
  void wake() noexcept final;

 private:
  std::vector<Ended> ended_;
  std::mutex mutex_;  // guards woken_
  std::condition_variable wake_;
  bool woken_ = false;
};

struct WriteOptions {
  unsigned jobs = 2;
  int level = 3;       // zstd
  bool verify = true;  // a dump: each frame is decompressed again and compared before it counts
  DumpHeader header;   // what a dump says about where it comes from
  bool consistent_source = false;
  bool only_missing = false;  // existing keys are left alone (and counted as filtered)
  // To go on with what an earlier run has left unfinished: what its Sink::checkpoint() returned, in that order.
  // Error(corrupt) when what is there is not what these say.
  std::vector<std::string> checkpoints;
  // Of rows: the tables that Batch::table counts. A part for each, where the target is a dump of several parts.
  std::shared_ptr<const RowSchema> rows;
  // Of rows into a database: which work it is, the same when it is gone on with (`resumed`), otherwise never the same.
  std::string load_id;
  bool resumed = false;
  bool replace = false;  // records of equal primary keys replace what is there
};

class Sink {
 public:
  virtual ~Sink() = default;
  virtual SinkLimits limits() const = 0;
  // Capacity units that writing a record of this size will cost; 0: this sink has no such thing.
  virtual double estimate_units(const Record&) const { return 0; }
  virtual std::unique_ptr<SinkSession> open() = 0;
  // Pure function of the batch, run in the transform stage on any thread: fills batch.encoded.
  virtual void encode(Batch&) const {}
  // Makes everything that was acknowledged so far durable. Returns what a later run has to be given in
  // WriteOptions::checkpoints to go on from here, as one JSON object that says what has been added since the last call;
  // empty: nothing, what is acknowledged is durable and found in the target. Called by one thread at a time, for sinks
  // of whole batches between two writes. From then on what is unfinished survives the sink's destruction. After a
  // failure it must not be called again: an fsync that failed once says nothing when it succeeds later.
  virtual std::string checkpoint() { return {}; }
  // After the last acknowledged write: makes everything durable and gives it its final name. Not called when the job
  // failed.
  virtual void finish() = 0;
  virtual std::uint64_t stored_bytes() const { return 0; }
  // True: what was written has been read back and compared before it was acknowledged.
  virtual bool compares_content() const { return false; }
};

inline std::string incarnation_of(const TableIdentity& table) {
  return table.id + " " + table.created;
}

class Store;

// What is done with a database of rows beside reading and writing it: Store::rows().
class RowStore {
 public:
  virtual ~RowStore() = default;

  // From here on describe() and source() are of one point in time, which is held until the store goes. `sql`: the
  // schema that describe() gives has pre_data, post_data, sequences and materialized views too.
  virtual void freeze(bool sql) = 0;

  // How the tables of a schema stand here. Phrases for people: "public.orders", "public.orders: column 'price' is
  // integer here and numeric(10,2) in the dump".
  struct Match {
    std::vector<std::string> missing, differing, holding_rows;
  };
  virtual Match match(const RowSchema& wanted) = 0;
  // Runs pre_data, in one transaction. `owners` false: without owners and privileges.
  virtual void create_rows(const RowSchema& schema, bool owners) = 0;
  // After the load: foreign keys that were not looked at are checked (Error(corrupt)), sequences set, and where
  // `created` post_data is run, materialized views are refreshed, statistics made. Returns what is not there for a
  // reason, one phrase each.
  virtual std::vector<std::string> finish_rows(const RowSchema& schema, bool created, bool owners, unsigned jobs) = 0;
  // The same endpoint as a store of items, which may still have to be made; null where it names no table.
  virtual std::unique_ptr<Store> items() = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  // Null: a store of items, or a dump.
  virtual RowStore* rows() { return nullptr; }
  virtual std::string url() const = 0;  // canonical, no secrets; a later run can open it
  // What protects a table is its identity, however it was named: two URLs with equal identity are the same table.
  virtual std::string identity_text() const { return url(); }
  // Which of all tables or dumps that have ever had this name it is (docs/journal.md, source_id): equal texts, equal
  // incarnation. Of a table its identity as describe() has it. Throws as describe() does.
  virtual std::string incarnation() { return incarnation_of(describe().identity); }
  // A file or stream of records instead of a table: not keyed, not asked whether it is empty, written once.
  virtual bool is_dump() const { return false; }
  // False: a stream, which can be read once.
  virtual bool rereadable() { return true; }
  // False: its records change places when they are changed, and a cursor means something in its own run only.
  virtual bool lasting_cursors() const { return true; }
  virtual bool exists() = 0;
  virtual TableFacts describe() = 0;  // Error(not_found) when there is none
  virtual bool is_empty() = 0;        // asks the data, not a count that may be stale
  virtual void create(const TableSchema& schema) = 0;
  // After load and verification: what must not be on during a load. Returns what was not copied, one phrase each;
  // a phrase that begins with "FAILED: " is a setting that should be there and could not be set.
  virtual std::vector<std::string> finish_create(const TableSchema& schema) = 0;
  virtual void drop() = 0;
  virtual std::unique_ptr<Source> source(const ReadOptions& options) = 0;
  virtual std::unique_ptr<Sink> sink(const WriteOptions& options) = 0;
  // A sink of changes (codecs/change.h) instead of records: each touches the attributes that it names and nothing else,
  // and is carried out only where these, and the attributes it was computed from, are still what they were; otherwise
  // it is a conflict. Its estimate_units() takes Record::size_bytes for the larger of the item's two sizes.
  // Error(usage) of a store whose records cannot be changed in place.
  virtual std::unique_ptr<Sink> updater(const WriteOptions& options);
};

}  // namespace bulk
