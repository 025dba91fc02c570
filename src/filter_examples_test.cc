// The modules of examples/backfill.
#include "tests/support/filter_helper_fixture.h"

namespace bulk {
namespace {

using testing::ElementsAre;

// The modules of examples/backfill on the sample table.
class ExampleModules : public FilterHelper {
 protected:
  void SetUp() override {
    FilterHelper::SetUp();
    const std::string file = folder_.file("shop.jsonl");
    const std::string unpack = "gzip -dc '" BULK_SOURCE_DIR "/examples/shop.jsonl.gz' > '" + file + "'";
    ASSERT_EQ(std::system(unpack.c_str()), 0);
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) items_.push_back(line);
    ASSERT_EQ(items_.size(), 6'321U);
  }
  // The items in canonical text: what a number is called does not matter.
  static std::vector<std::string> canonical(const std::vector<std::string>& lines) {
    ItemScanner scanner;
    std::vector<std::string> texts;
    texts.reserve(lines.size());
    for (const std::string& line : lines) texts.push_back(scanner.canonical(line.substr(8, line.size() - 9)));
    return texts;
  }
  std::size_t differing(const std::vector<std::string>& others) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < items_.size(); ++i) count += items_[i] == others.at(i) ? 0 : 1;
    return count;
  }
  void use(const std::string& name) { name_ = BULK_SOURCE_DIR "/examples/backfill/" + name; }

  std::vector<std::string> items_;
};

TEST_F(ExampleModules, RestructureAndTakeItBack) {
  use("restructure-address.mjs");
  const auto after = run(items_);
  EXPECT_EQ(differing(after), 1'019U);
  EXPECT_EQ(run(after), after) << "a second time changes nothing";
  EXPECT_EQ(run(after, ModuleMode::rollback), items_);
}

TEST_F(ExampleModules, UpgradeVersionsAndTakeItBack) {
  use("upgrade-order.mjs");
  const auto after = run(items_);
  EXPECT_EQ(differing(after), 1'020U);
  EXPECT_EQ(run(after), after);
  EXPECT_EQ(canonical(run(after, ModuleMode::rollback)), canonical(items_));
}

TEST_F(ExampleModules, MaskPersonalData) {
  use("mask-personal-data.mjs");
  const auto after = run(items_);
  EXPECT_EQ(differing(after), 620U + 1'019U);
  EXPECT_EQ(run(after), after);
  for (const std::string& line : after) {
    for (const char* personal : {"@example.", "+1-202-555-01", "+44 20", "avatar"}) {
      ASSERT_EQ(line.find(personal), std::string::npos) << line;
    }
  }
}

}  // namespace
}  // namespace bulk
