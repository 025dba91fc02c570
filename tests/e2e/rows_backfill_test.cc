// `bulk backfill` of rows as users run it, on a real PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <random>
#include <thread>

#include "tests/e2e/expect.h"
#include "tests/e2e/json.h"
#include "tests/e2e/program.h"
#include "tests/support/postgres_server.h"

namespace bulk::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class RowsBackfill : public testing::Test {
 protected:
  void SetUp() override {
    server_ = PostgresServer::shared();
    if (server_ == nullptr) GTEST_SKIP() << "no PostgreSQL in " << postgres_programs();
    static int number = 0;
    database_ = "e" + std::to_string(++number);
    sql("CREATE DATABASE " + database_, "postgres");
    sql("CREATE TABLE orders (id bigint PRIMARY KEY, address text, location varchar(40), n int NOT NULL DEFAULT 0, doc "
        "jsonb); INSERT INTO orders SELECT i, 'street ' || i, NULL, 0, '{\"big\": 12345678901234567890}' FROM "
        "generate_series(1, 3000) i; CREATE TABLE was AS TABLE orders");
  }

  // Of one or more statements: the last one's values, as psql prints them.
  std::string sql(const std::string& text, const std::string& database = "") {
    sandbox_.write("statement.sql", text + "\n;\n");
    const RunResult result =
        sandbox_.shell((postgres_programs() / "psql").string() + " -qAtX -v ON_ERROR_STOP=1 -f statement.sql '" +
                       server_->url(database.empty() ? database_ : database) + "'");
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out.substr(0, result.out.find_last_not_of('\n') + 1);
  }
  std::string job(const std::string& name, const std::string& text) {
    sandbox_.write(name + ".toml",
                   "name = \"" + name + "\"\ntable = \"" + server_->url(database_) + "#orders\"\n" + text + "\n");
    return name + ".toml";
  }
  rapidjson::Document summary(Arguments arguments, int status = 0) {
    arguments.insert(arguments.begin(), "backfill");
    arguments.emplace_back("--json");
    const RunResult result = sandbox_.bulk(arguments);
    EXPECT_EQ(result.status, status) << result.err;
    return parse_json(last_line(result.out));
  }
  std::string differing() {
    return sql("SELECT count(*) FROM ((TABLE orders EXCEPT TABLE was) UNION ALL (TABLE was EXCEPT TABLE orders)) d");
  }

  PostgresServer* server_ = nullptr;
  std::string database_;
  Sandbox sandbox_;
};

constexpr const char* kRename = "when = \"location IS NULL\"\nupdate = \"location = address, address = NULL\"";

TEST_F(RowsBackfill, AValueThatIsTooLongIsRefusedAndNotTakenForNoChange) {
  sql("UPDATE orders SET location = repeat('x', 40) WHERE id = 7; DELETE FROM orders WHERE id > 10");
  const std::string file =
      job("longer", "when = \"location NOT LIKE '%[m]'\"\nupdate = \"location = location || ' [m]'\"");
  const rapidjson::Document run = summary({"run", file, "--rejects", "bad.jsonl"}, 3);
  EXPECT_STREQ(member(run, "status").GetString(), "rejected");
  EXPECT_THAT(sandbox_.read("bad.jsonl"), HasSubstr("value too long for type character varying(40)"));
  summary({"verify", file}, 4);
}

TEST_F(RowsBackfill, TextsThatACollationTakesForEqualAreTwoTexts) {
  sql("CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
      "ALTER TABLE orders ALTER COLUMN address TYPE text COLLATE anycase; ALTER TABLE was ALTER COLUMN address TYPE "
      "text COLLATE anycase;"
      "UPDATE orders SET address = 'Street'; UPDATE was SET address = 'Street'");
  const std::string file = job("lower", "update = \"address = lower(address)\"");
  summary({"run", file});
  EXPECT_EQ(sql("SELECT count(*) FROM orders WHERE address COLLATE \"C\" = 'street'"), "3000");
  // Somebody's change of case alone is a change.
  sql("UPDATE orders SET address = 'STREET' WHERE id = 5");
  summary({"rollback", file}, 0);
  EXPECT_EQ(sql("SELECT count(*) FILTER (WHERE address COLLATE \"C\" = 'Street'), count(*) FILTER (WHERE address "
                "COLLATE \"C\" = 'STREET') FROM orders"),
            "2999|1");
}

