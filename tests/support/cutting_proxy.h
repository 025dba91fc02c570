// For tests: stands between a client and a server of 127.0.0.1 and breaks a connection where a test says so, with what
// was about to be passed on lost. One thread serves all connections.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

namespace bulk::test {

class CuttingProxy {
 public:
  // Asked before anything is passed on, in the proxy's thread; true: the connection is closed instead.
  using Cut = std::function<bool(bool to_server, std::string_view bytes)>;

  explicit CuttingProxy(unsigned short server_port) : server_port_(server_port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = local(0);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~CuttingProxy() {
    thread_.request_stop();
    thread_.join();
    for (const Pair& pair : pairs_) close_pair(pair);
    ::close(listener_);
  }
  CuttingProxy(const CuttingProxy&) = delete;

  unsigned short port() const { return port_; }
  void set(Cut cut) {
    const std::lock_guard lock(mutex_);
    cut_ = std::move(cut);
  }

 private:
  struct Pair {
    int client, server;
  };
  static sockaddr_in local(unsigned short port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static void close_pair(const Pair& pair) {
    ::close(pair.client);
    ::close(pair.server);
  }

  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<pollfd> sockets{{listener_, POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        sockets.push_back({pair.client, POLLIN, 0});
        sockets.push_back({pair.server, POLLIN, 0});
      }
      if (::poll(sockets.data(), sockets.size(), 20) <= 0) continue;
      std::size_t at = 1;
      for (auto pair = pairs_.begin(); pair != pairs_.end(); at += 2) {
        const bool open = (sockets[at].revents == 0 || pass_on(pair->client, pair->server, true)) &&
                          (sockets[at + 1].revents == 0 || pass_on(pair->server, pair->client, false));
        if (!open) close_pair(*pair);
        pair = open ? std::next(pair) : pairs_.erase(pair);
      }
      if (sockets[0].revents != 0) accept_one();
    }
  }

  void accept_one() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = local(server_port_);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      pairs_.push_back({client, server});
    } else {
      close_pair({client, server});
    }
  }

  bool pass_on(int from, int to, bool to_server) {
    std::array<char, 65536> buffer{};
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) return false;
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    {
      const std::lock_guard lock(mutex_);
      if (cut_ && cut_(to_server, bytes)) return false;
    }
    while (!bytes.empty()) {
      const ssize_t put = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }

  const unsigned short server_port_;
  int listener_ = -1;
  unsigned short port_ = 0;
  std::list<Pair> pairs_;  // of the thread
  std::mutex mutex_;
  Cut cut_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace bulk::test
