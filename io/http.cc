// Each pooled session is a curl multi handle that drives one easy handle, not curl_easy_perform(): that one sleeps up
// to a second when nothing arrives, which is too long for a stop, and knows stalls only as an average over seconds. A
// session is used by one thread at a time and keeps its connections; the free list is last in, first out, so that few
// stay warm. A kept connection that turns out dead is replaced and the request sent again by curl itself.
#include "io/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <mutex>

#include "io/error.h"
#include "io/http_outcome.h"

namespace bulk {
namespace {

constexpr std::chrono::milliseconds kStopCheck{100};
constexpr long kReceiveBufferBytes = 256 << 10;
constexpr std::size_t kMaxHeaderBytes = 256 << 10;

struct FreeEasy {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct FreeMulti {
  void operator()(CURLM* handle) const noexcept { curl_multi_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

struct Session {
  std::unique_ptr<CURLM, FreeMulti> multi{curl_multi_init()};
  std::unique_ptr<CURL, FreeEasy> easy{curl_easy_init()};  // after multi: goes first

  Session() {
    if (!multi || !easy) throw std::bad_alloc();
  }
};

// What the callbacks write to. Exceptions must not cross curl's frames: they are kept and thrown again afterwards.
struct Receiver {
  CURL* easy;
  HttpReply reply;
  std::size_t max_reply_bytes;
  std::size_t header_bytes = 0;
  bool too_large = false;
  std::exception_ptr exception;

  bool take_body(std::string_view bytes) {
    if (reply.body.empty()) {
      curl_off_t announced = -1;
      curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
      if (announced > 0) {
        if (static_cast<std::uint64_t>(announced) > max_reply_bytes) return !(too_large = true);
        reply.body.reserve(static_cast<std::size_t>(announced));
      }
    }
    if (bytes.size() > max_reply_bytes - reply.body.size()) return !(too_large = true);
    reply.body.append(bytes);
    return true;
  }

  bool take_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes) return !(too_large = true);
    // A new status line: what came before was an interim reply (100 Continue).
    if (line.starts_with("HTTP/")) reply.headers.clear();
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    std::string name(line.substr(0, colon));
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    std::string_view value = line.substr(colon + 1);
    const std::size_t begin = value.find_first_not_of(" \t\r\n");
    value = begin == std::string_view::npos ? std::string_view() : value.substr(begin);
    value = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
    reply.headers.emplace_back(std::move(name), value);
    return true;
  }
};

template <bool (Receiver::*take)(std::string_view)>
std::size_t receive(char* bytes, std::size_t size, std::size_t count, void* receiver_pointer) {
  auto& receiver = *static_cast<Receiver*>(receiver_pointer);
  try {
    return (receiver.*take)({bytes, size * count}) ? size * count : 0;
  } catch (...) {
    receiver.exception = std::current_exception();
    return 0;
  }
}

// Bytes moved so far, either way.
curl_off_t moved_bytes(CURL* easy, const Receiver& receiver) {
  curl_off_t up = 0;
  curl_off_t down = 0;
  curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &up);
  curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
  return up + down + static_cast<curl_off_t>(receiver.header_bytes);
}

// What is sent besides Host, Content-Length and User-Agent; `malformed` when a header would break the request.
HeaderList header_list(const HttpRequest& request, bool& malformed) {
  HeaderList list;
  const auto add = [&list](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(longer);
  };
  bool has_accept = false;
  bool has_type = false;
  for (const auto& [name, value] : request.headers) {
    malformed = malformed || name.empty() || name.find_first_of("\r\n:;") != std::string::npos ||
                value.find_first_of("\r\n") != std::string::npos || value.find('\0') != std::string::npos;
    has_accept = has_accept || curl_strequal(name.c_str(), "accept") != 0;
    has_type = has_type || curl_strequal(name.c_str(), "content-type") != 0;
    add(value.empty() ? name + ";" : std::string(name).append(": ").append(value));
  }
  // "Name:" takes a header of curl's own away.
  add("Expect:");
  if (!has_accept) add("Accept:");
  if (!has_type) add("Content-Type:");
  return list;
}

void set_method(CURL* easy, const HttpRequest& request) {
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (request.body.empty() && request.method != "POST" && request.method != "PUT") {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (request.method != "GET") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    if (request.method != "POST") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
}

}  // namespace

std::optional<std::string_view> HttpReply::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

struct HttpClient::Pool {
  Stop& stop;
  std::string user_agent;
  std::string ca_bundle;
  std::mutex mutex;
  std::vector<std::unique_ptr<Session>> free;

