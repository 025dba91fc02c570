#include "backends/postgres/load_session.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace bulk {
namespace {

// One message each: the server keeps a message in memory whole, and what the socket does not take at once is moved.
constexpr std::size_t kMessageBytes = 64u << 10;

// Waiting for a lock that others hold is worth another attempt, and in between the stop is looked at.
const char* const kSettings = "SET synchronous_commit = off; SET lock_timeout = '30s'";

WriteResult not_written(WriteResult::Outcome outcome, std::string reason) {
  WriteResult result;
  result.outcome = outcome;
  result.reason = std::move(reason);
  return result;
}

// A row that stands twice in a chunk whose rows replace others is as good as one that holds something wrong: halving
// tells the two apart, the later one is written last.
bool by_content(const PgFailure& failure, LoadMode mode) {
  return failure.by_content() || (mode == LoadMode::replace && failure.sqlstate == "21000");
}

std::string what_to_do(const PgFailure& failure, const std::string& table, LoadMode mode) {
  if (failure.sqlstate == "42501") {
    return std::string("grant the role ") + (mode == LoadMode::append ? "INSERT" : "SELECT, INSERT and UPDATE") +
           " on " + table + ", and BYPASSRLS where policies apply to it";
  }
  if (failure.sqlstate == "53100") return "make room on the server";
  if (failure.sqlstate == "25006") return "name a server that can be written to";
  return {};
}

LoadSpan span_of(std::span<const RecordRef> records) {
  const RecordRef& first = records.front();
  const Batch& batch = *first.batch;
  if (records.back().batch != &batch || records.back().index - first.index + 1 != records.size() ||
      batch.after.empty()) {
    throw Error(ErrorKind::failed, "a load was given records that are no run of a batch with a cursor");
  }
  return {batch.table, std::to_string(batch.segment) + ":" + batch.after, first.index,
          static_cast<std::uint32_t>(records.size())};
}

// The rest behind the first `rows` rows.
std::string_view behind(std::string_view text, std::size_t rows) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (; rows > 0; --rows) at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at))) + 1;
  return {at, static_cast<std::size_t>(end - at)};
}

void append_number(Buffer& out, std::uint32_t number) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out.append({digits, static_cast<std::size_t>(end - digits)});
}

}  // namespace

LoadConnection::LoadConnection(const LoadContext& context, const std::string& before)
    : connection(context.url, context.what, context.stop) {
  const std::string doing = "prepare a connection for the load";
  if (!before.empty()) {
    PgResult ignored;  // of a role that may not end it: its transaction is waited for
    connection.try_run("SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE " + before,
                       ignored);
  }
  connection.run(kSettings, doing);
  if (!context.fires_triggers) connection.run("SET session_replication_role = replica", doing);
  connection.run(context.ledger.lock_sql(), doing);
  const PgResult self = connection.run(
      "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()", doing);
  if (self.rows() == 1) {
    process = "pid = " + std::string(self.text(0, 0)) + " AND backend_start = " + pg_literal(self.text(0, 1));
  }
}

WriteResult LoadSession::write(std::span<const RecordRef> records) {
  WriteResult result;
  if (records.empty()) return result;
  const LoadSpan span = span_of(records);
  switch (context_.ledger.known(span, result.skipped)) {
    case LoadLedger::Known::recorded:
      result.sent = false;
      return result;
    case LoadLedger::Known::partly:
      result = settled_before(span);
      result.sent = false;
      return result;
    case LoadLedger::Known::no:
      break;
  }
  if (context_.ledger_lost) {
    throw Error(ErrorKind::refused,
                context_.what + ": the ledger of this load (schema bulk_load) is gone, and its tables hold rows",
                "empty them and start afresh, without --resume");
  }
  std::string_view rows;
  if (!rows_of(records, rows)) {
    result = not_written(WriteResult::Outcome::invalid, problem_);
    result.sent = false;
    return result;
  }
  if (context_.mode != LoadMode::append) put_positions(rows);

  try {
    connect();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::remote) throw;
    return not_written(WriteResult::Outcome::unavailable, error.what());
  }
  Step step = Step::entering;
  if (const auto failure = attempt(span, rows, result, step)) return judge(*failure, span, step);
  if (result.outcome == WriteResult::Outcome::done) context_.ledger.acknowledge(span);
  return result;
}

// Those of the batch as they were encoded, or else made of the lines here: false when one of them is no row.
bool LoadSession::rows_of(std::span<const RecordRef> records, std::string_view& rows) {
  const Batch& batch = *records.front().batch;
  if (!batch.encoded.empty()) {
    rows = behind(batch.encoded.view(), records.front().index);
    rows.remove_suffix(behind(rows, records.size()).size());
    return true;
  }
  const auto [reader, made] = readers_.try_emplace(batch.table, context_.rows->tables.at(batch.table).columns);
  converted_.clear();
  for (const RecordRef& record : records) {
    if (reader->second.append(record.line(), converted_)) continue;
    problem_ = reader->second.problem();
    return false;
  }
  rows = converted_.view();
  return true;
}

void LoadSession::put_positions(std::string_view& rows) {
  positioned_.clear();
  std::uint32_t position = 0;
  for (std::string_view rest = rows; !rest.empty();) {
    const std::string_view after = behind(rest, 1);
    append_number(positioned_, position++);
    positioned_.push_back('\t');
    positioned_.append(rest.substr(0, rest.size() - after.size()));
    rest = after;
  }
  rows = positioned_.view();
}

