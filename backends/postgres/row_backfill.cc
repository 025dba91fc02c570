#include "backends/postgres/row_backfill.h"

#include <algorithm>
#include <charconv>

#include "codecs/json_check.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr std::uint64_t kBatchRows = 1'000;
// What a program is given is in memory, and it may take its time while the rows are locked.
constexpr std::uint64_t kProgramRows = 200;
constexpr std::size_t kManyBytes = 8u << 20;
constexpr std::size_t kFewBytes = 1u << 20;
constexpr std::uint64_t kMostKeys = 64 * kBatchRows;
constexpr const char* kDoing = "change rows";

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

RowKey key_of(const PgResult& result, std::size_t column, std::size_t count) {
  RowKey key;
  for (std::size_t i = 0; i < count; ++i) key.emplace_back(result.text(0, column + i));
  return key;
}

}  // namespace

std::string row_key_json(const RowTarget& target, const PgResult& result, std::size_t row, std::size_t column) {
  std::string json;
  for (std::size_t i = 0; i < target.key.size(); ++i) {
    const RowTargetColumn& key = target.columns[target.key[i]];
    json +=
        (json.empty() ? "{" : ",") + json_quoted(key.name) + ":" + row_value_json(key, result.text(row, column + i));
  }
  return json + "}";
}

std::string row_line(const RowTarget& target, const PgResult& result, std::size_t row, std::size_t column) {
  std::string json = "{";
  for (std::size_t i = 0; i < target.line.size(); ++i) {
    if (result.is_null(row, column + i)) continue;
    const RowTargetColumn& one = target.columns[target.line[i]];
    json +=
        (json.size() == 1 ? "" : ",") + json_quoted(one.name) + ":" + row_value_json(one, result.text(row, column + i));
  }
  return json + "}";
}

void check_row_job(RowSession& session, RowSql& sql) {
  PgResult ignored;
  const auto check = [&](const char* part, const std::string& statement) {
    const std::optional<PgFailure> failure = session.connection().try_run(statement, ignored);
    if (!failure) return;
    if (failure->lost() || failure->transient()) throw pg_error(*failure, session.what(), "check the job");
    throw Error(ErrorKind::usage, std::string(part) + ": " + failure->message, "correct the SQL");
  };
  if (!sql.job().when.empty()) check("when", sql.explain_condition(sql.job().when));
  if (!sql.job().where.empty()) check("--where", sql.explain_condition(sql.job().where));
  if (sql.job().by_program()) return;
  check("update", sql.explain_update());
  // What can be assigned and not be cast is set and compared afterwards.
  if (sql.can_tell() && session.connection().try_run(sql.explain_condition(sql.differs()), ignored)) sql.do_not_tell();
}

RowBackfill::RowBackfill(RowSession& session, const RowSql& sql, RowProgram program)
    : session_(session), sql_(sql), range_(kBatchRows), batch_(sql.job().by_program() ? kProgramRows : kBatchRows) {
  session_.prepare(sql_.make_batch_table(), "make a temporary table");
  if (!sql_.job().by_program()) return;
  session_.prepare(sql_.make_answers_table(), "make a temporary table");
  answers_.emplace(session_.target(), sql_, std::move(program));
}

void RowBackfill::begin(RowEntry entry) {
  make_row_ledger(session_.connection(), session_.what());
  entry_ = std::move(entry);
  for (const std::size_t column : sql_.touched()) entry_.touched.push_back(session_.target().columns[column].name);
  entry_.by_program = sql_.job().by_program();
  const std::string doing = "begin the job";
  const auto found = [&] {
    const std::optional<RowEntry> there = find_row_entry(session_.connection(), entry_.version, entry_.target);
    return there && there->undo == entry_.undo;
  };
  const std::optional<PgFailure> failure = session_.transact(
      doing,
      [&](PgConnection& connection) {
        PgResult ignored;
        return connection.try_run(
            RowSession::begin_batch() + sql_.make_undo_table(undo()) + "; " + insert_row_entry(entry_) + "; COMMIT",
            ignored);
      },
      found);
  if (failure) throw pg_error(*failure, session_.what(), doing);
  entry_ = find_row_entry(session_.connection(), entry_.version, entry_.target).value();
}

