// One point in time of a database, held for as long as the object lives: the holder's connection has ACCESS SHARE on
// the tables and an exported REPEATABLE READ snapshot; connections of readers import it and come back here to be used
// again (docs/postgresql.md, "Backup"). reader(), give_back() and check_held() from any thread; the rest from one.
//
// A reader has to lock its table again. Where somebody waits for an exclusive lock by then, it would wait behind them,
// who wait for the holder, who waits for the reader: the holder, which has all locks, then reads that table itself.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/postgres/catalog.h"

namespace bulk {

class PgSnapshot {
 public:
  static constexpr std::chrono::milliseconds kLockPatience{10'000};

  // `choose` lists the tables to be read; it is asked again, within the snapshot, until what it says was locked.
  // `patience`: how long each table's lock may take.
  PgSnapshot(const PgUrl& url, const std::string& what, const Stop& stop,
             const std::function<std::vector<PgTable>(PgConnection&)>& choose,
             std::chrono::milliseconds patience = kLockPatience);

  const std::vector<PgTable>& tables() const noexcept { return tables_; }
  const std::string& id() const noexcept { return id_; }  // of pg_export_snapshot()
  bool standby() const noexcept { return standby_; }
  PgConnection& holder() noexcept { return holder_; }

  // A connection in a transaction of this snapshot that may read `table` at once. Comes back when it is free again; one
  // that does not is closed.
  std::shared_ptr<PgConnection> reader(const PgTable& table);
  void give_back(std::shared_ptr<PgConnection> connection);
  bool is_holder(const PgConnection& connection) const noexcept { return &connection == &holder_; }
  // Error(remote) when the holder is gone: what was promised cannot be said any more.
  void check_held();

 private:
  const PgUrl url_;
  const std::string what_;
  const Stop& stop_;
  PgConnection holder_;
  const bool standby_;
  std::vector<PgTable> tables_;
  std::string id_;

  std::shared_ptr<PgConnection> take_idle();
  std::shared_ptr<PgConnection> connect_reader();
  // Of the holder, when it is not lent to a reader.
  std::shared_ptr<PgConnection> borrow_holder();

  std::mutex mutex_;  // guards idle_ and lent_, and holder_ while it is not lent
  std::vector<std::shared_ptr<PgConnection>> idle_;
  bool lent_ = false;
};

}  // namespace bulk
