// raw_sender: the least that sending requests can cost. It sends bodies, a line of a file each, over N keep-alive
// connections from one thread, waits for every reply and looks at nothing but its length and status; with --sha256 it
// hashes each body, as a signature must. No signing, no JSON, no pacing: bench/end_to_end compares a restore with it.
//
// With --per-second it is an application that a restore disturbs: it sends an item of each line (of null_server --print
// lines) in a PutItem of its own when its time has come, whether the replies to others are there or not, begins anew at
// the end of the file, ends after --seconds, repeats nothing and counts what was throttled.
//
// Prints one line of JSON: requests, replies that were not 200, requests sent a tenth of a second too late, seconds,
// CPU seconds (also of the kernel, for this process).
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "bench/null_server/certificate.h"
#include "bench/null_server/connection.h"

namespace bulk::bench {
namespace {

struct Flags {
  unsigned short port = 0;
  unsigned connections = 16;
  std::string bodies;
  std::string operation = "BatchWriteItem";
  bool sha256 = false;
  bool tls = false;
  double per_second = 0;  // 0: as fast as replies come
  double seconds = 10;    // with per_second
  std::string access_key = "AKIDRAW";
};

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::string_view map_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) fail(path);
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (bytes == MAP_FAILED) fail(path);
  ::close(fd);
  return {static_cast<const char*>(bytes), size};  // mapped until the process ends
}

class Sender {
 public:
  explicit Sender(const Flags& flags) : flags_(flags), file_(map_file(flags.bodies)), rest_(file_) {
    if (file_.empty()) throw std::runtime_error(flags.bodies + " is empty");
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) fail("epoll");
    if (flags.tls) tls_.reset(SSL_CTX_new(TLS_client_method()));
    if (tls_) SSL_CTX_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    for (unsigned i = 0; i < flags.connections; ++i) connect();
  }

  void run() {
    std::size_t open = connections_.size();
    for (const auto& connection : connections_) {
      if (!send_next(*connection)) --open;
    }
    while (open > 0) {
      wait(-1, [&](Connection& connection) {
        if (!send_next(connection)) --open;
      });
    }
  }

  void run_paced() {
    const Clock::time_point start = Clock::now();
    const auto total = static_cast<std::uint64_t>(flags_.per_second * flags_.seconds);
    std::vector<Connection*> idle;
    for (const auto& connection : connections_) idle.push_back(connection.get());
    while (requests < total || idle.size() < connections_.size()) {
      while (requests < total && !idle.empty()) {
        const std::chrono::duration<double> due(static_cast<double>(requests) / flags_.per_second);
        const std::chrono::duration<double> now = Clock::now() - start;
        if (now < due) break;
        if (now - due > std::chrono::milliseconds(100)) ++late;
        if (rest_.empty()) rest_ = file_;
        Connection& connection = *idle.back();
        idle.pop_back();
        send_next(connection);
      }
      wait(1, [&](Connection& connection) { idle.push_back(&connection); });
    }
  }

  std::uint64_t requests = 0;
  std::uint64_t refused = 0;
  std::uint64_t late = 0;

 private:
  // Sends and receives what can be, waits so many milliseconds for it (-1: without end) and calls answered() with each
  // connection on which a reply is complete.
  template <typename Answered>
  void wait(int milliseconds, const Answered& answered) {
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), milliseconds);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (!connection.receive() || !connection.flush()) throw std::runtime_error("the server closed a connection");
      if (take_reply(connection)) answered(connection);
      watch_output(connection);
    }
  }

  void connect() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(flags_.port);
    if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("cannot connect");
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    connections_.push_back(std::make_unique<Connection>(fd, tls_.get(), Connection::End::client));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connections_.back().get();
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  // False: there is no other body.
  bool send_next(Connection& connection) {
    std::string_view body = rest_.substr(0, rest_.find('\n'));
    if (body.empty()) return false;
    rest_.remove_prefix(std::min(body.size() + 1, rest_.size()));
    Reply message;
    if (flags_.per_second > 0) {  // {"Item":...}, a line, becomes a PutItem
      message.begin = R"({"TableName":"bench",)";
      body.remove_prefix(1);
    }
    message.middle = body;
    if (flags_.sha256) {
      std::array<unsigned char, SHA256_DIGEST_LENGTH> hash;
      SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), hash.data());
      hashed_ ^= hash[0];
    }
    // As long as the head of a signed request.
    std::string head = "POST / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAuthorization: AWS4-HMAC-SHA256 Credential=";
    head.append(flags_.access_key)
        .append(
            "/20250101/us-east-1/dynamodb/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=")
        .append(64, '0')
        .append(
            "\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: 20250101T000000Z\r\nX-Amz-Target: "
            "DynamoDB_20120810.")
        .append(flags_.per_second > 0 ? "PutItem" : flags_.operation)
        .append("\r\nContent-Length: ")
        .append(std::to_string(message.begin.size() + body.size()))
        .append("\r\n\r\n");
    connection.send(std::move(head), std::move(message));
    if (!connection.flush()) throw std::runtime_error("the server closed a connection");
    watch_output(connection);
    ++requests;
    return true;
  }

  // True: a whole reply was there.
  bool take_reply(Connection& connection) {
    constexpr std::string_view kLength = "Content-Length: ";
    const std::string_view text = connection.received();
    const std::size_t end = text.find("\r\n\r\n");
    const std::size_t at = text.find(kLength);
    if (end == std::string_view::npos || at > end) return false;
    std::size_t size = 0;
    std::from_chars(text.data() + at + kLength.size(), text.data() + end, size);
    if (text.size() < end + 4 + size) return false;
    if (!text.starts_with("HTTP/1.1 200")) {
      if (flags_.per_second > 0 && text.find("hroughput") > end + 4 + size) {
        throw std::runtime_error("a put failed: " + std::string(text.substr(0, end + 4 + size)));
      }
      ++refused;
    }
    connection.consume(end + 4 + size);
    return true;
  }

  void watch_output(Connection& connection) {
    if (connection.has_output() == connection.waits_write) return;
    connection.waits_write = connection.has_output();
    epoll_event event{};
    event.events = connection.waits_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = &connection;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd(), &event);
  }

  const Flags flags_;
  const std::string_view file_;
  std::string_view rest_;
  int epoll_ = -1;
  TlsContext tls_;
  std::vector<std::unique_ptr<Connection>> connections_;
  unsigned char hashed_ = 0;
};

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

