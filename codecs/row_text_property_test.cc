// Properties of rows in both directions, over random ones: what COPY TO can write comes back byte for byte, and so does
// its line, however it is spelled meanwhile; what is damaged is refused or goes through whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "codecs/row_text.h"
#include "io/error.h"

namespace bulk {
namespace {

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }

  // Every character that a text of PostgreSQL may hold, the odd ones often.
  std::string letters(std::size_t most) {
    static constexpr char32_t kOdd[] = {'"', '\\', '/', 'N', '.', 0x7F, 0x80, 0x85, 0x2028, 0xFFFD, 0xFFFF, 0x10FFFF};
    std::string text;
    const bool plain = below(3) == 0;
    for (std::size_t length = below(most + 1); length > 0; --length) {
      char32_t c = static_cast<char32_t>('a' + below(26));
      if (!plain && below(4) == 0)
        c = below(2) == 0 ? static_cast<char32_t>(1 + below(0x1F)) : kOdd[below(std::size(kOdd))];
      if (c < 0x80) {
        text += static_cast<char>(c);
      } else {
        append_canonical_character(text, c);
      }
    }
    return text;
  }

  std::string digits(std::size_t most) {
    std::string text;
    for (std::size_t length = 1 + below(most); length > 0; --length) text += static_cast<char>('0' + below(10));
    return text;
  }

  std::string number() {
    std::string text = below(3) == 0 ? "-" : "";
    text += below(4) == 0 ? "0" : static_cast<char>('1' + below(9)) + digits(below(20) == 0 ? 300 : 18);
    if (below(3) == 0) text += "." + digits(below(20) == 0 ? 300 : 6);
    if (below(8) == 0) text += (below(2) == 0 ? "e+" : "e-") + digits(3);
    return text;
  }

  // In PostgreSQL's spelling of a jsonb.
  std::string json(int depth = 0) {
    switch (below(depth < 3 ? 7 : 5)) {
      case 0:
        return number();
      case 1:
        return json_quoted(letters(30));
      case 2:
        return "true";
      case 3:
        return "false";
      case 4:
        return "null";
      case 5: {
        std::string text = "[";
        for (std::size_t more = below(5); more > 0; --more) text += (text.size() > 1 ? ", " : "") + json(depth + 1);
        return text + "]";
      }
      default: {
        std::string text = "{";
        for (std::size_t more = below(5); more > 0; --more) {
          text += (text.size() > 1 ? ", " : "") + json_quoted(letters(10)) + ": " + json(depth + 1);
        }
        return text + "}";
      }
    }
  }

  std::vector<RowColumn> columns() {
    std::vector<RowColumn> all;
    for (std::size_t more = below(10) == 0 ? 0 : 1 + below(8); more > 0; --more) {
      const std::string name = letters(20) + std::to_string(more);
      all.push_back({name, "", static_cast<RowKind>(below(4))});
    }
    return all;
  }

  std::string value(RowKind kind) {
    static constexpr const char* kWords[] = {"NaN", "Infinity", "-Infinity"};
    switch (kind) {
      case RowKind::number:
        return below(10) == 0 ? kWords[below(3)] : number();
      case RowKind::boolean:
        return below(2) == 0 ? "t" : "f";
      case RowKind::json:
        return json();
      case RowKind::text:
        break;
    }
    return letters(below(10) == 0 ? 200 : 40);
  }

  std::mt19937& random() { return random_; }

 private:
  std::mt19937 random_;
};

// CopyAttributeOutText() of PostgreSQL, one character after the other.
std::string copy_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const std::size_t letter = std::string_view("\b\f\n\r\t\v\\").find(c);
    if (letter == std::string_view::npos) {
      out += c;
    } else {
      out += '\\';
      out += "bfnrtv\\"[letter];
    }
  }
  return out;
}

struct Member {
  std::string name, value;  // JSON, as the specification spells it
  bool is_string;
};

struct Sample {
  std::vector<RowColumn> columns;
  std::string row;  // COPY text
  std::vector<Member> members;
  std::string line() const {
    std::string text = "{";
    for (const Member& member : members) text += (text.size() > 1 ? "," : "") + member.name + ":" + member.value;
    return text + "}";
  }
};

Sample sample(Generator& generator) {
  Sample sample;
  sample.columns = generator.columns();
  for (const RowColumn& column : sample.columns) {
    if (&column != sample.columns.data()) sample.row += '\t';
    if (generator.below(5) == 0) {
      sample.row += "\\N";
      continue;
    }
    const std::string value = generator.value(column.kind);
    sample.row += copy_escaped(value);
    const bool word = column.kind == RowKind::number && (value.back() == 'N' || value.back() == 'y');
    Member member{json_quoted(column.name), value, word || column.kind == RowKind::text};
    if (member.is_string) member.value = json_quoted(value);
    if (column.kind == RowKind::boolean) member.value = value == "t" ? "true" : "false";
    sample.members.push_back(member);
  }
  return sample;
}

