#include "tests/conformance/conformance.h"

#include "backends/schema.h"
#include "codecs/item.h"
#include "codecs/lines.h"
#include "io/error.h"

namespace bulk::test {
namespace {

constexpr unsigned kSegmentCounts[] = {1, 2, 3, 7, 16};

std::string item(const std::string& attributes) {
  return R"({"Item":{"pk":{"S":"types"},"sk":{"N":"1"},)" + attributes + "}}";
}

TEST_P(Conformance, AnEmptyTableIsReadAsEmpty) {
  create();
  write({});
  EXPECT_EQ(read(), Content{});
  EXPECT_TRUE(store()->is_empty());
}

TEST_P(Conformance, HoldsWhatWasWritten) {
  // Around the 25 records of a BatchWriteItem, where others have lost or sent empty batches.
  for (const std::size_t count : {1, 24, 25, 26, 50, 1000}) {
    place_ = GetParam().make();
    create();
    EXPECT_EQ(write(lines(count)), 0u);
    EXPECT_EQ(read(), content_of(lines(count))) << count << " records";
    EXPECT_FALSE(store()->is_empty());
  }
}

TEST_P(Conformance, KeepsEveryType) {
  const std::string nul = GetParam().holds_nul ? "\\u0000" : "";
  const std::string nested =
      std::string(R"("x":{"L":[{"M":{"a":{"L":[]},"b":{"M":{}},"c":{"NULL":true}}},{"BOOL":false}]})");
  const std::vector<std::string> attributes = {
      R"("x":{"S":""})",
      R"("x":{"S":"quote \" backslash \\ newline \n tab \t null )" + nul + R"( bell \u0007"})",
      R"("x":{"S":"ünï ☃ 𝄞 \u00e9 \ud834\udd1e"})",
      R"("x":{"N":"0"})",
      R"("x":{"N":"-12345678901234567890123456789012345678"})",
      R"("x":{"N":"1E+125"})",
      R"("x":{"N":"-1.5e-130"})",
      R"("x":{"N":"0.00000000000000000000000000000000000001"})",
      R"("x":{"B":""})",
      R"("x":{"B":"AAECAwT/"})",
      R"("x":{"BOOL":true},"y":{"BOOL":false},"z":{"NULL":true})",
      R"("x":{"SS":["b","a","ü"]})",
      R"("x":{"NS":["3","-1","2.50"]})",
      R"("x":{"BS":["AAE=","/w=="]})",
      R"("x":{"L":[]},"y":{"M":{}})",
      nested,
      R"("a.b":{"S":"dot"},"with \"quotes\"":{"S":"q"},"ü":{"S":"u"},"#":{"S":":"})",
  };
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    lines.push_back(R"({"Item":{"pk":{"S":"types"},"sk":{"N":")" + std::to_string(i) + "\"}," + attributes[i] + "}}");
  }
  create();
  write(lines);
  const Content expected = content_of(lines);
  const Content found = read();
  for (const auto& [key, text] : expected.items) {
    const auto at = found.items.find(key);
    ASSERT_NE(at, found.items.end()) << key;
    EXPECT_EQ(at->second, text);
  }
  EXPECT_EQ(found.digest, expected.digest);
  EXPECT_EQ(found.records, expected.records);
}

TEST_P(Conformance, KeysOfEveryKindAreKept) {
  std::vector<std::string> lines;
  const char* const control = GetParam().holds_nul ? "\\u0000" : "\\u0001";
  for (const char* partition : {"a", "A", " a", "ü", control, "with \\\"quotes\\\"", "back\\\\slash\\ttab", "long"}) {
    for (const char* sort : {"0", "-1", "1.5", "1e20", "12345678901234567890123456789012345678"}) {
      lines.push_back(std::string(R"({"Item":{"pk":{"S":")") + partition + R"("},"sk":{"N":")" + sort + "\"}}}");
    }
  }
  create();
  write(lines);
  EXPECT_EQ(read(), content_of(lines));
}

