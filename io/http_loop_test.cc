#include "io/http_loop.h"

#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <latch>
#include <map>
#include <thread>

#include "tests/support/tiny_http_server.h"

namespace bulk {
namespace {

using test::TinyHttpServer;

class HttpLoopTest : public testing::Test {
 protected:
  static HttpRequest request(const TinyHttpServer& server, const std::string& path) {
    HttpRequest request;
    request.url = server.url() + path;
    request.body = "hello";
    request.receive_buffer_bytes = 16 << 10;
    return request;
  }
  // Until so many have ended.
  std::map<std::uint64_t, HttpResult> collect(std::size_t count) {
    std::vector<HttpLoop::Ended> ended;
    while (ended.size() < count) loop_.collect(std::chrono::steady_clock::now() + std::chrono::seconds(5), ended);
    std::map<std::uint64_t, HttpResult> results;
    for (auto& one : ended) results.emplace(one.ticket, std::move(one.result));
    return results;
  }

  HttpSetup setup_{"bulk/test", {}};
  HttpLoop loop_{setup_};
};

TEST_F(HttpLoopTest, HasManyExchangesUnderWayAndTellsThemApart) {
  // More than one multi handle's share; none is answered before all have arrived.
  constexpr std::size_t kExchanges = 150;
  std::latch all_there(kExchanges);
  TinyHttpServer server([&](const auto& received) {
    all_there.arrive_and_wait();
    return TinyHttpServer::Reply{200, received.target, {}};
  });
  for (std::size_t i = 0; i < kExchanges; ++i) loop_.start(i, request(server, "/" + std::to_string(i)));
  EXPECT_EQ(loop_.under_way(), kExchanges);
  const auto results = collect(kExchanges);
  ASSERT_EQ(results.size(), kExchanges);
  for (const auto& [ticket, result] : results) {
    EXPECT_EQ(result.failure, HttpFailure::none) << result.detail;
    EXPECT_EQ(result.reply.body.view(), "/" + std::to_string(ticket));
  }
  EXPECT_EQ(loop_.under_way(), 0u);
}

TEST_F(HttpLoopTest, UsesConnectionsAndHandlesAgain) {
  TinyHttpServer server([](const auto& received) { return TinyHttpServer::Reply{200, received.target, {}}; });
  for (std::uint64_t i = 0; i < 20; ++i) {
    HttpRequest next = request(server, i % 2 == 0 ? "/even" : "/odd");
    if (i == 7) next.method = "GET";
    if (i == 7) next.body = {};
    loop_.start(i, std::move(next));
    const auto results = collect(1);
    EXPECT_EQ(results.at(i).reply.body.view(), i % 2 == 0 ? "/even" : "/odd") << results.at(i).detail;
  }
  EXPECT_EQ(server.connections(), 1u);
  EXPECT_EQ(server.requests()[7].method, "GET");
  EXPECT_EQ(server.requests()[8].method, "POST");
  EXPECT_EQ(server.requests()[8].body, "hello");
}

TEST_F(HttpLoopTest, WakesFromAnotherThread) {
  std::vector<HttpLoop::Ended> ended;
  loop_.wake();
  loop_.collect(SteadyTime::max(), ended);  // remembered: would wait for ever otherwise
  std::jthread waker([this] { loop_.wake(); });
  loop_.collect(SteadyTime::max(), ended);
  EXPECT_TRUE(ended.empty());
}

// libcurl's resolver thread has sockets of its own, whose descriptors the connection gets when they are closed.
TEST_F(HttpLoopTest, ReachesAHostThatHasToBeLookedUp) {
  std::array<char, 256> name{};
  ASSERT_EQ(::gethostname(name.data(), name.size() - 1), 0);
  addrinfo hints{};
  hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.data(), nullptr, &hints, &found) != 0) GTEST_SKIP() << "this machine does not know its name";
  const bool here = ntohl(reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr.s_addr) >> 24 == 127;
  ::freeaddrinfo(found);
  if (!here) GTEST_SKIP() << "this machine's name is not one of its loopback addresses";
  TinyHttpServer server([](const auto&) { return TinyHttpServer::Reply{200, "found", {}}; });
  for (std::uint64_t i = 0; i < 3; ++i) {
    HttpRequest next = request(server, "/");
    next.url = "http://" + std::string(name.data()) + ":" + std::to_string(server.port()) + "/";
    loop_.start(i, std::move(next));
    const auto results = collect(1);
    // A name with an address like 127.0.1.1 is looked up and then refused: the server listens on 127.0.0.1.
    const HttpResult& result = results.at(i);
    EXPECT_TRUE(result.failure == HttpFailure::none || result.failure == HttpFailure::connect) << result.detail;
  }
}

TEST_F(HttpLoopTest, EndsOneOfManyWhenItStalls) {
  std::latch over(1);
  TinyHttpServer server([&](const auto& received) {
    if (received.target == "/slow") over.wait();
    return TinyHttpServer::Reply{200, "", {}};
  });
  HttpRequest slow = request(server, "/slow");
  slow.timeouts.stall_ms = 100;
  loop_.start(1, std::move(slow));
  loop_.start(2, request(server, "/quick"));
  const auto results = collect(2);
  over.count_down();
  EXPECT_EQ(results.at(1).failure, HttpFailure::timeout);
  EXPECT_TRUE(results.at(1).detail.ends_with("no data for 0.1 s")) << results.at(1).detail;
  EXPECT_EQ(results.at(2).failure, HttpFailure::none);
}

TEST_F(HttpLoopTest, ReportsWhatCannotBeSentWithoutWaiting) {
  HttpRequest broken;
  broken.url = "http://127.0.0.1:1/";
  broken.headers = {{"x-a", "1\r\nx-b: 2"}};
  loop_.start(9, std::move(broken));
  const auto results = collect(1);
  EXPECT_EQ(results.at(9).failure, HttpFailure::bad_url);
  EXPECT_EQ(results.at(9).detail, "127.0.0.1:1: a header or the URL holds a character it must not");
}

TEST_F(HttpLoopTest, BreaksOffWhatIsUnderWay) {
  std::latch over(1);
  TinyHttpServer server([&](const auto&) {
    over.wait();
    return TinyHttpServer::Reply{200, "", {}};
  });
  loop_.start(1, request(server, "/"));
  std::vector<HttpLoop::Ended> ended;
  loop_.collect(std::chrono::steady_clock::now(), ended);
  EXPECT_TRUE(ended.empty());
  loop_.break_off(1, HttpFailure::stopped, "stopped", ended);
  over.count_down();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].result.failure, HttpFailure::stopped);
  EXPECT_EQ(loop_.under_way(), 0u);
}

}  // namespace
}  // namespace bulk