TEST_F(RowsBackfill, ChangeEveryRowOnceAreProvenAndTakenBack) {
  const std::string file = job("rename", kRename);
  const RunResult dry = sandbox_.bulk({"backfill", "run", file, "--dry-run"});
  expect_ok(dry);
  EXPECT_THAT(dry.out, HasSubstr("{\"id\":1}\n  + location: \"street 1\"\n  - address: \"street 1\"\n"));
  EXPECT_THAT(dry.err, HasSubstr("3,000 rows would be changed"));
  EXPECT_EQ(differing(), "0");
  EXPECT_EQ(sql("SELECT to_regnamespace('bulk') IS NULL"), "t");

  const rapidjson::Document open = summary({"verify", file}, 4);
  EXPECT_STREQ(member(open, "error", "message").GetString(),
               "3,000 of 3,000 records still to be changed, for example {\"id\":1}");
  const rapidjson::Document run = summary({"run", file});
  EXPECT_EQ(member(run, "records", "read").GetUint64(), 3000u);
  EXPECT_EQ(member(run, "records", "written").GetUint64(), 3000u);
  EXPECT_STREQ(member(run, "backfill", "status").GetString(), "completed");
  EXPECT_STREQ(member(run, "table").GetString(), "public.orders");
  summary({"verify", file});
  EXPECT_TRUE(member(summary({"run", file}), "records", "written").GetUint64() == 3000u);
  EXPECT_EQ(sql("SELECT version, target, status, rows, completed_at IS NOT NULL, script LIKE 'name%' FROM "
                "bulk.backfills"),
            "rename|public.orders|completed|3000|t|t");

  // One by hand, one gone.
  sql("UPDATE orders SET location = 'by hand' WHERE id = 5; DELETE FROM orders WHERE id = 6");
  const rapidjson::Document back = summary({"rollback", file});
  EXPECT_EQ(member(back, "records", "written").GetUint64(), 2998u);
  EXPECT_EQ(member(back, "backfill", "changed_since").GetUint64(), 2u);
  const RunResult report =
      sandbox_.shell(std::string("cat '") + member(back, "backfill", "changed_since_file").GetString() + "'");
  EXPECT_EQ(report.out,
            "{\"Key\":{\"id\":5},\"Now\":{\"id\":5,\"location\":\"by hand\",\"n\":0,\"doc\":{\"big\": "
            "12345678901234567890}}}\n{\"Key\":{\"id\":6},\"Now\":null}\n");
  EXPECT_THAT(sandbox_.bulk({"backfill", "status", file}).out, HasSubstr("rolled back"));
  // And from the beginning, with an undo table of its own.
  EXPECT_EQ(member(summary({"run", file}), "records", "written").GetUint64(), 2998u);
  EXPECT_EQ(sql("SELECT count(*), count(DISTINCT undo) FROM bulk.backfills"), "2|2");
}

TEST_F(RowsBackfill, AreDoneExactlyOnceHoweverOftenTheyAreKilled) {
  sql("INSERT INTO orders SELECT i FROM generate_series(3001, 8000) i; CREATE SEQUENCE seen;"
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id % 100 = 0 THEN PERFORM "
      "pg_sleep(0.005); END IF; RETURN NEW; END';"
      "CREATE TRIGGER slow BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION slow()");
  const std::string file = job("count", "when = \"location IS NULL\"\nupdate = \"n = n + 1, location = 'done'\"");
  std::mt19937 random(7);
  int killed = 0;
  // Longer and longer, so that it comes to an end on the slowest machine.
  for (int status = -1, most = 100; status != 0; most += 10) {
    const std::unique_ptr<bulk::test::Run> run = sandbox_.start({"backfill", "run", file, "-q"});
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution<int>(20, most)(random)));
    if (run->running()) {
      run->signal(SIGKILL);
      ++killed;
    }
    status = run->wait().status;
    ASSERT_TRUE(status == 0 || status == 128 + SIGKILL || status == 11) << status;
  }
  EXPECT_GT(killed, 0);
  EXPECT_EQ(sql("SELECT count(*) FROM orders WHERE n = 1 AND location = 'done'"), "8000");
  EXPECT_EQ(sql("SELECT rows, looked_at, status FROM bulk.backfills"), "8000|8000|completed");
  EXPECT_EQ(sql("SELECT 'SELECT count(*) FROM bulk.' || quote_ident(undo) FROM bulk.backfills \\gexec\n"), "8000");
  sql("DROP TRIGGER slow ON orders; INSERT INTO was SELECT i FROM generate_series(3001, 8000) i");
  expect_ok(sandbox_.bulk({"backfill", "rollback", file}));
  sql("UPDATE was SET n = 0 WHERE n IS NULL");
  EXPECT_EQ(differing(), "0");
}

