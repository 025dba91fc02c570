// The tests of updaters: Conformance with one item, `{"pk":{"S":"types"},"sk":{"N":"1"}}` and some attributes, that
// changes are tried on.
#pragma once

#include <string>

#include "codecs/item.h"
#include "codecs/lines.h"
#include "tests/conformance/conformance.h"

namespace bulk::test {

class Updates : public Conformance {
 protected:
  using Outcome = WriteResult::Outcome;

  void SetUp() override {
    Conformance::SetUp();
    if (!IsSkipped()) create();
  }

  static constexpr const char* kKey = R"({"pk":{"S":"types"},"sk":{"N":"1"}})";

  // Attributes as the members of a JSON object, without its braces.
  static std::string item(const std::string& attributes) {
    return R"({"Item":{"pk":{"S":"types"},"sk":{"N":"1"})" + (attributes.empty() ? "" : "," + attributes) + "}}";
  }
  static std::string change(const std::string& before, const std::string& after, const std::string& given = {}) {
    return std::string("{\"Key\":") + kKey + ",\"Before\":{" + before + "},\"After\":{" + after + "}" +
           (given.empty() ? "" : ",\"Given\":{" + given + "}") + "}";
  }
  static std::string canonical(const std::string& text) { return ItemScanner(&key()).canonical(text); }

  void put(const std::string& attributes) { EXPECT_EQ(write_one(item(attributes)).outcome, Outcome::done); }
  void expect_content(const std::string& attributes) { EXPECT_EQ(read().items, content_of({item(attributes)}).items); }

  void expect_done(const std::string& line) {
    const WriteResult result = change_one(line);
    EXPECT_EQ(result.outcome, Outcome::done) << result.reason << "\n" << line;
    EXPECT_TRUE(result.conflicts.empty()) << line;
  }
  // Of the item with these attributes: nothing is done, and the conflict has it as it is.
  void expect_conflict(const std::string& attributes, const std::string& line) {
    put(attributes);
    expect_conflict_now(attributes, line);
    expect_content(attributes);
  }
  void expect_conflict_now(const std::string& attributes, const std::string& line) {
    const WriteResult result = change_one(line);
    EXPECT_EQ(result.outcome, Outcome::done) << result.reason << "\n" << line;
    ASSERT_EQ(result.conflicts.size(), 1u) << line;
    EXPECT_EQ(result.conflicts[0].position, 0u);
    EXPECT_EQ(canonical(result.conflicts[0].item), canonical(std::string(item_of_line(item(attributes)))));
  }
  void expect_invalid(const std::string& attributes, const std::string& line, const std::string& reason) {
    put(attributes);
    const WriteResult result = change_one(line);
    EXPECT_EQ(result.outcome, Outcome::invalid) << line.substr(0, 300);
    EXPECT_NE(result.reason.find(reason), std::string::npos) << result.reason;
    EXPECT_TRUE(result.conflicts.empty());
    expect_content(attributes);
  }
};

}  // namespace bulk::test
