#include "backends/postgres/row_session.h"

#include <chrono>
#include <random>

#include "codecs/digest.h"
#include "io/error.h"

namespace bulk {
namespace {

using std::chrono::milliseconds;

constexpr const char* kLockTimeout = "5s";
constexpr milliseconds kLook{20};
// A run that was killed a moment ago may still be there on the server, which finds out when its statement has ended.
constexpr milliseconds kLockPatience{1'000};
// Ours that was lost: its session is ended by us, which takes as long as what it does can be interrupted.
constexpr milliseconds kOwnLockPatience{60'000};

const PgName& named_table(const PgUrl& url, const std::string& what) {
  if (url.table) return *url.table;
  throw Error(ErrorKind::usage, what + " names no table", "add #TABLE or #SCHEMA.TABLE, or name it in the job");
}

std::string lock_key(const std::string& job, const std::string& table) {
  const std::string text = "bulk backfill\n" + job + "\n" + table;
  return std::to_string(static_cast<std::int64_t>(hash128(text).low));
}

}  // namespace

bool is_row_job_locked(PgConnection& connection, const std::string& job, const std::string& table) {
  const std::string key = lock_key(job, table);
  return connection
             .run(
                 "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid "
                 "= 1 AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND "
                 "(classid::int8 << 32) | objid::int8 = " +
                     key + "::int8)",
                 "look for the lock of the job")
             .text(0, 0) == "t";
}

RowSession::RowSession(PgUrl url, std::string what, const RetryPolicy& retry, RequestStats& stats, const Stop& stop)
    : url_(std::move(url)), what_(std::move(what)), retry_(retry), stats_(stats), stop_(stop) {
  const PgName& table = named_table(url_, what_);
  connection_ = std::make_unique<PgConnection>(url_, what_, stop_);
  target_ = read_row_target(*connection_, table, what_);
  connect();
}

// What a new connection needs beyond what every session of ours has.
void RowSession::connect() {
  const std::string doing = "set up the session";
  backend_ = connection_
                 ->run(
                     "SELECT pid || ' ' || backend_start FROM pg_catalog.pg_stat_activity WHERE pid = "
                     "pg_catalog.pg_backend_pid()",
                     doing)
                 .text(0, 0);
  // A job's SQL means what it means in a session of this role in this database.
  connection_->run("SET search_path TO DEFAULT", doing);
  for (const auto& [sql, what_for] : prepared_) connection_->run(sql, what_for);
}

void RowSession::reconnect() {
  const std::string lost = backend_;
  auto fresh = std::make_unique<PgConnection>(url_, what_, stop_);
  connection_ = std::move(fresh);
  // What the server still has of the old session must not go on behind our back.
  connection_->run(
      "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE pid || ' ' || backend_start "
      "= " +
          pg_literal(lost),
      "end what is left of the lost connection");
  connect();
  if (!job_.empty()) take_lock(kOwnLockPatience);
}

void RowSession::hold_lock(const std::string& job) {
  job_ = job;
  take_lock(kLockPatience);
}

void RowSession::take_lock(milliseconds patience) {
  const std::string sql =
      "SELECT pg_catalog.pg_try_advisory_lock(" + lock_key(job_, format_pg_fragment(target_.name)) + ")";
  const auto until = std::chrono::steady_clock::now() + patience;
  while (connection_->run(sql, "take the lock of the job").text(0, 0) != "t") {
    if (std::chrono::steady_clock::now() >= until) {
      throw Error(ErrorKind::locked, "the backfill " + job_ + " of " + what_ + " is being done by another run",
                  "wait for it");
    }
    if (stop_.wait_for(kLook)) stop_.check();
  }
}

void RowSession::prepare(const std::string& sql, const std::string& doing) {
  connection_->run(sql, doing);
  prepared_.emplace_back(sql, doing);
}

std::string RowSession::begin_batch() {
  return std::string("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '") + kLockTimeout +
         "'; ";
}

// False: it has been tried for too long.
bool RowSession::wait(Backoff& backoff) {
  stats_.retried.fetch_add(1);
  const std::chrono::nanoseconds pause = backoff.failed(Backoff::Cause::transient, std::chrono::steady_clock::now());
  if (pause.count() < 0) return false;
  if (stop_.wait_for(pause)) stop_.check();
  return true;
}

std::optional<PgFailure> RowSession::transact(const std::string& doing, const Attempt& attempt,
                                              const std::function<bool()>& was_done) {
  Backoff backoff(retry_, std::random_device{}());
  PgResult ignored;
  for (bool lost = false;;) {
    std::optional<PgFailure> failure;
    stats_.sent.fetch_add(1);
    if (lost) {
      try {
        reconnect();
        lost = false;
        if (was_done()) return std::nullopt;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::remote || !wait(backoff)) throw;
        lost = true;
        continue;
      }
    }
    try {
      failure = attempt(*connection_);
    } catch (...) {
      connection_->try_run("ROLLBACK", ignored);
      throw;
    }
    if (!failure) return std::nullopt;
    lost = failure->lost();
    if (!lost) {
      if (const std::optional<PgFailure> broken = connection_->try_run("ROLLBACK", ignored)) lost = broken->lost();
      if (!failure->transient()) return failure;
    }
    if (wait(backoff)) continue;
    const bool held = failure->sqlstate == "55P03";
    throw Error(ErrorKind::remote, what_ + ": cannot " + doing + ": " + failure->message,
                held ? "find out in pg_stat_activity who holds the rows; the same command goes on"
                     : "the same command goes on");
  }
}

}  // namespace bulk
