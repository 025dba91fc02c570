// Replays what fuzzing has kept: every file of corpus/TARGET goes through its target as it is, cut short, and with
// single bytes changed. Each target's own checks are the assertions (target.h); here only the corpora are checked to be
// there. Bounded: at most 100 cuts and 300 changes a file.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/fuzz/target.h"
#include "tests/support/shared.h"

// <fuzz_targets.inc> is made by CMakeLists.txt: BULK_FUZZ_TARGET(NAME) for each target.
#define BULK_FUZZ_TARGET(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
#include <fuzz_targets.inc>
#undef BULK_FUZZ_TARGET

namespace bulk::test {
namespace {

struct Target {
  const char* name;
  int (*run)(const std::uint8_t*, std::size_t);
};

constexpr Target kTargets[] = {
#define BULK_FUZZ_TARGET(name) {#name, fuzz_##name},
#include <fuzz_targets.inc>
#undef BULK_FUZZ_TARGET
};

constexpr std::size_t kMostCuts = 100;
constexpr std::size_t kMostChanges = 300;

std::filesystem::path corpus_of(const std::string& target) {
  return std::filesystem::path(BULK_SOURCE_DIR) / "tests/fuzz/corpus" / target;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class Replay : public testing::TestWithParam<Target> {
 protected:
  // False when it failed; then nothing more of the file is run. The input gets memory of its exact size, so that asan
  // sees a byte read behind it.
  bool run(std::string_view input, const std::string& what) const {
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    try {
      GetParam().run(bytes.data(), bytes.size());
      return true;
    } catch (const std::exception& error) {
      ADD_FAILURE() << what << ": " << error.what();
    } catch (...) {
      ADD_FAILURE() << what << ": something thrown that is no exception";
    }
    return false;
  }
};

TEST_P(Replay, HoldsForItsCorpus) {
  const std::filesystem::path folder = corpus_of(GetParam().name);
  ASSERT_TRUE(std::filesystem::is_directory(folder)) << folder;
  const auto files = files_in(folder);
  ASSERT_FALSE(files.empty()) << folder << " is empty";
  run("", "nothing at all");
  for (const auto& file : files) {
    const std::string name = file.filename().string();
    std::string bytes = read_file(file);
    bool good = run(bytes, name);
    const std::size_t cut_step = bytes.size() / kMostCuts + 1;
    for (std::size_t length = 0; good && length < bytes.size(); length += cut_step) {
      good = run(std::string_view(bytes).substr(0, length), name + " cut to " + std::to_string(length) + " bytes");
    }
    const std::size_t change_step = bytes.size() / kMostChanges + 1;
    for (std::size_t at = 0; good && at < bytes.size(); at += change_step) {
      const char kept = bytes[at];
      // One bit, another one from byte to byte.
      bytes[at] = static_cast<char>(kept ^ (1 << at % 8));
      good = run(bytes, name + " with byte " + std::to_string(at) + " changed");
      bytes[at] = kept;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Replay, testing::ValuesIn(kTargets), [](const auto& info) { return info.param.name; });

TEST(Corpus, HasNoFolderWithoutATarget) {
  for (const auto& folder : files_in(corpus_of(""))) {
    const std::string name = folder.filename().string();
    EXPECT_TRUE(std::any_of(std::begin(kTargets), std::end(kTargets), [&](const Target& target) {
      return name == target.name;
    })) << name;
  }
}

// A checkout has to carry them all.
TEST(Corpus, StaysSmall) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(corpus_of(""))) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  EXPECT_LT(bytes, 300u << 10);
}

}  // namespace
}  // namespace bulk::test
