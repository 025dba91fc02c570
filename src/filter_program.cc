#include "src/filter_program.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "io/clock.h"
#include "io/error.h"

namespace bulk {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kStagedBytes = std::size_t{256} << 10;
constexpr std::size_t kReadBytes = std::size_t{128} << 10;
constexpr std::size_t kKeptErrorBytes = std::size_t{8} << 10;
constexpr std::size_t kShownErrorBytes = 1'000;
constexpr milliseconds kStopCheck{100};
constexpr int kPromptPatience = 10;
constexpr milliseconds kLastWords{500};  // for its exit status, when it has closed a pipe
constexpr milliseconds kStoppedGrace{300};
constexpr int kHeldBackForGood = 2;
constexpr int kEndCheck = 2;  // ms

const char* const kOneForOne = "a filter writes exactly one line for each line that it reads";
const char* const kByHand = "try it by hand with a few lines of `bulk cat`";

std::string seconds(milliseconds time) {
  return fmt::format("{:g} s", static_cast<double>(time.count()) / 1000);
}

milliseconds since(SteadyTime time) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - time);
}

std::string ending(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with exit status {}", WEXITSTATUS(status));
}

bool ended_well(int status) {
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// The end of `said` on one line: whole lines of it, where possible.
std::string last_lines(std::string_view said) {
  if (said.size() > kShownErrorBytes) {
    said.remove_prefix(said.size() - kShownErrorBytes);
    const std::size_t end = said.find('\n');
    if (end != std::string_view::npos && end + 1 < said.size()) said.remove_prefix(end + 1);
    while (!said.empty() && (static_cast<unsigned char>(said.front()) & 0xc0) == 0x80) said.remove_prefix(1);
  }
  std::string lines;
  while (!said.empty()) {
    const std::size_t end = std::min(said.find('\n'), said.size());
    std::string_view line = said.substr(0, end);
    said.remove_prefix(std::min(end + 1, said.size()));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    if (!lines.empty()) lines += " | ";
    lines += line;
  }
  return lines;
}

}  // namespace

// One batch on its way through the program.
struct FilterProgram::Exchange {
  Exchange(std::span<const std::string_view> lines, Buffer& out, std::vector<Answer>& answers)
      : lines(lines), out(out), answers(answers), first_answer(answers.size()), begin(out.size()), line(out.size()) {}

  std::size_t answered() const { return answers.size() - first_answer; }
  bool complete() const { return answered() == lines.size(); }
  bool sent() const { return next == lines.size() && staged_from == staged.size(); }
  std::string progress() const { return fmt::format("{} of {} lines", answered(), lines.size()); }

  void take_line(std::size_t end) {
    answers.emplace_back(static_cast<std::uint32_t>(line), static_cast<std::uint32_t>(end - line));
    line = end + 1;
  }

  const std::span<const std::string_view> lines;
  Buffer& out;
  std::vector<Answer>& answers;
  const std::size_t first_answer;
  const std::size_t begin;  // of the first answer in `out`
  std::size_t line;         // where the answer begins that is being read

  std::size_t next = 0;  // line to be staged
  Buffer staged;         // whole lines on their way into the pipe
  std::size_t staged_from = 0;

  bool output_ended = false;
  SteadyTime last_answer = std::chrono::steady_clock::now();
  SteadyTime last_move = last_answer;  // of bytes, in either direction
};

FilterProgram::FilterProgram(FilterCommand command, Stop& stop) : command_(std::move(command)), stop_(stop) {}

FilterProgram::~FilterProgram() {
  if (child_ && stop_.stopped()) child_->set_grace(kStoppedGrace);
}

std::string FilterProgram::note() const {
  if (held_back_ < kHeldBackForGood) return {};
  return command_.name + " holds back its output until its input ends, or takes more than " + seconds(command_.quiet) +
         " for a line: it is started anew for each batch; a switch for unbuffered output, if it has one, saves that";
}

std::string_view FilterProgram::stderr_tail() const noexcept {
  const std::string_view said = said_;
  return said.size() > kKeptErrorBytes ? said.substr(said.size() - kKeptErrorBytes) : said;
}

void FilterProgram::start() {
  said_.clear();
  silent_ = false;
  child_.emplace(command_.name, command_.arguments, command_.directory);
}

