// Files as the project needs them: read at an offset, write a new file that appears under its name only when it is
// complete. Files that hold data are created with mode 0600. All functions throw Error with the path and the system's
// text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/buffer.h"

namespace bulk {

// An open file descriptor. Move-only. Not synchronised, but read_at() may be called from several threads.
class File {
 public:
  // not_found (10) when there is no such file, failed (1) otherwise. The path "-" is standard input.
  static File open_for_reading(const std::string& path);

  // The same, but a named pipe that has no writer yet is opened at once. Such a pipe reads as if it had ended, so the
  // caller waits with poll() before it reads from what is no regular file.
  static File open_for_polling(const std::string& path);

  // A new file of mode 0600; an Error(refused) "PATH exists" when there is one already.
  static File create_new(const std::string& path);

  // An existing file of lines, to write behind its end; a last line that was cut off is ended first.
  static File open_for_adding(const std::string& path);

  // Opens or makes (mode 0600) a file for reading and writing and holds an exclusive flock() on it as long as the File
  // lives; the kernel drops the lock with the process. Error(locked) with `busy` as its text when another holds it;
  // Error(failed) where the file system has no locks.
  static File open_locked(const std::string& path, const std::string& busy, const std::string& next_action);

  // The same with a folder. Where there is none it is made (mode 0700) if `make` says so, else that is an
  // Error(corrupt); something else of this name is an Error(refused).
  static File open_locked_folder(const std::string& path, bool make, const std::string& busy,
                                 const std::string& next_action);

  // An anonymous temporary file of mode 0600 in `directory` (already unlinked).
  static File temporary(const std::string& directory);

  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  int fd() const noexcept { return fd_; }
  const std::string& path() const noexcept { return path_; }
  bool is_regular() const;
  std::uint64_t size() const;
  std::int64_t modified_ns() const;  // since 1970
  // True when `path` leads to this very file: it has not been renamed, removed or replaced.
  bool has_name(const std::string& path) const;

  // Reads up to `length` bytes at the current position; 0 at the end. Retries EINTR and short reads are passed on.
  std::size_t read(char* into, std::size_t length);
  // Exactly `length` bytes at `offset`; Error(corrupt) "ends at byte N" when the file is shorter.
  void read_at(std::uint64_t offset, char* into, std::size_t length) const;
  void write(std::string_view bytes);
  // fsync. The kernel reports a failed write-back once and then forgets it: a File that could not be made durable
  // never again says that it is.
  void sync();
  // The same of a folder: the names in it.
  void sync_folder();

 private:
  int fd_ = -1;
  std::string path_;
  int sync_error_ = 0;
};

// A file under construction: NAME.partial, locked (flock) against a second writer, published as NAME.
// Destroyed without publish(): the partial file is removed, unless keep() was called.
class PartialFile {
 public:
  // Refuses (13) when NAME exists, and (11) when another run is writing NAME.partial; a stale partial file is replaced.
  // A missing folder is made (mode 0700) when it is the last one of a relative path; else Error(failed).
  explicit PartialFile(const std::string& final_path) : PartialFile(final_path, 0) {}
  // To go on with NAME.partial, of which the first `keep_bytes` stay and the rest is cut off; it is kept from now on.
  // Error(corrupt) when it is shorter or not there, Error(refused) when it has a second name.
  PartialFile(const std::string& final_path, std::uint64_t keep_bytes);
  PartialFile(PartialFile&&) = delete;
  ~PartialFile();

  void write(std::string_view bytes) {
    file_.write(bytes);
    written_ += bytes.size();
  }
  std::uint64_t written() const noexcept { return written_; }  // length of the file
  // What was written so far has to survive the destructor: a later run goes on with it. Makes it durable, name and all.
  // Error(failed) when NAME.partial is not this file any more.
  void keep();
  File& file() noexcept { return file_; }
  const std::string& final_path() const noexcept { return final_path_; }

  // fsync, rename without replacing (13 if NAME appeared meanwhile), fsync of the directory. Error(failed) as keep().
  void publish();

 private:
  void check_name() const;

  std::string final_path_;
  std::string partial_path_;
  File file_;
  std::uint64_t written_ = 0;
  bool kept_ = false;
  bool published_ = false;
};

// The folder that `path` is to stand in, as PartialFile makes it.
void make_folder_of(const std::string& path);

// fsync of the folder that holds `path`: only then does a new name survive a power failure.
void sync_folder_of(const std::string& path);

// The whole file as text; Error(usage) when it is larger than `limit_bytes`.
std::string read_text_file(const std::string& path, std::size_t limit_bytes);

}  // namespace bulk
