// null_server: a table that answers as fast as a socket allows, for measuring what a client costs. See service.h for
// what it answers, bench/null_server --help for its flags. It prints "null_server: http://127.0.0.1:PORT" when it is
// ready and ends on SIGTERM. With --print it writes its item set to standard output instead.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "bench/null_server/certificate.h"
#include "bench/null_server/server.h"

namespace bulk::bench {
namespace {

struct Flags {
  ItemSetOptions set;
  ServiceOptions service;
  ServerOptions server;
  double latency_ms = 0;
  bool tls = false;
  std::string print;
  std::string role = "source";
  std::vector<std::string> changes;
  std::string hot;
  double wcu = 0;
};

std::pair<double, double> two_numbers(const std::string& text, const char* flag) {
  double first = 0;
  double second = 0;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%lf:%lf%c", &first, &second, &rest) != 2 || first < 0 || second < 0) {
    throw std::runtime_error(std::string(flag) + " takes two numbers, such as 10:500, not '" + text + "'");
  }
  return {first, second};
}

void add_flags(CLI::App& app, Flags& flags) {
  app.add_option("--port", flags.server.port, "listen there; without it where it is free");
  app.add_option("--threads", flags.server.threads, "threads that answer (1)")->check(CLI::Range(1, 64));
  app.add_option("--items", flags.set.items, "items of the set (1000000)");
  app.add_option("--item-bytes", flags.set.item_bytes, "of JSON text, on average (380)");
  app.add_option("--seed", flags.set.seed, "of the generator (1)");
  app.add_option("--role", flags.role, "source: has the set; target: is empty until it was written")
      ->check(CLI::IsMember({"source", "target"}));
  app.add_option("--latency-ms", flags.latency_ms, "each reply comes so much later")->check(CLI::Range(0.0, 60'000.0));
  app.add_flag("--tls", flags.tls, "speak TLS, with a certificate made now");
  app.add_option("--wcu", flags.wcu, "write units per second; without it no limit");
  app.add_option("--wcu-at", flags.changes, "T:N: at T seconds after the first write the capacity becomes N");
  app.add_option("--burst-seconds", flags.service.capacity.burst_seconds, "of unused capacity that is kept (300)");
  app.add_option("--saved-seconds", flags.service.capacity.saved_seconds,
                 "of it at the beginning, at most --burst-seconds (300); 0: the burst capacity is drained");
  app.add_option("--hot-partition", flags.hot, "SHARE:WCU: so much of the keys is on a partition with so many units");
  app.add_flag("!--provisioned", flags.service.on_demand, "the table is provisioned, with --wcu");
  app.add_option("--print", flags.print,
                 "write the set to standard output: as lines of a dump, as bodies of puts, or as updates")
      ->check(CLI::IsMember({"lines", "bodies", "updates"}));
}

void write_all(std::string& text, std::size_t until) {
  if (text.size() < until) return;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) throw std::runtime_error("cannot write");
  text.clear();
}

// A body of 25 puts, as bulk sends it, or a record, a line.
void print(const ItemSet& set, bool bodies) {
  constexpr std::size_t kPiece = 1u << 20;
  std::string text;
  for (std::uint64_t i = 0; i < set.size(); ++i) {
    const bool last = i % kMostPuts == kMostPuts - 1 || i + 1 == set.size();
    if (bodies) text += i % kMostPuts == 0 ? "{\"RequestItems\":{\"bench\":[{\"PutRequest\":" : ",{\"PutRequest\":";
    text += "{\"Item\":";
    set.append_joined(i, i + 1, text);
    text += bodies ? "}}" : "}\n";
    if (bodies && last) text += "]},\"ReturnConsumedCapacity\":\"TOTAL\"}\n";
    write_all(text, kPiece);
  }
  write_all(text, 1);
  if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write");
}

// A body that gives an item an attribute more, on condition that it has none of that name, as bulk sends it.
void print_updates(const ItemSet& set) {
  constexpr std::size_t kPiece = 1u << 20;
  constexpr std::string_view kUpdate =
      R"x(,"UpdateExpression":"SET #0=:a0","ConditionExpression":"attribute_exists(#k) AND attribute_not_exists(#0)",)x"
      R"("ExpressionAttributeNames":{"#k":"pk","#0":"migrated"},"ExpressionAttributeValues":{":a0":{"S":"2"}},)"
      R"("ReturnValuesOnConditionCheckFailure":"ALL_OLD","ReturnConsumedCapacity":"TOTAL"})";
  std::string text;
  for (std::uint64_t i = 0; i < set.size(); ++i) {
    text.append(R"({"TableName":"bench","Key":)").append(set.key(i)).append(kUpdate).append("\n");
    write_all(text, kPiece);
  }
  write_all(text, 1);
  if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write");
}

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void serve(const ItemSet& set, Flags& flags, const sigset_t& signals) {
  raise_file_limit();
  std::string certificate;
  TlsContext tls;
  if (flags.tls) {
    certificate = std::filesystem::temp_directory_path() / ("null_server-" + std::to_string(::getpid()) + ".pem");
    tls = make_tls_context(certificate);
    flags.server.tls = tls.get();
  }
  Service service(set, flags.service);
  {
    const Server server(service, flags.server);
    std::printf("null_server: %s://127.0.0.1:%d\n", flags.tls ? "https" : "http", server.port());
    if (flags.tls) std::printf("null_server: AWS_CA_BUNDLE=%s\n", certificate.c_str());
    std::fflush(stdout);
    int signal = 0;
    ::sigwait(&signals, &signal);
  }
  if (flags.tls) ::unlink(certificate.c_str());
}

int run(int argc, char** argv) {
  CLI::App app("a DynamoDB-shaped server for measuring");
  Flags flags;
  add_flags(app, flags);
  CLI11_PARSE(app, argc, argv);
  flags.service.target = flags.role == "target";
  flags.server.latency = std::chrono::nanoseconds(std::llround(flags.latency_ms * 1e6));
  CapacityOptions& capacity = flags.service.capacity;
  if (app.count("--wcu") > 0) capacity.wcu = flags.wcu;
  for (const std::string& change : flags.changes) capacity.changes.push_back(two_numbers(change, "--wcu-at"));
  std::sort(capacity.changes.begin(), capacity.changes.end());
  if (!flags.hot.empty()) std::tie(capacity.hot_share, capacity.hot_wcu) = two_numbers(flags.hot, "--hot-partition");

  // Before any thread: all of them leave these signals to sigwait().
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  if (flags.print.empty()) ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const ItemSet set(flags.set);
  if (flags.print.empty()) {
    serve(set, flags, signals);
  } else if (flags.print == "updates") {
    print_updates(set);
  } else {
    print(set, flags.print == "bodies");
  }
  return 0;
}

}  // namespace
}  // namespace bulk::bench

int main(int argc, char** argv) {
  try {
    return bulk::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "null_server: %s\n", error.what());
    return 1;
  }
}
