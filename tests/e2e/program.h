// Runs the built program as a user does: in a folder of its own, with a clean environment (its own HOME, nothing of the
// caller's AWS_*, PG* or BULK_*), and looks at what a user sees: exit status, standard output, standard error, files.
//
// A Sandbox owns the folder; everything in it goes away with it. A Run owns a child process: its destructor kills and
// reaps it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace bulk::test {

using Arguments = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

struct RunResult {
  int status = -1;  // exit status; 128 + signal when a signal ended it
  std::string out, err;
  long peak_kib = 0;  // largest resident size, also of what it has waited for
};

class Run {
 public:
  Run(const Arguments& command, const Variables& environment, const std::filesystem::path& directory,
      const std::filesystem::path& in, const std::filesystem::path& out, const std::filesystem::path& err);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void signal(int number) const;
  // Waits at most 120 s, then kills it and throws.
  RunResult wait();
  bool running();

 private:
  bool ended_within(int timeout_ms);
  void kill_all() const;

  pid_t pid_ = -1;
  std::optional<int> wait_status_;
  long peak_kib_ = 0;
  std::filesystem::path out_, err_;
};

class Sandbox {
 public:
  Sandbox();

  // Added to the environment of every run from here on.
  Variables environment;

  RunResult bulk(const Arguments& arguments, const Variables& more = {});
  // As bulk(), with the working directory `folder` (relative to the sandbox).
  RunResult bulk_in(const std::string& folder, const Arguments& arguments);
  // A line for bash in the sandbox, with bulk on its PATH and pipefail set.
  RunResult shell(const std::string& line, const Variables& more = {});
  // Started, not waited for. `in` is what standard input is opened from: a file, or a FIFO that the test holds open.
  std::unique_ptr<Run> start(const Arguments& arguments, const std::string& in = "/dev/null",
                             const Variables& more = {});

  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) const;
  std::string read(const std::string& name) const;
  bool exists(const std::string& name) const { return std::filesystem::exists(directory_ / name); }
  // Names of all files below the sandbox's working folder (not HOME), sorted, relative.
  std::vector<std::string> files() const;

 private:
  std::unique_ptr<Run> spawn(const Arguments& command, const Variables& more, const std::filesystem::path& in,
                             const std::filesystem::path& directory);

  TempDir temporary_;
  std::filesystem::path directory_, captures_;
  int runs_ = 0;
};

// The last line of standard output under --json.
std::string last_line(const std::string& text);
// True when a program of this name is on the PATH.
bool have_program(const std::string& name);

}  // namespace bulk::test

// Skips the test, visibly, when a program that it needs is not installed.
#define BULK_REQUIRE_PROGRAM(name) \
  if (!bulk::test::have_program(name)) GTEST_SKIP() << (name) << " is not installed"
