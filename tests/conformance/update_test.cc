// What every store with an updater has in common: a change touches what it names, and is carried out only where the
// item still is what the change was computed from.
#include "codecs/change.h"
#include "codecs/item.h"
#include "codecs/lines.h"
#include "tests/conformance/updates.h"

namespace bulk::test {
namespace {

using Outcome = WriteResult::Outcome;

TEST_P(Updates, TouchWhatTheyNameAndNothingElse) {
  std::vector<std::string> expected = lines(60);
  write(expected);
  const std::string name = R"("name":{"S":"record 7, with \"quotes\""})";
  expect_done(R"({"Key":{"pk":{"S":"customer 7"},"sk":{"N":"7"}},"Before":{)" + name +
              R"(},"After":{"name":{"S":"changed"},"new":{"N":"1"}}})");
  expected[7] = R"({"Item":{"pk":{"S":"customer 7"},"sk":{"N":"7"},"name":{"S":"changed"},)"
                R"("tags":{"SS":["a","b"]},"new":{"N":"1"}}})";
  EXPECT_EQ(read(), content_of(expected));
}

TEST_P(Updates, LeaveAloneWhatOthersHaveWrittenMeanwhile) {
  put(R"("x":{"S":"old"},"counter":{"N":"17"},"theirs":{"M":{"a":{"S":"b"}}})");
  expect_done(change(R"("x":{"S":"old"})", R"("x":{"S":"new"})"));
  expect_content(R"("x":{"S":"new"},"counter":{"N":"17"},"theirs":{"M":{"a":{"S":"b"}}})");
}

TEST_P(Updates, MakeAndRemoveAttributes) {
  put(R"("old":{"S":"x"},"stays":{"BOOL":true})");
  expect_done(change(R"("old":{"S":"x"})", R"("new":{"S":"x"})"));
  expect_content(R"("new":{"S":"x"},"stays":{"BOOL":true})");
  expect_done(change("", R"("more":{"L":[]})"));
  expect_content(R"("new":{"S":"x"},"stays":{"BOOL":true},"more":{"L":[]})");
  expect_done(change(R"("new":{"S":"x"},"stays":{"BOOL":true},"more":{"L":[]})", ""));
  expect_content("");
}

// The value as it lies there, as it was read (equal, spelled otherwise where that can be), and another one.
struct Spelled {
  const char* stored;
  const char* read;
  const char* other;
};

const std::vector<Spelled>& scalars_and_sets() {
  static const std::vector<Spelled> kValues = {
      {R"({"S":""})", R"({"S":""})", R"({"S":"x"})"},
      {R"({"S":"ünï ☃ 𝄞 \u0000 \""})", R"({"S":"\u00fcn\u00ef \u2603 \ud834\udd1e \u0000 \u0022"})", R"({"S":"ünï"})"},
      {R"({"N":"1.50"})", R"({"N":"15e-1"})", R"({"N":"1.5000000000000000000000000000000000001"})"},
      {R"({"N":"0"})", R"({"N":"0.0"})", R"({"N":"-1"})"},
      {R"({"N":"1E+125"})", R"({"N":"10e124"})", R"({"N":"1E+124"})"},
      {R"({"N":"12345678901234567890123456789012345678"})", R"({"N":"12345678901234567890123456789012345678.0"})",
       R"({"N":"12345678901234567890123456789012345679"})"},
      {R"({"B":""})", R"({"B":""})", R"({"B":"AA=="})"},
      {R"({"B":"AAECAwT/"})", R"({"B":"AAECAwT\/"})", R"({"B":"AAECAwT+"})"},
      {R"({"BOOL":true})", R"({"BOOL":true})", R"({"BOOL":false})"},
      {R"({"NULL":true})", R"({"NULL":true})", R"({"BOOL":true})"},
      {R"({"SS":["b","a","ü"]})", R"({"SS":["\u00fc","b","a"]})", R"({"SS":["b","a"]})"},
      {R"({"SS":["","a"]})", R"({"SS":["a",""]})", R"({"SS":["a","b"]})"},
      {R"({"NS":["3","-1","2.50"]})", R"({"NS":["25e-1","3.0","-1"]})", R"({"NS":["3","-1","2.51"]})"},
      {R"({"BS":["AAE=","/w=="]})", R"({"BS":["/w==","AAE="]})", R"({"BS":["/w=="]})"},
      {R"({"S":"1"})", R"({"S":"1"})", R"({"N":"1"})"},
      {R"({"SS":["1"]})", R"({"SS":["1"]})", R"({"NS":["1"]})"},
  };
  return kValues;
}