TEST_F(RowsBackfill, TakeLimitsConditionsRejectsAndBackups) {
  sandbox_.write("bulk.toml", "[stages.prod]\nprotected = true\nsource = \"" + server_->url(database_) + "\"\n");
  const std::string file = job("n", "when = \"n = 0\"\nupdate = \"n = CASE WHEN id = 77 THEN 1 / (n - 0) ELSE 1 END\"");
  expect_error(sandbox_, sandbox_.bulk({"backfill", "run", file}), 13,
               server_->url(database_) +
                   "#orders belongs to the protected stage prod; add --confirm prod to "
                   "change its records");
  const Arguments run{"run", file, "--confirm", "prod", "--backup-first"};
  const auto with = [&](Arguments more) {
    more.insert(more.begin(), run.begin(), run.end());
    return more;
  };
  const rapidjson::Document limited = summary(with({"--limit", "50"}));
  EXPECT_EQ(member(limited, "records", "written").GetUint64(), 50u);
  EXPECT_STREQ(member(limited, "backfill", "status").GetString(), "partial");
  const std::string backup = member(limited, "backfill", "backup").GetString();
  EXPECT_THAT(sandbox_.shell("zstd -dcq '" + backup + "' | wc -l").out, HasSubstr("3000"));
  EXPECT_EQ(sql("SELECT max(id), sum(n) FROM orders WHERE n = 1"), "50|50");

  const RunResult stopped = sandbox_.bulk({"backfill", "run", file, "--confirm", "prod"});
  EXPECT_EQ(stopped.status, 1);
  EXPECT_THAT(stopped.err, HasSubstr("the row {\"id\":77} cannot be changed: division by zero; correct the job or the "
                                     "row; --rejects FILE sets such rows aside"));
  EXPECT_EQ(sql("SELECT max(id) FROM orders WHERE n = 1"), "76");
  const rapidjson::Document rejected = summary(with({"--rejects", "bad.jsonl"}), 3);
  EXPECT_EQ(member(rejected, "records", "read").GetUint64(), 3000u);
  EXPECT_EQ(member(rejected, "records", "written").GetUint64(), 2999u);
  EXPECT_EQ(member(rejected, "records", "rejected").GetUint64(), 1u);
  EXPECT_THAT(sandbox_.read("bad.jsonl"), HasSubstr("\"reason\":\"division by zero\",\"record\":{\"id\":77,"));

  // The next run passes over all rows again; --where narrows it.
  const rapidjson::Document narrowed = summary(with({"--where", "id > 100"}));
  EXPECT_EQ(member(narrowed, "records", "written").GetUint64(), 0u);
  EXPECT_STREQ(member(narrowed, "backfill", "status").GetString(), "partial");
  sql("UPDATE orders SET n = 1 WHERE id = 77");
  EXPECT_STREQ(member(summary(with({})), "backfill", "status").GetString(), "completed");
  sql("UPDATE orders SET n = 0 WHERE id < 11");
  EXPECT_EQ(member(summary({"verify", file}, 4), "backfill", "would_change").GetUint64(), 10u);
  EXPECT_EQ(member(summary({"verify", file, "--where", "id > 5"}, 4), "backfill", "would_change").GetUint64(), 5u);
}

TEST_F(RowsBackfill, TakeStepsFiltersAndModules) {
  const std::string steps =
      job("steps",
          "when = \"location IS NULL\"\nsteps = [{ rename = [\"address\", \"location\"] }, { copy "
          "= [\"location\", \"address\"] }, { set = [\"n\", 4] }]");
  summary({"run", steps});
  EXPECT_EQ(sql("SELECT count(*) FROM orders WHERE location = 'street ' || id AND address = location AND n = 4"),
            "3000");
  summary({"rollback", steps});
  EXPECT_EQ(differing(), "0");
  if (have_program("node")) {
    sandbox_.write("m.mjs",
                   "export function transform(row) { const { address, ...rest } = row; return address === undefined ? "
                   "row : { ...rest, n: 7, location: address.toUpperCase(), doc: { ...row.doc, at: null } }; }");
    const std::string module = job("module", "module = \"m.mjs\"");
    EXPECT_EQ(member(summary({"run", module, "--dry-run"}), "backfill", "would_change").GetUint64(), 3000u);
    summary({"run", module});
    EXPECT_EQ(sql("SELECT location, address IS NULL, n, doc FROM orders WHERE id = 9"),
              "STREET 9|t|7|{\"at\": null, \"big\": 12345678901234567890}");
    summary({"verify", module});
    summary({"rollback", module});
    EXPECT_EQ(differing(), "0");
  }
  const std::string rounding = job("rounding", "filter = [\"sed\", \"-u\", \"s/67890}/67000}/\"]");
  expect_error(sandbox_, sandbox_.bulk({"backfill", "run", rounding}), 1,
               "filter sed -u s/67890}/67000}/ has rounded the number 12345678901234567890; use a program that keeps "
               "numbers as they are written (jq 1.7, Python), a module, or SQL; nothing of this batch was written");
  const std::string filter =
      job("filter", "when = \"id < 500\"\nfilter = [\"sed\", \"-u\", \"s/\\\"address\\\"/\\\"location\\\"/\"]");
  EXPECT_EQ(member(summary({"run", filter}), "records", "written").GetUint64(), 499u);
  EXPECT_EQ(sql("SELECT location, address IS NULL FROM orders WHERE id = 9"), "street 9|t");
}

