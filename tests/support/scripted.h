// A source and a sink that do what a test says, and everything a run of the pipeline needs beside them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "io/error.h"
#include "src/pipeline.h"

namespace bulk::test {

inline std::string item_line(const std::string& pk, const std::string& value) {
  return R"({"Item":{"pk":{"S":")" + pk + R"("},"v":{"S":")" + value + R"("}}})";
}

inline const KeySchema& pk_schema() {
  static const KeySchema schema{{"pk", 'S'}, std::nullopt};
  return schema;
}

// Lines per segment, `per_batch` lines a batch.
class ScriptedSource : public Source {
 public:
  std::vector<std::vector<std::string>> segments;
  std::size_t per_batch = 100;
  bool distinct = true;
  bool proven = false;
  std::optional<ExpectedTotals> totals;
  std::vector<std::uint32_t> tables;  // of the segments; empty: all 0
  unsigned readers = 0;
  std::function<void()> on_confirm = [] {};                                  // may throw
  std::function<void(std::uint32_t segment, std::size_t line)> before_read;  // may throw

  std::vector<Segment> plan() override {
    std::vector<Segment> plan;
    for (std::uint32_t i = 0; i < segments.size(); ++i)
      plan.push_back({i, static_cast<std::uint32_t>(segments.size()), 0, 0, i < tables.size() ? tables[i] : 0});
    return plan;
  }
  std::unique_ptr<Reader> open(const Segment& segment, const Cursor&) override {
    return std::make_unique<LineReader>(*this, segment.index);
  }
  bool distinct_keys() const override { return distinct; }
  bool proven_lines() const override { return proven; }
  std::optional<ExpectedTotals> expected() const override { return totals; }
  unsigned most_readers() const override { return readers; }
  void confirm() override { on_confirm(); }

 private:
  class LineReader : public Reader {
   public:
    LineReader(ScriptedSource& source, std::uint32_t segment) : source_(source), segment_(segment) {}
    bool read(Batch& batch) override {
      const std::vector<std::string>& lines = source_.segments[segment_];
      if (source_.before_read) source_.before_read(segment_, at_);
      if (!source_.distinct) batch.first_line = at_ + 1;
      for (std::size_t i = 0; i < source_.per_batch && at_ < lines.size(); ++i, ++at_) {
        Record record;
        record.offset = static_cast<std::uint32_t>(batch.bytes.size());
        record.length = static_cast<std::uint32_t>(lines[at_].size());
        batch.bytes.append(lines[at_]);
        batch.bytes.push_back('\n');
        batch.records.push_back(record);
      }
      return !batch.records.empty();
    }

   private:
    ScriptedSource& source_;
    std::uint32_t segment_;
    std::size_t at_ = 0;
  };
};

// Calls `on_write` for every attempt, one at a time whatever the number of sessions.
class ScriptedSink : public Sink {
 public:
  SinkLimits limit{25, 1u << 20, false, 4};
  std::function<WriteResult(std::span<const RecordRef>)> on_write = [](std::span<const RecordRef>) {
    return WriteResult{};
  };
  double units_per_record = 0;
  bool finished = false;

  SinkLimits limits() const override { return limit; }
  double estimate_units(const Record&) const override { return units_per_record; }
  std::unique_ptr<SinkSession> open() override { return std::make_unique<Session>(*this); }
  void finish() override { finished = true; }

 private:
  class Session : public BlockingSession {
   public:
    explicit Session(ScriptedSink& sink) : sink_(sink) {}
    WriteResult write(std::span<const RecordRef> records) override {
      const std::lock_guard lock(sink_.mutex_);
      return sink_.on_write(records);
    }

   private:
    ScriptedSink& sink_;
  };
  std::mutex mutex_;
};

struct PipelineRun {
  Stop stop;
  RequestStats stats;
  ProgressCounters progress;
  RateLimiter rate{RateLimits{}};
  PipelineOptions options;

  Totals operator()(Source& source, Sink& sink, const KeySchema* key = &pk_schema()) {
    return run_pipeline(source, sink, key, options, rate, stats, progress, stop);
  }
  // The error that the run ends with.
  Error error(Source& source, Sink& sink, const KeySchema* key = &pk_schema()) {
    try {
      (*this)(source, sink, key);
    } catch (const Error& error) {
      return error;
    }
    throw std::logic_error("the run did not fail");
  }
};

}  // namespace bulk::test
