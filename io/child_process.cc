#include "io/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <thread>

#include "io/error.h"

extern char** environ;

namespace bulk {
namespace {

// Each turn of a co-process between reading and writing costs a wake-up; 64 KiB, the default, is about 150 records.
constexpr int kPipeBytes = 1 << 18;
constexpr std::chrono::milliseconds kEndCheck{2};

struct Pipe {
  File reading;
  File writing;
};

// A copy above the standard descriptors: where one of those is closed in us, a pipe would take its place, and the
// child's dup2() onto it would lose the pipe.
File above_standard(const File& end) {
  const int fd = ::fcntl(end.fd(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (fd < 0) throw os_error("make a pipe", errno);
  return File(fd, "a pipe");
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw os_error("make a pipe", errno);
  const File reading(ends[0], "a pipe");
  const File writing(ends[1], "a pipe");
  Pipe pipe{above_standard(reading), above_standard(writing)};
  ::fcntl(pipe.writing.fd(), F_SETPIPE_SZ, kPipeBytes);  // refused where the system allows less
  return pipe;
}

void do_not_block(const File& ours) {
  ::fcntl(ours.fd(), F_SETFL, ::fcntl(ours.fd(), F_GETFL) | O_NONBLOCK);
}

// What posix_spawn is told; its two objects need to be destroyed.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&attributes_);
    // Our threads run with signals blocked and SIGPIPE ignored; the child must inherit neither. Whoever started us may
    // have SIGCHLD ignored, with which no shell can tell how its commands end.
    sigset_t none;
    sigset_t standard;
    sigemptyset(&none);
    sigemptyset(&standard);
    for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGCHLD}) sigaddset(&standard, signal);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &standard);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&files_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void give(const File& end, int as) { posix_spawn_file_actions_adddup2(&files_, end.fd(), as); }
  void run_in(const std::string& directory) { posix_spawn_file_actions_addchdir_np(&files_, directory.c_str()); }
  // The system's error number, 0 when it runs.
  int spawn(const std::vector<std::string>& arguments, pid_t& pid) {
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    return posix_spawnp(&pid, argv[0], &files_, &attributes_, argv.data(), environ);
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

// The process groups that live, for kill_all(): their ids, 0 where there is none, and the negative id while kill_all()
// is at one. One list for the whole process, because what ends it at once knows no objects; an array of atomics
// without a constructor that runs, because it may be in a signal handler. There is a program or two for each worker;
// one beyond the 1,024th would be told by the end of its input alone.
std::array<std::atomic<pid_t>, 1024>& live_groups() noexcept {
  static constinit std::array<std::atomic<pid_t>, 1024> groups{};
  static_assert(std::atomic<pid_t>::is_always_lock_free);
  return groups;
}

std::atomic<pid_t>* enlist(pid_t group) noexcept {
  for (std::atomic<pid_t>& place : live_groups()) {
    pid_t none = 0;
    if (place.compare_exchange_strong(none, group)) return &place;
  }
  return nullptr;
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

ChildProcess::ChildProcess(const std::string& what, const std::vector<std::string>& arguments,
                           const std::string& directory) {
  if (arguments.empty() || arguments[0].empty()) throw Error(ErrorKind::usage, what + " names no program");
  std::error_code no_folder;
  if (!directory.empty() && !std::filesystem::is_directory(directory, no_folder)) {
    throw Error(ErrorKind::usage, what + " cannot be started: there is no folder " + directory);
  }
  Pipe input = make_pipe();
  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  do_not_block(input.writing);
  do_not_block(output.reading);
  do_not_block(errors.reading);
  SpawnPlan plan;
  if (!directory.empty()) plan.run_in(directory);
  plan.give(input.reading, STDIN_FILENO);
  plan.give(output.writing, STDOUT_FILENO);
  plan.give(errors.writing, STDERR_FILENO);
  pid_t pid = 0;
  const int error = plan.spawn(arguments, pid);
  if (error != 0) {
    const bool has_path = arguments[0].find('/') != std::string::npos;
    throw Error(ErrorKind::usage, what + " cannot be started: " + std::generic_category().message(error),
                has_path ? "check the path of " + arguments[0] : "check that " + arguments[0] + " is installed");
  }
  pid_ = pid;
  listed_ = enlist(pid);
  input_.emplace(std::move(input.writing));
  output_.emplace(std::move(output.reading));
  errors_.emplace(std::move(errors.reading));
}

ChildProcess::~ChildProcess() {
  if (status()) return;
  // Without its pipes it cannot be held up by a reader or writer that has gone.
  input_.reset();
  output_.reset();
  errors_.reset();
  ::kill(-pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + grace_;
  while (!status()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      ::kill(-pid_, SIGKILL);
      forget();
      reap(pid_);
      return;
    }
    std::this_thread::sleep_for(kEndCheck);
  }
}

void ChildProcess::kill_all() noexcept {
  for (std::atomic<pid_t>& place : live_groups()) {
    pid_t group = place.load();
    // Claimed, so that it is not reaped, and its id given to a stranger, before it is killed.
    if (group <= 0 || !place.compare_exchange_strong(group, -group)) continue;
    ::kill(-group, SIGKILL);
    place.store(group);
  }
}

// Before it is reaped; waits while kill_all() is at it, which is one system call.
void ChildProcess::forget() noexcept {
  if (listed_ == nullptr) return;
  pid_t group = pid_;
  while (!listed_->compare_exchange_weak(group, 0)) group = pid_;
  listed_ = nullptr;
}

bool ChildProcess::has_read_all() const noexcept {
  int waiting = 0;
  return !input_ || (::ioctl(input_->fd(), FIONREAD, &waiting) == 0 && waiting == 0);
}

std::optional<int> ChildProcess::status() noexcept {
  if (pid_ == 0) return status_;
  siginfo_t info{};
  // Looked at without being reaped: as long as it is a zombie, its group's id is its own.
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno == EINTR) return {};
    // Reaped by the system, because SIGCHLD is ignored: nobody can say how it ended.
    forget();
    pid_ = 0;
    status_ = W_EXITCODE(255, 0);
    return status_;
  }
  if (info.si_pid == 0) return {};
  ::kill(-pid_, SIGKILL);
  forget();
  status_ = reap(pid_);
  pid_ = 0;
  return status_;
}

}  // namespace bulk
