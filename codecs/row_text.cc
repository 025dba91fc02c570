// The writer: from COPY text to lines. (The reader is in row_text_read.cc.)
#include "codecs/row_text.h"

#include <algorithm>
#include <array>

#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "codecs/row_bytes.h"
#include "io/error.h"

namespace bulk {

namespace {

using row::Output;
using row::Run;
using row::Stop;
using row::Stops;

// How a control character that stands in COPY text as it is is spelled in a line.
struct Spelling {
  std::size_t length = 0;  // 0: it cannot stand there
  std::array<char, 6> text{};
};
constexpr std::size_t kLongest = 6;

constexpr auto kControl = [] {
  std::array<Spelling, 0x20> table{};
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  for (std::size_t c = 1; c < table.size(); ++c) {
    table[c] = {6, {'\\', 'u', '0', '0', kHexDigits[c >> 4], kHexDigits[c & 15]}};
  }
  table['\b'] = {2, {'\\', 'b'}};
  table['\f'] = {2, {'\\', 'f'}};
  // Of these two each ends a row somewhere, and COPY writes neither; a tab ends a value.
  table['\n'] = table['\r'] = table['\t'] = {};
  return table;
}();

// Does JSON spell it as COPY does, behind a backslash?
constexpr bool same_in_json(char letter) {
  return letter == '\\' || letter == 'b' || letter == 'f' || letter == 'n' || letter == 'r' || letter == 't';
}

bool ends_value(const char* at, const char* end) {
  return at == end || *at == '\t';
}

std::string_view value_at(const char* at, const char* end) {
  return {at, static_cast<std::size_t>(std::find(at, end, '\t') - at)};
}

char* put(std::string_view text, char* to) {
  return std::copy(text.begin(), text.end(), to);
}

}  // namespace

// One row on its way.
class RowWriter::Row {
 public:
  Row(const RowWriter& writer, std::string_view copy_row, Buffer& out)
      : writer_(writer),
        begin_(copy_row.data()),
        at_(begin_),
        end_(begin_ + copy_row.size()),
        output_(out, copy_row.size() + writer.overhead_) {}

  void run() {
    char* to = output_.begin();
    bool first = true;
    for (const Column& column : writer_.columns_) {
      column_ = &column;
      if (!first) {
        if (at_ == end_) wrong("the row ends before it");
        ++at_;  // the tab behind the value before it
      }
      first = false;
      if (is_null()) {
        at_ += 2;
        continue;
      }
      to = row::copy_steps({writer_.prefixes_.data() + column.prefix, column.prefix_bytes}, to);
      to = value(column.kind, to);
    }
    if (at_ != end_) {
      throw Error(ErrorKind::corrupt, "a row holds more values than the " + std::to_string(writer_.columns_.size()) +
                                          " of its columns" + place());
    }
    char* const line = output_.begin();
    // Each member begins with a comma.
    if (to == line) ++to;
    *line = '{';
    *to++ = '}';
    *to++ = '\n';
    output_.finish(to);
  }

 private:
  bool is_null() const { return end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'N' && ends_value(at_ + 2, end_); }

  char* value(RowKind kind, char* to) {
    switch (kind) {
      case RowKind::number:
        return number(to);
      case RowKind::boolean:
        return boolean(to);
      case RowKind::json:
        return json(to);
      case RowKind::text:
        break;
    }
    return text(to);
  }

  // The opening quote is part of the prefix.
  char* text(char* to) {
    for (;;) {
      const Run run = row::copy_run<Stops::with_quotes>(at_, end_, to);
      at_ = run.at;
      to = run.to;
      if (ends_value(at_, end_)) {
        *to++ = '"';
        return to;
      }
      const char* const stop = at_;
      to = steps(to);
      if (at_ == stop) to = *stop == '\\' ? escape(to) : raw(to);
    }
  }

  // From one escape on, as long as there are more in the next step.
  char* steps(char* to) {
    while (row::has_steps(2, at_, end_)) {
      const Run run = row::copy_step(at_, to, [](const char* stop) {
        if (*stop == '"') return Stop::escaped;
        return *stop == '\\' && same_in_json(stop[1]) ? Stop::pair : Stop::ends;
      });
      const char* const step = at_;
      const std::ptrdiff_t longer = (run.to - to) - (run.at - step);
      at_ = run.at;
      to = output_.room(static_cast<std::size_t>(longer), run.to);
      if (longer == 0) break;
    }
    return to;
  }

