#include "io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "io/error.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

template <typename Function>
Error error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("no error was thrown");
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777u;
}

TEST(PartialFile, AppearsUnderItsNameOnlyWhenPublished) {
  const test::TempDir dir;
  const std::string name = dir.file("x.jsonl.zst");
  {
    PartialFile file(name);
    file.write("hello");
    EXPECT_FALSE(std::filesystem::exists(name));
    EXPECT_EQ(mode_of(name + ".partial"), 0600u);
    file.publish();
  }
  EXPECT_EQ(test::read_file(name), "hello");
  EXPECT_EQ(mode_of(name), 0600u);
  EXPECT_FALSE(std::filesystem::exists(name + ".partial"));
}

class WorkingDirectory {
 public:
  explicit WorkingDirectory(const std::filesystem::path& folder) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder);
  }
  ~WorkingDirectory() {
    std::error_code ignored;
    std::filesystem::current_path(before_, ignored);
  }

 private:
  std::filesystem::path before_;
};

TEST(PartialFile, MakesTheLastFolderOfARelativePath) {
  const test::TempDir dir;
  const WorkingDirectory in(dir.path());
  for (const char* name : {"backups/x", "backups/y", "backups/deeper/x", "./other/x"}) {
    PartialFile file(name);
    file.write("hello");
    file.publish();
    EXPECT_EQ(test::read_file(dir.file(name)), "hello");
  }
  EXPECT_EQ(mode_of("backups"), 0700u);
  EXPECT_EQ(mode_of("backups/deeper"), 0700u);
}

TEST(PartialFile, NeverMakesFoldersElsewhere) {
  const test::TempDir dir;
  const WorkingDirectory in(dir.path());
  const auto refusal = [](const std::string& path) {
    const Error error = error_of([&] { PartialFile file(path); });
    EXPECT_EQ(error.kind(), ErrorKind::failed);
    return error.line();
  };
  EXPECT_EQ(refusal("a/b/c/x"), "folder 'a/b/c' does not exist; make it first");
  EXPECT_EQ(refusal("/nonexist/x"), "folder '/nonexist' does not exist; make it first");
  EXPECT_EQ(refusal(dir.file("typo/x")), "folder '" + dir.file("typo") + "' does not exist; make it first");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  EXPECT_FALSE(std::filesystem::exists("/nonexist"));
  std::ofstream("file") << "";
  EXPECT_EQ(refusal("file/x"), "cannot create 'file/x.partial': Not a directory");
}

TEST(PartialFile, LeavesNothingWhenNotPublished) {
  const test::TempDir dir;
  { PartialFile(dir.file("x")).write("half"); }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(PartialFile, NeverReplacesAFile) {
  const test::TempDir dir;
  std::ofstream(dir.file("x")) << "old";
  const Error before = error_of([&] { PartialFile file(dir.file("x")); });
  EXPECT_EQ(before.kind(), ErrorKind::refused);
  EXPECT_EQ(before.line(), "'" + dir.file("x") + "' exists; name another file or remove it");

  PartialFile file(dir.file("y"));
  std::ofstream(dir.file("y")) << "came in between";
  const Error meanwhile = error_of([&] { file.publish(); });
  EXPECT_EQ(meanwhile.line(), "'" + dir.file("y") + "' appeared while it was being written; name another file");
  EXPECT_EQ(test::read_file(dir.file("y")), "came in between");
}

TEST(PartialFile, ReplacesAStalePartialFileButNotALiveOne) {
  const test::TempDir dir;
  std::ofstream(dir.file("x.partial")) << "left by a killed run, longer than what follows";
  PartialFile file(dir.file("x"));
  const Error second = error_of([&] { PartialFile other(dir.file("x")); });
  EXPECT_EQ(second.kind(), ErrorKind::locked);
  EXPECT_EQ(second.line(),
            "'" + dir.file("x.partial") + "' is being written by another run; wait for it or name another file");
  file.write("new");
  file.publish();
  EXPECT_EQ(test::read_file(dir.file("x")), "new");
}

constexpr const char* kAfresh = "; start afresh, without --resume";

TEST(PartialFile, StaysWhenItWasKept) {
  const test::TempDir dir;
  {
    PartialFile file(dir.file("x"));
    file.write("durable");
    file.keep();
    file.write(", in doubt");
    EXPECT_EQ(file.written(), 17u);
  }
  EXPECT_EQ(test::read_file(dir.file("x.partial")), "durable, in doubt");
  EXPECT_EQ(mode_of(dir.file("x.partial")), 0600u);
  EXPECT_FALSE(std::filesystem::exists(dir.file("x")));
}

TEST(PartialFile, GoesOnBehindWhatWasDurable) {
  const test::TempDir dir;
  std::ofstream(dir.file("x.partial")) << "durable, in doubt";
  ASSERT_EQ(::chmod(dir.file("x.partial").c_str(), 0644), 0);
  {
    PartialFile file(dir.file("x"), 7);
    EXPECT_EQ(mode_of(dir.file("x.partial")), 0600u);
    EXPECT_EQ(test::read_file(dir.file("x.partial")), "durable");
    EXPECT_EQ(file.written(), 7u);
    file.write("!");
  }
  // Kept without being asked again: an earlier run has promised it.
  EXPECT_EQ(test::read_file(dir.file("x.partial")), "durable!");
  PartialFile file(dir.file("x"), 8);
  file.write("!");
  EXPECT_EQ(file.written(), 9u);
  file.keep();
  file.publish();
  EXPECT_EQ(test::read_file(dir.file("x")), "durable!!");
  EXPECT_FALSE(std::filesystem::exists(dir.file("x.partial")));
}

TEST(PartialFile, GoesOnWithNothingThatIsNotThere) {
  const test::TempDir dir;
  const std::string partial = "'" + dir.file("x.partial") + "'";
  const Error gone = error_of([&] { PartialFile file(dir.file("x"), 7); });
  EXPECT_EQ(gone.kind(), ErrorKind::corrupt);
  EXPECT_EQ(gone.line(), partial + " is gone" + kAfresh);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));

  std::ofstream(dir.file("x.partial")) << "durab";
  const Error shorter = error_of([&] { PartialFile file(dir.file("x"), 7); });
  EXPECT_EQ(shorter.kind(), ErrorKind::corrupt);
  EXPECT_EQ(shorter.line(), partial + " has 5 bytes where 7 were durable" + kAfresh);
  const Error huge = error_of([&] { PartialFile file(dir.file("x"), UINT64_MAX); });
  EXPECT_EQ(huge.line(), partial + " has 5 bytes where 18446744073709551615 were durable" + kAfresh);
  EXPECT_EQ(test::read_file(dir.file("x.partial")), "durab");

  std::ofstream(dir.file("x")) << "complete";
  EXPECT_EQ(error_of([&] { PartialFile file(dir.file("x"), 5); }).kind(), ErrorKind::refused);
}

