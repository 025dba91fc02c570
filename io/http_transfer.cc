#include "io/http_transfer.h"

#include <algorithm>
#include <new>

namespace bulk {
namespace {

constexpr std::size_t kMaxHeaderBytes = 256 << 10;
constexpr std::size_t kUsualHeaders = 12;
// As curl parses a URL with the options below.
constexpr unsigned kUrlFlags = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER | CURLU_PATH_AS_IS;

// "Name:" takes a header of curl's own away.
constexpr std::string_view kNoExpect = "Expect:";
constexpr std::string_view kNoAccept = "Accept:";
constexpr std::string_view kNoType = "Content-Type:";

bool breaks_a_header(const std::string& name, const std::string& value) {
  const auto breaks_value = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  const auto breaks_name = [&](char c) { return breaks_value(c) || c == ':' || c == ';'; };
  return name.empty() || std::any_of(name.begin(), name.end(), breaks_name) ||
         std::any_of(value.begin(), value.end(), breaks_value);
}

}  // namespace

HttpTransfer::HttpTransfer(const HttpSetup& setup) : setup_(setup), easy_(curl_easy_init()) {
  if (!easy_) throw std::bad_alloc();
}

bool HttpTransfer::prepare(HttpRequest request, Buffer recycled, SteadyTime now) {
  request_ = std::move(request);
  recycled.clear();
  reply_ = {0, {}, std::move(recycled)};
  reply_.headers.reserve(kUsualHeaders);
  header_bytes_ = 0;
  sendings_ = 0;
  too_large_ = false;
  exception_ = nullptr;
  last_move_ = now;
  moved_ = -1;
  curl_text_[0] = '\0';
  malformed_ = !list_headers() || request_.url.find('\0') != std::string::npos;
  if (malformed_) return false;

  Shape shape{request_.method,
              request_.url,
              request_.timeouts,
              request_.receive_buffer_bytes,
              request_.use_proxy,
              request_.fresh_connection,
              !request_.body.empty() || request_.method == "POST" || request_.method == "PUT"};
  if (!(shape == shape_)) {
    set_options(shape);
    shape_ = std::move(shape);
  }
  if (shape_.has_body) {
    curl_easy_setopt(easy(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy(), CURLOPT_POSTFIELDS, request_.body.empty() ? "" : request_.body.data());
  }
  curl_easy_setopt(easy(), CURLOPT_HTTPHEADER, header_list_.data());
  return true;
}

// What is sent besides Host, Content-Length and User-Agent; false when a header would break the request.
bool HttpTransfer::list_headers() {
  std::size_t lines = 0;
  const auto add = [&](std::string_view first, std::string_view second = {}, std::string_view third = {}) {
    if (lines == header_lines_.size()) header_lines_.emplace_back();
    header_lines_[lines++].assign(first).append(second).append(third);
  };
  bool has_accept = false;
  bool has_type = false;
  for (const auto& [name, value] : request_.headers) {
    if (breaks_a_header(name, value)) return false;
    has_accept = has_accept || curl_strequal(name.c_str(), "accept") != 0;
    has_type = has_type || curl_strequal(name.c_str(), "content-type") != 0;
    if (value.empty()) {
      add(name, ";");
    } else {
      add(name, ": ", value);
    }
  }
  add(kNoExpect);
  if (!has_accept) add(kNoAccept);
  if (!has_type) add(kNoType);
  header_list_.resize(lines);
  for (std::size_t i = 0; i < lines; ++i) {
    header_list_[i] = {header_lines_[i].data(), i + 1 < lines ? &header_list_[i + 1] : nullptr};
  }
  return true;
}

void HttpTransfer::set_options(const Shape& shape) {
  CURL* const handle = easy();
  curl_easy_reset(handle);  // options only: connections and names stay known
  url_.reset(curl_url());
  if (!url_) throw std::bad_alloc();
  if (curl_url_set(url_.get(), CURLUPART_URL, shape.url.c_str(), kUrlFlags) == CURLUE_OK) {
    curl_easy_setopt(handle, CURLOPT_CURLU, url_.get());
  } else {
    curl_easy_setopt(handle, CURLOPT_URL, shape.url.c_str());  // the exchange ends with what is wrong with it
  }
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(handle, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name to be resolved
  curl_easy_setopt(handle, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, shape.receive_buffer_bytes);
  curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, std::max(shape.receive_buffer_bytes, 16L << 10));
  curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, setup_.user_agent.c_str());
  if (!setup_.ca_bundle.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, setup_.ca_bundle.c_str());
  if (!shape.use_proxy) curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  if (shape.fresh_connection) curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, shape.timeouts.connect_ms);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, shape.timeouts.total_ms);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, curl_text_.data());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &receive<&HttpTransfer::take_body>);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &receive<&HttpTransfer::take_header>);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, &begin_sending);
  curl_easy_setopt(handle, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(handle, CURLOPT_PRIVATE, this);

  if (shape.method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (!shape.has_body) {
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    if (shape.method != "GET") curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, shape.method.c_str());
  } else {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    if (shape.method != "POST") curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, shape.method.c_str());
  }
}

