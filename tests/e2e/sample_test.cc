// The sample that comes with the program: made by its generator, and holding what it is there to show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/expect.h"
#include "tests/e2e/program.h"
#include "tests/support/shared.h"

namespace bulk::test {
namespace {

const std::string kExamples = std::string(BULK_SOURCE_DIR) + "/examples";

TEST(Sample, IsWhatItsGeneratorMakes) {
  BULK_REQUIRE_PROGRAM("python3");
  Sandbox sandbox;
  expect_ok(sandbox.shell(kExamples + "/make-sample made.gz"));
  // The items, not the file: gzip's bytes are its library's affair.
  expect_ok(sandbox.shell("zcat made.gz > made && zcat " + kExamples + "/shop.jsonl.gz > given && cmp made given"));
}

TEST(Sample, HoldsEveryTypeOfDynamoDB) {
  Sandbox sandbox;
  expect_ok(sandbox.shell("zcat " + kExamples + "/shop.jsonl.gz > items.jsonl"));
  const std::string items = sandbox.read("items.jsonl");
  for (const char* part :
       {R"({"S":")", R"({"N":"-)", R"({"B":")", R"({"BOOL":true})", R"({"BOOL":false})", R"({"NULL":true})",
        R"({"L":[{")", R"({"M":{")", R"({"SS":[")", R"({"NS":[")", R"({"BS":[")", R"({"S":""})", R"({"B":""})",
        R"({"L":[]})", R"({"M":{}})", R"("address.default":)", "E-120", "E+120", "佐々木"}) {
    EXPECT_THAT(items, testing::HasSubstr(part));
  }
}

}  // namespace
}  // namespace bulk::test
