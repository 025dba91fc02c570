#include "bench/null_server/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

#include "bench/null_server/connection.h"

namespace bulk::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

}  // namespace

class Server::Loop {
 public:
  Loop(Service& service, const ServerOptions& options)
      : service_(service), latency_(options.latency), tls_(options.tls) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_ < 0 || wake_ < 0) fail("epoll");
    watch(wake_, EPOLLIN);
  }
  ~Loop() {
    connections_.clear();
    if (listener_ >= 0) ::close(listener_);
    ::close(wake_);
    ::close(epoll_);
  }

  // This loop accepts and gives the connections to all in turn.
  void accept_for(int listener, std::vector<Loop*> loops) {
    listener_ = listener;
    loops_ = std::move(loops);
    watch(listener_, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 256> events;
    while (!stopping_.load()) {
      const int count = ::epoll_pwait2(epoll_, events.data(), events.size(), next_due(), nullptr);
      if (count < 0 && errno != EINTR) fail("epoll_pwait2");
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
      send_due();
    }
  }

  void stop() {
    stopping_ = true;
    wake();
  }

 private:
  struct Delayed {
    Clock::time_point due;
    std::shared_ptr<Connection> connection;
    Reply reply;
  };

  void watch(int fd, std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
  }

  void handle(const epoll_event& event) {
    const int fd = event.data.fd;
    if (fd == listener_) return accept_all();
    if (fd == wake_) return take_in();
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    const std::shared_ptr<Connection> connection = found->second;
    const bool alive =
        (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || (connection->receive() && answer_all(connection));
    settle(*connection, alive);
  }

  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;  // none left, or too many: the client waits
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      Loop* loop = loops_[next_loop_++ % loops_.size()];
      {
        const std::lock_guard lock(loop->inbox_mutex_);
        loop->inbox_.push_back(fd);
      }
      loop == this ? take_in() : loop->wake();
    }
  }

  void take_in() {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake_, &ignored, sizeof ignored);
    std::vector<int> fds;
    {
      const std::lock_guard lock(inbox_mutex_);
      fds.swap(inbox_);
    }
    for (const int fd : fds) {
      connections_.emplace(fd, std::make_shared<Connection>(fd, tls_));
      watch(fd, EPOLLIN);
    }
  }

  // Answers every request that is there. False: the connection is to be closed.
  bool answer_all(const std::shared_ptr<Connection>& connection) {
    while (true) {
      Request request;
      std::size_t size = 0;
      bool asks = false;
      const Parse parsed = parse_request(connection->received(), request, size, asks);
      if (parsed == Parse::malformed) return false;
      if (parsed == Parse::partial) {
        // The client that waits for leave has sent nothing of its body yet: the head is looked at twice at most.
        if (asks && connection->received().ends_with("\r\n\r\n")) {
          Reply none;
          connection->send("HTTP/1.1 100 Continue\r\n\r\n", std::move(none));
        }
        if (size > 0) connection->expect(size);
        return true;
      }
      connection->closing = request.close;
      service_.begin();
      Reply reply = service_.answer(request);
      connection->consume(size);
      if (latency_ == std::chrono::nanoseconds::zero()) {
        service_.end();
        std::string head = reply_head(reply);
        connection->send(std::move(head), std::move(reply));
      } else {
        ++connection->delayed;
        // All wait equally long, so that the first in is the first out.
        delayed_.push_back({Clock::now() + latency_, connection, std::move(reply)});
      }
    }
  }

  void send_due() {
    const Clock::time_point now = Clock::now();
    while (!delayed_.empty() && delayed_.front().due <= now) {
      Delayed delayed = std::move(delayed_.front());
      delayed_.pop_front();
      service_.end();
      Connection& connection = *delayed.connection;
      --connection.delayed;
      if (connection.closed) continue;
      std::string head = reply_head(delayed.reply);
      connection.send(std::move(head), std::move(delayed.reply));
      settle(connection, true);
    }
  }

  const timespec* next_due() {
    if (delayed_.empty()) return nullptr;
    const auto wait = std::max(delayed_.front().due - Clock::now(), Clock::duration::zero());
    timeout_.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(wait).count();
    timeout_.tv_nsec = (wait % std::chrono::seconds(1)).count();
    return &timeout_;
  }

  void settle(Connection& connection, bool alive) {
    const int fd = connection.fd();
    alive = alive && connection.flush();
    if (!alive || (connection.closing && !connection.has_output() && connection.delayed == 0)) {
      connection.closed = true;
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
      ::shutdown(fd, SHUT_RDWR);
      connections_.erase(fd);
      return;
    }
    if (connection.has_output() == connection.waits_write) return;
    connection.waits_write = connection.has_output();
    epoll_event event{};
    event.events = connection.waits_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
  }

  Service& service_;
  const std::chrono::nanoseconds latency_;
  ssl_ctx_st* const tls_;
  int epoll_ = -1;
  int wake_ = -1;
  int listener_ = -1;
  std::vector<Loop*> loops_;
  std::size_t next_loop_ = 0;
  std::unordered_map<int, std::shared_ptr<Connection>> connections_;
  std::deque<Delayed> delayed_;
  timespec timeout_{};
  std::atomic<bool> stopping_ = false;
  std::mutex inbox_mutex_;
  std::vector<int> inbox_;
};

Server::Server(Service& service, const ServerOptions& options) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) fail("socket");
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(options.port);
  socklen_t size = sizeof address;
  constexpr int kBacklog = 4096;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, kBacklog) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    const int error = errno;
    ::close(listener);
    errno = error;
    fail("cannot listen on 127.0.0.1:" + std::to_string(options.port));
  }
  port_ = ntohs(address.sin_port);
  std::vector<Loop*> loops;
  for (unsigned i = 0; i < std::max(options.threads, 1u); ++i) {
    loops_.push_back(std::make_unique<Loop>(service, options));
    loops.push_back(loops_.back().get());
  }
  loops[0]->accept_for(listener, loops);
  for (Loop* loop : loops) threads_.emplace_back([loop] { loop->run(); });
}

Server::~Server() {
  for (const auto& loop : loops_) loop->stop();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace bulk::bench
