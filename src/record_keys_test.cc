#include "src/record_keys.h"

#include <gtest/gtest.h>

#include <string>

namespace bulk {
namespace {

// A batch of one line.
struct One {
  explicit One(const std::string& line, std::uint32_t table = 0) {
    batch.bytes.append(line + "\n");
    batch.table = table;
    Record record;
    record.length = static_cast<std::uint32_t>(line.size());
    record.digest = hash128(line);
    batch.records.push_back(record);
  }
  RecordRef ref() const { return {&batch, 0}; }
  Batch batch;
};

std::shared_ptr<const RowSchema> tables() {
  RowSchema rows;
  rows.tables.push_back(
      {"public",
       "orders",
       {{"id", "bigint", RowKind::number}, {"at", "text", RowKind::text}, {"n", "integer", RowKind::number}},
       {"at", "id"}});
  rows.tables.push_back({"public", "logs", {{"line", "text", RowKind::text}}, {}});
  rows.tables.push_back({"odd \"x\"", "big", {{"f", "double precision", RowKind::number}}, {"f"}});
  return std::make_shared<const RowSchema>(rows);
}

std::string text_of(const One& one) {
  return std::string(keys_of_rows(tables())->of(one.ref()).text);
}

TEST(RecordKeys, ARowIsNamedByItsTableAndPrimaryKey) {
  EXPECT_EQ(text_of(One(R"({"id":9223372036854775807,"at":"a \"b\"","n":1})")),
            R"({"table":"public.orders","key":{"at":"a \"b\"","id":9223372036854775807}})");
}

TEST(RecordKeys, RowsOfOneKeyHaveOneHashWhateverElseTheyHold) {
  const auto keys = keys_of_rows(tables());
  const One first(R"({"id":1,"at":"x","n":1})"), second(R"({"id":1,"at":"x","n":2})"),
      other(R"({"id":2,"at":"x","n":1})");
  const Digest hash = keys->of(first.ref()).hash;
  EXPECT_EQ(keys->of(second.ref()).hash, hash);
  EXPECT_FALSE(keys->of(other.ref()).hash == hash);
}

TEST(RecordKeys, ATextThatLooksLikeANumberStaysAText) {
  EXPECT_EQ(text_of(One(R"({"id":1,"at":"17"})")), R"({"table":"public.orders","key":{"at":"17","id":1}})");
}

TEST(RecordKeys, NumbersThatAreNoJsonStandInQuotes) {
  EXPECT_EQ(text_of(One(R"({"f":"NaN"})", 2)), R"({"table":"odd \"x\".big","key":{"f":"NaN"}})");
  EXPECT_EQ(text_of(One(R"({"f":"-Infinity"})", 2)), R"({"table":"odd \"x\".big","key":{"f":"-Infinity"}})");
  EXPECT_EQ(text_of(One(R"({"f":-1e-07})", 2)), R"({"table":"odd \"x\".big","key":{"f":-1e-07}})");
}

TEST(RecordKeys, ARowWithoutAKeyIsNamedByAllItHolds) {
  EXPECT_EQ(text_of(One(R"({"line":"a"})", 1)), R"({"table":"public.logs","row":{"line":"a"}})");
  const std::string text = text_of(One(R"({"line":")" + std::string(5000, 'x') + "\"}", 1));
  EXPECT_TRUE(text.starts_with(R"({"table":"public.logs","row_hash":")")) << text;
  EXPECT_EQ(text.size(), std::string(R"({"table":"public.logs","row_hash":""})").size() + 32);
}

TEST(RecordKeys, EqualLinesOfTwoTablesAreTwoRecords) {
  RowSchema rows = *tables();
  rows.tables[0].primary_key.clear();
  const auto keys = keys_of_rows(std::make_shared<const RowSchema>(rows));
  const One first("{}", 0), second("{}", 1);
  const Digest hash = keys->of(first.ref()).hash;
  EXPECT_FALSE(keys->of(second.ref()).hash == hash);
}

}  // namespace
}  // namespace bulk