  // A session for the length of one exchange.
  class Lease {
   public:
    explicit Lease(Pool& pool) : pool_(pool) {
      {
        const std::lock_guard lock(pool.mutex);
        if (!pool.free.empty()) {
          session_ = std::move(pool.free.back());
          pool.free.pop_back();
        }
      }
      if (!session_) session_ = std::make_unique<Session>();
      curl_easy_reset(session_->easy.get());  // options only: connections and names stay known
    }
    ~Lease() {
      if (attached_) curl_multi_remove_handle(session_->multi.get(), session_->easy.get());
      const std::lock_guard lock(pool_.mutex);
      pool_.free.push_back(std::move(session_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    CURL* easy() const { return session_->easy.get(); }
    CURLM* multi() const { return session_->multi.get(); }
    void attach() {
      if (curl_multi_add_handle(multi(), easy()) != CURLM_OK) throw std::bad_alloc();
      attached_ = true;
    }

   private:
    Pool& pool_;
    std::unique_ptr<Session> session_;
    bool attached_ = false;
  };

  void set_options(CURL* easy, const HttpRequest& request) const {
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent.c_str());
    if (!ca_bundle.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_bundle.c_str());
    if (!request.use_proxy) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (request.fresh_connection) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, request.timeouts.connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request.timeouts.total_ms);
  }

  // Drives the transfer to its end. An early end by stop or stall is told by `outcome`.
  CURLcode drive(Lease& lease, const HttpRequest& request, const Receiver& receiver, HttpOutcome& outcome) const {
    using Clock = std::chrono::steady_clock;
    const std::chrono::milliseconds stall(request.timeouts.stall_ms);
    const int poll_ms = static_cast<int>(std::min(kStopCheck, stall).count());
    auto last_move = Clock::now();
    curl_off_t moved = -1;
    lease.attach();
    for (;;) {
      int running = 0;
      if (curl_multi_perform(lease.multi(), &running) != CURLM_OK) throw std::bad_alloc();
      if (running == 0) break;
      if (stop.stopped()) {
        outcome = {HttpFailure::stopped, "stopped"};
        return CURLE_OK;
      }
      const auto now = Clock::now();
      const curl_off_t moved_now = moved_bytes(lease.easy(), receiver);
      if (moved_now != moved || !is_curl_connected(lease.easy())) {  // connecting has a timeout of its own
        moved = moved_now;
        last_move = now;
      } else if (now - last_move >= stall) {
        outcome = {HttpFailure::timeout, "no data for " + seconds_text(request.timeouts.stall_ms)};
        return CURLE_OK;
      }
      curl_multi_poll(lease.multi(), nullptr, 0, poll_ms, nullptr);
    }
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(lease.multi(), &left);
    return message != nullptr ? message->data.result : CURLE_RECV_ERROR;
  }
};

HttpClient::HttpClient(Stop& stop, std::string user_agent, std::string ca_bundle) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) throw Error(ErrorKind::failed, "cannot initialise libcurl");
  if (ca_bundle.empty()) {
    if (const char* from_environment = std::getenv("AWS_CA_BUNDLE")) ca_bundle = from_environment;
  }
  pool_ = std::unique_ptr<Pool>(new Pool{stop, std::move(user_agent), std::move(ca_bundle), {}, {}});
}

HttpClient::~HttpClient() = default;

HttpResult HttpClient::send(const HttpRequest& request, Buffer recycled) {
  if (pool_->stop.stopped()) return {HttpFailure::stopped, "stopped", {}};
  bool malformed = false;
  const HeaderList headers = header_list(request, malformed);
  if (malformed || request.url.find('\0') != std::string::npos) {
    return {
        HttpFailure::bad_url, host_and_port(request.url) + ": a header or the URL holds a character it must not", {}};
  }

  Pool::Lease lease(*pool_);
  CURL* const easy = lease.easy();
  recycled.clear();
  Receiver receiver{easy, {0, {}, std::move(recycled)}, request.max_reply_bytes, 0, false, nullptr};
  std::array<char, CURL_ERROR_SIZE> curl_text{};
  pool_->set_options(easy, request);
  set_method(easy, request);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_text.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &receive<&Receiver::take_body>);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &receive<&Receiver::take_header>);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &receiver);

  HttpOutcome outcome;
  const CURLcode code = pool_->drive(lease, request, receiver, outcome);
  if (receiver.exception) std::rethrow_exception(receiver.exception);
  if (receiver.too_large) {
    outcome = {HttpFailure::too_large, "reply is larger than " + std::to_string(request.max_reply_bytes) + " bytes"};
  }
  if (outcome.failure == HttpFailure::none)
    outcome = curl_outcome(code, easy, request, receiver.reply.body.size(), curl_text.data());
  if (outcome.failure == HttpFailure::none) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    receiver.reply.status = static_cast<int>(status);
    return {HttpFailure::none, {}, std::move(receiver.reply)};
  }
  HttpResult result;
  result.failure = outcome.failure;
  const std::string where = outcome.failure == HttpFailure::stopped ? "" : host_and_port(request.url);
  result.detail = where.empty() ? outcome.text : where + ": " + outcome.text;
  for (char& c : result.detail) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return result;
}

}  // namespace bulk
