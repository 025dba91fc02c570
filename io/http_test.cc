#include "io/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <thread>

#include "io/error.h"
#include "tests/support/tiny_http_server.h"

namespace bulk {
namespace {

using test::TinyHttpServer;
using Fault = TinyHttpServer::Reply::Fault;
using testing::Pair;

class Http : public testing::Test {
 protected:
  HttpResult post(const TinyHttpServer& server, std::string_view body = "hello") {
    HttpRequest request;
    request.url = server.url() + "/";
    request.body = body;
    request.timeouts = timeouts_;
    request.max_reply_bytes = max_reply_bytes_;
    return client_.send(request);
  }
  static std::string at(const TinyHttpServer& server, const std::string& text) {
    return "127.0.0.1:" + std::to_string(server.port()) + ": " + text;
  }

  Stop stop_;
  HttpClient client_{stop_, "bulk/test"};
  HttpTimeouts timeouts_;
  std::size_t max_reply_bytes_ = 1 << 20;
};

TEST_F(Http, SendsExactlyTheHeadersItWasGiven) {
  TinyHttpServer server([](const auto& request) {
    return TinyHttpServer::Reply{201, request.body + "!", {{"X-Mixed-Case", "  padded  "}, {"X-Empty", ""}}};
  });
  HttpRequest request;
  request.url = server.url() + "/a/../b?c=d";
  request.headers = {{"X-B", "2"}, {"X-A", "1"}, {"X-Empty", ""}, {"Content-Type", "application/x-amz-json-1.0"}};
  request.body = "hello";
  const HttpResult result = client_.send(request);
  ASSERT_EQ(result.failure, HttpFailure::none) << result.detail;
  EXPECT_EQ(result.reply.status, 201);
  EXPECT_EQ(result.reply.body.view(), "hello!");
  EXPECT_EQ(result.reply.header("x-mixed-case"), "padded");
  EXPECT_EQ(result.reply.header("x-empty"), "");
  EXPECT_EQ(result.reply.header("x-none"), std::nullopt);

  ASSERT_EQ(server.requests().size(), 1U);
  const auto received = server.requests()[0];
  EXPECT_EQ(received.method, "POST");
  EXPECT_EQ(received.target, "/a/../b?c=d");
  EXPECT_THAT(received.headers,
              testing::UnorderedElementsAre(Pair("host", "127.0.0.1:" + std::to_string(server.port())),
                                            Pair("user-agent", "bulk/test"), Pair("x-b", "2"), Pair("x-a", "1"),
                                            Pair("x-empty", ""), Pair("content-length", "5"),
                                            Pair("content-type", "application/x-amz-json-1.0")));
}

TEST_F(Http, SendsEveryMethod) {
  TinyHttpServer server([](const auto&) { return TinyHttpServer::Reply{200, "body", {}}; });
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "POST"}) {
    for (const std::string_view body : {std::string_view(), std::string_view("x")}) {
      if (std::string_view(method) == "HEAD" && !body.empty()) continue;
      HttpRequest request;
      request.method = method;
      request.url = server.url();
      request.body = body;
      const HttpResult result = client_.send(request);
      ASSERT_EQ(result.failure, HttpFailure::none) << method << result.detail;
      EXPECT_EQ(result.reply.body.view(), std::string_view(method) == "HEAD" ? "" : "body");
      EXPECT_EQ(server.requests().back().method, method);
      EXPECT_EQ(server.requests().back().body, body);
    }
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http, NeitherExpectsNorDecodesNorFollows) {
  TinyHttpServer server([](const auto&) {
    return TinyHttpServer::Reply{302, "\x1f\x8bnot gzip", {{"Content-Encoding", "gzip"}, {"Location", "/other"}}};
  });
  const std::string large(2 << 20, 'x');
  const HttpResult result = post(server, large);
  ASSERT_EQ(result.failure, HttpFailure::none) << result.detail;
  EXPECT_EQ(result.reply.status, 302);
  EXPECT_EQ(result.reply.body.view(), "\x1f\x8bnot gzip");
  ASSERT_EQ(server.requests().size(), 1U);
  EXPECT_EQ(server.requests()[0].body.size(), large.size());
  EXPECT_EQ(server.requests()[0].header("expect"), "");
  EXPECT_EQ(server.requests()[0].header("accept-encoding"), "");
}

TEST_F(Http, KeepsTheConnectionAndTheBuffer) {
  TinyHttpServer server([](const auto&) { return TinyHttpServer::Reply{200, std::string(1000, 'x'), {}}; });
  Buffer buffer(4096);
  const char* const memory = buffer.data();
  for (int i = 0; i < 5; ++i) {
    HttpRequest request;
    request.url = server.url();
    HttpResult result = client_.send(request, std::move(buffer));
    ASSERT_EQ(result.failure, HttpFailure::none) << result.detail;
    EXPECT_EQ(result.reply.body.size(), 1000U);
    EXPECT_EQ(result.reply.body.data(), memory);
    buffer = std::move(result.reply.body);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http, ReplacesAKeptConnectionThatDied) {
  TinyHttpServer server([](const auto&) { return TinyHttpServer::Reply{200, "ok", {}, Fault::close}; });
  for (int i = 1; i <= 3; ++i) {
    const HttpResult result = post(server);
    ASSERT_EQ(result.failure, HttpFailure::none) << result.detail;
    EXPECT_EQ(result.reply.body.view(), "ok");
  }
  EXPECT_EQ(server.requests().size(), 3U);
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(Http, SaysWhenARequestWentOutAgain) {
  int requests = 0;
  TinyHttpServer server([&](const auto&) {
    TinyHttpServer::Reply reply{200, "ok", {}};
    if (++requests == 2 || requests > 4) reply.fault = Fault::abort;
    return reply;
  });
  for (const bool resent : {false, true, false}) {
    const HttpResult result = post(server);
    ASSERT_EQ(result.failure, HttpFailure::none) << result.detail;
    EXPECT_EQ(result.resent, resent);
  }
  EXPECT_EQ(server.requests().size(), 4U);
  // Neither of two is answered.
  const HttpResult result = post(server);
  EXPECT_EQ(result.failure, HttpFailure::broken);
  EXPECT_TRUE(result.resent);
  EXPECT_EQ(server.requests().size(), 6U);
}

TEST_F(Http, ServesManyThreads) {
  TinyHttpServer server([](const auto& request) { return TinyHttpServer::Reply{200, request.body, {}}; });
  std::vector<std::thread> threads;
  threads.reserve(8);
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string body = std::to_string(t * 1000 + i);
        const HttpResult result = post(server, body);
        if (result.failure == HttpFailure::none && result.reply.body.view() == body) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
  EXPECT_LE(server.connections(), 8);
}

TEST_F(Http, SaysThatAConnectionWasRefused) {
  HttpRequest request;
  {
    TinyHttpServer gone([](const auto&) { return TinyHttpServer::Reply{}; });
    request.url = gone.url();
  }
  const HttpResult result = client_.send(request);
  EXPECT_EQ(result.failure, HttpFailure::connect);
  EXPECT_EQ("http://" + result.detail, request.url + ": connection refused");
}

TEST_F(Http, SaysThatANameIsUnknown) {
  HttpRequest request;
  request.url = "http://no-such-host.invalid/secret-path";
  request.use_proxy = false;
  const HttpResult result = client_.send(request);
  EXPECT_EQ(result.failure, HttpFailure::resolve);
  EXPECT_EQ(result.detail, "no-such-host.invalid:80: name not found");
}

TEST_F(Http, RefusesWhatIsNotAUrlWithoutRepeatingIt) {
  const auto send = [this](const std::string& url, const std::string& header = "v") {
    HttpRequest request;
    request.url = url;
    request.headers = {{"X", header}};
    return client_.send(request);
  };
  EXPECT_EQ(send("http://[broken/secret").failure, HttpFailure::bad_url);
  EXPECT_EQ(send("http://[broken/secret").detail, "not a valid URL");
  EXPECT_EQ(send("file:///etc/passwd").failure, HttpFailure::bad_url);
  EXPECT_EQ(send("").failure, HttpFailure::bad_url);
  EXPECT_EQ(send("http://user:secret@127.0.0.1:1/").detail, "127.0.0.1:1: a URL must not hold a user name");
  EXPECT_EQ(send("http://127.0.0.1:1/", "a\r\nInjected: b").failure, HttpFailure::bad_url);
}

TEST_F(Http, SaysThatAReplyEndedEarly) {
  TinyHttpServer server([](const auto&) {
    return TinyHttpServer::Reply{200, std::string(1000, 'x'), {}, Fault::reset};
  });
  HttpResult result = post(server);
  EXPECT_EQ(result.failure, HttpFailure::broken);
  EXPECT_EQ(result.detail, at(server, "connection reset by peer"));

  TinyHttpServer closing([](const auto&) {
    return TinyHttpServer::Reply{200, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", {}, Fault::raw};
  });
  result = post(closing);
  EXPECT_EQ(result.failure, HttpFailure::broken);
  EXPECT_EQ(result.detail, at(closing, "reply ended early, after 4 bytes"));
}

TEST_F(Http, SaysThatTheReplyIsNotHttp) {
  TinyHttpServer server([](const auto&) {
    return TinyHttpServer::Reply{200, "SSH-2.0-thing\r\n\r\n", {}, Fault::raw};
  });
  HttpResult result = post(server);
  EXPECT_EQ(result.failure, HttpFailure::broken);
  EXPECT_EQ(result.detail, at(server, "the reply is not HTTP"));

  TinyHttpServer silent([](const auto&) { return TinyHttpServer::Reply{200, "", {}, Fault::raw}; });
  result = post(silent);
  EXPECT_EQ(result.failure, HttpFailure::broken);
  EXPECT_EQ(result.detail, at(silent, "connection closed without a reply"));
}

TEST_F(Http, GivesUpOnAServerThatStalls) {
  timeouts_.stall_ms = 150;
  for (const Fault fault : {Fault::hang, Fault::stall}) {
    TinyHttpServer server([fault](const auto&) { return TinyHttpServer::Reply{200, "abcdef", {}, fault}; });
    const HttpResult result = post(server);
    EXPECT_EQ(result.failure, HttpFailure::timeout);
    EXPECT_EQ(result.detail, at(server, "no data for 0.15 s"));
  }
}

TEST_F(Http, GivesUpAfterTheTotalTime) {
  timeouts_.total_ms = 200;
  TinyHttpServer server([](const auto&) { return TinyHttpServer::Reply{200, "abcdef", {}, Fault::hang}; });
  const HttpResult result = post(server);
  EXPECT_EQ(result.failure, HttpFailure::timeout);
  EXPECT_EQ(result.detail, at(server, "no complete reply within 0.2 s"));
}

TEST_F(Http, RefusesAReplyThatIsTooLarge) {
  max_reply_bytes_ = 100;
  TinyHttpServer exact([](const auto&) { return TinyHttpServer::Reply{200, std::string(100, 'x'), {}}; });
  EXPECT_EQ(post(exact).failure, HttpFailure::none);
  TinyHttpServer announced([](const auto&) { return TinyHttpServer::Reply{200, std::string(101, 'x'), {}}; });
  HttpResult result = post(announced);
  EXPECT_EQ(result.failure, HttpFailure::too_large);
  EXPECT_EQ(result.detail, at(announced, "reply is larger than 100 bytes"));
  TinyHttpServer unannounced([](const auto&) {
    return TinyHttpServer::Reply{200, "HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x'), {}, Fault::raw};
  });
  EXPECT_EQ(post(unannounced).failure, HttpFailure::too_large);
  TinyHttpServer headers([](const auto&) {
    TinyHttpServer::Reply reply;
    for (int i = 0; i < 300; ++i) reply.headers.emplace_back("X-Long", std::string(1000, 'y'));
    return reply;
  });
  EXPECT_EQ(post(headers).failure, HttpFailure::too_large);
}

TEST_F(Http, EndsATransferWhenTheJobStops) {
  std::latch arrived(1);
  TinyHttpServer server([&](const auto&) {
    arrived.count_down();
    return TinyHttpServer::Reply{200, "abcdef", {}, Fault::stall};
  });
  auto transfer = std::async(std::launch::async, [&] { return post(server); });
  arrived.wait();
  stop_.fail(std::make_exception_ptr(Error(ErrorKind::failed, "enough")));
  const HttpResult result = transfer.get();  // would take 30 s otherwise
  EXPECT_EQ(result.failure, HttpFailure::stopped);
  EXPECT_EQ(result.detail, "stopped");
  EXPECT_EQ(post(server).failure, HttpFailure::stopped);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(Http, FailsTheHandshakeWithAServerThatSpeaksNoTls) {
  TinyHttpServer server([](const auto&) { return TinyHttpServer::Reply{}; });
  HttpRequest request;
  request.url = "https://127.0.0.1:" + std::to_string(server.port());
  request.timeouts.total_ms = 2000;
  HttpClient without_certificates(stop_, "bulk/test", "/no/such/bundle.pem");
  const HttpResult result = without_certificates.send(request);
  EXPECT_EQ(result.failure, HttpFailure::tls);
  EXPECT_THAT(result.detail, testing::StartsWith(at(server, "TLS: ")));
  EXPECT_THAT(result.detail, testing::HasSubstr("/no/such/bundle.pem"));
}

}  // namespace
}  // namespace bulk
