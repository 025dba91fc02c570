#include "io/http_loop.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "io/error.h"
#include "io/http_transfer.h"

namespace bulk {
namespace {

constexpr std::size_t kShardTransfers = 64;
// Stalls are looked for four times within the shortest patience, and at least every second.
constexpr std::chrono::milliseconds kMostBetweenSweeps{1'000};

struct FreeMulti {
  void operator()(CURLM* handle) const noexcept { curl_multi_cleanup(handle); }
};
struct FreeShare {
  void operator()(CURLSH* handle) const noexcept { curl_share_cleanup(handle); }
};

class Descriptor {
 public:
  Descriptor(int fd, const char* what) : fd_(fd) {
    if (fd < 0) throw Error(ErrorKind::failed, std::string(what) + ": " + std::strerror(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// A multi handle and when it wants to be called. The handle goes first: cleaning up still calls back.
struct Shard {
  Shard(std::size_t number, int epoll_fd) : index(number), epoll(epoll_fd) {}
  const std::size_t index;
  const int epoll;
  std::optional<SteadyTime> timer;
  std::size_t under_way = 0;
  int failed = 0;  // errno of a socket that could not be watched
  std::unique_ptr<CURLM, FreeMulti> multi{curl_multi_init()};
};

int set_timer(CURLM*, long timeout_ms, void* shard) {
  auto& timer = static_cast<Shard*>(shard)->timer;
  timer.reset();
  if (timeout_ms >= 0) timer = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

// `known`: what was assigned to the socket when it was added. It is taken out of the set as soon as curl gives it up,
// with every exchange, although it will be back: descriptors are used again by sockets that only the resolver knows of.
int watch_socket(CURL*, curl_socket_t socket, int what, void* shard_pointer, void* known) {
  auto& shard = *static_cast<Shard*>(shard_pointer);
  if (what == CURL_POLL_REMOVE) {
    ::epoll_ctl(shard.epoll, EPOLL_CTL_DEL, socket, nullptr);
    return 0;
  }
  epoll_event event{};
  if (what != CURL_POLL_OUT) event.events |= EPOLLIN;
  if (what != CURL_POLL_IN) event.events |= EPOLLOUT;
  event.data.u64 = static_cast<std::uint64_t>(shard.index) << 32 | static_cast<std::uint32_t>(socket);
  if (::epoll_ctl(shard.epoll, known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event) != 0) {
    shard.failed = errno;
    return -1;
  }
  if (known == nullptr) curl_multi_assign(shard.multi.get(), socket, &shard);
  return 0;
}

[[noreturn]] void fail(const Shard& shard, CURLMcode code) {
  if (code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
  throw Error(ErrorKind::failed, std::string("libcurl: ") + curl_multi_strerror(code) +
                                     (shard.failed == 0 ? "" : std::string(": ") + std::strerror(shard.failed)));
}

constexpr std::uint64_t kWakeEvent = ~std::uint64_t{0};

}  // namespace

struct HttpLoop::State {
  const HttpSetup& setup;
  Descriptor epoll{::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"};
  Descriptor waker{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"};
  // TLS sessions, so that the hundredth connection need not negotiate anew. Before its users, so that it goes last.
  std::unique_ptr<CURLSH, FreeShare> share{curl_share_init()};
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::unique_ptr<HttpTransfer>> active;
  std::vector<std::unique_ptr<HttpTransfer>> idle;
  std::vector<Ended> stillborn;  // exchanges that could not begin
  SteadyTime next_sweep = SteadyTime::max();
  bool woken = false;

  explicit State(const HttpSetup& with) : setup(with) {
    if (!share) throw std::bad_alloc();
    curl_share_setopt(share.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWakeEvent;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, waker.get(), &event) != 0) {
      throw Error(ErrorKind::failed, std::string("epoll_ctl: ") + std::strerror(errno));
    }
  }

  Shard& shard_with_room() {
    for (const auto& shard : shards) {
      if (shard->under_way < kShardTransfers) return *shard;
    }
    auto shard = std::make_unique<Shard>(shards.size(), epoll.get());
    if (!shard->multi) throw std::bad_alloc();
    curl_multi_setopt(shard->multi.get(), CURLMOPT_SOCKETFUNCTION, &watch_socket);
    curl_multi_setopt(shard->multi.get(), CURLMOPT_SOCKETDATA, shard.get());
    curl_multi_setopt(shard->multi.get(), CURLMOPT_TIMERFUNCTION, &set_timer);
    curl_multi_setopt(shard->multi.get(), CURLMOPT_TIMERDATA, shard.get());
    shards.push_back(std::move(shard));
    return *shards.back();
  }

  std::unique_ptr<HttpTransfer> idle_transfer() {
    if (idle.empty()) {
      auto transfer = std::make_unique<HttpTransfer>(setup);
      curl_easy_setopt(transfer->easy(), CURLOPT_SHARE, share.get());
      return transfer;
    }
    auto transfer = std::move(idle.back());
    idle.pop_back();
    return transfer;
  }

  void plan_sweep(SteadyTime now, const HttpTransfer& transfer) {
    next_sweep = std::min<SteadyTime>(next_sweep, now + std::min(transfer.patience() / 4, kMostBetweenSweeps));
  }

  // Takes a transfer out of curl's hands. Closes its connection unless the exchange is complete.
  std::unique_ptr<HttpTransfer> take_out(std::size_t place) {
    std::unique_ptr<HttpTransfer> transfer = std::move(active[place]);
    Shard& shard = *shards[transfer->shard];
    curl_multi_remove_handle(shard.multi.get(), transfer->easy());
    --shard.under_way;
    if (place + 1 < active.size()) {
      active[place] = std::move(active.back());
      active[place]->place = place;
    }
    active.pop_back();
    return transfer;
  }

  void act(Shard& shard, curl_socket_t socket, int events) {
    int running = 0;
    const CURLMcode code = curl_multi_socket_action(shard.multi.get(), socket, events, &running);
    if (code != CURLM_OK) fail(shard, code);
  }

  // Waits for the kernel at most until `until`, then lets curl act on what has happened.
  void step(SteadyTime until) {
    const SteadyTime before = std::chrono::steady_clock::now();
    SteadyTime wake_at = std::min(until, next_sweep);
    for (const auto& shard : shards) wake_at = std::min(wake_at, shard->timer.value_or(wake_at));
    int wait_ms = 0;
    if (wake_at > before) {
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::min<std::chrono::nanoseconds>(
          wake_at - before, std::chrono::seconds(10)));  // max() would not fit into milliseconds
      wait_ms = static_cast<int>(wait.count());
    }
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), wait_ms);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 == kWakeEvent) {
        std::uint64_t value = 0;
        woken = ::read(waker.get(), &value, sizeof value) == sizeof value || woken;
        continue;
      }
      const auto socket = static_cast<curl_socket_t>(event.data.u64 & 0xffffffff);
      int what = 0;
      if ((event.events & EPOLLIN) != 0) what |= CURL_CSELECT_IN;
      if ((event.events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
      if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) what |= CURL_CSELECT_ERR;
      act(*shards[event.data.u64 >> 32], socket, what);
    }
    const SteadyTime now = std::chrono::steady_clock::now();
    for (const auto& shard : shards) {
      if (!shard->timer || *shard->timer > now) continue;
      shard->timer.reset();
      act(*shard, CURL_SOCKET_TIMEOUT, 0);
    }
  }

  void take_ended(std::vector<Ended>& ended) {
    for (Ended& never_begun : stillborn) ended.push_back(std::move(never_begun));
    stillborn.clear();
    for (const auto& shard : shards) {
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(shard->multi.get(), &left)) {
        const CURLcode code = message->data.result;
        HttpTransfer* done = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &done);
        auto transfer = take_out(done->place);
        ended.push_back({transfer->ticket, transfer->finish(code)});
        idle.push_back(std::move(transfer));
      }
    }
  }

  void sweep(SteadyTime now, std::vector<Ended>& ended) {
    // Whoever comes so late was kept away, and what has arrived meanwhile may not have been looked at yet.
    const bool late = now - next_sweep > kMostBetweenSweeps;
    next_sweep = SteadyTime::max();
    for (std::size_t i = active.size(); i-- > 0;) {
      if (late) active[i]->excuse(now);
      if (late || !active[i]->stalled(now)) {
        plan_sweep(now, *active[i]);
        continue;
      }
      auto transfer = take_out(i);
      ended.push_back({transfer->ticket, transfer->broken_off(transfer->stall_outcome())});
      idle.push_back(std::move(transfer));
    }
  }
};

HttpLoop::HttpLoop(const HttpSetup& setup) : state_(std::make_unique<State>(setup)) {}

HttpLoop::~HttpLoop() {
  while (!state_->active.empty()) state_->take_out(state_->active.size() - 1);
}

void HttpLoop::start(std::uint64_t ticket, HttpRequest request, Buffer recycled) {
  const SteadyTime now = std::chrono::steady_clock::now();
  auto transfer = state_->idle_transfer();
  transfer->ticket = ticket;
  if (!transfer->prepare(std::move(request), std::move(recycled), now)) {
    state_->stillborn.push_back({ticket, transfer->finish(CURLE_OK)});
    state_->idle.push_back(std::move(transfer));
    return;
  }
  Shard& shard = state_->shard_with_room();
  transfer->shard = shard.index;
  transfer->place = state_->active.size();
  const CURLMcode code = curl_multi_add_handle(shard.multi.get(), transfer->easy());
  if (code != CURLM_OK) fail(shard, code);
  ++shard.under_way;
  state_->plan_sweep(now, *transfer);
  state_->active.push_back(std::move(transfer));
}

void HttpLoop::collect(SteadyTime until, std::vector<Ended>& ended) {
  const std::size_t before = ended.size();
  do {
    state_->step(state_->stillborn.empty() ? until : SteadyTime::min());
    state_->take_ended(ended);
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= state_->next_sweep) state_->sweep(now, ended);
    if (now >= until) break;
  } while (ended.size() == before && !state_->woken);
  state_->woken = false;
}

void HttpLoop::break_off(std::uint64_t ticket, HttpFailure failure, const std::string& text,
                         std::vector<Ended>& ended) {
  for (std::size_t i = state_->active.size(); i-- > 0;) {
    if (state_->active[i]->ticket != ticket) continue;
    auto transfer = state_->take_out(i);
    ended.push_back({ticket, transfer->broken_off({failure, text})});
    state_->idle.push_back(std::move(transfer));
  }
}

std::size_t HttpLoop::under_way() const noexcept {
  return state_->active.size();
}

void HttpLoop::wake() noexcept {
  const std::uint64_t one = 1;
  // The counter can only be full when a wake is pending already.
  static_cast<void>(::write(state_->waker.get(), &one, sizeof one) == sizeof one);
}

}  // namespace bulk
