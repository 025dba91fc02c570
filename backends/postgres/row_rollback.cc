#include "backends/postgres/row_rollback.h"

#include <algorithm>
#include <charconv>

#include "backends/postgres/row_backfill.h"
#include "codecs/json_check.h"
#include "codecs/row_text.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr std::uint64_t kBatchRows = 1'000;
constexpr const char* kDoing = "change rows back";

// What is noted of a row.
constexpr const char* kRestored = "'restored'";
constexpr const char* kAsBefore = "'as before'";
constexpr const char* kChanged = "'changed since'";
constexpr const char* kGone = "'gone'";

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The first `count` fields of a row of COPY text, and what stands behind them.
std::string_view take_fields(std::string_view& row, std::size_t count) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < count; ++i) end = row.find('\t', end) + 1;
  const std::string_view fields = row.substr(0, end - 1);
  row.remove_prefix(end);
  return fields;
}

RowColumn line_column(const RowTargetColumn& column) {
  return {column.name, column.type, column.kind};
}

}  // namespace

RowRollback::RowRollback(RowSession& session, const RowEntry& entry)
    : session_(session), target_(session.target()), entry_(entry), range_(kBatchRows) {
  for (const std::string& name : entry.touched) {
    const std::optional<std::size_t> column = target_.find(name);
    if (!column) {
      throw Error(ErrorKind::refused,
                  target_.name.full() + " has no column \"" + name + "\" any more, which the job has changed",
                  "take what is needed from bulk." + entry.undo + " by hand");
    }
    columns_.push_back(*column);
  }
  names_.emplace(target_, columns_);
  table_ = pg_identifier(PgName{kBackfillSchema, entry.undo});
  restored_ = pg_identifier(names_->restored);
  const PgResult there = session.connection().run(
      "SELECT pg_catalog.to_regclass(" + pg_literal(table_) + ") IS NOT NULL", "look for the undo table");
  if (there.text(0, 0) != "t") {
    throw Error(ErrorKind::refused, "the undo table bulk." + entry.undo + " is gone", "restore a backup");
  }
  // A table that was just filled has no statistics yet, and without them each range would be found by sorting all rows.
  session.connection().run("ANALYZE " + table_, "gather statistics of the undo table", PgConnection::kUnlimited);
}

std::string RowRollback::touched(std::size_t index) const {
  if (!entry_.by_program) return "true";
  return pg_literal(entry_.touched[index]) + " = ANY (bulk_undo." + pg_identifier(names_->touched) + ")";
}

std::string RowRollback::same(std::size_t index, const std::vector<std::string>& names) const {
  return "bulk_row." + pg_identifier(target_.columns[columns_[index]].name) +
         "::text COLLATE \"C\" IS NOT DISTINCT FROM bulk_undo." + pg_identifier(names[index]) + "::text COLLATE \"C\"";
}

std::string RowRollback::all_same(const std::vector<std::string>& names) const {
  std::string all;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    all += (i == 0 ? "(" : " AND ") +
           (entry_.by_program ? "(NOT " + touched(i) + " OR " + same(i, names) + ")" : same(i, names));
  }
  return all + ")";
}

std::string RowRollback::join() const {
  std::string all;
  for (const std::size_t key : target_.key) {
    const std::string name = pg_identifier(target_.columns[key].name);
    all += (all.empty() ? "" : " AND ") + std::string("bulk_row.") + name + " = bulk_undo." + name;
  }
  return all;
}

std::string RowRollback::pending(const RowKey& last) const {
  return pg_key_range(target_, "bulk_undo", position_, last) + " AND bulk_undo." + restored_ + " IS NULL";
}

// The same range of the table: whatever plan the server finds, it need not look at more.
std::string RowRollback::rows_of(const RowKey& last) const {
  return pg_key_range(target_, "bulk_row", position_, last);
}

std::string RowRollback::restore(const RowKey& last) const {
  std::string set;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string name = pg_identifier(target_.columns[columns_[i]].name);
    const std::string before = "bulk_undo." + pg_identifier(names_->before[i]);
    set += (i == 0 ? "" : ", ") + name + " = " +
           (entry_.by_program ? "CASE WHEN " + touched(i) + " THEN " + before + " ELSE bulk_row." + name + " END"
                              : before);
  }
  return "WITH bulk_back AS (UPDATE " + target_.relation() + " AS bulk_row SET " + set + " FROM " + table_ +
         " AS bulk_undo WHERE " + join() + " AND " + rows_of(last) + " AND " + pending(last) + " AND " +
         all_same(names_->after) + " RETURNING " + pg_key_columns(target_, "bulk_row") + ") UPDATE " + table_ +
         " AS bulk_row SET " + restored_ + " = " + kRestored + " FROM bulk_back AS bulk_undo WHERE " + join();
}

std::string RowRollback::note_the_rest(const RowKey& last) const {
  const std::string key = pg_identifier(target_.columns[target_.key.front()].name);
  return "UPDATE " + table_ + " AS bulk_row SET " + restored_ + " = bulk_undo.outcome FROM (SELECT " +
         pg_key_columns(target_, "bulk_undo") + ", CASE WHEN bulk_row." + key + " IS NULL THEN " + kGone + " WHEN " +
         all_same(names_->before) + " THEN " + kAsBefore + " ELSE " + kChanged + " END AS outcome FROM " + table_ +
         " AS bulk_undo LEFT JOIN " + target_.relation() + " AS bulk_row ON " + join() + " AND " + rows_of(last) +
         " WHERE " + pending(last) + ") AS bulk_undo WHERE " + join();
}

