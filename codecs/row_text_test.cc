#include "codecs/row_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "codecs/json_check.h"
#include "io/error.h"

namespace bulk {
namespace {

using Columns = std::vector<RowColumn>;

RowColumn column(const std::string& name, RowKind kind) {
  return {name, "", kind};
}

const Columns kColumns = {column("id", RowKind::number), column("name", RowKind::text), column("ok", RowKind::boolean),
                          column("doc", RowKind::json)};

// The line without its newline, or the error.
std::string line_of(const Columns& columns, std::string_view row) {
  RowWriter writer(columns);
  Buffer out("before");
  try {
    writer.append(row, out);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    EXPECT_EQ(out.view(), "before");
    return error.what();
  }
  const std::string text(out.view());
  EXPECT_TRUE(text.starts_with("before{") && text.ends_with("}\n")) << text;
  EXPECT_EQ(check_json(text.substr(6)).text, "") << text;
  return text.substr(6, text.size() - 7);
}

// The row without its newline, or the problem.
std::string row_of(const Columns& columns, std::string_view line) {
  RowReader reader(columns);
  Buffer out("before");
  if (!reader.append(line, out)) {
    EXPECT_EQ(out.view(), "before");
    EXPECT_NE(reader.problem(), "");
    return "problem: " + reader.problem();
  }
  const std::string text(out.view());
  EXPECT_TRUE(text.starts_with("before") && text.ends_with("\n")) << text;
  return text.substr(6, text.size() - 7);
}

void comes_back(const Columns& columns, const std::string& row, const std::string& line) {
  EXPECT_EQ(line_of(columns, row), line);
  EXPECT_EQ(row_of(columns, line), row);
}

Columns one(RowKind kind) {
  return {column("c", kind)};
}

std::string value_of(RowKind kind, const std::string& text) {
  return line_of(one(kind), text);
}

TEST(RowText, ARowIsTheLineOfTheSpecification) {
  const Columns columns = {column("id", RowKind::number),    column("name", RowKind::text),
                           column("price", RowKind::number), column("tags", RowKind::text),
                           column("doc", RowKind::json),     column("ok", RowKind::boolean)};
  comes_back(columns, "1\tZoë\t12.50\t{a,b}\t{\"a\": null}\tt",
             R"({"id":1,"name":"Zoë","price":12.50,"tags":"{a,b}","doc":{"a": null},"ok":true})");
}

TEST(RowText, NullsAreLeftOutAndEmptyTextIsNone) {
  comes_back(kColumns, "1\t\\N\t\\N\t\\N", R"({"id":1})");
  comes_back(kColumns, "\\N\t\tf\tnull", R"({"name":"","ok":false,"doc":null})");
  comes_back(kColumns, "\\N\t\\N\t\\N\t\\N", "{}");
  comes_back(kColumns, "\\N\t\\\\N\t\\N\t\"\\\\\\\\N\"", R"({"name":"\\N","doc":"\\N"})");
  comes_back({}, "", "{}");
  comes_back(one(RowKind::text), "", R"({"c":""})");
  comes_back(one(RowKind::text), "\\N", "{}");
}

TEST(RowText, ControlCharactersAreEscapedAsTheSpecificationSays) {
  comes_back(one(RowKind::text), R"(\\ \b\t\n\f\r\v "/)", R"({"c":"\\ \b\t\n\f\r\u000b \"/"})");
  std::string row;
  std::string line = "{\"c\":\"";
  for (char c = 1; c < 0x20; ++c) {
    if (std::string_view("\b\t\n\v\f\r").find(c) != std::string_view::npos) continue;
    row += c;
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
    line += escape;
  }
  comes_back(one(RowKind::text), row + "\x7F\xC2\x80\xF0\x9F\x99\x82", line + "\x7F\xC2\x80\xF0\x9F\x99\x82\"}");
}

// Steps of 16 bytes and what is left of them.
TEST(RowText, EscapesMayStandAnywhere) {
  for (std::size_t before = 0; before < 40; ++before) {
    for (std::size_t behind = 0; behind < 40; ++behind) {
      const std::string head(before, 'a');
      const std::string tail(behind, 'z');
      const Columns columns = {column("a", RowKind::text), column("b", RowKind::json), column("c", RowKind::text)};
      comes_back(columns, fmt::format("{0}\\n{1}\t[\"{0}\\\\n{1}\"]\t{1}\x01\"", head, tail),
                 fmt::format(R"({{"a":"{0}\n{1}","b":["{0}\n{1}"],"c":"{1}\u0001\""}})", head, tail));
    }
  }
}

TEST(RowText, EscapesMayMakeALineManyTimesAsLong) {
  std::string line = "{\"c\":\"";
  for (int i = 0; i < 100'000; ++i) line += "\\u0001";
  line += "\"}";
  const std::string controls(100'000, '\x01');
  // Not EXPECT_EQ, which would print them.
  EXPECT_TRUE(line_of(one(RowKind::text), controls) == line);
  EXPECT_TRUE(row_of(one(RowKind::text), line) == controls);
  const std::string row = "\"" + std::string(400'000, '\\') + "\"";
  line = "{\"c\":\"" + std::string(200'000, '\\') + "\"}";
  EXPECT_TRUE(line_of(one(RowKind::json), row) == line);
  EXPECT_TRUE(row_of(one(RowKind::json), line) == row);
}

TEST(RowText, NumbersStandAsPostgresqlSpellsThem) {
  for (const std::string number :
       {"0", "-0", "7", "-1", "123", "9223372036854775807", "-9223372036854775808", "0.50", "-0.001", "12.500000",
        "1e+100", "1e-07", "-1.7976931348623157e+308", "5e-324", "1234567890123456", "12345678901234567"}) {
    comes_back(one(RowKind::number), number, "{\"c\":" + number + "}");
  }
  const std::string huge = std::string(131'072, '9') + "." + std::string(16'383, '1');
  comes_back(one(RowKind::number), huge, "{\"c\":" + huge + "}");
  for (const std::string word : {"NaN", "Infinity", "-Infinity"}) {
    comes_back(one(RowKind::number), word, "{\"c\":\"" + word + "\"}");
  }
}

TEST(RowText, WhatIsNoNumberIsRefused) {
  for (const std::string text : {"",
                                 "-",
                                 "+1",
                                 "01",
                                 "-01",
                                 ".5",
                                 "1.",
                                 "1e",
                                 "1e+",
                                 "1.e5",
                                 "nan",
                                 "inf",
                                 "infinity",
                                 "--1",
                                 "1 ",
                                 " 1",
                                 "1\"",
                                 "1,2",
                                 "0x1",
                                 "1_000",
                                 "1\\n",
                                 "$1.00",
                                 "12345678901234567x"}) {
    EXPECT_EQ(value_of(RowKind::number, text), "column 'c': '" + text + "' is no number (at byte 0 of the row)");
  }
  EXPECT_EQ(line_of(kColumns, "abc\tx\tt\t1"), "column 'id': 'abc' is no number (at byte 0 of the row)");
}

TEST(RowText, WhatIsNoBooleanIsRefused) {
  for (const std::string text : {"", "true", "T", "1", "t ", "tf"}) {
    EXPECT_EQ(value_of(RowKind::boolean, text), "column 'c': '" + text + "' is neither t nor f (at byte 0 of the row)");
  }
}

TEST(RowText, AJsonbStandsAsItIs) {
  for (const std::string json :
       {"1", "-0.5", "true", "false", "null", "\"\"", "\"a\"", "{}", "[]", "[[[]], {}]",
        R"({"a": {"b": ["}", "]", "{", 1.50]}, "ü": "x, \"y"})",
        R"(["a b c d e f g h i j k l m n o p q r s t u v w x y z", {"deep": [1, 2, [3, "[[["]]}])"}) {
    std::string row;
    for (char c : json) row += c == '\\' ? "\\\\" : std::string(1, c);
    comes_back(one(RowKind::json), row, "{\"c\":" + json + "}");
    comes_back(kColumns, "1\tx\tt\t" + row, "{\"id\":1,\"name\":\"x\",\"ok\":true,\"doc\":" + json + "}");
  }
}

TEST(RowText, WhatIsNoSingleJsonValueIsRefused) {
  for (const std::string text : {"", "{", "}", "[1", "[1]]", "{\"a\": 1},\"b\":{\"c\": 2}", "1,\"b\":2", "1 ", "\"a",
                                 "\"a\"b\"", "\"", "tru", "truely", "nul", "a", "{\"a\": \"}", "-", "[\"]"}) {
    EXPECT_EQ(value_of(RowKind::json, text), "column 'c': '" + text + "' is no JSON value (at byte 0 of the row)");
  }
  // A backslash that escapes the quote, as COPY writes it: the string goes on.
  EXPECT_EQ(value_of(RowKind::json, "\"a\\\\\""), "column 'c': '\"a\\\\\"' is no JSON value (at byte 0 of the row)");
  for (const std::string text : {"[1,\\n2]", "[\"\\t\"]", "[\x01]", "[\r]", "[\\", "[\"\\u0001\"]"}) {
    EXPECT_EQ(value_of(RowKind::json, text), "column 'c': a control character or escape that no jsonb holds (at byte " +
                                                 std::to_string(text.find_first_of("\\\x01\r")) + " of the row)");
  }
}

TEST(RowText, ARowHasAsManyValuesAsColumns) {
  EXPECT_EQ(line_of(kColumns, "1\tx\tt"), "column 'doc': the row ends before it (at byte 5 of the row)");
  EXPECT_EQ(line_of(kColumns, "1"), "column 'name': the row ends before it (at byte 1 of the row)");
  EXPECT_EQ(line_of(kColumns, ""), "column 'id': '' is no number (at byte 0 of the row)");
  EXPECT_EQ(line_of(kColumns, "1\tx\tt\t{}\t"),
            "a row holds more values than the 4 of its columns (at byte 8 of the row)");
  EXPECT_EQ(line_of({}, "x"), "a row holds more values than the 0 of its columns (at byte 0 of the row)");
}

TEST(RowText, WhatCopyNeverWritesIsRefused) {
  const std::string no_escape = "column 'c': an escape that PostgreSQL does not write (at byte 1 of the row)";
  for (const char* text : {"a\\x41", "a\\101", "a\\.", "a\\N", "a\\a", "a\\\"", "a\\\x01"}) {
    EXPECT_EQ(value_of(RowKind::text, text), no_escape) << text;
  }
  EXPECT_EQ(value_of(RowKind::text, "\\Nx"),
            "column 'c': an escape that PostgreSQL does not write (at byte 0 of the row)");
  EXPECT_EQ(value_of(RowKind::text, "a\\"), "column 'c': a backslash at its end (at byte 1 of the row)");
  EXPECT_EQ(line_of({column("a", RowKind::text), column("b", RowKind::text)}, "a\\\tb"),
            "column 'a': a backslash at its end (at byte 1 of the row)");
  for (const char c : {'\0', '\n', '\r'}) {
    EXPECT_EQ(value_of(RowKind::text, std::string("ab") + c + "cdefghijklmnopqrstuvwxyz"),
              "column 'c': a control character that PostgreSQL does not write (at byte 2 of the row)");
  }
}

TEST(RowText, NamesAreQuotedAsJsonWantsIt) {
  const Columns columns = {column("a\"b", RowKind::number), column("c\\d", RowKind::text),
                           column("\n\x01", RowKind::json), column("Grüße, 東京都 und noch mehr", RowKind::boolean),
                           column(std::string(63, '"'), RowKind::text)};
  std::string quotes;
  for (int i = 0; i < 63; ++i) quotes += "\\\"";
  comes_back(columns, "1\t2\t3\tt\tx",
             R"({"a\"b":1,"c\\d":"2","\n\u0001":3,"Grüße, 東京都 und noch mehr":true,")" + quotes + "\":\"x\"}");
  EXPECT_EQ(line_of(columns, "x\t2\t3\tt\tx"), "column 'a\"b': 'x' is no number (at byte 0 of the row)");
}

TEST(RowText, LinesAreCheckedForUtf8ManyAtOnce) {
  RowWriter::check_utf8("");
  RowWriter::check_utf8("{\"a\":\"Zoë\"}\n{\"a\":\"🙂\"}\n");
  const auto problem = [](std::string_view lines) -> std::string {
    try {
      RowWriter::check_utf8(lines);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::corrupt);
      return error.what();
    }
    return "sound";
  };
  EXPECT_EQ(problem("{\"a\":\"Zoë\"}\n{\"a\":\"\xFF\"}\n"), "row 2 is not UTF-8 (at byte 6): {\"a\":\"?\"}");
  EXPECT_EQ(problem("{\"é\":\"\xC3\"}\n{\"a\":\"\xFF\"}"), "row 1 is not UTF-8 (at byte 7): {\"??\":\"?\"}");
  // Surrogates, and more bytes than a letter needs.
  EXPECT_EQ(problem("\n\xED\xA0\x80\n"), "row 2 is not UTF-8 (at byte 0): ???");
  EXPECT_EQ(problem("a\xC0\x80"), "row 1 is not UTF-8 (at byte 1): a??");
  EXPECT_EQ(problem("a\xF0\x9F\x99"), "row 1 is not UTF-8 (at byte 1): a???");
}

TEST(RowText, ReadsAnySpellingOfARow) {
  const std::string row = "7\tZoë\tf\t{\"a\": [1]}";
  for (const std::string line :
       {R"({"id":7,"name":"Zoë","ok":false,"doc":{"a": [1]}})", R"({"name":"Zoë","doc":{"a": [1]},"id":7,"ok":false})",
        R"( { "id" : 7 , "name" : "Zoë" , "ok" : false , "doc" : {"a": [1]} } )",
        R"({"\u0069d":7,"n\u0061me":"Zo\u00eb","ok":false,"doc":{"a": [1]}})",
        "\t{\r\n\"id\":7,\"name\":\"Zo\\u00EB\"\n,\"ok\":false,\"doc\":{\"a\": [1]}\r\n}\r"}) {
    EXPECT_EQ(row_of(kColumns, line), row) << line;
  }
  EXPECT_EQ(row_of(kColumns, "{ }"), "\\N\t\\N\t\\N\t\\N");
  EXPECT_EQ(row_of({}, " { } "), "");
}

TEST(RowText, DecodesAllEscapesOfStrings) {
  const auto text = [](const std::string& content) {
    return row_of(one(RowKind::text), "{\"c\":\"" + content + "\"}");
  };
  EXPECT_EQ(text(R"(\"\\\/\b\f\n\r\t)"), R"("\\/\b\f\n\r\t)");
  EXPECT_EQ(text(R"(\u0022\u005c\u005C\u002f\u0008\u000c\u000A\u000d\u0009\u000b\u0001\u007f\u0041)"),
            "\"\\\\\\\\/\\b\\f\\n\\r\\t\\v\x01\x7F"
            "A");
  EXPECT_EQ(text(R"(\u00e9\u20AC\ud83d\ude42)"), "é€🙂");
  EXPECT_EQ(text("é€🙂"), "é€🙂");
}

TEST(RowText, NumbersOfAnySpellingAndStringsGoIntoColumnsOfNumbers) {
  const auto number = [](const std::string& value) { return row_of(one(RowKind::number), "{\"c\":" + value + "}"); };
  EXPECT_EQ(number("1E5"), "1E5");
  EXPECT_EQ(number("\"NaN\""), "NaN");
  EXPECT_EQ(number("\"-Infinity\""), "-Infinity");
  // As it stands: what is no number PostgreSQL refuses.
  EXPECT_EQ(number("\"a\\tb\""), "a\\tb");
}

TEST(RowText, AJsonbOfAnySpellingGoesThrough) {
  const auto json = [](const std::string& value) { return row_of(one(RowKind::json), "{\"c\":" + value + "}"); };
  EXPECT_EQ(json("[1,\r\n\t2 ]"), "[1,\\r\\n\\t2 ]");
  EXPECT_EQ(json(R"("\\ \" \u0000 \ud800")"), R"("\\\\ \\" \\u0000 \\ud800")");
  EXPECT_EQ(json(" 1 "), "1");
  EXPECT_EQ(json("null"), "null");
  EXPECT_EQ(json("[\x01]"), "problem: column 'c': a control character in a JSON value (at byte 6)");
  EXPECT_EQ(json("[[1"), "problem: column 'c': no JSON value (at byte 5)");
}

TEST(RowText, SaysWhatIsWrongWithALine) {
  const auto problem = [](const std::string& line) { return row_of(kColumns, line); };
  EXPECT_EQ(problem(""), "problem: not a JSON object (at byte 0)");
  EXPECT_EQ(problem(" []"), "problem: not a JSON object (at byte 1)");
  EXPECT_EQ(problem("{"), "problem: expected a column's name in double quotes (at byte 1)");
  EXPECT_EQ(problem("{,\"id\":1}"), "problem: expected a column's name in double quotes (at byte 1)");
  EXPECT_EQ(problem("{\"id\":1,}"), "problem: expected a column's name in double quotes (at byte 8)");
  EXPECT_EQ(problem("{\"id:1}"), "problem: a name that does not end (at byte 1)");
  EXPECT_EQ(problem("{\"\\x\":1}"), "problem: unknown escape sequence (at byte 1)");
  EXPECT_EQ(problem("{\"id\" 1}"), "problem: column 'id': expected ':' (at byte 6)");
  EXPECT_EQ(problem("{\"id\""), "problem: column 'id': expected ':' (at byte 5)");
  EXPECT_EQ(problem("{\"id\":"), "problem: column 'id': no JSON value (at byte 6)");
  EXPECT_EQ(problem("{\"id\":abc}"), "problem: column 'id': no JSON value (at byte 6)");
  EXPECT_EQ(problem("{\"id\":1"), "problem: the line ends inside a row (at byte 7)");
  EXPECT_EQ(problem("{\"id\":1 \"ok\":true}"), "problem: expected ',' or '}' (at byte 8)");
  EXPECT_EQ(problem("{\"id\":01}"), "problem: expected ',' or '}' (at byte 7)");
  EXPECT_EQ(problem("{\"id\":1}\"name\":\"x\"}"), "problem: text after the end of the row (at byte 8)");
  EXPECT_EQ(problem("{\"id\":1,\"no\":2}"), "problem: there is no column 'no' (at byte 8)");
  EXPECT_EQ(problem("{\"id\":1,\"id\":2}"), "problem: column 'id': it stands twice (at byte 8)");
  EXPECT_EQ(problem("{\"ID\":1}"), "problem: there is no column 'ID' (at byte 1)");
}

TEST(RowText, SaysWhatIsWrongWithAValue) {
  const auto problem = [](const std::string& line) { return row_of(kColumns, line); };
  EXPECT_EQ(problem(R"({"id":null})"), "problem: column 'id': null; a column that is NULL is left out (at byte 6)");
  EXPECT_EQ(problem(R"({"name":null})"), "problem: column 'name': null; a column that is NULL is left out (at byte 8)");
  EXPECT_EQ(problem(R"({"ok":null})"), "problem: column 'ok': null; a column that is NULL is left out (at byte 6)");
  EXPECT_EQ(problem(R"({"id":{}})"), "problem: column 'id': an object where a number is expected (at byte 6)");
  EXPECT_EQ(problem(R"({"id":true})"), "problem: column 'id': true where a number is expected (at byte 6)");
  EXPECT_EQ(problem(R"({"name":5})"), "problem: column 'name': a number where a string is expected (at byte 8)");
  EXPECT_EQ(problem(R"({"name":["a"]})"), "problem: column 'name': an array where a string is expected (at byte 8)");
  EXPECT_EQ(problem(R"({"ok":"t"})"), "problem: column 'ok': a string where true or false is expected (at byte 6)");
  EXPECT_EQ(problem(R"({"ok":1})"), "problem: column 'ok': a number where true or false is expected (at byte 6)");
  EXPECT_EQ(problem(R"({"name":false})"), "problem: column 'name': false where a string is expected (at byte 8)");
  EXPECT_EQ(problem(R"({"name":"a\u0000"})"),
            "problem: column 'name': \\u0000, which PostgreSQL cannot hold (at byte 10)");
  EXPECT_EQ(problem(R"({"name":"\ud800"})"), "problem: column 'name': lone surrogate (at byte 9)");
  EXPECT_EQ(problem(R"({"name":"\x"})"), "problem: column 'name': unknown escape sequence (at byte 9)");
  EXPECT_EQ(problem("{\"name\":\"\x01\"}"), "problem: column 'name': a control character in a string (at byte 9)");
  EXPECT_EQ(problem(std::string("{\"name\":\"a\0\"}", 13)),
            "problem: column 'name': a control character in a string (at byte 10)");
}

TEST(RowText, AReaderGoesOnAfterABadLine) {
  RowReader reader(kColumns);
  Buffer out;
  EXPECT_FALSE(reader.append(R"({"id":1,"name":5})", out));
  RowReader moved = std::move(reader);
  EXPECT_TRUE(moved.append(R"({"name":"x","id":1})", out));
  EXPECT_TRUE(moved.append(R"({"id":2})", out));
  EXPECT_EQ(out.view(), "1\tx\t\\N\t\\N\n2\t\\N\t\\N\t\\N\n");
}

}  // namespace
}  // namespace bulk
