#include <filesystem>

#include "backends/change_gate.h"
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
// Each is a row that is looked up, compared and made anew; until the last of them nobody else can write.
constexpr std::size_t kChangesPerWrite = 500;

std::string insert_sql(const SqliteTable& table, bool only_missing) {
  const bool sorted = table.schema.key.sort.has_value();
  return "INSERT INTO " + sql_quoted(table.name) +
         (sorted ? " (item, partition_key, sort_key) VALUES (?1, ?2, ?3)" : " (item, partition_key) VALUES (?1, ?2)") +
         (sorted ? " ON CONFLICT (partition_key, sort_key)" : " ON CONFLICT (partition_key)") +
         (only_missing ? " DO NOTHING" : " DO UPDATE SET item = excluded.item");
}

std::string key_condition(const SqliteTable& table) {
  return table.schema.key.sort ? " WHERE partition_key = ?1 AND sort_key = ?2" : " WHERE partition_key = ?1";
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

// A write is one transaction: all of it or nothing.
class SqliteSession : public BlockingSession {
 public:
  explicit SqliteSession(const std::string& path) : connection_(open_for_writing(path)) {}

  WriteResult write(std::span<const RecordRef> records) final {
    WriteResult result;
    if (records.empty()) return result;
    if (!connection_->try_execute("BEGIN IMMEDIATE")) return busy();
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      const std::string* const refused = write_one(records[i].line(), i, result);
      if (refused == nullptr) continue;
      connection_->execute("ROLLBACK");
      WriteResult invalid;
      invalid.outcome = WriteResult::Outcome::invalid;
      invalid.reason = *refused;
      return invalid;
    }
    if (!connection_->try_execute("COMMIT")) {
      connection_->execute("ROLLBACK");
      return busy();
    }
    return result;
  }

 protected:
  // Within the transaction; says in `result` what else than writing became of it. Why it is refused, or null.
  virtual const std::string* write_one(std::string_view line, std::uint32_t position, WriteResult& result) = 0;

  Connection& connection() { return *connection_; }

 private:
  WriteResult busy() const {
    WriteResult result;
    result.outcome = WriteResult::Outcome::unavailable;
    result.reason = connection_->path() + " is locked by another program";
    return result;
  }

  std::unique_ptr<Connection> connection_;
};

class SqlitePutSession : public SqliteSession {
 public:
  SqlitePutSession(const std::string& path, const SqliteTable& table, bool only_missing)
      : SqliteSession(path),
        gate_(table.schema.key),
        sorted_(table.schema.key.sort.has_value()),
        insert_(connection(), insert_sql(table, only_missing)) {}

 protected:
  const std::string* write_one(std::string_view line, std::uint32_t position, WriteResult& result) override {
    if (!gate_.admit(line)) return &gate_.reason();
    insert_.bind(1, gate_.item());
    insert_.bind(2, gate_.key_values().partition);
    if (sorted_) insert_.bind(3, gate_.key_values().sort);
    insert_.step();
    insert_.reset();
    if (sqlite3_changes(connection().handle()) == 0) result.skipped.push_back(position);
    return nullptr;
  }

 private:
  ItemGate gate_;
  bool sorted_;
  Statement insert_;
};

class SqliteUpdateSession : public SqliteSession {
 public:
  SqliteUpdateSession(const std::string& path, const SqliteTable& table)
      : SqliteSession(path),
        gate_(table.schema.key),
        sorted_(table.schema.key.sort.has_value()),
        select_(connection(), "SELECT id, item FROM " + sql_quoted(table.name) + key_condition(table)),
        update_(connection(), "UPDATE " + sql_quoted(table.name) + " SET item = ?1 WHERE id = ?2") {}

 protected:
  const std::string* write_one(std::string_view line, std::uint32_t position, WriteResult& result) override {
    if (!gate_.admit(line)) return &gate_.reason();
    select_.reset();
    select_.bind(1, gate_.key_values().partition);
    if (sorted_) select_.bind(2, gate_.key_values().sort);
    const bool there = select_.step();
    const std::string_view item = there ? select_.text(1) : std::string_view();
    const ChangeGate::Outcome outcome = gate_.carry_out(item, changed_);
    if (outcome == ChangeGate::Outcome::conflict) result.conflicts.push_back({position, std::string(item)});
    const std::int64_t row = there ? select_.number(0) : 0;
    select_.reset();
    if (outcome == ChangeGate::Outcome::refused) return &gate_.reason();
    if (outcome != ChangeGate::Outcome::changed) return nullptr;
    update_.bind(1, changed_);
    update_.bind(2, row);
    update_.step();
    update_.reset();
    return nullptr;
  }

 private:
  ChangeGate gate_;
  bool sorted_;
  Statement select_, update_;
  std::string changed_;
};

enum class SqliteWrites { puts, puts_of_missing, changes };

class SqliteSink : public Sink {
 public:
  SqliteSink(std::string path, SqliteTable table, SqliteWrites writes)
      : path_(std::move(path)), table_(std::move(table)), writes_(writes) {}

  SinkLimits limits() const override {
    return {.records = writes_ == SqliteWrites::changes ? kChangesPerWrite : kRecordsPerWrite,
            .bytes = kBytesPerWrite,
            .whole_batches = false,
            .sessions = 1};
  }
  std::unique_ptr<SinkSession> open() override {
    if (writes_ == SqliteWrites::changes) return std::make_unique<SqliteUpdateSession>(path_, table_);
    return std::make_unique<SqlitePutSession>(path_, table_, writes_ == SqliteWrites::puts_of_missing);
  }

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
  SqliteWrites writes_;
};

}  // namespace

std::unique_ptr<Sink> make_sqlite_sink(const std::string& path, const SqliteTable& table, const WriteOptions& options) {
  return std::make_unique<SqliteSink>(path, table,
                                      options.only_missing ? SqliteWrites::puts_of_missing : SqliteWrites::puts);
}

std::unique_ptr<Sink> make_sqlite_updater(const std::string& path, const SqliteTable& table) {
  return std::make_unique<SqliteSink>(path, table, SqliteWrites::changes);
}

}  // namespace bulk
