#include "tests/crash/torture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace bulk::test {
namespace {

// In short: so many boundaries of each sort (kind of call and sort of file).
constexpr std::size_t kOfEachSort = 2;

std::string sort_of(const Boundary& boundary) {
  const std::string name = std::filesystem::path(boundary.path).filename().string();
  const std::size_t dot = name.find_last_of(".-");
  return boundary.kind + " " + (dot == std::string::npos ? name : name.substr(dot));
}

// The first and the last of each sort, and others between them at even distances.
std::vector<unsigned long> chosen(const std::vector<Boundary>& boundaries) {
  std::map<std::string, std::vector<unsigned long>> sorts;
  for (const Boundary& boundary : boundaries) {
    if (boundary.number > 0) sorts[sort_of(boundary)].push_back(boundary.number);
  }
  std::vector<unsigned long> numbers;
  for (const auto& [sort, all] : sorts) {
    const std::size_t take = std::min(kOfEachSort, all.size());
    for (std::size_t i = 0; i < take; ++i) numbers.push_back(all[take == 1 ? 0 : i * (all.size() - 1) / (take - 1)]);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

bool full_torture() {
  const char* mode = std::getenv("BULK_TORTURE");
  return mode != nullptr && std::string(mode) == "full";
}

unsigned torture_rounds(unsigned in_short) {
  const char* rounds = std::getenv("BULK_TORTURE_ROUNDS");
  return rounds != nullptr ? static_cast<unsigned>(std::strtoul(rounds, nullptr, 10)) : in_short;
}

Counts::~Counts() {
  std::string line = "torture: " + test_;
  for (const auto& [name, count] : counts_) line += " " + name + "=" + std::to_string(count);
  std::puts(line.c_str());
}

ShimRun::ShimRun(const Job& job, const Order& order) : log_(folder_.file("boundaries")) {
  environment_ = {{"LD_PRELOAD", BULK_CRASH_SHIM}, {"CRASH_ROOT", job.root()}, {"CRASH_LOG", log_}};
  if (!order.kinds.empty()) environment_["CRASH_KINDS"] = order.kinds;
  if (order.act.empty()) return;
  environment_["CRASH_ACT"] = order.act;
  environment_["CRASH_AT"] = std::to_string(order.at);
}

Ordeal endure(Job& job, const Arguments& arguments, const Order& order) {
  const ShimRun shim(job, order);
  Ordeal ordeal;
  ordeal.run = job.sandbox.bulk(arguments, shim.environment());
  ordeal.boundaries = shim.boundaries();
  if (const Boundary* acted = ordeal.acted())
    ordeal.what = order.act + " at boundary " + std::to_string(acted->number) + ", " + acted->text();
  return ordeal;
}

RunResult run(Job& job, const Arguments& arguments) {
  return endure(job, arguments, {}).run;
}

void expect_resume(Job& job, Counts& counts) {
  const RunResult run = bulk::test::run(job, job.resume());
  ++counts["resumes"];
  EXPECT_EQ(job.problem_at_the_end(), "") << run.status << " " << run.err << run.out;
  if (run.status == 13) {
    ++counts["already-done"];
    return;
  }
  EXPECT_EQ(run.status, 0) << run.err << run.out;
}

void expect_durable(Job& job, DurableDisk disk, const Ordeal& ordeal) {
  disk.replay(ordeal.boundaries);
  disk.install();
  EXPECT_EQ(job.problem_of_content(), "") << "after exit status 0 and a power failure";
}

void for_each_boundary(const Fixture& fixture, const std::string& name, const std::string& kinds,
                       const std::vector<std::string>& acts, Counts& counts, const Prepare& prepare,
                       const Visit& visit) {
  const auto prepared = [&](Job& job) { return prepare ? prepare(job) : job.command(); };
  // False: the run ended untouched.
  const auto try_at = [&](const std::string& act, unsigned long number) {
    Job job(fixture, name);
    const Arguments arguments = prepared(job);
    const Ordeal ordeal = endure(job, arguments, {act, number, kinds});
    if (ordeal.acted() == nullptr) {
      EXPECT_EQ(ordeal.run.status, 0) << ordeal.run.err;
      EXPECT_EQ(job.problem_at_the_end(), "");
      return false;
    }
    SCOPED_TRACE(name + ": " + ordeal.what);
    visit(job, ordeal);
    return true;
  };

  if (full_torture()) {
    for (const std::string& act : acts) {
      unsigned long number = 1;
      while (try_at(act, number)) ++number;
      counts["boundaries"] = std::max(counts["boundaries"], number - 1);
    }
    return;
  }
  Job job(fixture, name);
  const Arguments arguments = prepared(job);
  const Ordeal untouched = endure(job, arguments, {.kinds = kinds});
  ASSERT_EQ(untouched.run.status, 0) << untouched.run.err;
  std::size_t turn = 0;
  for (const unsigned long number : chosen(untouched.boundaries)) {
    if (try_at(acts[turn++ % acts.size()], number)) ++counts["boundaries"];
  }
}

}  // namespace bulk::test
