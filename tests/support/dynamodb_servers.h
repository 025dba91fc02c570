// Real DynamoDB-compatible servers for tests: dynoxide and dynalite, installed by npm under build/servers/node_modules
// (setting: BULK_TEST_SERVERS, a node_modules folder). Where one is absent a test skips, visibly. Neither verifies
// signatures or throttles; both hold their tables in memory.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tests/support/process.h"

namespace bulk::test {

inline constexpr const char* kDynoxide = "dynoxide";
inline constexpr const char* kDynalite = "dynalite";

// Where the server's program would be.
std::filesystem::path dynamodb_server_program(const std::string& name);

class DynamoDbServer {
 public:
  // Nothing when it is not installed. Throws std::runtime_error when it does not start.
  static std::optional<DynamoDbServer> start(const std::string& name);

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(server_.port); }
  // A bulk URL for a table there.
  std::string url(const std::string& table) const {
    return "dynamodb://" + table + "?region=us-east-1&endpoint=" + endpoint();
  }

 private:
  explicit DynamoDbServer(ServerProcess server) : server_(std::move(server)) {}
  ServerProcess server_;
};

}  // namespace bulk::test
