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

TEST(Printable, TakesControlCharactersOut) {
  EXPECT_EQ(printable("a\x1b[2Jb\n\x7f"), "a?[2Jb??");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31mred"),
            "?31mred");
  EXPECT_EQ(printable("Gr\xc3\xb6\xc3\x9f"
                      "e \xc2\xa9"),
            "Gr\xc3\xb6\xc3\x9f"
            "e \xc2\xa9");
  EXPECT_EQ(printable("\xc2"), "\xc2");
}

TEST(Error, ItsLineIsPrintableWhateverItSpeaksOf) {
  EXPECT_EQ(Error(ErrorKind::failed, "no file '\x1b[2J\n'", "look at \xc2\x9b").line(), "no file '?[2J '; look at ?");
}

}  // namespace
}  // namespace bulk
