// The DynamoDB backend on real servers and on one that fails now and then.
#include <atomic>

#include "tests/conformance/updates.h"
#include "tests/fault_server.h"
#include "tests/support/dynamodb_servers.h"

namespace bulk::test {
namespace {

// A table of its own on a server that is kept running by whoever made the place.
class DynamoDbPlace : public Place {
 public:
  explicit DynamoDbPlace(std::string url) : url_(std::move(url)) {
    context_.retry.transient_base = context_.retry.throttled_base = std::chrono::milliseconds(1);
  }
  std::unique_ptr<Store> store() override { return open_store(url_, context_); }

 private:
  static std::optional<std::string> environment(const std::string& name) {
    if (name == "AWS_ACCESS_KEY_ID") return "AKIDEXAMPLE";
    if (name == "AWS_SECRET_ACCESS_KEY") return "wJalrXUtnFEMI";
    return std::nullopt;
  }

  std::string url_;
  Stop stop_;
  RequestStats stats_;
  StoreContext context_{stop_, stats_, environment, "bulk-test", "", "", ""};
};

// Shares the server with the places made before: starting one takes a second.
Backend real_server(const std::string& label, const char* program, bool compares_documents) {
  const auto server = std::make_shared<std::unique_ptr<DynamoDbServer>>();
  const auto tables = std::make_shared<std::atomic<int>>(0);
  return {label, true, true,
          [=]() -> std::unique_ptr<Place> {
            if (!*server) {
              auto started = DynamoDbServer::start(program);
              if (!started) return nullptr;
              *server = std::make_unique<DynamoDbServer>(std::move(*started));
            }
            return std::make_unique<DynamoDbPlace>((*server)->url("conformance-" + std::to_string((*tables)++)));
          },
          compares_documents};
}

class FaultPlace : public DynamoDbPlace {
 public:
  explicit FaultPlace(std::shared_ptr<FaultServer> server)
      : DynamoDbPlace(server->url("conformance")), server_(std::move(server)) {}

 private:
  std::shared_ptr<FaultServer> server_;
};

// Requests that fail before they are carried out: the content has to be right, and so has the count of what was
// skipped. (A lost reply to a put that was carried out cannot be told from an item that was there.)
Backend failing_server() {
  return {"FailingServer", true, false, [] {
            Faults faults;
            faults.operations = {"Scan", "BatchWriteItem", "PutItem", "UpdateItem", "GetItem"};
            faults.throttle = 0.05;
            faults.internal_error = 0.05;
            faults.drop_before = 0.05;
            faults.unprocessed = 0.1;
            faults.empty_page = 0.2;
            faults.no_old_item = true;
            faults.page_items = 60;
            return std::make_unique<FaultPlace>(std::make_shared<FaultServer>(faults));
          }};
}

Backend sound_server() {
  return {"SoundServer", true, false, [] {
            Faults faults;
            faults.page_items = 20;  // the real ones have everything on one page
            return std::make_unique<FaultPlace>(std::make_shared<FaultServer>(faults));
          }};
}

// Once for all suites, so that they share the servers.
const std::vector<Backend>& backends() {
  static const std::vector<Backend> kBackends = {real_server("Dynoxide", kDynoxide, true),
                                                 real_server("Dynalite", kDynalite, false), sound_server(),
                                                 failing_server()};
  return kBackends;
}

INSTANTIATE_TEST_SUITE_P(DynamoDb, Conformance, ::testing::ValuesIn(backends()), backend_name);
INSTANTIATE_TEST_SUITE_P(DynamoDb, Updates, ::testing::ValuesIn(backends()), backend_name);

}  // namespace
}  // namespace bulk::test