// Does `work`; when the job stops meanwhile, the program ends here and now.
template <typename Work>
void FilterProgram::unless_stopped(const Work& work) {
  try {
    work();
  } catch (...) {
    if (child_ && stop_.stopped()) {
      child_->set_grace(kStoppedGrace);
      child_.reset();
    }
    throw;
  }
}

void FilterProgram::run(std::span<const std::string_view> lines, Buffer& out, std::vector<Answer>& answers) {
  if (lines.empty()) return;
  unless_stopped([&] {
    stop_.check();
    if (!child_) {
      start();
    } else if (pollfd early{child_->output(), POLLIN, 0}; ::poll(&early, 1, 0) > 0 && (early.revents & POLLIN) != 0) {
      too_many_lines();  // it owes nothing
    }
    Exchange exchange(lines, out, answers);
    converse(exchange);
  });
}

void FilterProgram::finish() {
  if (!child_) return;
  unless_stopped([&] {
    child_->close_input();
    Buffer out;
    std::vector<Answer> answers;
    Exchange nothing({}, out, answers);
    converse(nothing);
  });
}

void FilterProgram::converse(Exchange& exchange) {
  while (!exchange.output_ended && !(exchange.complete() && child_->input() >= 0)) {
    if (exchange.sent() && held_back_ >= kHeldBackForGood) child_->close_input();
    // poll() passes over what is negative.
    std::array<pollfd, 3> ends{{{child_->output(), POLLIN, 0},
                                {silent_ ? -1 : child_->errors(), POLLIN, 0},
                                {exchange.sent() ? -1 : child_->input(), POLLOUT, 0}}};
    const milliseconds turn = std::min(kStopCheck, command_.quiet);
    const int ready = ::poll(ends.data(), ends.size(), static_cast<int>(turn.count()));
    stop_.check();
    if (ready < 0) continue;  // a signal
    if (ends[1].revents != 0) hear();
    if (ends[0].revents != 0) listen(exchange);
    if (ends[2].revents != 0) feed(exchange);
    // Not only when poll() found nothing: what a program says to standard error does not show that it works on an
    // answer.
    if (since(exchange.last_move) >= turn) look_whether_it_waits(exchange);
    look_at_clock(exchange);
  }
  settle(exchange);
}

void FilterProgram::feed(Exchange& exchange) {
  if (exchange.staged_from == exchange.staged.size()) {
    exchange.staged.clear();
    exchange.staged_from = 0;
    while (exchange.next < exchange.lines.size() && exchange.staged.size() < kStagedBytes) {
      exchange.staged.append(exchange.lines[exchange.next++]);
      exchange.staged.push_back('\n');
    }
  }
  const std::string_view rest = exchange.staged.view().substr(exchange.staged_from);
  const ssize_t written = ::write(child_->input(), rest.data(), rest.size());
  if (written < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    if (errno == EPIPE) ended_early(exchange);
    throw os_error("write to " + command_.name, errno);
  }
  exchange.staged_from += static_cast<std::size_t>(written);
  exchange.last_move = std::chrono::steady_clock::now();
}

void FilterProgram::listen(Exchange& exchange) {
  Buffer& out = exchange.out;
  const std::size_t had = out.size();
  out.resize(had + kReadBytes);
  const ssize_t got = ::read(child_->output(), out.data() + had, kReadBytes);
  const int error = errno;
  out.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) {
    if (error == EAGAIN || error == EINTR) return;
    throw os_error("read from " + command_.name, error);
  }
  exchange.last_move = std::chrono::steady_clock::now();
  if (got == 0) {
    exchange.output_ended = true;
  } else {
    take_lines(exchange, had);
  }
}

void FilterProgram::take_lines(Exchange& exchange, std::size_t from) {
  const Buffer& out = exchange.out;
  const std::size_t answered = exchange.answered();
  while (from < out.size()) {
    if (exchange.complete()) too_many_lines();
    const void* const found = std::memchr(out.data() + from, '\n', out.size() - from);
    const std::size_t end =
        found == nullptr ? out.size() : static_cast<std::size_t>(static_cast<const char*>(found) - out.data());
    if (end - exchange.line > kMaxLineBytes) {
      fail("wrote a line of more than 32 MiB", kOneForOne);
    }
    if (found == nullptr) break;
    exchange.take_line(end);
    from = exchange.line;
  }
  if (out.size() - exchange.begin > kMaxBatchBytes) {
    fail(fmt::format("wrote more than 256 MiB for {} lines", exchange.lines.size()), "let it write less for each line");
  }
  if (exchange.answered() != answered) exchange.last_answer = exchange.last_move;
}

