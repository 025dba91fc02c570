// Items on their way from a table or dump of items into a table of PostgreSQL and back, by the program as users run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/place.h"
#include "tests/e2e/postgres_place.h"
#include "tests/support/dynamodb_servers.h"

namespace bulk::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::size_t kItems = 600;

class ItemsInPostgres : public testing::Test {
 protected:
  void SetUp() override {
    BULK_REQUIRE_POSTGRES(place_);
    place_.make_database("db", "");
  }
  RunResult bulk(const Arguments& arguments) { return place_.bulk(arguments); }
  std::string url(const std::string& table = "shop") { return place_.url("db", table); }
  std::string psql(const std::string& sql) { return place_.psql("db", sql); }
  // A dump of a table of items.
  void make_dump() {
    write_items(place_.sandbox().path("items.jsonl"), kItems);
    expect_ok(bulk({"restore", "items.jsonl", "--to", kEmbedded, "--create", "--key", "pk:S,sk:S"}));
    expect_ok(bulk({"backup", kEmbedded, "--to", "shop.jsonl.zst"}));
  }
  void expect_refused(const RunResult& result, int status, const std::string& line) {
    expect_error(place_.sandbox(), result, status, line);
  }

  static constexpr const char* kEmbedded = "sqlite:store.db#shop";
  PostgresPlace place_;
};