void RowBackfill::go_on(RowEntry entry) {
  entry_ = std::move(entry);
  session_.connection().run(update_row_entry(entry_), "write the ledger");
}

RowBackfill::Batch RowBackfill::next(std::uint64_t most_changes) {
  for (;;) {
    Attempt batch;
    RowEntry before = entry_;
    const std::optional<PgFailure> failure = session_.transact(
        kDoing,
        [&](PgConnection& connection) {
          batch = Attempt();
          return attempt(connection, most_changes, batch);
        },
        [&] { return reload(before); });
    if (!failure) {
      Batch done;
      done.end = batch.none;
      // Of a batch whose COMMIT was not answered the ledger knows.
      done.looked = entry_.looked_at - before.looked_at;
      done.changed = entry_.rows - before.rows;
      if (done.changed > 0) settled_ = true;
      adapt(batch);
      return done;
    }
    if (!failure->by_content()) throw pg_error(*failure, session_.what(), kDoing);
    if (range_ > 1) {
      range_ = std::max<std::uint64_t>(1, std::min(range_, kBatchRows) / 2);
      continue;
    }
    refused_ = batch.last;
    Batch refused;
    refused.rejected = describe(batch, failure->message);
    return refused;
  }
}

std::optional<PgFailure> RowBackfill::attempt(PgConnection& connection, std::uint64_t most, Attempt& batch) {
  const std::size_t keys = session_.target().key.size();
  PgResult result;
  if (auto failure = connection.try_run(RowSession::begin_batch() + sql_.bound(entry_.position, range_), result,
                                        PgConnection::kUnlimited)) {
    return failure;
  }
  if (result.rows() == 0) {
    batch.none = true;
    return connection.try_run("COMMIT", result);
  }
  batch.looked = number_of(result.text(0, 0));
  batch.last = key_of(result, 1, keys);
  const std::uint64_t cap = most > 0 ? std::min(most, batch_) : batch_;
  if (auto failure =
          connection.try_run(sql_.lock(entry_.position, batch.last, cap), result, PgConnection::kUnlimited)) {
    return failure;
  }
  batch.matched = result.affected();
  batch.cut = batch.matched == cap;
  if (batch.cut) {
    if (auto failure = connection.try_run(sql_.last_locked(), result)) return failure;
    batch.last = key_of(result, 0, keys);
    if (auto failure = connection.try_run(sql_.count(entry_.position, batch.last), result, PgConnection::kUnlimited)) {
      return failure;
    }
    batch.looked = number_of(result.text(0, 0));
  }
  if (batch.matched > 0) {
    if (auto failure = answers_ ? change_by_program(connection, batch) : change(connection, batch)) return failure;
  }
  RowEntry after = entry_;
  // A position that is lost in a crash of the server is found again by looking once more.
  const std::string commit =
      (batch.changed == 0 ? "SET LOCAL synchronous_commit = off; " : "") + write_position(batch, 0, after) + "; COMMIT";
  if (auto failure = connection.try_run(commit, result, PgConnection::kUnlimited)) return failure;
  entry_ = std::move(after);
  return std::nullopt;
}

std::optional<PgFailure> RowBackfill::change(PgConnection& connection, Attempt& batch) {
  PgResult result;
  if (auto failure =
          connection.try_run(sql_.update(undo(), entry_.position, batch.last), result, PgConnection::kUnlimited)) {
    return failure;
  }
  batch.changed = result.affected();
  // Where a look tells, every batch is looked at; else rows would have to be changed twice to see it.
  if (batch.changed == 0 || (settled_ && !sql_.can_tell())) return std::nullopt;
  return check_settled(connection, batch);
}

// What the job has changed it must not change once more. Whatever was changed so far is in this transaction.
std::optional<PgFailure> RowBackfill::check_settled(PgConnection& connection, const Attempt& batch) {
  PgResult result;
  const auto failure = connection.try_run("SAVEPOINT once; " + sql_.update_again(entry_.position, batch.last), result,
                                          PgConnection::kUnlimited);
  if (failure && !failure->by_content()) return failure;
  if (failure) refuse_unsettled("");
  if (result.rows() > 0) refuse_unsettled(row_key_json(session_.target(), result, 0));
  return connection.try_run("ROLLBACK TO SAVEPOINT once", result);
}

