// Statements and COPY. Each is sent without blocking and its results are awaited in wait(), the one place that sleeps.
// Connecting is in connect.cc.
#include "backends/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "backends/postgres/message.h"

namespace bulk {
namespace {

constexpr int kStopCheckMs = 100;
constexpr unsigned kCancelSeconds = 1;
// What is handed to libpq at once of a COPY: it keeps a copy of all that the socket has not taken.
constexpr std::size_t kCopySlice = 256u << 10;

// Asks the server to cancel what this connection is doing. libpq does so on a new connection that blocks, for minutes
// where the network is dead; but it may be called where only signal handlers' calls may be made, and so in a child that
// an alarm ends.
void cancel_statement(PGconn* connection) {
  PGcancel* const request = PQgetCancel(connection);
  if (request == nullptr) return;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGALRM, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::alarm(kCancelSeconds);
    std::array<char, 256> ignored{};
    PQcancel(request, ignored.data(), static_cast<int>(ignored.size()));
    ::syscall(SYS_exit_group, 0);  // nothing of ours is to run there, a sanitizer's end neither
  }
  if (child > 0) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  PQfreeCancel(request);
}

std::string field(const PGresult* result, int code) {
  const char* const text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : one_line(text);
}

// "COPY orders, line 3": where a statement of a trigger or function failed, the other lines say so.
std::string copy_context(const PGresult* result) {
  const char* const text = PQresultErrorField(result, PG_DIAG_CONTEXT);
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.starts_with("COPY ")) return std::string(line);
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return {};
}

PgFailure failure_of(const PGresult* result) {
  PgFailure failure{field(result, PG_DIAG_SQLSTATE), field(result, PG_DIAG_MESSAGE_PRIMARY)};
  if (failure.message.empty()) failure.message = one_line(PQresultErrorMessage(result));
  std::string detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  if (detail.ends_with('.')) detail.pop_back();
  if (!detail.empty()) failure.message += ": " + detail;
  if (const std::string context = copy_context(result); !context.empty()) failure.message += " (" + context + ")";
  return failure;
}

bool is_copy(int status) {
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

}  // namespace

bool PgFailure::transient() const {
  return sqlstate.starts_with("40") || sqlstate.starts_with("53") || sqlstate == "55P03";
}

bool PgFailure::by_content() const {
  return sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("44") ||
         sqlstate.starts_with("54") || sqlstate == "P0001";
}

Error pg_error(const PgFailure& failure, const std::string& what, const std::string& doing) {
  const std::string text = what + ": cannot " + doing + ": " + failure.message;
  if (failure.lost() || failure.transient()) return Error(ErrorKind::remote, text, "try again");
  if (failure.sqlstate == "42501") {
    return Error(ErrorKind::failed, text, "connect as the owner, or as a role that has the privilege");
  }
  return Error(ErrorKind::failed, text);
}

void PgResult::Free::operator()(pg_result* result) const noexcept {
  PQclear(result);
}

std::size_t PgResult::rows() const {
  return static_cast<std::size_t>(PQntuples(result_.get()));
}

std::string_view PgResult::text(std::size_t row, std::size_t column) const {
  const int r = static_cast<int>(row);
  const int c = static_cast<int>(column);
  return {PQgetvalue(result_.get(), r, c), static_cast<std::size_t>(PQgetlength(result_.get(), r, c))};
}

bool PgResult::is_null(std::size_t row, std::size_t column) const {
  return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}

std::uint64_t PgResult::affected() const {
  const std::string_view text = result_ ? PQcmdTuples(result_.get()) : "";
  std::uint64_t rows = 0;
  std::from_chars(text.data(), text.data() + text.size(), rows);
  return rows;
}

void PgConnection::Finish::operator()(pg_conn* connection) const noexcept {
  PQfinish(connection);
}

void PgConnection::FreeRow::operator()(char* row) const noexcept {
  PQfreemem(row);
}

// Each row of a COPY has one without a limit, which need not look at the clock.
PgConnection::Deadline::Deadline(Timeout allowed)
    : timeout(allowed), at(allowed == kUnlimited ? decltype(at)() : std::chrono::steady_clock::now() + allowed) {}

PgConnection::PgConnection(PgConnection&& other) noexcept = default;

PgConnection::~PgConnection() {
  if (connection_ && PQtransactionStatus(connection_.get()) == PQTRANS_ACTIVE) cancel_statement(connection_.get());
}

void PgConnection::abandon(const std::string& why) {
  if (connection_ && PQtransactionStatus(connection_.get()) == PQTRANS_ACTIVE) cancel_statement(connection_.get());
  connection_.reset();
  closed_ = why;
}

PgFailure PgConnection::lost_failure() const {
  const std::string said = connection_ ? one_line(PQerrorMessage(connection_.get())) : closed_;
  return {"", said.empty() ? "the connection is closed" : said};
}

bool PgConnection::wait(short events, const Deadline& deadline) {
  if (stop_->stopped()) {
    abandon("the job has stopped");
    stop_->check();
  }
  pollfd socket{PQsocket(connection_.get()), events, 0};
  // What is wrong with a socket is libpq's to say.
  if (::poll(&socket, 1, kStopCheckMs) <= 0 && deadline.passed()) {
    abandon("no answer within " + std::to_string(deadline.timeout.count()) + " s");
    return false;
  }
  return true;
}

PgConnection::Failure PgConnection::flush(const Deadline& deadline) {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    // The server may wait until we take what it says before it takes what we say.
    if (left < 0 || !wait(POLLIN | POLLOUT, deadline) || PQconsumeInput(connection_.get()) == 0) return lost_failure();
  }
}