TEST(RowTextProperty, WhatCopyWritesComesBackByteForByte) {
  Generator generator(41);
  for (int round = 0; round < 20'000; ++round) {
    const Sample one = sample(generator);
    RowWriter writer(one.columns);
    RowReader reader(one.columns);
    Buffer lines;
    writer.append(one.row, lines);
    ASSERT_EQ(lines.view(), one.line() + "\n") << one.row;
    ASSERT_EQ(check_json(lines.view()).text, "") << lines.view();
    RowWriter::check_utf8(lines.view());
    Buffer rows;
    ASSERT_TRUE(reader.append(one.line(), rows)) << one.line() << ": " << reader.problem();
    ASSERT_EQ(rows.view(), one.row + "\n") << one.line();
  }
}

// The same string, with more escapes than it needs.
std::string respelled(Generator& generator, std::string_view string) {
  std::string out;
  for (std::size_t i = 0; i < string.size(); ++i) {
    const auto c = static_cast<unsigned char>(string[i]);
    if (c == '\\') {
      const std::size_t length = string[i + 1] == 'u' ? 6 : 2;
      out += string.substr(i, length);
      i += length - 1;
    } else if (c != '"' && c < 0x80 && generator.below(4) == 0) {
      char text[8];
      std::snprintf(text, sizeof text, generator.below(2) == 0 ? "\\u%04x" : "\\u%04X", c);
      out += text;
    } else {
      out += string[i];
    }
  }
  return out;
}

TEST(RowTextProperty, AllSpellingsOfARowAgree) {
  Generator generator(43);
  static constexpr const char* kSpaces[] = {"", "", " ", "\n", "\r\n\t "};
  const auto space = [&] { return kSpaces[generator.below(std::size(kSpaces))]; };
  for (int round = 0; round < 10'000; ++round) {
    Sample one = sample(generator);
    std::shuffle(one.members.begin(), one.members.end(), generator.random());
    std::string line = space();
    line += "{";
    line += space();
    for (const Member& member : one.members) {
      if (&member != one.members.data()) line.append(",").append(space());
      line.append(respelled(generator, member.name)).append(space()).append(":").append(space());
      line.append(member.is_string ? respelled(generator, member.value) : member.value).append(space());
    }
    line += "}";
    line += space();
    RowReader reader(one.columns);
    Buffer rows;
    ASSERT_TRUE(reader.append(line, rows)) << line << ": " << reader.problem();
    ASSERT_EQ(rows.view(), one.row + "\n") << line;
  }
}

// Any byte of a row changed: it is refused, or its line is JSON and gives the same row back.
TEST(RowTextProperty, ADamagedRowIsRefusedOrGoesThroughWhole) {
  Generator generator(47);
  int refused = 0;
  int changed = 0;
  for (int round = 0; round < 20'000; ++round) {
    Sample one = sample(generator);
    if (one.row.empty()) continue;
    const char odd[] = {static_cast<char>(1 + generator.below(127)), "\t\\\"{}[],:0e"[generator.below(11)]};
    one.row[generator.below(one.row.size())] = odd[generator.below(2)];
    RowWriter writer(one.columns);
    Buffer lines("x");
    try {
      writer.append(one.row, lines);
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), ErrorKind::corrupt);
      ASSERT_EQ(lines.view(), "x");
      ++refused;
      continue;
    }
    const std::string_view line = lines.view().substr(1, lines.size() - 2);
    ASSERT_EQ(line.find('\n'), std::string_view::npos);
    RowReader reader(one.columns);
    Buffer rows;
    ASSERT_TRUE(reader.append(line, rows)) << line << ": " << reader.problem();
    Buffer again("x");
    writer.append(rows.view().substr(0, rows.size() - 1), again);
    ASSERT_EQ(again.view(), lines.view()) << one.row;
    ++changed;
  }
  EXPECT_GT(refused, 3000);
  EXPECT_GT(changed, 3000);
}

// Any byte of a line changed: it is refused, or the row that is read is one whose line can be written.
TEST(RowTextProperty, ADamagedLineIsRefusedOrMakesARow) {
  Generator generator(53);
  int refused = 0;
  int changed = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Sample one = sample(generator);
    std::string line = one.line();
    const char odd[] = {static_cast<char>(generator.below(256)), "\t\\\"{}[],: 0e"[generator.below(12)]};
    line[generator.below(line.size())] = odd[generator.below(2)];
    RowReader reader(one.columns);
    Buffer rows("x");
    if (!reader.append(line, rows)) {
      ASSERT_NE(reader.problem(), "");
      ASSERT_EQ(rows.view(), "x");
      ++refused;
      continue;
    }
    const std::string_view row = rows.view().substr(1, rows.size() - 2);
    ASSERT_EQ(row.find('\n'), std::string_view::npos) << line;
    ASSERT_EQ(std::count(row.begin(), row.end(), '\t') + 1, std::max<std::ptrdiff_t>(1, std::ssize(one.columns)));
    ++changed;
  }
  EXPECT_GT(refused, 3000);
  EXPECT_GT(changed, 3000);
}

}  // namespace
}  // namespace bulk
