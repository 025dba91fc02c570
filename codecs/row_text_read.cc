// The reader: from lines to COPY text. (The writer is in row_text.cc.)
//
// A line is first read as the writer spells it: members in the order of the columns, no white space. Whatever does not
// fit that is read again from its beginning by the general way, which alone knows what is wrong with a line.
#include <algorithm>
#include <array>

#include "codecs/json_check.h"
#include "codecs/json_string.h"
#include "codecs/json_text.h"
#include "codecs/row_bytes.h"
#include "codecs/row_text.h"

namespace bulk {

namespace {

using row::Output;
using row::Run;
using row::Stop;
using row::Stops;

constexpr std::string_view kNull = "\\N";

// The letter by which COPY escapes a control character; 0: it stands as it is.
constexpr auto kCopyLetter = [] {
  std::array<char, 0x20> table{};
  table['\b'] = 'b';
  table['\t'] = 't';
  table['\n'] = 'n';
  table['\v'] = 'v';
  table['\f'] = 'f';
  table['\r'] = 'r';
  return table;
}();

// Does COPY spell it as JSON does, behind a backslash?
constexpr bool same_in_copy(char letter) {
  return letter == '\\' || letter == 'b' || letter == 'f' || letter == 'n' || letter == 'r' || letter == 't';
}

std::string_view kind_text(RowKind kind) {
  switch (kind) {
    case RowKind::number:
      return "a number";
    case RowKind::boolean:
      return "true or false";
    case RowKind::json:
      return "a JSON value";
    case RowKind::text:
      break;
  }
  return "a string";
}

// What begins with this letter.
std::string_view value_text(char first) {
  switch (first) {
    case '"':
      return "a string";
    case '{':
      return "an object";
    case '[':
      return "an array";
    case 't':
      return "true";
    case 'f':
      return "false";
    default:
      return "a number";
  }
}

}  // namespace

// One line on its way.
class RowReader::Line {
 public:
  Line(RowReader& reader, std::string_view line, Buffer& out)
      : reader_(reader),
        begin_(line.data()),
        at_(begin_),
        end_(begin_ + line.size()),
        output_(out, line.size() + reader.overhead_),
        to_(output_.begin()) {}

  bool run() {
    if (!plain()) {
      at_ = begin_;
      to_ = output_.begin();
      problem_.clear();
      if (!general()) {
        reader_.problem_ = problem_ + " (at byte " + std::to_string(at_ - begin_) + ")";
        return false;
      }
    }
    *to_++ = '\n';
    output_.finish(to_);
    return true;
  }

 private:
  // As the writer spells it. at_ is at the comma (or the opening bracket) before the member, or at the closing bracket.
  bool plain() {
    if (at_ == end_ || *at_ != '{') return false;
    bool first = true;
    for (const Column& column : reader_.columns_) {
      if (!first) *to_++ = '\t';
      first = false;
      const std::string_view prefix(reader_.prefixes_.data() + column.prefix, column.prefix_bytes);
      if (*at_ == '}' || !row::begins_with(at_ + 1, end_, prefix)) {
        put(kNull);
        continue;
      }
      at_ += 1 + prefix.size();
      if (!value(column.kind) || at_ == end_ || (*at_ != ',' && *at_ != '}')) return false;
    }
    // An empty object has had no member to end.
    if (*at_ == '{' && ++at_ == end_) return false;
    return *at_ == '}' && at_ + 1 == end_;
  }

  bool general() {
    if (!find_values()) return false;
    bool first = true;
    for (std::size_t i = 0; i < reader_.columns_.size(); ++i) {
      if (!first) *to_++ = '\t';
      first = false;
      const std::string_view text = reader_.values_[i];
      if (text.data() == nullptr) {
        put(kNull);
        continue;
      }
      at_ = text.data();
      if (!value(reader_.columns_[i].kind)) {
        problem_ = "column '" + shown(reader_.columns_[i].name) + "': " + problem_;
        return false;
      }
    }
    return true;
  }

  // Where the value of each member stands.
  bool find_values() {
    reader_.values_.assign(reader_.columns_.size(), {});
    skip_space();
    if (at_ == end_ || *at_ != '{') return fail("not a JSON object");
    ++at_;
    skip_space();
    if (at_ != end_ && *at_ == '}') {
      ++at_;
    } else {
      for (bool more = true; more;) {
        if (!find_value()) return false;
        if (at_ == end_) return fail("the line ends inside a row");
        if (*at_ != ',' && *at_ != '}') return fail("expected ',' or '}'");
        more = *at_++ == ',';
      }
    }
    skip_space();
    return at_ == end_ || fail("text after the end of the row");
  }

  bool find_value() {
    skip_space();
    const char* const open = at_;
    if (at_ == end_ || *at_ != '"') return fail("expected a column's name in double quotes");
    const char* const name_end = row::value_end(begin_, at_, end_);
    if (name_end == nullptr) return fail("a name that does not end");
    reader_.name_.clear();
    const char* const problem =
        decode_json_string({open + 1, static_cast<std::size_t>(name_end - open - 2)}, reader_.name_);
    if (problem != nullptr) return fail(problem);
    const auto position = reader_.positions_.find(reader_.name_);
    if (position == reader_.positions_.end()) return fail("there is no column '" + shown(reader_.name_) + "'");
    const std::string column = "column '" + shown(reader_.name_) + "': ";
    std::string_view& found = reader_.values_[position->second];
    if (found.data() != nullptr) return fail(column + "it stands twice");
    at_ = name_end;
    skip_space();
    if (at_ == end_ || *at_ != ':') return fail(column + "expected ':'");
    ++at_;
    skip_space();
    const char* const stop = row::value_end(begin_, at_, end_);
    if (stop == nullptr) return fail(column + "no JSON value");
    found = {at_, static_cast<std::size_t>(stop - at_)};
    at_ = stop;
    skip_space();
    return true;
  }

