// Larger jobs against servers that are slow and throttle, ended at random moments: by SIGKILL, several times in a row,
// with and without a loss of power; by SIGINT and SIGTERM, which drain. Every one is gone on with to the right end.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <random>

#include "tests/crash/torture.h"

namespace bulk::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kShortRounds = 6;
constexpr const char* kJobs[] = {"backup", "restore", "restore-sqlite", "copy"};

Workload larger() {
  Workload workload;
  workload.items = 3'000;
  workload.item_bytes = 1'000;
  workload.faults.latency = std::chrono::milliseconds(2);
  workload.faults.unprocessed = 0.0005;  // for each put: throttling of about one request in eighty
  workload.faults.throttle = 0.005;
  workload.faults.internal_error = 0.005;
  workload.faults.drop_after = 0.01;
  workload.faults.empty_page = 0.05;
  return workload;
}

std::int64_t microseconds_since(Clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count();
}

// How long each job takes when nobody disturbs it.
std::map<std::string, std::int64_t> durations(const Fixture& fixture) {
  std::map<std::string, std::int64_t> found;
  for (const char* name : kJobs) {
    Job job(fixture, name);
    const auto begin = Clock::now();
    const RunResult undisturbed = run(job, job.command());
    EXPECT_EQ(undisturbed.status, 0) << name << ": " << undisturbed.err;
    found[name] = microseconds_since(begin);
    EXPECT_EQ(job.problem_at_the_end(), "") << name;
  }
  return found;
}

struct Ended {
  RunResult run;
  std::vector<Boundary> boundaries;
  double seconds = 0;  // from the signal to the end
};

Ended signal_after(Job& job, const Arguments& arguments, std::int64_t microseconds, int signal) {
  const ShimRun shim(job, {});
  const auto started = job.sandbox.start(arguments, "/dev/null", shim.environment());
  usleep(static_cast<useconds_t>(microseconds));
  const auto sent = Clock::now();
  started->signal(signal);
  Ended ended;
  ended.run = started->wait();
  ended.seconds = static_cast<double>(microseconds_since(sent)) / 1e6;
  ended.boundaries = shim.boundaries();
  return ended;
}

TEST(AtRandomMoments, SigkillSeveralTimesInARowIsResumed) {
  BULK_REQUIRE_SHIM();
  const Fixture fixture(larger());
  const auto usual = durations(fixture);
  Counts counts("SIGKILL at random moments:");
  const unsigned rounds = torture_rounds(kShortRounds);
  for (unsigned round = 0; round < rounds; ++round) {
    std::mt19937_64 random(round);
    const std::string name = kJobs[round % std::size(kJobs)];
    Job job(fixture, name);
    const unsigned kills = 1 + random() % 3;
    SCOPED_TRACE("round " + std::to_string(round) + ", " + name);
    for (unsigned i = 0; i < kills; ++i) {
      DurableDisk disk(job.root());
      const auto moment = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(usual.at(name)));
      const Ended ended = signal_after(job, i == 0 ? job.command() : job.resume(), moment, SIGKILL);
      if (ended.run.status != 128 + SIGKILL) {
        ++counts["too-late"];
        EXPECT_TRUE(ended.run.status == 0 || ended.run.status == 13) << ended.run.err;
        break;
      }
      ++counts["kills"];
      if (random() % 2 == 0) {
        disk.replay(ended.boundaries);
        disk.install(random() % 2 == 0 ? std::nullopt : std::optional<std::uint64_t>(random()));
        ++counts["power-losses"];
      }
      EXPECT_EQ(job.problem_at_any_time(), "");
    }
    ++counts["rounds"];
    expect_resume(job, counts);
    if (testing::Test::HasFailure()) break;  // the seed is the round
  }
}

TEST(AtRandomMoments, SigintAndSigtermDrainAndAreResumed) {
  BULK_REQUIRE_SHIM();
  const Fixture fixture(larger());
  const auto usual = durations(fixture);
  Counts counts("SIGINT and SIGTERM at random moments:");
  // The promise is 2 s. A machine that is busy with other things must not fail the test.
  constexpr double kMostSeconds = 10;
  double slowest = 0;
  const unsigned rounds = torture_rounds(kShortRounds);
  for (unsigned round = 0; round < rounds; ++round) {
    std::mt19937_64 random(round + 1'000'000);
    const std::string name = kJobs[round % std::size(kJobs)];
    const int signal = random() % 2 == 0 ? SIGINT : SIGTERM;
    Job job(fixture, name);
    SCOPED_TRACE("round " + std::to_string(round) + ", " + name + ", signal " + std::to_string(signal));
    const auto moment = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(usual.at(name)));
    const Ended ended = signal_after(job, job.command(), moment, signal);
    slowest = std::max(slowest, ended.seconds);
    EXPECT_LT(ended.seconds, kMostSeconds);
    EXPECT_EQ(job.problem_at_any_time(), "");
    if (ended.run.status == 0) {
      ++counts["too-late"];
      EXPECT_EQ(job.problem_at_the_end(), "");
      continue;
    }
    ++counts["signals"];
    EXPECT_EQ(ended.run.status, 128 + signal) << ended.run.err;
    expect_resume(job, counts);
    if (testing::Test::HasFailure()) break;
  }
  counts["slowest-ms"] = static_cast<unsigned long>(slowest * 1000);
}

TEST(AtRandomMoments, AResumeOfAResumeOfAResumeIsResumed) {
  BULK_REQUIRE_SHIM();
  const Fixture fixture(Workload{});
  Counts counts("kills in a row at random boundaries:");
  const unsigned rounds = torture_rounds(kShortRounds);
  for (unsigned round = 0; round < rounds; ++round) {
    std::mt19937_64 random(round + 2'000'000);
    const std::string name = kJobs[round % std::size(kJobs)];
    Job job(fixture, name);
    SCOPED_TRACE("round " + std::to_string(round) + ", " + name);
    bool killed = true;
    for (unsigned i = 0; killed && i < 6; ++i) {
      DurableDisk disk(job.root());
      const Ordeal ordeal = endure(job, i == 0 ? job.command() : job.resume(), {"after", 1 + random() % 60, ""});
      killed = ordeal.run.status == 128 + SIGKILL;
      if (!killed) {
        EXPECT_TRUE(ordeal.run.status == 0 || ordeal.run.status == 13) << ordeal.run.err;
        break;
      }
      ++counts["kills"];
      if (random() % 3 == 0) {
        disk.replay(ordeal.boundaries);
        disk.install();
        ++counts["power-losses"];
      }
      EXPECT_EQ(job.problem_at_any_time(), "");
    }
    ++counts["rounds"];
    if (killed) expect_resume(job, counts);
    EXPECT_EQ(job.problem_at_the_end(), "");
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace bulk::test
