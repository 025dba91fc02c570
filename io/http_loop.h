// Many HTTP exchanges at a time, driven by the one thread that owns the loop: libcurl's multi interface on an epoll
// set. A thread per request costs 35-50 % more CPU once hundreds are under way, and a reply that takes 50 ms needs two
// thousand of them for a million records a second.
//
// libcurl looks for a free connection by walking all connections of its multi handle, so the loop has several of those
// ("shards") with at most 64 exchanges each, the first ones first, so that few connections stay warm.
//
// Threads: wake() may be called from any thread, everything else from the owner's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/buffer.h"
#include "io/clock.h"
#include "io/http.h"

namespace bulk {

class HttpLoop {
 public:
  // `setup` outlives the loop.
  explicit HttpLoop(const HttpSetup& setup);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  struct Ended {
    std::uint64_t ticket;
    HttpResult result;
  };

  // Begins an exchange. What request.body views outlives it. `recycled` may bring memory for the reply's body.
  void start(std::uint64_t ticket, HttpRequest request, Buffer recycled = {});

  // Moves bytes and waits until an exchange has ended, `until` has passed or wake() was called since the last
  // collect(); appends what has ended.
  void collect(SteadyTime until, std::vector<Ended>& ended);

  // Breaks off what is under way, connections included.
  void break_off(std::uint64_t ticket, HttpFailure failure, const std::string& text, std::vector<Ended>& ended);

  std::size_t under_way() const noexcept;
  void wake() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bulk