const std::vector<Spelled>& documents() {
  static const std::vector<Spelled> kValues = {
      {R"({"L":[{"S":"a"},{"N":"1"}]})", R"({"L":[{"S":"a"},{"N":"1.0"}]})", R"({"L":[{"N":"1"},{"S":"a"}]})"},
      {R"({"M":{}})", R"({"M":{}})", R"({"L":[]})"},
      {R"({"M":{"a":{"S":"x"},"b":{"B":"AAE="}}})", R"({"M":{"b":{"B":"AAE="},"a":{"S":"\u0078"}}})",
       R"({"M":{"a":{"S":"x"}}})"},
      {R"({"M":{"a":{"L":[{"M":{"c":{"NULL":true},"s":{"NS":["1","2"]}}}]},"b":{"BOOL":false}}})",
       R"({"M":{"b":{"BOOL":false},"a":{"L":[{"M":{"s":{"NS":["2.0","1"]},"c":{"NULL":true}}}]}}})",
       R"({"M":{"a":{"L":[{"M":{"c":{"NULL":true},"s":{"NS":["1","3"]}}}]},"b":{"BOOL":false}}})"},
      {R"({"L":[]})", R"({"L":[]})", R"({"L":[{"L":[]}]})"},
  };
  return kValues;
}

std::string attribute(const std::string& name, std::size_t number, const char* value) {
  return "\"" + name + std::to_string(number) + "\":" + value;
}

std::vector<Spelled> values_compared_by(const Backend& backend) {
  std::vector<Spelled> values = scalars_and_sets();
  if (backend.compares_documents) values.insert(values.end(), documents().begin(), documents().end());
  return values;
}

TEST_P(Updates, CompareByValueWhateverTheSpelling) {
  const std::vector<Spelled> values = values_compared_by(GetParam());
  std::string stored = R"("y":{"S":"stays"})";
  std::string changed = stored;
  for (std::size_t i = 0; i < values.size(); ++i) {
    stored += "," + attribute("x", i, values[i].stored) + "," + attribute("g", i, values[i].stored);
    changed += "," + attribute("x", i, values[i].other) + "," + attribute("g", i, values[i].stored);
  }
  put(stored);
  for (std::size_t i = 0; i < values.size(); ++i) {
    expect_done(change(attribute("x", i, values[i].read), attribute("x", i, values[i].other),
                       attribute("g", i, values[i].read)));
  }
  expect_content(changed);
}

TEST_P(Updates, ConflictWithAnotherValueOfAnyType) {
  const std::vector<Spelled> values = values_compared_by(GetParam());
  std::string others = R"("y":{"S":"stays"})";
  for (std::size_t i = 0; i < values.size(); ++i) others += "," + attribute("x", i, values[i].other);
  put(others);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string read = attribute("x", i, values[i].read);
    expect_conflict_now(others, change(read, attribute("x", i, R"({"S":"new"})")));
    expect_conflict_now(others, change("", R"("new":{"S":"new"})", read));
  }
  expect_content(others);
}

// dynalite finds no list or map equal to another: it must not be tried for ever.
TEST_P(Updates, RefuseListsAndMapsWhereTheServerDoesNotCompareThem) {
  const std::string there = R"("x":{"M":{"a":{"S":"b"}}})";
  for (const std::string& line : {change(there, R"("x":{"S":"new"})"), change("", R"("y":{"S":"new"})", there)}) {
    if (GetParam().compares_documents) {
      put(there);
      expect_done(line);
    } else {
      expect_invalid(there, line,
                     "the server does not find the list or map 'x' equal to itself: it cannot be changed safely there");
    }
  }
  expect_conflict(there, change(R"("x":{"M":{"a":{"S":"c"}}})", R"("x":{"S":"new"})"));
}

TEST_P(Updates, ConflictWhereATouchedAttributeHasChangedGoneOrAppeared) {
  const std::string both = change(R"("x":{"S":"a"})", R"("x":{"S":"b"},"new":{"S":"c"})");
  expect_conflict(R"("x":{"S":"z"})", both);
  expect_conflict(R"("y":{"S":"z"})", both);
  expect_conflict(R"("x":{"S":"a"},"new":{"S":"z"})", both);
  expect_conflict(R"("x":{"S":"a"},"new":{"NULL":true})", both);
  put(R"("x":{"S":"a"})");
  expect_done(both);
}

