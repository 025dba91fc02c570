// One HTTP exchange on a libcurl easy handle: its options, what comes back, and how it ended. Used by io/http_loop.cc
// alone. The handle, its buffers and its header list are used again for the next exchange; options are set anew only
// where they differ from those of the last one, because setting all of them costs as much as signing a request. One
// thread; must not move while an exchange is under way, since curl keeps pointers into it.
#pragma once

#include <curl/curl.h>

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/clock.h"
#include "io/http.h"
#include "io/http_outcome.h"

namespace bulk {

class HttpTransfer {
 public:
  explicit HttpTransfer(const HttpSetup& setup);
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  // Sets the handle up for `request`, whose body outlives the exchange. False: a header or the URL holds a character
  // that would break the request; finish() says so.
  bool prepare(HttpRequest request, Buffer recycled, SteadyTime now);
  CURL* easy() const noexcept { return easy_.get(); }

  // Whether no byte has moved either way for as long as the request allows. Connecting has a timeout of its own.
  bool stalled(SteadyTime now);
  void excuse(SteadyTime now) { last_move_ = now; }
  // How long from now on it need not be asked.
  std::chrono::milliseconds patience() const { return std::chrono::milliseconds(request_.timeouts.stall_ms); }

  // The result, once curl is done with the handle (it has been taken out of its multi handle).
  HttpResult finish(CURLcode code);
  // The result of an exchange that was broken off.
  HttpResult broken_off(HttpOutcome outcome);
  HttpOutcome stall_outcome() const;

  std::uint64_t ticket = 0;  // these three are the owner's
  std::size_t shard = 0;
  std::size_t place = 0;

 private:
  struct FreeEasy {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
  };
  struct FreeUrl {
    void operator()(CURLU* handle) const noexcept { curl_url_cleanup(handle); }
  };
  // What options depend on, beside the body and the headers.
  struct Shape {
    std::string method, url;
    HttpTimeouts timeouts;
    long receive_buffer_bytes = 0;
    bool use_proxy = true, fresh_connection = false, has_body = false;
    bool operator==(const Shape&) const = default;
  };

  template <bool (HttpTransfer::*take)(std::string_view)>
  static std::size_t receive(char* bytes, std::size_t size, std::size_t count, void* transfer);
  static int begin_sending(void* transfer, char*, char*, int, int);
  bool take_body(std::string_view bytes);
  bool take_header(std::string_view line);
  void set_options(const Shape& shape);
  bool list_headers();

  const HttpSetup& setup_;
  std::unique_ptr<CURLU, FreeUrl> url_;  // of shape_, parsed once: curl would do it for each exchange
  std::unique_ptr<CURL, FreeEasy> easy_;
  Shape shape_;
  HttpRequest request_;
  // The list that curl walks: nodes and texts of our own, because curl_slist_append takes two allocations a header.
  std::vector<std::string> header_lines_;
  std::vector<curl_slist> header_list_;
  std::array<char, CURL_ERROR_SIZE> curl_text_{};

  HttpReply reply_;
  std::size_t header_bytes_ = 0;
  unsigned sendings_ = 0;  // of this request, each on another connection
  bool malformed_ = false;
  bool too_large_ = false;
  std::exception_ptr exception_;  // must not cross curl's frames
  SteadyTime last_move_;
  curl_off_t moved_ = -1;
};

}  // namespace bulk
