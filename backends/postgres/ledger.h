// Which chunks of rows are in the database, said by the database: bulk_load.chunks gets a row in the transaction that
// brings a chunk's rows, so that both are there or neither is. What became of a COMMIT whose reply was lost is asked
// here, and a load that goes on learns here what an earlier run has done.
//
//   bulk_load.loads   load, touched                                loads that have begun and not ended
//   bulk_load.chunks  load, tbl, chunk, first, records, skipped    key: load, tbl, chunk, first
//
// `chunk` names a batch of the source, `first` and `records` a run of its records: a refused batch is written in parts.
// The schema goes when the last load in it has ended.
//
// Connections that write for a load hold an advisory lock in its name. A load that goes on ends those that its earlier
// run may have left on the server and waits for them, so that nothing is committed behind its back.
//
// The sink makes the ledger and ends it; known() and acknowledge() may be called by all of its sessions at once.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "backends/postgres/connection.h"

namespace bulk {

// What one attempt writes: a run of the records of a batch.
struct LoadSpan {
  std::uint32_t table = 0;
  std::string chunk;
  std::uint32_t first = 0, records = 0;
};

class LoadLedger {
 public:
  // Connects.
  LoadLedger(const PgUrl& url, std::string what, std::string load_id, const Stop& stop);

  // Makes the schema where it is missing and enters the load; whether it was there already. Error(failed) with what to
  // grant where the role may not.
  bool begin(bool resumed);

  enum class Known {
    no,        // nothing of it is there
    partly,    // some of its records are there, some are not
    recorded,  // all are there; `skipped`: those of its positions that were left alone
  };
  // By what earlier runs have left.
  Known known(const LoadSpan& span, std::vector<std::uint32_t>& skipped) const;
  // The same of what is in the database now, for a span whose entry was refused as a duplicate. What it says is
  // acknowledged.
  std::optional<PgFailure> ask(PgConnection& connection, const LoadSpan& span, Known& known,
                               std::vector<std::uint32_t>& skipped);

  // The lock of a connection that is going to write.
  std::string lock_sql() const;
  // The statements of an attempt's transaction that enter it, and what it has left alone.
  std::string enter_sql(const LoadSpan& span) const;
  std::string skipped_sql(const LoadSpan& span, const std::vector<std::uint32_t>& skipped) const;

  // Its transaction is over, as the server has said; it is durable at the next settle().
  void acknowledge(const LoadSpan& span);
  // One synchronous commit, which makes all asynchronous commits before it durable. Error(remote) when the server no
  // longer has what it acknowledged: it crashed in between. One thread at a time.
  void settle();
  // settle(), and what the load has entered is taken out.
  void finish();

  // The connection that the ledger keeps; for what else its thread has to ask.
  PgConnection& connection() { return *control_; }

 private:
  struct Entry {
    std::uint32_t first, records;
    std::vector<std::uint32_t> skipped;  // positions in the chunk
  };
  using EntryKey = std::tuple<std::uint32_t, std::string, std::uint32_t>;  // table, chunk, first
  static std::string chunk_key(const LoadSpan& span) { return std::to_string(span.table) + " " + span.chunk; }
  static Known look_up(const LoadSpan& span, const std::vector<Entry>& entries, std::vector<std::uint32_t>& skipped);
  static Entry entry_of(const PgResult& result, std::size_t row, std::size_t column);

  void connect();
  void drive_out_earlier_run();
  bool make_tables();
  void read_entries();
  std::string touch_sql() const;
  void retry(const std::function<void()>& step);
  void remove_schema();

  const PgUrl url_;
  const std::string what_;
  const std::string load_id_;
  const std::int64_t lock_;
  const Stop& stop_;
  std::optional<PgConnection> control_;
  std::unordered_map<std::string, std::vector<Entry>> earlier_;  // by chunk, in order of position

  std::mutex mutex_;
  std::set<EntryKey> unsettled_;  // acknowledged since the last settle(); guarded by mutex_
};

}  // namespace bulk
