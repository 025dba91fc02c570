// Each pooled session is a loop of its own that has one exchange under way: not curl_easy_perform(), which sleeps up to
// a second when nothing arrives, too long for a stop, and knows stalls only as an average over seconds. A session is
// used by one thread at a time and keeps its connections; the free list is last in, first out, so that few stay warm. A
// kept connection that turns out dead is replaced and the request sent again by curl itself.
#include "io/http.h"

#include <curl/curl.h>

#include <cstdlib>
#include <mutex>

#include "io/error.h"
#include "io/http_loop.h"

namespace bulk {
namespace {

constexpr std::chrono::milliseconds kStopCheck{100};

}  // namespace

std::optional<std::string_view> HttpReply::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

struct HttpClient::Pool {
  Stop& stop;
  HttpSetup setup;
  std::mutex mutex;
  std::vector<std::unique_ptr<HttpLoop>> free;

  // A session for the length of one exchange.
  class Lease {
   public:
    explicit Lease(Pool& pool) : pool_(pool) {
      const std::lock_guard lock(pool.mutex);
      if (pool.free.empty()) {
        loop_ = std::make_unique<HttpLoop>(pool.setup);
      } else {
        loop_ = std::move(pool.free.back());
        pool.free.pop_back();
      }
    }
    ~Lease() {
      if (loop_->under_way() > 0) return;  // an exception has left something behind
      const std::lock_guard lock(pool_.mutex);
      pool_.free.push_back(std::move(loop_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    HttpLoop* operator->() const { return loop_.get(); }

   private:
    Pool& pool_;
    std::unique_ptr<HttpLoop> loop_;
  };
};

HttpClient::HttpClient(Stop& stop, std::string user_agent, std::string ca_bundle) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) throw Error(ErrorKind::failed, "cannot initialise libcurl");
  if (ca_bundle.empty()) {
    if (const char* from_environment = std::getenv("AWS_CA_BUNDLE")) ca_bundle = from_environment;
  }
  pool_ = std::unique_ptr<Pool>(new Pool{stop, {std::move(user_agent), std::move(ca_bundle)}, {}, {}});
}

HttpClient::~HttpClient() = default;

const HttpSetup& HttpClient::setup() const noexcept {
  return pool_->setup;
}

HttpResult HttpClient::send(const HttpRequest& request, Buffer recycled) {
  if (pool_->stop.stopped()) return {HttpFailure::stopped, "stopped", {}};
  const Pool::Lease loop(*pool_);
  std::vector<HttpLoop::Ended> ended;
  loop->start(0, request, std::move(recycled));
  while (ended.empty()) {
    loop->collect(std::chrono::steady_clock::now() + kStopCheck, ended);
    if (ended.empty() && pool_->stop.stopped()) loop->break_off(0, HttpFailure::stopped, "stopped", ended);
  }
  return std::move(ended.front().result);
}

}  // namespace bulk
