// Batches whose rows go to a program: they are read in the batch's transaction, its answers come back by COPY into a
// temporary table of the columns' own types, and the server says what differs.
#include <algorithm>

#include "backends/postgres/row_backfill.h"
#include "codecs/json_text.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kContract =
    "it has to write one row for each that it reads, in order, and must not change keys; nothing of this batch was "
    "written";

// As COPY reads it.
void append_copy_text(Buffer& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        out.append("\\\\");
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      default:
        out.push_back(c);
    }
  }
}

std::vector<RowColumn> line_columns(const RowTarget& target) {
  std::vector<RowColumn> columns;
  for (const std::size_t column : target.line) {
    columns.push_back({target.columns[column].name, target.columns[column].type, target.columns[column].kind});
  }
  return columns;
}

}  // namespace

RowAnswers::RowAnswers(const RowTarget& target, const RowSql& sql, RowProgram program)
    : target_(target), sql_(sql), program_(std::move(program)), columns_(line_columns(target)), reader_(columns_) {}

std::optional<PgFailure> RowAnswers::bring(PgConnection& connection, const PgResult& rows) {
  std::vector<std::string> lines;
  bytes_ = 0;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    lines.push_back(row_line(target_, rows, row, target_.key.size()));
    bytes_ += lines.back().size();
  }
  const std::vector<std::string> answers = lines.empty() ? std::vector<std::string>() : program_(lines);
  Buffer text;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    for (std::size_t i = 0; i < target_.key.size(); ++i) {
      append_copy_text(text, rows.text(row, i));
      text.push_back('\t');
    }
    if (!reader_.append(answers.at(row), text)) {
      throw Error(ErrorKind::failed,
                  "the program answered what is no row of " + target_.name.full() + " for " +
                      row_key_json(target_, rows, row) + ": " + reader_.problem(),
                  kContract);
    }
  }
  PgResult ignored;
  if (auto failure = connection.try_run(sql_.clear_answers(), ignored)) return failure;
  if (auto failure = connection.try_begin_copy_in(sql_.copy_answers())) return failure;
  const std::optional<PgFailure> refused = connection.try_copy_in(text.view());
  std::uint64_t taken = 0;
  const std::optional<PgFailure> ended = connection.try_end_copy_in(taken);
  return refused ? refused : ended;
}

std::optional<PgFailure> RowAnswers::compare(PgConnection& connection, const RowKey& after, const RowKey& last,
                                             std::vector<std::size_t>& positions) {
  PgResult result;
  if (auto failure = connection.try_run(sql_.compare_answers(after, last), result, PgConnection::kUnlimited)) {
    return failure;
  }
  positions.clear();
  for (std::size_t i = 0; i < target_.line.size(); ++i) {
    if (result.text(0, 1 + i) != "t") continue;
    const RowTargetColumn& column = target_.columns[target_.line[i]];
    if (column.key || column.computed) {
      throw Error(ErrorKind::failed,
                  "the program has changed column \"" + column.name + "\" of " + target_.name.full() + ", which " +
                      (column.key ? "belongs to the primary key" : "the server generates"),
                  kContract);
    }
    positions.push_back(i);
  }
  return std::nullopt;
}

std::optional<PgFailure> RowBackfill::change_by_program(PgConnection& connection, Attempt& batch) {
  PgResult rows;
  if (auto failure =
          connection.try_run(sql_.lines_of_batch(entry_.position, batch.last, false), rows, PgConnection::kUnlimited)) {
    return failure;
  }
  if (auto failure = answers_->bring(connection, rows)) return failure;
  std::vector<std::size_t> positions;
  if (auto failure = answers_->compare(connection, entry_.position, batch.last, positions)) return failure;
  if (positions.empty()) return std::nullopt;
  PgResult result;
  if (auto failure = connection.try_run(sql_.update_by_answers(undo(), entry_.position, batch.last, positions), result,
                                        PgConnection::kUnlimited)) {
    return failure;
  }
  batch.changed = result.affected();
  if (settled_ || batch.changed == 0) return std::nullopt;
  return check_program_settled(connection, batch);
}

// The rows of this batch for which `when` still holds go to the program once more.
std::optional<PgFailure> RowBackfill::check_program_settled(PgConnection& connection, const Attempt& batch) {
  PgResult rows;
  if (auto failure =
          connection.try_run(sql_.lines_of_batch(entry_.position, batch.last, true), rows, PgConnection::kUnlimited)) {
    return failure;
  }
  if (rows.rows() == 0) return std::nullopt;
  if (auto failure = answers_->bring(connection, rows)) return failure;
  std::vector<std::size_t> positions;
  if (auto failure = answers_->compare(connection, entry_.position, batch.last, positions)) return failure;
  if (positions.empty()) return std::nullopt;
  PgResult found;
  if (auto failure = connection.try_run(sql_.answered_differences(entry_.position, batch.last, positions), found,
                                        PgConnection::kUnlimited)) {
    return failure;
  }
  refuse_unsettled(found.rows() == 0 ? "" : row_key_json(session_.target(), found, 0));
}

}  // namespace bulk
