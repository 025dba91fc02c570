#include "src/log_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "io/error.h"
#include "tests/support/scripted.h"

namespace bulk {
namespace {

using test::item_line;
using test::PipelineRun;
using test::ScriptedSink;
using test::ScriptedSource;

// Remembers what it was given.
class ScriptedLog : public BatchLog {
 public:
  std::function<void(std::span<Work* const>)> before = [](std::span<Work* const>) {};  // may throw
  std::set<const Work*> works() const {
    const std::lock_guard lock(mutex_);
    return works_;
  }
  std::size_t calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  bool has(std::string_view line) const {
    const std::lock_guard lock(mutex_);
    return lines_.contains(std::string(line));
  }

  void write_down(std::span<Work* const> works) override {
    before(works);
    const std::lock_guard lock(mutex_);
    ++calls_;
    for (const Work* work : works) {
      works_.insert(work);
      for (const Record& record : work->batch.records) lines_.emplace(work->batch.line(record));
    }
  }

 private:
  mutable std::mutex mutex_;
  std::size_t calls_ = 0;
  std::set<const Work*> works_;
  std::set<std::string> lines_;
};

void fill(Work& work, std::size_t records) {
  work.transformed = true;
  work.batch.records.resize(records);
}

TEST(LogStage, HandsOnWhatIsWrittenDown) {
  std::deque<Work> works(100);
  ScriptedLog log;
  Stop stop;
  std::vector<const Work*> done;
  LogStage stage(log, stop, [&](Work* work) {
    EXPECT_TRUE(log.works().contains(work));
    done.push_back(work);
  });
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::size_t i = thread; i < works.size(); i += 4) {
          fill(works[i], 1);
          stage.submit(&works[i]);
        }
      });
    }
  }
  stage.drain();
  ASSERT_EQ(done.size(), works.size());
  EXPECT_EQ(std::set<const Work*>(done.begin(), done.end()).size(), works.size());
  for (const Work& work : works) EXPECT_TRUE(work.transformed);
}

TEST(LogStage, WritesDownTogetherWhatComesWhileItIsBusy) {
  std::deque<Work> works(20);
  for (Work& work : works) fill(work, 2);
  std::mutex mutex;
  std::condition_variable changed;
  bool writing = false, go_on = false;
  ScriptedLog log;
  log.before = [&](std::span<Work* const>) {
    std::unique_lock lock(mutex);
    writing = true;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
  };
  Stop stop;
  std::size_t done = 0;
  LogStage stage(log, stop, [&](Work*) { ++done; });
  stage.submit(&works[0]);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return writing; });
  }
  for (std::size_t i = 1; i < works.size(); ++i) stage.submit(&works[i]);
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  stage.drain();
  EXPECT_EQ(done, works.size());
  EXPECT_EQ(log.calls(), 2u);
}

TEST(LogStage, LetsPassWhatHasNothingToBeWrittenDown) {
  Work empty, untransformed;
  fill(empty, 0);
  fill(untransformed, 3);
  untransformed.transformed = false;
  ScriptedLog log;
  Stop stop;
  std::size_t done = 0;
  LogStage stage(log, stop, [&](Work*) { ++done; });
  stage.submit(&empty);
  stage.submit(&untransformed);
  stage.drain();
  EXPECT_EQ(done, 2u);
  EXPECT_EQ(log.calls(), 0u);
  EXPECT_TRUE(empty.transformed);
  EXPECT_FALSE(untransformed.transformed);
}

TEST(LogStage, HandsNothingOnAsTransformedWhenTheLogFails) {
  std::deque<Work> works(10);
  ScriptedLog log;
  log.before = [](std::span<Work* const>) { throw Error(ErrorKind::failed, "the disk is full"); };
  Stop stop;
  std::size_t done = 0;
  LogStage stage(log, stop, [&](Work* work) {
    EXPECT_FALSE(work->transformed);
    ++done;
  });
  for (Work& work : works) {
    fill(work, 1);
    stage.submit(&work);
  }
  stage.drain();
  EXPECT_EQ(done, works.size()) << "they have to go back to the pool";
  try {
    stop.check();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.line(), "the disk is full");
  }
}

TEST(LogStage, WritesNothingDownOfAJobThatStops) {
  Work work;
  fill(work, 1);
  ScriptedLog log;
  Stop stop;
  LogStage stage(log, stop, [](Work*) {});
  stop.fail(std::make_exception_ptr(Error(ErrorKind::failed, "stop")));
  stage.submit(&work);
  stage.drain();
  EXPECT_EQ(log.calls(), 0u);
  EXPECT_FALSE(work.transformed);
}

// ---- in a pipeline --------------------------------------------------------------------------------------------------

ScriptedSource lines(int count) {
  ScriptedSource source;
  source.segments.resize(3);
  for (int i = 0; i < count; ++i) {
    source.segments[static_cast<std::size_t>(i % 3)].push_back(item_line("k" + std::to_string(i), "v"));
  }
  return source;
}

TEST(LogStage, IsPassedBeforeAnythingGoesOut) {
  ScriptedSource source = lines(6'000);
  ScriptedLog log;
  ScriptedSink sink;
  sink.on_write = [&](std::span<const RecordRef> records) {
    for (const RecordRef& record : records) EXPECT_TRUE(log.has(record.line())) << record.line();
    return WriteResult{};
  };
  PipelineRun run;
  run.options.log = &log;
  EXPECT_EQ(run(source, sink).all().written.records, 6'000u);
}

TEST(LogStage, EndsTheRunWhenItFailsAndNothingUnloggedGoesOut) {
  ScriptedSource source = lines(6'000);
  ScriptedLog log;
  std::atomic<int> batches{0};
  log.before = [&](std::span<Work* const> works) {
    if ((batches += static_cast<int>(works.size())) > 20) throw Error(ErrorKind::failed, "the disk is full");
  };
  ScriptedSink sink;
  sink.on_write = [&](std::span<const RecordRef> records) {
    for (const RecordRef& record : records) EXPECT_TRUE(log.has(record.line())) << record.line();
    return WriteResult{};
  };
  PipelineRun run;
  run.options.log = &log;
  EXPECT_EQ(run.error(source, sink).line(), "the disk is full");
}

}  // namespace
}  // namespace bulk
