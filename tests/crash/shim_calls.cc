// The calls of libc that the shim stands in front of, all made by syscall(2). Which of them are boundaries is said in
// shim.h. A descriptor is recognised anew at each call by what /proc says of it: nothing has to be tracked.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/crash/shim.h"

namespace {

using bulk::crash::Shim;

std::string name_of(int fd) {
  char link[64];
  char target[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const long length = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

// The folder of a path without links, then its last name.
std::string canonical(int folder, const char* path) {
  std::string text = path;
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  const std::size_t slash = text.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : text.substr(0, slash);
  const long fd = syscall(SYS_openat, folder, parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {};
  const std::string name = name_of(static_cast<int>(fd));
  syscall(SYS_close, fd);
  return (name == "/" ? "" : name) + "/" + (slash == std::string::npos ? text : text.substr(slash + 1));
}

bool look(int folder, const char* path, struct stat& status) {
  return syscall(SYS_newfstatat, folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

enum class Channel { none, file, output, socket };

// What a descriptor is, as far as it is watched; fills the call's path and inode.
Channel channel_of(int fd, Shim::Call& call) {
  Shim& shim = Shim::get();
  const int error = errno;
  Channel channel = Channel::none;
  struct stat status {};
  if (shim.active() && syscall(SYS_fstat, fd, &status) == 0) {
    call.inode = status.st_ino;
    if (S_ISSOCK(status.st_mode)) {
      sockaddr_storage address{};
      socklen_t length = sizeof address;
      const bool internet = getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
                            (address.ss_family == AF_INET || address.ss_family == AF_INET6);
      if (internet) channel = Channel::socket;
      call.path = "socket";
    } else if ((S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) && status.st_nlink > 0) {
      call.path = name_of(fd);
      if (shim.covers(call.path)) channel = Channel::file;
    }
    if (fd == STDOUT_FILENO && channel == Channel::none) {
      channel = Channel::output;
      call.path = "stdout";
    }
  }
  errno = error;
  return channel;
}

std::size_t length_of(const iovec* pieces, int count) {
  std::size_t length = 0;
  for (int i = 0; i < count; ++i) length += pieces[i].iov_len;
  return length;
}

// All forms of writing. offset < 0: at the file's own position. make(most) makes the call.
template <typename Make>
long write_through(int fd, const iovec* pieces, int count, off_t offset, Make make) {
  const std::size_t all = length_of(pieces, count);
  Shim::Call call{"write"};
  const Channel channel = channel_of(fd, call);
  if (channel == Channel::none) return make(all);
  call.bytes = all;
  call.interruptible = true;
  if (channel == Channel::socket) call.kind = "send";
  if (channel == Channel::output) call.kind = "output";
  if (channel == Channel::file) {
    call.data = pieces;
    call.offset = offset;
  }
  return Shim::get().boundary(call, [&](std::size_t most) {
    if (channel == Channel::file && offset < 0) {
      const bool appends = (syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) != 0;
      struct stat status {};
      syscall(SYS_fstat, fd, &status);
      call.offset = appends ? status.st_size : syscall(SYS_lseek, fd, 0, SEEK_CUR);
    }
    return make(most);
  });
}

long write_plain(int fd, const void* bytes, std::size_t length) {
  const iovec piece{const_cast<void*>(bytes), length};
  return write_through(fd, &piece, 1, -1, [&](std::size_t most) { return syscall(SYS_write, fd, bytes, most); });
}

long write_at(int fd, const void* bytes, std::size_t length, off_t offset) {
  const iovec piece{const_cast<void*>(bytes), length};
  return write_through(fd, &piece, 1, offset,
                       [&](std::size_t most) { return syscall(SYS_pwrite64, fd, bytes, most, offset); });
}

// Of several pieces at most so many bytes: only as many whole pieces as fit, or a part of the first.
long write_pieces(int fd, const iovec* pieces, int count) {
  return write_through(fd, pieces, count, -1, [&](std::size_t most) {
    if (most == length_of(pieces, count)) return syscall(SYS_writev, fd, pieces, count);
    int whole = 0;
    for (std::size_t fit = 0; whole < count && fit + pieces[whole].iov_len <= most; ++whole)
      fit += pieces[whole].iov_len;
    if (whole > 0) return syscall(SYS_writev, fd, pieces, whole);
    return syscall(SYS_write, fd, pieces[0].iov_base, most);
  });
}

long send_through(int fd, std::size_t bytes, const auto& make) {
  Shim::Call call{"send"};
  if (channel_of(fd, call) != Channel::socket) return make(bytes);
  call.bytes = bytes;
  call.interruptible = true;
  return Shim::get().boundary(call, make);
}

long open_through(int folder, const char* path, int flags, mode_t mode) {
  const auto make = [&](std::size_t) { return syscall(SYS_openat, folder, path, flags, mode); };
  Shim& shim = Shim::get();
  if (!shim.active() || (flags & (O_CREAT | O_TRUNC)) == 0) return make(0);
  struct stat status {};
  const bool there = look(folder, path, status);
  const bool empties = there && (flags & O_TRUNC) != 0 && status.st_size > 0;
  Shim::Call call{there ? "truncate" : "create", canonical(folder, path)};
  if (!shim.covers(call.path) || (there && !empties) || (!there && (flags & O_CREAT) == 0)) return make(0);
  return shim.boundary(call, make, [&] {
    if (look(folder, path, status)) call.inode = status.st_ino;
  });
}

// Not made at all: a killed process needs no sync, and what a power failure would leave is known from the records.
long sync_through(int fd, long number) {
  Shim::Call call{"sync"};
  if (channel_of(fd, call) != Channel::file) return syscall(number, fd);
  call.interruptible = true;
  return Shim::get().boundary(call, [](std::size_t) { return 0L; });
}

long truncate_through(int fd, off_t length) {
  Shim::Call call{"truncate"};
  const auto make = [&](std::size_t) { return syscall(SYS_ftruncate, fd, length); };
  if (channel_of(fd, call) != Channel::file) return make(0);
  call.offset = length;
  return Shim::get().boundary(call, make);
}

long names_through(const char* kind, const std::string& path, const std::string& other, const auto& make) {
  Shim& shim = Shim::get();
  if (!shim.active() || !(shim.covers(path) || shim.covers(other))) return make(0);
  Shim::Call call{kind, path, other};
  return shim.boundary(call, make);
}

long rename_through(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  return names_through("rename", canonical(from_folder, from), canonical(to_folder, to),
                       [&](std::size_t) { return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags); });
}

long link_through(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  return names_through("link", canonical(from_folder, from), canonical(to_folder, to),
                       [&](std::size_t) { return syscall(SYS_linkat, from_folder, from, to_folder, to, flags); });
}

long unlink_through(int folder, const char* path, int flags) {
  return names_through("unlink", canonical(folder, path), {},
                       [&](std::size_t) { return syscall(SYS_unlinkat, folder, path, flags); });
}

long mkdir_through(int folder, const char* path, mode_t mode) {
  Shim& shim = Shim::get();
  const auto make = [&](std::size_t) { return syscall(SYS_mkdirat, folder, path, mode); };
  struct stat status {};
  if (!shim.active() || look(folder, path, status)) return make(0);
  Shim::Call call{"mkdir", canonical(folder, path)};
  if (!shim.covers(call.path)) return make(0);
  return shim.boundary(call, make, [&] {
    if (look(folder, path, status)) call.inode = status.st_ino;
  });
}

}  // namespace

// The third argument of open() is there only when a file may be made.
#define BULK_MODE_ARGUMENT(flags)                                   \
  mode_t mode = 0;                                                  \
  if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) { \
    va_list arguments;                                              \
    va_start(arguments, flags);                                     \
    mode = static_cast<mode_t>(va_arg(arguments, int));             \
    va_end(arguments);                                              \
  }

// The names that the dynamic linker finds before those of libc. glibc declares some of them noexcept.
extern "C" {

ssize_t write(int fd, const void* bytes, size_t length) {
  return write_plain(fd, bytes, length);
}
ssize_t pwrite(int fd, const void* bytes, size_t length, off_t offset) {
  return write_at(fd, bytes, length, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t length, off64_t offset) {
  return write_at(fd, bytes, length, offset);
}
ssize_t writev(int fd, const iovec* pieces, int count) {
  return write_pieces(fd, pieces, count);
}
ssize_t send(int fd, const void* bytes, size_t length, int flags) {
  return send_through(fd, length,
                      [&](std::size_t most) { return syscall(SYS_sendto, fd, bytes, most, flags, nullptr, 0); });
}
ssize_t sendto(int fd, const void* bytes, size_t length, int flags, const sockaddr* to, socklen_t to_length) {
  return send_through(fd, length,
                      [&](std::size_t most) { return syscall(SYS_sendto, fd, bytes, most, flags, to, to_length); });
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const auto first = [&](std::size_t most) {
    msghdr part = *message;
    iovec piece{message->msg_iov[0].iov_base, std::min(most, message->msg_iov[0].iov_len)};
    part.msg_iov = &piece;
    part.msg_iovlen = 1;
    return syscall(SYS_sendmsg, fd, &part, flags);
  };
  const std::size_t all = length_of(message->msg_iov, static_cast<int>(message->msg_iovlen));
  return send_through(
      fd, all, [&](std::size_t most) { return most == all ? syscall(SYS_sendmsg, fd, message, flags) : first(most); });
}
int open(const char* path, int flags, ...) {
  BULK_MODE_ARGUMENT(flags);
  return static_cast<int>(open_through(AT_FDCWD, path, flags, mode));
}
int open64(const char* path, int flags, ...) {
  BULK_MODE_ARGUMENT(flags);
  return static_cast<int>(open_through(AT_FDCWD, path, flags, mode));
}
int openat(int folder, const char* path, int flags, ...) {
  BULK_MODE_ARGUMENT(flags);
  return static_cast<int>(open_through(folder, path, flags, mode));
}
int openat64(int folder, const char* path, int flags, ...) {
  BULK_MODE_ARGUMENT(flags);
  return static_cast<int>(open_through(folder, path, flags, mode));
}
int creat(const char* path, mode_t mode) {
  return static_cast<int>(open_through(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode));
}
int fsync(int fd) {
  return static_cast<int>(sync_through(fd, SYS_fsync));
}
int fdatasync(int fd) {
  return static_cast<int>(sync_through(fd, SYS_fdatasync));
}
int ftruncate(int fd, off_t length) noexcept {
  return static_cast<int>(truncate_through(fd, length));
}
int ftruncate64(int fd, off64_t length) noexcept {
  return static_cast<int>(truncate_through(fd, length));
}
int rename(const char* from, const char* to) noexcept {
  return static_cast<int>(rename_through(AT_FDCWD, from, AT_FDCWD, to, 0));
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return static_cast<int>(rename_through(from_folder, from, to_folder, to, 0));
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) noexcept {
  return static_cast<int>(rename_through(from_folder, from, to_folder, to, flags));
}
int link(const char* from, const char* to) noexcept {
  return static_cast<int>(link_through(AT_FDCWD, from, AT_FDCWD, to, 0));
}
int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) noexcept {
  return static_cast<int>(link_through(from_folder, from, to_folder, to, flags));
}
int unlink(const char* path) noexcept {
  return static_cast<int>(unlink_through(AT_FDCWD, path, 0));
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  return static_cast<int>(unlink_through(folder, path, flags));
}
int remove(const char* path) noexcept {
  struct stat status {};
  const bool folder = look(AT_FDCWD, path, status) && S_ISDIR(status.st_mode);
  return static_cast<int>(unlink_through(AT_FDCWD, path, folder ? AT_REMOVEDIR : 0));
}
int rmdir(const char* path) noexcept {
  return static_cast<int>(unlink_through(AT_FDCWD, path, AT_REMOVEDIR));
}
int mkdir(const char* path, mode_t mode) noexcept {
  return static_cast<int>(mkdir_through(AT_FDCWD, path, mode));
}
int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  return static_cast<int>(mkdir_through(folder, path, mode));
}

}  // extern "C"
