#include "io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
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
  if (absolute || (::mkdir(folder.c_str(), 0700) != 0 && errno == ENOENT)) {
    throw Error(ErrorKind::failed, "folder " + in_quotes(folder) + " does not exist", "make it first");
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

// Between open() and flock() the owner may have renamed or removed the file: what is locked must be what has the name.
File File::open_locked(const std::string& path, const std::string& busy, const std::string& next_action) {
  while (true) {
    const int fd = open_retrying(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0) throw os_error("create " + in_quotes(path), errno);
    File file(fd, path);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) throw Error(ErrorKind::locked, busy, next_action);
    struct stat held {};
    struct stat named {};
    if (::fstat(fd, &held) == 0 && ::lstat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
        held.st_dev == named.st_dev) {
      return file;
    }
  }
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

File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
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

void File::sync() {
  if (::fsync(fd_) != 0) throw os_error("make " + in_quotes(path_) + " durable", errno);
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
  make_last_folder(parent_of(final_path_));
  file_ = File::open_locked(partial_path_, in_quotes(partial_path_) + " is being written by another run",
                            "wait for it or name another file");
  const int fd = file_.fd();
  kept_ = keep_bytes > 0;
  if (const std::uint64_t size = file_.size(); size < keep_bytes) {
    throw Error(ErrorKind::corrupt,
                in_quotes(partial_path_) + " has " + std::to_string(size) + " bytes where " +
                    std::to_string(keep_bytes) + " were durable",
                "start afresh, without --resume");
  }
  if (::fchmod(fd, 0600) != 0 || ::ftruncate(fd, static_cast<off_t>(keep_bytes)) != 0 || ::lseek(fd, 0, SEEK_END) < 0) {
    throw os_error("write " + in_quotes(partial_path_), errno);
  }
  written_ = keep_bytes;
}

PartialFile::~PartialFile() {
  if (!published_ && !kept_ && file_.fd() >= 0) ::unlink(partial_path_.c_str());
}

void PartialFile::keep() {
  file_.sync();
  if (!kept_) sync_folder_of(partial_path_);
  kept_ = true;
}

void PartialFile::publish() {
  file_.sync();
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

void sync_folder_of(const std::string& path) {
  const std::string parent = parent_of(path);
  const int fd = open_retrying(parent, O_RDONLY | O_DIRECTORY);
  if (fd < 0) throw os_error("open folder " + in_quotes(parent), errno);
  File(fd, parent).sync();
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
