#include "io/aws_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>

extern char** environ;

namespace bulk {
namespace {

constexpr std::chrono::seconds kTimeLimit{60};
constexpr std::chrono::milliseconds kStopCheck{100};
constexpr std::size_t kMaxOutputBytes = 1 << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// A child in a process group of its own, killed with its descendants and reaped unless it ended by itself.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    int ignored = 0;
    while (::waitpid(pid_, &ignored, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool ended(int& status) {
    const pid_t result = ::waitpid(pid_, &status, WNOHANG);
    if (result == 0 || (result < 0 && errno == EINTR)) return false;
    pid_ = 0;
    return true;
  }

 private:
  pid_t pid_;
};

pid_t spawn(std::vector<std::string>& arguments, int output, int& error) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  // Standard input may be the dump that is being read.
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  // Our threads run with signals blocked; the child must not inherit that.
  sigset_t none;
  sigset_t standard;
  sigemptyset(&none);
  sigemptyset(&standard);
  for (const int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) sigaddset(&standard, signal);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &standard);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  error = posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error == 0 ? pid : 0;
}

// Standard output of the program, which must end well and in time.
std::string run(std::vector<std::string> arguments, const Stop& stop, const std::string& what) {
  const auto deadline = std::chrono::steady_clock::now() + kTimeLimit;
  const auto check = [&] {
    stop.check();
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(ErrorKind::usage, what + " did not end within 60 s", "run it by hand and see");
    }
  };
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw os_error("make a pipe", errno);
  Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  int error = 0;
  Child child(spawn(arguments, writing.get(), error));
  if (error != 0) {
    throw Error(ErrorKind::usage, what + " cannot be run: " + std::generic_category().message(error),
                "check credential_process");
  }
  writing.close();

  std::string output;
  for (;;) {
    check();
    pollfd waiting{reading.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(kStopCheck.count())) <= 0) continue;
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(reading.get(), bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    output.append(bytes.data(), static_cast<std::size_t>(got));
    if (output.size() > kMaxOutputBytes) throw Error(ErrorKind::usage, what + " printed more than 1 MiB");
  }
  int status = 0;
  while (!child.ended(status)) {
    check();
    stop.wait_for(std::chrono::milliseconds(5));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw Error(ErrorKind::usage,
                what + (WIFEXITED(status) ? " failed with exit status " + std::to_string(WEXITSTATUS(status))
                                          : " was killed by signal " + std::to_string(WTERMSIG(status))),
                "run it by hand and see");
  }
  return output;
}

}  // namespace

std::vector<std::string> split_command(const std::string& command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < command.size() &&
                         (quote == '\0' || command[i + 1] == '"' || command[i + 1] == '\\');
    if (escapes) {
      word += command[++i];
      in_word = true;
    } else if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != '\0') throw Error(ErrorKind::usage, "credential_process has a quote that is not closed");
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) throw Error(ErrorKind::usage, "credential_process is empty");
  return words;
}

AwsCredentials process_credentials(const CredentialContext& context, const std::string& command,
                                   const std::string& profile) {
  const std::string what = "credential_process of " + CredentialContext::named(profile);
  auto texts = json_texts(run(split_command(command), context.stop, what), what);
  if (texts["Version"] != "1") {
    throw Error(ErrorKind::remote, what + " printed credentials of a version other than 1");
  }
  return credentials_from(texts, "SessionToken", what);
}

}  // namespace bulk
