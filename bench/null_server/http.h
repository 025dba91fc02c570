// As much of HTTP/1.1 as a client of DynamoDB uses: requests with a Content-Length, replies that keep the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulk::bench {

// Views into the connection's buffer.
struct Request {
  std::string_view method;
  std::string_view path;
  std::string_view operation;  // of x-amz-target, without its prefix
  std::string_view client;     // the access key id in the authorization header: one per process
  std::string_view body;
  bool close = false;  // the client ends the connection after the reply
};

enum class Parse { whole, partial, malformed };
// Reads the request at the beginning of `bytes`. `whole`: `size` is its length. `partial`: `size` is how long it will
// be, 0 when that is not known yet, and `asks` says that the client waits for "100 Continue" before it sends the body.
Parse parse_request(std::string_view bytes, Request& request, std::size_t& size, bool& asks);

// The body is begin + middle + end; middle is not owned: a slice of the item set.
struct Reply {
  int status = 200;
  std::string begin;
  std::string_view middle{};
  std::string end{};
  std::optional<std::uint32_t> crc{};  // of the whole body; without it reply_head() computes it
};
std::string reply_head(const Reply& reply);

}  // namespace bulk::bench
