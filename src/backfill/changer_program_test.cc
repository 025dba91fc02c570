// What a program makes of single records.
#include <gtest/gtest.h>

#include "codecs/change.h"
#include "codecs/item.h"
#include "io/error.h"
#include "src/backfill/changer.h"
#include "tests/support/scripted.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

using Kind = ChangeResult::Kind;
using test::pk_schema;

BackfillJob job_of(const std::string& text, const std::string& folder = "/nowhere") {
  return parse_job("name = \"j\"\n" + text, "j.toml", folder);
}

struct Outcome {
  Kind kind;
  std::string line, item, problem;
  std::uint32_t size_bytes;
};

std::vector<Outcome> outcomes_of(const ChangeRules& rules, const std::vector<std::string>& items) {
  ItemScanner scanner;
  std::vector<ChangeInput> inputs;
  for (const std::string& item : items) {
    ItemFacts facts;
    EXPECT_TRUE(scanner.scan(item, facts)) << scanner.problem().text;
    inputs.push_back({item, facts.size_bytes});
  }
  Stop stop;
  Changer changer(rules, stop);
  ChangeSet set;
  changer.compute(inputs, set);
  changer.finish();
  std::vector<Outcome> outcomes;
  for (const ChangeResult& result : set.results) {
    outcomes.push_back(
        {result.kind, std::string(set.line(result)), std::string(set.item(result)), result.problem, result.size_bytes});
  }
  return outcomes;
}

template <typename Run>
std::string error_of(ErrorKind kind, const Run& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.line();
  }
  return "no error";
}

constexpr const char* kUnsettled =
    "the job j would apply again to its own result: it would change the record {\"pk\":{\"S\":\"a\"}} once more; give "
    "it a `when` that no longer holds afterwards, or name an attribute that marks what is done: marker = "
    "\"migrated_by\"";

std::string sed(const std::string& script, const std::string& also = "") {
  return "filter = ['sed', '-u', '" + script + "']\n" + also;
}

TEST(ChangerOfAProgram, ComparesWhatItAnswers) {
  const test::TempDir folder;
  const auto of = [&](const std::string& job, const std::vector<std::string>& items) {
    return outcomes_of(ChangeRules(job_of(job, folder.path().string()), pk_schema(), "", true), items);
  };
  const std::vector<Outcome> outcomes =
      of(sed(R"(s/"v":{"S":"x"}/"w":{"S":"y"}/)",
             "when = 'attribute_not_exists(skip) AND (attribute_not_exists(o) OR o <> pk)'"),
         {R"({"pk":{"S":"a"},"v":{"S":"x"},"o":{"S":"1"}})", R"({"pk":{"S":"b"},"v":{"S":"z"}})",
          R"({"pk":{"S":"c"},"v":{"S":"x"},"skip":{"BOOL":true}})"});
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_EQ(
      outcomes[0].line,
      R"({"Key":{"pk":{"S":"a"}},"Before":{"v":{"S":"x"}},"After":{"w":{"S":"y"}},"Given":{"o":{"S":"1"},"skip":{}}})")
      << "a program's answer may hang on whatever it was shown";
  EXPECT_EQ(outcomes[0].item, R"({"pk":{"S":"a"},"o":{"S":"1"},"w":{"S":"y"}})");
  EXPECT_EQ(outcomes[1].kind, Kind::unchanged);
  EXPECT_EQ(outcomes[2].kind, Kind::unchanged) << "it was not asked";
  EXPECT_EQ(of(sed(R"(s/"N":"1"/"N":"1.00"/)"), {R"({"pk":{"S":"a"},"n":{"N":"1"}})"}).front().kind, Kind::unchanged);
  EXPECT_EQ(of(sed(R"(s/x"/y"/; s/:{/: {/g)"), {R"({"pk":{"S":"a"},"v":{"S":"x"}})"}).front().line,
            R"({"Key":{"pk":{"S":"a"}},"Before":{"v":{"S":"x"}},"After":{"v":{"S":"y"}}})")
      << "space between tokens is no difference";
}

