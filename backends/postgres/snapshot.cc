#include "backends/postgres/snapshot.h"

#include <algorithm>

#include "io/error.h"

namespace bulk {
namespace {

constexpr std::size_t kTablesPerLock = 500;
// Tables that come and go: so many looks, then somebody else has to stop.
constexpr int kLooks = 10;
constexpr std::chrono::milliseconds kNextTry{100};
constexpr const char* kLockNotAvailable = "55P03";
// A table that is gone between the look and the lock.
constexpr const char* kUndefinedTable = "42P01";
constexpr const char* kUndefinedSchema = "3F000";

constexpr const char* kPinned =
    "SET LOCAL row_security = off; SET LOCAL extra_float_digits = 3; SET LOCAL DateStyle = 'ISO'; "
    "SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC'; SET LOCAL bytea_output = 'hex'; "
    "SET LOCAL lc_monetary = 'C'; SET LOCAL search_path = ''; SET LOCAL synchronize_seqscans = off";

bool same_tables(const std::vector<PgTable>& a, const std::vector<PgTable>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const PgTable& x, const PgTable& y) { return x.oid == y.oid && x.name == y.name; });
}

// LOCK TABLE takes tables, and views with what they read from; of an inheritance tree each table is locked as itself,
// of a partitioned table all that is below.
bool lockable(const PgTable& table, int version) {
  return table.kind == 'r' || table.kind == 'p' || (table.kind == 'v' && version >= 110'000);
}

std::string lock_name(const PgTable& table) {
  return (table.kind == 'r' ? "ONLY " : "") + pg_identifier(table.name);
}

// Who has or wants the table that we could not lock; of the tables given.
Error lock_error(PgConnection& holder, const std::string& what, std::span<const PgTable> tables,
                 std::chrono::milliseconds patience) {
  std::string oids;
  for (const PgTable& table : tables) oids += (oids.empty() ? "" : ", ") + std::to_string(table.oid);
  const PgResult locks = holder.run(
      "SELECT relation, pid FROM pg_catalog.pg_locks WHERE mode = 'AccessExclusiveLock' AND pid <> pg_backend_pid() "
      "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relation IN (" +
          oids + ") ORDER BY granted DESC LIMIT 1",
      "ask who holds locks");
  std::string name = tables.size() == 1 ? tables.front().name.full() : "a table";
  std::string who = "another session holds it";
  if (locks.rows() > 0) {
    for (const PgTable& table : tables) {
      if (std::to_string(table.oid) == locks.text(0, 0)) name = table.name.full();
    }
    who = "process " + std::string(locks.text(0, 1)) + " of the server holds it or waits for it";
  }
  return Error(ErrorKind::remote,
               what + ": cannot lock " + name + " within " + std::to_string(patience.count()) + " ms: " + who,
               "try again when that has ended");
}

// False: a table is not there any more.
bool lock_tables(PgConnection& holder, const std::string& what, const std::vector<PgTable>& tables,
                 std::chrono::milliseconds patience) {
  std::vector<PgTable> wanted;
  for (const PgTable& table : tables) {
    if (lockable(table, holder.server_version())) wanted.push_back(table);
  }
  for (std::size_t begin = 0; begin < wanted.size(); begin += kTablesPerLock) {
    const std::span<const PgTable> some =
        std::span(wanted).subspan(begin, std::min(kTablesPerLock, wanted.size() - begin));
    std::string names;
    for (const PgTable& table : some) {
      names += (names.empty() ? "" : ", ") + lock_name(table);
    }
    PgResult ignored;
    const std::optional<PgFailure> failure =
        holder.try_run("LOCK TABLE " + names + " IN ACCESS SHARE MODE", ignored, PgConnection::kUnlimited);
    if (!failure) continue;
    if (failure->sqlstate == kUndefinedTable || failure->sqlstate == kUndefinedSchema) return false;
    if (failure->sqlstate == kLockNotAvailable) {
      holder.run("ROLLBACK", "give up the locks");
      throw lock_error(holder, what, some, patience);
    }
    throw pg_error(*failure, what, "lock the tables");
  }
  return true;
}

// What LOCK TABLE does not take is locked by looking at it, after the snapshot was taken. A REFRESH in between would
// have put rows there that the snapshot does not see, and it cannot see the former ones any more.
bool look_at_views(PgConnection& holder, const std::vector<PgTable>& tables) {
  for (const PgTable& table : tables) {
    if (table.kind != 'm') continue;
    const PgResult same = holder.run("SELECT FROM " + pg_identifier(table.name) +
                                         " LIMIT 0; SELECT pg_relation_filenode(c.oid) = c.relfilenode "
                                         "FROM pg_catalog.pg_class c WHERE c.oid = " +
                                         std::to_string(table.oid),
                                     "lock " + table.name.full(), PgConnection::kUnlimited);
    if (same.rows() == 0 || same.text(0, 0) != "t") return false;
  }
  return true;
}

}  // namespace

