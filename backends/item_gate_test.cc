#include "backends/item_gate.h"

#include <gtest/gtest.h>

namespace bulk {
namespace {

const KeySchema kKey{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};

TEST(ItemGate, DecodesTheKey) {
  ItemGate gate(kKey);
  ASSERT_TRUE(gate.admit(R"({"Item":{"sk":{"N":"1e2"},"x":{"S":""},"pk":{"S":"a\"\u0041"}}})")) << gate.reason();
  EXPECT_EQ(gate.key_values().partition, "a\"A");
  EXPECT_EQ(gate.key_values().sort, "100");
  EXPECT_EQ(gate.item(), R"({"sk":{"N":"1e2"},"x":{"S":""},"pk":{"S":"a\"\u0041"}})");
}

TEST(ItemGate, AdmitsAnItemOrAKeyAlone) {
  ItemGate gate(kKey);
  ASSERT_TRUE(gate.admit_item(R"({"sk":{"N":"1e2"},"pk":{"S":"a"}})")) << gate.reason();
  EXPECT_EQ(gate.key_text(), R"({"pk":{"S":"a"},"sk":{"N":"100"}})");
  EXPECT_EQ(gate.facts().size_bytes, 7u);
  EXPECT_FALSE(gate.admit_item(R"({"sk":{"N":"1e2"},"pk":{"S":"a"}} )"));
  EXPECT_EQ(gate.reason(), "ValidationException: text behind the item");
}

TEST(ItemGate, RefusesWhatIsNoRecordLine) {
  ItemGate gate(kKey);
  EXPECT_FALSE(gate.admit("{}"));
  EXPECT_EQ(gate.reason(), "ValidationException: not a record line");
}

TEST(ItemGate, RefusesAnItemWithoutItsKey) {
  ItemGate gate(kKey);
  EXPECT_FALSE(gate.admit(R"({"Item":{"pk":{"S":"a"}}})"));
  EXPECT_TRUE(gate.reason().starts_with("ValidationException: One or more parameter values were invalid: "))
      << gate.reason();
  EXPECT_NE(gate.reason().find("sk"), std::string::npos);
}

TEST(ItemGate, AcceptsTheLastLegalSizeOnly) {
  ItemGate gate(KeySchema{{"pk", 'S'}, std::nullopt});
  const auto line = [](std::size_t size) {
    // pk + "a" are 3 bytes, the name x is 1.
    return R"({"Item":{"pk":{"S":"a"},"x":{"S":")" + std::string(size - 4, 'y') + "\"}}}";
  };
  EXPECT_TRUE(gate.admit(line(409'600))) << gate.reason();
  EXPECT_FALSE(gate.admit(line(409'601)));
  EXPECT_EQ(gate.reason(), "ValidationException: Item size has exceeded the maximum allowed size");
}

TEST(ItemGate, RefusesLongKeys) {
  ItemGate gate(KeySchema{{"pk", 'S'}, KeyAttribute{"sk", 'B'}});
  const auto line = [](std::size_t partition, std::size_t sort_triples) {
    return R"({"Item":{"pk":{"S":")" + std::string(partition, 'y') + R"("},"sk":{"B":")" +
           std::string(sort_triples * 4, 'A') + "\"}}}";
  };
  EXPECT_TRUE(gate.admit(line(2048, 341))) << gate.reason();
  EXPECT_FALSE(gate.admit(line(2049, 1)));
  EXPECT_EQ(gate.reason(),
            "ValidationException: One or more parameter values were invalid: attribute 'pk': key attribute has 2049 "
            "bytes, more than 2048");
  EXPECT_FALSE(gate.admit(line(1, 342)));
}

}  // namespace
}  // namespace bulk
