// Items in a table of a real server: what the conformance suite does not ask of every store.
#include "backends/postgres/item_store.h"

#include <gmock/gmock.h>

#include "backends/schema.h"
#include "tests/support/postgres_fixture.h"

namespace bulk::test {
namespace {

using testing::ElementsAre;
using Outcome = WriteResult::Outcome;

class PostgresItems : public PostgresTest {
 protected:
  std::unique_ptr<Store> store(const std::string& table = "shop") {
    return std::make_unique<PostgresItemStore>(parse_postgres_url(url(table)), context_);
  }
  void create(const std::string& key = "pk:S,sk:N") { store()->create(schema_from_key(KeySchema::parse(key))); }

  static Batch batch_of(const std::vector<std::string>& items) {
    Batch batch;
    for (const std::string& item : items) {
      Record record;
      record.offset = static_cast<std::uint32_t>(batch.bytes.size());
      batch.bytes.append("{\"Item\":" + item + "}");
      record.length = static_cast<std::uint32_t>(batch.bytes.size()) - record.offset;
      batch.bytes.push_back('\n');
      batch.records.push_back(record);
    }
    return batch;
  }
  static WriteResult write(SinkSession& session, const std::vector<std::string>& items) {
    const Batch batch = batch_of(items);
    std::vector<RecordRef> records;
    for (std::uint32_t i = 0; i < batch.records.size(); ++i) records.push_back({&batch, i});
    return session.write(records);
  }
  WriteResult write(const std::vector<std::string>& items, bool only_missing = false) {
    const auto target = store();
    WriteOptions options;
    options.jobs = 1;
    options.only_missing = only_missing;
    const auto sink = target->sink(options);
    return write(*sink->open(), items);
  }
  std::string read() {
    const auto from = store();
    const auto source = from->source({});
    std::string text;
    for (const Segment& segment : source->plan()) {
      const auto reader = source->open(segment, {});
      for (Batch batch; reader->read(batch); batch.reset()) text += batch.bytes.view();
    }
    return text;
  }
  static std::string item(const std::string& pk, int sk, const std::string& more = {}) {
    return R"({"pk":{"S":")" + pk + R"("},"sk":{"N":")" + std::to_string(sk) + "\"}" + more + "}";
  }
  std::string error_of(const std::function<void()>& step, ErrorKind kind) {
    try {
      step();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.line();
      std::string line = error.line();
      const std::string here = server().url(database());
      for (std::size_t at = 0; (at = line.find(here, at)) != std::string::npos;) line.replace(at, here.size(), "DB");
      return line;
    }
    ADD_FAILURE() << "no error";
    return {};
  }