void RowBackfill::refuse_unsettled(const std::string& key) const {
  throw Error(ErrorKind::refused,
              "the job " + sql_.job().name + " would apply again to its own result: it would change " +
                  (key.empty() ? std::string("rows") : "the row " + key) + " once more",
              entry_.rows == 0 ? "give it a `when` that no longer holds afterwards; nothing was changed"
                               : "roll it back, and give it a `when` that no longer holds afterwards");
}

// Few rows are meant: the ranges grow. Many: they are what a batch holds.
void RowBackfill::adapt(const Attempt& batch) {
  if (batch.cut) {
    range_ = std::min(range_, kBatchRows);
  } else if (range_ < kBatchRows || batch.matched < batch_ / 4) {
    range_ = std::min(2 * range_, kMostKeys);
  }
  if (!answers_ || batch.matched == 0) return;
  if (answers_->bytes() > kManyBytes) {
    batch_ = std::max<std::uint64_t>(1, batch_ / 2);
  } else if (answers_->bytes() < kFewBytes && batch.cut) {
    batch_ = std::min(2 * batch_, kBatchRows);
  }
}

std::string RowBackfill::write_position(const Attempt& batch, std::uint64_t rejected, RowEntry& entry) const {
  entry.position = batch.last;
  entry.looked_at += batch.looked;
  entry.rows += batch.changed;
  entry.rejected += rejected;
  return update_row_entry(entry);
}

// After a lost connection: whether the ledger has gone on from where it was.
bool RowBackfill::reload(const RowEntry& before) {
  const std::optional<RowEntry> now = read_row_entry(session_.connection(), before.id);
  if (!now) throw Error(ErrorKind::failed, "the ledger's row of the job is gone", "look into bulk.backfills");
  entry_ = *now;
  return now->looked_at != before.looked_at || now->rejected != before.rejected;
}

RowBackfill::Rejected RowBackfill::describe(const Attempt& batch, const std::string& reason) {
  const PgResult row = session_.connection().run(sql_.row_at(batch.last), "read a row that was refused");
  if (row.rows() == 0) return {json_quoted("gone"), "{}", reason};
  return {row_key_json(session_.target(), row, 0), row_line(session_.target(), row, 0, session_.target().key.size()),
          reason};
}

void RowBackfill::pass() {
  Attempt batch;
  batch.looked = 1;
  batch.last = refused_;
  const RowEntry before = entry_;
  RowEntry after = entry_;
  const std::string sql = write_position(batch, 1, after);
  const std::optional<PgFailure> failure = session_.transact(
      kDoing,
      [&](PgConnection& connection) {
        PgResult ignored;
        return connection.try_run(sql, ignored);
      },
      [&] { return reload(before); });
  if (failure) throw pg_error(*failure, session_.what(), "write the ledger");
  entry_ = std::move(after);
}

void RowBackfill::forget() {
  // What was committed without an answer has its undo table.
  const std::optional<RowEntry> now = read_row_entry(session_.connection(), entry_.id);
  if (!now || now->rows > 0 || now->undo != entry_.undo) return;
  session_.connection().run("BEGIN; " + delete_row_entry(entry_) + "; DROP TABLE " + pg_identifier(undo()) + "; COMMIT",
                            "take a job back that has not begun");
}

void RowBackfill::settle(const std::function<void(RowEntry&)>& change, bool ended) {
  RowEntry after = entry_;
  change(after);
  const std::string doing = "write the ledger";
  const std::optional<PgFailure> failure = session_.transact(
      doing,
      [&](PgConnection& connection) {
        PgResult ignored;
        return connection.try_run(update_row_entry(after, ended), ignored);
      },
      [] { return false; });
  if (failure) throw pg_error(*failure, session_.what(), doing);
  entry_ = std::move(after);
}

}  // namespace bulk
