#include "backends/postgres/ledger.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/support/postgres_load_fixture.h"

namespace bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Known = LoadLedger::Known;

class LedgerTest : public test::LoadTest {
 protected:
  std::unique_ptr<LoadLedger> ledger(const std::string& load, bool resumed = false, const std::string& at = "") {
    const std::string where = at.empty() ? url() : at;
    auto ledger = std::make_unique<LoadLedger>(parse_postgres_url(where), where, load, stop_);
    ledger->begin(resumed);
    return ledger;
  }
  // As a transaction does it that writes nothing else.
  void enter(LoadLedger& ledger, const LoadSpan& span) {
    sql(ledger.enter_sql(span));
    ledger.acknowledge(span);
  }
  std::string schemas() { return value("SELECT count(*) FROM pg_namespace WHERE nspname = 'bulk_load'"); }
};

TEST_F(LedgerTest, TellsWhatIsThereWhollyPartlyOrNotAtAll) {
  const auto first = ledger("a");
  enter(*first, {3, "7:o'clock", 10, 5});
  enter(*first, {3, "7:o'clock", 15, 5});
  enter(*first, {3, "7:o'clock", 30, 5});
  sql(first->skipped_sql({3, "7:o'clock", 15, 5}, {1, 4}));
  const auto next = ledger("a", true);
  std::vector<std::uint32_t> skipped;
  EXPECT_EQ(next->known({3, "7:o'clock", 10, 5}, skipped), Known::recorded);
  EXPECT_THAT(skipped, IsEmpty());
  EXPECT_EQ(next->known({3, "7:o'clock", 10, 10}, skipped), Known::recorded);
  EXPECT_THAT(skipped, ElementsAre(6, 9));
  EXPECT_EQ(next->known({3, "7:o'clock", 16, 2}, skipped), Known::recorded);
  EXPECT_THAT(skipped, ElementsAre(0));
  EXPECT_EQ(next->known({3, "7:o'clock", 19, 2}, skipped), Known::partly);
  EXPECT_EQ(next->known({3, "7:o'clock", 20, 10}, skipped), Known::no);
  EXPECT_EQ(next->known({3, "7:o", 10, 5}, skipped), Known::no);
  EXPECT_EQ(next->known({2, "7:o'clock", 10, 5}, skipped), Known::no);
  Known asked = Known::no;
  EXPECT_FALSE(next->ask(next->connection(), {3, "7:o'clock", 14, 2}, asked, skipped));
  EXPECT_EQ(asked, Known::recorded);
  EXPECT_THAT(skipped, IsEmpty());
  // Another load knows nothing of it.
  EXPECT_EQ(ledger("b", true)->known({3, "7:o'clock", 10, 5}, skipped), Known::no);
}

TEST_F(LedgerTest, KeepsItsSchemaAsLongAsALoadOrSomethingElseIsInIt) {
  const auto one = ledger("one");
  const auto two = ledger("two");
  enter(*one, {0, "1", 0, 1});
  enter(*two, {0, "1", 0, 1});
  one->finish();
  EXPECT_EQ(value("SELECT string_agg(load, ' ') FROM bulk_load.chunks"), "two");
  two->finish();
  EXPECT_EQ(schemas(), "0");
  const auto forgotten = ledger("forgotten");
  sql("UPDATE bulk_load.loads SET touched = now() - interval '31 days'; INSERT INTO bulk_load.chunks VALUES "
      "('forgotten', "
      "0, '1', 0, 1)");
  ledger("other")->finish();
  EXPECT_EQ(schemas(), "0");
  const auto three = ledger("three");
  sql("CREATE TABLE bulk_load.notes (text text)");
  three->finish();
  EXPECT_EQ(value("SELECT count(*) FROM bulk_load.loads"), "0");
}

TEST_F(LedgerTest, LetsLoadsBeginAndEndAtTheSameTime) {
  std::vector<std::thread> loads;
  std::atomic<int> failed{0};
  for (int i = 0; i < 4; ++i) {
    loads.emplace_back([this, i, &failed] {
      try {
        for (int round = 0; round < 8; ++round) {
          const auto mine = ledger("load " + std::to_string(i));
          const LoadSpan span{0, "1", 0, 1};
          mine->connection().run(mine->enter_sql(span), "enter");
          mine->acknowledge(span);
          mine->finish();
        }
      } catch (const Error& error) {
        ++failed;
        ADD_FAILURE() << error.line();
      }
    });
  }
  for (std::thread& load : loads) load.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(schemas(), "0");
}

TEST_F(LedgerTest, NoticesWhatTheServerHasLost) {
  const auto ledger = this->ledger("a");
  enter(*ledger, {0, "1", 0, 10});
  ledger->settle();
  enter(*ledger, {0, "2", 0, 10});
  enter(*ledger, {0, "3", 0, 10});
  sql("DELETE FROM bulk_load.chunks WHERE chunk = '2'");
  EXPECT_EQ(error_of([&] { ledger->settle(); }, ErrorKind::remote),
            "URL: of 2 chunks that the server acknowledged it holds only 1: it has crashed or was changed for another; "
            "look at its log");
}

TEST_F(LedgerTest, SettlesOnANewConnectionWhenItsOwnWasLost) {
  const auto ledger = this->ledger("a");
  for (std::uint32_t i = 0; i < 2'500; ++i) ledger->acknowledge({0, std::to_string(i), 0, 1});
  sql("INSERT INTO bulk_load.chunks SELECT 'a', 0, i::text, 0, 1 FROM generate_series(0, 2499) AS i");
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
      " AND pid <> pg_backend_pid()");
  ledger->settle();
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
      " AND pid <> pg_backend_pid()");
  ledger->finish();
  EXPECT_EQ(schemas(), "0");
}

TEST_F(LedgerTest, SaysWhatToGrantToARoleThatMayNotMakeIt) {
  const std::string user = database() + "_user";
  sql("CREATE ROLE " + user + " LOGIN");
  const std::string at = server().url(database(), user);
  EXPECT_EQ(error_of([&] { ledger("a", false, at); }, ErrorKind::failed),
            at + ": cannot keep the ledger of the load (schema bulk_load): permission denied for database " +
                database() +
                "; connect as the owner, or as a role that has the privilege; grant the role that loads CREATE on the "
                "database; where the schema bulk_load is another role's, USAGE on it and ALL on its tables");
  // Beside a load of another role.
  const auto other = ledger("other");
  sql("GRANT USAGE ON SCHEMA bulk_load TO " + user + "; GRANT ALL ON ALL TABLES IN SCHEMA bulk_load TO " + user);
  const auto mine = ledger("mine", false, at);
  const LoadSpan span{0, "1", 0, 1};
  mine->connection().run(mine->enter_sql(span), "enter");
  mine->acknowledge(span);
  other->finish();
  mine->finish();
  EXPECT_EQ(value("SELECT count(*) FROM bulk_load.chunks"), "0") << "the schema is not its own to drop";
}

}  // namespace
}  // namespace bulk
