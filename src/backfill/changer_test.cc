// What a job makes of single records. Random jobs and items are in changer_property_test.cc.
#include "src/backfill/changer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codecs/item.h"
#include "io/error.h"
#include "tests/support/scripted.h"

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

Outcome outcome_of(const std::string& job, const std::string& item, const std::string& where = "") {
  return outcomes_of(ChangeRules(job_of(job), pk_schema(), where, true), {item}).front();
}

// What becomes of the item; the item itself where nothing does.
std::string result_of(const std::string& job, const std::string& item) {
  const Outcome outcome = outcome_of(job, item);
  EXPECT_NE(outcome.kind, Kind::problem) << outcome.problem;
  return outcome.kind == Kind::changed ? outcome.item : item;
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

std::string rules_error(const std::string& job) {
  return error_of(ErrorKind::usage, [&] { ChangeRules(job_of(job), pk_schema(), "", false); });
}

std::string unsettled(const std::string& job, const std::string& item, const std::string& where = "") {
  return error_of(ErrorKind::refused, [&] { outcome_of(job, item, where); });
}

constexpr const char* kUnsettled =
    "the job j would apply again to its own result: it would change the record {\"pk\":{\"S\":\"a\"}} once more; give "
    "it a `when` that no longer holds afterwards, or name an attribute that marks what is done: marker = "
    "\"migrated_by\"";

TEST(Changer, RenamesCopiesSetsAndRemoves) {
  const std::string a = R"({"pk":{"S":"a"},"a":{"S":"1"},"b":{"S":"2"}})";
  EXPECT_EQ(result_of(R"(steps = [{ rename = ["a", "c"] }])", a), R"({"pk":{"S":"a"},"b":{"S":"2"},"c":{"S":"1"}})");
  EXPECT_EQ(result_of(R"(steps = [{ rename = ["a", "b"] }])", a), R"({"pk":{"S":"a"},"b":{"S":"1"}})")
      << "onto one that is there: it is replaced";
  EXPECT_EQ(result_of(R"(steps = [{ rename = ["x", "b"] }])", a), a) << "absent: nothing to do";
  EXPECT_EQ(result_of(R"(steps = [{ copy = ["a", "c"] }])", a),
            R"({"pk":{"S":"a"},"a":{"S":"1"},"b":{"S":"2"},"c":{"S":"1"}})");
  EXPECT_EQ(result_of(R"(steps = [{ copy = ["x", "b"] }])", a), a);
  EXPECT_EQ(result_of(R"(steps = [{ copy = ["pk", "b"] }])", a), R"({"pk":{"S":"a"},"a":{"S":"1"},"b":{"S":"a"}})")
      << "a key may be read";
  EXPECT_EQ(result_of(R"(steps = [{ set = ["b", { M = { x = { N = "1" } } }] }])", a),
            R"({"pk":{"S":"a"},"a":{"S":"1"},"b":{"M":{"x":{"N":"1"}}}})");
  EXPECT_EQ(result_of(R"(steps = [{ set = ["b", { S = "2" }] }])", a), a) << "equal already";
  EXPECT_EQ(result_of(R"(steps = [{ remove = "a" }, { remove = "x" }])", a), R"({"pk":{"S":"a"},"b":{"S":"2"}})");
}

TEST(Changer, CarriesStepsOutInTurn) {
  const std::string item = R"({"pk":{"S":"a"},"a":{"S":"1"},"b":{"S":"2"}})";
  EXPECT_EQ(
      result_of("steps = [{ rename = ['b', 'c'] }, { rename = ['a', 'b'] }]\nwhen = 'attribute_not_exists(c)'", item),
      R"({"pk":{"S":"a"},"b":{"S":"1"},"c":{"S":"2"}})");
  EXPECT_EQ(result_of(R"(steps = [{ rename = ["a", "b"] }, { rename = ["b", "c"] }])", item),
            R"({"pk":{"S":"a"},"c":{"S":"1"}})")
      << "a -> b -> c";
  EXPECT_EQ(result_of(R"(steps = [{ rename = ["a", "x"] }, { rename = ["x", "a"] }])", item), item)
      << "there and back is no change";
  EXPECT_EQ(result_of(R"(steps = [{ set = ["x", { S = "1" }] }, { remove = "x" }])", item), item);
  EXPECT_EQ(result_of(R"(steps = [{ remove = "a" }, { copy = ["a", "b"] }])", item),
            R"({"pk":{"S":"a"},"b":{"S":"2"}})");
}

TEST(Changer, TakesNumbersOfEqualValueForNoChange) {
  EXPECT_EQ(outcome_of(R"(steps = [{ set = ["n", { N = "1.0" }] }])", R"({"pk":{"S":"a"},"n":{"N":"1"}})").kind,
            Kind::unchanged);
  EXPECT_EQ(
      outcome_of("update = 'SET n = :n'\n[values]\n':n' = { N = '10e-1' }", R"({"pk":{"S":"a"},"n":{"N":"1"}})").kind,
      Kind::unchanged);
  EXPECT_EQ(outcome_of("update = 'SET n = :n'\n[values]\n':n' = { NS = ['2', '1.0'] }",
                       R"({"pk":{"S":"a"},"n":{"NS":["1","2"]}})")
                .kind,
            Kind::unchanged);
}

TEST(Changer, WritesDownWhatTheChangeWasComputedFrom) {
  const Outcome update = outcome_of(
      "when = 'attribute_not_exists(gone) AND v = :one'\nupdate = 'SET a = if_not_exists(b, c) REMOVE o'\n"
      "[values]\n':one' = { N = '1' }",
      R"({"pk":{"S":"a"},"v":{"N":"1"},"c":{"S":"x"},"o":{"S":"o"},"other":{"S":"?"}})");
  EXPECT_EQ(update.line, R"({"Key":{"pk":{"S":"a"}},"Before":{"o":{"S":"o"}},"After":{"a":{"S":"x"}},)"
                         R"("Given":{"b":{},"c":{"S":"x"},"gone":{},"v":{"N":"1"}}})");
  const Outcome steps = outcome_of(R"(steps = [{ copy = ["a", "b"] }, { set = ["n", { N = "1" }] }])",
                                   R"({"pk":{"S":"a"},"a":{"S":"x"},"n":{"N":"1.0"}})");
  EXPECT_EQ(steps.line,
            R"({"Key":{"pk":{"S":"a"}},"Before":{},"After":{"b":{"S":"x"}},"Given":{"a":{"S":"x"},"n":{"N":"1.0"}}})");
  const Outcome of_key = outcome_of(R"(steps = [{ copy = ["pk", "b"] }])", R"({"pk":{"S":"a"}})");
  EXPECT_EQ(of_key.line, R"({"Key":{"pk":{"S":"a"}},"Before":{},"After":{"b":{"S":"a"}}})")
      << "a key cannot become another";
}

TEST(Changer, NamesBothPartsOfAKey) {
  const KeySchema schema{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};
  const ChangeRules rules(job_of(R"(steps = [{ remove = "a" }])"), schema, "", false);
  EXPECT_EQ(outcomes_of(rules, {R"({"a":{"S":"x"},"sk":{"N":"1"},"pk":{"S":"p"}})"}).front().line,
            R"({"Key":{"pk":{"S":"p"},"sk":{"N":"1"}},"Before":{"a":{"S":"x"}},"After":{}})");
}

TEST(Changer, RefusesAJobThatWouldApplyToItsOwnResult) {
  const std::string job = "update = 'SET n = n + :one'\n[values]\n':one' = { N = '1' }\n";
  const std::string item = R"({"pk":{"S":"a"},"n":{"N":"1"}})";
  EXPECT_EQ(unsettled(job, item), kUnsettled);
  EXPECT_EQ(unsettled("when = 'n < :five'\nupdate = 'SET n = n + :one'\n[values]\n':one' = { N = '1' }\n"
                      "':five' = { N = '5' }",
                      item),
            kUnsettled);
  EXPECT_EQ(unsettled("update = 'ADD n :one'\n[values]\n':one' = { N = '1' }", item), kUnsettled);
  EXPECT_EQ(unsettled(R"(steps = [{ rename = ["a", "b"] }, { copy = ["c", "a"] }])",
                      R"({"pk":{"S":"a"},"a":{"S":"1"},"c":{"S":"2"}})"),
            kUnsettled);
}

TEST(Changer, RefusesAJobThatCouldNotBeAppliedToItsOwnResult) {
  EXPECT_EQ(unsettled("update = 'SET b = a REMOVE a'", R"({"pk":{"S":"a"},"a":{"S":"1"}})"), kUnsettled)
      << "the next run would have to reject it";
  EXPECT_EQ(
      outcome_of("when = 'attribute_exists(a)'\nupdate = 'SET b = a REMOVE a'", R"({"pk":{"S":"a"},"a":{"S":"1"}})")
          .kind,
      Kind::changed);
}

TEST(Changer, RefusesItTooWhenTheRunIsNarrowedToRecordsThatItMovesOut) {
  const std::string job = "update = 'SET n = n + :one'\n[values]\n':one' = { N = '1' }\n";
  EXPECT_EQ(unsettled(job, R"({"pk":{"S":"a"},"n":{"N":"1"}})", "n < 2"), kUnsettled)
      << "the next run has another --where";
}

TEST(Changer, LeavesAloneWhatItsMarkerMarks) {
  const std::string job = "marker = 'done'\nupdate = 'SET n = n + :one'\n[values]\n':one' = { N = '1' }\n";
  const Outcome first = outcome_of(job, R"({"pk":{"S":"a"},"n":{"N":"1"}})");
  EXPECT_EQ(first.item, R"({"pk":{"S":"a"},"n":{"N":"2"},"done":{"S":"j"}})");
  EXPECT_EQ(first.line,
            R"({"Key":{"pk":{"S":"a"}},"Before":{"n":{"N":"1"}},"After":{"n":{"N":"2"},"done":{"S":"j"}}})");
  EXPECT_EQ(outcome_of(job, first.item).kind, Kind::unchanged);
  const Outcome of_another = outcome_of(job, R"({"pk":{"S":"a"},"n":{"N":"2"},"done":{"S":"i"}})");
  EXPECT_EQ(of_another.line, R"({"Key":{"pk":{"S":"a"}},"Before":{"n":{"N":"2"},"done":{"S":"i"}},)"
                             R"("After":{"n":{"N":"3"},"done":{"S":"j"}}})")
      << "the marker of another job marks nothing for this one";
  EXPECT_EQ(outcome_of("marker = 'done'\nsteps = [{ remove = 'x' }]", R"({"pk":{"S":"a"}})").kind, Kind::unchanged)
      << "what is not changed is not marked";
  EXPECT_EQ(outcome_of("marker = 'done'\nsteps = [{ set = ['done', { S = 'x' }] }]", R"({"pk":{"S":"a"}})").item,
            R"({"pk":{"S":"a"},"done":{"S":"j"}})")
      << "the marker has the last word";
}

TEST(Changer, AcceptsAConditionThatStaysTrueWhereTheChangeDoesNothingMore) {
  const std::string job = "when = 'attribute_exists(pk)'\nupdate = 'SET v = :two'\n[values]\n':two' = { N = '2' }";
  const Outcome outcome = outcome_of(job, R"({"pk":{"S":"a"}})");
  EXPECT_EQ(outcome.kind, Kind::changed);
  EXPECT_EQ(outcome_of(job, outcome.item).kind, Kind::unchanged);
}

TEST(Changer, TakesOnlyRecordsForWhichBothConditionsHold) {
  const std::string job =
      "when = 'v = :one'\nupdate = 'SET v = :two'\n[values]\n':one' = { N = '1' }\n"
      "':two' = { N = '2' }";
  EXPECT_EQ(outcome_of(job, R"({"pk":{"S":"a"},"v":{"N":"1"}})").kind, Kind::changed);
  EXPECT_EQ(outcome_of(job, R"({"pk":{"S":"a"},"v":{"N":"3"}})").kind, Kind::unchanged);
  EXPECT_EQ(outcome_of(job, R"({"pk":{"S":"a"},"v":{"N":"1"}})", "pk = 'b'").kind, Kind::unchanged);
  const Outcome narrowed = outcome_of(job, R"({"pk":{"S":"a"},"v":{"N":"1"},"w":{"S":"x"}})", "w = 'x'");
  EXPECT_EQ(narrowed.line,
            R"({"Key":{"pk":{"S":"a"}},"Before":{"v":{"N":"1"}},"After":{"v":{"N":"2"}},"Given":{"w":{"S":"x"}}})")
      << "a record that others have moved out of the choice meanwhile is looked at again";
}

TEST(Changer, RefusesToChangeAKey) {
  const std::string next =
      ", which is part of the key; a record with another key is another record: copy the table with --transform "
      "instead";
  EXPECT_EQ(rules_error("update = 'SET pk = a'"), "j.toml: it would change the attribute 'pk'" + next);
  EXPECT_EQ(rules_error("update = 'REMOVE pk'"), "j.toml: it would change the attribute 'pk'" + next);
  EXPECT_EQ(rules_error("steps = [{ rename = ['pk', 'id'] }]"), "j.toml: it would change the attribute 'pk'" + next);
  EXPECT_EQ(rules_error("steps = [{ copy = ['a', 'pk'] }]"), "j.toml: it would change the attribute 'pk'" + next);
  EXPECT_EQ(rules_error("steps = [{ set = ['pk', { S = 'x' }] }]"),
            "j.toml: it would change the attribute 'pk'" + next);
  EXPECT_EQ(rules_error("steps = [{ remove = 'pk' }]"), "j.toml: it would change the attribute 'pk'" + next);
  EXPECT_EQ(rules_error("marker = 'pk'\nsteps = [{ remove = 'a' }]"),
            "j.toml: it would change the attribute 'pk'" + next);
  const KeySchema schema{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};
  EXPECT_EQ(error_of(ErrorKind::usage, [&] { ChangeRules(job_of("steps = [{ remove = 'sk' }]"), schema, "", false); }),
            "j.toml: it would change the attribute 'sk'" + next);
}

TEST(Changer, SaysWhyAnItemCannotBeChanged) {
  const std::string job = "update = 'SET a = b'";
  EXPECT_EQ(outcome_of(job, R"({"pk":{"S":"a"}})").problem,
            "The provided expression refers to an attribute that does not exist in the item");
  const std::string item = R"({"pk":{"S":"a"},"b":{"S":")" + std::string(204'797, 'x') + "\"}}";
  // Key 3 bytes, b and its text 204,798: the same again under a name of one byte makes 409,599.
  EXPECT_EQ(outcome_of("steps = [{ copy = ['b', 'a'] }]", item).kind, Kind::changed);
  EXPECT_EQ(outcome_of("steps = [{ copy = ['b', 'aaa'] }]", item).problem,
            "the item would have 409601 bytes, more than the 409600 that an item may have");
}

TEST(Changer, ChargesByTheLargerOfBothSizes) {
  const std::string item = R"({"pk":{"S":"a"},"b":{"S":"xxxx"}})";  // 3 + 5
  EXPECT_EQ(outcome_of("steps = [{ copy = ['b', 'c'] }]", item).size_bytes, 13u);
  EXPECT_EQ(outcome_of("steps = [{ remove = 'b' }]", item).size_bytes, 8u);
}

TEST(Changer, TakesNoMoreMemoryForABatchThanItMay) {
  const ChangeRules rules(job_of("steps = [{ copy = ['b', 'c'] }]"), pk_schema(), "", true, 1u << 20);
  const std::string item = R"({"pk":{"S":"a"},"b":{"S":")" + std::string(100'000, 'x') + "\"}}";
  EXPECT_EQ(outcomes_of(rules, {item, item}).size(), 2u);
  EXPECT_EQ(error_of(ErrorKind::failed, [&] { outcomes_of(rules, std::vector<std::string>(10, item)); }),
            "the changes to one batch of records take more than 1 MiB of memory; give it more with --memory");
}

}  // namespace
}  // namespace bulk
