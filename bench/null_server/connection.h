// One end of a connection, plain or TLS: bytes in, messages out. Never blocks. Used by one thread. The null server has
// one for each of its clients; bench/raw_sender, which is such a client, uses it the other way round.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "bench/null_server/http.h"

struct ssl_st;
struct ssl_ctx_st;

namespace bulk::bench {

class Connection {
 public:
  enum class End { server, client };
  // Owns the non-blocking socket. `tls` may be null.
  Connection(int fd, ssl_ctx_st* tls, End end = End::server);
  ~Connection();
  Connection(const Connection&) = delete;

  int fd() const noexcept { return fd_; }

  // Takes in what there is. False: the other end is gone.
  bool receive();
  std::string_view received() const noexcept { return {bytes_.get() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) noexcept { begin_ += bytes; }
  void expect(std::size_t bytes);  // a message of this size will come

  void send(std::string head, Reply reply);
  // Sends what the socket takes. False: the other end is gone.
  bool flush();
  bool has_output() const noexcept { return !output_.empty(); }

  bool closing = false;      // close it when all is sent
  bool waits_write = false;  // registered for EPOLLOUT
  bool closed = false;
  std::size_t delayed = 0;  // replies that wait for their time

 private:
  struct Piece {
    std::string head;
    Reply reply;
  };
  void make_room(std::size_t bytes);
  bool flush_tls();
  void sent(std::size_t bytes);

  int fd_;
  struct FreeTls {
    void operator()(ssl_st* ssl) const;
  };
  std::unique_ptr<ssl_st, FreeTls> tls_;
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::deque<Piece> output_;
  std::size_t sent_ = 0;  // of the first piece
};

}  // namespace bulk::bench
