// scripts/check-layers holds the tree to its rules, and finds each kind of offender.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/support/temp_dir.h"

namespace bulk::test {
namespace {

struct Checked {
  int status;
  std::string text;
};

Checked check_layers(const std::string& tree) {
  const std::string command = "'" BULK_SOURCE_DIR "/scripts/check-layers' '" + tree + "' 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  Checked checked{0, {}};
  char buffer[4096];
  for (std::size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) checked.text.append(buffer, got);
  checked.status = WEXITSTATUS(pclose(pipe));
  return checked;
}

class Layers : public testing::Test {
 protected:
  // A tree of one sound file per layer, for offenders to be added to.
  void SetUp() override {
    write("io/file.h", "// Files.\n#pragma once\n#include <string>\n");
    write("codecs/lines.h", "// Lines.\n#pragma once\n#include \"io/file.h\"\n");
    write("backends/store.cc", "#include \"codecs/lines.h\"\n");
    write("src/main.cc", "#include \"backends/store.h\"\n#include \"src/cli.h\"\n");
    write("io/file_test.cc", "#include \"tests/support/temp_dir.h\"\n");
    write("tests/e2e/job_test.cc", "#include \"src/cli.h\"\n#include \"tests/e2e/program.h\"\n");
  }
  void write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((tree_.path() / name).parent_path());
    std::ofstream(tree_.path() / name) << content;
  }
  Checked check() const { return check_layers(tree_.path().string()); }

 private:
  TempDir tree_;
};

TEST_F(Layers, AreKeptByThisTree) {
  const Checked checked = check_layers(BULK_SOURCE_DIR);
  EXPECT_EQ(checked.status, 0) << checked.text;
  EXPECT_EQ(checked.text, "");
}

TEST_F(Layers, AcceptASoundTree) {
  const Checked checked = check();
  EXPECT_EQ(checked.status, 0) << checked.text;
  EXPECT_EQ(checked.text, "");
}

TEST_F(Layers, RefuseAnIncludeThatGoesUp) {
  write("io/http.cc", "#include <string>\n\n#include \"codecs/lines.h\"\n");
  write("codecs/item.h", "// Items.\n  #  include \"backends/store.h\"\n");
  write("backends/dump/part.cc", "#include \"src/cli.h\"\n");
  const Checked checked = check();
  EXPECT_EQ(checked.status, 1);
  EXPECT_EQ(
      checked.text,
      "backends/dump/part.cc:1: backends must not include src/cli.h; the order is src -> backends -> codecs -> io\n"
      "codecs/item.h:2: codecs must not include backends/store.h; the order is src -> backends -> codecs -> io\n"
      "io/http.cc:3: io must not include codecs/lines.h; the order is src -> backends -> codecs -> io\n");
}

TEST_F(Layers, RefuseAPathThatDoesNotStartAtTheRoot) {
  write("src/text.cc", "#include \"text.h\"\n#include \"../io/file.h\"\n");
  const Checked checked = check();
  EXPECT_EQ(checked.status, 1);
  EXPECT_EQ(checked.text,
            "src/text.cc:1: \"text.h\" is no path from the root of the tree\n"
            "src/text.cc:2: \"../io/file.h\" is no path from the root of the tree\n");
}

TEST_F(Layers, KeepTestCodeOutOfTheProgram) {
  write("src/text.cc", "#include \"tests/support/temp_dir.h\"\n");
  write("io/rate_test.cc", "#include \"tests/e2e/program.h\"\n");
  write("codecs/item.cc", "#include \"bench/null_server/item_set.h\"\n");
  write("bench/null_server/main.cc", "#include \"bench/null_server/item_set.h\"\n");
  write("tests/null_server_test.cc", "#include \"bench/null_server/item_set.h\"\n");
  const Checked checked = check();
  EXPECT_EQ(checked.status, 1);
  EXPECT_EQ(checked.text,
            "codecs/item.cc:1: codecs must not include bench/null_server/item_set.h\n"
            "io/rate_test.cc:1: io must not include tests/e2e/program.h\n"
            "src/text.cc:1: src must not include tests/support/temp_dir.h\n");
}

TEST_F(Layers, RefuseAFileOfMoreThanFourHundredLines) {
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += "int a" + std::to_string(i) + ";\n";
  write("io/long.cc", lines);
  EXPECT_EQ(check().status, 0);
  write("io/long.cc", lines + "int b;\n");
  const Checked checked = check();
  EXPECT_EQ(checked.status, 1);
  EXPECT_EQ(checked.text, "io/long.cc:401: 401 lines; 400 is the most, split it by duty\n");
}

TEST_F(Layers, RefuseAHeaderThatDoesNotSayWhatItIs) {
  write("io/bare.h", "#pragma once\n// Too late.\n");
  const Checked checked = check();
  EXPECT_EQ(checked.status, 1);
  EXPECT_EQ(checked.text, "io/bare.h:1: a header opens with a comment: what it is and why\n");
}

TEST_F(Layers, RefuseAFolderWithoutCode) {
  const TempDir empty;
  EXPECT_EQ(check_layers(empty.path().string()).status, 2);
}

}  // namespace
}  // namespace bulk::test
