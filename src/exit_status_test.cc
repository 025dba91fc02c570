#include "src/exit_status.h"

#include <gtest/gtest.h>

#include <csignal>
#include <map>

namespace bulk {
namespace {

TEST(ExitStatus, IsTheDocumentedOneForEveryKind) {
  const std::map<ErrorKind, std::pair<int, std::string>> documented{
      {ErrorKind::failed, {1, "failed"}},     {ErrorKind::usage, {2, "usage"}},
      {ErrorKind::rejected, {3, "rejected"}}, {ErrorKind::corrupt, {4, "corrupt"}},
      {ErrorKind::remote, {5, "remote"}},     {ErrorKind::not_found, {10, "not_found"}},
      {ErrorKind::locked, {11, "locked"}},    {ErrorKind::wrong_key, {12, "wrong_key"}},
      {ErrorKind::refused, {13, "refused"}},
  };
  for (const auto& [kind, expected] : documented) {
    EXPECT_EQ(exit_status(Error(kind, "x")), expected.first);
    EXPECT_EQ(kind_name(kind), expected.second);
  }
}

TEST(ExitStatus, OfAnInterruptionIsTheShellsForTheSignal) {
  EXPECT_EQ(exit_status(Error::interrupted(SIGINT)), 130);
  EXPECT_EQ(exit_status(Error::interrupted(SIGTERM)), 143);
  EXPECT_EQ(exit_status(Error::interrupted(SIGTERM).in("segment 3")), 143);
  EXPECT_STREQ(kind_name(ErrorKind::interrupted), "interrupted");
}

}  // namespace
}  // namespace bulk
