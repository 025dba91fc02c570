// The one error type. An Error ends the job: it is thrown where the failure is understood, keeps its kind on the way
// up, and only main() turns the kind into an exit status (cli.md, "Exit status"). Expected outcomes (throttled,
// unprocessed, no such key) are values and never come through here.
//
// The text is one line: what failed, where (table, segment, line, byte), then after "; " what to do next. It is written
// for a person under stress and never holds a secret.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace bulk {

enum class ErrorKind {
  failed,       // 1: anything without a better name
  usage,        // 2: command line or configuration
  rejected,     // 3: finished, but records were rejected
  corrupt,      // 4: a dump is corrupt, a verification failed, a diff found differences
  remote,       // 5: gave up on a remote that may recover
  not_found,    // 10: no such table, dump or stage
  locked,       // 11: the same work is being done by another run
  wrong_key,    // 12: wrong or missing decryption key
  refused,      // 13: refused for safety
  interrupted,  // 130 or 143: a signal; see Error::signal()
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& what, std::string next_action = {});

  // An interruption by a signal (SIGINT or SIGTERM).
  static Error interrupted(int signal);

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& next_action() const noexcept { return next_action_; }
  int signal() const noexcept { return signal_; }

  // The same error with "where: " put before its text.
  Error in(const std::string& where) const;

  // The same error with one more thing to do next.
  Error with_next_action(const std::string& next_action) const;

  // The whole line as users see it, without the program's name: printable, whatever the names in it hold.
  std::string line() const;

 private:
  ErrorKind kind_;
  std::string next_action_;
  int signal_ = 0;
};

// Text of a file or server made fit for a terminal: control characters, which could move the cursor or worse, become
// `?`.
std::string printable(std::string_view text);

// Error(ErrorKind::failed) with the operating system's text: "cannot WHAT: No space left on device".
Error os_error(const std::string& what, int errno_value);

}  // namespace bulk
