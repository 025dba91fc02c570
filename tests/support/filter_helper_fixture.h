// Modules under test: run on lines with the shipped Node helper.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "codecs/item.h"
#include "io/child_process.h"
#include "io/error.h"
#include "src/filter_helper.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {

using testing::HasSubstr;
using testing::StartsWith;

inline constexpr const char* kByHand = "; try it by hand with a few lines of `bulk cat`";

// Runs modules on lines with the helper.
class FilterHelper : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v node >/dev/null 2>&1") != 0) GTEST_SKIP() << "no node";
    former_ = std::signal(SIGPIPE, SIG_IGN);
  }
  void TearDown() override {
    if (former_ != nullptr) std::signal(SIGPIPE, former_);
  }

  void module(const std::string& text, const std::string& name = "m.mjs") {
    name_ = name;
    std::ofstream(folder_.path() / name) << text;
  }
  std::vector<std::string> run(const std::vector<std::string>& lines, ModuleMode mode = ModuleMode::transform) {
    FilterCommand command = module_command(name_, folder_.path().string(), mode, {"pk", "sk"});
    command.quiet = std::chrono::seconds(30);
    FilterProgram program(command, stop_);
    const std::vector<std::string_view> views(lines.begin(), lines.end());
    Buffer out;
    std::vector<FilterProgram::Answer> answers;
    program.run(views, out, answers);
    program.finish();
    said_ = program.stderr_tail();
    std::vector<std::string> texts;
    texts.reserve(answers.size());
    for (const auto& [offset, length] : answers) texts.emplace_back(out.view(offset, length));
    return texts;
  }
  // What `body`, a function body over `item`, makes of the item with these attributes: its attributes.
  std::string changed(const std::string& body, const std::string& attributes) {
    module("export function transform(item) {" + body + "; return item; }");
    const std::string line = run({R"({"Item":{)" + attributes + "}}"}).at(0);
    return line.substr(9, line.size() - 11);
  }
  std::string error(const std::vector<std::string>& lines, ModuleMode mode = ModuleMode::transform) {
    try {
      run(lines, mode);
    } catch (const Error& error) {
      return error.line();
    }
    return "no error";
  }
  // Of a module whose transform adds the attribute `bad`.
  std::string error_of_value(const std::string& expression) {
    module("export const transform = (item) => ({ ...item, bad: " + expression + " });");
    const std::string text = error({R"({"Item":{"pk":{"S":"a"},"sk":{"N":"1"},"x":{"S":"y"}}})"});
    const std::string head =
        "module m.mjs ended with exit status 1 after 0 of 1 lines, saying: transform of m.mjs failed for the item "
        R"({"pk":{"S":"a"},"sk":{"N":"1"}}: )";
    EXPECT_THAT(text, StartsWith(head));
    return text.substr(std::min(head.size(), text.size()),
                       text.size() - std::min(head.size() + std::string(kByHand).size(), text.size()));
  }

  test::TempDir folder_;
  Stop stop_;
  std::string name_;
  std::string said_;
  void (*former_)(int) = nullptr;
};

}  // namespace bulk