std::uint64_t RowRollback::left() {
  return number_of(
      session_.connection()
          .run("SELECT count(*) FROM " + table_ + " WHERE " + restored_ + " IS NULL", kDoing, PgConnection::kUnlimited)
          .text(0, 0));
}

RowRollback::Batch RowRollback::next() {
  for (;;) {
    Batch batch;
    RowKey last;
    // What a transaction without an answer has done it has noted, and is passed over.
    const std::optional<PgFailure> failure = session_.transact(
        kDoing,
        [&](PgConnection& connection) {
          batch = {};
          return attempt(connection, batch, last);
        },
        [] { return false; });
    if (!failure) {
      if (!last.empty()) position_ = std::move(last);
      range_ = std::min(2 * range_, kBatchRows);
      return batch;
    }
    if (!failure->by_content()) throw pg_error(*failure, session_.what(), kDoing);
    if (range_ > 1) {
      range_ /= 2;
      continue;
    }
    batch = {};
    batch.looked = 1;
    batch.reason = failure->message;
    std::string key;
    for (std::size_t i = 0; i < last.size(); ++i) {
      const RowTargetColumn& column = target_.columns[target_.key[i]];
      key += (i == 0 ? "{" : ",") + json_quoted(column.name) + ":" + row_value_json(column, last[i]);
    }
    batch.refused = key + "}";
    position_ = std::move(last);
    return batch;
  }
}

std::optional<PgFailure> RowRollback::attempt(PgConnection& connection, Batch& batch, RowKey& last) {
  const std::string keys = pg_key_columns(target_, "bulk_undo");
  last.clear();
  PgResult result;
  if (auto failure =
          connection.try_run(RowSession::begin_batch() + "SELECT n, " + pg_key_columns(target_, "found", "::text") +
                                 " FROM (SELECT " + keys + ", row_number() OVER (ORDER BY " + keys + ") AS n FROM " +
                                 table_ + " AS bulk_undo WHERE " + pending({}) + " ORDER BY " + keys + " LIMIT " +
                                 std::to_string(range_) + ") AS found ORDER BY n DESC LIMIT 1",
                             result, PgConnection::kUnlimited)) {
    return failure;
  }
  if (result.rows() == 0) {
    batch.end = true;
    return connection.try_run("COMMIT", result);
  }
  batch.looked = number_of(result.text(0, 0));
  for (std::size_t i = 0; i < target_.key.size(); ++i) last.emplace_back(result.text(0, 1 + i));
  // Rows are locked before they are looked at, in the order in which a run locks them.
  const std::string lock = "SELECT count(*) FROM (SELECT FROM " + target_.relation() + " AS bulk_row WHERE " +
                           rows_of(last) + " AND (" + pg_key_columns(target_, "bulk_row") + ") IN (SELECT " + keys +
                           " FROM " + table_ + " AS bulk_undo WHERE " + pending(last) + ") ORDER BY " +
                           pg_key_columns(target_, "bulk_row") + " FOR NO KEY UPDATE) AS locked";
  if (auto failure = connection.try_run(lock, result, PgConnection::kUnlimited)) return failure;
  if (auto failure = connection.try_run(restore(last), result, PgConnection::kUnlimited)) return failure;
  batch.restored = result.affected();
  return connection.try_run(note_the_rest(last) + "; COMMIT", result, PgConnection::kUnlimited);
}

RowRollback::Outcome RowRollback::outcome() {
  const auto of = [&](const char* note) { return "count(*) FILTER (WHERE " + restored_ + " = " + note + ")"; };
  const PgResult counts = session_.connection().run(
      "SELECT " + of(kRestored) + ", " + of(kAsBefore) + ", " + of(kChanged) + " + " + of(kGone) + " FROM " + table_,
      "count what was changed back", PgConnection::kUnlimited);
  return {number_of(counts.text(0, 0)), number_of(counts.text(0, 1)), number_of(counts.text(0, 2))};
}

void RowRollback::list_changed(const std::function<void(std::string_view line)>& add) {
  std::vector<RowColumn> key_columns, columns;
  std::string selected;
  for (const std::size_t key : target_.key) key_columns.push_back(line_column(target_.columns[key]));
  for (const std::size_t column : target_.line) {
    columns.push_back(line_column(target_.columns[column]));
    selected += ", bulk_row." + pg_identifier(target_.columns[column].name);
  }
  RowWriter key_writer(key_columns);
  RowWriter row_writer(columns);
  PgConnection& connection = session_.connection();
  connection.begin_copy_out("COPY (SELECT " + pg_key_columns(target_, "bulk_undo") + ", bulk_undo." + restored_ +
                                selected + " FROM " + table_ + " AS bulk_undo LEFT JOIN " + target_.relation() +
                                " AS bulk_row ON " + join() + " WHERE bulk_undo." + restored_ + " IN (" + kChanged +
                                ", " + kGone + ") ORDER BY " + pg_key_columns(target_, "bulk_undo") + ") TO STDOUT",
                            "list the rows that others have changed since");
  Buffer line;
  for (std::string_view row; connection.copy_row(row);) {
    line.clear();
    line.append("{\"Key\":");
    key_writer.append(take_fields(row, key_columns.size()), line);
    line.resize(line.size() - 1);
    line.append(",\"Now\":");
    if (take_fields(row, 1) == "gone") {
      line.append("null");
    } else {
      row_writer.append(row, line);
      line.resize(line.size() - 1);
    }
    line.append("}\n");
    add(line.view());
  }
}

}  // namespace bulk
