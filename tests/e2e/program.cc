#include "tests/e2e/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <stdexcept>

#include "tests/support/shared.h"

namespace bulk::test {
namespace {

constexpr int kTimeoutMs = 120'000;

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Arguments with_program(const Arguments& arguments) {
  Arguments command = {BULK_PROGRAM};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

}  // namespace

Run::Run(const Arguments& command, const Variables& environment, const std::filesystem::path& directory,
         const std::filesystem::path& in, const std::filesystem::path& out, const std::filesystem::path& err)
    : out_(out), err_(err) {
  Arguments arguments = command;
  Arguments variables;
  variables.reserve(environment.size());
  for (const auto& [name, value] : environment) variables.push_back(std::string(name).append("=").append(value));
  std::vector<char*> argv = pointers(arguments);
  std::vector<char*> envp = pointers(variables);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0) {  // only async-signal-safe calls from here
    setpgid(0, 0);
    const int in_fd = open(in.c_str(), O_RDONLY);
    const int out_fd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int err_fd = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (in_fd < 0 || out_fd < 0 || err_fd < 0 || dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0 ||
        chdir(directory.c_str()) != 0) {
      _exit(126);
    }
    close_range(3, ~0U, 0);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
}

Run::~Run() {
  if (wait_status_) return;
  kill_all();
  waitpid(pid_, nullptr, 0);
}

// A group of its own, so that nothing of a shell's pipeline outlives the shell.
void Run::kill_all() const {
  if (kill(-pid_, SIGKILL) != 0) kill(pid_, SIGKILL);
}

void Run::signal(int number) const {
  if (!wait_status_) kill(pid_, number);
}

bool Run::ended_within(int timeout_ms) {
  if (wait_status_) return true;
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));  // Debian 12's <sys/pidfd.h> is not for C++
  if (fd < 0) throw std::runtime_error("cannot open a pidfd");
  pollfd waiting{fd, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  close(fd);
  if (ready <= 0) return false;
  int status = 0;
  rusage used{};
  wait4(pid_, &status, 0, &used);
  wait_status_ = status;
  peak_kib_ = used.ru_maxrss;
  return true;
}

bool Run::running() {
  return !ended_within(0);
}

RunResult Run::wait() {
  if (!ended_within(kTimeoutMs)) {
    kill_all();
    throw std::runtime_error("still running after 120 s; standard error so far:\n" + read_file(err_));
  }
  RunResult result;
  result.status = WIFEXITED(*wait_status_) ? WEXITSTATUS(*wait_status_) : 128 + WTERMSIG(*wait_status_);
  // One that is killed at once may not have come to opening them.
  if (std::filesystem::exists(out_)) result.out = read_file(out_);
  if (std::filesystem::exists(err_)) result.err = read_file(err_);
  result.peak_kib = peak_kib_;
  // What tests/sanitizer_options.cc asks for; none of bulk's own.
  if (result.status == 99) throw std::runtime_error("a sanitizer has found something:\n" + result.err);
  return result;
}

Sandbox::Sandbox() : directory_(temporary_.path() / "work"), captures_(temporary_.path() / "captures") {
  const std::filesystem::path home = temporary_.path() / "home";
  for (const auto& folder : {directory_, captures_, home}) std::filesystem::create_directory(folder);
  const char* path = std::getenv("PATH");
  const std::string program_folder = std::filesystem::path(BULK_PROGRAM).parent_path().string();
  environment = {{"PATH", program_folder + ":" + (path != nullptr ? path : "/usr/bin:/bin")},
                 {"HOME", home.string()},
                 {"LANG", "C.UTF-8"},
                 {"TERM", "dumb"},
                 // A slow machine or a sanitizer would put lines of progress among what the tests expect.
                 {"BULK_PROGRESS", "none"},
                 // No test may ask the network for credentials.
                 {"AWS_EC2_METADATA_DISABLED", "true"}};
}

std::unique_ptr<Run> Sandbox::spawn(const Arguments& command, const Variables& more, const std::filesystem::path& in,
                                    const std::filesystem::path& directory) {
  const std::string base = (captures_ / std::to_string(runs_++)).string();
  Variables variables = more;
  variables.insert(environment.begin(), environment.end());
  return std::make_unique<Run>(command, variables, directory, in, base + ".out", base + ".err");
}

RunResult Sandbox::bulk(const Arguments& arguments, const Variables& more) {
  return spawn(with_program(arguments), more, "/dev/null", directory_)->wait();
}

RunResult Sandbox::bulk_in(const std::string& folder, const Arguments& arguments) {
  return spawn(with_program(arguments), {}, "/dev/null", directory_ / folder)->wait();
}

RunResult Sandbox::shell(const std::string& line, const Variables& more) {
  return spawn({"/bin/bash", "-o", "pipefail", "-c", line}, more, "/dev/null", directory_)->wait();
}

std::unique_ptr<Run> Sandbox::start(const Arguments& arguments, const std::string& in, const Variables& more) {
  return spawn(with_program(arguments), more, in, directory_);
}

std::string Sandbox::write(const std::string& name, const std::string& content) const {
  std::filesystem::create_directories((directory_ / name).parent_path());
  std::ofstream out(directory_ / name, std::ios::binary);
  out << content;
  if (!out.flush()) throw std::runtime_error("cannot write " + name);
  return path(name);
}

std::string Sandbox::read(const std::string& name) const {
  return read_file(directory_ / name);
}

std::vector<std::string> Sandbox::files() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
    if (!entry.is_directory()) names.push_back(entry.path().lexically_relative(directory_).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return {};
  const std::size_t begin = text.find_last_of('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

bool have_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "/usr/bin:/bin";
  for (std::size_t begin = 0; begin <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    if (access((folders.substr(begin, end - begin) + "/" + name).c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace bulk::test
