// The loop and what sends; what an outcome means is in write_outcome.cc.
#include "src/write_stage.h"

#include <algorithm>
#include <random>

#include "io/error.h"

namespace bulk {
namespace {

// The rate changes while somebody waits for it.
constexpr std::chrono::milliseconds kLookAgain{200};
constexpr std::chrono::seconds kIdleLook{1};

}  // namespace

Writer::Writer(const WriteContext& context, unsigned number)
    : context_(context),
      number_(number),
      limits_(context.sink.limits()),
      session_(context.sink.open()),
      seat_(context.board),
      seed_(std::random_device{}()),
      window_(limits_.under_way, std::chrono::steady_clock::now()) {
  for (unsigned lane = 0; lane < context_.lanes; ++lane) {
    attempts_.emplace_back(number_ * context_.lanes + lane, context_.retry, seed_++);
    idle_.push_back(lane);
  }
  registration_ = context_.feed.on_change([this] { session_->wake(); });
}

Writer::~Writer() {
  context_.feed.off(registration_);
}

void Writer::run() noexcept {
  try {
    std::vector<SinkSession::Ended> ended_attempts;
    while (launch(std::chrono::steady_clock::now())) {
      show_activity();
      ended_attempts.clear();
      session_->collect(next_look(std::chrono::steady_clock::now()), ended_attempts);
      context_.stop.check();
      const SteadyTime now = std::chrono::steady_clock::now();
      for (SinkSession::Ended& one : ended_attempts) ended(one.ticket, one.result, now);
      resolve_conflicts();
    }
  } catch (...) {
    context_.stop.fail(std::current_exception());
  }
  waiting_.reset();
  seat_.doing(Doing::waiting);
}

bool Writer::launch(SteadyTime now) {
  resume_paused(now);
  send_held(now);
  launch_parked(now);
  launch_again(now);
  const bool more = take_slices(now);
  window_is_full_ = under_way_ >= window_.size();
  // What waits for room in the window is not paced: it hangs if the target does.
  const bool paced = parked_records_ > 0 || (!held_.empty() && room());
  if (paced && !waiting_) waiting_.emplace(context_.rate);
  if (!paced) waiting_.reset();
  return more || under_way_ > 0 || !pausing_.empty() || !held_.empty() || parked_records_ > 0 || !again_.empty();
}

void Writer::resume_paused(SteadyTime now) {
  while (!pausing_.empty() && pausing_.top().until <= now) {
    const Ticket ticket = pausing_.top().ticket;
    if (pausing_.top().cause == Backoff::Cause::transient) --unanswered_;
    pausing_.pop();
    Attempt& attempt = attempts_[ticket];
    if (attempt.halves.empty()) {
      context_.feed.fill(attempt.lane, attempt.slice);
      if (context_.lanes == 0 && context_.hot.any()) park(attempt, nullptr, now);
    }
    if (attempt.slice.empty()) {
      finished(ticket);
    } else {
      hold(ticket);
    }
  }
}

// Fills slices with records of hot partitions whose time has come.
void Writer::launch_parked(SteadyTime now) {
  if (parked_records_ == 0 || now < parked_look_) return;
  parked_look_ = now + kLookAgain;
  std::vector<Pending> due;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (due.empty()) return;
    const Ticket ticket = idle_attempt();
    attempts_[ticket].slice.swap(due);
    hold(ticket);
    due.clear();
    bytes = 0;
  };
  for (auto parked = parked_.begin(); parked != parked_.end();) {
    auto& [partition, waiting] = *parked;
    while (!waiting.records.empty()) {
      if (waiting.not_before > now) {
        parked_look_ = std::min(parked_look_, waiting.not_before);
        break;
      }
      if (due.empty() && !(room() && has_idle_attempt())) {
        parked_look_ = now;
        break;
      }
      const Pending& next = waiting.records.front();
      if (!due.empty() && bytes + next.record().length > limits_.bytes) {
        flush();
        continue;
      }
      const auto wait = context_.hot.reserve(partition, context_.sink.estimate_units(next.record()), now);
      if (wait.count() > 0) {
        parked_look_ = std::min<SteadyTime>(parked_look_, now + wait);
        break;
      }
      bytes += next.record().length;
      due.push_back(next);
      waiting.records.pop_front();
      --parked_records_;
      if (due.size() == limits_.records) flush();
    }
    parked = waiting.records.empty() && !context_.hot.is_hot(partition) ? parked_.erase(parked) : std::next(parked);
  }
  flush();
  send_held(now);
}