TEST(PartialFile, IsNotGoneOnWithWhileAnotherRunWrites) {
  const test::TempDir dir;
  PartialFile file(dir.file("x"));
  file.write("durable, in doubt");
  file.keep();
  const Error second = error_of([&] { PartialFile other(dir.file("x"), 7); });
  EXPECT_EQ(second.kind(), ErrorKind::locked);
  EXPECT_EQ(second.line(),
            "'" + dir.file("x.partial") + "' is being written by another run; wait for it or name another file");
  EXPECT_EQ(test::read_file(dir.file("x.partial")), "durable, in doubt");
}

TEST(PartialFile, LeavesAloneWhatHasAnotherName) {
  const test::TempDir dir;
  std::ofstream(dir.file("moved")) << "a dump that was published by link()";
  std::filesystem::create_hard_link(dir.file("moved"), dir.file("x.partial"));
  const Error error = error_of([&] { PartialFile file(dir.file("x"), 6); });
  EXPECT_EQ(error.kind(), ErrorKind::refused);
  EXPECT_EQ(error.line(), "'" + dir.file("x.partial") +
                              "' has a second name, a hard link, which must not change; remove one of the two, or "
                              "start afresh, without --resume");
  PartialFile file(dir.file("x"));
  file.write("new");
  file.publish();
  EXPECT_EQ(test::read_file(dir.file("moved")), "a dump that was published by link()");
  EXPECT_EQ(test::read_file(dir.file("x")), "new");
}

TEST(PartialFile, PublishesAndRemovesOnlyItself) {
  const test::TempDir dir;
  const std::string told = "'" + dir.file("x.partial") +
                           "' was removed or replaced while it was being written; start afresh, without --resume";
  {
    PartialFile file(dir.file("x"));
    file.write("mine");
    std::filesystem::remove(dir.file("x.partial"));
    EXPECT_EQ(error_of([&] { file.keep(); }).line(), told);
    std::ofstream(dir.file("x.partial")) << "half of another run's";
    EXPECT_EQ(error_of([&] { file.keep(); }).line(), told);
    EXPECT_EQ(error_of([&] { file.publish(); }).line(), told);
  }
  EXPECT_FALSE(std::filesystem::exists(dir.file("x")));
  EXPECT_EQ(test::read_file(dir.file("x.partial")), "half of another run's");
}

