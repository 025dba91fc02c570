#include "src/standard_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "io/error.h"

namespace bulk {
namespace {

TEST(StandardOutput, WritesWhatItWasGivenWhenFlushed) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  StandardOutput out(ends[1]);
  out.write("{\"a\":1}\n");
  out.write("{\"b\":2}\n");
  out.flush();
  close(ends[1]);
  char text[64];
  const ssize_t length = read(ends[0], text, sizeof text);
  close(ends[0]);
  ASSERT_EQ(length, 16);
  EXPECT_EQ(std::string(text, 16), "{\"a\":1}\n{\"b\":2}\n");
}

TEST(StandardOutput, EndsSilentlyWhenTheReaderWentAway) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const auto before = signal(SIGPIPE, SIG_IGN);
  ASSERT_NE(before, SIG_ERR);
  StandardOutput out(ends[1]);
  out.write("x");
  try {
    out.flush();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::interrupted);
    EXPECT_EQ(error.signal(), SIGPIPE);
  }
  EXPECT_NO_THROW(out.flush());
  signal(SIGPIPE, before);
  close(ends[1]);
}

TEST(StandardOutput, ReportsAFullDisk) {
  const int full = open("/dev/full", O_WRONLY);
  if (full < 0) GTEST_SKIP() << "no /dev/full";
  StandardOutput out(full);
  out.write("x");
  try {
    out.flush();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.line(), "cannot write to standard output: No space left on device");
  }
  close(full);
}

}  // namespace
}  // namespace bulk
