#include "io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <utility>

#include "io/error.h"

namespace bulk {
namespace {

std::string in_quotes(const std::string& path) {
  return "'" + path + "'";
}

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

int open_retrying(const std::string& path, int flags, mode_t mode = 0) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

File open_existing(const std::string& path, int flags) {
  const int fd = open_retrying(path, O_RDONLY | flags);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) throw Error(ErrorKind::not_found, "no file " + in_quotes(path));
  if (fd < 0) throw os_error("open " + in_quotes(path), errno);
  return {fd, path};
}

// A mistyped path, or a disk that is not mounted, must not become a folder with a "successful" backup in it: only the
// last folder of a relative path is made, and one that an absolute path names has to be there.
void make_last_folder(const std::string& folder) {
  std::error_code ignored;
  if (std::filesystem::is_directory(folder, ignored)) return;
  const bool absolute = std::filesystem::path(folder).is_absolute();
  if (!absolute && ::mkdir(folder.c_str(), 0700) == 0) {
    sync_folder_of(folder);
  } else if (absolute || errno == ENOENT) {
    throw Error(ErrorKind::failed, "folder " + in_quotes(folder) + " does not exist", "make it first");
  }
}

// Repeats a call that a signal has interrupted.
template <typename Call>
int uninterrupted(Call call) {
  int result = 0;
  do {
    result = call();
  } while (result != 0 && errno == EINTR);
  return result;
}

// Between open() and flock() the owner may have renamed or removed it: what is locked must be what has the name.
template <typename Open>
File lock_what_has_the_name(const std::string& path, Open open, const std::string& busy,
                            const std::string& next_action) {
  // Somebody who looks whether it is locked holds it for an instant.
  constexpr int kTries = 20;
  constexpr std::chrono::milliseconds kPause{10};
  for (int refused = 0;;) {
    File file(open(), path);
    if (uninterrupted([&] { return ::flock(file.fd(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno != EWOULDBLOCK) throw os_error("lock " + in_quotes(path), errno);
      if (++refused == kTries) throw Error(ErrorKind::locked, busy, next_action);
      std::this_thread::sleep_for(kPause);
      continue;
    }
    if (file.has_name(path)) return file;
  }
}

}  // namespace

File File::open_for_reading(const std::string& path) {
  if (path == "-") {
    const int fd = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) throw os_error("read standard input", errno);
    return {fd, "standard input"};
  }
  return open_existing(path, 0);
}

File File::open_for_polling(const std::string& path) {
  if (path == "-") return open_for_reading(path);
  File file = open_existing(path, O_NONBLOCK);
  if (::fcntl(file.fd(), F_SETFL, 0) != 0) throw os_error("open " + in_quotes(path), errno);
  return file;
}

File File::create_new(const std::string& path) {
  const int fd = open_retrying(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0 && errno == EEXIST) throw Error(ErrorKind::refused, in_quotes(path) + " exists");
  if (fd < 0) throw os_error("create " + in_quotes(path), errno);
  return {fd, path};
}

File File::open_for_adding(const std::string& path) {
  const int fd = open_retrying(path, O_RDWR | O_APPEND | O_NOFOLLOW);
  if (fd < 0) throw os_error("open " + in_quotes(path), errno);
  File file(fd, path);
  char last = '\n';
  if (const std::uint64_t bytes = file.size(); bytes > 0) file.read_at(bytes - 1, &last, 1);
  if (last != '\n') file.write("\n");
  return file;
}

File File::open_locked(const std::string& path, const std::string& busy, const std::string& next_action) {
  const auto open = [&] {
    const int fd = open_retrying(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0) throw os_error("create " + in_quotes(path), errno);
    return fd;
  };
  return lock_what_has_the_name(path, open, busy, next_action);
}

File File::open_locked_folder(const std::string& path, bool make, const std::string& busy,
                              const std::string& next_action) {
  const auto open = [&] {
    while (true) {
      if (make && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        throw os_error("create " + in_quotes(path), errno);
      }
      const int fd = open_retrying(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (fd >= 0) return fd;
      if (errno == ENOENT && make) continue;  // its owner has just removed it
      if (errno == ENOENT) throw Error(ErrorKind::corrupt, in_quotes(path) + " is gone");
      if (errno != ENOTDIR && errno != ELOOP) throw os_error("open folder " + in_quotes(path), errno);
      throw Error(ErrorKind::refused, in_quotes(path) + " is no folder", "remove it or use another name");
    }
  };
  return lock_what_has_the_name(path, open, busy, next_action);
}

File File::temporary(const std::string& directory) {
  const int fd = open_retrying(directory, O_RDWR | O_TMPFILE, 0600);
  if (fd >= 0) return {fd, directory + "/(temporary)"};
  // Not every file system has O_TMPFILE.
  std::string pattern = directory + "/bulk-XXXXXX";
  const int named = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (named < 0) throw os_error("create a temporary file in " + in_quotes(directory), errno);
  ::unlink(pattern.c_str());
  return {named, pattern};
}

File::File(File&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), sync_error_(other.sync_error_) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(sync_error_, other.sync_error_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

bool File::is_regular() const {
  struct stat status {};
  return ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
}

std::uint64_t File::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) throw os_error("look at " + in_quotes(path_), errno);
  return static_cast<std::uint64_t>(status.st_size);
}

std::int64_t File::modified_ns() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) throw os_error("look at " + in_quotes(path_), errno);
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

bool File::has_name(const std::string& path) const {
  struct stat held {};
  struct stat named {};
  if (::fstat(fd_, &held) != 0) throw os_error("look at " + in_quotes(path_), errno);
  if (::lstat(path.c_str(), &named) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    throw os_error("look at " + in_quotes(path), errno);
  }
  return held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

std::size_t File::read(char* into, std::size_t length) {
  while (true) {
    const ssize_t got = ::read(fd_, into, length);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw os_error("read " + in_quotes(path_), errno);
  }
}

void File::read_at(std::uint64_t offset, char* into, std::size_t length) const {
  while (length > 0) {
    const ssize_t got = ::pread(fd_, into, length, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("read " + in_quotes(path_), errno);
    if (got == 0) throw Error(ErrorKind::corrupt, in_quotes(path_) + " ends at byte " + std::to_string(offset));
    into += got;
    offset += static_cast<std::uint64_t>(got);
    length -= static_cast<std::size_t>(got);
  }
}

void File::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw os_error("write " + in_quotes(path_), errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

// An interrupted fsync has waited too short, which says nothing about the bytes: that alone is tried again.
void File::sync() {
  if (sync_error_ == 0 && uninterrupted([&] { return ::fsync(fd_); }) != 0) sync_error_ = errno;
  if (sync_error_ != 0) throw os_error("make " + in_quotes(path_) + " durable", sync_error_);
}

void File::sync_folder() {
  // EINVAL: a file system (9p, some of FUSE) that has no such thing for folders.
  if (sync_error_ == 0 && uninterrupted([&] { return ::fsync(fd_); }) != 0 && errno != EINVAL) sync_error_ = errno;
  if (sync_error_ != 0) throw os_error("make " + in_quotes(path_) + " durable", sync_error_);
}

PartialFile::PartialFile(const std::string& final_path, std::uint64_t keep_bytes)
    : final_path_(final_path), partial_path_(final_path + ".partial"), file_(-1, partial_path_) {
  struct stat status {};
  if (::lstat(final_path_.c_str(), &status) == 0) {
    throw Error(ErrorKind::refused, in_quotes(final_path_) + " exists", "name another file or remove it");
  }
  if (keep_bytes > 0 && ::lstat(partial_path_.c_str(), &status) != 0) {
    throw Error(ErrorKind::corrupt, in_quotes(partial_path_) + " is gone", "start afresh, without --resume");
  }
  make_folder_of(final_path_);
  const auto open = [&] {
    return File::open_locked(partial_path_, in_quotes(partial_path_) + " is being written by another run",
                             "wait for it or name another file");
  };
  file_ = open();
  // What has another name is not ours to change: publish() may have had to link() a dump, was killed, and somebody has
  // moved the dump since.
  if (::fstat(file_.fd(), &status) != 0) throw os_error("look at " + in_quotes(partial_path_), errno);
  if (status.st_nlink > 1 && keep_bytes > 0) {
    throw Error(ErrorKind::refused, in_quotes(partial_path_) + " has a second name, a hard link, which must not change",
                "remove one of the two, or start afresh, without --resume");
  }
  if (status.st_nlink > 1) {
    if (::unlink(partial_path_.c_str()) != 0) throw os_error("remove " + in_quotes(partial_path_), errno);
    file_ = open();
  }
  const int fd = file_.fd();
  if (const std::uint64_t size = file_.size(); size < keep_bytes) {
    throw Error(ErrorKind::corrupt,
                in_quotes(partial_path_) + " has " + std::to_string(size) + " bytes where " +
                    std::to_string(keep_bytes) + " were durable",
                "start afresh, without --resume");
  }
  const auto bytes = static_cast<off_t>(keep_bytes);
  if (::fchmod(fd, 0600) != 0 || uninterrupted([&] { return ::ftruncate(fd, bytes); }) != 0 ||
      ::lseek(fd, bytes, SEEK_SET) < 0) {
    throw os_error("write " + in_quotes(partial_path_), errno);
  }
  kept_ = keep_bytes > 0;
  written_ = keep_bytes;
}

PartialFile::~PartialFile() {
  if (published_ || kept_ || file_.fd() < 0) return;
  try {
    if (file_.has_name(partial_path_)) ::unlink(partial_path_.c_str());
  } catch (const Error&) {
    // What cannot be looked at stays: a partial file is never taken for a dump.
  }
}

void PartialFile::check_name() const {
  if (file_.has_name(partial_path_)) return;
  throw Error(ErrorKind::failed, in_quotes(partial_path_) + " was removed or replaced while it was being written",
              "start afresh, without --resume");
}

void PartialFile::keep() {
  file_.sync();
  check_name();
  if (!kept_) sync_folder_of(partial_path_);
  kept_ = true;
}

void PartialFile::publish() {
  file_.sync();
  check_name();
  if (::renameat2(AT_FDCWD, partial_path_.c_str(), AT_FDCWD, final_path_.c_str(), RENAME_NOREPLACE) != 0) {
    int error = errno;
    // File systems without RENAME_NOREPLACE (NFS, some FUSE): link() refuses an existing name just as well.
    if (error == EINVAL || error == ENOSYS) {
      error = ::link(partial_path_.c_str(), final_path_.c_str()) == 0 ? 0 : errno;
      if (error == 0) ::unlink(partial_path_.c_str());
    }
    if (error == EEXIST) {
      throw Error(ErrorKind::refused, in_quotes(final_path_) + " appeared while it was being written",
                  "name another file");
    }
    if (error != 0) throw os_error("rename " + in_quotes(partial_path_), error);
  }
  published_ = true;
  sync_folder_of(final_path_);
}

void make_folder_of(const std::string& path) {
  make_last_folder(parent_of(path));
}

void sync_folder_of(const std::string& path) {
  const std::string parent = parent_of(path);
  const int fd = open_retrying(parent, O_RDONLY | O_DIRECTORY);
  if (fd < 0) throw os_error("open folder " + in_quotes(parent), errno);
  File(fd, parent).sync_folder();
}

std::string read_text_file(const std::string& path, std::size_t limit_bytes) {
  File file = File::open_for_reading(path);
  std::string text;
  std::string chunk(64 * 1024, '\0');
  while (const std::size_t got = file.read(chunk.data(), chunk.size())) {
    text.append(chunk, 0, got);
    if (text.size() > limit_bytes) {
      throw Error(ErrorKind::usage, in_quotes(path) + " is larger than " + std::to_string(limit_bytes) + " bytes");
    }
  }
  return text;
}

}  // namespace bulk