void go_there_and_back(PostgresPlace& place, const Place& items) {
  place.make_database("db", "");
  place.sandbox().environment.insert(items.environment.begin(), items.environment.end());
  const std::string shop = place.url("db", "shop");
  write_items(place.sandbox().path("items.jsonl"), kItems);
  expect_ok(place.bulk({"restore", "items.jsonl", "--to", items.url("shop"), "--create", "--key", "pk:S,sk:S"}));
  expect_ok(place.bulk({"copy", items.url("shop"), shop, "--create"}));
  EXPECT_EQ(place.psql("db", "SELECT count(*), count(DISTINCT pk), max(item -> 'number' ->> 'N') FROM shop"),
            "600|60|99");
  EXPECT_EQ(place.psql("db", "SELECT item -> 'name' ->> 'S' FROM shop WHERE pk = 'CUSTOMER#1' AND sk = 'ORDER#17'"),
            "Zoë 渡邊 17");
  expect_ok(place.bulk({"diff", items.url("shop"), shop}));
  expect_ok(place.bulk({"diff", shop, items.url("shop")}));
  expect_ok(place.bulk({"copy", shop, items.url("back"), "--create"}));
  expect_ok(place.bulk({"diff", items.url("shop"), items.url("back")}));
  place.psql("db",
             "UPDATE shop SET item = item - 'paid' WHERE pk = 'CUSTOMER#1' AND sk = 'ORDER#17';"
             "DELETE FROM shop WHERE sk = 'ORDER#400'");
  const RunResult different = place.bulk({"diff", items.url("shop"), shop});
  EXPECT_EQ(different.status, 4);
  EXPECT_THAT(different.out, HasSubstr(R"(~ {"pk":{"S":"CUSTOMER#1"},"sk":{"S":"ORDER#17"}})"));
  EXPECT_THAT(different.out, HasSubstr(R"(- {"pk":{"S":"CUSTOMER#40"},"sk":{"S":"ORDER#400"}})"));
}

TEST(ItemsInPostgresAndBack, FromTheEmbeddedStore) {
  PostgresPlace place;
  BULK_REQUIRE_POSTGRES(place);
  go_there_and_back(place, *open_place("sqlite"));
}

TEST(ItemsInPostgresAndBack, FromDynamoDb) {
  PostgresPlace place;
  BULK_REQUIRE_POSTGRES(place);
  const std::unique_ptr<Place> server = open_place(kDynoxide);
  if (!server) GTEST_SKIP() << kDynoxide << " is not installed";
  go_there_and_back(place, *server);
}

TEST_F(ItemsInPostgres, ADumpIsRestoredMergedVerifiedAndDropped) {
  make_dump();
  expect_refused(bulk({"restore", "shop.jsonl.zst", "--to", url(), "-q"}), 10,
                 "no table '" + url() + "'; add --create to make it");
  const RunResult restored = bulk({"restore", "shop.jsonl.zst", "--to", url(), "--create", "--json"});
  expect_ok(restored);
  EXPECT_THAT(restored.out, HasSubstr("\"verified\":\"content\""));
  EXPECT_EQ(
      psql("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull, ', ' ORDER "
           "BY attnum) FROM pg_attribute WHERE attrelid = 'public.shop'::regclass AND attnum > 0"),
      "pk text true, sk text true, item jsonb true");
  expect_ok(bulk({"verify", "shop.jsonl.zst", "--against", url()}));

  expect_refused(bulk({"restore", "shop.jsonl.zst", "--to", url(), "-q"}), 13,
                 "table '" + url() +
                     "' holds data; --force merges (records with the same key are replaced), --only-missing adds only "
                     "new keys");
  psql(
      "UPDATE shop SET item = item || '{\"paid\":{\"S\":\"mine\"}}' WHERE sk = 'ORDER#1';"
      "DELETE FROM shop WHERE sk = 'ORDER#2'");
  EXPECT_EQ(bulk({"verify", "shop.jsonl.zst", "--against", url()}).status, 4);
  const std::string one = "SELECT item -> 'paid' FROM shop WHERE sk = 'ORDER#1'";
  expect_ok(bulk({"restore", "shop.jsonl.zst", "--to", url(), "--only-missing"}));
  EXPECT_EQ(psql(one), R"({"S": "mine"})");
  EXPECT_EQ(psql("SELECT count(*) FROM shop"), "600");
  expect_ok(bulk({"restore", "shop.jsonl.zst", "--to", url(), "--force"}));
  EXPECT_EQ(psql(one), R"({"BOOL": false})");
  expect_ok(bulk({"verify", "shop.jsonl.zst", "--against", url()}));

  psql("DELETE FROM shop WHERE sk = 'ORDER#3'");
  EXPECT_EQ(bulk({"drop", url(), "--backed-up-by", "shop.jsonl.zst", "--yes"}).status, 13);
  expect_ok(bulk({"restore", "shop.jsonl.zst", "--to", url(), "--only-missing"}));
  expect_ok(bulk({"drop", url(), "--backed-up-by", "shop.jsonl.zst", "--yes"}));
  EXPECT_EQ(psql("SELECT count(*) FROM pg_class WHERE relname = 'shop'"), "0");
}

TEST_F(ItemsInPostgres, AnItemThatPostgresqlCannotHoldIsRejectedWithItsMessage) {
  std::string lines;
  for (int i = 0; i < 30; ++i) {
    lines += R"({"Item":{"pk":{"S":"p"},"sk":{"N":")" + std::to_string(i) + R"("},"x":{"S":")" +
             (i == 17 ? "a\\u0000b" : "ab") + "\"}}}\n";
  }
  place_.sandbox().write("items.jsonl", lines);
  const Arguments restore = {"restore", "items.jsonl", "--to", url(), "--create", "--key", "pk:S,sk:N"};
  Arguments with_rejects = restore;
  with_rejects.insert(with_rejects.end(), {"--rejects", "rejects.jsonl"});
  const RunResult result = bulk(with_rejects);
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("1 record could not be written; see 'rejects.jsonl'"));
  EXPECT_EQ(psql("SELECT count(*), count(*) FILTER (WHERE sk = 17) FROM shop"), "29|0");
  const std::string rejected = place_.sandbox().read("rejects.jsonl");
  EXPECT_THAT(rejected, HasSubstr("unsupported Unicode escape sequence: \\\\u0000 cannot be converted to text"));
  EXPECT_THAT(rejected, HasSubstr(R"("sk":{"N":"17"})"));
}

TEST_F(ItemsInPostgres, ATableThatIsNoneOfItemsIsRefused) {
  make_dump();
  psql("CREATE TABLE orders (id int PRIMARY KEY, price numeric); CREATE TABLE other (id text PRIMARY KEY, item jsonb)");
  const std::string form =
      "; such a table is made like this, its key named as the items' key attributes, of types text, numeric or bytea: "
      "CREATE TABLE \"public\".\"orders\" (pk text COLLATE \"C\", sk numeric, item jsonb NOT NULL, PRIMARY KEY (pk, "
      "sk)); "
      "--create makes it";
  const std::string refusal = url("orders") + ": public.orders is no table of items: it has no column 'item'" + form;
  expect_refused(bulk({"restore", "shop.jsonl.zst", "--to", url("orders"), "-q"}), 13, refusal);
  expect_refused(bulk({"copy", kEmbedded, url("orders"), "-q", "--create"}), 13, refusal);
  expect_refused(bulk({"copy", url("orders"), "sqlite:store.db#new", "-q", "--create"}), 13, refusal);
  expect_refused(bulk({"verify", "shop.jsonl.zst", "--against", url("orders"), "-q"}), 13, refusal);
  expect_refused(bulk({"diff", url("orders"), kEmbedded, "-q"}), 13, refusal);
  expect_refused(bulk({"restore", "shop.jsonl.zst", "--to", url("other"), "-q"}), 13,
                 "the key schema differs: the source has pk:S,sk:S, table '" + url("other") +
                     "' has id:S; restore into another table, or delete this one and use --create");
  expect_refused(bulk({"restore", "shop.jsonl.zst", "--to", url(""), "-q", "--create"}), 2,
                 "shop.jsonl.zst holds items, and " + url("") +
                     " is a database of rows; name the table of items in it: " + url("") + "#TABLE");
}

TEST_F(ItemsInPostgres, ATableOfItemsIsRowsWhereNoItemsAreAtTheOtherEnd) {
  make_dump();
  expect_ok(bulk({"copy", kEmbedded, url(), "--create"}));
  expect_ok(bulk({"backup", url(), "--to", "rows.jsonl.zst"}));
  EXPECT_THAT(bulk({"cat", "rows.jsonl.zst", "--limit", "1"}).out,
              AllOf(HasSubstr(R"({"pk":"CUSTOMER#)"), HasSubstr(R"("sk":"ORDER#)"), HasSubstr(R"("item":{)")));
  place_.make_database("copy", "");
  expect_ok(bulk({"copy", url(), place_.url("copy"), "--create"}));
  place_.expect_same_rows("db", "copy", {"shop"});
  expect_ok(bulk({"verify", "rows.jsonl.zst", "--against", place_.url("copy", "shop")}));
  expect_ok(bulk({"verify", "shop.jsonl.zst", "--against", place_.url("copy", "shop")}));
  EXPECT_EQ(bulk({"drop", url(), "--backed-up-by", "rows.jsonl.zst", "--yes"}).status, 2);
  expect_refused(bulk({"copy", url(), "sqlite:store.db#back", "--create", "--resume", "-q"}), 2,
                 "a copy of " + url() +
                     " cannot be gone on with: its records change places; run again with --force, or restore a backup");
}

TEST_F(ItemsInPostgres, AKilledRestoreIsGoneOnWith) {
  write_items(place_.sandbox().path("items.jsonl"), 10'000);
  expect_ok(bulk({"restore", "items.jsonl", "--to", kEmbedded, "--create", "--key", "pk:S,sk:S"}));
  expect_ok(bulk({"backup", kEmbedded, "--to", "shop.jsonl.zst"}));
  Arguments restore = {"restore", "shop.jsonl.zst", "--to", url(), "--create", "-q"};
  for (int kills = 0;; ++kills) {
    const auto run = place_.sandbox().start(restore);
    if (kills == 0) restore.emplace_back("--resume");
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(60 + 60 * kills);
    while (kills < 4 && run->running() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    if (kills == 4 || !run->running()) {
      expect_ok(run->wait());
      RecordProperty("kills", kills);
      break;
    }
    run->signal(SIGKILL);
    run->wait();
  }
  expect_ok(bulk({"verify", "shop.jsonl.zst", "--against", url()}));
}

}  // namespace
}  // namespace bulk::test
