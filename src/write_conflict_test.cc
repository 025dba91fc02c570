// Changes that met another record than they were made for. The lines are items and stand for changes: what a line says
// is the resolver's business alone.
#include "src/conflicts.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>

#include "src/write_stage.h"
#include "tests/support/many_sink.h"
#include "tests/support/scripted.h"
#include "tests/support/shared.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using test::item_line;
using test::ManySink;
using test::PipelineRun;
using test::ScriptedSink;
using test::ScriptedSource;
using Kind = ConflictAnswer::Kind;
using Outcome = WriteResult::Outcome;

// Calls `answer` for each conflict, one at a time.
class ScriptedResolver : public ConflictResolver {
 public:
  std::function<ConflictAnswer(const Conflicted&)> answer;
  std::size_t most_at_once = 0;

  std::vector<ConflictAnswer> resolve(std::span<const Conflicted> conflicts) override {
    const std::lock_guard lock(mutex_);
    most_at_once = std::max(most_at_once, conflicts.size());
    std::vector<ConflictAnswer> answers;
    for (const Conflicted& conflict : conflicts) answers.push_back(answer(conflict));
    return answers;
  }

 private:
  std::mutex mutex_;
};

ScriptedSource lines(int count, std::size_t segments = 1) {
  ScriptedSource source;
  source.segments.resize(segments);
  for (int i = 0; i < count; ++i) {
    source.segments[static_cast<std::size_t>(i) % segments].push_back(item_line("k" + std::to_string(i), "v"));
  }
  return source;
}

// The text between the first quotes behind `"pk":{"S":`.
std::string key_of(std::string_view line) {
  const std::size_t from = line.find(R"("pk":{"S":")") + 11;
  return std::string(line.substr(from, line.find('"', from) - from));
}

ConflictAnswer again(const std::string& line) {
  return {Kind::again, line, static_cast<std::uint32_t>(line.size()), {}};
}

WriteResult all_in_conflict(std::span<const RecordRef> records, const std::string& item) {
  WriteResult result;
  for (std::uint32_t i = 0; i < records.size(); ++i) result.conflicts.push_back({i, item});
  return result;
}

TEST(WriteConflict, SendsTheNewChangeInPlaceOfTheOld) {
  constexpr int kRecords = 600;
  ScriptedSource source = lines(kRecords, 2);
  std::map<std::string, std::string> wanted;  // line, by key
  std::map<std::string, unsigned> rounds, done;
  ScriptedSink sink;
  sink.units_per_record = 1;
  sink.on_write = [&](std::span<const RecordRef> records) {
    WriteResult result;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      const std::string line(records[i].line());
      const std::string key = key_of(line);
      if (const auto known = wanted.find(key); known != wanted.end()) {
        EXPECT_EQ(line, known->second);
        EXPECT_EQ(records[i].record().size_bytes, line.size());
        EXPECT_EQ(records[i].record().length, line.size());
      }
      if (rounds[key] < std::hash<std::string>()(key) % 5) {
        result.conflicts.push_back({i, "now " + key + " " + std::to_string(rounds[key])});
      } else {
        ++done[key];
      }
    }
    return result;
  };
  ScriptedResolver resolver;
  std::uint64_t conflicts = 0;
  resolver.answer = [&](const Conflicted& conflict) {
    const std::string key = key_of(conflict.line);
    EXPECT_EQ(conflict.item, "now " + key + " " + std::to_string(rounds[key]));
    EXPECT_EQ(conflict.rounds, rounds[key]);
    EXPECT_FALSE(conflict.unanswered);
    const unsigned number = static_cast<unsigned>(std::stoi(key.substr(1)));
    EXPECT_EQ(conflict.segment, number % 2);
    EXPECT_EQ(conflict.batch, number / 2 / 100);
    ++conflicts;
    // Longer and shorter than the one before.
    wanted[key] = item_line(key, std::string(1 + std::hash<std::string>()(key) % 200 / (1 + rounds[key]), 'x'));
    ++rounds[key];
    return again(wanted[key]);
  };
  PipelineRun run;
  run.options.writers = 1;
  run.options.conflicts = &resolver;
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().written.records, static_cast<std::uint64_t>(kRecords));
  EXPECT_EQ(totals.all().written.digest, totals.all().read.digest) << "counted as what was read";
  EXPECT_EQ(done.size(), static_cast<std::size_t>(kRecords));
  for (const auto& [key, times] : done) EXPECT_EQ(times, 1u) << key;
  EXPECT_EQ(run.progress.conflicts, conflicts);
  EXPECT_GT(conflicts, 1'000u);
  EXPECT_GT(resolver.most_at_once, 1u) << "those of a round are resolved together";
}

