// One connection to a server, by libpq, never blocking inside it: every wait polls the socket and can be interrupted by
// Stop, upon which the statement is cancelled on the server and the connection closed. (The one exception is looking up
// a host's name, which the system's resolver bounds.) Sessions pin what changes the meaning of text
// (docs/postgresql.md, "What a session is"). Used by one thread at a time.
//
// Whatever ends the job is an Error; what the caller may want to answer (a refused statement, a lost connection) is a
// value where a member begins with try_.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/postgres/url.h"
#include "io/error.h"
#include "io/stop.h"

struct pg_conn;
struct pg_result;

namespace bulk {

// Why a statement was not carried out.
struct PgFailure {
  std::string sqlstate;  // five characters; empty: the connection is lost, or was never there
  std::string message;   // one line: primary message, detail, context where it says which row
  bool lost() const { return sqlstate.empty() || sqlstate.starts_with("08") || sqlstate.starts_with("57P"); }
  // Worth another attempt of the same transaction: deadlock, serialisation, too many connections, out of resources.
  bool transient() const;
  // Because of the data: class 22, 23 and 44, limits such as an index entry's size (54), and what a trigger raises.
  bool by_content() const;
};

class PgResult {
 public:
  PgResult() = default;
  explicit PgResult(pg_result* result) : result_(result) {}
  std::size_t rows() const;
  std::string_view text(std::size_t row, std::size_t column) const;
  bool is_null(std::size_t row, std::size_t column) const;
  std::uint64_t affected() const;  // rows, of the command's tag

 private:
  struct Free {
    void operator()(pg_result* result) const noexcept;
  };
  std::unique_ptr<pg_result, Free> result_;
  friend class PgConnection;
};

class PgConnection {
 public:
  using Timeout = std::chrono::seconds;
  static constexpr Timeout kShort{60};     // questions about the catalogue and the like
  static constexpr Timeout kUnlimited{0};  // work as long as the data is large; a dead peer is found by keepalives

  // Connects and pins the session's settings. `what` is for error texts: the URL without secrets. Throws not_found (no
  // such database), remote (not reachable, too many connections, starting up), failed (all else, such as a wrong
  // password), usage (SQL_ASCII, a server older than 10).
  PgConnection(const PgUrl& url, const std::string& what, const Stop& stop);
  ~PgConnection();
  PgConnection(PgConnection&& other) noexcept;

  int server_version() const noexcept { return version_; }  // 150018

  // One statement or several (simple protocol); the last result. Throws failed, remote when another attempt may help;
  // `doing` completes "cannot ...". A statement that takes longer than `timeout` is given up like a lost connection.
  PgResult run(const std::string& sql, const std::string& doing, Timeout timeout = kShort);
  std::optional<PgFailure> try_run(const std::string& sql, PgResult& result, Timeout timeout = kShort);
  // With parameters $1, $2, ... as text; one statement.
  PgResult run(const std::string& sql, std::span<const std::string> parameters, const std::string& doing,
               Timeout timeout = kShort);

  // COPY ... TO STDOUT. A row is valid until the next call; without its newline; false when all rows were given.
  // Throws Error as run() does.
  void begin_copy_out(const std::string& sql, const std::string& doing);
  bool copy_row(std::string_view& row);

  // COPY ... FROM STDIN: `sql` may be several statements, of which the last one is the COPY. Whole rows of text.
  std::optional<PgFailure> try_begin_copy_in(const std::string& sql);
  std::optional<PgFailure> try_copy_in(std::string_view rows);
  // Number of rows taken by the server.
  std::optional<PgFailure> try_end_copy_in(std::uint64_t& rows);

  bool in_recovery();
  // "127.0.0.1:5432", or the folder of the socket: as libpq made it of everything that names a server.
  std::string address() const;

 private:
  using Failure = std::optional<PgFailure>;
  struct Deadline {
    explicit Deadline(Timeout timeout);
    Timeout timeout;
    std::chrono::steady_clock::time_point at;
    bool passed() const { return timeout != kUnlimited && std::chrono::steady_clock::now() >= at; }
  };

  void connect(const PgUrl& url);
  void pin_session();
  // Until the socket is ready or 100 ms have passed: whoever waits looks again. False: the time is up. Throws what
  // stopped the job.
  bool wait(short events, const Deadline& deadline);
  Failure flush(const Deadline& deadline);
  Failure next_result(PgResult& result, const Deadline& deadline);
  // The rest of what a statement gives, into `last`; the first failure counts.
  Failure finish(PgResult& last, const Deadline& deadline);
  // On its way to a COPY: the results of what stands before it.
  Failure begin_copy(const std::string& sql, int status);
  PgFailure lost_failure() const;
  // Cancels what is running on the server, and closes.
  void abandon(const std::string& why);

  struct Finish {
    void operator()(pg_conn* connection) const noexcept;
  };
  struct FreeRow {
    void operator()(char* row) const noexcept;
  };
  std::unique_ptr<pg_conn, Finish> connection_;
  std::unique_ptr<char, FreeRow> row_;
  std::string what_;
  std::string copying_;  // what copy_row() is doing, for errors
  std::string closed_;   // why there is no connection any more
  const Stop* stop_;
  int version_ = 0;
};

// An Error for a failure that ends the job: remote where another attempt may help, failed otherwise.
Error pg_error(const PgFailure& failure, const std::string& what, const std::string& doing);

}  // namespace bulk
