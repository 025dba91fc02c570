#include "backends/dump/byte_input.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "tests/support/dump_files.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

class ByteInputTest : public ::testing::Test {
 protected:
  ByteInput open(std::string_view bytes) {
    test::write_file(folder_.file("f"), bytes);
    return {File::open_for_reading(folder_.file("f")), stop_};
  }

  test::TempDir folder_;
  Stop stop_;
};

TEST_F(ByteInputTest, WhatWasPeekedIsStillThere) {
  ByteInput input = open("abcdef");
  EXPECT_EQ(input.peek(3).substr(0, 3), "abc");
  EXPECT_EQ(input.offset(), 0u);
  input.skip(2);
  EXPECT_EQ(input.peek(100), "cdef");
  EXPECT_EQ(input.offset(), 2u);
  input.skip(4);
  EXPECT_EQ(input.peek(1), "");
  EXPECT_EQ(input.name(), folder_.file("f"));
}

TEST_F(ByteInputTest, AnyLookAheadGivesTheSameBytes) {
  std::mt19937 random(3);
  std::string bytes(3'000'000, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  ByteInput input = open(bytes);
  std::string read;
  while (true) {
    const std::size_t want = random() % 600'000 + 1;
    const std::string_view ahead = input.peek(want);
    if (ahead.empty()) break;
    EXPECT_TRUE(ahead.size() >= want || read.size() + ahead.size() == bytes.size());
    const std::size_t take = random() % ahead.size() + 1;
    read += ahead.substr(0, take);
    input.skip(take);
  }
  EXPECT_TRUE(read == bytes);
}

TEST_F(ByteInputTest, ReadsAPipeToItsEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const std::jthread writer([fd = ends[1]] {
    File file(fd, "pipe");
    for (int i = 0; i < 1000; ++i) file.write("0123456789");
  });
  ByteInput input(File(ends[0], "pipe"), stop_);
  EXPECT_EQ(input.peek(20'000).size(), 10'000u);
}

TEST_F(ByteInputTest, WaitingForAWriterEndsWithTheJob) {
  ASSERT_EQ(mkfifo(folder_.file("pipe").c_str(), 0600), 0);
  ByteInput input(File::open_for_polling(folder_.file("pipe")), stop_);
  stop_.fail(std::make_exception_ptr(Error(ErrorKind::failed, "enough")));
  EXPECT_EQ(test::error_line([&] { input.peek(1); }, ErrorKind::failed), "enough");
}

TEST_F(ByteInputTest, WaitingForAPipeEndsWithTheJob) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const File writer(ends[1], "pipe");
  ByteInput input(File(ends[0], "pipe"), stop_);
  stop_.fail(std::make_exception_ptr(Error(ErrorKind::failed, "enough")));
  EXPECT_EQ(test::error_line([&] { input.peek(1); }, ErrorKind::failed), "enough");
}

TEST_F(ByteInputTest, RecognisesWhatItHolds) {
  const auto kind = [&](std::string_view bytes) {
    ByteInput input = open(bytes);
    return detect_kind(input);
  };
  using namespace std::string_view_literals;
  EXPECT_EQ(kind(""), InputKind::empty);
  EXPECT_EQ(kind("{\"Item\""), InputKind::plain);
  EXPECT_EQ(kind("{}"), InputKind::plain);
  EXPECT_EQ(kind("\x1f\x8b\x08\x00\x00"sv), InputKind::gzip);
  EXPECT_EQ(kind("\x28\xb5\x2f\xfd\x00"sv), InputKind::zstd);
  EXPECT_EQ(kind("\x50\x2a\x4d\x18\x00"sv), InputKind::zstd);
  EXPECT_EQ(kind("\x5b\x2a\x4d\x18\x00"sv), InputKind::part);
  EXPECT_EQ(kind("age-encryption.org/v1\n"), InputKind::age);
  EXPECT_EQ(kind("-----BEGIN AGE ENCRYPTED FILE-----\n"), InputKind::age);
}

}  // namespace
}  // namespace bulk
