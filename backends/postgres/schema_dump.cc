#include "backends/postgres/schema_dump.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <set>

#include "codecs/sql_script.h"
#include "io/child_process.h"
#include "io/error.h"

namespace bulk {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "pg_dump";
constexpr const char* kDebianFolder = "/usr/lib/postgresql";
constexpr std::size_t kMaxSqlBytes = 256u << 20;
constexpr std::size_t kMaxErrorBytes = 16u << 10;
constexpr std::chrono::milliseconds kStopCheck{100};
constexpr std::chrono::seconds kVersionTime{10};

struct Ended {
  std::string output, errors;
  int status = 0;
};

// Takes a part of what is there, and drops what is beyond `most` bytes; false at the end.
bool take(int fd, std::string& into, std::size_t most) {
  std::array<char, 64u << 10> bytes;
  const ssize_t got = ::read(fd, bytes.data(), bytes.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  into.append(bytes.data(), std::min(static_cast<std::size_t>(got), most - std::min(most, into.size())));
  return got > 0;
}

// Runs a program to its end. `check` is asked every 100 ms and throws when that is enough.
template <typename Check>
Ended run_program(const std::string& what, const std::vector<std::string>& arguments, const Check& check) {
  ChildProcess child(what, arguments, "");
  child.close_input();
  Ended ended;
  bool output = true;
  bool errors = true;
  while (output || errors) {
    check();
    std::array<pollfd, 2> pipes{pollfd{output ? child.output() : -1, POLLIN, 0},
                                pollfd{errors ? child.errors() : -1, POLLIN, 0}};
    if (::poll(pipes.data(), pipes.size(), static_cast<int>(kStopCheck.count())) <= 0) continue;
    if (pipes[0].revents != 0) output = take(child.output(), ended.output, kMaxSqlBytes + 1);
    if (pipes[1].revents != 0) errors = take(child.errors(), ended.errors, kMaxErrorBytes);
  }
  std::optional<int> status;
  for (auto pause = std::chrono::milliseconds(1); !(status = child.status()); pause = std::min(pause * 2, kStopCheck)) {
    check();
    ::poll(nullptr, 0, static_cast<int>(pause.count()));
  }
  ended.status = *status;
  return ended;
}

// "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"; 0: something else.
int major_version(std::string_view text) {
  constexpr std::string_view kBefore = "(PostgreSQL) ";
  const std::size_t at = text.find(kBefore);
  int major = 0;
  if (at != std::string_view::npos) {
    std::from_chars(text.data() + at + kBefore.size(), text.data() + text.size(), major);
  }
  return major;
}

int ask_version(const std::string& path) {
  const auto deadline = std::chrono::steady_clock::now() + kVersionTime;
  try {
    const Ended ended = run_program(kProgram, {path, "--version"}, [&] {
      if (std::chrono::steady_clock::now() >= deadline) throw Error(ErrorKind::failed, path + " does not end");
    });
    return WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 0 ? major_version(ended.output) : 0;
  } catch (const Error&) {
    return 0;  // one that cannot be started is none
  }
}

// Why pg_dump failed: the last line that it calls an error, or the last one at all.
std::string said_by_pg_dump(std::string_view text) {
  constexpr std::string_view kError = "error: ";
  std::string said;
  bool found = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t at = line.find(kError);
    if (line.empty() || (found && at == std::string_view::npos)) continue;
    found = at != std::string_view::npos;
    said = found ? line.substr(at + kError.size()) : line;
  }
  return said;
}

// Commands for psql that newer versions of pg_dump put around the script, with a key of their own that cannot stand in
// it.
std::string without_psql_commands(std::string sql) {
  constexpr std::string_view kBegin = "\n\\restrict ";
  const std::size_t begin = sql.find(kBegin);
  if (begin == std::string::npos) return sql;
  const std::size_t end = std::min(sql.find('\n', begin + 1), sql.size());
  const std::string key = sql.substr(begin + kBegin.size(), end - begin - kBegin.size());
  const std::string closing = "\n\\unrestrict " + key + "\n";
  if (const std::size_t at = sql.rfind(closing); at != std::string::npos && at >= end) {
    sql.erase(at, closing.size() - 1);
  }
  sql.erase(begin, end - begin);
  return sql;
}

// A user mapping and a subscription hold passwords; a subscription would also take over the slot of the one that it is
// a copy of.
std::string without_secrets(const std::string& script) {
  std::string kept;
  bool left_out = false;
  for (const Statement& statement : split_sql(script)) {
    const bool secret =
        statement.text.starts_with("CREATE USER MAPPING ") || statement.text.starts_with("CREATE SUBSCRIPTION ") ||
        statement.text.starts_with("ALTER SUBSCRIPTION ") || statement.text.starts_with("COMMENT ON SUBSCRIPTION ");
    left_out = left_out || secret;
    if (!secret) kept.append(statement.text).append("\n\n");
  }
  return left_out ? kept : script;
}

std::string dump_section(const PgDumpProgram& program, const PgUrl& url, const std::string& snapshot,
                         const std::vector<PgName>& tables, const Stop& stop, const char* section) {
  const std::string server = format_postgres_url({url.parameters, std::nullopt});
  std::vector<std::string> arguments{program.path,
                                     "--schema-only",
                                     std::string("--section=") + section,
                                     "--snapshot=" + snapshot,
                                     "--encoding=UTF8",
                                     "--lock-wait-timeout=10s",
                                     "--no-password",
                                     "--dbname=" + server};
  if (tables.empty()) arguments.emplace_back("--exclude-schema=\"bulk_load\"");
  for (const PgName& table : tables) arguments.push_back("--table=" + pg_identifier(table));
  if (!tables.empty()) arguments.emplace_back("--strict-names");
  const Ended ended = run_program(kProgram, arguments, [&] { stop.check(); });
  const std::string what = server + ": " + kProgram + " (" + program.path + ")";
  if (!WIFEXITED(ended.status) || WEXITSTATUS(ended.status) != 0) {
    const std::string said = said_by_pg_dump(ended.errors);
    throw Error(
        ErrorKind::failed,
        what +
            (WIFEXITED(ended.status) ? " failed" : " was killed by signal " + std::to_string(WTERMSIG(ended.status))) +
            (said.empty() ? "" : ": " + said),
        "see what it says when it is run by hand: pg_dump --schema-only");
  }
  if (ended.output.size() > kMaxSqlBytes) {
    throw Error(ErrorKind::failed, what + " printed more than " + std::to_string(kMaxSqlBytes >> 20) + " MiB of SQL");
  }
  return without_psql_commands(ended.output);
}

}  // namespace

