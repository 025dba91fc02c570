#include "io/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

namespace bulk {
namespace {

TEST(Error, IsOneLineWithTheNextActionBehindASemicolon) {
  const Error error(ErrorKind::not_found, "no table 'a\nb'", "create it");
  EXPECT_EQ(error.in("stage pr-5").line(), "stage pr-5: no table 'a b'; create it");
  EXPECT_EQ(error.in("stage pr-5").kind(), ErrorKind::not_found);
}

TEST(Error, KeepsTheSignalThatInterrupted) {
  EXPECT_EQ(Error::interrupted(SIGTERM).in("backup").signal(), SIGTERM);
  EXPECT_EQ(Error::interrupted(SIGTERM).line(), "terminated");
  EXPECT_EQ(Error::interrupted(SIGINT).line(), "interrupted");
}

TEST(Error, SaysWhatTheSystemSaid) {
  EXPECT_EQ(os_error("write 'x'", ENOSPC).line(), "cannot write 'x': No space left on device");
}

}  // namespace
}  // namespace bulk
