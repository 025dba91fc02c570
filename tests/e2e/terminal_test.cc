// The progress line in a real terminal of 80 columns (tmux): it is never wider than the terminal, and when the program
// has ended nothing of it is left between the lines that stay.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/program.h"

namespace bulk::test {
namespace {

using testing::MatchesRegex;

// What was sent to the terminal, as the lines that were on it at some time: cut at carriage returns and newlines,
// without escape sequences.
std::vector<std::string> shown_lines(const std::string& sent) {
  std::vector<std::string> lines(1);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (sent[i] == '\r' || sent[i] == '\n') {
      lines.emplace_back();
    } else if (sent[i] == '\x1b' && i + 1 < sent.size() && sent[i + 1] == '[') {
      i += 2;
      while (i < sent.size() && (sent[i] < '@' || sent[i] > '~')) ++i;
    } else {
      lines.back() += sent[i];
    }
  }
  return lines;
}

// Characters of UTF-8 text; none of those in question is wider than a column.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// A tmux server of this test's own, on its own socket, ended with it.
class Terminal {
 public:
  explicit Terminal(Sandbox& sandbox) : sandbox_(sandbox) {}
  ~Terminal() { tmux("kill-server"); }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  RunResult tmux(const std::string& command) {
    return sandbox_.shell("exec tmux -S '" + sandbox_.path("tmux") + "' -f /dev/null " + command);
  }
  std::string screen() { return tmux("capture-pane -p -t test").out; }

 private:
  Sandbox& sandbox_;
};

// A chroot or container may lack /dev/pts: tmux cannot open a window there.
bool has_pseudo_terminals() {
  const int fd = posix_openpt(O_RDWR | O_NOCTTY);
  if (fd < 0) return false;
  const char* name = ptsname(fd);
  const bool usable = unlockpt(fd) == 0 && name != nullptr && access(name, R_OK | W_OK) == 0;
  close(fd);
  return usable;
}

TEST(Progress, StaysWithinTheTerminalAndEndsClean) {
  BULK_REQUIRE_PROGRAM("tmux");
  if (!has_pseudo_terminals()) GTEST_SKIP() << "no pseudo-terminals on this machine";
  Sandbox sandbox;
  write_items(sandbox.path("items.jsonl"), 200'000);
  Terminal terminal(sandbox);
  // All that goes to the terminal is recorded too (pipe-pane), so that no short-lived line is missed.
  sandbox.write("job.sh",
                "bulk restore items.jsonl --to sqlite:store.db#items --create --key pk:S,sk:S --progress bar\n"
                "echo \"status $?\"\ntouch done\nsleep 60\n");
  const RunResult started =
      terminal.tmux("new-session -d -x 80 -y 24 -s test 'until [ -e go ]; do sleep 0.05; done; sh job.sh'");
  ASSERT_EQ(started.status, 0) << started.err;
  ASSERT_EQ(terminal.tmux("pipe-pane -t test 'cat > recorded'").status, 0);
  sandbox.write("go", "");
  for (int i = 0; i < 1'200 && !sandbox.exists("done"); ++i) usleep(100'000);
  ASSERT_TRUE(sandbox.exists("done"));

  EXPECT_THAT(
      terminal.screen(),
      MatchesRegex("creating sqlite:[^\n]*store\\.db#items\nRestore complete\n  From: (.|\n)*  Items:   200,000\n"
                   "(.|\n)*  Proof: (.|\n)*\nstatus 0\n\n*"));
  std::size_t progress_lines = 0;
  for (const std::string& line : shown_lines(sandbox.read("recorded"))) {
    if (!line.starts_with("writing ") && !line.starts_with("reading ")) continue;
    ++progress_lines;
    EXPECT_LE(columns(line), 80u) << line;
  }
  EXPECT_GE(progress_lines, 2u);
}

}  // namespace
}  // namespace bulk::test
