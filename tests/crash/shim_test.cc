// The shim itself, in front of small programs: what it sees, and what it does at a boundary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/crash/torture.h"

namespace bulk::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ShimTest : public testing::Test {
 protected:
  void SetUp() override { BULK_REQUIRE_SHIM(); }

  RunResult run(const std::string& line, const Order& order = {}) {
    std::filesystem::remove(folder_.file("log"));
    Variables environment = {
        {"LD_PRELOAD", BULK_CRASH_SHIM},        {"CRASH_ROOT", std::filesystem::canonical(sandbox_.path(".")).string()},
        {"CRASH_LOG", folder_.file("log")},     {"CRASH_ACT", order.act},
        {"CRASH_AT", std::to_string(order.at)}, {"CRASH_KINDS", order.kinds}};
    return sandbox_.shell("exec " + line, environment);
  }
  std::vector<std::string> seen() const {
    std::vector<std::string> texts;
    for (const Boundary& boundary : read_boundaries(folder_.file("log"))) {
      texts.push_back((boundary.acted ? "*" : "") + boundary.text());
    }
    return texts;
  }

  TempDir folder_;
  Sandbox sandbox_;
};

constexpr const char* kCopy = "dd if=in of=out bs=4 conv=fsync status=none";

TEST_F(ShimTest, SeesEveryCallThatChangesAFile) {
  sandbox_.write("in", "12345678");
  EXPECT_EQ(run(kCopy).status, 0);
  EXPECT_THAT(seen(), ElementsAre("create out", "write out", "write out", "sync out"));
  EXPECT_EQ(run("mv out other").status, 0);
  EXPECT_THAT(seen(), ElementsAre("rename out"));
  EXPECT_EQ(run("ln other link").status, 0);
  EXPECT_THAT(seen(), ElementsAre("link other"));
  EXPECT_EQ(run("rm link").status, 0);
  EXPECT_THAT(seen(), ElementsAre("unlink link"));
  EXPECT_EQ(run("truncate -s 3 other").status, 0);
  EXPECT_THAT(seen(), ElementsAre("truncate other"));
  EXPECT_EQ(run("mkdir folder").status, 0);
  EXPECT_THAT(seen(), ElementsAre("mkdir folder"));
  EXPECT_EQ(run("rmdir folder").status, 0);
  EXPECT_THAT(seen(), ElementsAre("unlink folder"));
  EXPECT_EQ(run("dd if=other status=none").out, "123");
  EXPECT_THAT(seen(), ElementsAre("output stdout"));
}

TEST_F(ShimTest, LeavesOtherFoldersAlone) {
  EXPECT_EQ(run("truncate -s 3 " + folder_.file("out")).status, 0);
  EXPECT_EQ(run("mv " + folder_.file("out") + " " + folder_.file("other")).status, 0);
  EXPECT_EQ(run("sync " + folder_.file("other")).status, 0);
  EXPECT_THAT(seen(), IsEmpty());
}

TEST_F(ShimTest, KillsBeforeInTheMiddleAndAfter) {
  sandbox_.write("in", "12345678");
  EXPECT_EQ(run(kCopy, {"before", 3, ""}).status, 128 + SIGKILL);
  EXPECT_EQ(sandbox_.read("out"), "1234");
  EXPECT_THAT(seen(), ElementsAre("create out", "write out", "*write out"));
  std::filesystem::remove(sandbox_.path("out"));
  EXPECT_EQ(run(kCopy, {"middle", 2, "write"}).status, 128 + SIGKILL);
  EXPECT_EQ(sandbox_.read("out"), "123456");
  std::filesystem::remove(sandbox_.path("out"));
  EXPECT_EQ(run(kCopy, {"after", 2, "write"}).status, 128 + SIGKILL);
  EXPECT_EQ(sandbox_.read("out"), "12345678");
}

TEST_F(ShimTest, FailsOneCallOrAllFromItOn) {
  sandbox_.write("in", "12345678");
  RunResult failed = run(kCopy, {"ENOSPC", 1, "write"});
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.err, HasSubstr("No space left on device"));
  std::filesystem::remove(sandbox_.path("out"));
  failed = run(kCopy, {"EIO", 1, "sync"});
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.err, HasSubstr("Input/output error"));
  EXPECT_EQ(sandbox_.read("out"), "12345678");
  EXPECT_EQ(run("touch a b c", {"ENOSPC", 2, "create"}).status, 1);
  EXPECT_TRUE(sandbox_.exists("a") && !sandbox_.exists("b") && sandbox_.exists("c"));
  EXPECT_EQ(run("touch d e f", {"ENOSPC+", 2, "create"}).status, 1);
  EXPECT_TRUE(sandbox_.exists("d") && !sandbox_.exists("e") && !sandbox_.exists("f"));
}

TEST_F(ShimTest, CutsAWriteShortOrInterruptsIt) {
  sandbox_.write("in", "12345678");
  EXPECT_EQ(run(kCopy, {"short", 1, "write"}).status, 0);
  EXPECT_EQ(sandbox_.read("out"), "12345678");
  EXPECT_THAT(seen(), ElementsAre("create out", "*write out", "write out", "write out", "sync out"));
  std::filesystem::remove(sandbox_.path("out"));
  EXPECT_EQ(run(kCopy, {"EINTR", 2, "write"}).status, 0);
  EXPECT_EQ(sandbox_.read("out"), "12345678");
  EXPECT_THAT(seen(), ElementsAre("create out", "write out", "*write out", "write out", "sync out"));
}

}  // namespace
}  // namespace bulk::test
