// The statements of a backfill of rows (docs/postgresql.md, "Backfill of rows"): texts made of a table, a job and a
// range of keys. Pure. How they follow each other is in row_backfill.cc, where also stands why.
//
// Two temporary tables of the session, emptied by every commit, hold what a batch is about:
//   batch    keys k0, k1, ... of the rows that are locked, and of each touched column b0, b1, ... what it was
//   answers  of a program: the keys, and c0, c1, ... the columns of the line as it has answered them
#pragma once

#include <string>
#include <vector>

#include "backends/postgres/row_target.h"
#include "codecs/sql_fragment.h"

namespace bulk {

// What becomes of the rows.
struct RowJob {
  std::string name;
  std::string when;                        // empty: all
  std::string where;                       // narrows it; may be empty
  std::vector<SqlAssignment> assignments;  // none: a program says what becomes of them
  bool by_program() const { return assignments.empty(); }
};

// What the columns of an undo table are called, beside the key's: "address before", "address after", cut to what
// PostgreSQL takes. `touched`: which columns the job has changed, of a program's rows; `restored`: what a rollback did.
struct UndoNames {
  UndoNames(const RowTarget& target, const std::vector<std::size_t>& columns);
  std::vector<std::string> before, after;  // of each of the columns
  std::string touched, restored;
};

using RowKey = std::vector<std::string>;  // one text for each column of the primary key; empty: before the first

class RowSql {
 public:
  // Error(usage) for columns that are not there or cannot be set, and for SQL that does not stand by itself.
  RowSql(const RowTarget& target, RowJob job);

  const std::vector<std::size_t>& touched() const noexcept { return touched_; }  // of a program: all that can be set
  const RowJob& job() const noexcept { return job_; }

  std::string make_batch_table() const;
  std::string make_answers_table() const;

  // For the server to judge, without being carried out.
  std::string explain_condition(const std::string& condition) const;
  std::string explain_update() const;

  // One row: how many keys the next `most` are, and the last of them; none: there are no more.
  std::string bound(const RowKey& after, std::uint64_t most) const;
  // Keys behind the first and up to the second, which may be empty: to the end.
  std::string range(const RowKey& after, const RowKey& last) const;
  // For WHERE: `when` and --where hold, and the row would change, as far as that can be told without changing it.
  std::string meant() const;
  std::string chosen() const;   // `when` and --where alone
  std::string differs() const;  // "true" where it cannot be told
  // False: of a DEFAULT, a part of a column or a query nobody knows the value beforehand; nor of a program's answer.
  bool can_tell() const noexcept { return can_tell_; }
  void do_not_tell() noexcept { can_tell_ = false; }

  // Locks what is meant of a range, at most `most` rows (0: all), and puts it into `batch`.
  std::string lock(const RowKey& after, const RowKey& last, std::uint64_t most) const;
  std::string last_locked() const;  // its key
  std::string count(const RowKey& after, const RowKey& last) const;
  // One row: how many rows there are up to a key, and how many of them are meant.
  std::string count_meant(const RowKey& last) const;
  std::string meant_keys(const RowKey& last, std::uint64_t most) const;
  // Changes what is in `batch`, and enters what has changed into the undo table: that is the number of rows.
  std::string update(const PgName& undo, const RowKey& after, const RowKey& last) const;
  // One row of keys where the rows in `batch` would be changed once more; changes them, so that it has to be taken
  // back.
  std::string update_again(const RowKey& after, const RowKey& last) const;
  // The rows in `batch`, or all that are meant of a range, as the columns of a line, in order of their keys.
  std::string lines_of_batch(const RowKey& after, const RowKey& last, bool still_meant) const;
  std::string lines_of_range(const RowKey& after, const RowKey& last) const;
  // Before and after of what is in `batch`: keys, then of each touched column what it was and what it becomes; changes
  // the rows, so that it has to be taken back.
  std::string samples(const RowKey& after, const RowKey& last, std::uint64_t most) const;

  // The row of this key, like those of lines_of_batch().
  std::string row_at(const RowKey& key) const;

  // Of a program. COPY ... FROM STDIN of keys and columns; positions are those of the line's columns.
  std::string clear_answers() const;
  std::string copy_answers() const;
  // One row: how many rows, and of each column of the line whether it differs in any.
  std::string compare_answers(const RowKey& after, const RowKey& last) const;
  // Of the rows that differ: keys, then of each column what it was, what was answered, and whether that differs.
  std::string answered_differences(const RowKey& after, const RowKey& last,
                                   const std::vector<std::size_t>& positions) const;
  // Changes rows to what was answered, in these columns, like update().
  std::string update_by_answers(const PgName& undo, const RowKey& after, const RowKey& last,
                                const std::vector<std::size_t>& positions) const;

  std::string make_undo_table(const PgName& undo) const;

 private:
  std::string batch() const;
  std::string answers() const;
  std::string own(const char* letter, std::size_t index) const;  // bulk_k0, quoted
  std::string keys() const;                                      // "orders"."id", "orders"."line"
  std::string own_keys(const std::string& of) const;             // OF."bulk_k0", ...
  std::string join(const std::string& with) const;
  std::string insert_undo(const PgName& undo, const std::vector<std::size_t>& columns, const std::string& select) const;
  std::string answer_differs(std::size_t position) const;
  std::string any_answer_differs(const std::vector<std::size_t>& positions) const;
  std::string changed(const RowKey& after, const RowKey& last) const;
  std::string line_columns() const;
  std::string any_touched_differs() const;  // of a CTE with b0, a0, b1, a1, ...
  std::string returning(const std::string& from) const;

  const RowTarget& target_;
  RowJob job_;
  std::vector<std::size_t> touched_;
  UndoNames undo_names_;
  std::string set_list_;
  bool can_tell_ = true;
};

// Keys behind the first and up to the second, of a table or alias that has the key's columns; an empty key is no bound.
std::string pg_key_range(const RowTarget& target, const std::string& of, const RowKey& after, const RowKey& last);
// OF."id", OF."line"; with `suffix` behind each.
std::string pg_key_columns(const RowTarget& target, const std::string& of, const std::string& suffix = "");

}  // namespace bulk
