#include "tests/support/dynamodb_servers.h"

#include <cstdlib>

namespace bulk::test {

std::filesystem::path dynamodb_server_program(const std::string& name) {
  const char* folder = std::getenv("BULK_TEST_SERVERS");
  const std::filesystem::path root = folder != nullptr ? folder : BULK_SOURCE_DIR "/build/servers/node_modules";
  return name == kDynoxide ? root / "@dynoxide/linux-x64/dynoxide" : root / ".bin/dynalite";
}

std::optional<DynamoDbServer> DynamoDbServer::start(const std::string& name) {
  const std::filesystem::path program = dynamodb_server_program(name);
  if (!std::filesystem::exists(program)) return std::nullopt;
  return DynamoDbServer(start_server([&](unsigned short port) {
    std::vector<std::string> argv{program.string()};
    if (name == kDynoxide) argv.emplace_back("serve");
    for (const std::string& argument :
         {std::string("--host"), std::string("127.0.0.1"), std::string("--port"), std::to_string(port)}) {
      argv.push_back(argument);
    }
    // dynalite's tables otherwise take half a second to come and to go.
    if (name == kDynalite) argv.insert(argv.end(), {"--createTableMs", "0", "--deleteTableMs", "0"});
    return argv;
  }));
}

}  // namespace bulk::test