TEST_F(RowsBackfill, AreShownByTheExamples) {
  BULK_REQUIRE_PROGRAM("node");
  sandbox_.write("bulk.toml", "[stages.shop]\nsource = \"" + server_->url(database_) + "\"\n");
  sql("CREATE TABLE customers (id bigint PRIMARY KEY, name text, first_name text, last_name text, profile jsonb);"
      "INSERT INTO customers VALUES (1, 'Ada King Lovelace ', NULL, NULL, '{\"theme\": \"dark\"}'), (2, 'Plato', NULL, "
      "NULL, NULL)");
  for (const char* example : {"rows-split-name.toml", "rows-jsonb-defaults.toml"}) {
    const std::string file = BULK_SOURCE_DIR "/examples/backfill/" + std::string(example);
    expect_ok(sandbox_.bulk({"backfill", "run", file, "--stage", "shop"}));
    expect_ok(sandbox_.bulk({"backfill", "verify", file, "--stage", "shop"}));
  }
  EXPECT_THAT(sandbox_.bulk({"backfill", "status", "--stage", "shop"}).out,
              testing::AllOf(testing::StartsWith("20250125-profile-version-2 on " + server_->url(database_) +
                                                 "#public.customers: completed\n"),
                             HasSubstr("\n20250125-split-name on ")));
  EXPECT_EQ(
      sql("SELECT * FROM customers ORDER BY id"),
      "1|Ada King Lovelace |Ada King|Lovelace|{\"version\": 2, \"settings\": {\"theme\": \"dark\"}}\n2|Plato||Plato|");
}

TEST_F(RowsBackfill, SayWhatIsForItemsAlone) {
  const auto refused = [&](const std::string& text, const std::string& error, Arguments more = {}) {
    Arguments arguments{"backfill", "run", job("j", text)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_error(sandbox_, sandbox_.bulk(arguments), 2, error);
  };
  const std::string update = "update = \"n = 1\"\n";
  refused(update + "marker = \"m\"",
          "j.toml: marker is for tables of items, and this one holds rows; use a column: update = \"..., migrated_by = "
          "'this job'\", and a `when` on it");
  refused(update + "[names]\n\"#l\" = \"x\"",
          "j.toml: [names] is for tables of items, and this one holds rows; write columns in double quotes where they "
          "need it");
  refused(update + "[values]\n\":l\" = { N = \"1\" }",
          "j.toml: [values] is for tables of items, and this one holds rows; write values into the SQL");
  refused("module = \"m.mjs\"\ndepends = [\"n\"]",
          "j.toml: depends is for tables of items, and this one holds rows; leave it out: rows are locked while they "
          "are changed");
  refused("steps = [{ set = [\"n\", { N = \"1\" }] }]",
          "j.toml, line 3: a column is set to a text, a number, true or false; write { set = [\"name\", \"x\"] }; "
          "anything else is a text as PostgreSQL reads it");
  refused("update = \"SET n = 1\"", "j.toml: update: a SET list stands without the word SET; leave the word out");
  refused(update + "when = \"n = 0; DROP TABLE orders\"",
          "j.toml: when: a semicolon: it would end the statement; leave it out");
  refused(update,
          "--write put is for tables of items, and this one holds rows; leave it out: rows are locked while "
          "they are changed",
          {"--write", "put"});
  refused(update, "j.toml: --where: column \"x\" does not exist; correct the SQL", {"--where", "x > 1"});
  EXPECT_EQ(sql("SELECT to_regnamespace('bulk') IS NULL"), "t");
}

}  // namespace
}  // namespace bulk::test