bool FilterProgram::hear() {
  if (silent_) return false;
  std::array<char, 4096> bytes;
  const ssize_t got = ::read(child_->errors(), bytes.data(), bytes.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    silent_ = true;
    return false;
  }
  said_.append(bytes.data(), static_cast<std::size_t>(got));
  if (said_.size() > 4 * kKeptErrorBytes) said_.erase(0, said_.size() - kKeptErrorBytes);
  return true;
}

void FilterProgram::look_at_clock(Exchange& exchange) {
  if (exchange.output_ended || since(exchange.last_answer) < command_.line_timeout) return;
  if (exchange.complete()) {
    if (child_->input() < 0)
      fail("did not end within " + seconds(command_.line_timeout) + " of the end of its input", kByHand);
    return;
  }
  fail("has not answered for " + seconds(command_.line_timeout) + ", after " + exchange.progress(), kByHand);
}

// When nothing has moved for a while.
void FilterProgram::look_whether_it_waits(Exchange& exchange) {
  if (child_->status()) {
    // It is gone, but something out of its group may hold the pipe open.
    drain(exchange);
    exchange.output_ended = true;
    return;
  }
  const bool has_all = child_->input() >= 0 && exchange.sent() && child_->has_read_all();
  if (!has_all || since(exchange.last_move) < command_.quiet * (prompt_ ? kPromptPatience : 1)) return;
  child_->close_input();
  ++held_back_;
}

void FilterProgram::settle(Exchange& exchange) {
  if (!exchange.output_ended) {
    prompt_ = true;
    held_back_ = 0;
    return;
  }
  // The last line may lack its line break.
  if (exchange.line < exchange.out.size()) exchange.take_line(exchange.out.size());
  if (!exchange.complete()) ended_early(exchange);
  const std::optional<int> status = wait_for_end(exchange, command_.line_timeout);
  if (!status) fail("did not end within " + seconds(command_.line_timeout) + " of the end of its input", kByHand);
  if (!ended_well(*status)) fail(ending(*status) + " after it had answered all lines", kByHand);
  child_.reset();
}

std::optional<int> FilterProgram::wait_for_end(Exchange& exchange, milliseconds limit) {
  const SteadyTime begin = std::chrono::steady_clock::now();
  std::optional<int> status;
  while (!(status = child_->status()) && since(begin) < limit) {
    pollfd error_end{silent_ ? -1 : child_->errors(), POLLIN, 0};
    ::poll(&error_end, 1, kEndCheck);
    stop_.check();
    if (error_end.revents != 0) hear();
    if (!exchange.output_ended) listen(exchange);
  }
  // What it left in the pipes.
  if (status) {
    drain(exchange);
    while (hear()) {
    }
  }
  return status;
}

// Takes what is in its output and does not wait for more.
void FilterProgram::drain(Exchange& exchange) {
  for (std::size_t had = exchange.out.size() + 1; !exchange.output_ended && had != exchange.out.size();) {
    had = exchange.out.size();
    listen(exchange);
  }
}

void FilterProgram::ended_early(Exchange& exchange) {
  const bool refused = !exchange.output_ended;
  const std::optional<int> status = wait_for_end(exchange, kLastWords);
  if (status && ended_well(*status)) fail("answered only " + exchange.progress(), kOneForOne);
  const std::string what = status ? ending(*status) : refused ? "closed its input" : "closed its output";
  fail(what + " after " + exchange.progress(), kByHand);
}

void FilterProgram::too_many_lines() {
  fail("wrote more lines than it was given", std::string(kOneForOne) + " (jq: with -c)");
}

void FilterProgram::fail(const std::string& what, const std::string& next_action) {
  const std::string said = last_lines(stderr_tail());
  throw Error(ErrorKind::failed, command_.name + " " + what + (said.empty() ? "" : ", saying: " + said), next_action);
}

}  // namespace bulk
