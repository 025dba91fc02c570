// What a failing run must look like to a user: the exit status and one line on standard error, word for word.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/e2e/program.h"

namespace bulk::test {

// `line` without the program's name; DIR in it is the sandbox's folder with its slash, HOME the home folder.
inline void expect_error(const Sandbox& sandbox, const RunResult& result, int status, std::string line) {
  for (const auto& [word, folder] : Variables{{"DIR", sandbox.path("")}, {"HOME", sandbox.environment.at("HOME")}}) {
    for (std::size_t at = 0; (at = line.find(word, at)) != std::string::npos;) {
      line.replace(at, word.size(), folder);
      at += folder.size();
    }
  }
  EXPECT_EQ(result.status, status);
  EXPECT_EQ(result.err, "bulk: " + line + "\n");
  EXPECT_EQ(result.out, "");
}

inline void expect_ok(const RunResult& result) {
  EXPECT_EQ(result.status, 0) << result.err << result.out;
}

}  // namespace bulk::test
