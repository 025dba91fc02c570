// A sandbox beside a real PostgreSQL: databases of the test's own, made by psql, backed up and restored by the program,
// compared by the server.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/support/postgres_server.h"

namespace bulk::test {

class PostgresPlace {
 public:
  PostgresPlace() : server_(PostgresServer::shared()) {}

  bool available() const { return server_ != nullptr; }
  Sandbox& sandbox() { return sandbox_; }
  RunResult bulk(const Arguments& arguments) { return sandbox_.bulk(arguments); }
  RunResult shell(const std::string& line) { return sandbox_.shell(line); }

  // A new database, under a name of this test's own, filled by `sql`.
  void make_database(const std::string& name, const std::string& sql);
  std::string url(const std::string& database, const std::string& table = {}) const;
  // What psql prints, unaligned, without its last newline. Fails the test on an error.
  std::string psql(const std::string& database, const std::string& sql);

  // EXCEPT ALL both ways on the text of whole rows. Tables as SQL spells them.
  void expect_same_rows(const std::string& one, const std::string& other, const std::vector<std::string>& tables);

 private:
  std::string real_name(const std::string& database) const;
  std::string run_psql(const std::string& real_database, const std::string& sql);

  PostgresServer* server_;
  Sandbox sandbox_;
};

}  // namespace bulk::test

#define BULK_REQUIRE_POSTGRES(place) \
  if (!(place).available()) GTEST_SKIP() << "no PostgreSQL in " << bulk::test::postgres_programs()