  // A backslash and what follows it.
  char* escape(char* to) {
    if (ends_value(at_ + 1, end_)) wrong("a backslash at its end");
    const char letter = at_[1];
    if (letter != 'v' && !same_in_json(letter)) wrong("an escape that PostgreSQL does not write");
    at_ += 2;
    if (letter == 'v') return put("\\u000b", output_.room(4, to));
    *to++ = '\\';
    *to++ = letter;
    return to;
  }

  // A quote, or a control character that is not escaped.
  char* raw(char* to) {
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') {
      ++at_;
      return put("\\\"", output_.room(1, to));
    }
    const Spelling& spelling = kControl[c];
    if (spelling.length == 0) wrong("a control character that PostgreSQL does not write");
    ++at_;
    return put({spelling.text.data(), spelling.length}, output_.room(kLongest - 1, to));
  }

  char* number(char* to) {
    const std::size_t length = row::copy_plain_number(at_, end_, to);
    if (length != 0 && ends_value(at_ + length, end_)) {
      at_ += length;
      return to + length;
    }
    const Run run = row::copy_run<Stops::with_quotes>(at_, end_, to);
    if (ends_value(run.at, end_)) {
      if (row::number_end(at_, run.at) == run.at) {
        at_ = run.at;
        return run.to;
      }
      const std::string_view word(at_, static_cast<std::size_t>(run.at - at_));
      if (word == "NaN" || word == "Infinity" || word == "-Infinity") {
        at_ = run.at;
        *to++ = '"';
        to = put(word, to);
        *to++ = '"';
        return to;
      }
    }
    wrong("'" + shown(value_at(at_, end_)) + "' is no number");
  }

  char* boolean(char* to) {
    const std::string_view word = value_at(at_, end_);
    if (word != "t" && word != "f") wrong("'" + shown(word) + "' is neither t nor f");
    ++at_;
    return put(word == "t" ? "true" : "false", to);
  }

  char* json(char* to) {
    const char* const begin = at_;
    const char* const value = to;
    for (;;) {
      const Run run = row::copy_run<Stops::without_quotes>(at_, end_, to);
      at_ = run.at;
      to = run.to;
      if (ends_value(at_, end_)) break;
      // PostgreSQL escapes control characters in a jsonb by JSON's own escapes, whose backslashes alone COPY escapes.
      if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != '\\')
        wrong("a control character or escape that no jsonb holds");
      *to++ = '\\';
      at_ += 2;
    }
    if (row::value_end(output_.begin(), value, to) != to) {
      at_ = begin;
      wrong("'" + shown(value_at(at_, end_)) + "' is no JSON value");
    }
    return to;
  }

  std::string place() const { return " (at byte " + std::to_string(at_ - begin_) + " of the row)"; }

  [[noreturn]] void wrong(const std::string& what) const {
    throw Error(ErrorKind::corrupt, "column '" + shown(column_->name) + "': " + what + place());
  }

  const RowWriter& writer_;
  const char* begin_;
  const char* at_;
  const char* end_;
  Output output_;
  const Column* column_ = nullptr;
};

RowWriter::RowWriter(std::span<const RowColumn> columns) {
  // The brackets and the newline; of a value a closing quote, and what `false` is longer than f.
  constexpr std::size_t kAround = 3;
  constexpr std::size_t kPerValue = 4;
  for (const RowColumn& column : columns) {
    const std::size_t begin = prefixes_.size();
    prefixes_ += ',' + json_quoted(column.name) + ':';
    if (column.kind == RowKind::text) prefixes_ += '"';
    columns_.push_back({column.name, begin, prefixes_.size() - begin, column.kind});
  }
  overhead_ = kAround + prefixes_.size() + columns_.size() * kPerValue;
  prefixes_.append(row::kStep, ' ');
}

void RowWriter::append(std::string_view copy_row, Buffer& out) {
  Row(*this, copy_row, out).run();
}

void RowWriter::check_utf8(std::string_view lines) {
  if (valid_utf8(lines)) return;
  for (std::size_t number = 1; !lines.empty(); ++number) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (valid_utf8(line)) continue;
    std::size_t at = 0;
    // Byte by byte: a character is at most 4 bytes long, and legal ones are passed.
    while (at < line.size()) {
      std::size_t length = 1;
      while (length <= 4 && !valid_utf8(line.substr(at, length))) ++length;
      if (length > 4) break;
      at += length;
    }
    throw Error(ErrorKind::corrupt,
                "row " + std::to_string(number) + " is not UTF-8 (at byte " + std::to_string(at) + "): " + shown(line));
  }
}

}  // namespace bulk