TEST(ChangerOfAProgram, MaySayWhatItsAnswersHangOn) {
  const test::TempDir folder;
  const std::string item = R"({"pk":{"S":"a"},"v":{"S":"x"},"o":{"S":"1"},"p":{"S":"2"}})";
  const auto line = [&](const std::string& depends, const std::string& of) {
    const std::string job = sed(R"(s/"v":{"S":"x"}/"v":{"S":"y"}/)", "depends = " + depends);
    return outcomes_of(ChangeRules(job_of(job, folder.path().string()), pk_schema(), "", false), {of}).front().line;
  };
  const std::string change = R"({"Key":{"pk":{"S":"a"}},"Before":{"v":{"S":"x"}},"After":{"v":{"S":"y"}})";
  EXPECT_EQ(line("[]", item), change + "}");
  EXPECT_EQ(line("['p', 'q', 'v', 'pk']", item), change + R"(,"Given":{"p":{"S":"2"},"q":{}}})");
}

TEST(ChangerOfAProgram, CannotBeHeldToMoreAttributesThanARequestMayCompare) {
  const test::TempDir folder;
  const auto given = [&](int others) {
    std::string item = R"({"pk":{"S":"a"},"v":{"S":"x"})";
    for (int i = 0; i < others; ++i) item += ",\"o" + std::to_string(i) + R"(":{"N":"1"})";
    const std::string job = sed(R"(s/"v":{"S":"x"}/"v":{"S":"y"}/)");
    const std::string line =
        outcomes_of(ChangeRules(job_of(job, folder.path().string()), pk_schema(), "", false), {item + "}"})
            .front()
            .line;
    ChangeReader reader;
    Change change;
    EXPECT_TRUE(reader.read(line, change)) << reader.problem();
    return change.given.size();
  };
  EXPECT_EQ(given(118), 118u) << "of 120 with the key and what is changed";
  EXPECT_EQ(given(119), 0u);
}

TEST(ChangerOfAProgram, IsAskedTwiceAndHasToBeSettled) {
  const test::TempDir folder;
  const ChangeRules rules(job_of(sed(R"(s/"v":{"S":"/"v":{"S":"z/)"), folder.path().string()), pk_schema(), "", true);
  EXPECT_EQ(error_of(ErrorKind::refused, [&] { outcomes_of(rules, {R"({"pk":{"S":"a"},"v":{"S":"x"}})"}); }),
            kUnsettled);
  const ChangeRules marked(job_of(sed(R"(s/"v":{"S":"/"v":{"S":"z/)", "marker = 'done'"), folder.path().string()),
                           pk_schema(), "", true);
  const Outcome first = outcomes_of(marked, {R"({"pk":{"S":"a"},"v":{"S":"x"}})"}).front();
  EXPECT_EQ(first.item, R"({"pk":{"S":"a"},"v":{"S":"zx"},"done":{"S":"j"}})");
  EXPECT_EQ(outcomes_of(marked, {first.item}).front().kind, Kind::unchanged);
}

TEST(ChangerOfAProgram, RefusesAnswersThatAreNoneOrOfAnotherRecord) {
  const test::TempDir folder;
  const auto failure = [&](const std::string& script) {
    return error_of(ErrorKind::failed, [&] {
      outcomes_of(ChangeRules(job_of(sed(script), folder.path().string()), pk_schema(), "", true),
                  {R"({"pk":{"S":"a"},"v":{"S":"x"}})"});
    });
  };
  EXPECT_EQ(failure(R"(s/"S":"a"/"S":"b"/)"),
            R"(filter sed -u s/"S":"a"/"S":"b"/ answered the record {"pk":{"S":"b"}} where {"pk":{"S":"a"}} was asked )"
            "for; it must not change keys, and has to answer line for line, in order; nothing of this batch was "
            "written");
  EXPECT_EQ(failure(R"(s/.*/{"Item":{}}/)"),
            R"(filter sed -u s/.*/{"Item":{}}/ answered what is no record for {"pk":{"S":"a"}}: key attribute 'pk' is )"
            R"(missing; it has to write one {"Item":{...}} for each that it reads; nothing of this batch was written)");
}

}  // namespace
}  // namespace bulk
