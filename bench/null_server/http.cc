#include "bench/null_server/http.h"

#include <libdeflate.h>
#include <strings.h>

#include <algorithm>
#include <charconv>

namespace bulk::bench {
namespace {

bool is(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() && ::strncasecmp(name.data(), wanted.data(), wanted.size()) == 0;
}

// From "AWS4-HMAC-SHA256 Credential=AKIA.../2025..." the access key id.
std::string_view access_key(std::string_view authorization) {
  constexpr std::string_view kBefore = "Credential=";
  const std::size_t at = authorization.find(kBefore);
  if (at == std::string_view::npos) return {};
  authorization.remove_prefix(at + kBefore.size());
  authorization = authorization.substr(0, authorization.find('/'));
  const bool plain = std::all_of(authorization.begin(), authorization.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
  return plain ? authorization : std::string_view();
}

}  // namespace

Parse parse_request(std::string_view bytes, Request& request, std::size_t& size, bool& asks) {
  constexpr std::size_t kLongestHead = 64u << 10;
  size = 0;
  asks = false;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return bytes.size() > kLongestHead ? Parse::malformed : Parse::partial;
  request = Request();
  std::string_view head = bytes.substr(0, end);
  std::string_view line = head.substr(0, head.find("\r\n"));
  head.remove_prefix(std::min(line.size() + 2, head.size()));
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return Parse::malformed;
  request.method = line.substr(0, first);
  request.path = line.substr(first + 1, last - first - 1);
  std::size_t body = 0;
  while (!head.empty()) {
    line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Parse::malformed;
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (is(name, "content-length")) {
      const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), body);
      if (error != std::errc() || stop != value.data() + value.size()) return Parse::malformed;
    } else if (is(name, "x-amz-target")) {
      request.operation = value.substr(std::min(value.rfind('.') + 1, value.size()));
    } else if (is(name, "authorization")) {
      request.client = access_key(value);
    } else if (is(name, "connection")) {
      request.close = is(value, "close");
    } else if (is(name, "expect")) {
      asks = true;
    } else if (is(name, "transfer-encoding")) {
      return Parse::malformed;  // no SDK sends one to DynamoDB
    }
  }
  size = end + 4 + body;
  if (bytes.size() < size) return Parse::partial;
  request.body = bytes.substr(end + 4, body);
  return Parse::whole;
}

std::string reply_head(const Reply& reply) {
  std::uint32_t crc = 0;
  if (reply.crc) {
    crc = *reply.crc;
  } else {
    crc = libdeflate_crc32(0, reply.begin.data(), reply.begin.size());
    // Of a null buffer libdeflate returns the initial value.
    if (!reply.middle.empty()) crc = libdeflate_crc32(crc, reply.middle.data(), reply.middle.size());
    if (!reply.end.empty()) crc = libdeflate_crc32(crc, reply.end.data(), reply.end.size());
  }
  std::string head;
  head.reserve(320);
  head += reply.status == 200 ? "HTTP/1.1 200 OK" : "HTTP/1.1 400 Bad Request";
  head += "\r\nServer: Server\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: ";
  head += std::to_string(reply.begin.size() + reply.middle.size() + reply.end.size());
  head +=
      "\r\nConnection: keep-alive\r\nx-amzn-RequestId: 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEF\r\n"
      "x-amz-crc32: ";
  head += std::to_string(crc);
  head += "\r\n\r\n";
  return head;
}

}  // namespace bulk::bench
