// Which journal is gone on with, and why another one is not. That a resumed run ends with the whole is shown by
// checkpoint_test.cc and tests/crash.
#include "src/resume.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "backends/schema.h"
#include "backends/sqlite/store.h"
#include "io/error.h"
#include "tests/support/dump_fixture.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

constexpr const char* kTable = "sqlite:a.db#t";
constexpr const char* kDump = "x.jsonl.zst";

class ResumeTest : public testing::Test {
 protected:
  ResumeTest() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(directory_.path());
    SqliteStore("a.db", "t").create(schema_from_key(KeySchema::parse("pk:S")));
    write_dump("2025-01-25T12:00:00Z");
    options_.command = "restore";
  }
  ~ResumeTest() override { std::filesystem::current_path(before_); }

  static void write_dump(const std::string& started) {
    std::filesystem::remove(kDump);
    test::write_small_dump(kDump, test::small_header("", "t", started), "{\"Item\":{\"pk\":{\"S\":\"a\"}}}\n", 1);
  }

  // One run: what a command does up to its first record.
  struct OneRun {
    OneRun(const Options& given, const std::string& state)
        : options(given),
          context(
              options, stop,
              [state](const std::string& name) -> std::optional<std::string> {
                if (name == "XDG_STATE_HOME" && !state.empty()) return state;
                return std::nullopt;
              },
              summary, out) {}
    std::shared_ptr<Resume> open(const std::string& from, const std::string& to) {
      source = context.open(from);
      target = context.open(to);
      return open_resume(context, *source, *target);
    }
    Options options;
    Stop stop;
    Summary summary;
    StandardOutput out;
    AppContext context;
    std::unique_ptr<Store> source, target;
  };

  std::string table_id() const { return SqliteStore("a.db", "t").incarnation(); }
  // A load that has begun and died.
  void die() {
    OneRun run(options_, state_);
    run.open(kDump, kTable)->begin("2025-01-25T12:00:01Z", table_id(), true, true, true);
  }
  bool goes_on() {
    OneRun run(options_, state_);
    testing::internal::CaptureStderr();
    const bool answer = run.open(kDump, kTable)->goes_on(table_id());
    notes_ = testing::internal::GetCapturedStderr();
    return answer;
  }
  std::string refusal() {
    OneRun run(options_, state_);
    try {
      run.open(kDump, kTable)->goes_on(table_id());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::refused);
      return error.line();
    }
    return "no refusal";
  }

  test::TempDir directory_;
  Options options_;
  std::string state_ = (directory_.path() / "state").string();
  std::string notes_;

 private:
  std::filesystem::path before_;
};

TEST_F(ResumeTest, GoesOnWithTheSameWorkAlone) {
  die();
  EXPECT_FALSE(goes_on()) << "nobody said --resume";
  options_.resume = true;
  EXPECT_TRUE(goes_on());
}

TEST_F(ResumeTest, SaysThatThereIsNothingToGoOnFrom) {
  options_.resume = true;
  EXPECT_FALSE(goes_on());
  EXPECT_EQ(notes_, "there is nothing to go on from: starting afresh\n");
}

TEST_F(ResumeTest, ARecreatedTableIsOtherWork) {
  die();
  SqliteStore("a.db", "t").drop();
  SqliteStore("a.db", "t").create(schema_from_key(KeySchema::parse("pk:S")));
  options_.resume = true;
  EXPECT_FALSE(goes_on());
  EXPECT_EQ(notes_, "the target was made anew since: starting afresh\n");
}

TEST_F(ResumeTest, AnotherDumpUnderTheSameNameIsRefused) {
  die();
  write_dump("2025-01-25T13:00:00Z");
  options_.resume = true;
  const std::string path = std::filesystem::absolute(kDump).lexically_normal().string();
  EXPECT_EQ(refusal(), "cannot go on with the unfinished run: file " + path +
                           " is not the dump that it was; start afresh, without --resume");
}

TEST_F(ResumeTest, OtherOptionsThatMatterAreRefused) {
  die();
  options_.resume = true;
  options_.only_missing = true;
  EXPECT_EQ(refusal(),
            "cannot go on with the unfinished run: it ran without --only-missing, this one with --only-missing; start "
            "afresh, without --resume");
  options_.only_missing = false;
  options_.rejects_file = "bad.jsonl";
  EXPECT_EQ(refusal(),
            "cannot go on with the unfinished run: it ran without --rejects, this one with --rejects bad.jsonl; start "
            "afresh, without --resume");
  options_.rejects_file.clear();
  options_.jobs = 7;
  options_.memory_bytes = 1u << 30;
  EXPECT_TRUE(goes_on());
}