PgSnapshot::PgSnapshot(const PgUrl& url, const std::string& what, const Stop& stop,
                       const std::function<std::vector<PgTable>(PgConnection&)>& choose,
                       std::chrono::milliseconds patience)
    : url_(url), what_(what), stop_(stop), holder_(url, what, stop), standby_(holder_.in_recovery()) {
  for (int look = 0; look < kLooks; ++look) {
    const std::vector<PgTable> wanted = choose(holder_);
    // LOCK does not take the snapshot: what the first query sees is what was there when all tables were locked.
    holder_.run(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = " + std::to_string(patience.count()),
        "begin a transaction");
    if (lock_tables(holder_, what_, wanted, patience)) {
      id_ = holder_.run("SELECT pg_catalog.pg_export_snapshot()", "export a snapshot").text(0, 0);
      tables_ = choose(holder_);
      if (same_tables(wanted, tables_) && look_at_views(holder_, tables_)) {
        measure(holder_, tables_);
        holder_.run(kPinned, "set up the transaction");
        holder_.run("SET LOCAL lock_timeout = 0", "end the hurry");
        return;
      }
    }
    holder_.run("ROLLBACK", "look at the tables again");
  }
  throw Error(ErrorKind::remote, what_ + ": tables come and go: " + std::to_string(kLooks) + " looks found other ones",
              "try again when nobody makes, drops or renames tables");
}

std::shared_ptr<PgConnection> PgSnapshot::take_idle() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return nullptr;
  std::shared_ptr<PgConnection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

std::shared_ptr<PgConnection> PgSnapshot::connect_reader() {
  auto connection = std::make_shared<PgConnection>(url_, what_, stop_);
  PgResult ignored;
  // Rows come in the order in which they stand, also when they are read a second time. What decides whether any are
  // missing, and how they are spelled, is said once more within the transaction: a pooler may have given it to another
  // session of the server.
  const std::optional<PgFailure> failure = connection->try_run(
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " + pg_literal(id_) +
          "; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_indexonlyscan = off; "
          "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; " +
          kPinned,
      ignored);
  if (failure) {
    check_held();
    throw pg_error(*failure, what_, "share the snapshot");
  }
  return connection;
}

std::shared_ptr<PgConnection> PgSnapshot::borrow_holder() {
  const std::lock_guard lock(mutex_);
  if (lent_) return nullptr;
  lent_ = true;
  return {&holder_, [](PgConnection*) {}};
}

std::shared_ptr<PgConnection> PgSnapshot::reader(const PgTable& table) {
  std::shared_ptr<PgConnection> connection = take_idle();
  PgResult ignored;
  // One that nobody has used for a while may be gone.
  if (!connection || connection->try_run("", ignored)) connection = connect_reader();
  if (!lockable(table, connection->server_version())) {
    // The holder has it already: nobody who waits for it can stand between.
    std::shared_ptr<PgConnection> holder = borrow_holder();
    if (!holder) return connection;
    give_back(std::move(connection));
    return holder;
  }
  for (;;) {
    const std::optional<PgFailure> failure = connection->try_run(
        "SAVEPOINT before; LOCK TABLE " + lock_name(table) + " IN ACCESS SHARE MODE NOWAIT; RELEASE SAVEPOINT before",
        ignored);
    if (!failure) return connection;
    const std::string doing = "lock " + table.name.full();
    if (failure->sqlstate != kLockNotAvailable) throw pg_error(*failure, what_, doing);
    connection->run("ROLLBACK TO SAVEPOINT before", doing);
    if (std::shared_ptr<PgConnection> holder = borrow_holder()) {
      give_back(std::move(connection));
      return holder;
    }
    // Whoever waits may have given up meanwhile.
    if (stop_.wait_for(kNextTry)) stop_.check();
  }
}

void PgSnapshot::give_back(std::shared_ptr<PgConnection> connection) {
  const std::lock_guard lock(mutex_);
  if (is_holder(*connection)) {
    lent_ = false;
  } else {
    idle_.push_back(std::move(connection));
  }
}

void PgSnapshot::check_held() {
  const std::lock_guard lock(mutex_);
  if (lent_) return;  // whoever reads from it will learn it
  PgResult ignored;
  const std::optional<PgFailure> failure = holder_.try_run("SELECT 1", ignored);
  if (!failure) return;
  throw Error(
      ErrorKind::remote,
      what_ + ": the connection that holds the snapshot is lost: " + failure->message +
          ": what is read from now on may be of another time",
      standby_ ? "begin again; a standby ends long queries unless hot_standby_feedback is on there" : "begin again");
}

}  // namespace bulk
