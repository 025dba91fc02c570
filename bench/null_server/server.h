// The null server's threads: each has an epoll loop and its own connections, which the first one hands out in turn. A
// reply may be delayed by a fixed latency, without holding up any other.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/null_server/service.h"

struct ssl_ctx_st;

namespace bulk::bench {

struct ServerOptions {
  unsigned short port = 0;  // 0: any that is free
  unsigned threads = 1;
  std::chrono::nanoseconds latency{0};
  ssl_ctx_st* tls = nullptr;  // must outlive the server
};

class Server {
 public:
  // Listens on 127.0.0.1 and answers from now on. Throws std::runtime_error.
  Server(Service& service, const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;

  unsigned short port() const noexcept { return port_; }

 private:
  class Loop;

  unsigned short port_ = 0;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace bulk::bench
