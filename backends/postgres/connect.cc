// How a connection comes about: libpq's own parameters, variables and files, polled without blocking, and the session's
// settings. libpq bounds the time of connecting only where it blocks, and knows no bound for a silent peer by itself:
// both are set here where the endpoint does not.
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <new>

#include "backends/postgres/connection.h"
#include "backends/postgres/message.h"

namespace bulk {
namespace {

constexpr int kStopCheckMs = 100;
constexpr int kConnectSeconds = 10;
// A silent peer is given up after 60 s: 30 s until the first question, 3 more of them 10 s apart.
constexpr int kIdleSeconds = 30, kIntervalSeconds = 10, kProbes = 3, kSilenceMs = 60'000;
constexpr int kOldestVersion = 100'000;

using Options = std::map<std::string, std::string>;

// What is in force, from the URL, the environment and service files.
Options options_of(PGconn* connection) {
  struct Free {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
  };
  Options options;
  const std::unique_ptr<PQconninfoOption, Free> all(PQconninfo(connection));
  for (const PQconninfoOption* option = all.get(); option != nullptr && option->keyword != nullptr; ++option) {
    // Of secrets nobody need have a copy.
    if (option->val != nullptr && *option->dispchar != '*') options[option->keyword] = option->val;
  }
  return options;
}

int number_of(const Options& options, const std::string& keyword, int otherwise) {
  const auto found = options.find(keyword);
  if (found == options.end() || found->second.empty()) return otherwise;
  int number = otherwise;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

bool is_tcp(int socket) {
  int domain = 0;
  socklen_t length = sizeof domain;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
         (domain == AF_INET || domain == AF_INET6);
}

// Where the system refuses, its own bounds hold.
void set_tcp(int socket, int option, int value) {
  ::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);
}

void bound_silence(int socket, const Options& options) {
  if (!is_tcp(socket)) return;
  set_tcp(socket, TCP_USER_TIMEOUT, number_of(options, "tcp_user_timeout", kSilenceMs));
  if (number_of(options, "keepalives", 1) == 0) return;
  if (number_of(options, "keepalives_idle", 0) == 0) set_tcp(socket, TCP_KEEPIDLE, kIdleSeconds);
  if (number_of(options, "keepalives_interval", 0) == 0) set_tcp(socket, TCP_KEEPINTVL, kIntervalSeconds);
  if (number_of(options, "keepalives_count", 0) == 0) set_tcp(socket, TCP_KEEPCNT, kProbes);
}

// Why there is no connection, as an Error of the kind that says who can do something about it.
Error refusal(PGconn* connection, const std::string& what) {
  const std::string all = PQerrorMessage(connection);
  const ServerSaid server = server_said(all);
  const std::string& state = server.sqlstate;
  std::string text = what + ": cannot connect: " + (state.empty() ? one_line(all) : server.message);
  if (text.ends_with('.')) text.pop_back();
  if (state == "3D000") return Error(ErrorKind::not_found, text, "name a database that is there, or make it: createdb");
  if (state.starts_with("53")) return Error(ErrorKind::remote, text, "try again later, or with a smaller --jobs");
  if (state.starts_with("57P") || state.starts_with("08")) return Error(ErrorKind::remote, text, "try again");
  if (state == "28P01" || PQconnectionNeedsPassword(connection) != 0) {
    return Error(ErrorKind::failed, text, "put the password into PGPASSWORD, ~/.pgpass or a service file");
  }
  if (!state.empty()) return Error(ErrorKind::failed, text, "check the user, and what the server's pg_hba.conf allows");
  const auto says = [&](const char* phrase) { return all.find(phrase) != std::string::npos; };
  if (says("SSL") || says("certificate")) {
    return Error(ErrorKind::failed, text, "check sslmode, sslrootcert and the certificates");
  }
  if (says("connection to server") || says("could not translate host name")) {
    return Error(ErrorKind::remote, text, "check the address and whether the server runs, then try again");
  }
  return Error(ErrorKind::usage, text, "check the URL's parameters, PG* variables and service file");
}

}  // namespace

PgConnection::PgConnection(const PgUrl& url, const std::string& what, const Stop& stop) : what_(what), stop_(&stop) {
  stop.check();
  connect(url);
  version_ = PQserverVersion(connection_.get());
  if (version_ < kOldestVersion) {
    throw Error(ErrorKind::usage,
                what_ + ": the server is PostgreSQL " + PQparameterStatus(connection_.get(), "server_version") +
                    ", and what is older than 10 is not supported",
                "upgrade the server");
  }
  const char* const encoding = PQparameterStatus(connection_.get(), "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) == "SQL_ASCII") {
    throw Error(
        ErrorKind::usage,
        what_ + ": database '" + PQdb(connection_.get()) + "' is in SQL_ASCII: nobody knows what its bytes mean",
        "find out, and move it with pg_dump --encoding and createdb --encoding into a database that says so");
  }
  pin_session();
}

void PgConnection::connect(const PgUrl& url) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  const auto add = [&](const char* keyword, const char* value) {
    keywords.push_back(keyword);
    values.push_back(value);
  };
  for (const auto& [keyword, value] : url.parameters) {
    if (keyword != "client_encoding") add(keyword.c_str(), value.c_str());
  }
  add("client_encoding", "UTF8");
  add("fallback_application_name", "bulk");
  add(nullptr, nullptr);
  connection_.reset(PQconnectStartParams(keywords.data(), values.data(), 0));
  PGconn* const connection = connection_.get();
  if (connection == nullptr) throw std::bad_alloc();
  if (PQstatus(connection) == CONNECTION_BAD) throw refusal(connection, what_);
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);

  const Options options = options_of(connection);
  const int allowed = number_of(options, "connect_timeout", kConnectSeconds);
  Deadline deadline(Timeout(std::max(allowed, 0)));
  std::string host;
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  for (;;) {
    stop_->check();
    // Each host and address of a list has its time, as with libpq; the system gives up on it within that.
    const std::string now = std::string(PQhost(connection)) + ' ' + PQhostaddr(connection) + ' ' + PQport(connection);
    if (now != host) deadline = Deadline(deadline.timeout);
    host = now;
    const int socket = PQsocket(connection);
    if (allowed > 0 && PQstatus(connection) == CONNECTION_STARTED && is_tcp(socket)) {
      set_tcp(socket, TCP_USER_TIMEOUT, allowed * 1'000);
    }
    pollfd waiting{socket, static_cast<short>(next == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const int ready = ::poll(&waiting, 1, kStopCheckMs);
    if (ready > 0) next = PQconnectPoll(connection);
    if (next == PGRES_POLLING_OK) break;
    if (next == PGRES_POLLING_FAILED) throw refusal(connection, what_);
    if (ready <= 0 && deadline.passed()) {
      throw Error(
          ErrorKind::remote,
          what_ + ": cannot connect: " + address() + " does not answer within " + std::to_string(allowed) + " s",
          "check the address and whether the server runs, then try again");
    }
  }
  bound_silence(PQsocket(connection), options);
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  if (PQsetnonblocking(connection, 1) != 0) throw std::bad_alloc();
}

void PgConnection::pin_session() {
  std::string sql =
      "SET client_encoding = 'UTF8'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; "
      "SET extra_float_digits = 3; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET xmloption = 'content'; "
      "SET standard_conforming_strings = on; SET array_nulls = on; SET quote_all_identifiers = off; "
      "SET search_path = ''; SET row_security = off; SET synchronize_seqscans = off; SET statement_timeout = 0; "
      "SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET client_min_messages = warning";
  if (version_ >= 110'000) sql += "; SET jit = off";
  if (version_ >= 140'000) sql += "; SET idle_session_timeout = 0";
  if (version_ >= 170'000) sql += "; SET transaction_timeout = 0";
  const std::string doing = "set up the session";
  run(sql, doing);
  // A statement that runs long ends when we are gone; only servers on Linux can.
  PgResult ignored;
  if (version_ >= 140'000) {
    const Failure failure = try_run("SET client_connection_check_interval = '10s'", ignored);
    if (failure && failure->lost()) throw pg_error(*failure, what_, doing);
  }
}

std::string PgConnection::address() const {
  if (!connection_) return what_;
  const std::string host = PQhost(connection_.get());
  return host.starts_with('/') ? host : host + ":" + PQport(connection_.get());
}

}  // namespace bulk
