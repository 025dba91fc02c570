// Takes a backfill of rows back, by its undo table: range by range, each a transaction that locks the rows, puts back
// those whose touched columns are still what the job left, and notes in the undo table what became of each. What was
// noted is never done again, so it may be cut short and repeated. Used by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backends/postgres/row_ledger.h"
#include "backends/postgres/row_session.h"
#include "backends/postgres/row_sql.h"

namespace bulk {

class RowRollback {
 public:
  // `session` holds the job's lock. Error(refused) when the undo table, or a column that it is of, is no longer there.
  RowRollback(RowSession& session, const RowEntry& entry);

  std::uint64_t left();  // rows about which nothing is noted yet

  struct Batch {
    std::uint64_t looked = 0, restored = 0;
    bool end = false;
    std::optional<std::string> refused;  // the key of a row that PostgreSQL does not take back, and why
    std::string reason;
  };
  // The next range. A refused row is left behind, without a note.
  Batch next();

  struct Outcome {
    std::uint64_t restored = 0, as_before = 0, changed_since = 0;
  };
  Outcome outcome();
  // {"Key":{...},"Now":{...}} of each row that others have changed since, or null where it is gone; with a newline.
  void list_changed(const std::function<void(std::string_view line)>& add);

 private:
  std::optional<PgFailure> attempt(PgConnection& connection, Batch& batch, RowKey& last);
  std::string touched(std::size_t index) const;
  std::string same(std::size_t index, const std::vector<std::string>& names) const;
  std::string all_same(const std::vector<std::string>& names) const;
  std::string join() const;
  std::string pending(const RowKey& last) const;
  std::string rows_of(const RowKey& last) const;
  std::string restore(const RowKey& last) const;
  std::string note_the_rest(const RowKey& last) const;

  RowSession& session_;
  const RowTarget& target_;
  const RowEntry& entry_;
  std::vector<std::size_t> columns_;
  std::optional<UndoNames> names_;
  std::string table_, restored_;
  RowKey position_;
  std::uint64_t range_;
};

}  // namespace bulk
