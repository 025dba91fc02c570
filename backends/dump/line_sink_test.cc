#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "backends/dump/sink.h"
#include "tests/support/dump_files.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::error_line;

TEST(LineSink, WritesPlainLines) {
  const test::TempDir folder;
  const std::string path = folder.file("f.jsonl");
  test::write_lines(*make_line_sink(make_file_output(path), false), test::record_lines(100), 30);
  EXPECT_EQ(test::read_file(path), test::joined(test::record_lines(100)));
}

TEST(LineSink, WritesGzipThatIsReadBack) {
  const test::TempDir folder;
  Stop stop;
  for (const std::size_t count : {0, 1, 1000}) {
    const std::string path = folder.file(std::to_string(count) + ".jsonl.gz");
    const auto sink = make_line_sink(make_file_output(path), true);
    test::write_lines(*sink, test::record_lines(count), 30);
    EXPECT_EQ(sink->stored_bytes(), std::filesystem::file_size(path));
    EXPECT_EQ(test::read_file(path).substr(0, 2), "\x1f\x8b");
    DumpStore store(path, stop);
    EXPECT_EQ(test::read_lines(store), test::record_lines(count));
  }
}

TEST(LineSink, NothingIsLeftOfAFileThatWasNotFinished) {
  const test::TempDir folder;
  const std::string path = folder.file("f.jsonl");
  {
    const auto sink = make_line_sink(make_file_output(path), false);
    Batch batch;
    test::append_line(batch, test::record_line(1));
    const RecordRef record{&batch, 0};
    sink->open()->write({&record, 1});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(LineSink, APartOfABatchIsRefused) {
  const test::TempDir folder;
  const auto sink = make_line_sink(make_file_output(folder.file("f.jsonl")), false);
  Batch batch;
  test::append_line(batch, test::record_line(1));
  test::append_line(batch, test::record_line(2));
  const RecordRef record{&batch, 1};
  EXPECT_EQ(error_line(
                [&] {
                  sink->open()->write({&record, 1});
                },
                ErrorKind::failed),
            "a dump was given a part of a batch");
}

TEST(DescriptorOutput, WritesThroughAPipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Stop stop;
  std::string got;
  {
    const std::jthread reader([&got, fd = ends[0]] {
      File file(fd, "pipe");
      char piece[777];
      while (const std::size_t bytes = file.read(piece, sizeof piece)) got.append(piece, bytes);
    });
    {
      const File writing(ends[1], "pipe");
      test::write_lines(*make_line_sink(make_descriptor_output(ends[1], "standard output", stop), false),
                        test::record_lines(20'000), 1000);
    }
  }
  EXPECT_TRUE(got == test::joined(test::record_lines(20'000)));
}

TEST(DescriptorOutput, SaysThatTheReaderHasGone) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const File writing(ends[1], "pipe");
  close(ends[0]);
  Stop stop;
  const auto output = make_descriptor_output(ends[1], "standard output", stop);
  EXPECT_EQ(error_line([&] { output->write("x"); }, ErrorKind::failed), "standard output was closed");
}

TEST(DescriptorOutput, AReaderThatDoesNotReadDoesNotHoldUpTheEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const File reading(ends[0], "pipe");
  const File writing(ends[1], "pipe");
  Stop stop;
  const auto output = make_descriptor_output(ends[1], "standard output", stop);
  const std::jthread stopper([&stop] {
    stop.wait_for(std::chrono::milliseconds(50));
    stop.fail(std::make_exception_ptr(Error(ErrorKind::failed, "enough")));
  });
  EXPECT_EQ(error_line([&] { output->write(std::string(1 << 20, 'x')); }, ErrorKind::failed), "enough");
  EXPECT_GT(output->written(), 0u);
}

}  // namespace
}  // namespace bulk