int run(int argc, char** argv) {
  CLI::App app("sends bodies as cheaply as can be");
  Flags flags;
  app.add_option("--port", flags.port, "of the server, on 127.0.0.1")->required();
  app.add_option("--bodies", flags.bodies, "a body a line")->required();
  app.add_option("--operation", flags.operation, "that the bodies are of (BatchWriteItem)");
  app.add_option("--connections", flags.connections, "kept open (16)")->check(CLI::Range(1, 10'000));
  app.add_flag("--sha256", flags.sha256, "hash every body");
  app.add_flag("--tls", flags.tls, "speak TLS; any certificate will do");
  app.add_option("--per-second", flags.per_second, "put single items at this rate, of --bodies with an item a line");
  app.add_option("--seconds", flags.seconds, "for so long, with --per-second (10)");
  app.add_option("--access-key", flags.access_key, "that requests name");
  CLI11_PARSE(app, argc, argv);
  const auto start = Clock::now();
  Sender sender(flags);
  flags.per_second > 0 ? sender.run_paced() : sender.run();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"requests\":%llu,\"refused\":%llu,\"late\":%llu,\"seconds\":%.3f,\"user\":%.3f,\"system\":%.3f}\n",
              static_cast<unsigned long long>(sender.requests), static_cast<unsigned long long>(sender.refused),
              static_cast<unsigned long long>(sender.late), std::chrono::duration<double>(Clock::now() - start).count(),
              seconds(usage.ru_utime), seconds(usage.ru_stime));
  return sender.refused == 0 || flags.per_second > 0 ? 0 : 1;
}

}  // namespace
}  // namespace bulk::bench

int main(int argc, char** argv) {
  try {
    return bulk::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "raw_sender: %s\n", error.what());
    return 1;
  }
}
