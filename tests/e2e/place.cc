#include "tests/e2e/place.h"

#include "tests/support/dynamodb_servers.h"

namespace bulk::test {
namespace {

class EmbeddedStore : public Place {
 public:
  std::string url(const std::string& table) const override { return "sqlite:store.db#" + table; }
};

class Server : public Place {
 public:
  explicit Server(DynamoDbServer server) : server_(std::move(server)) {
    environment = {{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};
  }
  std::string url(const std::string& table) const override { return server_.url(table); }
  std::string endpoint() const override { return server_.endpoint(); }

 private:
  DynamoDbServer server_;
};

}  // namespace

std::unique_ptr<Place> open_place(const std::string& name) {
  if (name == "sqlite") return std::make_unique<EmbeddedStore>();
  std::optional<DynamoDbServer> server = DynamoDbServer::start(name);
  if (!server) return nullptr;
  return std::make_unique<Server>(std::move(*server));
}

std::vector<std::string> all_places() {
  return {"sqlite", kDynoxide, kDynalite};
}

}  // namespace bulk::test
