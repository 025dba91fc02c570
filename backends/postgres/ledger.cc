#include "backends/postgres/ledger.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "codecs/digest.h"
#include "io/retry.h"

namespace bulk {
namespace {

// Of the database: guards making and removing the schema. "bulkload" as bytes.
constexpr std::int64_t kSchemaLock = 0x62756c6b6c6f6164;
// How many chunks are asked for at once: a statement of some 40 KB.
constexpr std::size_t kAskedAtOnce = 1'000;

const std::string kDoing = "keep the ledger of the load (schema bulk_load)";

std::uint32_t number(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string key_sql(std::uint32_t table, const std::string& chunk, std::uint32_t first) {
  return std::to_string(table) + "," + pg_literal(chunk) + "," + std::to_string(first);
}

std::string key_sql(const LoadSpan& span) {
  return key_sql(span.table, span.chunk, span.first);
}

Error ledger_error(const PgFailure& failure, const std::string& what) {
  const Error error = pg_error(failure, what, kDoing);
  if (failure.sqlstate != "42501") return error;
  return error.with_next_action(
      "grant the role that loads CREATE on the database; where the schema bulk_load is another role's, "
      "USAGE on it and ALL on its tables");
}

void must(PgConnection& connection, const std::string& what, const std::string& sql, PgResult& result) {
  if (const auto failure = connection.try_run(sql, result)) {
    PgResult ignored;
    if (!failure->lost()) connection.try_run("ROLLBACK", ignored);
    throw ledger_error(*failure, what);
  }
}

}  // namespace

LoadLedger::LoadLedger(const PgUrl& url, std::string what, std::string load_id, const Stop& stop)
    : url_(url),
      what_(std::move(what)),
      load_id_(std::move(load_id)),
      lock_(static_cast<std::int64_t>(hash128("bulk load " + load_id_).low)),
      stop_(stop) {
  if (load_id_.empty()) throw Error(ErrorKind::failed, what_ + ": a load without a name");
  connect();
}

bool LoadLedger::begin(bool resumed) {
  if (resumed) drive_out_earlier_run();
  const bool known = make_tables();
  if (resumed) read_entries();
  return known;
}

void LoadLedger::connect() {
  control_.emplace(url_, what_, stop_);
  control_->run(
      "SELECT pg_catalog.set_config('synchronous_commit', 'on', false)"
      " WHERE pg_catalog.current_setting('synchronous_commit') = 'off'",
      kDoing);
}

// Whoever still holds the load's lock belongs to a run that is gone: two runs of the same work do not meet. Its server
// process may take hours to notice that, or be about to commit.
void LoadLedger::drive_out_earlier_run() {
  const auto key = static_cast<std::uint64_t>(lock_);
  PgResult result;
  // A role that may not end them can still wait for them.
  control_->try_run(
      "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_locks WHERE locktype = 'advisory'"
      " AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
      " AND classid = " +
          std::to_string(key >> 32) + " AND objid = " + std::to_string(key & 0xffffffff) +
          " AND objsubid = 1 AND pid <> pg_catalog.pg_backend_pid()",
      result);
  const std::string lock = std::to_string(lock_);
  const auto failure = control_->try_run("SET lock_timeout = '30s'; SELECT pg_catalog.pg_advisory_lock(" + lock +
                                             "); SELECT pg_catalog.pg_advisory_unlock(" + lock + ")",
                                         result);
  if (!failure) return;
  if (failure->sqlstate != "55P03") throw ledger_error(*failure, what_);
  throw Error(ErrorKind::remote, what_ + ": the server is still at work for the earlier run of this load",
              "try again when its connections are gone (pg_stat_activity)");
}

bool LoadLedger::make_tables() {
  PgResult result;
  const auto run = [&](const std::string& sql) { must(*control_, what_, sql, result); };
  run("BEGIN; SET LOCAL lock_timeout = '30s'; SELECT pg_catalog.pg_advisory_xact_lock(" + std::to_string(kSchemaLock) +
      ")");
  run("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'bulk_load'), "
      "(SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " WHERE n.nspname = 'bulk_load' AND c.relname IN ('loads', 'chunks') AND c.relkind = 'r')");
  const bool schema = result.text(0, 0) == "t";
  const bool tables = result.text(0, 1) == "2";
  if (!schema) run("CREATE SCHEMA bulk_load");
  if (!tables) {
    run("CREATE TABLE bulk_load.loads (load text PRIMARY KEY, touched timestamptz NOT NULL);"
        "CREATE TABLE bulk_load.chunks (load text, tbl int, chunk text, first int, records int NOT NULL, skipped int[],"
        " PRIMARY KEY (load, tbl, chunk, first))");
  }
  run("SELECT FROM bulk_load.loads WHERE load = " + pg_literal(load_id_));
  const bool known = result.rows() > 0;
  run(touch_sql());
  run("COMMIT");
  return known;
}

LoadLedger::Entry LoadLedger::entry_of(const PgResult& result, std::size_t row, std::size_t column) {
  Entry entry{number(result.text(row, column)), number(result.text(row, column + 1)), {}};
  std::string_view skipped = result.text(row, column + 2);
  while (!skipped.empty()) {
    const std::size_t comma = std::min(skipped.find(','), skipped.size());
    entry.skipped.push_back(number(skipped.substr(0, comma)));
    skipped.remove_prefix(std::min(comma + 1, skipped.size()));
  }
  return entry;
}

void LoadLedger::read_entries() {
  const PgResult entries = control_->run(
      "SELECT tbl, chunk, first, records, pg_catalog.array_to_string(skipped, ',') FROM bulk_load.chunks WHERE load "
      "= " +
          pg_literal(load_id_) + " ORDER BY tbl, chunk, first",
      kDoing, PgConnection::kUnlimited);
  for (std::size_t i = 0; i < entries.rows(); ++i) {
    const LoadSpan span{number(entries.text(i, 0)), std::string(entries.text(i, 1)), 0, 0};
    earlier_[chunk_key(span)].push_back(entry_of(entries, i, 2));
  }
}

LoadLedger::Known LoadLedger::look_up(const LoadSpan& span, const std::vector<Entry>& entries,
                                      std::vector<std::uint32_t>& skipped) {
  skipped.clear();
  std::uint32_t covered = 0;
  const std::uint32_t end = span.first + span.records;
  for (const Entry& entry : entries) {
    const std::uint32_t from = std::max(span.first, entry.first);
    const std::uint32_t to = std::min(end, entry.first + entry.records);
    if (from >= to) continue;
    covered += to - from;
    for (const std::uint32_t position : entry.skipped) {
      if (position >= from && position < to) skipped.push_back(position - span.first);
    }
  }
  return covered == 0 ? Known::no : covered < span.records ? Known::partly : Known::recorded;
}

LoadLedger::Known LoadLedger::known(const LoadSpan& span, std::vector<std::uint32_t>& skipped) const {
  const auto found = earlier_.find(chunk_key(span));
  return found == earlier_.end() ? Known::no : look_up(span, found->second, skipped);
}

std::optional<PgFailure> LoadLedger::ask(PgConnection& connection, const LoadSpan& span, Known& known,
                                         std::vector<std::uint32_t>& skipped) {
  PgResult result;
  const auto failure = connection.try_run(
      "SELECT first, records, pg_catalog.array_to_string(skipped, ',') FROM bulk_load.chunks WHERE load = " +
          pg_literal(load_id_) + " AND tbl = " + std::to_string(span.table) + " AND chunk = " + pg_literal(span.chunk) +
          " ORDER BY first",
      result);
  if (failure) return failure;
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < result.rows(); ++i) {
    entries.push_back(entry_of(result, i, 0));
    acknowledge({span.table, span.chunk, entries.back().first, entries.back().records});
  }
  known = look_up(span, entries, skipped);
  return std::nullopt;
}

std::string LoadLedger::lock_sql() const {
  return "SELECT pg_catalog.pg_advisory_lock_shared(" + std::to_string(lock_) + ")";
}

std::string LoadLedger::enter_sql(const LoadSpan& span) const {
  return "INSERT INTO bulk_load.chunks (load, tbl, chunk, first, records) VALUES (" + pg_literal(load_id_) + "," +
         key_sql(span) + "," + std::to_string(span.records) + ")";
}

std::string LoadLedger::skipped_sql(const LoadSpan& span, const std::vector<std::uint32_t>& skipped) const {
  std::string positions;
  for (const std::uint32_t position : skipped) {
    positions += (positions.empty() ? "" : ",") + std::to_string(span.first + position);
  }
  return "UPDATE bulk_load.chunks SET skipped = '{" + positions + "}' WHERE load = " + pg_literal(load_id_) +
         " AND (tbl, chunk, first) = (" + key_sql(span) + ")";
}

// Writes something whatever is there: a transaction that writes nothing makes nothing durable.
std::string LoadLedger::touch_sql() const {
  return "INSERT INTO bulk_load.loads VALUES (" + pg_literal(load_id_) +
         ", pg_catalog.now()) ON CONFLICT (load) DO UPDATE SET touched = pg_catalog.now()";
}

void LoadLedger::acknowledge(const LoadSpan& span) {
  const std::lock_guard lock(mutex_);
  unsettled_.emplace(span.table, span.chunk, span.first);
}

void LoadLedger::retry(const std::function<void()>& step) {
  Backoff backoff(RetryPolicy{}, std::random_device{}());
  for (;;) {
    std::chrono::nanoseconds pause{0};
    try {
      if (!control_) connect();
      step();
      return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::remote) throw;
      control_.reset();
      pause = backoff.failed(Backoff::Cause::transient, std::chrono::steady_clock::now());
      if (pause.count() < 0) throw;
    }
    if (stop_.wait_for(pause)) stop_.check();
  }
}

