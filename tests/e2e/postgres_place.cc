#include "tests/e2e/postgres_place.h"

#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace bulk::test {

// Tests share a server: a name belongs to one of them.
std::string PostgresPlace::real_name(const std::string& database) const {
  const testing::TestInfo* const test = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(test->name()).substr(0, 40) + "_" + database;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

std::string PostgresPlace::run_psql(const std::string& real_database, const std::string& sql) {
  const std::string file = sandbox_.write("statements.sql", sql);
  const RunResult result =
      sandbox_.shell("psql -X -q -A -t -v ON_ERROR_STOP=1 -f statements.sql '" + server_->url(real_database) + "'");
  std::filesystem::remove(file);
  if (result.status != 0) ADD_FAILURE() << sql.substr(0, 200) << "\n" << result.err;
  std::string out = result.out;
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

void PostgresPlace::make_database(const std::string& name, const std::string& sql) {
  run_psql("postgres", "CREATE DATABASE " + real_name(name));
  if (!sql.empty()) run_psql(real_name(name), sql);
}

std::string PostgresPlace::url(const std::string& database, const std::string& table) const {
  return server_->url(real_name(database)) + (table.empty() ? "" : "#" + table);
}

std::string PostgresPlace::psql(const std::string& database, const std::string& sql) {
  return run_psql(real_name(database), sql);
}

void PostgresPlace::expect_same_rows(const std::string& one, const std::string& other,
                                     const std::vector<std::string>& tables) {
  for (const std::string& table : tables) {
    // Two databases do not see each other: the rows of the one come to the other as text.
    const std::string file = sandbox_.write("rows.txt", "");
    run_psql(real_name(one), "\\copy (SELECT t::text FROM " + table + " AS t) TO '" + file + "'\n");
    const std::string differing =
        run_psql(real_name(other),
                 "CREATE TEMPORARY TABLE rows_there (line text);\n\\copy rows_there FROM '" + file +
                     "'\nSELECT (SELECT count(*) FROM (SELECT line FROM rows_there EXCEPT ALL SELECT t::text FROM " +
                     table + " AS t) AS a), (SELECT count(*) FROM (SELECT t::text FROM " + table +
                     " AS t EXCEPT ALL SELECT line FROM rows_there) AS b), (SELECT count(*) FROM rows_there) = "
                     "(SELECT count(*) FROM " +
                     table + ");\n");
    EXPECT_EQ(differing, "0|0|t") << table;
    std::filesystem::remove(file);
  }
}

}  // namespace bulk::test