std::vector<PgDumpProgram> find_pg_dump(const Environment& environment) {
  std::vector<fs::path> paths;
  std::string rest = environment("PATH").value_or("");
  while (!rest.empty()) {
    const std::string folder = rest.substr(0, rest.find(':'));
    rest.erase(0, std::min(rest.size(), folder.size() + 1));
    if (!folder.empty()) paths.push_back(fs::path(folder) / kProgram);
  }
  std::error_code ignored;
  for (const auto& version : fs::directory_iterator(kDebianFolder, ignored)) {
    paths.push_back(version.path() / "bin" / kProgram);
  }
  std::vector<PgDumpProgram> programs;
  std::set<fs::path> seen;
  for (const fs::path& path : paths) {
    const fs::path real = fs::canonical(path, ignored);
    // Debian's pg_dump in PATH is a script that chooses one of the others by rules of its own.
    if (ignored || real.filename() != kProgram || !seen.insert(real).second) continue;
    if (const int major = ask_version(real.string()); major > 0) programs.push_back({real.string(), major});
  }
  return programs;
}

PgDumpProgram choose_pg_dump(const std::vector<PgDumpProgram>& programs, int server_version) {
  constexpr int kMajor = 10'000;
  const int server = server_version / kMajor;
  const PgDumpProgram* best = nullptr;
  int newest = 0;
  for (const PgDumpProgram& program : programs) {
    newest = std::max(newest, program.major);
    if (program.major >= server && (best == nullptr || program.major < best->major)) best = &program;
  }
  if (best != nullptr) return *best;
  throw Error(ErrorKind::usage,
              "the server is PostgreSQL " + std::to_string(server) + " and " +
                  (newest == 0 ? "there is no pg_dump here" : "the newest pg_dump here is " + std::to_string(newest)),
              "install postgresql-client-" + std::to_string(server));
}

PgSchemaSql dump_schema(const PgDumpProgram& program, const PgUrl& url, const std::string& snapshot,
                        const std::vector<PgName>& tables, const Stop& stop) {
  return {without_secrets(dump_section(program, url, snapshot, tables, stop, "pre-data")),
          without_secrets(dump_section(program, url, snapshot, tables, stop, "post-data"))};
}

}  // namespace bulk
