// Against a real server; see tests/support/postgres_server.h.
#include "backends/postgres/connection.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tests/support/dump_files.h"
#include "tests/support/postgres_fixture.h"

namespace bulk {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ConnectionTest : public test::PostgresTest {
 protected:
  // The error's text behind the URL.
  std::string refusal(const std::string& url, ErrorKind kind) {
    const std::string line = test::error_line([&] { PgConnection(parse_postgres_url(url), "URL", stop_); }, kind);
    return line.starts_with("URL: ") ? line.substr(5) : line;
  }
  std::string address() { return "127.0.0.1:" + std::to_string(server().port()); }
  // Until nobody but us runs a statement with this text; a test that waits for ever fails by its time.
  void wait_until_running(const std::string& text, bool running) {
    while ((value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query "
                  "LIKE " +
                  pg_literal("%" + text + "%")) != "0") != running) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  std::string pid(PgConnection& connection) {
    return std::string(connection.run("SELECT pg_backend_pid()", "ask").text(0, 0));
  }
};

TEST_F(ConnectionTest, RunsStatementsAndGivesTheLastResult) {
  const auto connection = connect();
  const PgResult result = connection->run("SELECT 1; SELECT 'é'::text, NULL, ''", "ask");
  ASSERT_EQ(result.rows(), 1u);
  EXPECT_EQ(result.text(0, 0), "é");
  EXPECT_TRUE(result.is_null(0, 1));
  EXPECT_FALSE(result.is_null(0, 2));
  EXPECT_EQ(connection->run("CREATE TABLE public.t (a int); INSERT INTO public.t SELECT generate_series(1, 7)", "ask")
                .affected(),
            7u);
  const std::vector<std::string> parameters{"5", "it's"};
  EXPECT_EQ(
      connection->run("SELECT count(*) || $2::text FROM public.t WHERE a > $1::int", parameters, "ask").text(0, 0),
      "2it's");
  EXPECT_EQ(connection->server_version() / 10'000, 15);
  EXPECT_FALSE(connection->in_recovery());
  EXPECT_EQ(connection->address(), address());
}

TEST_F(ConnectionTest, PinsWhatChangesTheMeaningOfText) {
  for (const char* setting :
       {"DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'", "TimeZone = 'Asia/Tokyo'",
        "extra_float_digits = -5", "bytea_output = 'escape'", "xmloption = 'document'",
        "standard_conforming_strings = off", "search_path = public", "statement_timeout = 1000", "lock_timeout = 1000",
        "idle_in_transaction_session_timeout = 1000", "idle_session_timeout = 1000", "quote_all_identifiers = on",
        "client_encoding = 'LATIN1'", "array_nulls = off", "synchronize_seqscans = on", "jit = on",
        "client_min_messages = debug1"}) {
    sql("ALTER DATABASE " + database() + " SET " + setting);
  }
  const auto connection = connect();
  for (const auto& [name, wanted] :
       std::vector<std::pair<std::string, std::string>>{{"DateStyle", "ISO, DMY"},
                                                        {"IntervalStyle", "postgres"},
                                                        {"TimeZone", "UTC"},
                                                        {"extra_float_digits", "3"},
                                                        {"bytea_output", "hex"},
                                                        {"lc_monetary", "C"},
                                                        {"xmloption", "content"},
                                                        {"standard_conforming_strings", "on"},
                                                        {"search_path", "\"\""},
                                                        {"row_security", "off"},
                                                        {"synchronize_seqscans", "off"},
                                                        {"statement_timeout", "0"},
                                                        {"lock_timeout", "0"},
                                                        {"idle_in_transaction_session_timeout", "0"},
                                                        {"idle_session_timeout", "0"},
                                                        {"quote_all_identifiers", "off"},
                                                        {"array_nulls", "on"},
                                                        {"jit", "off"},
                                                        {"client_encoding", "UTF8"},
                                                        {"client_connection_check_interval", "10s"},
                                                        {"application_name", "bulk"}}) {
    EXPECT_EQ(connection->run("SHOW " + name, "ask").text(0, 0), wanted) << name;
  }
}

TEST_F(ConnectionTest, SaysWhyAStatementWasRefused) {
  sql("CREATE TABLE public.t (a int CONSTRAINT positive CHECK (a > 0), b text UNIQUE)");
  sql("INSERT INTO public.t VALUES (1, 'x')");
  const auto connection = connect();
  PgResult ignored;
  const auto failure = connection->try_run("INSERT INTO public.t VALUES (2, 'x')", ignored);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->sqlstate, "23505");
  EXPECT_EQ(failure->message, "duplicate key value violates unique constraint \"t_b_key\": Key (b)=(x) already exists");
  EXPECT_TRUE(failure->by_content());
  EXPECT_FALSE(failure->lost());
  EXPECT_EQ(test::error_line([&] { connection->run("SELECT nothing", "look"); }, ErrorKind::failed),
            url() + ": cannot look: column \"nothing\" does not exist");
  EXPECT_EQ(connection->run("SELECT 1", "ask").text(0, 0), "1") << "and goes on";
  // What several statements began is undone as a whole; the first failure counts.
  EXPECT_TRUE(connection->try_run("INSERT INTO public.t VALUES (3, 'y'); SELECT 1/0; SELECT 1", ignored));
  EXPECT_EQ(value("SELECT count(*) FROM public.t"), "1");
}

TEST_F(ConnectionTest, SilencesNotices) {
  ::testing::internal::CaptureStderr();
  sql("SET client_min_messages = notice; DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(ConnectionTest, TellsFailuresThatMayPassFromOthers) {
  const auto failure = [](const char* state) { return PgFailure{state, "text"}; };
  for (const char* state : {"40001", "40P01", "53300", "53200", "55P03"})
    EXPECT_TRUE(failure(state).transient()) << state;
  for (const char* state : {"22P02", "23505", "44000", "54000", "P0001"})
    EXPECT_TRUE(failure(state).by_content()) << state;
  for (const char* state : {"", "08006", "57P01"}) EXPECT_TRUE(failure(state).lost()) << state;
  for (const char* state : {"42P01", "57014", "XX000"}) {
    EXPECT_FALSE(failure(state).transient() || failure(state).by_content() || failure(state).lost()) << state;
  }
  EXPECT_EQ(pg_error(failure("40001"), "URL", "do it").line(), "URL: cannot do it: text; try again");
  EXPECT_EQ(pg_error(failure("40001"), "URL", "do it").kind(), ErrorKind::remote);
  EXPECT_EQ(pg_error(failure(""), "URL", "do it").kind(), ErrorKind::remote);
  EXPECT_EQ(pg_error(failure("XX000"), "URL", "do it").kind(), ErrorKind::failed);
  EXPECT_EQ(pg_error(failure("42501"), "URL", "do it").line(),
            "URL: cannot do it: text; connect as the owner, or as a role that has the privilege");
}

TEST_F(ConnectionTest, SaysWhyThereIsNone) {
  const std::string here = "postgresql://bulk@" + address();
  EXPECT_EQ(refusal(here + "/nothing", ErrorKind::not_found),
            "cannot connect: database \"nothing\" does not exist; name a database that is there, or make it: createdb");
  EXPECT_EQ(refusal("postgresql://nobody@" + address() + "/postgres", ErrorKind::failed),
            "cannot connect: role \"nobody\" does not exist; check the user, and what the server's pg_hba.conf allows");
  EXPECT_EQ(
      refusal("postgresql://127.0.0.1:1/x", ErrorKind::remote),
      "cannot connect: connection to server at \"127.0.0.1\", port 1 failed: Connection refused; check the address and "
      "whether the server runs, then try again");
  EXPECT_EQ(
      refusal("postgresql:///x?host=/nowhere", ErrorKind::remote),
      "cannot connect: connection to server on socket \"/nowhere/.s.PGSQL.5432\" failed: No such file or directory; "
      "check the address and whether the server runs, then try again");
  EXPECT_THAT(refusal("postgresql://no.such.host.invalid/x", ErrorKind::remote),
              HasSubstr("could not translate host name \"no.such.host.invalid\""));
  EXPECT_THAT(
      refusal(here + "/postgres?sslmode=perhaps", ErrorKind::usage),
      MatchesRegex("cannot connect: invalid sslmode value: \"perhaps\"; check the URL's parameters, PG\\* variables "
                   "and service file"));
  EXPECT_THAT(
      refusal(here + "/postgres?sslmode=require", ErrorKind::failed),
      HasSubstr("server does not support SSL, but SSL was required; check sslmode, sslrootcert and the certificates"));
  EXPECT_THAT(refusal("postgresql://?service=no_such_service", ErrorKind::usage),
              HasSubstr("definition of service \"no_such_service\" not found"));
  sql("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0");
  EXPECT_EQ(refusal("postgresql://crowded@" + address() + "/postgres", ErrorKind::remote),
            "cannot connect: too many connections for role \"crowded\"; try again later, or with a smaller --jobs");
}

TEST_F(ConnectionTest, TakesPasswordsFromWhereLibpqDoesAndShowsNone) {
  sql("CREATE ROLE scram LOGIN PASSWORD " + pg_literal(test::kScramPassword));
  const std::string there = "postgresql://scram@" + address() + "/postgres?passfile=";
  const test::TempDir folder;
  const std::string next = "; put the password into PGPASSWORD, ~/.pgpass or a service file";
  EXPECT_EQ(refusal(there + folder.file("none"), ErrorKind::failed),
            "cannot connect: connection to server at \"127.0.0.1\", port " + std::to_string(server().port()) +
                " failed: fe_sendauth: no password supplied" + next);
  const auto line = [](const std::string& password) { return "*:*:*:*:" + password + "\n"; };
  test::write_file(folder.file("wrong"), line("not the password"));
  test::write_file(folder.file("right"), line(test::kScramPassword));
  ASSERT_EQ(::chmod(folder.file("wrong").c_str(), 0600) + ::chmod(folder.file("right").c_str(), 0600), 0);
  EXPECT_EQ(refusal(there + folder.file("wrong"), ErrorKind::failed),
            "cannot connect: password authentication failed for user \"scram\"" + next);
  PgConnection connection(parse_postgres_url(there + folder.file("right")), "URL", stop_);
  EXPECT_EQ(connection.run("SELECT current_user", "ask").text(0, 0), "scram");
}

TEST_F(ConnectionTest, KnowsServicesAndSockets) {
  const test::TempDir folder;
  test::write_file(folder.file("services"), "[here]\nhost=" + server().socket_folder() +
                                                "\nport=" + std::to_string(server().port()) +
                                                "\nuser=bulk\ndbname=" + database() + "\n");
  ASSERT_EQ(::setenv("PGSERVICEFILE", folder.file("services").c_str(), 1), 0);
  PgConnection connection(parse_postgres_url("postgresql://?service=here&application_name=mine"), "URL", stop_);
  ::unsetenv("PGSERVICEFILE");
  EXPECT_EQ(
      connection
          .run("SELECT current_database(), inet_client_addr() IS NULL, current_setting('application_name')", "ask")
          .text(0, 0),
      database());
  EXPECT_EQ(connection.address(), server().socket_folder());
  EXPECT_EQ(connection.run("SHOW application_name", "ask").text(0, 0), "mine");
}

TEST_F(ConnectionTest, TriesOneHostAfterTheOther) {
  const std::string port = std::to_string(server().port());
  const std::string hosts = "postgresql://bulk@127.0.0.1:1,127.0.0.1:" + port + "/postgres?target_session_attrs=";
  PgConnection connection(parse_postgres_url(hosts + "primary"), "URL", stop_);
  EXPECT_EQ(connection.address(), address());
  EXPECT_THAT(refusal(hosts + "standby", ErrorKind::remote), HasSubstr("server is not in hot standby mode"));
}

TEST_F(ConnectionTest, RefusesWhatNobodyCanRead) {
  sql("CREATE DATABASE raw ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  EXPECT_EQ(
      refusal(server().url("raw"), ErrorKind::usage),
      "database 'raw' is in SQL_ASCII: nobody knows what its bytes mean; find out, and move it with pg_dump --encoding "
      "and createdb --encoding into a database that says so");
}

TEST_F(ConnectionTest, SpeaksUtf8WithOtherEncodings) {
  sql("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  EXPECT_EQ(connect("latin")->run("SELECT 'é', octet_length('é')", "ask").text(0, 0), "é");
}

// Accepts connections and says nothing.
class SilentServer {
 public:
  SilentServer() {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(socket_, 8) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  std::string url() const { return "postgresql://127.0.0.1:" + std::to_string(port_) + "/x"; }

 private:
  int socket_;
  unsigned short port_ = 0;
};

TEST_F(ConnectionTest, GivesUpOnASilentServer) {
  const SilentServer silent;
  EXPECT_THAT(
      refusal(silent.url() + "?connect_timeout=1", ErrorKind::remote),
      MatchesRegex("cannot connect: 127.0.0.1:[0-9]+ does not answer within 1 s; check the address and whether the "
                   "server runs, then try again"));
}

TEST_F(ConnectionTest, IsInterruptedWhileItConnects) {
  const SilentServer silent;
  Stop stop;
  std::thread other([&] { stop.fail(std::make_exception_ptr(Error::interrupted(SIGTERM))); });
  EXPECT_EQ(
      test::error_line([&] { PgConnection(parse_postgres_url(silent.url()), "URL", stop); }, ErrorKind::interrupted),
      "terminated");
  other.join();
}

TEST_F(ConnectionTest, CancelsOnTheServerWhatIsInterrupted) {
  Stop stop;
  PgConnection connection(parse_postgres_url(url()), "URL", stop);
  std::thread other([&] {
    wait_until_running("pg_sleep", true);
    stop.fail(std::make_exception_ptr(Error::interrupted(SIGTERM)));
  });
  EXPECT_EQ(test::error_line([&] { connection.run("SELECT pg_sleep(1000)", "wait", PgConnection::kUnlimited); },
                             ErrorKind::interrupted),
            "terminated");
  other.join();
  wait_until_running("pg_sleep", false);
}

TEST_F(ConnectionTest, CancelsOnTheServerWhatTakesTooLong) {
  const auto connection = connect();
  EXPECT_EQ(test::error_line([&] { connection->run("SELECT pg_sleep(1000)", "wait", PgConnection::Timeout(1)); },
                             ErrorKind::remote),
            url() + ": cannot wait: no answer within 1 s; try again");
  wait_until_running("pg_sleep", false);
  EXPECT_EQ(test::error_line([&] { connection->run("SELECT 1", "ask"); }, ErrorKind::remote),
            url() + ": cannot ask: no answer within 1 s; try again");
}

TEST_F(ConnectionTest, SaysThatItIsLost) {
  const auto connection = connect();
  sql("SELECT pg_terminate_backend(" + pid(*connection) + ", 10000)");
  PgResult ignored;
  const auto failure = connection->try_run("SELECT 1", ignored);
  ASSERT_TRUE(failure);
  EXPECT_TRUE(failure->lost());
  EXPECT_EQ(failure->message, "terminating connection due to administrator command");
  EXPECT_TRUE(connection->try_run("SELECT 1", ignored)->lost());
}

TEST_F(ConnectionTest, IsLostWithItsServer) {
  const auto other = test::PostgresServer::start();
  const std::string there = other->url("postgres");
  PgConnection connection(parse_postgres_url(there), "URL", stop_);
  connection.begin_copy_out("COPY (SELECT generate_series(1, 100000000)) TO STDOUT", "read");
  std::string_view row;
  ASSERT_TRUE(connection.copy_row(row));
  ::kill(other->pid(), SIGQUIT);
  const std::string line = test::error_line(
      [&] {
        while (connection.copy_row(row)) {
        }
      },
      ErrorKind::remote);
  EXPECT_THAT(line, ::testing::StartsWith("URL: cannot read: "));
}

}  // namespace
}  // namespace bulk
