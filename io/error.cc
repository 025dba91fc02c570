#include "io/error.h"

#include <csignal>
#include <system_error>

namespace bulk {

Error::Error(ErrorKind kind, const std::string& what, std::string next_action)
    : std::runtime_error(what), kind_(kind), next_action_(std::move(next_action)) {}

Error Error::interrupted(int signal) {
  Error error(ErrorKind::interrupted, signal == SIGTERM ? "terminated" : "interrupted");
  error.signal_ = signal;
  return error;
}

Error Error::in(const std::string& where) const {
  Error error(kind_, where + ": " + what(), next_action_);
  error.signal_ = signal_;
  return error;
}

Error Error::with_next_action(const std::string& next_action) const {
  Error error(kind_, what(), next_action_.empty() ? next_action : next_action_ + "; " + next_action);
  error.signal_ = signal_;
  return error;
}

std::string Error::line() const {
  std::string line = what();
  if (!next_action_.empty()) line += "; " + next_action_;
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return printable(line);
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too; in UTF-8 they are C2 80 to C2 9F.
    const bool is_c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (is_c1) ++i;
    out += byte < 0x20 || byte == 0x7f || is_c1 ? '?' : text[i];
  }
  return out;
}

Error os_error(const std::string& what, int errno_value) {
  return Error(ErrorKind::failed, "cannot " + what + ": " + std::generic_category().message(errno_value));
}

}  // namespace bulk