// A server that crashes takes asynchronous commits of its last moments with it, and comes back within the time in which
// sessions try again. So what it acknowledged is looked for, and only then counts: what is seen was committed before
// the commit that follows, which is on disk when it returns.
void LoadLedger::settle() {
  std::set<EntryKey> entries;
  {
    const std::lock_guard lock(mutex_);
    entries.swap(unsettled_);
  }
  std::size_t there = 0;
  retry([&] {
    there = 0;
    for (auto entry = entries.begin(); entry != entries.end();) {
      std::string values;
      for (std::size_t i = 0; i < kAskedAtOnce && entry != entries.end(); ++i, ++entry) {
        values += (i == 0 ? "(" : ",(") + key_sql(std::get<0>(*entry), std::get<1>(*entry), std::get<2>(*entry)) + ")";
      }
      const PgResult count =
          control_->run("SELECT count(*) FROM bulk_load.chunks WHERE load = " + pg_literal(load_id_) +
                            " AND (tbl, chunk, first) IN (VALUES " + values + ")",
                        kDoing, PgConnection::kUnlimited);
      there += number(count.text(0, 0));
    }
    control_->run(touch_sql(), kDoing, PgConnection::kUnlimited);
  });
  if (there == entries.size()) return;
  throw Error(ErrorKind::remote,
              what_ + ": of " + std::to_string(entries.size()) + " chunks that the server acknowledged it holds only " +
                  std::to_string(there) + ": it has crashed or was changed for another",
              "look at its log");
}