 private:
  static std::optional<std::string> environment(const std::string&) { return std::nullopt; }
  RequestStats stats_;
  StoreContext context_{stop_, stats_, environment, "bulk-test", "", "", ""};
};

TEST_F(PostgresItems, KeysAreColumnsOfTheirTypes) {
  create("id:B,at:N");
  const auto keyed = [](const char* id, const char* at) {
    return std::string(R"({"id":{"B":")") + id + R"("},"at":{"N":")" + at + R"("}})";
  };
  EXPECT_EQ(write({keyed("AAECAwT/", "1E+125"), keyed("/w==", "-0.00000000000000000000000000000000000001"),
                   keyed("XA==", "12345678901234567890123456789012345678")})
                .outcome,
            Outcome::done);
  EXPECT_EQ(value("SELECT string_agg(encode(id, 'hex') || ' ' || at, ', ' ORDER BY at) FROM public.shop"),
            "ff -0.00000000000000000000000000000000000001, 5c 12345678901234567890123456789012345678, 00010203" +
                std::string("04ff 1") + std::string(125, '0'));
  EXPECT_EQ(value("SELECT item -> 'at' ->> 'N' FROM public.shop WHERE at = 1e125"), "1E+125");
}

TEST_F(PostgresItems, PostgresqlCannotGiveARowAnotherKeyThanItsItem) {
  create();
  EXPECT_EQ(write({item("a", 1)}).outcome, Outcome::done);
  PgResult ignored;
  for (const char* change : {"UPDATE public.shop SET pk = 'b'", "UPDATE public.shop SET item = item - 'sk'",
                             "UPDATE public.shop SET item = jsonb_set(item, '{sk,N}', '\"2\"')"}) {
    const auto failure = connect()->try_run(change, ignored);
    ASSERT_TRUE(failure) << change;
    EXPECT_EQ(failure->sqlstate, "23514") << failure->message;
  }
  sql("UPDATE public.shop SET item = jsonb_set(item, '{new}', '{\"S\": \"x y\"}')");
  EXPECT_EQ(read(), R"({"Item":{"pk":{"S":"a"},"sk":{"N":"1"},"new":{"S":"x y"}}})"
                    "\n");
}

TEST_F(PostgresItems, WhatTheServerCannotHoldIsInvalidWithItsMessage) {
  create();
  const WriteResult nul = write({item("a", 1), item("b", 2, R"(,"x":{"S":"a\u0000b"})")});
  EXPECT_EQ(nul.outcome, Outcome::invalid);
  EXPECT_EQ(nul.reason.substr(0, nul.reason.find(" (COPY")),
            R"(unsupported Unicode escape sequence: \u0000 cannot be converted to text)");
  const WriteResult key = write({item(R"(\u0000)", 1)});
  EXPECT_EQ(key.outcome, Outcome::invalid);
  EXPECT_EQ(key.reason.substr(0, key.reason.find(" (COPY")), "invalid byte sequence for encoding \"UTF8\": 0x00");
  EXPECT_EQ(value("SELECT count(*) FROM public.shop"), "0");
}

// DynamoDB's keys may have 3,072 bytes, an entry of an index 2,704 after compression.
TEST_F(PostgresItems, AKeyThatIsTooLongForAnIndexIsInvalid) {
  create("pk:S,sk:S");
  std::string random;
  for (std::uint64_t state = 1; random.size() < 2'048; state = state * 6364136223846793005u + 1442695040888963407u) {
    random += static_cast<char>('a' + (state >> 33) % 26);
    random += static_cast<char>('A' + (state >> 40) % 26);
  }
  const auto keyed = [](const std::string& pk, const std::string& sk) {
    return R"({"pk":{"S":")" + pk + R"("},"sk":{"S":")" + sk + "\"}}";
  };
  EXPECT_EQ(write({keyed(random, "short"), keyed(std::string(2'048, 'x'), std::string(1'024, 'y'))}).outcome,
            Outcome::done);
  const WriteResult result = write({keyed(random, random.substr(0, 1'024))});
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_EQ(result.reason.substr(0, 19), "index row size 3088") << result.reason;
}

TEST_F(PostgresItems, OfAnItemThatIsThereNothingIsChangedWhereOnlyMissingOnesAreAdded) {
  create();
  EXPECT_EQ(write({item("a", 1), item("b", 2)}).outcome, Outcome::done);
  const WriteResult result =
      write({item("a", 1, R"(,"x":{"S":"new"})"), item("c", 3), item("b", 2), item("d", 4)}, true);
  EXPECT_EQ(result.outcome, Outcome::done);
  EXPECT_THAT(result.skipped, ElementsAre(0u, 2u));
  EXPECT_EQ(value("SELECT string_agg(pk, '' ORDER BY pk) FROM public.shop WHERE NOT item ? 'x'"), "abcd");
}

TEST_F(PostgresItems, ALostConnectionIsMadeAnewAndTheWriteDoneAgain) {
  create();
  sql("ALTER DATABASE " + database() + " SET synchronous_commit = off");
  const auto target = store();
  WriteOptions options;
  options.jobs = 1;
  const auto sink = target->sink(options);
  const auto session = sink->open();
  EXPECT_EQ(write(*session, {item("a", 1)}).outcome, Outcome::done);
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '" +
      database() + "'");
  const WriteResult lost = write(*session, {item("b", 2)});
  EXPECT_EQ(lost.outcome, Outcome::unavailable);
  EXPECT_NE(lost.reason, "");
  EXPECT_EQ(write(*session, {item("b", 2)}).outcome, Outcome::done);
  sink->finish();
  EXPECT_EQ(value("SELECT string_agg(pk, '' ORDER BY pk) FROM public.shop"), "ab");
}

TEST_F(PostgresItems, TriggersFireAndMayNotLeaveItemsOut) {
  create();
  sql(R"(CREATE FUNCTION public.leave_out() RETURNS trigger LANGUAGE plpgsql AS
         $$BEGIN IF NEW.pk = 'b' THEN RETURN NULL; END IF; RETURN NEW; END$$;
         CREATE TRIGGER t BEFORE INSERT ON public.shop FOR EACH ROW EXECUTE FUNCTION public.leave_out())");
  for (const bool only_missing : {false, true}) {
    EXPECT_EQ(write({item("a", 1)}, only_missing).outcome, Outcome::done);
  }
  EXPECT_EQ(error_of(
                [&] {
                  write({item("a", 1), item("b", 2)});
                },
                ErrorKind::failed),
            "DB#shop: of 2 items given to public.shop the server took 1; a trigger or rule of the table leaves rows "
            "out: switch it off for the load");
  EXPECT_EQ(value("SELECT count(*) FROM public.shop"), "1");
}

TEST_F(PostgresItems, ATableThatSomebodyElseHasMadeServesAsWell) {
  sql(R"(CREATE TABLE public.shop (item jsonb, name text GENERATED ALWAYS AS (item -> 'name' ->> 'S') STORED,
         pk text, PRIMARY KEY (pk)))");
  EXPECT_EQ(store()->describe().schema->key.text(), "pk:S");
  EXPECT_EQ(write({R"({"name":{"S":"n"},"pk":{"S":"a"}})"}).outcome, Outcome::done);
  EXPECT_EQ(value("SELECT name FROM public.shop"), "n");
  sql("INSERT INTO public.shop (pk, item) VALUES ('b', NULL)");
  const std::string no_object =
      "\"public\".\"shop\": an item is no JSON object; SELECT * FROM \"public\".\"shop\" WHERE jsonb_typeof(item) IS "
      "DISTINCT FROM 'object' shows which";
  EXPECT_EQ(error_of([&] { read(); }, ErrorKind::failed), no_object);
  sql("UPDATE public.shop SET item = '[{}]' WHERE pk = 'b'");
  EXPECT_EQ(error_of([&] { read(); }, ErrorKind::failed), no_object);
}

TEST_F(PostgresItems, KeysThatACollationTakesForEqualAreRefused) {
  sql(R"(CREATE COLLATION public.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE public.shop (pk text COLLATE public.loose PRIMARY KEY, item jsonb NOT NULL))");
  EXPECT_EQ(error_of([&] { write({item("a", 1)}); }, ErrorKind::refused),
            "DB#shop: column 'pk' has collation loose, in which different keys are equal; give it COLLATE \"C\"");
}

TEST_F(PostgresItems, WhatIsNoTableOfItemsIsRefused) {
  sql("CREATE TABLE public.shop (id int PRIMARY KEY, price numeric)");
  EXPECT_EQ(error_of([&] { store()->describe(); }, ErrorKind::refused)
                .substr(0, std::string("DB#shop: public.shop is no table of items: it has no column 'item'; ").size()),
            "DB#shop: public.shop is no table of items: it has no column 'item'; ");
  EXPECT_EQ(error_of([&] { create(); }, ErrorKind::refused), "DB#shop: the table exists");
}

TEST_F(PostgresItems, SettingsWithoutACounterpartAreNamed) {
  create();
  TableSchema schema = schema_from_key(KeySchema::parse("pk:S,sk:N"));
  EXPECT_THAT(store()->finish_create(schema), ElementsAre());
  schema.json.pop_back();
  schema.json += R"(,"GlobalSecondaryIndexes":[{"IndexName":"by-name"}],"TimeToLive":{"AttributeName":"until"}})";
  EXPECT_THAT(store()->finish_create(schema),
              ElementsAre("GlobalSecondaryIndexes: a table of PostgreSQL has no such thing",
                          "TimeToLive: a table of PostgreSQL has no such thing"));
}

TEST_F(PostgresItems, IsTheTableThatItIsAsRows) {
  create();
  RequestStats stats;
  StoreContext context{stop_, stats, [](const std::string&) { return std::nullopt; }, "bulk-test", "", "", ""};
  PostgresStore rows(parse_postgres_url(url("public.shop")), context);
  EXPECT_EQ(store()->identity_text(), rows.identity_text());
  const auto items = rows.items();
  EXPECT_EQ(items->url(), url("public.shop"));
  EXPECT_EQ(items->rows(), nullptr);
  EXPECT_EQ(items->describe().identity.id, rows.describe().identity.id);
  EXPECT_EQ(PostgresStore(parse_postgres_url(url()), context).items(), nullptr);
}

TEST_F(PostgresItems, IsDroppedUnlessSomethingDependsOnIt) {
  create();
  sql("CREATE VIEW public.v AS SELECT pk FROM public.shop");
  EXPECT_EQ(error_of([&] { store()->drop(); }, ErrorKind::refused),
            "DB#shop: cannot drop table public.shop because other objects depend on it: view public.v depends on table "
            "public.shop; drop what depends on the table first");
  sql("DROP VIEW public.v");
  store()->drop();
  EXPECT_FALSE(store()->exists());
}

}  // namespace
}  // namespace bulk::test
