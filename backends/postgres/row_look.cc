#include "backends/postgres/row_look.h"

#include <algorithm>
#include <charconv>

#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kReadOnly = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ";
constexpr const char* kDoing = "look at the rows";
constexpr std::uint64_t kProgramRows = 200;

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool nothing_was_written() {
  return false;
}

// Of a column, where it stands in a result as text.
std::optional<std::string> value_of(const RowTargetColumn& column, const PgResult& result, std::size_t row,
                                    std::size_t at) {
  if (result.is_null(row, at)) return std::nullopt;
  return row_value_json(column, result.text(row, at));
}

}  // namespace

RowLook::RowLook(RowSession& session, const RowSql& sql, RowProgram program) : session_(session), sql_(sql) {
  session_.prepare(sql_.make_batch_table(), "make a temporary table");
  if (!sql_.job().by_program()) return;
  session_.prepare(sql_.make_answers_table(), "make a temporary table");
  answers_.emplace(session_.target(), sql_, std::move(program));
}

void RowLook::must(const std::optional<PgFailure>& failure) const {
  if (!failure) return;
  const Error error = pg_error(*failure, session_.what(), kDoing);
  throw failure->by_content() ? error.with_next_action("bulk backfill run --rejects FILE says of which row") : error;
}

RowLook::Found RowLook::look(std::uint64_t rows, std::size_t samples, std::size_t keys,
                             const std::function<void(std::uint64_t)>& looked_at) {
  Found found;
  if (answers_) {
    ask_program(rows, samples, keys, found, looked_at);
    return found;
  }
  RowKey last;  // of a sample
  if (rows > 0) {
    const PgResult bound = session_.connection().run(sql_.bound({}, rows), kDoing, PgConnection::kUnlimited);
    for (std::size_t i = 0; bound.rows() > 0 && i < session_.target().key.size(); ++i) {
      last.emplace_back(bound.text(0, 1 + i));
    }
  }
  must(session_.transact(
      kDoing, [&](PgConnection& connection) { return count(connection, last, keys, found); }, nothing_was_written));
  looked_at(found.looked);
  if (samples == 0 || found.changes == 0) return found;
  must(session_.transact(
      kDoing, [&](PgConnection& connection) { return show(connection, last, samples, found); }, nothing_was_written));
  return found;
}

std::optional<PgFailure> RowLook::count(PgConnection& connection, const RowKey& last, std::size_t keys, Found& found) {
  PgResult result;
  if (auto failure = connection.try_run(kReadOnly + sql_.count_meant(last), result, PgConnection::kUnlimited)) {
    return failure;
  }
  found.looked = number_of(result.text(0, 0));
  found.changes = number_of(result.text(0, 1));
  found.keys.clear();
  if (keys > 0 && found.changes > 0) {
    if (auto failure = connection.try_run(sql_.meant_keys(last, keys), result, PgConnection::kUnlimited)) {
      return failure;
    }
    for (std::size_t row = 0; row < result.rows(); ++row) {
      found.keys.push_back(row_key_json(session_.target(), result, row));
    }
  }
  return connection.try_run("COMMIT", result);
}

// The change is made and taken back: as triggers and defaults would have it.
std::optional<PgFailure> RowLook::show(PgConnection& connection, const RowKey& last, std::size_t samples,
                                       Found& found) {
  PgResult result;
  if (auto failure = connection.try_run(RowSession::begin_batch() + sql_.lock({}, last, samples), result,
                                        PgConnection::kUnlimited)) {
    return failure;
  }
  if (auto failure = connection.try_run(sql_.samples({}, last, samples), result, PgConnection::kUnlimited)) {
    // One that cannot be changed is the run's to report.
    if (!failure->by_content()) return failure;
    return connection.try_run("ROLLBACK", result);
  }
  const RowTarget& target = session_.target();
  found.samples.clear();
  for (std::size_t row = 0; row < result.rows(); ++row) {
    RowSample sample{row_key_json(target, result, row), {}};
    for (std::size_t i = 0; i < sql_.touched().size(); ++i) {
      const RowTargetColumn& column = target.columns[sql_.touched()[i]];
      const std::size_t at = target.key.size() + 2 * i;
      RowSample::Value value{column.name, value_of(column, result, row, at), value_of(column, result, row, at + 1)};
      if (value.before != value.after) sample.values.push_back(std::move(value));
    }
    found.samples.push_back(std::move(sample));
  }
  return connection.try_run("ROLLBACK", result);
}

void RowLook::ask_program(std::uint64_t rows, std::size_t samples, std::size_t keys, Found& found,
                          const std::function<void(std::uint64_t)>& looked_at) {
  RowKey position;
  for (;;) {
    const std::uint64_t most = rows == 0 ? kProgramRows : std::min(kProgramRows, rows - found.looked);
    if (most == 0) return;
    RowKey last;
    Found here;
    must(session_.transact(
        kDoing,
        [&](PgConnection& connection) {
          here = {};
          last.clear();
          return ask_about(connection, position, last, most, samples - std::min(samples, found.samples.size()),
                           keys - std::min(keys, found.keys.size()), here);
        },
        nothing_was_written));
    if (last.empty()) return;
    position = std::move(last);
    found.looked += here.looked;
    found.changes += here.changes;
    std::move(here.samples.begin(), here.samples.end(), std::back_inserter(found.samples));
    std::move(here.keys.begin(), here.keys.end(), std::back_inserter(found.keys));
    looked_at(here.looked);
  }
}

std::optional<PgFailure> RowLook::ask_about(PgConnection& connection, const RowKey& after, RowKey& last,
                                            std::uint64_t most, std::size_t samples, std::size_t keys, Found& found) {
  const RowTarget& target = session_.target();
  PgResult result;
  if (auto failure = connection.try_run(kReadOnly + sql_.bound(after, most), result, PgConnection::kUnlimited)) {
    return failure;
  }
  if (result.rows() == 0) return connection.try_run("COMMIT", result);
  found.looked = number_of(result.text(0, 0));
  RowKey bound;
  for (std::size_t i = 0; i < target.key.size(); ++i) bound.emplace_back(result.text(0, 1 + i));
  if (auto failure = connection.try_run(sql_.lines_of_range(after, bound), result, PgConnection::kUnlimited)) {
    return failure;
  }
  if (auto failure = answers_->bring(connection, result)) return failure;
  std::vector<std::size_t> positions;
  if (auto failure = answers_->compare(connection, after, bound, positions)) return failure;
  if (!positions.empty()) {
    if (auto failure =
            connection.try_run(sql_.answered_differences(after, bound, positions), result, PgConnection::kUnlimited)) {
      return failure;
    }
    found.changes = result.rows();
    for (std::size_t row = 0; row < result.rows(); ++row) {
      const std::string key = row_key_json(target, result, row);
      if (row < keys) found.keys.push_back(key);
      if (row >= samples) continue;
      RowSample sample{key, {}};
      for (std::size_t i = 0; i < positions.size(); ++i) {
        const std::size_t at = target.key.size() + 3 * i;
        if (result.text(row, at + 2) != "t") continue;
        const RowTargetColumn& column = target.columns[target.line[positions[i]]];
        sample.values.push_back(
            {column.name, value_of(column, result, row, at), value_of(column, result, row, at + 1)});
      }
      found.samples.push_back(std::move(sample));
    }
  }
  if (auto failure = connection.try_run("COMMIT", result)) return failure;
  last = std::move(bound);
  return std::nullopt;
}

}  // namespace bulk