TEST(WriteConflict, CountsRoundsUntilTheRecordIsGivenUp) {
  ScriptedSource source = lines(30);
  ScriptedSink sink;
  std::uint64_t attempts = 0;
  sink.on_write = [&](std::span<const RecordRef> records) {
    attempts += records.size();
    return all_in_conflict(records, "{}");
  };
  ScriptedResolver resolver;
  resolver.answer = [](const Conflicted& conflict) {
    if (conflict.rounds >= 20) return ConflictAnswer{Kind::refused, {}, 0, "others changed it"};
    return again(item_line(key_of(conflict.line), std::to_string(conflict.rounds)));
  };
  const test::TempDir dir;
  PipelineRun run;
  run.options.rejects_file = dir.file("rejects");
  run.options.conflicts = &resolver;
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().rejected.records, 30u);
  EXPECT_EQ(totals.all().rejected.digest, totals.all().read.digest);
  EXPECT_EQ(attempts, 30u * 21);
  EXPECT_EQ(run.progress.conflicts, 30u * 21);
  EXPECT_NE(test::read_file(dir.file("rejects"))
                .find(R"({"segment":0,"reason":"others changed it","record":)" + item_line("k7", "19") + "}\n"),
            std::string::npos)
      << "the change that was tried last";
}

TEST(WriteConflict, EndsTheJobAtARefusalWithoutARejectsFile) {
  ScriptedSource source = lines(5);
  ScriptedSink sink;
  sink.on_write = [](std::span<const RecordRef> records) { return all_in_conflict(records, "{}"); };
  ScriptedResolver resolver;
  resolver.answer = [](const Conflicted&) { return ConflictAnswer{Kind::refused, {}, 0, "too large"}; };
  PipelineRun run;
  run.options.conflicts = &resolver;
  EXPECT_EQ(run.error(source, sink).line(), "source, segment 0: too large: " + item_line("k0", "v") +
                                                "; mend it, or set such records aside with --rejects FILE");
}

TEST(WriteConflict, EndsTheJobWithTheResolversError) {
  ScriptedSource source = lines(50);
  ScriptedSink sink;
  sink.on_write = [](std::span<const RecordRef> records) { return all_in_conflict(records, "{}"); };
  ScriptedResolver resolver;
  resolver.answer = [](const Conflicted&) -> ConflictAnswer { throw Error(ErrorKind::failed, "the log is full"); };
  PipelineRun run;
  run.options.conflicts = &resolver;
  EXPECT_EQ(run.error(source, sink).line(), "the log is full");
  PipelineRun alone;
  EXPECT_EQ(alone.error(source, sink).line(),
            "a record changed while it was written, and nobody is there to say what to do");
}

TEST(WriteConflict, CountsWhatItIsTold) {
  ScriptedSource source = lines(300);
  ScriptedSink sink;
  sink.on_write = [](std::span<const RecordRef> records) {
    WriteResult result;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      if (std::stoi(key_of(records[i].line()).substr(1)) % 3 != 0) result.conflicts.push_back({i, ""});
    }
    return result;
  };
  ScriptedResolver resolver;
  resolver.answer = [](const Conflicted& conflict) {
    const bool first = std::stoi(key_of(conflict.line).substr(1)) % 3 == 1;
    return ConflictAnswer{first ? Kind::carried_out : Kind::nothing_to_do, {}, 0, {}};
  };
  PipelineRun run;
  run.options.conflicts = &resolver;
  const Totals totals = run(source, sink);
  EXPECT_EQ(totals.all().written.records, 200u);
  EXPECT_EQ(totals.all().filtered.records, 100u);
}