TEST_P(Updates, ConflictWhereAGivenAttributeHasChangedGoneOrAppeared) {
  const std::string line = change(R"("x":{"S":"a"})", R"("x":{"S":"b"})", R"("g":{"N":"1"},"none":{})");
  expect_conflict(R"("x":{"S":"a"},"g":{"N":"2"})", line);
  expect_conflict(R"("x":{"S":"a"})", line);
  expect_conflict(R"("x":{"S":"a"},"g":{"N":"1"},"none":{"S":""})", line);
  put(R"("x":{"S":"a"},"g":{"N":"1.0"})");
  expect_done(line);
  expect_content(R"("x":{"S":"b"},"g":{"N":"1.0"})");
}

TEST_P(Updates, NeverMakeAnItem) {
  put("");
  for (const std::string& what : {change("", R"("new":{"S":"x"})"), change(R"("x":{"S":"a"})", R"("x":{"S":"b"})")}) {
    const std::string line = R"({"Key":{"pk":{"S":"gone"},"sk":{"N":"1"}})" + what.substr(what.find(",\"Before\""));
    const WriteResult result = change_one(line);
    EXPECT_EQ(result.outcome, Outcome::done) << result.reason;
    ASSERT_EQ(result.conflicts.size(), 1u);
    EXPECT_EQ(result.conflicts[0].item, "");
    expect_content("");
  }
}

TEST_P(Updates, AreFoundCarriedOutTheSecondTime) {
  ChangeReader reader;
  Change parsed;
  ItemView view;
  const std::vector<std::string> changes = {
      change(R"("x":{"S":"a"},"y":{"NS":["2","1"]})", R"("x":{"SS":["b","a"]},"new":{"N":"1.50"})"),
      change("", R"("new":{"M":{"a":{"L":[{"N":"1e2"}]}}})", R"("x":{"S":"a"})"),
      change(R"("x":{"S":"a"})", ""),
  };
  for (const std::string& line : changes) {
    put(R"("x":{"S":"a"},"y":{"NS":["1","2"]})");
    expect_done(line);
    const WriteResult again = change_one(line);
    EXPECT_EQ(again.outcome, Outcome::done) << again.reason;
    ASSERT_EQ(again.conflicts.size(), 1u) << line;
    ASSERT_TRUE(reader.read(line, parsed)) << reader.problem();
    view.reset(again.conflicts[0].item);
    EXPECT_TRUE(is_carried_out(parsed, view)) << again.conflicts[0].item;
    EXPECT_FALSE(still_as_read(parsed, view)) << again.conflicts[0].item;
  }
}

TEST_P(Updates, TakeAttributesOfAnyName) {
  const std::string given = R"("#0":{"N":"1"},":a0":{"N":"2"},"a.c":{"N":"3"})";
  std::string before;
  std::string after;
  for (const std::string& name :
       {std::string("a.b"), std::string("a[0]"), std::string(R"(with \"quotes\")"), std::string("#k"),
        std::string(":b0"), std::string("ü☃𝄞"), std::string(R"(\u00fc \\ \n)"), std::string(300, 'n'),
        std::string("SIZE"), std::string("status"), std::string(" "), std::string("a b"), std::string(R"(\u0000)")}) {
    const std::string comma = before.empty() ? "" : ",";
    before += comma + "\"" + name + R"(":{"S":"old"})";
    after += comma + "\"" + name + R"(":{"S":"new"})";
  }
  put(before + "," + given);
  expect_done(change(before, after, given));
  expect_content(after + "," + given);
  expect_done(change(after, "", given));
  expect_content(given);
}

