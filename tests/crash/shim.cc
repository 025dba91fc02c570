// What the shim does at a boundary; which calls come here is said in shim_calls.cc.
#include "tests/crash/shim.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace bulk::crash {
namespace {

constexpr int kHighDescriptor = 500;  // out of the way of the program's own

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

int error_named(const std::string& name) {
  if (name == "EINTR") return EINTR;
  if (name == "ENOSPC") return ENOSPC;
  if (name == "EIO") return EIO;
  return name == "EDQUOT" ? EDQUOT : 0;
}

}  // namespace

Shim& Shim::get() {
  static Shim& shim = *new Shim;
  return shim;
}

Shim::Shim() : root_(variable("CRASH_ROOT")), kinds_(variable("CRASH_KINDS")), act_(variable("CRASH_ACT")) {
  if (root_.empty()) return;
  if (!kinds_.empty()) kinds_ = "," + kinds_ + ",";
  at_ = std::strtoul(variable("CRASH_AT").c_str(), nullptr, 10);
  if (act_.ends_with('+')) {
    sticky_ = true;
    act_.pop_back();
  }
  error_ = error_named(act_);
  const std::string log = variable("CRASH_LOG");
  if (log.empty()) return;
  const long fd = syscall(SYS_openat, AT_FDCWD, log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  log_ = fcntl(static_cast<int>(fd), F_DUPFD_CLOEXEC, kHighDescriptor);
  syscall(SYS_close, fd);
  if (log_ < 0) die();
}

bool Shim::covers(const std::string& path) const {
  return path.starts_with(root_) && (path.size() == root_.size() || path[root_.size()] == '/');
}

void Shim::die() {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

void Shim::record(const Call& call, bool counts, bool acted, long result, int error) const {
  if (log_ < 0) return;
  const std::size_t data = call.data != nullptr && result > 0 ? static_cast<std::size_t>(result) : 0;
  char head[192];
  std::snprintf(head, sizeof head, "%lu\t%s\t%d\t%ld\t%d\t%lu\t%ld\t%zu\t", counts ? number_ : 0, call.kind,
                acted ? 1 : 0, result, error, static_cast<unsigned long>(call.inode), static_cast<long>(call.offset),
                data);
  std::string text = head + call.path + "\t" + call.other + "\n";
  const iovec* piece = call.data;
  for (std::size_t left = data; left > 0; ++piece) {
    const std::size_t take = std::min(left, piece->iov_len);
    text.append(static_cast<const char*>(piece->iov_base), take);
    left -= take;
  }
  for (std::size_t done = 0; done < text.size();) {
    const long put = syscall(SYS_write, log_, text.data() + done, text.size() - done);
    if (put <= 0) die();  // a test without its log would prove nothing
    done += static_cast<std::size_t>(put);
  }
}

}  // namespace bulk::crash
