// The model of what a power failure leaves, fed with what real programs did below the shim.
#include "tests/crash/durable_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/crash/torture.h"
#include "tests/support/shared.h"

namespace bulk::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

class Durable : public testing::Test {
 protected:
  void SetUp() override { BULK_REQUIRE_SHIM(); }

  // Runs a line of shell under the shim and then lets the power fail.
  void fail_after(const std::string& line, std::optional<std::uint64_t> seed = {}) {
    const std::string log = folder_.file("log");
    std::filesystem::remove(log);
    DurableDisk disk(root());
    const RunResult run =
        sandbox_.shell(line, {{"LD_PRELOAD", BULK_CRASH_SHIM}, {"CRASH_ROOT", root()}, {"CRASH_LOG", log}});
    ASSERT_EQ(run.status, 0) << run.err;
    disk.replay(read_boundaries(log));
    disk.install(seed);
  }
  std::string root() const { return std::filesystem::canonical(sandbox_.path(".")).string(); }
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const std::string& name : sandbox_.files()) found[name] = sandbox_.read(name);
    return found;
  }

  TempDir folder_;
  Sandbox sandbox_;
};

TEST_F(Durable, WhatWasThereStays) {
  sandbox_.write("old", "1");
  fail_after("true");
  EXPECT_THAT(files(), ElementsAre(Pair("old", "1")));
}

TEST_F(Durable, AFileWhoseFolderWasNotSyncedIsGone) {
  fail_after("printf 1 | dd of=new conv=fsync status=none");
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(Durable, AFileThatWasNotSyncedIsEmptyInASyncedFolder) {
  fail_after("printf 1 | dd of=new status=none; sync .");
  EXPECT_THAT(files(), ElementsAre(Pair("new", "")));
}

TEST_F(Durable, AFileHasItsContentOfTheLastSync) {
  fail_after(
      "printf 1 | dd of=new conv=fsync status=none; sync .; printf 2 | dd of=new oflag=append conv=notrunc "
      "status=none");
  EXPECT_THAT(files(), ElementsAre(Pair("new", "1")));
  fail_after("printf 23 | dd of=new oflag=append conv=notrunc,fdatasync status=none; truncate -s 1 new");
  EXPECT_THAT(files(), ElementsAre(Pair("new", "123")));
  fail_after("truncate -s 1 new; sync new");
  EXPECT_THAT(files(), ElementsAre(Pair("new", "1")));
}

TEST_F(Durable, ARenamedFileHasItsOldNameUntilItsFolderIsSynced) {
  sandbox_.write("old", "1");
  fail_after("mv old new");
  EXPECT_THAT(files(), ElementsAre(Pair("old", "1")));
  fail_after("mv old new; sync .");
  EXPECT_THAT(files(), ElementsAre(Pair("new", "1")));
}

TEST_F(Durable, ARemovedFileIsBackUntilItsFolderIsSynced) {
  sandbox_.write("old", "1");
  fail_after("rm old");
  EXPECT_THAT(files(), ElementsAre(Pair("old", "1")));
  fail_after("rm old; sync .");
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(Durable, AFolderIsThereOnlyWhenItsParentWasSynced) {
  fail_after("mkdir -p a/b; printf 1 | dd of=a/b/new conv=fsync status=none; sync a/b");
  EXPECT_FALSE(sandbox_.exists("a"));
  fail_after("mkdir -p a/b; printf 1 | dd of=a/b/new conv=fsync status=none; sync a/b; sync a; sync .");
  EXPECT_THAT(files(), ElementsAre(Pair("a/b/new", "1")));
}

TEST_F(Durable, WhatWasNotSyncedFallsAsTheCoinFalls) {
  std::set<std::map<std::string, std::string>> seen;
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    sandbox_.write("file", "....");
    std::filesystem::remove(sandbox_.path("new"));
    fail_after(
        "printf 12 | dd of=file conv=notrunc status=none; printf 34 | dd of=file conv=notrunc seek=2 bs=1 count=2 "
        "status=none; mv file new",
        seed);
    seen.insert(files());
    ASSERT_EQ(files().size(), 1U);
    std::filesystem::remove(sandbox_.path("file"));
  }
  std::set<std::string> names;
  std::set<std::string> contents;
  for (const auto& state : seen) {
    names.insert(state.begin()->first);
    contents.insert(state.begin()->second);
  }
  EXPECT_THAT(names, UnorderedElementsAre("file", "new"));
  EXPECT_THAT(contents, testing::IsSupersetOf({"....", "12..", "1...", "..3.", "...4", "12.4", "1234"}));
}

TEST_F(Durable, WhatAFailedSyncShouldHaveSavedIsLost) {
  sandbox_.write("file", "");
  DurableDisk disk(root());
  const std::string log = folder_.file("log");
  const Variables shim = {{"LD_PRELOAD", BULK_CRASH_SHIM}, {"CRASH_ROOT", root()}, {"CRASH_LOG", log}};
  ASSERT_EQ(sandbox_.shell("printf 1 | dd of=file conv=notrunc status=none", shim).status, 0);
  Variables failing = shim;
  failing.insert({{"CRASH_ACT", "EIO"}, {"CRASH_AT", "1"}, {"CRASH_KINDS", "sync"}});
  ASSERT_EQ(sandbox_.shell("sync file", failing).status, 1);
  ASSERT_EQ(sandbox_.shell("printf 2 | dd of=file conv=notrunc,fsync oflag=append status=none", shim).status, 0);
  EXPECT_EQ(sandbox_.read("file"), "12");
  disk.replay(read_boundaries(log));
  disk.install();
  EXPECT_EQ(sandbox_.read("file"), std::string("\0002", 2));
}

}  // namespace
}  // namespace bulk::test
