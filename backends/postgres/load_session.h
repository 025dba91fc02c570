// One connection's share of a load: each write is one transaction that enters the chunk into the ledger and brings its
// rows. What becomes of it when it fails: docs/postgresql.md, "Load". A connection that was lost is made anew by the
// next attempt; what it may have left on the server is ended first, so that nobody waits for it.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "backends/backend.h"
#include "backends/postgres/ledger.h"
#include "backends/postgres/table_load.h"
#include "codecs/row_text.h"

namespace bulk {

// What the sessions of a sink share; outlives them.
struct LoadContext {
  PgUrl url;
  std::string what;
  const Stop& stop;
  LoadLedger& ledger;
  LoadMode mode = LoadMode::append;
  bool fires_triggers = false;  // the role may not have them switched off
  bool ledger_lost = false;     // of what an earlier run has written nobody knows which rows they are
  std::shared_ptr<const RowSchema> rows;
  std::vector<TableLoad> tables;  // in the order of rows->tables
};

// A connection that writes for a load.
struct LoadConnection {
  // `before` is what pid and started of the connection were whose place it takes.
  LoadConnection(const LoadContext& context, const std::string& before);

  PgConnection connection;
  std::string process;               // which server process it is, as a condition on pg_stat_activity
  std::set<std::uint32_t> prepared;  // tables that have their temporary table
};

class LoadSession : public BlockingSession {
 public:
  LoadSession(const LoadContext& context, std::unique_ptr<LoadConnection> ready)
      : context_(context), link_(std::move(ready)) {}

  WriteResult write(std::span<const RecordRef> records) override;

 private:
  // How far an attempt has come: a duplicate key in the beginning is the ledger's.
  enum class Step { entering, writing };

  bool rows_of(std::span<const RecordRef> records, std::string_view& rows);
  void put_positions(std::string_view& rows);
  void connect();
  std::optional<PgFailure> attempt(const LoadSpan& span, std::string_view rows, WriteResult& result, Step& step);
  std::optional<PgFailure> move_rows(const LoadSpan& span, WriteResult& result);
  void refuse_short(const LoadSpan& span, std::uint64_t taken);
  WriteResult judge(const PgFailure& failure, const LoadSpan& span, Step step);
  WriteResult settled_before(const LoadSpan& span);

  const LoadContext& context_;
  std::unique_ptr<LoadConnection> link_;  // null: lost, or not made yet
  std::string process_before_;            // of the last connection that was lost
  std::unordered_map<std::uint32_t, RowReader> readers_;
  Buffer converted_;   // rows of a batch that was not encoded
  Buffer positioned_;  // rows with their positions
  std::string problem_;
};

}  // namespace bulk