  void skip_space() {
    while (at_ != end_ && is_json_space(*at_)) ++at_;
  }

  bool value(RowKind kind) {
    if (at_ == end_) return fail("no JSON value");
    switch (kind) {
      case RowKind::number:
        return *at_ == '"' ? text() : number();
      case RowKind::boolean:
        return boolean();
      case RowKind::json:
        return json();
      case RowKind::text:
        break;
    }
    return *at_ == '"' ? text() : wrong_kind(kind);
  }

  bool text() {
    ++at_;
    for (;;) {
      const Run run = row::copy_run<Stops::with_quotes>(at_, end_, to_);
      at_ = run.at;
      to_ = run.to;
      if (at_ == end_) return fail("a string that does not end");
      if (*at_ == '"') break;
      if (*at_ != '\\') return fail("a control character in a string");
      const char* const stop = at_;
      steps();
      if (at_ == stop && !escape()) return false;
    }
    ++at_;
    return true;
  }

  // From one escape on, as long as there are more in the next step.
  void steps() {
    while (row::has_steps(2, at_, end_)) {
      bool any = false;
      const Run run = row::copy_step(at_, to_, [&any](const char* stop) {
        any = true;
        if (*stop != '\\') return Stop::ends;
        return stop[1] == '"' || stop[1] == '/' ? Stop::dropped : same_in_copy(stop[1]) ? Stop::pair : Stop::ends;
      });
      const char* const step = at_;
      at_ = run.at;
      to_ = run.to;
      if (!any || at_ == step) break;
    }
  }

  bool escape() {
    const Escape escape = read_escape(at_, end_);
    if (escape.problem != nullptr) return fail(escape.problem);
    if (escape.code == 0) return fail("\\u0000, which PostgreSQL cannot hold");
    // Never longer than the escape was.
    if (escape.code == '\\' || (escape.code < 0x20 && kCopyLetter[escape.code] != 0)) {
      *to_++ = '\\';
      *to_++ = escape.code == '\\' ? '\\' : kCopyLetter[escape.code];
    } else if (escape.code < 0x80) {
      *to_++ = static_cast<char>(escape.code);
    } else {
      std::string letter;
      append_canonical_character(letter, escape.code);
      put(letter);
    }
    at_ += escape.length;
    return true;
  }

  bool number() {
    // Whatever goes on behind it is no plain number's end.
    const std::size_t length = row::copy_plain_number(at_, end_, to_);
    if (length != 0 && (at_ + length == end_ || (at_[length] | 0x20) != 'e')) {
      at_ += length;
      to_ += length;
      return true;
    }
    const char* const stop = row::number_end(at_, end_);
    if (stop == nullptr) return wrong_kind(RowKind::number);
    to_ = row::copy_within({at_, static_cast<std::size_t>(stop - at_)}, end_, to_);
    at_ = stop;
    return true;
  }

  bool boolean() {
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    const bool is_true = rest.starts_with("true");
    if (!is_true && !rest.starts_with("false")) return wrong_kind(RowKind::boolean);
    *to_++ = is_true ? 't' : 'f';
    at_ += is_true ? 4 : 5;
    return true;
  }

  bool json() {
    const char* const stop = row::value_end(begin_, at_, end_);
    if (stop == nullptr) return fail("no JSON value");
    for (;;) {
      const Run run = row::copy_run<Stops::without_quotes>(at_, stop, to_);
      at_ = run.at;
      to_ = run.to;
      if (at_ == stop) return true;
      const char c = *at_;
      // White space between tokens; inside of strings PostgreSQL refuses it.
      if (c != '\\' && !is_json_space(c)) return fail("a control character in a JSON value");
      to_ = output_.room(1, to_);
      *to_++ = '\\';
      *to_++ = c == '\\' ? c : kCopyLetter[static_cast<unsigned char>(c)];
      ++at_;
    }
  }

  void put(std::string_view text) { to_ = std::copy(text.begin(), text.end(), to_); }

  bool wrong_kind(RowKind wanted) {
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    if (rest.starts_with("null")) return fail("null; a column that is NULL is left out");
    return fail(std::string(value_text(*at_)) + " where " + std::string(kind_text(wanted)) + " is expected");
  }

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  RowReader& reader_;
  const char* begin_;
  const char* at_;
  const char* end_;
  Output output_;
  char* to_;
  std::string problem_;
};

RowReader::RowReader(std::span<const RowColumn> columns) {
  constexpr std::size_t kPerValue = kNull.size() + 1;
  for (const RowColumn& column : columns) {
    const std::size_t begin = prefixes_.size();
    prefixes_ += json_quoted(column.name) + ':';
    columns_.push_back({column.name, begin, prefixes_.size() - begin, column.kind});
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) positions_.emplace(columns_[i].name, i);
  overhead_ = columns_.size() * kPerValue + 1;
  prefixes_.append(row::kStep, ' ');
}

bool RowReader::append(std::string_view line, Buffer& out) {
  return Line(*this, line, out).run();
}

}  // namespace bulk