TEST(WriteConflict, SaysWhenAnEarlierAttemptWasNotAnswered) {
  ScriptedSource source = lines(10);
  ScriptedSink sink;
  sink.limit.records = 10;
  int attempt = 0;
  sink.on_write = [&](std::span<const RecordRef> records) {
    WriteResult result;
    switch (++attempt) {
      case 1:
        result.outcome = Outcome::unavailable;
        result.reason = "cut off";
        return result;
      case 2:  // what was sent without an answer is asked about; the rest of the slice is throttled
        for (std::uint32_t i = 0; i < records.size(); ++i) {
          if (i < 4) result.conflicts.push_back({i, "1"});
          if (i >= 4) result.unprocessed.push_back(i);
        }
        return result;
      case 3:
        return all_in_conflict(records, "2");
      default:
        return WriteResult{};
    }
  };
  std::map<std::string, int> asked;
  ScriptedResolver resolver;
  resolver.answer = [&](const Conflicted& conflict) {
    ++asked[std::string(conflict.item) + (conflict.unanswered ? " unanswered" : "")];
    return again(item_line(key_of(conflict.line), "new"));
  };
  PipelineRun run;
  run.options.writers = 1;
  run.options.conflicts = &resolver;
  run.options.retry.transient_base = run.options.retry.throttled_base = std::chrono::milliseconds(1);
  EXPECT_EQ(run(source, sink).all().written.records, 10u);
  EXPECT_EQ(asked["1 unanswered"], 4);
  EXPECT_EQ(asked["1"], 0);
  // The third attempt is of the six that were throttled or of the four new changes, whichever comes first.
  EXPECT_EQ(asked["2 unanswered"] + asked["2"], asked["2 unanswered"] == 6 ? 6 : 4);
}

TEST(WriteConflict, TakesWhatWasSentTwiceForUnansweredAndNothingElse) {
  ScriptedSource source = lines(20);
  ScriptedSink sink;
  sink.limit.records = 5;
  int attempt = 0;
  std::set<std::string> doubted;  // keys
  sink.on_write = [&](std::span<const RecordRef> records) {
    WriteResult result;
    ++attempt;
    if (attempt == 1) {  // the slice is filled up with new records when it goes out again
      result.resent = true;
      for (const RecordRef& record : records) doubted.insert(key_of(record.line()));
      for (std::uint32_t i = 2; i < records.size(); ++i) result.unprocessed.push_back(i);
      result.conflicts.push_back({0, "item"});
      return result;
    }
    return attempt < 8 ? all_in_conflict(records, "item") : result;
  };
  ScriptedResolver resolver;
  std::set<std::string> asked;
  resolver.answer = [&](const Conflicted& conflict) {
    const std::string key = key_of(conflict.line);
    EXPECT_EQ(conflict.unanswered, conflict.rounds == 0 && doubted.contains(key)) << key;
    asked.insert(key);
    return again(item_line(key, "new"));
  };
  PipelineRun run;
  run.options.writers = 1;
  run.options.conflicts = &resolver;
  run.options.retry.throttled_base = std::chrono::milliseconds(1);
  EXPECT_EQ(run(source, sink).all().written.records, 20u);
  EXPECT_EQ(doubted.size(), 5u);
  EXPECT_GT(asked.size(), 5u);
}

struct Settled {
  std::mutex mutex;
  std::map<std::string, int> times;  // by key
  std::uint64_t written = 0, filtered = 0, rejected = 0;

  void add(const std::string& key, std::uint64_t& how) {
    const std::lock_guard lock(mutex);
    ++times[key];
    ++how;
  }
};

