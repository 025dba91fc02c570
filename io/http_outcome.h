// How a transfer ended, in words: libcurl's codes turned into HttpFailure and one line for people. Used by
// io/http_transfer.cc alone. Texts name host and port, never the path, the query or user data, which may hold secrets.
// Pure functions.
#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <string>

#include "io/http.h"

namespace bulk {

struct HttpOutcome {
  HttpFailure failure = HttpFailure::none;
  std::string text;  // without the host
};

// `curl_text` is curl's error buffer, may be empty. Throws bad_alloc when curl ran out of memory.
HttpOutcome curl_outcome(CURLcode code, CURL* easy, const HttpRequest& request, std::size_t received_bytes,
                         const char* curl_text);

// "host:port" of a URL; empty when it is none.
std::string host_and_port(const std::string& url);

// "30 s", "0.15 s".
std::string seconds_text(long ms);

// Whether connection and handshake are done.
bool is_curl_connected(CURL* easy);

}  // namespace bulk
