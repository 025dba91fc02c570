// A verification that cannot be fooled: in a table of 100,000 items one thing is changed behind the program's back, and
// `verify`, `diff` and `drop` must notice. What only looks different must pass.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/program.h"
#include "tests/e2e/sqlite_edit.h"

namespace bulk::test {
namespace {

using testing::HasSubstr;

constexpr std::size_t kItems = 100'000;
constexpr std::size_t kVictim = 61'803;
constexpr std::size_t kOther = 27'182;

std::string key_text(const std::string& partition, const std::string& sort) {
  return R"({"pk":{"S":")" + partition + R"("},"sk":{"S":")" + sort + R"("}})";
}
std::string key_text(std::size_t number) {
  return key_text(item_partition(number), item_sort(number));
}

std::string where(std::size_t number) {
  return " WHERE partition_key = '" + item_partition(number) + "' AND sort_key = '" + item_sort(number) + "'";
}
// UPDATE of the victim's text.
std::string replacing(const std::string& from, const std::string& to, std::size_t number = kVictim) {
  return "UPDATE items SET item = replace(item, '" + from + "', '" + to + "')" + where(number) + ";";
}

struct Change {
  const char* what;
  std::string sql;
  int rows;                        // that it changes
  std::vector<std::string> named;  // keys that must be named; none: the tables count as equal
};

std::vector<Change> changes() {
  const std::string victim = std::to_string(kVictim);
  const std::string other = std::to_string(kOther);
  const std::string key = R"("pk":{"S":"CUSTOMER#6180"},"sk":{"S":"ORDER#61803"})";
  const std::string new_key = R"("pk":{"S":"CUSTOMER#new"},"sk":{"S":"ORDER#61803"})";
  const std::string insert =
      "INSERT INTO items (partition_key, sort_key, item) SELECT 'CUSTOMER#new', sort_key, replace(item, '" + key +
      "', '" + new_key + "') FROM items" + where(kVictim) + ";";
  const std::string erase = "DELETE FROM items" + where(kVictim) + ";";
  return {
      {"one character of a value", replacing("渡邊 " + victim, "渡邉 " + victim), 1, {key_text(kVictim)}},
      {"one digit of a number",
       replacing(R"("number":{"N":"61803"})", R"("number":{"N":"61813"})"),
       1,
       {key_text(kVictim)}},
      {"the last of 38 digits",
       replacing("12345678901234567890123456789012345678", "12345678901234567890123456789012345679"),
       1,
       {key_text(kVictim)}},
      {"a number's sign", replacing("-0.000", "0.000"), 1, {key_text(kVictim)}},
      {"a type", replacing(R"("number":{"N":)", R"("number":{"S":)"), 1, {key_text(kVictim)}},
      {"a set that becomes a list",
       replacing(R"("codes":{"NS":["1","2.5"]})", R"("codes":{"L":[{"N":"1"},{"N":"2.5"}]})"),
       1,
       {key_text(kVictim)}},
      {"the order of a list", replacing(R"({"S":""},{"M":{}})", R"({"M":{}},{"S":""})"), 1, {key_text(kVictim)}},
      {"an attribute's name", replacing(R"("paid":)", R"("Paid":)"), 1, {key_text(kVictim)}},
      {"an attribute gone", replacing(R"(,"none":{"NULL":true})", ""), 1, {key_text(kVictim)}},
      {"an item gone", erase, 1, {key_text(kVictim)}},
      {"an item more", insert, 1, {key_text("CUSTOMER#new", "ORDER#61803")}},
      {"an item under another key", insert + erase, 2, {key_text("CUSTOMER#new", "ORDER#61803"), key_text(kVictim)}},
      {"a value swapped between two items",
       replacing("渡邊 " + victim, "渡邊 " + other) + replacing("渡邊 " + other, "渡邊 " + victim, kOther),
       2,
       {key_text(kVictim), key_text(kOther)}},
      {"another spelling of a number", replacing(R"("number":{"N":"61803"})", R"("number":{"N":"61803.00"})"), 1, {}},
      {"another order of a set", replacing(R"(["1","2.5"])", R"(["2.5","1"])"), 1, {}},
      {"another order of attributes",
       replacing(R"("none":{"NULL":true},"tags":{"SS":["a","b61803"]})",
                 R"("tags":{"SS":["a","b61803"]},"none":{"NULL":true})"),
       1,
       {}},
      {"white space and escapes", replacing(R"("raw":{"B":)", R"("r\u0061w" : {"B":)"), 1, {}},
  };
}

TEST(Verification, FindsOneChangeAmongAHundredThousandItemsAndNamesIt) {
  Sandbox sandbox;
  write_items(sandbox.path("items.jsonl"), kItems);
  expect_ok(
      sandbox.bulk({"restore", "items.jsonl", "--to", "sqlite:store.db#items", "--create", "--key", "pk:S,sk:S"}));
  expect_ok(sandbox.bulk({"backup", "sqlite:store.db#items", "--to", "dump.jsonl.zst"}));
  expect_ok(sandbox.bulk({"verify", "dump.jsonl.zst", "--against", "sqlite:store.db#items"}));

  for (const Change& change : changes()) {
    SCOPED_TRACE(change.what);
    std::filesystem::copy_file(sandbox.path("store.db"), sandbox.path("changed.db"),
                               std::filesystem::copy_options::overwrite_existing);
    ASSERT_EQ(sqlite_edit(sandbox.path("changed.db"), change.sql), change.rows);
    const RunResult verify = sandbox.bulk({"verify", "dump.jsonl.zst", "--against", "sqlite:changed.db#items"});
    EXPECT_EQ(verify.status, change.named.empty() ? 0 : 4) << verify.err;
    for (const std::string& key : change.named) EXPECT_THAT(verify.out + verify.err, HasSubstr(key));
  }

  // The last of them with a difference, for the other commands that compare.
  const std::vector<Change> all = changes();
  const auto different =
      std::find_if(all.rbegin(), all.rend(), [](const Change& change) { return !change.named.empty(); });
  std::filesystem::copy_file(sandbox.path("store.db"), sandbox.path("changed.db"),
                             std::filesystem::copy_options::overwrite_existing);
  ASSERT_EQ(sqlite_edit(sandbox.path("changed.db"), different->sql), different->rows);
  const RunResult diff = sandbox.bulk({"diff", "dump.jsonl.zst", "sqlite:changed.db#items"});
  EXPECT_EQ(diff.status, 4) << diff.err;
  for (const std::string& key : different->named) EXPECT_THAT(diff.out + diff.err, HasSubstr(key));
  const RunResult drop = sandbox.bulk({"drop", "sqlite:changed.db#items", "--backed-up-by", "dump.jsonl.zst", "--yes"});
  EXPECT_EQ(drop.status, 13) << drop.err;
  EXPECT_EQ(sandbox.bulk({"cat", "sqlite:changed.db#items", "--limit", "1"}).status, 0);
}

}  // namespace
}  // namespace bulk::test
