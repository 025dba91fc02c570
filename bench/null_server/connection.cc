#include "bench/null_server/connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace bulk::bench {
namespace {

constexpr std::size_t kFirstCapacity = 32u << 10;  // three batches of 25 small items

using Parts = std::array<std::string_view, 4>;

}  // namespace

void Connection::FreeTls::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

Connection::Connection(int fd, ssl_ctx_st* tls, End end) : fd_(fd) {
  if (tls == nullptr) return;
  tls_.reset(SSL_new(tls));
  SSL_set_fd(tls_.get(), fd);
  end == End::server ? SSL_set_accept_state(tls_.get()) : SSL_set_connect_state(tls_.get());
}

Connection::~Connection() {
  tls_.reset();
  ::close(fd_);
}

void Connection::make_room(std::size_t bytes) {
  if (capacity_ - end_ >= bytes) return;
  const std::size_t held = end_ - begin_;
  if (capacity_ - held < bytes) {
    const std::size_t capacity = std::max({kFirstCapacity, held + bytes, capacity_});
    std::unique_ptr<char[]> larger(new char[capacity]);
    if (held > 0) std::memcpy(larger.get(), bytes_.get() + begin_, held);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  } else if (held > 0) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, held);
  }
  begin_ = 0;
  end_ = held;
}

void Connection::expect(std::size_t bytes) {
  const std::size_t held = end_ - begin_;
  if (bytes > held) make_room(bytes - held);
}

bool Connection::receive() {
  while (true) {
    if (begin_ == end_) begin_ = end_ = 0;
    make_room(std::max<std::size_t>(capacity_ / 2, 4096));
    const std::size_t room = capacity_ - end_;
    if (tls_) {
      ERR_clear_error();
      std::size_t got = 0;
      if (SSL_read_ex(tls_.get(), bytes_.get() + end_, room, &got) != 1) {
        const int error = SSL_get_error(tls_.get(), 0);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
      }
      end_ += got;
      continue;  // what TLS has read ahead, epoll does not tell
    }
    const ssize_t got = ::recv(fd_, bytes_.get() + end_, room, 0);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    end_ += static_cast<std::size_t>(got);
    if (static_cast<std::size_t>(got) < room) return true;
  }
}

void Connection::send(std::string head, Reply reply) {
  output_.push_back({std::move(head), std::move(reply)});
}

void Connection::sent(std::size_t bytes) {
  sent_ += bytes;
  while (!output_.empty()) {
    const Piece& piece = output_.front();
    const std::size_t size =
        piece.head.size() + piece.reply.begin.size() + piece.reply.middle.size() + piece.reply.end.size();
    if (sent_ < size) return;
    sent_ -= size;
    output_.pop_front();
  }
}

bool Connection::flush() {
  if (tls_) return flush_tls();
  while (!output_.empty()) {
    std::array<iovec, 32> vectors;
    std::size_t count = 0;
    std::size_t skip = sent_;
    for (const Piece& piece : output_) {
      if (count + 4 > vectors.size()) break;
      for (std::string_view part : Parts{piece.head, piece.reply.begin, piece.reply.middle, piece.reply.end}) {
        const std::size_t skipped = std::min(skip, part.size());
        skip -= skipped;
        part.remove_prefix(skipped);
        if (!part.empty()) vectors[count++] = {const_cast<char*>(part.data()), part.size()};
      }
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    this->sent(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Connection::flush_tls() {
  while (!output_.empty()) {
    const Piece& piece = output_.front();
    std::string small;
    std::string_view next;
    std::size_t skip = sent_;
    for (const std::string_view part : Parts{piece.head, piece.reply.begin, piece.reply.middle, piece.reply.end}) {
      if (skip >= part.size()) {
        skip -= part.size();
        continue;
      }
      next = part.substr(skip);
      break;
    }
    // One record for a small reply instead of two.
    if (sent_ == 0 && piece.reply.middle.empty() && piece.reply.end.empty()) {
      small.append(piece.head).append(piece.reply.begin);
      next = small;
    }
    ERR_clear_error();
    std::size_t written = 0;
    if (SSL_write_ex(tls_.get(), next.data(), next.size(), &written) != 1) {
      const int error = SSL_get_error(tls_.get(), 0);
      return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ;
    }
    sent(written);
  }
  return true;
}

}  // namespace bulk::bench