void LoadSession::connect() {
  if (!link_) link_ = std::make_unique<LoadConnection>(context_, process_before_);
}

// One transaction. A failure leaves it open, or the connection lost.
std::optional<PgFailure> LoadSession::attempt(const LoadSpan& span, std::string_view rows, WriteResult& result,
                                              Step& step) {
  const TableLoad& table = context_.tables.at(span.table);
  PgConnection& connection = link_->connection;
  PgResult reply;
  if (!table.prepare.empty() && link_->prepared.insert(span.table).second) {
    if (const auto failure = connection.try_run(table.prepare, reply)) {
      link_->prepared.erase(span.table);
      return failure;
    }
  }
  if (const auto failure = connection.try_begin_copy_in("BEGIN ISOLATION LEVEL READ COMMITTED; " +
                                                        context_.ledger.enter_sql(span) + "; " + table.copy)) {
    return failure;
  }
  step = Step::writing;
  for (; !rows.empty(); rows.remove_prefix(std::min(kMessageBytes, rows.size()))) {
    if (const auto failure = connection.try_copy_in(rows.substr(0, kMessageBytes))) return failure;
  }
  std::uint64_t taken = 0;
  if (const auto failure = connection.try_end_copy_in(taken)) return failure;
  if (taken != span.records) refuse_short(span, taken);
  if (context_.mode != LoadMode::append) {
    if (const auto failure = move_rows(span, result)) return failure;
    if (result.outcome != WriteResult::Outcome::done) return connection.try_run("ROLLBACK", reply);
  }
  return connection.try_run("COMMIT", reply, PgConnection::kUnlimited);
}

std::optional<PgFailure> LoadSession::move_rows(const LoadSpan& span, WriteResult& result) {
  const TableLoad& table = context_.tables.at(span.table);
  PgResult reply;
  if (const auto failure = link_->connection.try_run(table.move, reply, PgConnection::kUnlimited)) return failure;
  if (context_.mode == LoadMode::replace) {
    if (table.writes_each && reply.affected() != span.records) refuse_short(span, reply.affected());
    return std::nullopt;
  }
  std::uint32_t inserted = 0;
  const std::string_view count = reply.text(0, 0);
  std::from_chars(count.data(), count.data() + count.size(), inserted);
  const std::string_view positions = reply.text(0, 1);
  for (const char* at = positions.data(); at < positions.data() + positions.size(); ++at) {
    std::uint32_t position = 0;
    at = std::from_chars(at, positions.data() + positions.size(), position).ptr;
    result.skipped.push_back(position);
  }
  if (inserted + result.skipped.size() != span.records) {
    result.skipped.clear();
    if (span.records == 1 && inserted == 1) return std::nullopt;  // under a key that a trigger has changed
    // Two rows of one key, of which one is left out: alone it is known which.
    result.outcome = WriteResult::Outcome::invalid;
    result.reason = "a primary key stands in it twice";
    return std::nullopt;
  }
  if (result.skipped.empty()) return std::nullopt;
  return link_->connection.try_run(context_.ledger.skipped_sql(span, result.skipped), reply);
}

void LoadSession::refuse_short(const LoadSpan& span, std::uint64_t taken) {
  PgResult ignored;
  link_->connection.try_run("ROLLBACK", ignored);
  throw Error(ErrorKind::failed,
              context_.what + ": of " + std::to_string(span.records) + " rows given to " +
                  context_.tables.at(span.table).name + " the server took " + std::to_string(taken),
              "a trigger or rule of the table leaves rows out: switch it off for the load");
}

WriteResult LoadSession::judge(const PgFailure& failure, const LoadSpan& span, Step step) {
  PgResult ignored;
  if (failure.lost() || link_->connection.try_run("ROLLBACK", ignored)) {
    process_before_ = link_->process;
    link_.reset();
    if (failure.lost()) return not_written(WriteResult::Outcome::unavailable, failure.message);
  }
  if (step == Step::entering && failure.sqlstate == "23505") return settled_before(span);
  const bool full = failure.sqlstate == "53100";
  if (!full && failure.transient()) {
    return not_written(WriteResult::Outcome::unavailable, failure.message);
  }
  if (by_content(failure, context_.mode)) return not_written(WriteResult::Outcome::invalid, failure.message);
  const std::string& table = context_.tables.at(span.table).name;
  const Error error = pg_error(failure, context_.what, "write rows into " + table);
  const std::string next = what_to_do(failure, table, context_.mode);
  throw next.empty() ? error : error.with_next_action(next);
}

// The span is in, or a part of it.
WriteResult LoadSession::settled_before(const LoadSpan& span) {
  WriteResult result;
  auto known = context_.ledger.known(span, result.skipped);
  if (known == LoadLedger::Known::no) {
    if (!link_) return not_written(WriteResult::Outcome::unavailable, "the connection was lost");
    if (const auto failure = context_.ledger.ask(link_->connection, span, known, result.skipped)) {
      return judge(*failure, span, Step::writing);
    }
  }
  switch (known) {
    case LoadLedger::Known::recorded:
      return result;
    case LoadLedger::Known::partly:
      return not_written(WriteResult::Outcome::invalid, "a part of these rows is there already");
    case LoadLedger::Known::no:
      break;
  }
  // Whoever entered it has not ended well after all.
  return not_written(WriteResult::Outcome::unavailable, "the ledger has just changed");
}

}  // namespace bulk
