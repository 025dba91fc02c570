#include "tests/support/filter_fixture.h"

namespace bulk {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(Filter, AnswersBatchAfterBatchFromOneProcess) {
  shell("while read -r line; do echo \"$$ $line\"; done");
  const auto first = run({"a", "b"});
  const auto second = run({"c"});
  ASSERT_EQ(first.size(), 2U);
  const std::string pid = first[0].substr(0, first[0].find(' '));
  EXPECT_THAT(first, ElementsAre(pid + " a", pid + " b"));
  EXPECT_THAT(second, ElementsAre(pid + " c"));
  EXPECT_EQ(filter_->note(), "");
  filter_->finish();
  EXPECT_THAT(run({"d"}), ElementsAre(testing::Not(pid + " d"))) << "started anew";
}

TEST_F(Filter, AppendsToWhatIsThere) {
  program({"cat"});
  const std::vector<std::string_view> lines{"a", "bc"};
  Buffer out(std::string_view("head"));
  std::vector<FilterProgram::Answer> answers{{0, 4}};
  filter_->run(lines, out, answers);
  EXPECT_THAT(answers, ElementsAre(std::pair(0, 4), std::pair(4, 1), std::pair(6, 2)));
  EXPECT_EQ(out.view(6, 2), "bc");
}

TEST_F(Filter, DoesNothingWithoutLines) {
  program({"/no/such/program"});
  EXPECT_THAT(run({}), IsEmpty());
  filter_->finish();
}

TEST_F(Filter, PassesMoreThanThePipesHold) {
  program({"cat"});
  std::vector<std::string> lines;
  lines.reserve(20'002);
  for (int i = 0; i < 20'000; ++i) lines.push_back(std::to_string(i) + std::string(i % 500, 'x'));
  lines.emplace_back(3'000'000, 'y');
  lines.emplace_back("");
  EXPECT_EQ(run(lines), lines);
  EXPECT_EQ(run(lines), lines);
  filter_->finish();
}

TEST_F(Filter, BearsAProgramThatReadsOnlyAfterItHasWritten) {
  quiet_ = 20ms;
  // Two megabytes of answers and errors before the first line is read.
  shell(
      "head -c 2000000 /dev/zero | tr '\\0' e >&2; head -c 2000000 /dev/zero | tr '\\0' x; echo; "
      "cat >/dev/null; echo last");
  const auto answers = run({"a", std::string(3'000'000, 'b')});
  EXPECT_THAT(answers, ElementsAre(std::string(2'000'000, 'x'), "last"));
  EXPECT_EQ(filter_->stderr_tail(), std::string(8192, 'e'));
}

TEST_F(Filter, RunsInTheFolderOfTheJobWithoutAShell) {
  std::ofstream(folder_.path() / "add.sed") << "s/$/ $HOME;/\n";
  program({"sed", "-u", "-f", "add.sed"});
  EXPECT_THAT(run({"a"}), ElementsAre("a $HOME;"));
}

TEST_F(Filter, TakesALastLineWithoutLineBreak) {
  quiet_ = 20ms;
  shell("cat >/dev/null; printf 'a\\nb'");
  EXPECT_THAT(run({"1", "2"}), ElementsAre("a", "b"));
}

TEST_F(Filter, LearnsWhichProgramsHoldBackTheirOutput) {
  quiet_ = 20ms;
  // Counts its starts, and answers only at the end.
  shell("echo >>starts; all=$(cat); echo \"$all\"");
  for (int batch = 1; batch <= 4; ++batch) {
    EXPECT_THAT(run({"a", "b"}), ElementsAre("a", "b"));
    EXPECT_EQ(test::read_file(folder_.path() / "starts"), std::string(batch, '\n'));
    EXPECT_EQ(filter_->note(), batch < 2
                                   ? ""
                                   : "filter x holds back its output until its input ends, or takes more than 0.02 s "
                                     "for a line: it is started anew for each batch; a switch for unbuffered output, "
                                     "if it has one, saves that");
  }
  filter_->finish();
}

TEST_F(Filter, LearnsItOfAProgramThatKeepsTalkingToo) {
  quiet_ = 100ms;
  shell("while :; do echo alive >&2; sleep 0.01; done & all=$(cat); echo \"$all\"; kill $!");
  EXPECT_THAT(run({"a", "b"}), ElementsAre("a", "b"));
  EXPECT_THAT(filter_->stderr_tail(), HasSubstr("alive"));
}

TEST_F(Filter, DoesNotHoldASlowStartAgainstAProgram) {
  quiet_ = 400ms;
  shell("echo >>starts; sleep 0.9; cat");
  for (int batch = 1; batch <= 3; ++batch) EXPECT_THAT(run({"a"}), ElementsAre("a"));
  EXPECT_EQ(test::read_file(folder_.path() / "starts"), "\n");
  EXPECT_EQ(filter_->note(), "");
}

TEST_F(Filter, DoesNotHoldOneHesitationAgainstAProgram) {
  // The first process waits for the end of its input, the second does not; it is given ten seconds.
  quiet_ = 1s;
  shell("echo >>starts; read -r line; test -e warm || cat; echo >warm; echo \"$line\"; cat");
  for (int batch = 1; batch <= 4; ++batch) EXPECT_THAT(run({"a"}), ElementsAre("a"));
  EXPECT_EQ(test::read_file(folder_.path() / "starts"), "\n\n");
  EXPECT_EQ(filter_->note(), "");
}

TEST_F(Filter, WorksWithPlainJq) {
  if (!installed("jq")) GTEST_SKIP() << "no jq";
  quiet_ = 100ms;
  program({"jq", "-c", ".Item.n.N = \"2\""});
  std::vector<std::string> lines(3'000, R"({"Item":{"pk":{"S":"a"},"n":{"N":"1"}}})");
  const std::vector<std::string> expected(3'000, R"({"Item":{"pk":{"S":"a"},"n":{"N":"2"}}})");
  for (int batch = 0; batch < 4; ++batch) EXPECT_EQ(run(lines), expected);
  EXPECT_THAT(filter_->note(), HasSubstr("holds back its output"));
  filter_->finish();
  quiet_ = 30s;
  program({"jq", "--unbuffered", "-c", ".Item.n.N = \"2\""});
  for (int batch = 0; batch < 2; ++batch) EXPECT_EQ(run(lines), expected);
  EXPECT_EQ(filter_->note(), "");
  filter_->finish();
}

TEST_F(Filter, TellsJqThatItWritesOneLineForEach) {
  if (!installed("jq")) GTEST_SKIP() << "no jq";
  quiet_ = 100ms;
  program({"jq", "."});
  EXPECT_EQ(run_error({R"({"a":1})"}),
            std::string("filter x wrote more lines than it was given") + kOneForOne + " (jq: with -c)");
  program({"jq", "-c", ".a.b"});
  EXPECT_EQ(
      run_error({R"({"a":{"b":1}})", R"({"a":1})"}),
      std::string("filter x ended with exit status 5 after 1 of 2 lines, saying: jq: error (at <stdin>:2): Cannot "
                  "index number with string \"b\"") +
          kByHand);
}

}  // namespace
}  // namespace bulk
