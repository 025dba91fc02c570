// A real PostgreSQL 15 for tests, from /usr/lib/postgresql/15/bin (setting: BULK_TEST_POSTGRES, a folder of programs).
// Where it is absent a test skips, visibly. Each server has a data folder of its own, copied from one that initdb made
// once (build/servers/postgresql-15), a port of 127.0.0.1 and a folder for its socket, and is stopped by its id.
// PostgreSQL refuses to run as root: it then runs as user postgres.
//
// Roles: bulk, a superuser, and whatever tests make; all are trusted but `scram`, which has to say its password.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace bulk::test {

inline constexpr const char* kScramPassword = "s3cret word";

// Where its programs would be.
std::filesystem::path postgres_programs();

class PostgresServer {
 public:
  // Null when it is not installed. Throws std::runtime_error when it does not start. `settings`: more of them,
  // NAME=VALUE.
  static std::unique_ptr<PostgresServer> start(const std::vector<std::string>& settings = {});
  // The one of this process, started when it is first asked for and stopped at the end; null when it is not installed.
  static PostgresServer* shared();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;

  // One that follows this one; what is there already takes a moment to get there.
  std::unique_ptr<PostgresServer> standby();

  unsigned short port() const { return server_->port; }
  pid_t pid() const { return server_->process.pid(); }
  std::string socket_folder() const { return folder_.path().string(); }
  // A bulk URL for a database there, whose name needs no encoding.
  std::string url(const std::string& database, const std::string& user = "bulk") const;

 private:
  PostgresServer();
  void take_data();
  void serve(const std::vector<std::string>& settings);
  std::string data() const { return folder_.file("data"); }

  TempDir folder_;
  std::optional<ServerProcess> server_;
};

}  // namespace bulk::test