// Whatever happens to attempts, each record is settled once, and every batch comes home (or the run would not end
// well).
void settle_at_random(unsigned seed, std::size_t records_a_write, double units) {
  constexpr int kRecords = 12'000;
  const KeySchema schema{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};
  ScriptedSource source;
  source.segments.resize(3);
  for (int i = 0; i < kRecords; ++i) {
    // A partition that is asked for more than others, so that its records are set aside.
    source.segments[static_cast<std::size_t>(i) % 3].push_back(
        fmt::format(R"({{"Item":{{"pk":{{"S":"k{}"}},"sk":{{"N":"{}"}}}}}})", i % 300 == 0 ? 0 : i, i));
  }
  const auto id = [](std::string_view line) {
    const std::size_t from = line.find(R"("sk":{"N":")") + 11;
    return std::string(line.substr(from, line.find('"', from) - from));
  };
  Settled settled;
  // Where there are units, refusals at random would be taken for congestion: then only the hot partition refuses.
  const bool paced = units > 0;
  int asked = 0;  // of the hot partition
  std::mt19937 random(seed);
  ManySink sink;
  sink.limit.records = records_a_write;
  sink.units_per_record = units;
  sink.answer = [&](std::span<const RecordRef> records) {
    WriteResult result;
    const auto dice = random() % 40;
    const bool hot = key_of(records.front().line()) == "k0";
    if (dice == 0 && !paced) result.outcome = Outcome::throttled;
    if (dice == 1) result.outcome = Outcome::unavailable;
    if (dice == 2 && records.size() > 1) result.outcome = Outcome::invalid;  // halved; the halves are in order
    if (result.outcome != Outcome::done) return result;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
      const auto record_dice = random() % 30;
      if (paced ? hot && ++asked < 20 && asked % 2 == 0 : record_dice == 0) {
        result.unprocessed.push_back(i);
      } else if (record_dice < 16) {
        result.conflicts.push_back({i, std::string(random() % 300, ' ')});
      } else {
        settled.add(id(records[i].line()), settled.written);
      }
    }
    return result;
  };
  ScriptedResolver resolver;
  std::mt19937 answers(seed + 1);
  resolver.answer = [&](const Conflicted& conflict) {
    const std::string key = id(conflict.line);
    ConflictAnswer answer;
    switch (answers() % 12) {
      case 0:
        answer.kind = Kind::carried_out;
        settled.add(key, settled.written);
        return answer;
      case 1:
        answer.kind = Kind::nothing_to_do;
        settled.add(key, settled.filtered);
        return answer;
      case 2:
        answer.kind = Kind::refused;
        answer.reason = "no";
        settled.add(key, settled.rejected);
        return answer;
      default:
        return again(fmt::format(R"({{"Item":{{"pk":{{"S":"{}"}},"sk":{{"N":"{}"}},"v":{{"S":"{}"}}}}}})",
                                 key_of(conflict.line), key, std::string(answers() % 500, 'x')));
    }
  };
  const test::TempDir dir;
  PipelineRun run;
  run.options.writers = 2;
  run.options.rejects_file = dir.file("rejects");
  run.options.max_rejects = kRecords;
  run.options.conflicts = &resolver;
  run.options.memory_bytes = 8u << 20;
  run.options.retry.transient_base = run.options.retry.throttled_base = std::chrono::milliseconds(1);
  run.options.retry.cap = std::chrono::milliseconds(5);
  const Totals totals = run(source, sink, &schema);
  EXPECT_EQ(settled.times.size(), static_cast<std::size_t>(kRecords));
  for (const auto& [key, times] : settled.times) EXPECT_EQ(times, 1) << key;
  EXPECT_EQ(totals.all().written.records, settled.written);
  EXPECT_EQ(totals.all().filtered.records, settled.filtered);
  EXPECT_EQ(totals.all().rejected.records, settled.rejected);
  EXPECT_EQ(settled.written + settled.filtered + settled.rejected, static_cast<std::uint64_t>(kRecords));
  EXPECT_GT(run.progress.conflicts, settled.filtered);
}

TEST(WriteConflict, SettlesEveryRecordOnceWhateverHappens) {
  settle_at_random(3, 25, 0);
}

TEST(WriteConflict, SettlesEveryRecordOnceWhenAPartitionIsHot) {
  settle_at_random(5, 1, 1);
}

TEST(WriteConflict, SettlesEveryRecordOnceWithLargeWrites) {
  settle_at_random(7, 500, 0);
}

}  // namespace
}  // namespace bulk