// The rows are durable before; what stays behind of the ledger harms nobody. Loads that were cut short and never gone
// on with go too, when nobody has touched them for a month.
void LoadLedger::finish() {
  settle();
  PgResult result;
  const std::string over = "load = " + pg_literal(load_id_) + " OR touched < pg_catalog.now() - interval '30 days'";
  const auto failure =
      control_->try_run("DELETE FROM bulk_load.chunks WHERE load IN (SELECT load FROM bulk_load.loads WHERE " + over +
                            "); DELETE FROM bulk_load.loads WHERE " + over,
                        result, PgConnection::kUnlimited);
  if (failure && failure->lost()) return;
  remove_schema();
}

// Under the lock under which a load enters itself: one that begins now sees the schema whole or not at all. Where
// something else is in it, or the role does not own it, it stays.
void LoadLedger::remove_schema() {
  PgResult result;
  if (control_->try_run("BEGIN; SET LOCAL lock_timeout = '5s'; SELECT pg_catalog.pg_advisory_xact_lock(" +
                            std::to_string(kSchemaLock) + ")",
                        result) ||
      control_->try_run("SELECT FROM bulk_load.loads LIMIT 1", result) || result.rows() > 0 ||
      control_->try_run("DROP TABLE bulk_load.chunks, bulk_load.loads; DROP SCHEMA bulk_load", result)) {
    control_->try_run("ROLLBACK", result);
    return;
  }
  control_->try_run("COMMIT", result);
}

}  // namespace bulk
