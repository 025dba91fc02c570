// Random jobs on random items: what a Changer makes of them is what the job's own words say, it can be taken back, it
// survives being written down, and it happens once.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "codecs/attribute_value.h"
#include "codecs/change.h"
#include "codecs/item.h"
#include "codecs/json_check.h"
#include "io/error.h"
#include "src/backfill/changer.h"
#include "tests/expressions/generator.h"
#include "tests/support/scripted.h"

namespace bulk {
namespace {

using Kind = ChangeResult::Kind;
using Attributes = std::map<std::string, std::string>;  // DynamoDB JSON by name

constexpr const char* kMarker = "done";

struct View : ItemView {
  explicit View(std::string_view item) { reset(item); }
};

ItemFacts facts_of(std::string_view item) {
  ItemScanner scanner;
  ItemFacts facts;
  EXPECT_TRUE(scanner.scan(item, facts)) << scanner.problem().text << ": " << item;
  return facts;
}

Attributes attributes_of(const ItemView& view) {
  Attributes attributes;
  for (const ItemView::Attribute& attribute : view.attributes()) {
    attributes.emplace(attribute.name, attribute.value);
  }
  return attributes;
}

std::string text_of(const Attributes& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes) text += (text.empty() ? "{" : ",") + json_quoted(name) + ":" + value;
  return text + "}";
}

// A job read word for word. Nothing: the service would refuse the update.
std::optional<Attributes> carried_out(const BackfillJob& job, const Attributes& before) {
  const std::string item = text_of(before);
  const View view(item);
  Attributes after = before;
  if (!job.when.empty() && !Condition::parse(job.when, job.placeholders).holds(view)) return after;
  if (const auto mark = before.find(kMarker); !job.marker.empty() && mark != before.end()) {
    if (same_value_text(mark->second, R"({"S":"j"})")) return after;
  }
  if (!job.update.empty()) {
    std::vector<Update::Change> changes;
    std::string problem;
    const Update update = Update::parse(job.update, job.placeholders);
    if (!update.apply(view, changes, problem)) return std::nullopt;
    for (const Update::Change& change : changes) {
      after.erase(std::string(change.name));
      if (change.value) after[std::string(change.name)] = *change.value;
    }
  }
  for (const JobStep& step : job.steps) {
    const auto from = after.find(step.name);
    if (step.kind == JobStep::Kind::set) {
      after[step.name] = step.value;
    } else if (step.kind == JobStep::Kind::remove) {
      after.erase(step.name);
    } else if (from != after.end()) {
      const std::string value = from->second;
      if (step.kind == JobStep::Kind::rename) after.erase(from);
      after[step.to] = value;
    }
  }
  if (facts_of(text_of(after)).digest == facts_of(item).digest) return before;
  if (!job.marker.empty()) after[kMarker] = R"({"S":"j"})";
  return after;
}

std::set<std::string> mentioned_by(const BackfillJob& job) {
  std::set<std::string> names;
  if (!job.when.empty()) names.merge(std::set(Condition::parse(job.when, job.placeholders).attributes()));
  if (!job.update.empty()) names.merge(std::set(Update::parse(job.update, job.placeholders).attributes()));
  for (const JobStep& step : job.steps) {
    names.insert(step.name);
    if (!step.to.empty()) names.insert(step.to);
  }
  names.erase("pk");
  return names;
}

class Jobs {
 public:
  explicit Jobs(unsigned seed) : random_(seed), expressions_(seed) {}

  BackfillJob job() {
    BackfillJob job;
    job.path = "j.toml";
    job.name = "j";
    if (random_() % 2 == 0) {
      const test::GeneratedExpression update = expressions_.update();
      job.update = update.text;
      job.placeholders = update.placeholders;
    } else {
      for (std::size_t steps = 1 + random_() % 4; steps > 0; --steps) job.steps.push_back(step());
    }
    if (random_() % 3 == 0) {
      const test::GeneratedExpression when = expressions_.condition(100);
      job.when = when.text;
      job.placeholders.names.insert(when.placeholders.names.begin(), when.placeholders.names.end());
      job.placeholders.values.insert(when.placeholders.values.begin(), when.placeholders.values.end());
    }
    if (random_() % 2 == 0) job.marker = kMarker;
    return job;
  }