// New work, while nothing is held back. True when there may be more to come.
bool Writer::take_slices(SteadyTime now) {
  if (context_.lanes > 0) {
    bool more = idle_.size() < attempts_.size();
    for (std::size_t i = idle_.size(); i-- > 0 && held_.empty() && room();) {
      const Ticket ticket = idle_[i];
      const WriteFeed::Fill filled = context_.feed.fill(attempts_[ticket].lane, attempts_[ticket].slice);
      more = more || filled != WriteFeed::Fill::nothing_more;
      if (filled != WriteFeed::Fill::records) continue;
      idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
      hold(ticket);
      send_held(now);
    }
    return more || !held_.empty() || !room();
  }
  while (held_.empty() && room() && has_idle_attempt()) {
    const Ticket ticket = idle_attempt();
    Attempt& attempt = attempts_[ticket];
    const WriteFeed::Fill filled = context_.feed.fill(attempt.lane, attempt.slice);
    if (filled == WriteFeed::Fill::records && context_.hot.any()) park(attempt, nullptr, now);
    if (attempt.slice.empty()) {
      idle_.push_back(ticket);
      if (filled == WriteFeed::Fill::records) continue;
      return filled == WriteFeed::Fill::nothing_yet;
    }
    hold(ticket);
    send_held(now);
  }
  return true;
}

bool Writer::has_idle_attempt() const {
  return !idle_.empty() || (context_.lanes == 0 && attempts_.size() < limits_.under_way);
}

Writer::Ticket Writer::idle_attempt() {
  if (idle_.empty()) {
    attempts_.emplace_back(0, context_.retry, seed_++);
    return static_cast<Ticket>(attempts_.size() - 1);
  }
  const Ticket ticket = idle_.back();
  idle_.pop_back();
  return ticket;
}

bool Writer::room() const {
  const unsigned taken = under_way_ + unanswered_;
  return taken == 0 || (taken < window_.size() && bytes_under_way_ < context_.most_bytes_under_way);
}

void Writer::hold(Ticket ticket) {
  Attempt& attempt = attempts_[ticket];
  double units = 0;
  for (const Pending& entry : attempt.slice) units += context_.sink.estimate_units(entry.record());
  attempt.reservation = units > 0 ? context_.rate.reserve(units) : RateLimiter::Reservation();
  held_.push_back(ticket);
}

void Writer::send_held(SteadyTime now) {
  while (!held_.empty() && room()) {
    const Ticket ticket = held_.front();
    const RateLimiter::Reservation& reservation = attempts_[ticket].reservation;
    if (reservation.units > 0 && context_.rate.wait_left(reservation).count() > 0) return;
    held_.pop_front();
    send(ticket, now);
  }
}

void Writer::send(Ticket ticket, SteadyTime now) {
  Attempt& attempt = attempts_[ticket];
  refs_.clear();
  attempt.bytes = limits_.attempt_bytes;
  for (const Pending& entry : attempt.slice) {
    refs_.push_back({entry.batch, entry.index});
    attempt.bytes += entry.record().length;
  }
  if (attempt.backoff.attempts() > 0) context_.stats.retried.fetch_add(1, std::memory_order_relaxed);
  ++under_way_;
  bytes_under_way_ += attempt.bytes;
  attempt.sent = now;
  attempt.sending = ++sendings_;
  oldest_.emplace_back(ticket, attempt.sending);
  if (oldest_.size() > 4 * static_cast<std::size_t>(under_way_) + 64) {
    std::erase_if(oldest_, [this](const auto& sent) { return attempts_[sent.first].sending != sent.second; });
  }
  // A sink may do all its work in begin().
  if (under_way_ == 1) seat_.doing(Doing::writing, attempt.slice.front().work->batch.segment);
  session_->begin(ticket, refs_);
}

SteadyTime Writer::next_look(SteadyTime now) {
  SteadyTime look = now + kIdleLook;
  if (!pausing_.empty()) look = std::min(look, pausing_.top().until);
  if (parked_records_ > 0 && room() && has_idle_attempt()) look = std::min(look, std::max(parked_look_, now));
  if (!held_.empty() && room()) {
    const auto wait = context_.rate.wait_left(attempts_[held_.front()].reservation);
    look = std::min<SteadyTime>(look, now + std::min<std::chrono::nanoseconds>(wait, kLookAgain));
  }
  return look;
}

// The oldest attempt is the one that hangs, if one does; a step without an outcome leaves its time as it is.
void Writer::show_activity() {
  while (!oldest_.empty() && attempts_[oldest_.front().first].sending != oldest_.front().second) oldest_.pop_front();
  if (!oldest_.empty()) {
    if (shown_ == oldest_.front().second) return;
    shown_ = oldest_.front().second;
    seat_.doing(Doing::writing, attempts_[oldest_.front().first].slice.front().work->batch.segment);
    return;
  }
  shown_ = 0;
  seat_.doing(held_.empty() && pausing_.empty() && parked_records_ == 0 && again_.empty() ? Doing::waiting
                                                                                          : Doing::working);
}

}  // namespace bulk