TEST_F(ResumeTest, TheSegmentsStayThoseOfTheJournal) {
  {
    OneRun run(options_, state_);
    const auto resume = run.open(kDump, kTable);
    resume->begin("2025-01-25T12:00:01Z", table_id(), true, true, true);
    const auto source = run.source->source({});
    EXPECT_EQ(resume->checkpoint().plan(*source).size(), 1u);
  }
  options_.resume = true;
  options_.segments = 4;
  EXPECT_EQ(refusal(),
            "cannot go on with the unfinished run: it read 1 segments, --segments says 4; start afresh, without "
            "--resume");
}

TEST_F(ResumeTest, TwoRunsOfTheSameWorkDoNotMeetAndTwoLoadsOfOneTableDo) {
  OneRun first(options_, state_);
  const auto held = first.open(kDump, kTable);
  OneRun second(options_, state_);
  try {
    second.open(kDump, kTable);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::locked);
    EXPECT_EQ(error.line(),
              "the same load into " + second.target->url() + " is being done by another run; wait for it");
  }
  std::filesystem::copy_file(kDump, "y.jsonl.zst");
  EXPECT_TRUE(second.open("y.jsonl.zst", kTable));
}

TEST_F(ResumeTest, WithoutAFolderForJournalsALoadRunsAndSaysThatItCannotBeResumed) {
  state_.clear();
  OneRun run(options_, state_);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(run.open(kDump, kTable));
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "bulk: warning: this run cannot be resumed if it is cut short: there is no folder for its state: neither "
            "state_dir nor XDG_STATE_HOME nor HOME is set\n");
}

TEST_F(ResumeTest, AStreamCannotBeGoneOnWith) {
  options_.resume = true;
  OneRun run(options_, state_);
  try {
    run.open(kTable, "x.jsonl");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.line(),
              "only a dump that is a .jsonl.zst file or a folder can be gone on with, not x.jsonl; leave --resume out");
  }
}

TEST_F(ResumeTest, TheUnfinishedDumpOfAnotherSourceIsLeftAlone) {
  SqliteStore("a.db", "other").create(schema_from_key(KeySchema::parse("pk:S")));
  {
    OneRun run(options_, state_);
    run.open(kTable, "new.jsonl.zst")->begin("2025-01-25T12:00:01Z", "", false, false, true);
  }
  options_.resume = true;
  OneRun run(options_, state_);
  try {
    run.open("sqlite:a.db#other", "new.jsonl.zst")->goes_on("");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    const std::string path = (directory_.path() / "a.db").string();
    EXPECT_EQ(error.line(), "cannot go on with the unfinished run: it reads sqlite:" + path + "#t, not sqlite:" + path +
                                "#other; start afresh, without --resume");
  }
}

TEST_F(ResumeTest, AJournalWithoutItsDumpIsNoUnfinishedDump) {
  {
    OneRun run(options_, state_);
    run.open(kTable, "./gone.jsonl.zst")->begin("2025-01-25T12:00:01Z", "", false, false, true);
  }
  OneRun run(options_, state_);
  const auto source = run.context.open(kTable);
  EXPECT_FALSE(unfinished_dump(run.context, *source, "."));
}

TEST_F(ResumeTest, FindsTheUnfinishedDumpOfASourceTheNewestFirst) {
  options_.command = "backup";
  const auto found = [&] {
    OneRun run(options_, state_);
    const auto source = run.context.open(kTable);
    return unfinished_dump(run.context, *source, ".");
  };
  EXPECT_FALSE(found());
  for (const char* name : {"one", "two"}) {
    OneRun run(options_, state_);
    run.open(kTable, std::string("./") + name + ".jsonl.zst")
        ->begin(std::string("2025-01-25T12:00:0") + (name[0] == 'o' ? "1" : "2") + "Z", "", false, false, true);
    std::ofstream(std::string(name) + ".jsonl.zst.partial") << "bytes";
  }
  EXPECT_EQ(found(), "./two.jsonl.zst");
  OneRun busy(options_, state_);
  const auto held = busy.open(kTable, "./two.jsonl.zst");
  EXPECT_EQ(found(), "./one.jsonl.zst");
  OneRun other(options_, state_);
  const auto held_too = other.open(kTable, "./one.jsonl.zst");
  EXPECT_FALSE(found());
  options_.resume = true;
  try {
    found();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::locked);
  }
}

}  // namespace
}  // namespace bulk
