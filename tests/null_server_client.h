// A client of the null server for its tests: one connection, plain or TLS, blocking; it checks the length and the
// checksum of every reply.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <openssl/ssl.h>
#include <rapidjson/document.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "bench/null_server/certificate.h"

namespace bulk::bench {

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
  rapidjson::Document json() const {
    rapidjson::Document document;
    document.Parse(body.data(), body.size());
    return document;
  }
};

class Client {
 public:
  explicit Client(unsigned short port, const std::string& certificate = {}) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect");
    }
    if (certificate.empty()) return;
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_locations(context_.get(), certificate.c_str(), nullptr) != 1) {
      throw std::runtime_error("cannot load the certificate");
    }
    tls_ = SSL_new(context_.get());
    SSL_set_fd(tls_, fd_);
    SSL_set1_host(tls_, "localhost");
    if (SSL_connect(tls_) != 1) throw std::runtime_error("no TLS connection");
  }
  ~Client() {
    SSL_free(tls_);
    ::close(fd_);
  }
  Client(const Client&) = delete;

  void send(const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto now = tls_ != nullptr ? SSL_write(tls_, bytes.data() + sent, static_cast<int>(bytes.size() - sent))
                                       : ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (now <= 0) throw std::runtime_error("cannot send");
      sent += static_cast<std::size_t>(now);
    }
  }

  Answer receive() {
    Answer answer;
    std::size_t end = 0;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) receive_more();
    answer.head = input_.substr(0, end + 2);
    answer.status = std::stoi(answer.head.substr(answer.head.find(' ') + 1));
    const std::size_t size = std::stoul(header(answer.head, "Content-Length"));
    while (input_.size() < end + 4 + size) receive_more();
    answer.body = input_.substr(end + 4, size);
    input_.erase(0, end + 4 + size);
    const std::uint32_t crc = libdeflate_crc32(0, answer.body.data(), answer.body.size());
    EXPECT_EQ(header(answer.head, "x-amz-crc32"), std::to_string(crc));
    return answer;
  }

  static std::string request(const std::string& operation, const std::string& body, const std::string& key = "AKID") {
    return "POST / HTTP/1.1\r\nhost: x\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + key +
           "/20250101/us-east-1/dynamodb/aws4_request, Signature=0\r\nX-Amz-Target: DynamoDB_20120810." + operation +
           "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  Answer call(const std::string& operation, const std::string& body) {
    send(request(operation, body));
    return receive();
  }
  rapidjson::Document stats() {
    send("GET /stats HTTP/1.1\r\nhost: x\r\n\r\n");
    return receive().json();
  }

 private:
  static std::string header(const std::string& head, const std::string& name) {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t value = at + name.size() + 4;
    return head.substr(value, head.find("\r\n", value) - value);
  }
  void receive_more() {
    char bytes[65536];
    const auto got = tls_ != nullptr ? SSL_read(tls_, bytes, sizeof bytes) : ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) throw std::runtime_error("the server closed the connection");
    input_.append(bytes, static_cast<std::size_t>(got));
  }

  int fd_;
  TlsContext context_;
  ssl_st* tls_ = nullptr;
  std::string input_;
};

}  // namespace bulk::bench
