#include "tests/support/postgres_server.h"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/support/shared.h"

namespace bulk::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr auto kLook = 5ms;

// With a signal for when we die, which the change of user would drop.
std::vector<std::string> as_user(std::vector<std::string> argv) {
  if (::geteuid() != 0) return argv;
  std::vector<std::string> all{"setpriv",        "--reuid=postgres", "--regid=postgres",
                               "--clear-groups", "--pdeathsig",      "QUIT"};
  all.insert(all.end(), argv.begin(), argv.end());
  return all;
}

void give_to_user(const fs::path& path) {
  if (::geteuid() != 0) return;
  const passwd* const user = ::getpwnam("postgres");
  if (user == nullptr) throw std::runtime_error("there is no user postgres");
  if (::lchown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::runtime_error("cannot chown " + path.string());
  if (!fs::is_directory(path)) return;
  for (const auto& entry : fs::directory_iterator(path)) give_to_user(entry.path());
}

void run_initdb(const std::string& folder, const std::string& log) {
  Process process(
      as_user({(postgres_programs() / "initdb").string(), "--no-sync", "--no-instructions", "--auth=trust",
               "--username=bulk", "--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=1", "--pgdata=" + folder}),
      log);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (process.running()) {
    if (std::chrono::steady_clock::now() >= deadline) throw std::runtime_error("initdb does not end");
    std::this_thread::sleep_for(kLook);
  }
  // It removes what it has made when it fails.
  if (!fs::exists(folder + "/PG_VERSION")) throw std::runtime_error("initdb failed: " + read_file(log));
}

void write_settings(const fs::path& data) {
  std::ofstream(data / "pg_hba.conf") << "host all scram 127.0.0.1/32 scram-sha-256\n"
                                         "local all all trust\n"
                                         "host all all 127.0.0.1/32 trust\n"
                                         "host replication all 127.0.0.1/32 trust\n";
  // Tests' data need not outlive the machine.
  std::ofstream(data / "postgresql.conf") << "fsync = off\n"
                                             "full_page_writes = off\n"
                                             "autovacuum = off\n"
                                             "shared_buffers = 32MB\n"
                                             "lc_messages = 'C'\n"
                                             "listen_addresses = '127.0.0.1'\n"
                                             "log_min_messages = fatal\n";
}

// A data folder to be copied, made once for all test programs: initdb takes longer than most of their tests.
fs::path template_folder() {
  fs::path folder = fs::path(BULK_SOURCE_DIR) / "build/servers/postgresql-15";
  if (fs::exists(folder / "PG_VERSION")) return folder;
  const TempDir work;
  give_to_user(work.path());
  const std::string data = work.file("data");
  run_initdb(data, work.file("initdb.log"));
  // Two programs may do so at once: whoever is first has made it.
  const fs::path mine = folder.string() + "." + std::to_string(::getpid());
  fs::create_directories(folder.parent_path());
  fs::copy(data, mine, fs::copy_options::recursive);
  std::error_code problem;
  fs::rename(mine, folder, problem);
  if (problem) fs::remove_all(mine);
  return folder;
}

// In memory where there is plenty: a server is a thousand files that come and go with each test.
fs::path data_place() {
  constexpr std::uintmax_t kPlenty = 2ull << 30;
  const fs::path memory = "/dev/shm";
  std::error_code absent;
  const fs::space_info space = fs::space(memory, absent);
  return !absent && space.available >= kPlenty ? memory : fs::temp_directory_path();
}

}  // namespace

PostgresServer::PostgresServer() : folder_(data_place()) {}

fs::path postgres_programs() {
  const char* const folder = std::getenv("BULK_TEST_POSTGRES");
  return folder != nullptr ? folder : "/usr/lib/postgresql/15/bin";
}

std::unique_ptr<PostgresServer> PostgresServer::start(const std::vector<std::string>& settings) {
  if (!fs::exists(postgres_programs() / "initdb")) return nullptr;
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  server->take_data();
  server->serve(settings);
  return server;
}

PostgresServer* PostgresServer::shared() {
  static const std::unique_ptr<PostgresServer> server = start();
  return server.get();
}

std::unique_ptr<PostgresServer> PostgresServer::standby() {
  std::unique_ptr<PostgresServer> server(new PostgresServer);
  // Begins where this one has begun, and repeats all that this one has done since.
  server->take_data();
  std::ofstream(server->data() + "/standby.signal") << "";
  server->serve({"primary_conninfo=host=127.0.0.1 user=bulk port=" + std::to_string(port())});
  return server;
}

void PostgresServer::take_data() {
  fs::copy(template_folder(), data(), fs::copy_options::recursive);
  write_settings(data());
  give_to_user(folder_.path());
}

void PostgresServer::serve(const std::vector<std::string>& settings) {
  server_.emplace(start_server([&](unsigned short port) {
    std::vector<std::string> argv{(postgres_programs() / "postgres").string(),
                                  "-D",
                                  data(),
                                  "-p",
                                  std::to_string(port),
                                  "-k",
                                  folder_.path().string()};
    for (const std::string& setting : settings) argv.insert(argv.end(), {"-c", setting});
    return as_user(std::move(argv));
  }));
  // It listens before it answers: the last line of this file says how it is.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    std::ifstream file(data() + "/postmaster.pid");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text.find("\nready") != std::string::npos) return;
    if (std::chrono::steady_clock::now() >= deadline || !server_->process.running()) {
      throw std::runtime_error("PostgreSQL does not get ready");
    }
    std::this_thread::sleep_for(kLook);
  }
}

PostgresServer::~PostgresServer() {
  if (!server_ || !server_->process.running()) return;
  // At once, but with its shared memory given back, which a SIGKILL would leave behind.
  ::kill(server_->process.pid(), SIGQUIT);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (server_->process.running() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(kLook);
}

std::string PostgresServer::url(const std::string& database, const std::string& user) const {
  return "postgresql://" + user + "@127.0.0.1:" + std::to_string(port()) + "/" + database;
}

}  // namespace bulk::test
