// Changes the rows of a table, batch by batch (docs/postgresql.md, "Backfill of rows"). A batch is one transaction:
//
//   1. The range: the next keys behind the job's position.
//   2. Its rows for which `when` holds are locked (FOR NO KEY UPDATE, what an UPDATE takes too: others may still refer
//   to
//      them by foreign keys). PostgreSQL waits for whoever is changing one, and looks at `when` once more on what it
//      has become. Their keys and former values go into a temporary table.
//   3. A new statement, which sees what was locked and cannot change any more: the rows are updated, and what has
//   changed
//      is entered into the undo table. Of a program the rows are read here and its answers brought back by COPY; the
//      transaction is open for as long as it takes.
//   4. The job's position and counts in the ledger, and COMMIT.
//
// So there is nothing in doubt after a kill or a lost connection: the ledger says where to go on. Ranges are small
// where many rows are meant and grow where few are; a batch that PostgreSQL refuses because of a row is cut in halves
// until that row is alone. Used by one thread.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/postgres/row_ledger.h"
#include "backends/postgres/row_session.h"
#include "backends/postgres/row_sql.h"
#include "codecs/row_text.h"

namespace bulk {

// Rows as they stand in a dump's lines, and as many answers in the same form, in order. May throw.
using RowProgram = std::function<std::vector<std::string>(std::span<const std::string> lines)>;

// Checks the job with the server. Error(usage) "when: ..." with what PostgreSQL says.
void check_row_job(RowSession& session, RowSql& sql);

// {"id":5,"line":2}: a key for people and reports. Row and first column of a result that has it.
std::string row_key_json(const RowTarget& target, const PgResult& result, std::size_t row, std::size_t column = 0);
// The line of a row, from its columns.
std::string row_line(const RowTarget& target, const PgResult& result, std::size_t row, std::size_t column);

// Of a program that has been given rows: how it and its answers stand in a batch.
class RowAnswers {
 public:
  RowAnswers(const RowTarget& target, const RowSql& sql, RowProgram program);

  // Asks the program about these rows (keys, then columns) and brings its answers into the session. Error(failed) when
  // it breaks its contract.
  std::optional<PgFailure> bring(PgConnection& connection, const PgResult& rows);
  // Which of the line's columns its answers would change, by position. Error(failed) when one of them cannot be.
  std::optional<PgFailure> compare(PgConnection& connection, const RowKey& after, const RowKey& last,
                                   std::vector<std::size_t>& positions);
  std::size_t bytes() const noexcept { return bytes_; }  // of the last rows' lines

 private:
  const RowTarget& target_;
  const RowSql& sql_;
  RowProgram program_;
  std::vector<RowColumn> columns_;
  RowReader reader_;
  std::size_t bytes_ = 0;
};

class RowBackfill {
 public:
  // `session` holds the job's lock; all that is given outlives it. `program` where the job has no assignments.
  RowBackfill(RowSession& session, const RowSql& sql, RowProgram program);

  // Enters the job and makes its undo table, or goes on with an entry that the ledger has, which is written as it is.
  void begin(RowEntry entry);
  void go_on(RowEntry entry);
  const RowEntry& entry() const noexcept { return entry_; }

  struct Rejected {
    std::string key, line, reason;
  };
  struct Batch {
    std::uint64_t looked = 0, changed = 0;
    bool end = false;  // there are no more rows
    // The row that PostgreSQL refuses; nothing was done, and it comes again until pass() was called.
    std::optional<Rejected> rejected;
  };
  // The next batch, with at most so many changes (0: as it comes). Error(refused) when the job applies to its own
  // result, Error when it cannot go on.
  Batch next(std::uint64_t most_changes);
  // Leaves the rejected row behind.
  void pass();

  // Nothing was changed: the job has not begun.
  void forget();
  // Writes the entry with what `change` makes of it.
  void settle(const std::function<void(RowEntry&)>& change, bool ended);

 private:
  struct Attempt {
    std::uint64_t looked = 0, matched = 0, changed = 0;
    RowKey last;
    bool cut = false;  // there may be more rows to be changed before `last` of the range
    bool none = false;
  };
  std::optional<PgFailure> attempt(PgConnection& connection, std::uint64_t most, Attempt& batch);
  std::optional<PgFailure> change(PgConnection& connection, Attempt& batch);
  std::optional<PgFailure> change_by_program(PgConnection& connection, Attempt& batch);
  std::optional<PgFailure> check_settled(PgConnection& connection, const Attempt& batch);
  std::optional<PgFailure> check_program_settled(PgConnection& connection, const Attempt& batch);
  [[noreturn]] void refuse_unsettled(const std::string& key) const;
  void adapt(const Attempt& batch);
  Rejected describe(const Attempt& batch, const std::string& reason);
  std::string write_position(const Attempt& batch, std::uint64_t rejected, RowEntry& entry) const;
  bool reload(const RowEntry& wanted);
  PgName undo() const { return {kBackfillSchema, entry_.undo}; }

  RowSession& session_;
  const RowSql& sql_;
  std::optional<RowAnswers> answers_;
  RowEntry entry_;
  std::uint64_t range_;  // keys to look at next
  std::uint64_t batch_;  // rows to change at most
  bool settled_ = false;
  RowKey refused_;  // of the rejected row
};

}  // namespace bulk
