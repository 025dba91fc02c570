// The connection on which a backfill of rows, its rollback or a look at it works: holds the job's lock, makes the
// session's temporary tables, and tries transactions again where it was not their fault: a lock that others held for
// too long, a deadlock, a lost connection. Used by one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/postgres/connection.h"
#include "backends/postgres/row_target.h"
#include "io/retry.h"

namespace bulk {

// Whether a session has the lock of a job on a table, which is spelled as format_pg_fragment() does.
bool is_row_job_locked(PgConnection& connection, const std::string& job, const std::string& table);

class RowSession {
 public:
  // Connects and reads the table that the URL names. Error(usage) when it names none. `stats` and `stop` outlive it.
  RowSession(PgUrl url, std::string what, const RetryPolicy& retry, RequestStats& stats, const Stop& stop);

  const RowTarget& target() const noexcept { return target_; }
  const std::string& what() const noexcept { return what_; }
  PgConnection& connection() { return *connection_; }

  // The lock of `job` on this table, until the session ends. Error(locked) when another session has it.
  void hold_lock(const std::string& job);
  // Runs it, now and on each connection that takes the place of a lost one.
  void prepare(const std::string& sql, const std::string& doing);

  // Statements on the connection, which end its transaction; the failure of one of them.
  using Attempt = std::function<std::optional<PgFailure>(PgConnection&)>;
  // Carries `attempt` out, if need be several times, each time rolled back. When a connection was lost `was_done` says
  // whether it was carried out all the same. Returns why it never can be, rolled back; throws Error(remote) when it
  // was tried for too long, and whatever `attempt` throws. `doing` completes "cannot ...".
  std::optional<PgFailure> transact(const std::string& doing, const Attempt& attempt,
                                    const std::function<bool()>& was_done);

  // Begins a transaction of a batch: waits for locks are bounded.
  static std::string begin_batch();

 private:
  void connect();
  void reconnect();
  void take_lock(std::chrono::milliseconds patience);
  bool wait(Backoff& backoff);

  const PgUrl url_;
  const std::string what_;
  const RetryPolicy retry_;
  RequestStats& stats_;
  const Stop& stop_;
  std::unique_ptr<PgConnection> connection_;
  RowTarget target_;
  std::string backend_;  // which session of the server this is: process and start
  std::string job_;      // whose lock is held
  std::vector<std::pair<std::string, std::string>> prepared_;
};

}  // namespace bulk