PgConnection::Failure PgConnection::next_result(PgResult& result, const Deadline& deadline) {
  while (PQisBusy(connection_.get()) != 0) {
    if (!wait(POLLIN, deadline)) return lost_failure();
    // What the server has said before it closed the connection is given as a result.
    if (PQconsumeInput(connection_.get()) == 0) break;
  }
  result = PgResult(PQgetResult(connection_.get()));
  return {};
}

PgConnection::Failure PgConnection::finish(PgResult& last, const Deadline& deadline) {
  Failure first;
  for (;;) {
    PgResult result;
    if (Failure lost = next_result(result, deadline)) return first ? first : lost;
    if (!result.result_) return first;
    const ExecStatusType status = PQresultStatus(result.result_.get());
    if (is_copy(status)) {
      abandon("a COPY where none was expected");
      return lost_failure();
    }
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      if (!first) first = failure_of(result.result_.get());
    } else {
      last = std::move(result);
    }
  }
}

PgConnection::Failure PgConnection::try_run(const std::string& sql, PgResult& result, Timeout timeout) {
  const Deadline deadline(timeout);
  if (!connection_ || PQsendQuery(connection_.get(), sql.c_str()) == 0) return lost_failure();
  if (Failure failure = flush(deadline)) return failure;
  return finish(result, deadline);
}

PgResult PgConnection::run(const std::string& sql, const std::string& doing, Timeout timeout) {
  PgResult result;
  if (const Failure failure = try_run(sql, result, timeout)) throw pg_error(*failure, what_, doing);
  return result;
}

PgResult PgConnection::run(const std::string& sql, std::span<const std::string> parameters, const std::string& doing,
                           Timeout timeout) {
  const Deadline deadline(timeout);
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  PgResult result;
  Failure failure;
  if (!connection_ || PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                                        values.data(), nullptr, nullptr, 0) == 0) {
    failure = lost_failure();
  } else {
    failure = flush(deadline);
    if (!failure) failure = finish(result, deadline);
  }
  if (failure) throw pg_error(*failure, what_, doing);
  return result;
}

PgConnection::Failure PgConnection::begin_copy(const std::string& sql, int status) {
  const Deadline deadline(kUnlimited);
  if (!connection_ || PQsendQuery(connection_.get(), sql.c_str()) == 0) return lost_failure();
  if (Failure failure = flush(deadline)) return failure;
  for (;;) {
    PgResult result;
    if (Failure failure = next_result(result, deadline)) return failure;
    if (!result.result_) return PgFailure{"", "no COPY where one was expected"};
    const ExecStatusType is = PQresultStatus(result.result_.get());
    if (static_cast<int>(is) == status) return {};
    if (is_copy(is)) {
      abandon("a COPY in the other direction");
      return lost_failure();
    }
    if (is != PGRES_FATAL_ERROR && is != PGRES_BAD_RESPONSE) continue;
    Failure refused = failure_of(result.result_.get());
    PgResult ignored;
    finish(ignored, deadline);
    return refused;
  }
}

void PgConnection::begin_copy_out(const std::string& sql, const std::string& doing) {
  copying_ = doing;
  if (const Failure failure = begin_copy(sql, PGRES_COPY_OUT)) throw pg_error(*failure, what_, doing);
}

bool PgConnection::copy_row(std::string_view& row) {
  const Deadline deadline(kUnlimited);
  Failure failure;
  bool broken = false;
  for (bool looked = false; connection_; looked = !looked) {
    char* text = nullptr;
    const int length = PQgetCopyData(connection_.get(), &text, 1);
    if (length > 0) {
      row_.reset(text);
      row = {text, static_cast<std::size_t>(length)};
      if (row.ends_with('\n')) row.remove_suffix(1);
      return true;
    }
    row_.reset();
    if (length == -1) {
      PgResult ignored;
      failure = finish(ignored, deadline);
      if (!failure) return false;
      break;
    }
    if (length < 0 || broken) break;
    // A look at the socket first: while rows come as fast as they are taken, nobody need wait.
    if (looked && !wait(POLLIN, deadline)) break;
    // What the server has said before it closed the connection is behind the data that came before.
    broken = PQconsumeInput(connection_.get()) == 0;
  }
  throw pg_error(failure ? *failure : lost_failure(), what_, copying_);
}

PgConnection::Failure PgConnection::try_begin_copy_in(const std::string& sql) {
  return begin_copy(sql, PGRES_COPY_IN);
}

PgConnection::Failure PgConnection::try_copy_in(std::string_view rows) {
  const Deadline deadline(kUnlimited);
  while (!rows.empty()) {
    const std::string_view slice = rows.substr(0, kCopySlice);
    if (!connection_) return lost_failure();
    const int queued = PQputCopyData(connection_.get(), slice.data(), static_cast<int>(slice.size()));
    if (queued < 0) return lost_failure();
    if (queued > 0) rows.remove_prefix(slice.size());
    if (Failure failure = flush(deadline)) return failure;
  }
  return {};
}

PgConnection::Failure PgConnection::try_end_copy_in(std::uint64_t& rows) {
  const Deadline deadline(kUnlimited);
  if (!connection_ || PQputCopyEnd(connection_.get(), nullptr) < 0) return lost_failure();
  if (Failure failure = flush(deadline)) return failure;
  PgResult result;
  if (Failure failure = finish(result, deadline)) return failure;
  rows = result.affected();
  return {};
}

bool PgConnection::in_recovery() {
  return run("SELECT pg_catalog.pg_is_in_recovery()", "ask whether this is a standby").text(0, 0) == "t";
}

}  // namespace bulk
