#include "io/aws_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/aws_home.h"

namespace bulk {
namespace {

using test::AwsHome;
using testing::ElementsAre;

TEST(SplitCommand, SplitsAsAShellDoes) {
  EXPECT_THAT(split_command("a  b\tc"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_command("\"/my dir/tool\" 'x y'z \"\" \\ "), ElementsAre("/my dir/tool", "x yz", "", " "));
  EXPECT_THAT(split_command(R"(a "b\"c\\d\e" 'f\g' h\i)"), ElementsAre("a", "b\"c\\d\\e", "f\\g", "hi"));
  EXPECT_THAT(split_command("echo $HOME;ls|x"), ElementsAre("echo", "$HOME;ls|x"));
  EXPECT_THROW(split_command("a 'b"), Error);
  EXPECT_THROW(split_command("  "), Error);
}

class Process : public testing::Test {
 protected:
  void command(const std::string& text) {
    home_.write(".aws/config", "[default]\ncredential_process = " + text + "\n");
  }
  AwsHome home_;
};

TEST_F(Process, GivesCredentials) {
  command(R"(printf '{"Version":1,"AccessKeyId":"AK","SecretAccessKey":"S","SessionToken":"T",)"
          R"("Expiration":"2199-01-01T00:00:00Z","AccountId":"123"}')");
  const AwsCredentials credentials = home_.get();
  EXPECT_EQ(credentials.access_key_id, "AK");
  EXPECT_EQ(credentials.secret_access_key, "S");
  EXPECT_EQ(credentials.session_token, "T");
  EXPECT_EQ(credentials.account_id, "123");
  EXPECT_TRUE(credentials.expires);
}

TEST_F(Process, SeesNoShellAndNoStandardInput) {
  const std::string script = home_.write("script",
                                         "test -z \"$(cat)\" || exit 1\n"
                                         "echo '{\"Version\":1,\"AccessKeyId\":\"'$1'\",\"SecretAccessKey\":\"S\"}'\n");
  command("sh " + script + " '$HOME'");
  EXPECT_EQ(home_.get().access_key_id, "$HOME");
}

TEST_F(Process, TellsFailureWithoutWhatWasPrinted) {
  command("sh -c 'echo topsecret; exit 3'");
  EXPECT_EQ(home_.error(),
            "credential_process of profile \"default\" failed with exit status 3; run it by hand and see");
  EXPECT_EQ(home_.kind, ErrorKind::usage);
  command("sh -c 'kill -9 $$'");
  EXPECT_EQ(home_.error(), "credential_process of profile \"default\" was killed by signal 9; run it by hand and see");
  command("/no/such/program");
  EXPECT_EQ(
      home_.error(),
      "credential_process of profile \"default\" cannot be run: No such file or directory; check credential_process");
  command("printf topsecret");
  EXPECT_EQ(home_.error(), "credential_process of profile \"default\" sent no JSON object");
  command(R"(printf '{"Version":2,"AccessKeyId":"AK","SecretAccessKey":"topsecret"}')");
  EXPECT_EQ(home_.error(), "credential_process of profile \"default\" printed credentials of a version other than 1");
  command(R"(printf '{"Version":1,"SecretAccessKey":"topsecret"}')");
  EXPECT_EQ(home_.error(), "credential_process of profile \"default\" sent no AccessKeyId");
  command("sh -c 'head -c 2000000 /dev/zero'");
  EXPECT_EQ(home_.error(), "credential_process of profile \"default\" printed more than 1 MiB");
}

TEST_F(Process, IsKilledWithItsChildrenWhenTheJobStops) {
  const std::string started = home_.home.file("started");
  command("sh -c 'sleep 1000 & echo $! > " + started + ".new; mv " + started + ".new " + started + "; wait'");
  std::thread stopping([&] {
    while (!std::filesystem::exists(started)) std::this_thread::yield();
    home_.stop.fail(std::make_exception_ptr(Error::interrupted(15)));
  });
  EXPECT_EQ(home_.error(), "terminated");
  stopping.join();
  pid_t sleeper = 0;
  std::ifstream(started) >> sleeper;
  ASSERT_GT(sleeper, 0);
  // Dead: gone, or a zombie that its new parent has not yet reaped. A signal needs a moment to be delivered.
  const auto alive = [&] {
    std::ifstream state("/proc/" + std::to_string(sleeper) + "/stat");
    std::string pid;
    std::string name;
    std::string letter;
    return static_cast<bool>(state >> pid >> name >> letter) && letter != "Z" && letter != "X";
  };
  for (int i = 0; i < 1'000 && alive(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(alive());
}

}  // namespace
}  // namespace bulk
