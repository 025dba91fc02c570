// The program of a job for rows. A filter reads and writes rows as they stand in a dump's lines. A module gets plain
// values, exact ones, by the same helper as for items (src/filter_helper.mjs): for it a row is put into DynamoDB JSON
// and taken out again, numbers as the text that they are. One thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/row_schema.h"
#include "src/backfill/job.h"
#include "src/filter_program.h"

namespace bulk {

class RowsProgram {
 public:
  // `columns`: those of a line; `keys`: names of the primary key's.
  RowsProgram(const BackfillJob& job, std::vector<RowColumn> columns, const std::vector<std::string>& keys, Stop& stop);

  // As many answers as lines, in order. Error(failed) when a filter has rounded a number. In an answer a column that is
  // null is NULL, but for jsonb, where it is a value.
  std::vector<std::string> ask(std::span<const std::string> lines);
  // No more rows will come: Error when it does not end well.
  void finish() { program_.finish(); }

 private:
  std::vector<RowColumn> columns_;
  bool module_;
  std::string name_;
  FilterProgram program_;
};

// Of a program that reads numbers as binary floating point: the first number of `line` that stands in `answer` rounded;
// nothing when there is none.
std::optional<std::string> rounded_number(std::string_view line, std::string_view answer);

// {"id":5,"name":"x"} as {"Item":{"id":{"N":"5"},"name":{"S":"x"}}}.
std::string row_as_item(std::string_view line);
// And back. Throws Error(failed) for what cannot stand in a row, a set or binary. `name`: of the program.
std::string item_as_row(std::string_view line, std::span<const RowColumn> columns, const std::string& name);
// Without columns that are null; of jsonb they stay.
std::string without_nulls(std::string_view line, std::span<const RowColumn> columns);

}  // namespace bulk
