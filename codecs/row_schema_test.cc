#include "codecs/row_schema.h"

#include <gtest/gtest.h>

#include "codecs/json_check.h"
#include "io/error.h"

namespace bulk {
namespace {

RowSchema sample() {
  RowSchema schema;
  schema.server = "15.18";
  schema.database = "shop";
  schema.tables = {{"public",
                    "orders",
                    {{"id", "bigint", RowKind::number},
                     {"paid", "boolean", RowKind::boolean},
                     {"doc", "jsonb", RowKind::json},
                     {"note \"ü\"\n", "character varying", RowKind::text}},
                    {"id"}},
                   {"public", "nothing", {}, {}}};
  return schema;
}

RowSchema full_sample() {
  RowSchema schema = sample();
  schema.pre_data = "CREATE TABLE public.orders (\n\tid bigint\n);\n";
  schema.post_data = "ALTER TABLE x;";
  schema.sequences = {{"public", "orders_id_seq", "4711", true, "public.orders"},
                      {"s", "down", "-9223372036854775808", false, ""}};
  schema.materialized_views = {{"public", "totals"}, {"s", "more"}};
  schema.not_copied = {"foreign table \"public.f\""};
  return schema;
}

std::string problem(std::string_view json) {
  try {
    decode_row_schema(json);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    return error.what();
  }
  return "sound";
}

std::string with_tables(const std::string& tables) {
  return "{\"tables\":[" + tables + "]}";
}

TEST(RowSchema, IsWrittenAsTheSpecificationShows) {
  EXPECT_EQ(
      encode_row_schema(full_sample()),
      R"({"server":"15.18","database":"shop","tables":[)"
      R"({"schema":"public","name":"orders","columns":[{"name":"id","type":"bigint","kind":"number"},)"
      R"({"name":"paid","type":"boolean","kind":"boolean"},{"name":"doc","type":"jsonb","kind":"json"},)"
      R"({"name":"note \"ü\"\n","type":"character varying","kind":"text"}],"primary_key":["id"]},)"
      R"({"schema":"public","name":"nothing","columns":[],"primary_key":[]}],)"
      R"("pre_data":"CREATE TABLE public.orders (\n\tid bigint\n);\n","post_data":"ALTER TABLE x;",)"
      R"("sequences":[{"schema":"public","name":"orders_id_seq","value":"4711","called":true,"table":"public.orders"},)"
      R"({"schema":"s","name":"down","value":"-9223372036854775808","called":false}],)"
      R"("materialized_views":[["public","totals"],["s","more"]],)"
      R"("not_copied":["foreign table \"public.f\""]})");
}

TEST(RowSchema, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(encode_row_schema({}), R"({"server":"","database":"","tables":[]})");
}

TEST(RowSchema, ComesBackAsItWas) {
  EXPECT_EQ(decode_row_schema(encode_row_schema(full_sample())), full_sample());
  EXPECT_EQ(decode_row_schema(encode_row_schema(sample())), sample());
  EXPECT_EQ(decode_row_schema(encode_row_schema({})), RowSchema());
}

TEST(RowSchema, NamesOfAllCharactersComeBack) {
  RowSchema schema;
  RowTable& table = schema.tables.emplace_back(RowTable{"s", "t", {}, {}});
  for (char c = 1; c < 127; ++c) table.columns.push_back({std::string(1, c), "text", RowKind::text});
  table.primary_key = {"\x01", "\\", "\""};
  const std::string json = encode_row_schema(schema);
  EXPECT_EQ(check_json(json).text, "");
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_EQ(decode_row_schema(json), schema);
}

TEST(RowSchema, IgnoresMembersItDoesNotKnow) {
  const RowSchema schema = decode_row_schema(
      R"({"later":{"a":[1e5,null]},"tables":[{"schema":"s","name":"t","columns":[],"later":1}],"server":"18"})");
  EXPECT_EQ(schema.server, "18");
  ASSERT_EQ(schema.tables.size(), 1u);
  EXPECT_EQ(schema.tables[0].full_name(), "s.t");
  EXPECT_TRUE(schema.tables[0].primary_key.empty());
}

