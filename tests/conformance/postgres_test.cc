// Items in a table of a real PostgreSQL (docs/postgresql.md, "Items in a table").
#include "backends/postgres/item_store.h"
#include "tests/conformance/conformance.h"
#include "tests/support/postgres_server.h"

namespace bulk::test {
namespace {

class PostgresPlace : public Place {
 public:
  explicit PostgresPlace(const std::string& url) : url_(url) {}
  std::unique_ptr<Store> store() override {
    return std::make_unique<PostgresItemStore>(parse_postgres_url(url_), context_);
  }

 private:
  static std::optional<std::string> environment(const std::string&) { return std::nullopt; }

  std::string url_;
  Stop stop_;
  RequestStats stats_;
  StoreContext context_{stop_, stats_, environment, "bulk-test", "", "", ""};
};

// A table of its own in the one database.
std::unique_ptr<Place> make_place() {
  static int tables = 0;
  const PostgresServer* const server = PostgresServer::shared();
  if (server == nullptr) return nullptr;
  return std::make_unique<PostgresPlace>(server->url("postgres") + "#Items%20" + std::to_string(++tables));
}

INSTANTIATE_TEST_SUITE_P(Postgres, Conformance,
                         ::testing::Values(Backend{"Postgres", true, true, make_place, true, false}), backend_name);

}  // namespace
}  // namespace bulk::test
