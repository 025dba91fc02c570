#include "backends/postgres/sink.h"

#include <algorithm>
#include <mutex>

#include "backends/postgres/load_session.h"
#include "codecs/row_text.h"

namespace bulk {
namespace {

// What a thread needs to make COPY text of a table's lines. Kept in free lists: encode() runs on threads that come and
// go.
class RowReaders {
 public:
  explicit RowReaders(std::shared_ptr<const RowSchema> rows) : rows_(std::move(rows)), free_(rows_->tables.size()) {}

  std::unique_ptr<RowReader> take(std::uint32_t table) {
    {
      const std::lock_guard lock(mutex_);
      auto& free = free_.at(table);
      if (!free.empty()) {
        auto reader = std::move(free.back());
        free.pop_back();
        return reader;
      }
    }
    return std::make_unique<RowReader>(rows_->tables[table].columns);
  }
  void give_back(std::uint32_t table, std::unique_ptr<RowReader> reader) {
    const std::lock_guard lock(mutex_);
    free_[table].push_back(std::move(reader));
  }

 private:
  const std::shared_ptr<const RowSchema> rows_;
  std::mutex mutex_;
  std::vector<std::vector<std::unique_ptr<RowReader>>> free_;  // by table
};

std::vector<TargetTable> tables_there(PgConnection& connection, const std::string& what,
                                      const std::vector<PgName>& names) {
  std::vector<TargetTable> tables;
  std::size_t place = 0;
  for (std::optional<TargetTable>& table : look_at_targets(connection, names)) {
    if (!table || !table->takes_rows()) {
      throw Error(ErrorKind::not_found, what + ": no table " + names[place].full(), "add --create to make it");
    }
    tables.push_back(std::move(*table));
    ++place;
  }
  return tables;
}

// Rows go in in any order, on several connections. Where foreign keys between the tables are looked at row by row, the
// first child before its parent would end the load, or become a reject.
void refuse_checked_order(PgConnection& connection, const std::string& what, const std::vector<TargetTable>& tables) {
  const std::string oids = oid_list(tables);
  const PgResult keys = connection.run(
      "WITH RECURSIVE parents (oid) AS (SELECT unnest(ARRAY[" + oids +
          "]::oid[]) UNION SELECT inhparent FROM pg_catalog.pg_inherits JOIN parents ON inhrelid = parents.oid)"
          " SELECT conname, conrelid::regclass FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conrelid IN (" +
          oids + ") AND confrelid IN (SELECT oid FROM parents) ORDER BY 2, 1 LIMIT 1",
      "look at the foreign keys");
  if (keys.rows() == 0) return;
  throw Error(ErrorKind::refused,
              what + ": foreign key " + std::string(keys.text(0, 0)) + " of " + std::string(keys.text(0, 1)) +
                  " would be checked row by row: the role may not set session_replication_role",
              "load as a superuser, grant the role SET ON PARAMETER session_replication_role (PostgreSQL 15), or use "
              "--create in an empty database, which adds foreign keys after the load");
}

bool hold_rows(PgConnection& connection, const std::vector<TargetTable>& tables) {
  return std::any_of(tables.begin(), tables.end(),
                     [&](const TargetTable& table) { return holds_rows(connection, table); });
}

class PostgresSink : public Sink {
 public:
  PostgresSink(const PgUrl& url, const std::string& what, const std::vector<PgName>& tables,
               const WriteOptions& options, const Stop& stop)
      : ledger_(url, what, options.load_id, stop),
        context_{url, what, stop, ledger_, mode_of(options), false, false, options.rows, {}},
        readers_(options.rows) {
    const std::vector<TargetTable> targets = tables_there(ledger_.connection(), what, tables);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      context_.tables.push_back(plan_table_load(targets[i], options.rows->tables.at(i), context_.mode, i));
    }
    context_.fires_triggers = !can_switch_triggers_off(ledger_.connection(), what);
    if (context_.fires_triggers) refuse_checked_order(ledger_.connection(), what, targets);
    // A load that has ended has nothing more to write; one that had not begun finds its tables empty.
    context_.ledger_lost = !ledger_.begin(options.resumed) && options.resumed && context_.mode == LoadMode::append &&
                           hold_rows(ledger_.connection(), targets);
    connect(std::max(1u, options.jobs));
  }

  SinkLimits limits() const override {
    return {.records = 0, .bytes = 0, .whole_batches = true, .sessions = sessions_};
  }

  std::unique_ptr<SinkSession> open() override {
    std::unique_ptr<LoadConnection> ready;
    if (!ready_.empty()) {
      ready = std::move(ready_.back());
      ready_.pop_back();
    }
    return std::make_unique<LoadSession>(context_, std::move(ready));
  }

  // A batch with a line that is no row is left to the session, which finds out which one it is.
  void encode(Batch& batch) const override {
    batch.encoded.clear();
    batch.encoded.reserve(batch.bytes.size());
    auto reader = readers_.take(batch.table);
    for (const Record& record : batch.records) {
      if (reader->append(batch.line(record), batch.encoded)) continue;
      batch.encoded.clear();
      break;
    }
    readers_.give_back(batch.table, std::move(reader));
  }

  std::string checkpoint() override {
    ledger_.settle();
    return {};
  }
  void finish() override { ledger_.finish(); }

 private:
  static LoadMode mode_of(const WriteOptions& options) {
    return options.only_missing ? LoadMode::only_missing : options.replace ? LoadMode::replace : LoadMode::append;
  }

  // Now rather than at the first write: a server may have room for some of them only, and a session that never gets a
  // connection would end the load in the end.
  void connect(unsigned wanted) {
    for (sessions_ = 0; sessions_ < wanted; ++sessions_) {
      try {
        ready_.push_back(std::make_unique<LoadConnection>(context_, ""));
      } catch (const Error& error) {
        if (sessions_ == 0 || error.kind() != ErrorKind::remote) throw;
        return;
      }
    }
  }

  LoadLedger ledger_;
  LoadContext context_;
  mutable RowReaders readers_;
  unsigned sessions_ = 0;
  std::vector<std::unique_ptr<LoadConnection>> ready_;
};

}  // namespace

std::unique_ptr<Sink> make_postgres_sink(const PgUrl& url, const std::string& what, const std::vector<PgName>& tables,
                                         const WriteOptions& options, Stop& stop) {
  return std::make_unique<PostgresSink>(url, what, tables, options, stop);
}

}  // namespace bulk
