// A filter co-process under test: a program or a shell script in a folder of its own, and what it answers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "io/error.h"
#include "src/filter_program.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using testing::HasSubstr;

inline constexpr const char* kOneForOne = "; a filter writes exactly one line for each line that it reads";
inline constexpr const char* kByHand = "; try it by hand with a few lines of `bulk cat`";

inline bool installed(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

// A zombie that its new parent has not yet reaped is dead too.
inline bool alive(pid_t pid) {
  std::ifstream state("/proc/" + std::to_string(pid) + "/stat");
  std::string id;
  std::string name;
  std::string letter;
  return static_cast<bool>(state >> id >> name >> letter) && letter != "Z" && letter != "X";
}

// A signal needs a moment to be delivered.
inline bool dies(pid_t pid) {
  for (int i = 0; i < 1'000 && alive(pid); ++i) std::this_thread::sleep_for(10ms);
  return !alive(pid);
}

class Filter : public testing::Test {
 protected:
  void SetUp() override { former_ = std::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override {
    filter_.reset();
    std::signal(SIGPIPE, former_);
  }

  void program(std::vector<std::string> arguments, milliseconds limit = 60s) {
    filter_ = std::make_unique<FilterProgram>(
        FilterCommand{std::move(arguments), folder_.path().string(), "filter x", limit, quiet_}, stop_);
  }
  void shell(const std::string& script, milliseconds limit = 60s) { program({"sh", "-c", script}, limit); }

  std::vector<std::string> run(const std::vector<std::string>& lines) {
    const std::vector<std::string_view> views(lines.begin(), lines.end());
    Buffer out;
    std::vector<FilterProgram::Answer> answers;
    filter_->run(views, out, answers);
    std::vector<std::string> texts;
    texts.reserve(answers.size());
    for (const auto& [offset, length] : answers) texts.emplace_back(out.view(offset, length));
    return texts;
  }
  // The line users see of the error that `work` ends with.
  template <typename Work>
  std::string error_of(const Work& work) {
    try {
      work();
    } catch (const Error& error) {
      kind_ = error.kind();
      return error.line();
    }
    return "no error";
  }
  std::string run_error(const std::vector<std::string>& lines) {
    return error_of([&] { run(lines); });
  }
  std::string finish_error() {
    return error_of([&] { filter_->finish(); });
  }
  pid_t number_in(const std::string& file) {
    while (!std::filesystem::exists(folder_.path() / file)) std::this_thread::sleep_for(1ms);
    pid_t number = 0;
    std::ifstream(folder_.path() / file) >> number;
    return number;
  }

  // Long, so that a busy machine makes no prompt program look like one that holds back its output.
  milliseconds quiet_ = 30s;
  test::TempDir folder_;
  Stop stop_;
  std::unique_ptr<FilterProgram> filter_;
  ErrorKind kind_ = ErrorKind::failed;
  void (*former_)(int) = nullptr;
};

}  // namespace bulk
