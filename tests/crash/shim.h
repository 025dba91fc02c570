// The heart of libcrash_shim.so, which is preloaded into the built program: it stands between the program (and SQLite,
// libcurl, libstdc++) and the calls of libc at which the outside world changes, numbers them, writes down what they
// did, and at one of them lets the process die or the disk fail. The program itself holds no code for tests.
//
// A boundary is such a call on a regular file or folder below CRASH_ROOT, on an internet socket, or on standard output;
// an open() counts only when it makes or empties a file. Set by environment variables:
//
//   CRASH_ROOT   canonical folder; without it nothing is touched
//   CRASH_LOG    file outside of it to which one record per call is appended (boundary_log.h reads it)
//   CRASH_KINDS  the kinds that are numbered, such as "write,sync"; absent: all
//   CRASH_AT     number of the boundary, from 1, at which CRASH_ACT happens
//   CRASH_ACT    before | after | middle   SIGKILL there; middle: when half of the bytes are written
//                short | EINTR             half is written; the call is interrupted
//                ENOSPC | EIO | EDQUOT     the call fails; with "+" at the end all later ones too
//
// A sync of such a file is not made, only recorded: tests would wait for the disk most of the time.
// The calls are made one at a time under a mutex, so that the order of the records is that of the calls. stdio's own
// output (standard error) does not pass here, nor do writes to a mapped file (SQLite's -shm, which is made anew).
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <mutex>
#include <string>

namespace bulk::crash {

class Shim {
 public:
  // The process's one. Never destroyed: threads may write until the very end.
  static Shim& get();

  bool active() const { return !root_.empty(); }
  bool covers(const std::string& path) const;

  struct Call {
    const char* kind;
    std::string path{}, other{};  // `other`: the second name of rename and link
    ino_t inode = 0;
    off_t offset = 0;             // of a write; the length of a truncate
    std::size_t bytes = 0;        // to be written or sent
    const iovec* data = nullptr;  // of a write to a file
    bool interruptible = false;   // EINTR is a possible answer
  };

  // `make(most)` makes the call, with at most so many bytes; `made()` afterwards fills in what is known only then.
  template <typename Make, typename Made>
  long boundary(Call& call, Make make, Made made) {
    const std::lock_guard lock(mutex_);
    const bool counts = kinds_.empty() || kinds_.find("," + std::string(call.kind) + ",") != std::string::npos;
    if (counts) ++number_;
    const bool here = counts && at_ > 0 && (number_ == at_ || (sticky_ && number_ > at_));
    const std::size_t half = call.bytes / 2;
    const bool halved = here && (act_ == "short" || act_ == "middle") && half > 0;
    if (here && (act_ == "before" || (act_ == "middle" && !halved))) {
      record(call, counts, true, -1, 0);
      die();
    }
    if (here && error_ != 0 && (error_ != EINTR || call.interruptible)) {
      record(call, counts, true, -1, error_);
      errno = error_;
      return -1;
    }
    const long result = make(halved ? half : call.bytes);
    const int error = result < 0 ? errno : 0;
    made();
    record(call, counts, halved || (here && act_ == "after"), result, error);
    if (here && (act_ == "after" || act_ == "middle")) die();
    errno = error;
    return result;
  }
  template <typename Make>
  long boundary(Call& call, Make make) {
    return boundary(call, make, [] {});
  }

 private:
  Shim();
  [[noreturn]] static void die();
  // One line, then the bytes that were written to a file.
  void record(const Call& call, bool counts, bool acted, long result, int error) const;

  const std::string root_;
  std::string kinds_;  // with a comma around each
  std::string act_;
  unsigned long at_ = 0;
  bool sticky_ = false;
  int error_ = 0;
  int log_ = -1;
  std::mutex mutex_;
  unsigned long number_ = 0;
};

}  // namespace bulk::crash