// A descriptor whose fsync fails, and then one whose fsync succeeds, behind the same number.
TEST(File, NeverTakesBackAFailedSync) {
  const test::TempDir dir;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const File read_end(ends[0], "pipe");
  File file(ends[1], "x");
  EXPECT_EQ(error_of([&] { file.sync(); }).line(), "cannot make 'x' durable: Invalid argument");
  const File sound = File::temporary(dir.path().string());
  ASSERT_EQ(::dup3(sound.fd(), file.fd(), O_CLOEXEC), file.fd());
  ASSERT_EQ(::fsync(file.fd()), 0);
  EXPECT_EQ(error_of([&] { file.sync(); }).line(), "cannot make 'x' durable: Invalid argument");
  File moved = std::move(file);
  EXPECT_EQ(error_of([&] { moved.sync(); }).line(), "cannot make 'x' durable: Invalid argument");
}

TEST(File, IsLockedAsLongAsItLives) {
  const test::TempDir dir;
  const std::string path = dir.file("x.journal");
  {
    File file = File::open_locked(path, "somebody is at it", "wait");
    EXPECT_EQ(mode_of(path), 0600u);
    file.write("kept");
    const Error error = error_of([&] { File::open_locked(path, "somebody is at it", "wait"); });
    EXPECT_EQ(error.kind(), ErrorKind::locked);
    EXPECT_EQ(error.line(), "somebody is at it; wait");
    // Under the same name another file: nobody holds that.
    std::filesystem::remove(path);
    EXPECT_FALSE(file.has_name(path));
    const File other = File::open_locked(path, "somebody is at it", "wait");
    EXPECT_TRUE(other.has_name(path));
    EXPECT_FALSE(file.has_name(path));
  }
  std::ofstream(path) << "kept";
  EXPECT_EQ(File::open_locked(path, "", "").size(), 4u);
  EXPECT_EQ(error_of([&] { File::open_locked(dir.file("no/x"), "", ""); }).line(),
            "cannot create '" + dir.file("no/x") + "': No such file or directory");
  std::filesystem::create_symlink(path, dir.file("link"));
  EXPECT_EQ(error_of([&] { File::open_locked(dir.file("link"), "", ""); }).line(),
            "cannot create '" + dir.file("link") + "': Too many levels of symbolic links");
}

TEST(File, KnowsWhenItWasModified) {
  const test::TempDir dir;
  std::ofstream(dir.file("x")) << "1";
  const timespec times[2] = {{1, 0}, {1'737'806'400, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, dir.file("x").c_str(), times, 0), 0);
  EXPECT_EQ(File::open_for_reading(dir.file("x")).modified_ns(), 1'737'806'400'123'456'789);
}

TEST(File, NamesAMissingFile) {
  const Error error = error_of([] { File::open_for_reading("no/such/file"); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_EQ(error.line(), "no file 'no/such/file'");
}

TEST(File, SaysWhereAShortFileEnds) {
  const test::TempDir dir;
  std::ofstream(dir.file("x")) << "12345";
  const File file = File::open_for_reading(dir.file("x"));
  std::string into(10, '\0');
  file.read_at(1, into.data(), 4);
  EXPECT_EQ(into.substr(0, 4), "2345");
  const Error error = error_of([&] { file.read_at(1, into.data(), 5); });
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_EQ(error.line(), "'" + dir.file("x") + "' ends at byte 5");
}

TEST(File, APipeWithoutAWriterIsOpenedForPolling) {
  const test::TempDir dir;
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  File reader = File::open_for_polling(dir.file("pipe"));
  pollfd waiting{reader.fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0);  // nobody has written, and nobody has left
  File writer(::open(dir.file("pipe").c_str(), O_WRONLY | O_CLOEXEC), "pipe");
  writer.write("x");
  EXPECT_EQ(::poll(&waiting, 1, 0), 1);
  char into = 0;
  EXPECT_EQ(reader.read(&into, 1), 1u);
  EXPECT_EQ(::fcntl(reader.fd(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(File, ReportsAFullDeviceByName) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  File file(::open("/dev/full", O_WRONLY | O_CLOEXEC), "/dev/full");
  EXPECT_EQ(error_of([&] { file.write("x"); }).line(), "cannot write '/dev/full': No space left on device");
}

TEST(File, TemporaryFilesHaveNoName) {
  const test::TempDir dir;
  File file = File::temporary(dir.path().string());
  file.write("abc");
  EXPECT_EQ(file.size(), 3u);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(ReadTextFile, RefusesWhatIsTooLarge) {
  const test::TempDir dir;
  std::ofstream(dir.file("x")) << "12345";
  EXPECT_EQ(read_text_file(dir.file("x"), 5), "12345");
  EXPECT_EQ(error_of([&] { read_text_file(dir.file("x"), 4); }).line(),
            "'" + dir.file("x") + "' is larger than 4 bytes");
}

}  // namespace
}  // namespace bulk
