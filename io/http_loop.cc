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

// What the epoll set waits for on a socket, by descriptor. curl gives a connection up and takes it again with every
// exchange: the set is only changed when something else is wanted, or comes unwanted, instead of three times a request.
class Watches {
 public:
  explicit Watches(int epoll_fd) : epoll_(epoll_fd) {}

  bool want(std::uint64_t shard, curl_socket_t socket, std::uint32_t events) {
    Watch& watch = at(socket);
    watch.wanted = true;
    if (watch.events == events) return true;
    epoll_event event{};
    event.events = events;
    event.data.u64 = shard << 32 | static_cast<std::uint32_t>(socket);
    const int change = watch.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    watch.events = ::epoll_ctl(epoll_, change, socket, &event) == 0 ? events : 0;
    return watch.events != 0;
  }
  void unwant(curl_socket_t socket) { at(socket).wanted = false; }
  // An event has come; false: for nobody, and none will come any more.
  bool is_wanted(curl_socket_t socket) {
    Watch& watch = at(socket);
    if (watch.wanted) return true;
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
    watch.events = 0;
    return false;
  }
  // Closing takes a socket out of the set.
  void closed(curl_socket_t socket) { at(socket) = {}; }

 private:
  struct Watch {
    std::uint32_t events = 0;  // that the set has; 0: it does not have the socket
    bool wanted = false;
  };
  Watch& at(curl_socket_t socket) {
    const auto index = static_cast<std::size_t>(socket);
    if (index >= watches_.size()) watches_.resize(index + 1);
    return watches_[index];
  }

  const int epoll_;
  std::vector<Watch> watches_;
};

// A multi handle and when it wants to be called.
struct Shard {
  Shard(std::size_t number, Watches& all) : index(number), watches(all) {}
  const std::size_t index;
  Watches& watches;
  std::unique_ptr<CURLM, FreeMulti> multi{curl_multi_init()};
  std::optional<SteadyTime> timer;
  std::size_t under_way = 0;
};

int set_timer(CURLM*, long timeout_ms, void* shard) {
  auto& timer = static_cast<Shard*>(shard)->timer;
  timer.reset();
  if (timeout_ms >= 0) timer = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

int watch_socket(CURL*, curl_socket_t socket, int what, void* shard_pointer, void*) {
  const auto& shard = *static_cast<Shard*>(shard_pointer);
  if (what == CURL_POLL_REMOVE) {
    shard.watches.unwant(socket);
    return 0;
  }
  std::uint32_t events = 0;
  if (what != CURL_POLL_OUT) events |= EPOLLIN;
  if (what != CURL_POLL_IN) events |= EPOLLOUT;
  return shard.watches.want(shard.index, socket, events) ? 0 : -1;
}

int close_socket(void* watches, curl_socket_t socket) {
  static_cast<Watches*>(watches)->closed(socket);
  return ::close(socket);
}

constexpr std::uint64_t kWakeEvent = ~std::uint64_t{0};

}  // namespace

struct HttpLoop::State {
  const HttpSetup& setup;
  Descriptor epoll{::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"};
  Descriptor waker{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"};
  Watches watches{epoll.get()};
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
    auto shard = std::make_unique<Shard>(shards.size(), watches);
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
      transfer->on_close(&close_socket, &watches);
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
    if (curl_multi_socket_action(shard.multi.get(), socket, events, &running) != CURLM_OK) throw std::bad_alloc();
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
      if (!watches.is_wanted(socket)) continue;
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
    next_sweep = SteadyTime::max();
    for (std::size_t i = active.size(); i-- > 0;) {
      if (!active[i]->stalled(now)) {
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
  if (curl_multi_add_handle(shard.multi.get(), transfer->easy()) != CURLM_OK) throw std::bad_alloc();
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
