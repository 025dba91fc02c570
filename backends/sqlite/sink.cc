#include <filesystem>

#include "backends/item_gate.h"
#include "backends/sqlite/store.h"
#include "io/file.h"

namespace bulk {
namespace {

// Short: the write stage tries again, and it can be interrupted while it waits.
constexpr int kBusyMs = 500;
// A transaction costs an fsync: large enough to make that small, small enough to keep others waiting only briefly.
constexpr std::size_t kRecordsPerWrite = 5'000;
constexpr std::size_t kBytesPerWrite = 8u << 20;

std::string insert_sql(const SqliteTable& table, bool only_missing) {
  const bool sorted = table.schema.key.sort.has_value();
  return "INSERT INTO " + sql_quoted(table.name) +
         (sorted ? " (item, partition_key, sort_key) VALUES (?1, ?2, ?3)" : " (item, partition_key) VALUES (?1, ?2)") +
         (sorted ? " ON CONFLICT (partition_key, sort_key)" : " ON CONFLICT (partition_key)") +
         (only_missing ? " DO NOTHING" : " DO UPDATE SET item = excluded.item");
}

// Settings come before any statement is prepared on the connection. EXTRA is FULL in WAL mode; in a file that somebody
// has taken out of it, FULL would let a power failure bring back the journal that a COMMIT has removed, and with it the
// state before.
std::unique_ptr<Connection> open_for_writing(const std::string& path) {
  auto connection = std::make_unique<Connection>(path, kBusyMs);
  // 32 MiB of cache keep the upper levels of the key index of tens of millions of rows in memory.
  connection->execute("PRAGMA synchronous = EXTRA; PRAGMA cache_size = -32768");
  return connection;
}

class SqliteSession : public BlockingSession {
 public:
  SqliteSession(const std::string& path, const SqliteTable& table, bool only_missing)
      : connection_(open_for_writing(path)),
        gate_(table.schema.key),
        sorted_(table.schema.key.sort.has_value()),
        insert_(*connection_, insert_sql(table, only_missing)) {}

  WriteResult write(std::span<const RecordRef> records) override {
    WriteResult result;
    if (records.empty()) return result;
    if (!connection_->try_execute("BEGIN IMMEDIATE")) return busy();
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (!gate_.admit(records[i].line())) {
        connection_->execute("ROLLBACK");
        result.outcome = WriteResult::Outcome::invalid;
        result.skipped.clear();
        result.reason = gate_.reason();
        return result;
      }
      insert_.bind(1, gate_.item());
      insert_.bind(2, gate_.key_values().partition);
      if (sorted_) insert_.bind(3, gate_.key_values().sort);
      insert_.step();
      insert_.reset();
      if (sqlite3_changes(connection_->handle()) == 0) result.skipped.push_back(i);
    }
    if (!connection_->try_execute("COMMIT")) {
      connection_->execute("ROLLBACK");
      return busy();
    }
    return result;
  }

 private:
  WriteResult busy() const {
    WriteResult result;
    result.outcome = WriteResult::Outcome::unavailable;
    result.reason = connection_->path() + " is locked by another program";
    return result;
  }

  std::unique_ptr<Connection> connection_;
  ItemGate gate_;
  bool sorted_;
  Statement insert_;
};

class SqliteSink : public Sink {
 public:
  SqliteSink(std::string path, SqliteTable table, bool only_missing)
      : path_(std::move(path)), table_(std::move(table)), only_missing_(only_missing) {}

  SinkLimits limits() const override {
    return {.records = kRecordsPerWrite, .bytes = kBytesPerWrite, .whole_batches = false, .sessions = 1};
  }
  std::unique_ptr<SinkSession> open() override { return std::make_unique<SqliteSession>(path_, table_, only_missing_); }

  void finish() override {
    // Moves the log into the file, so that the file alone can be copied; what readers hold back stays in the log.
    auto connection = open_for_writing(path_);
    Statement(*connection, "PRAGMA wal_checkpoint(TRUNCATE)").step();
    connection.reset();
    // SQLite does not say when it could not make the folder durable with a new log in it: after a power failure an old
    // log could have its name back and be played over the table.
    sync_folder_of(path_);
  }

  std::uint64_t stored_bytes() const override {
    std::error_code ignored;
    const auto bytes = std::filesystem::file_size(path_, ignored);
    return ignored ? 0 : bytes;
  }

 private:
  std::string path_;
  SqliteTable table_;
  bool only_missing_;
};

}  // namespace

std::unique_ptr<Sink> make_sqlite_sink(const std::string& path, const SqliteTable& table, const WriteOptions& options) {
  return std::make_unique<SqliteSink>(path, table, options.only_missing);
}

}  // namespace bulk
