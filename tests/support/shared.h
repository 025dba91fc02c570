// Test data that is not part of the repository: vectors and samples that lie beside it. One setting finds it
// (BULK_SHARED, by default ../shared); where it is absent a test skips, visibly.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace bulk::test {

inline std::filesystem::path shared_file(const std::string& relative) {
  const char* root = std::getenv("BULK_SHARED");
  return std::filesystem::path(root != nullptr ? root : BULK_SHARED_DEFAULT) / relative;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace bulk::test

// Skips the test when `relative` is not there.
#define BULK_REQUIRE_SHARED(relative)                              \
  if (!std::filesystem::exists(bulk::test::shared_file(relative))) \
  GTEST_SKIP() << "no " << bulk::test::shared_file(relative).string() << " (set BULK_SHARED)"
