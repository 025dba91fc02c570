// Rows between PostgreSQL's COPY text and the lines of a dump (docs/format.md, "Rows"), in both directions and without
// knowing values: text is moved, with one kind of escaping taken off and the other put on. This is the hot path of a
// backup and a load of rows, at a copy's speed where there is nothing to escape. Pure; a writer or reader belongs to
// one thread.
//
// What COPY TO writes comes back byte for byte. Neither direction looks into a jsonb further than that it is one value:
// strings that end and brackets that come out even. So no value can pass for more than its own, and the rest is what
// PostgreSQL has said (writer) or will judge (reader).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codecs/row_schema.h"
#include "io/buffer.h"

namespace bulk {

// From COPY text to lines.
class RowWriter {
 public:
  explicit RowWriter(std::span<const RowColumn> columns);

  // Appends the line of one row (COPY text without its newline), with a newline, to `out`. Throws Error(corrupt) when
  // the text is no row of these columns: their number, an unfinished escape, a number or jsonb that is no JSON value of
  // its kind. Octal and hexadecimal escapes, and others that COPY reads but never writes, are refused too. `out` then
  // holds what it held before.
  void append(std::string_view copy_row, Buffer& out);
  // Text has to be UTF-8; it is checked for many rows at once: Error(corrupt) naming the first line that is not.
  static void check_utf8(std::string_view lines);

 private:
  class Row;
  struct Column {
    std::string name;
    std::size_t prefix, prefix_bytes;  // in prefixes_
    RowKind kind;
  };
  std::vector<Column> columns_;
  std::string prefixes_;      // `,"name":` and of strings the opening quote
  std::size_t overhead_ = 0;  // bytes that a line may be longer than its row, escapes apart
};

// From lines to COPY text.
class RowReader {
 public:
  explicit RowReader(std::span<const RowColumn> columns);
  RowReader(RowReader&&) = default;  // the names that are looked up by stay where they are
  RowReader& operator=(RowReader&&) = default;

  // Appends the row of one line (without its newline) as COPY text, with a newline, to `out`. False when the line is no
  // row of these columns, see problem(); `out` then holds what it held before. Accepts any JSON spelling: white space
  // between tokens, other escapes, members in another order; refuses unknown and repeated members, and values that
  // are not of the column's kind. Of a number's column a string is taken too, as it stands ('NaN'). UTF-8 is not
  // looked at: PostgreSQL does.
  bool append(std::string_view line, Buffer& out);
  // "column 'age': a string where a number is expected (at byte 17)".
  const std::string& problem() const noexcept { return problem_; }

 private:
  class Line;
  struct Column {
    std::string name;
    std::size_t prefix, prefix_bytes;  // in prefixes_
    RowKind kind;
  };
  std::vector<Column> columns_;
  std::unordered_map<std::string_view, std::size_t> positions_;  // of names in columns_
  std::string prefixes_;                                         // `"name":`
  std::size_t overhead_ = 0;                                     // bytes that a row may be longer than its line
  std::string problem_;
  // scratch: where each column's value stands in the line, and a name without its escapes
  std::vector<std::string_view> values_;
  std::string name_;
};

}  // namespace bulk
