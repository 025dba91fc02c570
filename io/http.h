// HTTP through libcurl: what an exchange is, and a client that makes one blocking exchange per call, from any number of
// threads; io/http_loop.h has many under way on one thread. A call ends when the reply is complete, a timeout passes,
// or the job stops (looked at every 100 ms). Replies are delivered exactly as received: Content-Encoding is NOT undone,
// because x-amz-crc32 covers the stored bytes. Failures of transport are values, not exceptions: the caller
// (io/retry.h) decides what may be tried again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/buffer.h"
#include "io/stop.h"

namespace bulk {

struct HttpTimeouts {
  long connect_ms = 5'000;
  long stall_ms = 30'000;   // no byte either way for so long
  long total_ms = 120'000;  // the whole exchange
  bool operator==(const HttpTimeouts&) const = default;
};

struct HttpRequest {
  std::string method = "POST";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  // sent in this order; Host and Content-Length are curl's
  std::string_view body;                                     // must outlive the call
  HttpTimeouts timeouts;
  std::size_t max_reply_bytes = 32u << 20;
  long receive_buffer_bytes = 256 << 10;  // less where replies are small and many are under way
  bool use_proxy = true;                  // false for link-local metadata services
  // On a kept connection that turns out to be closed curl sends a request again (HttpResult::resent); on a fresh one
  // never.
  bool fresh_connection = false;
};

struct HttpReply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  Buffer body;

  // The value of a header (name in lower case), or nothing.
  std::optional<std::string_view> header(std::string_view name) const;
};

enum class HttpFailure {
  none,
  bad_url,    // never worth a retry
  resolve,    // name not found
  connect,    // refused or unreachable: nothing was sent
  tls,        // handshake or certificate
  timeout,    // connect, stall or total
  broken,     // reset or ended early: the request may have been carried out
  too_large,  // reply over max_reply_bytes
  stopped,    // the job stopped
};

struct HttpResult {
  HttpFailure failure = HttpFailure::none;
  std::string detail;  // one line for people when failure != none
  HttpReply reply;     // meaningful when failure == none
  // The request was begun on more than one connection, because a kept one was closed before the reply began: an earlier
  // sending may have been carried out.
  bool resent = false;
};

// What all exchanges of a client have in common.
struct HttpSetup {
  std::string user_agent;  // sent with every request
  std::string ca_bundle;   // empty: the system's
};

class HttpClient {
 public:
  // CA bundle from AWS_CA_BUNDLE or `ca_bundle` when not empty; proxies from the environment as curl does.
  HttpClient(Stop& stop, std::string user_agent, std::string ca_bundle = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // One exchange. `recycled` may bring a buffer whose capacity is used for the reply's body.
  HttpResult send(const HttpRequest& request, Buffer recycled = {});

  // For loops that send for the same client; lives as long as it.
  const HttpSetup& setup() const noexcept;

 private:
  struct Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace bulk