  std::string item() {
    Attributes attributes = attributes_of(View(item_ = expressions_.item("k" + std::to_string(random_() % 100))));
    for (const char* name : kNames) {
      if (random_() % 3 != 0) attributes[name] = kValues[random_() % std::size(kValues)];
    }
    if (random_() % 8 == 0) attributes[kMarker] = R"({"S":"i"})";
    return text_of(attributes);
  }

 private:
  static constexpr const char* kNames[] = {"s1", "s2", "n1", "\"q\"", "new"};
  static constexpr const char* kValues[] = {R"({"S":"x"})", R"({"N":"1"})",        R"({"N":"1.0"})",
                                            R"({"N":"2"})", R"({"NS":["1","2"]})", R"({"NS":["2.0","1"]})"};

  std::string name() { return kNames[random_() % std::size(kNames)]; }
  JobStep step() {
    const auto kind = static_cast<JobStep::Kind>(random_() % 4);
    if (kind == JobStep::Kind::remove) return {kind, name(), {}, {}};
    if (kind == JobStep::Kind::set) return {kind, name(), {}, kValues[random_() % std::size(kValues)]};
    const std::string from = kind == JobStep::Kind::copy && random_() % 8 == 0 ? "pk" : name();
    std::string to = name();
    while (to == from) to = name();
    return {kind, from, to, {}};
  }

