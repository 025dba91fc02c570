#include "src/rejects.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "io/error.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

std::string error_line(Rejects& rejects, const Rejection& rejection) {
  try {
    rejects.add(rejection);
  } catch (const Error& error) {
    return error.line();
  }
  return "";
}

TEST(Rejects, WithoutAFileTheFirstOneEndsTheJob) {
  Rejects rejects("items.jsonl", "", 100);
  EXPECT_EQ(error_line(rejects, {"too large", std::string(500, 'x'), 7, 0}),
            "items.jsonl, line 7: too large: " + std::string(120, 'x') +
                "...; mend it, or set such records aside with --rejects FILE");
  EXPECT_EQ(error_line(rejects, {"too large", "{}", 0, 3}),
            "items.jsonl, segment 3: too large: {}; mend it, or set such records aside with --rejects FILE");
}

TEST(Rejects, KeepRecordAndReasonInAFileOfTheUsersOwn) {
  const test::TempDir dir;
  Rejects rejects("items.jsonl", dir.file("r"), 100);
  EXPECT_FALSE(std::filesystem::exists(dir.file("r"))) << "made at the first reject";
  rejects.add({"it \"broke\"", R"({"Item":{}})", 0, 2});
  rejects.add({"rubbish", "a\tb", 9, 0});
  rejects.sync();
  EXPECT_EQ(rejects.count(), 2u);
  EXPECT_EQ(test::read_file(dir.file("r")),
            "{\"segment\":2,\"reason\":\"it \\\"broke\\\"\",\"record\":{\"Item\":{}}}\n"
            "{\"line\":9,\"segment\":0,\"reason\":\"rubbish\",\"text\":\"a\\tb\"}\n");
  struct stat status {};
  ASSERT_EQ(::stat(dir.file("r").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST(Rejects, NeverReplaceAFile) {
  const test::TempDir dir;
  std::ofstream(dir.file("r")) << "old";
  try {
    Rejects rejects("items.jsonl", dir.file("r"), 100);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    EXPECT_EQ(error.line(), "'" + dir.file("r") + "' exists; name another file for --rejects");
  }
  EXPECT_EQ(test::read_file(dir.file("r")), "old");
}

TEST(Rejects, TheFuseBlowsAfterTheLastOneAllowed) {
  const test::TempDir dir;
  Rejects rejects("t", dir.file("r"), 1);
  rejects.add({"one", "{}", 0, 0});
  EXPECT_EQ(error_line(rejects, {"two", "{}", 0, 0}),
            "more than 1 records were refused, the last one (t, segment 0) because: two; see '" + dir.file("r") +
                "'; --max-rejects raises the limit");
}

}  // namespace
}  // namespace bulk
