// For tests that need a PostgreSQL: the one server of this process and a database of the test's own.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "backends/postgres/connection.h"
#include "tests/support/postgres_server.h"

namespace bulk::test {

class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = PostgresServer::shared();
    if (server_ == nullptr) GTEST_SKIP() << "no PostgreSQL in " << postgres_programs() << " (set BULK_TEST_POSTGRES)";
    static int number = 0;
    database_ = "t" + std::to_string(++number);
    connect("postgres")->run("CREATE DATABASE " + database_, "make a database");
  }

  PostgresServer& server() { return *server_; }
  const std::string& database() const { return database_; }
  // Of the test's database; with `#table` where one is given.
  std::string url(const std::string& table = "") const {
    return server_->url(database_) + (table.empty() ? "" : "#" + table);
  }
  std::unique_ptr<PgConnection> connect(const std::string& database = "") {
    const std::string url = server_->url(database.empty() ? database_ : database);
    return std::make_unique<PgConnection>(parse_postgres_url(url), url, stop_);
  }
  // On a connection that is kept, in the test's database.
  PgResult sql(const std::string& text) {
    if (!connection_) connection_ = connect();
    return connection_->run(text, "run the test's SQL");
  }
  // Of a query with one row of one column.
  std::string value(const std::string& query) { return std::string(sql(query).text(0, 0)); }

  Stop stop_;

  // That has done all that the server has done up to now.
  std::unique_ptr<PostgresServer> standby() {
    std::unique_ptr<PostgresServer> standby = server_->standby();
    const std::string url = standby->url("postgres");
    PgConnection there(parse_postgres_url(url), url, stop_);
    const std::string now = value("SELECT pg_current_wal_insert_lsn()");
    while (there.run("SELECT coalesce(pg_last_wal_replay_lsn() >= '" + now + "', false)", "ask").text(0, 0) != "t") {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return standby;
  }

 private:
  PostgresServer* server_ = nullptr;
  std::string database_;
  std::unique_ptr<PgConnection> connection_;
};

}  // namespace bulk::test