template <bool (HttpTransfer::*take)(std::string_view)>
std::size_t HttpTransfer::receive(char* bytes, std::size_t size, std::size_t count, void* transfer) {
  auto& self = *static_cast<HttpTransfer*>(transfer);
  try {
    return (self.*take)({bytes, size * count}) ? size * count : 0;
  } catch (...) {
    self.exception_ = std::current_exception();
    return 0;
  }
}

// Called when a connection is ready, each time before the request goes out. Redirects are not followed.
int HttpTransfer::begin_sending(void* transfer, char*, char*, int, int) {
  ++static_cast<HttpTransfer*>(transfer)->sendings_;
  return CURL_PREREQFUNC_OK;
}

bool HttpTransfer::take_body(std::string_view bytes) {
  const std::size_t most = request_.max_reply_bytes;
  if (reply_.body.empty()) {
    curl_off_t announced = -1;
    curl_easy_getinfo(easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced > 0) {
      if (static_cast<std::uint64_t>(announced) > most) return !(too_large_ = true);
      reply_.body.reserve(static_cast<std::size_t>(announced));
    }
  }
  if (bytes.size() > most - reply_.body.size()) return !(too_large_ = true);
  reply_.body.append(bytes);
  return true;
}

bool HttpTransfer::take_header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) return !(too_large_ = true);
  // A new status line: what came before was an interim reply (100 Continue).
  if (line.starts_with("HTTP/")) reply_.headers.clear();
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
  reply_.headers.emplace_back(std::move(name), value);
  return true;
}

bool HttpTransfer::stalled(SteadyTime now) {
  curl_off_t up = 0;
  curl_off_t down = 0;
  curl_easy_getinfo(easy(), CURLINFO_SIZE_UPLOAD_T, &up);
  curl_easy_getinfo(easy(), CURLINFO_SIZE_DOWNLOAD_T, &down);
  const curl_off_t moved = up + down + static_cast<curl_off_t>(header_bytes_);
  if (moved != moved_ || !is_curl_connected(easy())) {
    moved_ = moved;
    last_move_ = now;
    return false;
  }
  return now - last_move_ >= patience();
}

HttpOutcome HttpTransfer::stall_outcome() const {
  return {HttpFailure::timeout, "no data for " + seconds_text(request_.timeouts.stall_ms)};
}

HttpResult HttpTransfer::finish(CURLcode code) {
  if (exception_) std::rethrow_exception(exception_);
  if (malformed_) {
    return broken_off({HttpFailure::bad_url, "a header or the URL holds a character it must not"});
  }
  if (too_large_) {
    return broken_off(
        {HttpFailure::too_large, "reply is larger than " + std::to_string(request_.max_reply_bytes) + " bytes"});
  }
  HttpOutcome outcome = curl_outcome(code, easy(), request_, reply_.body.size(), curl_text_.data());
  if (outcome.failure != HttpFailure::none) return broken_off(std::move(outcome));
  long status = 0;
  curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
  reply_.status = static_cast<int>(status);
  return {HttpFailure::none, {}, std::move(reply_), sendings_ > 1};
}

HttpResult HttpTransfer::broken_off(HttpOutcome outcome) {
  HttpResult result;
  result.failure = outcome.failure;
  result.resent = sendings_ > 1;
  const std::string where = outcome.failure == HttpFailure::stopped ? "" : host_and_port(request_.url);
  result.detail = where.empty() ? std::move(outcome.text) : where + ": " + outcome.text;
  for (char& c : result.detail) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return result;
}

}  // namespace bulk
