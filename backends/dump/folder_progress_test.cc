#include "backends/dump/folder_progress.h"

#include <gtest/gtest.h>

#include "tests/support/dump_files.h"

namespace bulk {
namespace {

using test::error_line;

std::string refusal(const std::vector<std::string>& entries) {
  return error_line([&] { join_folder_progress(entries); }, ErrorKind::corrupt);
}

TEST(FolderProgress, EntriesAreJoinedPartByPart) {
  const std::string first = encode_folder_progress("abc", {{0, R"({"bytes":1})"}, {12, R"({"bytes":2})"}});
  EXPECT_EQ(first, R"({"tables":"abc","parts":{"0":{"bytes":1},"12":{"bytes":2}}})");
  const std::string second = encode_folder_progress("", {{12, R"({"bytes":3,"frames":[[1,"x"]]})"}});
  const FolderProgress whole = join_folder_progress(std::vector{first, second});
  EXPECT_EQ(whole.tables, "abc");
  ASSERT_EQ(whole.parts.size(), 2u);
  EXPECT_EQ(whole.parts.at(0), std::vector<std::string>{R"({"bytes":1})"});
  EXPECT_EQ(whole.parts.at(12), (std::vector<std::string>{R"({"bytes":2})", R"({"bytes":3,"frames":[[1,"x"]]})"}));
}

TEST(FolderProgress, SaysWhatIsWrong) {
  const std::string good = encode_folder_progress("abc", {});
  const std::string next = "; start afresh, without --resume";
  const auto of_second = [&](const std::string& entry) { return refusal({good, entry}); };
  const std::string second = "progress of the dump: entry 2: ";
  EXPECT_EQ(of_second("{"), second + "the text ends too early at byte 1" + next);
  EXPECT_EQ(of_second("[]"), second + "it is no object" + next);
  EXPECT_EQ(of_second("{}"), second + "member 'parts' is no object" + next);
  EXPECT_EQ(of_second(R"({"parts":[]})"), second + "member 'parts' is no object" + next);
  EXPECT_EQ(of_second(good), second + "the tables again" + next);
  EXPECT_EQ(of_second(R"({"parts":{"1":7}})"), second + "part 1 is no object" + next);
  for (const char* name : {"", "-1", "01", "1x", "4294967296"}) {
    EXPECT_EQ(of_second(R"({"parts":{")" + std::string(name) + R"(":{}}})"),
              second + "'" + name + "' is no table's position" + next);
  }
  EXPECT_EQ(refusal({R"({"parts":{}})"}), "progress of the dump: entry 1: member 'tables' is missing" + next);
  EXPECT_EQ(refusal({R"({"tables":7,"parts":{}})"}),
            "progress of the dump: entry 1: member 'tables' is not a string" + next);
}

}  // namespace
}  // namespace bulk
