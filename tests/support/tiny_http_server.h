// An HTTP/1.1 server for tests: on 127.0.0.1, a port of its own, a thread per connection, keep-alive. A handler turns
// each request into a reply, and a reply may misbehave: end early, come slowly, say nothing, send raw bytes. All
// requests are kept for the test to look at, unless it says otherwise. The handler is called from several threads at
// once when there are several connections.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bulk::test {

class TinyHttpServer {
 public:
  struct Request {
    std::string method;
    std::string target;                                        // path and query as sent
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;
    int connection = 0;  // 1 for the first that was accepted

    // The value of a header (name in lower case); empty when there is none.
    std::string header(const std::string& name) const {
      for (const auto& [key, value] : headers) {
        if (key == name) return value;
      }
      return {};
    }
  };

  struct Reply {
    int status = 200;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    enum class Fault {
      none,
      reset,    // half of the body, then a reset
      abort,    // no byte, then a reset
      cut,      // half of the body, then the connection is closed in order
      hang,     // no byte until the client goes away or the server ends
      stall,    // half of the body, then nothing until the client goes away or the server ends
      dribble,  // a good reply, its body in pieces with pauses between them; about 50 ms in all
      raw,      // `body` is all that is sent, then the connection is closed
      close,    // a good reply, then the connection is closed without having said so
    } fault = Fault::none;
    std::optional<std::size_t> sent{};  // so many bytes of the body rather than half of it
  };

  using Handler = std::function<Reply(const Request&)>;

  explicit TinyHttpServer(Handler handler, bool keep_requests = true)
      : handler_(std::move(handler)), keep_requests_(keep_requests) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 128) != 0 || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~TinyHttpServer() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }
  TinyHttpServer(const TinyHttpServer&) = delete;
  TinyHttpServer& operator=(const TinyHttpServer&) = delete;

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (ending_ || fd < 0) {
        if (fd >= 0) ::close(fd);
        return;
      }
      open_.push_back(fd);
      threads_.emplace_back([this, fd, number = ++connections_] {
        serve(fd, number);
        const std::lock_guard closing(mutex_);
        std::erase(open_, fd);
        ::close(fd);
      });
    }
  }

  void serve(int fd, int number) {
    std::string input;
    Request request;
    while (read_request(fd, input, request)) {
      request.connection = number;
      if (keep_requests_) {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      if (!answer(fd, request, handler_(request))) return;
    }
  }

  static bool receive_more(int fd, std::string& input) {
    char bytes[16384];
    const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got > 0) input.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }

  static bool read_request(int fd, std::string& input, Request& request) {
    std::size_t end = 0;
    while ((end = input.find("\r\n\r\n")) == std::string::npos) {
      if (!receive_more(fd, input)) return false;
    }
    request = {};
    const std::size_t first_end = input.find("\r\n");
    const std::string first = input.substr(0, first_end);
    const std::size_t space = first.find(' ');
    request.method = first.substr(0, space);
    request.target = first.substr(space + 1, first.rfind(' ') - space - 1);
    for (std::size_t at = first_end + 2; at < end + 2;) {
      const std::size_t line_end = input.find("\r\n", at);
      const std::string line = input.substr(at, line_end - at);
      at = line_end + 2;
      const std::size_t colon = line.find(':');
      std::string name = line.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      const std::size_t value = line.find_first_not_of(' ', colon + 1);
      request.headers.emplace_back(name, value == std::string::npos ? "" : line.substr(value));
    }
    input.erase(0, end + 4);
    const std::string length = request.header("content-length");
    const std::size_t size = length.empty() ? 0 : std::stoul(length);
    while (input.size() < size) {
      if (!receive_more(fd, input)) return false;
    }
    request.body = input.substr(0, size);
    input.erase(0, size);
    return true;
  }

  static bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Whether the connection goes on.
  static bool answer(int fd, const Request& request, const Reply& reply) {
    using Fault = Reply::Fault;
    std::string head;
    std::string_view body = reply.body;
    if (reply.fault != Fault::raw) {
      head = "HTTP/1.1 " + std::to_string(reply.status) + " Status\r\n";
      for (const auto& [name, value] : reply.headers) head.append(name).append(": ").append(value).append("\r\n");
      head += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    }
    const bool part = reply.fault == Fault::reset || reply.fault == Fault::stall || reply.fault == Fault::cut;
    if (part) body = body.substr(0, reply.sent.value_or(body.size() / 2));
    if (request.method == "HEAD" && reply.fault != Fault::raw) body = {};
    if (reply.fault == Fault::hang || reply.fault == Fault::abort) {
      head.clear();
      body = {};
    }
    if (reply.fault == Fault::dribble) {
      constexpr std::size_t kPieces = 5;
      if (!send_all(fd, head)) return false;
      for (std::size_t piece = 0; piece < kPieces; ++piece) {
        const std::size_t begin = body.size() * piece / kPieces;
        if (!send_all(fd, body.substr(begin, body.size() * (piece + 1) / kPieces - begin))) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      return true;
    }
    if (!send_all(fd, head.append(body))) return false;
    if (reply.fault == Fault::reset || reply.fault == Fault::abort) {
      const linger abort{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    }
    if (reply.fault == Fault::hang || reply.fault == Fault::stall) {
      std::string ignored;
      while (receive_more(fd, ignored)) ignored.clear();
    }
    return reply.fault == Fault::none;
  }

  Handler handler_;
  bool keep_requests_;
  int listener_ = -1;
  int port_ = 0;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  bool ending_ = false;
  int connections_ = 0;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::vector<Request> requests_;
};

}  // namespace bulk::test