  std::mt19937 random_;
  test::ExpressionGenerator expressions_;
  std::string item_;
};

struct Seen {
  int changed = 0, unchanged = 0, unsettled = 0, problems = 0, refused = 0;
};

// Everything that has to hold for the change of one item.
void check_change(const BackfillJob& job, const std::string& item, const ChangeSet& set, const Attributes& after) {
  const ChangeResult& result = set.results.front();
  const std::string line(set.line(result));
  const ItemFacts wanted = facts_of(text_of(after));
  const ItemFacts was = facts_of(item);
  EXPECT_EQ(facts_of(set.item(result)).digest, wanted.digest)
      << line << "\n instead of " << text_of(after) << "\n from " << item << "\n by " << job.update;
  EXPECT_EQ(result.size_bytes, std::max(wanted.size_bytes, was.size_bytes));

  ChangeReader reader;
  Change change;
  ASSERT_TRUE(reader.read(line, change)) << reader.problem() << ": " << line;
  // Attributes that are only made come last when a line is read; from then on it stays as it is.
  std::string again, once_more;
  append_change_line(again, change);
  Change reread;
  ASSERT_TRUE(reader.read(again, reread)) << reader.problem() << ": " << again;
  append_change_line(once_more, reread);
  EXPECT_EQ(once_more, again);
  EXPECT_EQ(again.size(), line.size());
  ASSERT_TRUE(reader.read(line, change));
  EXPECT_TRUE(still_as_read(change, View(item)));
  EXPECT_FALSE(is_carried_out(change, View(item)));
  std::string made;
  append_changed_item(change, View(item), made);
  EXPECT_EQ(made, set.item(result));
  EXPECT_TRUE(is_carried_out(change, View(made)));
  EXPECT_FALSE(still_as_read(change, View(made)));

  std::set<std::string> touched, given;
  for (const ChangedAttribute& attribute : change.touched) {
    touched.insert(attribute.name);
    EXPECT_FALSE(attribute.before == attribute.after) << line;
  }
  for (const GivenAttribute& attribute : change.given) {
    given.insert(attribute.name);
    const View view(item);
    const ItemView::Attribute* const found = view.find(attribute.name);
    EXPECT_EQ(attribute.value, found == nullptr ? std::string_view() : found->value) << line;
  }
  for (const std::string& name : mentioned_by(job)) {
    EXPECT_NE(touched.contains(name), given.contains(name)) << name << " in " << line;
  }
  EXPECT_EQ(touched.contains(kMarker), !job.marker.empty());

  for (ChangedAttribute& attribute : change.touched) std::swap(attribute.before, attribute.after);
  std::string back;
  append_changed_item(change, View(made), back);
  EXPECT_EQ(facts_of(back).digest, was.digest) << line;
}

void check(const BackfillJob& job, const ChangeRules& rules, const std::string& item, Seen& seen) {
  const ItemFacts facts = facts_of(item);
  const ChangeInput input{item, facts.size_bytes};
  const Attributes before = attributes_of(View(item));
  const std::optional<Attributes> after = carried_out(job, before);
  const bool changes = after && facts_of(text_of(*after)).digest != facts.digest;
  bool settled = true;
  if (changes && job.marker.empty()) {
    const std::optional<Attributes> again = carried_out(job, *after);
    settled = again && facts_of(text_of(*again)).digest == facts_of(text_of(*after)).digest;
  }

  Stop stop;
  Changer changer(rules, stop);
  ChangeSet set;
  const std::string what = job.update + "\n when " + job.when + "\n" + item;
  try {
    changer.compute({&input, 1}, set);
  } catch (const Error& error) {
    ++seen.unsettled;
    EXPECT_FALSE(settled) << error.line() << "\n" << what;
    EXPECT_EQ(error.kind(), ErrorKind::refused);
    return;
  }
  EXPECT_TRUE(settled) << what;
  ASSERT_EQ(set.results.size(), 1u);
  const ChangeResult& result = set.results.front();
  if (!after) {
    ++seen.problems;
    EXPECT_EQ(result.kind, Kind::problem) << what;
    EXPECT_FALSE(result.problem.empty());
  } else if (!changes) {
    ++seen.unchanged;
    EXPECT_EQ(result.kind, Kind::unchanged) << what;
  } else {
    ++seen.changed;
    ASSERT_EQ(result.kind, Kind::changed) << result.problem << "\n" << what;
    check_change(job, item, set, *after);
    const std::string done(set.item(result));
    const ChangeInput next{done, facts_of(done).size_bytes};
    changer.compute({&next, 1}, set);
    EXPECT_EQ(set.results.front().kind, Kind::unchanged) << what;
  }
}

TEST(ChangerProperty, DoesWhatTheJobSaysOnceAndCanTakeItBack) {
  Jobs jobs(20'250'125);
  Seen seen;
  for (int round = 0; round < 1'500 && !testing::Test::HasFailure(); ++round) {
    const BackfillJob job = jobs.job();
    std::optional<ChangeRules> rules;
    try {
      rules.emplace(job, test::pk_schema(), "", true);
    } catch (const Error& error) {
      // The generator has operands that the service refuses.
      EXPECT_EQ(std::string(error.what()).find("part of the key"), std::string::npos) << error.line();
      ++seen.refused;
      continue;
    }
    for (int i = 0; i < 3; ++i) check(job, *rules, jobs.item(), seen);
  }
  EXPECT_GT(seen.changed, 500);
  EXPECT_GT(seen.unchanged, 300);
  EXPECT_GT(seen.unsettled, 100);
  EXPECT_GT(seen.problems, 100);
  EXPECT_LT(seen.refused, 750);
}

// A batch is its items one by one, whatever a Changer has seen before.
TEST(ChangerProperty, KeepsNothingFromOneItemToTheNext) {
  Jobs jobs(7);
  int compared = 0;
  for (int round = 0; round < 300; ++round) {
    const BackfillJob job = jobs.job();
    std::optional<ChangeRules> rules;
    try {
      rules.emplace(job, test::pk_schema(), "", true);
    } catch (const Error&) {
      continue;
    }
    std::vector<std::string> items;
    for (int i = 0; i < 8; ++i) items.push_back(jobs.item());
    std::vector<ChangeInput> inputs;
    for (const std::string& item : items) inputs.push_back({item, facts_of(item).size_bytes});
    Stop stop;
    Changer together(*rules, stop);
    ChangeSet all;
    try {
      together.compute(inputs, all);
    } catch (const Error&) {
      continue;
    }
    ASSERT_EQ(all.results.size(), items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      Changer alone(*rules, stop);
      ChangeSet one;
      alone.compute({&inputs[i], 1}, one);
      EXPECT_EQ(one.results.front().kind, all.results[i].kind);
      EXPECT_EQ(one.results.front().problem, all.results[i].problem);
      EXPECT_EQ(one.line(one.results.front()), all.line(all.results[i]));
      EXPECT_EQ(one.item(one.results.front()), all.item(all.results[i]));
      ++compared;
    }
  }
  EXPECT_GT(compared, 500);
}

}  // namespace
}  // namespace bulk
