#include "backends/postgres/load_session.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <future>
#include <random>
#include <thread>

#include "tests/support/cutting_proxy.h"
#include "tests/support/postgres_load_fixture.h"

namespace bulk {
namespace {

// The whole statement, with the end of its message's text.
constexpr std::string_view kCommit("COMMIT", 7);

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

class LoadSessionTest : public test::LoadTest {
 protected:
  void SetUp() override {
    LoadTest::SetUp();
    if (!IsSkipped()) sql("CREATE TABLE t (id int PRIMARY KEY, name text)");
  }
  WriteOptions options() { return options_of({{"public", "t"}}); }
  std::string rows() { return value("SELECT count(*) || ' ' || count(DISTINCT id) FROM public.t"); }
  std::string ledger() {
    return value("SELECT coalesce(string_agg(first || '+' || records, ' ' ORDER BY first), '') FROM bulk_load.chunks");
  }
  // Waits until this holds.
  void await(const std::string& condition) {
    while (value("SELECT " + condition) != "t") std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // One of its processes is killed, upon which the server drops all others and starts anew.
  void crash(const std::string& at) {
    PgConnection victim(parse_postgres_url(at), at, stop_);
    PgConnection witness(parse_postgres_url(at), at, stop_);
    ::kill(std::stoi(std::string(victim.run("SELECT pg_backend_pid()", "ask").text(0, 0))), SIGKILL);
    PgResult ignored;
    while (!witness.try_run("SELECT 1", ignored)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (;;) {
      try {
        const PgConnection next(parse_postgres_url(at), at, stop_);
        return;
      } catch (const Error&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
  }
  std::string through(const test::CuttingProxy& proxy) {
    return "postgresql://bulk@127.0.0.1:" + std::to_string(proxy.port()) + "/" + database();
  }
};

TEST_F(LoadSessionTest, SaysTheSameWhenTheReplyToACommitWasLost) {
  test::CuttingProxy proxy(server().port());
  const auto sink = this->sink(options(), through(proxy));
  const auto session = sink->open();
  const Batch batch = batch_of(*sink, lines(0, 10));
  bool committing = false;
  proxy.set([&committing](bool to_server, std::string_view bytes) {
    if (to_server) committing = bytes.find(kCommit) != std::string_view::npos;
    return committing && !to_server;
  });
  EXPECT_EQ(session->write(refs_of(batch)).outcome, Outcome::unavailable);
  proxy.set({});
  EXPECT_EQ(rows(), "10 10");
  EXPECT_EQ(session->write(refs_of(batch)).outcome, Outcome::done);
  EXPECT_EQ(rows(), "10 10");
  sink->finish();
}

TEST_F(LoadSessionTest, WritesAgainWhenTheCommitDidNotArrive) {
  test::CuttingProxy proxy(server().port());
  const auto sink = this->sink(options(), through(proxy));
  const auto session = sink->open();
  const Batch batch = batch_of(*sink, lines(0, 10));
  proxy.set([](bool to_server, std::string_view bytes) {
    return to_server && bytes.find(kCommit) != std::string_view::npos;
  });
  EXPECT_EQ(session->write(refs_of(batch)).outcome, Outcome::unavailable);
  proxy.set({});
  EXPECT_EQ(session->write(refs_of(batch)).outcome, Outcome::done);
  EXPECT_EQ(rows(), "10 10");
  sink->finish();
}

TEST_F(LoadSessionTest, BringsEveryRowOnceWhereverConnectionsBreak) {
  test::CuttingProxy proxy(server().port());
  const auto sink = this->sink(options(), through(proxy));
  const auto session = sink->open();
  std::minstd_rand random(4711);
  // Some of them among the messages by which a connection begins.
  int cuts = 0;
  proxy.set([&](bool, std::string_view) { return random() % 25 == 0 && ++cuts > 0; });
  Rejects rejects;
  constexpr int kBatches = 30;
  for (int i = 0; i < kBatches; ++i) {
    const Batch batch = batch_of(*sink, lines(i * 20, i * 20 + 20), 0, std::to_string(i + 1));
    write_all(*session, refs_of(batch), rejects);
    if (i % 10 == 9) sink->checkpoint();
  }
  proxy.set({});
  EXPECT_GT(cuts, 5);
  EXPECT_EQ(rows(), "600 600");
  EXPECT_THAT(rejects, IsEmpty());
  EXPECT_EQ(value("SELECT count(*) FROM bulk_load.chunks"), "30");
  sink->finish();
  EXPECT_EQ(value("SELECT count(*) FROM pg_namespace WHERE nspname = 'bulk_load'"), "0");
}

TEST_F(LoadSessionTest, GoesOnWhenItsServerProcessIsEndedWithinACopy) {
  sql("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';"
      "CREATE TRIGGER slow BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.slow();"
      "ALTER TABLE public.t ENABLE ALWAYS TRIGGER slow");
  const auto sink = this->sink(options());
  const auto session = sink->open();
  const Batch batch = batch_of(*sink, lines(0, 10));
  auto writing = std::async(std::launch::async, [&] { return session->write(refs_of(batch)); });
  const std::string copying = "FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = '" + database() + "'";
  await("EXISTS (SELECT " + copying + ")");
  sql("SELECT pg_terminate_backend(pid) " + copying);
  const WriteResult cut = writing.get();
  EXPECT_EQ(cut.outcome, Outcome::unavailable);
  EXPECT_THAT(cut.reason, StartsWith("terminating connection due to administrator command"));
  sql("DROP TRIGGER slow ON public.t");
  EXPECT_EQ(session->write(refs_of(batch)).outcome, Outcome::done);
  EXPECT_EQ(rows(), "10 10");
}

// Of a server of its own, which keeps asynchronous commits in memory for ten seconds.
TEST_F(LoadSessionTest, DoesNotTrustAServerThatCrashed) {
  const auto crashing = test::PostgresServer::start({"wal_writer_delay=10s"});
  const std::string at = crashing->url("postgres");
  PgConnection admin(parse_postgres_url(at), at, stop_);
  admin.run("CREATE TABLE public.t (id int PRIMARY KEY, name text)", "make a table");
  WriteOptions write = options();
  {
    const auto sink = this->sink(write, at);
    const auto session = sink->open();
    const Batch durable = batch_of(*sink, lines(0, 10), 0, "1");
    EXPECT_EQ(session->write(refs_of(durable)).outcome, Outcome::done);
    sink->checkpoint();
    const Batch lost = batch_of(*sink, lines(10, 20), 0, "2");
    EXPECT_EQ(session->write(refs_of(lost)).outcome, Outcome::done);
    crash(at);
    EXPECT_EQ(error_of([&] { sink->checkpoint(); }, ErrorKind::remote),
              at + ": of 1 chunks that the server acknowledged it holds only 0: it has crashed or was changed for "
                   "another; look at its log");
  }
  write.resumed = true;
  const auto sink = this->sink(write, at);
  const auto session = sink->open();
  const Batch durable = batch_of(*sink, lines(0, 10), 0, "1");
  EXPECT_FALSE(session->write(refs_of(durable)).sent);
  const Batch lost = batch_of(*sink, lines(10, 20), 0, "2");
  EXPECT_TRUE(session->write(refs_of(lost)).sent);
  sink->finish();
  PgConnection again(parse_postgres_url(at), at, stop_);
  EXPECT_EQ(again.run("SELECT count(*) FROM public.t", "count").text(0, 0), "20");
}

TEST_F(LoadSessionTest, StopsWhileTheServerIsBusy) {
  const auto sink = this->sink(options());
  const auto session = sink->open();
  const Batch batch = batch_of(*sink, lines(0, 10));
  const auto other = connect();
  other->run("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE", "lock");
  auto writing = std::async(std::launch::async, [&] { return session->write(refs_of(batch)); });
  await("EXISTS (SELECT FROM pg_locks WHERE NOT granted)");
  stop_.fail(std::make_exception_ptr(Error::interrupted(2)));
  EXPECT_THROW(writing.get(), Error);
}

TEST_F(LoadSessionTest, GoesOnWithWhatAnEarlierRunHasDoneOfABatch) {
  WriteOptions write = options();
  std::vector<std::string> some = lines(0, 16);
  some[9] = R"({"id":true,"name":"n"})";
  {
    const auto sink = this->sink(write);
    const auto session = sink->open();
    const Batch first = batch_of(*sink, lines(100, 104), 0, "1");
    EXPECT_EQ(session->write(refs_of(first)).outcome, Outcome::done);
    const Batch batch = batch_of(*sink, some, 0, "2");
    const auto refs = refs_of(batch);
    EXPECT_EQ(session->write(std::span(refs).first(8)).outcome, Outcome::done);
    EXPECT_EQ(session->write(std::span(refs).subspan(12, 4)).outcome, Outcome::done);
  }
  EXPECT_EQ(ledger(), "0+4 0+8 12+4");
  write.resumed = true;
  const auto sink = this->sink(write);
  const auto session = sink->open();
  const Batch first = batch_of(*sink, lines(100, 104), 0, "1");
  WriteResult result = session->write(refs_of(first));
  EXPECT_EQ(result.outcome, Outcome::done);
  EXPECT_FALSE(result.sent);
  const Batch batch = batch_of(*sink, some, 0, "2");
  const auto refs = refs_of(batch);
  result = session->write(refs);
  EXPECT_EQ(result.outcome, Outcome::invalid);
  EXPECT_FALSE(result.sent);
  EXPECT_EQ(result.reason, "a part of these rows is there already");
  Rejects rejects;
  write_all(*session, refs, rejects);
  EXPECT_THAT(rejects, ElementsAre(Pair(some[9], "column 'id': true where a number is expected (at byte 6)")));
  EXPECT_EQ(rows(), "19 19");
  sink->finish();
}

TEST_F(LoadSessionTest, DoesNotGoOnWhenNobodyKnowsWhatIsThere) {
  WriteOptions write = options();
  write.resumed = true;
  const auto go_on = [&](const std::string& after) {
    const auto sink = this->sink(write);
    const Batch batch = batch_of(*sink, lines(0, 10), 0, after);
    return sink->open()->write(refs_of(batch)).outcome;
  };
  // The earlier run had not begun to write.
  EXPECT_EQ(go_on("1"), Outcome::done);
  sql("DROP SCHEMA bulk_load CASCADE");
  EXPECT_EQ(error_of([&] { go_on("1"); }, ErrorKind::refused),
            "URL: the ledger of this load (schema bulk_load) is gone, and its tables hold rows; empty them and start "
            "afresh, without --resume");
  EXPECT_EQ(rows(), "10 10");
}

TEST_F(LoadSessionTest, EndsWhatAnEarlierRunHasLeftOnTheServer) {
  WriteOptions write = options();
  // The earlier run is not there any more, but its server process is within a transaction.
  const auto earlier = this->sink(write);
  sql("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END';"
      "CREATE TRIGGER slow BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.slow();"
      "ALTER TABLE public.t ENABLE ALWAYS TRIGGER slow");
  const auto left = earlier->open();
  const Batch batch = batch_of(*earlier, lines(0, 10));
  auto writing = std::async(std::launch::async, [&] { return left->write(refs_of(batch)); });
  await("EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = '" + database() + "')");
  write.resumed = true;
  const auto sink = this->sink(write);
  EXPECT_EQ(writing.get().outcome, Outcome::unavailable);
  sql("DROP TRIGGER slow ON public.t");
  EXPECT_EQ(sink->open()->write(refs_of(batch)).outcome, Outcome::done);
  EXPECT_EQ(rows(), "10 10");
}

}  // namespace
}  // namespace bulk