TEST_P(Conformance, LargeItemsAreKept) {
  std::vector<std::string> lines;
  lines.reserve(6);
  for (int i = 0; i < 6; ++i) {
    lines.push_back(R"({"Item":{"pk":{"S":"large"},"sk":{"N":")" + std::to_string(i) + R"("},"x":{"S":")" +
                    std::string(400'000, static_cast<char>('a' + i)) + "\"}}}");
  }
  create();
  write(lines);
  EXPECT_EQ(read(), content_of(lines));
}

TEST_P(Conformance, SegmentsCoverEveryRecordOnce) {
  create();
  write(lines(1000));
  const Content expected = content_of(lines(1000));
  for (const unsigned segments : kSegmentCounts) {
    ReadOptions options;
    options.segments = segments;
    options.batch_bytes = 10'000;
    EXPECT_EQ(read(options), expected) << segments << " segments";
  }
}

TEST_P(Conformance, BatchesKeepToTheirSize) {
  create();
  write(lines(1000));
  ReadOptions options;
  options.segments = 1;
  const auto from = store();
  const auto source = from->source(options);
  const auto reader = source->open(source->plan().at(0), {});
  Batch batch;
  while (reader->read(batch)) {
    // One page or one record more than the target.
    EXPECT_LE(batch.bytes.size(), options.batch_bytes + (16u << 20));
    batch.reset();
  }
}

TEST_P(Conformance, IsEmptyAsksTheData) {
  if (!is_table()) GTEST_SKIP() << "a dump's count is exact";
  create();
  EXPECT_TRUE(store()->is_empty());
  EXPECT_EQ(write_one(lines(1)[0]).outcome, WriteResult::Outcome::done);
  EXPECT_FALSE(store()->is_empty());
}

TEST_P(Conformance, ARecordReplacesOneWithItsKey) {
  if (!is_table()) GTEST_SKIP() << "a dump replaces nothing";
  create();
  write({item(R"("x":{"S":"old"},"y":{"S":"gone"})")});
  write({R"({"Item":{"x":{"S":"new"},"sk":{"N":"1"},"pk":{"S":"types"}}})"});
  EXPECT_EQ(read(), content_of({item(R"("x":{"S":"new"})")}));
}

TEST_P(Conformance, NumbersThatAreEqualAreOneKey) {
  if (!is_table() || !GetParam().validates) GTEST_SKIP() << "keys are not compared by value here";
  create();
  write({item(R"("x":{"S":"old"})")});
  write({R"({"Item":{"x":{"S":"new"},"sk":{"N":"1.0"},"pk":{"S":"types"}}})"});
  EXPECT_EQ(read(), content_of({item(R"("x":{"S":"new"})")}));
}

TEST_P(Conformance, OnlyMissingLeavesExistingRecordsAlone) {
  if (!is_table()) GTEST_SKIP() << "a dump replaces nothing";
  create();
  const std::string old = R"({"Item":{"pk":{"S":"customer 3"},"sk":{"N":"3"},"name":{"S":"mine"}}})";
  write({old});
  EXPECT_EQ(write(lines(30), true), 1u);
  std::vector<std::string> expected = lines(30);
  expected[3] = old;
  EXPECT_EQ(read(), content_of(expected));
}

TEST_P(Conformance, WritingTwiceChangesNothing) {
  if (!is_table()) GTEST_SKIP() << "a dump is written once";
  create();
  write(lines(60));
  write(lines(60));
  EXPECT_EQ(read(), content_of(lines(60)));
}

TEST_P(Conformance, RefusesAnOversizedItemAndDoesNothing) {
  if (!is_table() || !GetParam().validates) GTEST_SKIP() << "any record is taken here";
  create();
  const WriteResult result = write_one(item(R"("x":{"S":")" + std::string(409'600, 'x') + "\"}"));
  EXPECT_EQ(result.outcome, WriteResult::Outcome::invalid);
  EXPECT_NE(result.reason.find("Item size"), std::string::npos) << result.reason;
  EXPECT_TRUE(store()->is_empty());
}

TEST_P(Conformance, RefusesAnItemWithoutItsKey) {
  if (!is_table() || !GetParam().validates) GTEST_SKIP() << "any record is taken here";
  create();
  for (const char* line : {R"({"Item":{"pk":{"S":"a"}}})", R"({"Item":{"pk":{"S":"a"},"sk":{"S":"1"}}})",
                           R"({"Item":{"pk":{"S":""},"sk":{"N":"1"}}})"}) {
    const WriteResult result = write_one(line);
    EXPECT_EQ(result.outcome, WriteResult::Outcome::invalid) << line;
    EXPECT_NE(result.reason.find("ValidationException"), std::string::npos) << result.reason;
  }
  EXPECT_TRUE(store()->is_empty());
}

TEST_P(Conformance, DescribesWhatWasCreated) {
  create();
  write(lines(3));
  const auto opened = store();
  const TableFacts facts = opened->describe();
  EXPECT_EQ(facts.dialect, "dynamodb-json");
  ASSERT_TRUE(facts.schema.has_value());
  EXPECT_EQ(facts.schema->key, key());
  EXPECT_EQ(schema_from_json(facts.schema->json).key, key());
  EXPECT_TRUE(opened->exists());
  EXPECT_FALSE(opened->url().empty());
}

TEST_P(Conformance, ATableThatIsNotThereIsNotFound) {
  EXPECT_FALSE(store()->exists());
  try {
    store()->describe();
    FAIL() << "described nothing";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_found) << error.line();
  }
}

TEST_P(Conformance, DropsAndCreatesAgain) {
  if (!is_table()) GTEST_SKIP() << "a dump is deleted by its owner";
  create();
  write(lines(30));
  const TableIdentity first = store()->describe().identity;
  store()->drop();
  EXPECT_FALSE(store()->exists());
  create();
  EXPECT_TRUE(store()->is_empty());
  const TableIdentity second = store()->describe().identity;
  EXPECT_EQ(first.name, second.name);
  EXPECT_TRUE(first.id.empty() || first.id != second.id || !GetParam().validates) << first.id;
}

TEST_P(Conformance, DoesNotCreateOverWhatExists) {
  if (!is_table()) GTEST_SKIP() << "a dump's file is made by its sink";
  create();
  write(lines(1));
  EXPECT_THROW(create(), Error);
  EXPECT_EQ(read(), content_of(lines(1)));
}

}  // namespace
}  // namespace bulk::test
