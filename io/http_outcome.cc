#include "io/http_outcome.h"

#include <algorithm>
#include <memory>
#include <new>
#include <system_error>

namespace bulk {
namespace {

struct FreeUrl {
  void operator()(CURLU* handle) const noexcept { curl_url_cleanup(handle); }
};
struct FreeText {
  void operator()(char* text) const noexcept { curl_free(text); }
};

std::string system_text(CURL* easy, const char* otherwise) {
  long code = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
  if (code == 0) return otherwise;
  std::string text = std::generic_category().message(static_cast<int>(code));
  if (text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

}  // namespace

std::string host_and_port(const std::string& url) {
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
  char* host = nullptr;
  char* port = nullptr;
  curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0);
  curl_url_get(parsed.get(), CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
  const std::unique_ptr<char, FreeText> host_owner(host);
  const std::unique_ptr<char, FreeText> port_owner(port);
  return std::string(host != nullptr ? host : "") + ":" + (port != nullptr ? port : "");
}

std::string seconds_text(long ms) {
  std::string text = std::to_string(ms / 1000);
  if (ms % 1000 != 0) {
    std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
    fraction.resize(fraction.find_last_not_of('0') + 1);
    text += "." + fraction;
  }
  return text + " s";
}

bool is_curl_connected(CURL* easy) {
  curl_off_t time_us = 0;
  curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &time_us);
  return time_us > 0;
}

HttpOutcome curl_outcome(CURLcode code, CURL* easy, const HttpRequest& request, std::size_t received_bytes,
                         const char* curl_text) {
  switch (code) {
    case CURLE_OK:
      return {};
    case CURLE_URL_MALFORMAT:
      return {HttpFailure::bad_url, "not a valid URL"};
    case CURLE_LOGIN_DENIED:
      return {HttpFailure::bad_url, "a URL must not hold a user name"};
    case CURLE_UNSUPPORTED_PROTOCOL:  // also what curl says to a reply without a status line
      if (is_curl_connected(easy)) return {HttpFailure::broken, "the reply is not HTTP"};
      return {HttpFailure::bad_url, "not an http or https URL"};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {HttpFailure::resolve, "name not found"};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {HttpFailure::resolve, "name of the proxy not found"};
    case CURLE_COULDNT_CONNECT:
      return {HttpFailure::connect, system_text(easy, "cannot connect")};
    case CURLE_OPERATION_TIMEDOUT:
      if (!is_curl_connected(easy)) {
        return {HttpFailure::timeout, "no connection within " + seconds_text(std::min(request.timeouts.connect_ms,
                                                                                      request.timeouts.total_ms))};
      }
      return {HttpFailure::timeout, "no complete reply within " + seconds_text(request.timeouts.total_ms)};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
      return {HttpFailure::tls, std::string("TLS: ") + (*curl_text != '\0' ? curl_text : curl_easy_strerror(code))};
    case CURLE_GOT_NOTHING:
      return {HttpFailure::broken, "connection closed without a reply"};
    case CURLE_PARTIAL_FILE:
      return {HttpFailure::broken, "reply ended early, after " + std::to_string(received_bytes) + " bytes"};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
      return {HttpFailure::broken, system_text(easy, "connection broken")};
    case CURLE_OUT_OF_MEMORY:
      throw std::bad_alloc();
    default:
      return {HttpFailure::broken, *curl_text != '\0' ? curl_text : curl_easy_strerror(code)};
  }
}

}  // namespace bulk