TEST_P(Updates, TouchManyAttributesAtOnce) {
  std::string before;
  std::string after;
  std::string given;
  for (int i = 0; i < 60; ++i) {
    const std::string n = std::to_string(i);
    const std::string comma = i == 0 ? "" : ",";
    before += comma + "\"a" + n + R"(":{"N":")" + n + "\"}";
    after += comma + (i % 3 == 0 ? "\"b" : "\"a") + n + R"(":{"S":")" + n + "\"}";
    if (i < 40) given += comma + "\"g" + n + R"(":{"BOOL":true})";
  }
  put(before + "," + given);
  expect_done(change(before, after, given));
  expect_content(after + "," + given);
  put(before + R"(,"a60":{"S":"stays"})");
  EXPECT_EQ(change_one(change(before, after, given)).conflicts.size(), 1u);
  expect_content(before + R"(,"a60":{"S":"stays"})");
}

TEST_P(Updates, RefuseWhatTheServiceRefusesAndDoNothing) {
  const std::string there = R"("x":{"S":"a"})";
  expect_invalid(there, change(R"("pk":{"S":"types"})", R"("pk":{"S":"b"})"),
                 "Cannot update attribute pk. This attribute is part of the key");
  expect_invalid(there, change(R"("sk":{"N":"1"})", ""), "Cannot update attribute sk");
  expect_invalid(there, change(there, R"("x":{"S":")" + std::string(409'600, 'x') + "\"}"), "maximum allowed size");
  expect_invalid(there, change(there, R"("x":{"N":"1e126"})"), "Number overflow");
  expect_invalid(there, change(there, R"("x":{"SS":["a","a"]})"), "attribute 'x': ");
  expect_invalid(there, change(there, R"("x":{"SS":[]})"), "attribute 'x': a set is empty");
  expect_invalid(there, "{}", "it is no change");
  std::string key = change(there, R"("x":{"S":"b"})");
  for (const char* wrong : {R"({"pk":{"S":"types"}})", R"({"pk":{"S":"types"},"sk":{"S":"1"}})",
                            R"({"pk":{"S":"types"},"sk":{"N":"1"},"x":{"S":"a"}})"}) {
    expect_invalid(there, std::string("{\"Key\":") + wrong + key.substr(key.find(",\"Before\"")),
                   "ValidationException");
  }
}

TEST_P(Updates, HaveManyUnderWayAndReportEachOne) {
  constexpr std::size_t kItems = 100;  // a connection each: fewer than the fault server lets wait
  std::vector<std::string> items;
  std::vector<std::string> changes;
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < kItems; ++i) {
    const std::string key = R"("pk":{"S":"item"},"sk":{"N":")" + std::to_string(i) + "\"}";
    const bool stale = i % 7 == 3;
    items.push_back("{\"Item\":{" + key + R"(,"x":{"S":")" + (stale ? "theirs" : "old") + "\"}}}");
    expected.push_back("{\"Item\":{" + key + R"(,"x":{"S":")" + (stale ? "theirs" : "new") + "\"}}}");
    changes.push_back("{\"Key\":{" + key + R"(},"Before":{"x":{"S":"old"}},"After":{"x":{"S":"new"}}})");
  }
  write(items);
  Batch batch;
  for (const std::string& line : changes) {
    Record record;
    record.offset = static_cast<std::uint32_t>(batch.bytes.size());
    record.length = static_cast<std::uint32_t>(line.size());
    batch.bytes.append(line);
    batch.bytes.push_back('\n');
    batch.records.push_back(record);
  }
  const auto target = store();
  const auto sink = target->updater({});
  const SinkLimits limits = sink->limits();
  EXPECT_GT(sink->estimate_units(batch.records[0]) + 1, 0);
  const auto session = sink->open();
  std::vector<std::vector<RecordRef>> slices;  // by ticket
  std::vector<std::uint32_t> waiting;
  for (std::uint32_t i = 0; i < kItems; ++i) {
    if (slices.empty() || slices.back().size() == std::min<std::size_t>(limits.records, 30)) {
      waiting.push_back(static_cast<std::uint32_t>(slices.size()));
      slices.emplace_back();
    }
    slices.back().push_back({&batch, i});
  }
  std::size_t under_way = 0;
  std::size_t settled = 0;
  std::size_t conflicts = 0;
  std::vector<SinkSession::Ended> ended;
  while (settled < kItems) {
    while (!waiting.empty() && under_way < limits.under_way) {
      const std::uint32_t ticket = waiting.back();
      waiting.pop_back();
      session->begin(ticket, slices[ticket]);
      ++under_way;
    }
    ended.clear();
    session->collect(std::chrono::steady_clock::now() + std::chrono::seconds(1), ended);
    for (const SinkSession::Ended& one : ended) {
      --under_way;
      ASSERT_NE(one.result.outcome, Outcome::invalid) << one.result.reason;
      if (one.result.outcome != Outcome::done) {
        waiting.push_back(one.ticket);
        continue;
      }
      settled += slices[one.ticket].size();
      for (const WriteResult::Conflict& conflict : one.result.conflicts) {
        ++conflicts;
        const RecordRef& record = slices[one.ticket].at(conflict.position);
        EXPECT_EQ(record.index % 7, 3u);
        EXPECT_EQ(canonical(conflict.item), canonical(std::string(item_of_line(items[record.index]))));
      }
    }
  }
  EXPECT_EQ(conflicts, (kItems + 3) / 7);
  sink->finish();
  EXPECT_EQ(read(), content_of(expected));
}

}  // namespace
}  // namespace bulk::test