TEST(RowSchema, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(problem(""), "row schema: the text ends too early at byte 0");
  EXPECT_EQ(problem("[]"), "row schema: not an object");
  EXPECT_EQ(problem("{}"), "row schema: member 'tables' is missing");
  EXPECT_EQ(problem(R"({"tables":{}})"), "row schema: tables: not an array");
  EXPECT_EQ(problem(R"({"tables":[],"server":15})"), "row schema: server: not a string");
  EXPECT_EQ(problem(R"({"tables":[],"pre_data":"a\u0000b"})"), "row schema: pre_data: a NUL character");
  EXPECT_EQ(problem("{\"tables\":[],\"server\":\"\xFF\"}"), "row schema: a string is not UTF-8 at byte 23");
  EXPECT_EQ(problem(R"({"tables":[],"x":1e999})"), "row schema: its JSON is damaged at byte 17");
  EXPECT_EQ(problem(with_tables("7")), "row schema: tables[0]: not an object");
  EXPECT_EQ(problem(with_tables(R"({"schema":"s","columns":[]})")), "row schema: tables[0]: member 'name' is missing");
  EXPECT_EQ(problem(with_tables(R"({"schema":"","name":"t","columns":[]})")),
            "row schema: tables[0].schema: an empty name");
  EXPECT_EQ(problem(with_tables(R"({"schema":"s","name":"t"})")), "row schema: tables[0]: member 'columns' is missing");
  EXPECT_EQ(problem(with_tables(R"({"schema":"s","name":"t","columns":[]},{"schema":"s","name":"t","columns":[]})")),
            "row schema: tables[1]: 's.t' stands twice");
}

TEST(RowSchema, SaysWhatIsWrongWithColumns) {
  const auto columns = [](const std::string& columns, const std::string& more = "") {
    return problem(with_tables(R"({"schema":"s","name":"t","columns":[)" + columns + "]" + more + "}"));
  };
  const std::string id = R"({"name":"id","type":"bigint","kind":"number"})";
  EXPECT_EQ(columns("[]"), "row schema: tables[0].columns[0]: not an object");
  EXPECT_EQ(columns(id + R"(,{"name":"b","type":"x","kind":"blob"})"),
            "row schema: tables[0].columns[1].kind: 'blob' is none of number, boolean, json and text");
  EXPECT_EQ(columns(R"({"name":"id","kind":"number"})"), "row schema: tables[0].columns[0]: member 'type' is missing");
  EXPECT_EQ(columns(id + "," + id), "row schema: tables[0].columns[1]: column 'id' stands twice");
  EXPECT_EQ(columns(id, R"(,"primary_key":["id","no"])"),
            "row schema: tables[0].primary_key[1]: 'no' is no column of the table, or stands twice");
  EXPECT_EQ(columns(id, R"(,"primary_key":["id","id"])"),
            "row schema: tables[0].primary_key[1]: 'id' is no column of the table, or stands twice");
  EXPECT_EQ(columns(id, R"(,"primary_key":["id"])"), "sound");
}

TEST(RowSchema, SaysWhatIsWrongWithSequencesAndViews) {
  const auto with = [](const std::string& members) { return problem("{\"tables\":[]," + members + "}"); };
  // What stands there gets into SQL.
  for (const char* value : {"", "1; DROP TABLE x", "+1", " 1", "1.5", "9223372036854775808"}) {
    EXPECT_EQ(with(R"("sequences":[{"schema":"s","name":"q","value":")" + std::string(value) + R"(","called":true}])"),
              "row schema: sequences[0].value: '" + std::string(value) + "' is no 64-bit whole number");
  }
  EXPECT_EQ(with(R"("sequences":[{"schema":"s","name":"q","value":"1"}])"),
            "row schema: sequences[0]: member 'called' is missing");
  EXPECT_EQ(with(R"("sequences":[{"schema":"s","name":"q","value":"1","called":1}])"),
            "row schema: sequences[0].called: neither true nor false");
  EXPECT_EQ(with(R"("materialized_views":["s.v"])"),
            "row schema: materialized_views[0]: not an array of a schema and a name");
  EXPECT_EQ(with(R"("materialized_views":[["s"]])"),
            "row schema: materialized_views[0]: not an array of a schema and a name");
  EXPECT_EQ(with(R"("materialized_views":[["s","v"],["s",""]])"), "row schema: materialized_views[1]: an empty name");
  EXPECT_EQ(with(R"("materialized_views":[["s","v"],["s","v"]])"),
            "row schema: materialized_views[1]: 's.v' stands twice");
  EXPECT_EQ(with(R"("not_copied":[1])"), "row schema: not_copied[0]: not a string");
}

}  // namespace
}  // namespace bulk
