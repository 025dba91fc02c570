// A disk that is full or broken at each write, sync and new name: the program either ends with 0 and proven content, or
// with one line that says what could not be done to which file, and then nothing under a final name is incomplete and
// --resume ends well. Short and interrupted calls it has to survive.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "tests/crash/torture.h"

namespace bulk::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

constexpr std::string_view kWarning = "bulk: warning: ";

// Something beside the work went wrong (the history, the folder for the journal): that is told, and is no error.
bool is_warned(const Ordeal& ordeal) {
  const std::vector<std::string> lines = lines_of(ordeal.run.err);
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return line.starts_with(kWarning) && line.find(std::strerror(ordeal.acted()->error)) != std::string::npos;
  });
}

// Exactly one line of standard error tells the cause, with a name and the system's text.
void expect_one_clear_line(const Ordeal& ordeal, const Job& job) {
  const Boundary& acted = *ordeal.acted();
  const std::string system = std::strerror(acted.error);
  std::vector<std::string> causes;
  for (const std::string& line : lines_of(ordeal.run.err)) {
    if (line.starts_with(kWarning)) continue;
    if (line.find(system) != std::string::npos || line.find("SQLite:") != std::string::npos) causes.push_back(line);
  }
  ASSERT_EQ(causes.size(), 1U) << ordeal.run.err;
  EXPECT_THAT(causes[0], testing::StartsWith("bulk: "));
  if (job.into_sqlite() && causes[0].find("SQLite:") != std::string::npos) {
    EXPECT_THAT(causes[0], HasSubstr("table.db"));
    EXPECT_THAT(causes[0], AnyOf(HasSubstr("disk I/O error"), HasSubstr("database or disk is full"),
                                 HasSubstr("unable to open database file")));
    return;
  }
  std::vector<std::string> names;
  for (const Boundary& failed : ordeal.boundaries) {
    if (!failed.acted) continue;
    const std::filesystem::path path(failed.path);
    names.push_back(failed.kind == "output" ? "standard output" : path.filename().string());
    // Of a folder the last name may not be told.
    names.push_back("'" + path.lexically_relative(job.root()).string() + "'");
  }
  EXPECT_TRUE(std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return causes[0].find(name) != std::string::npos;
  })) << causes[0];
}

class DiskError : public testing::TestWithParam<const char*> {
 protected:
  void expect_honest(const std::string& title, const std::string& kinds, const std::vector<std::string>& acts,
                     bool must_survive) {
    const Fixture fixture(small_workload(GetParam()));
    Counts counts(title + ", " + GetParam() + ":");
    std::optional<DurableDisk> disk;
    const auto remember = [&](Job& job) {
      disk.emplace(job.root());
      return job.command();
    };
    for_each_boundary(fixture, GetParam(), kinds, acts, counts, remember, [&](Job& job, const Ordeal& ordeal) {
      const Boundary& acted = *ordeal.acted();
      EXPECT_EQ(job.problem_at_any_time(), "");
      if (ordeal.run.status == 0) {
        ++counts["survived"];
        EXPECT_EQ(job.problem_of_content(), "");
        // SQLite passes over a failed sync of a folder, and of the file while it closes it: its log keeps the rows
        // then.
        EXPECT_TRUE(must_survive || acted.kind != "sync" || job.into_sqlite() || is_warned(ordeal))
            << "a failed sync ended in 0: " << ordeal.run.err;
        expect_durable(job, *disk, ordeal);
        return;
      }
      ++counts["errors"];
      // An fsync that was interrupted is no write to SQLite that it would repeat: it ends the job.
      EXPECT_TRUE(!must_survive || (acted.kind == "sync" && job.into_sqlite())) << ordeal.run.err;
      EXPECT_LT(ordeal.run.status, 128) << ordeal.run.err;
      expect_one_clear_line(ordeal, job);
      expect_resume(job, counts);
    });
  }
};

TEST_P(DiskError, OnceIsSurvivedOrToldAndThenResumed) {
  BULK_REQUIRE_SHIM();
  expect_honest("one failure", "write,sync,create,mkdir,rename,link,output", {"ENOSPC", "EIO", "EDQUOT"}, false);
}

TEST_P(DiskError, AFullDiskThatStaysFullIsToldAndThenResumed) {
  BULK_REQUIRE_SHIM();
  expect_honest("full from then on", "write,create,mkdir", {"ENOSPC+", "EDQUOT+"}, false);
}

TEST_P(DiskError, ABrokenDiskIsToldAndThenResumed) {
  BULK_REQUIRE_SHIM();
  expect_honest("broken from then on", "write,sync,create,mkdir,rename,link,truncate,unlink", {"EIO+"}, false);
}

TEST_P(DiskError, ShortAndInterruptedCallsAreSurvived) {
  BULK_REQUIRE_SHIM();
  expect_honest("short or interrupted", "write,sync,send,output", {"short", "EINTR"}, true);
}

INSTANTIATE_TEST_SUITE_P(Jobs, DiskError, testing::Values("backup", "restore", "restore-sqlite", "copy", "backfill"));

}  // namespace
}  // namespace bulk::test
