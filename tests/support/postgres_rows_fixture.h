// For tests of backfills of rows: a job on a table of the test's own database, from its SQL to the last batch.
#pragma once

#include <optional>
#include <string>

#include "backends/postgres/row_backfill.h"
#include "backends/postgres/row_rollback.h"
#include "tests/support/postgres_fixture.h"

namespace bulk::test {

class RowsTest : public PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (!IsSkipped()) sql("SET search_path = public");
  }
  // As those who use the database connect.
  std::unique_ptr<PgConnection> connect() {
    auto connection = PostgresTest::connect();
    connection->run("SET search_path = public", "set up a connection");
    return connection;
  }

  // One run of a job.
  struct Work {
    Work(RowsTest& test, const std::string& table, RowJob job, RowProgram program = {})
        : session(parse_postgres_url(test.url(table)), test.url(table), test.retry_, test.stats_, test.stop_),
          sql(session.target(), std::move(job)) {
      session.hold_lock(sql.job().name);
      check_row_job(session, sql);
      backfill.emplace(session, sql, std::move(program));
      const std::string name = format_pg_fragment(session.target().name);
      std::optional<RowEntry> known = find_row_entry(session.connection(), sql.job().name, name);
      if (known && known->status != "rolled_back") {
        backfill->go_on(*known);
        return;
      }
      RowEntry entry;
      entry.version = sql.job().name;
      entry.target = name;
      entry.target_oid = session.target().oid;
      entry.undo = "undo_" + sql.job().name;
      backfill->begin(entry);
    }

    // To the end; rows that are refused are passed, and remembered.
    void run() {
      for (;;) {
        const RowBackfill::Batch batch = backfill->next(0);
        if (batch.end) return;
        if (!batch.rejected) continue;
        refused.push_back(*batch.rejected);
        backfill->pass();
      }
    }

    RowSession session;
    RowSql sql;
    std::optional<RowBackfill> backfill;
    std::vector<RowBackfill::Rejected> refused;
  };

  // A run from its beginning to its end.
  RowEntry run(const std::string& table, RowJob job, RowProgram program = {}) {
    Work work(*this, table, std::move(job), std::move(program));
    work.run();
    return work.backfill->entry();
  }

  static RowJob job(const std::string& when, const std::string& update, const std::string& name = "j") {
    RowJob job;
    job.name = name;
    job.when = when;
    if (!update.empty()) job.assignments = parse_set_list(update);
    return job;
  }

  // Takes the job `j` back.
  RowRollback::Outcome roll_back(const std::string& table, std::string* report = nullptr) {
    RowSession session(parse_postgres_url(url(table)), url(table), retry_, stats_, stop_);
    session.hold_lock("j");
    const RowEntry entry = find_row_entry(session.connection(), "j", format_pg_fragment(session.target().name)).value();
    RowRollback rollback(session, entry);
    while (!rollback.next().end) {
    }
    if (report != nullptr) rollback.list_changed([&](std::string_view line) { report->append(line); });
    return rollback.outcome();
  }

  // The rows that two tables do not share.
  std::string differing(const std::string& one, const std::string& other) {
    const auto minus = [](const std::string& a, const std::string& b) {
      return "(SELECT r::text FROM ONLY " + a + " r EXCEPT ALL SELECT r::text FROM ONLY " + b + " r)";
    };
    return value("SELECT count(*) FROM (" + minus(one, other) + " UNION ALL " + minus(other, one) + ") d");
  }

  RetryPolicy retry_{};
  RequestStats stats_;
};

}  // namespace bulk::test
