// A world that does not co-operate: wrong configuration, no credentials, no server, no disk, Ctrl-C. One line each, the
// exit status that scripts rely on, and nothing under a final name that is not whole.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/e2e/expect.h"
#include "tests/e2e/items.h"
#include "tests/e2e/json.h"
#include "tests/e2e/place.h"
#include "tests/e2e/program.h"

namespace bulk::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

// A port of 127.0.0.1 that nobody listens on: bound for as long as this lives, so that nobody else gets it either.
class DeadPort {
 public:
  DeadPort() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (fd_ < 0 || bind(fd_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      throw std::runtime_error("cannot bind a port");
    }
    port_ = ntohs(address.sin_port);
  }
  ~DeadPort() { close(fd_); }
  DeadPort(const DeadPort&) = delete;
  DeadPort& operator=(const DeadPort&) = delete;
  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
};

class Failures : public testing::Test {
 protected:
  void fill(std::size_t count) {
    write_items(sandbox_.path("items.jsonl"), count);
    expect_ok(
        sandbox_.bulk({"restore", "items.jsonl", "--to", "sqlite:store.db#items", "--create", "--key", "pk:S,sk:S"}));
  }

  Sandbox sandbox_;
  const Variables keys_ = {
      {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY", "secret"}, {"AWS_REGION", "eu-west-1"}};
};

TEST_F(Failures, NoCommandAndUnknownFlagsAreUsage) {
  expect_error(sandbox_, sandbox_.bulk({"bakcup"}), 2, "there is no command bakcup; see bulk --help");
  expect_error(sandbox_, sandbox_.bulk({"backup", "--frobnicate"}), 2,
               "unexpected argument --frobnicate; see bulk backup --help");
  expect_error(sandbox_, sandbox_.bulk({"backup", "--stage", ""}), 2,
               "--stage wants a value, not an empty one; see bulk backup --help");
  expect_error(sandbox_, sandbox_.bulk({"backup", "--level", "20"}), 2,
               R"(--level wants a number from 1 to 19, not "20"; see bulk backup --help)");
  expect_error(sandbox_, sandbox_.bulk({"backup"}), 2, "no SOURCE and no --stage; see bulk backup --help");
  expect_error(
      sandbox_, sandbox_.bulk({"backup", "mysql://host/table", "--to", "x.jsonl.zst"}), 2,
      "unknown scheme 'mysql://'; an endpoint is dynamodb://TABLE[?region=R&endpoint=URL&profile=P], "
      "postgresql://[USER@]HOST[:PORT]/DATABASE[#[SCHEMA.]TABLE], sqlite:PATH[#table], PATH.jsonl.zst (.jsonl, "
      ".jsonl.gz, .json), a folder of them or -");
}

TEST_F(Failures, OfTheConfigurationNameFileAndLine) {
  sandbox_.write("bulk.toml", "[stages.dev]\nsource = \n");
  expect_error(sandbox_, sandbox_.bulk({"backup", "--stage", "dev"}), 2,
               "bulk.toml, line 2: Error while parsing key-value pair: expected value, saw '\\n'; correct the file");
  sandbox_.write("bulk.toml", "[stages.dev]\nsauce = \"sqlite:store.db#items\"\n");
  expect_error(sandbox_, sandbox_.bulk({"backup", "--stage", "dev"}), 2,
               "bulk.toml, line 2: unknown key sauce of [stages.dev]; known are source, protected, profile, region, "
               "endpoint_url, encrypt_to and webhook");
  sandbox_.write("bulk.toml", "[stages.dev]\nsource = \"sqlite:${BULK_TEST_UNSET}#items\"\n");
  expect_error(sandbox_, sandbox_.bulk({"backup", "--stage", "dev"}), 2,
               "bulk.toml, line 2: source of stage dev needs the environment variable BULK_TEST_UNSET, which is not "
               "set; set BULK_TEST_UNSET");
  sandbox_.write("bulk.toml", "[stages.dev]\nsource = \"sqlite:store.db#items\"\n");
  expect_error(sandbox_, sandbox_.bulk({"backup", "--stage", "prod"}), 10,
               "no stage prod in bulk.toml; stages there: dev");
}

TEST_F(Failures, WithoutCredentialsNothingIsSent) {
  const DeadPort port;
  const std::string url = "dynamodb://items?region=eu-west-1&endpoint=" + port.endpoint();
  expect_error(
      sandbox_, sandbox_.bulk({"backup", url, "--to", "x.jsonl.zst"}), 2,
      "no AWS credentials found: looked in the environment (AWS_ACCESS_KEY_ID), profile \"default\" of "
      "HOME/.aws/config or HOME/.aws/credentials, container credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI) and "
      "EC2 instance metadata (turned off by AWS_EC2_METADATA_DISABLED); set AWS_ACCESS_KEY_ID and "
      "AWS_SECRET_ACCESS_KEY, or name a profile with --profile");
}

TEST_F(Failures, WithoutARegionNothingIsSent) {
  Variables keys = keys_;
  keys.erase("AWS_REGION");
  expect_error(sandbox_, sandbox_.bulk({"backup", "dynamodb://items", "--to", "x.jsonl.zst"}, keys), 2,
               "no AWS region is set for table 'items'; give --region, AWS_REGION or ?region= in the table's URL");
}

TEST_F(Failures, ARefusedConnectionMayRecover) {
  const DeadPort port;
  const RunResult result =
      sandbox_.bulk({"backup", "dynamodb://items?endpoint=" + port.endpoint(), "--to", "x.jsonl.zst"}, keys_);
  EXPECT_EQ(result.status, 5);
  const std::string host = port.endpoint().substr(std::string("http://").size());
  EXPECT_THAT(result.err, MatchesRegex("bulk: DescribeTable on table 'items' at " + host +
                                       ": gave up after [0-9]+ attempts over [0-9]+ s: no reply: " + host +
                                       ": connection refused; check the endpoint and the network, then try again\n"));
  EXPECT_THAT(sandbox_.files(), ElementsAre());
}

TEST_F(Failures, AMissingTableIsNamed) {
  const std::unique_ptr<Place> server = open_place("dynoxide");
  if (server == nullptr) GTEST_SKIP() << "no dynoxide; scripts/test installs it";
  expect_error(sandbox_,
               sandbox_.bulk({"backup", server->url("nowhere-table"), "--to", "x.jsonl.zst"}, server->environment), 10,
               "table 'nowhere-table' does not exist in region us-east-1 at " + server->endpoint() +
                   "; check the name, the region and the endpoint");
  fill(1);
  expect_error(sandbox_, sandbox_.bulk({"backup", "sqlite:store.db#nowhere", "--to", "x.jsonl.zst"}), 10,
               "sqlite:DIRstore.db#nowhere: no such table");
  expect_error(sandbox_, sandbox_.bulk({"backup", "sqlite:nowhere.db#items", "--to", "x.jsonl.zst"}), 10,
               "DIRnowhere.db: no such SQLite file");
  EXPECT_FALSE(sandbox_.exists("x.jsonl.zst"));
  EXPECT_FALSE(sandbox_.exists("nowhere.db"));
}

TEST_F(Failures, AFolderThatTakesNoFilesIsNamed) {
  fill(1);
  expect_error(sandbox_, sandbox_.bulk({"backup", "sqlite:store.db#items", "--to", "/proc/x.jsonl.zst"}), 1,
               "cannot create '/proc/x.jsonl.zst.journal': No such file or directory");
}

// A small file system of its own. Only root can mount one.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=256k") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  bool grow() const { return mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT, "size=64m") == 0; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST_F(Failures, AFullDiskLeavesNoDumpAndWithMoreRoomTheRunGoesOn) {
  const SmallDisk disk(sandbox_.path("small"));
  if (!disk.mounted()) GTEST_SKIP() << "cannot mount a file system here";
  fill(100'000);
  expect_error(sandbox_, sandbox_.bulk({"backup", "sqlite:store.db#items", "--to", "small/x.jsonl.zst"}), 1,
               "cannot write 'small/x.jsonl.zst.partial': No space left on device; go on with: bulk backup "
               "'sqlite:store.db#items' --to small/x.jsonl.zst --resume");
  EXPECT_FALSE(sandbox_.exists("small/x.jsonl.zst"));
  ASSERT_TRUE(disk.grow());
  expect_ok(sandbox_.bulk({"backup", "sqlite:store.db#items", "--to", "small/x.jsonl.zst", "--resume"}));
  expect_ok(sandbox_.bulk({"verify", "small/x.jsonl.zst", "--against", "sqlite:store.db#items"}));
  EXPECT_FALSE(sandbox_.exists("small/x.jsonl.zst.partial"));
  EXPECT_FALSE(sandbox_.exists("small/x.jsonl.zst.journal"));
}

TEST_F(Failures, AFullDiskBehindStandardOutputIsAnError) {
  fill(1'000);
  const RunResult result = sandbox_.shell("bulk cat sqlite:store.db#items > /dev/full");
  expect_error(sandbox_, result, 1, "cannot write to standard output: No space left on device");
}

TEST_F(Failures, AnInterruptedRestoreSaysSoAndEndsAtOnce) {
  const std::string pipe = sandbox_.path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int fd = open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  const auto run =
      sandbox_.start({"restore", "-", "--to", "sqlite:store.db#items", "--create", "--key", "pk:S,sk:S", "-q"}, pipe);
  const std::string line = item_line(1) + "\n";
  ASSERT_EQ(write(fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  // The pipe stays open: once the table is there the program waits for more lines.
  while (run->running() && !sandbox_.exists("store.db")) usleep(10'000);
  ASSERT_TRUE(run->running());
  run->signal(SIGINT);
  const RunResult result = run->wait();
  close(fd);
  EXPECT_EQ(result.status, 130);
  EXPECT_EQ(result.err, "bulk: interrupted\n");
}

TEST_F(Failures, AnInterruptedBackupLeavesNoFile) {
  const std::unique_ptr<Place> server = open_place("dynoxide");
  if (server == nullptr) GTEST_SKIP() << "no dynoxide; scripts/test installs it";
  sandbox_.environment.insert(server->environment.begin(), server->environment.end());
  write_items(sandbox_.path("items.jsonl"), 10'000);
  expect_ok(
      sandbox_.bulk({"restore", "items.jsonl", "--to", server->url("slow-table"), "--create", "--key", "pk:S,sk:S"}));
  for (const int signal : {SIGINT, SIGTERM}) {
    // At one read unit a second the table takes many minutes.
    const auto run = sandbox_.start(
        {"backup", server->url("slow-table"), "--to", "x.jsonl.zst", "--max-rcu", "1", "--progress", "none"});
    while (run->running() && !sandbox_.exists("x.jsonl.zst.partial")) usleep(10'000);
    ASSERT_TRUE(run->running());
    run->signal(signal);
    const RunResult result = run->wait();
    EXPECT_EQ(result.status, 128 + signal);
    EXPECT_EQ(result.err, signal == SIGINT ? "bulk: interrupted\n" : "bulk: terminated\n");
    EXPECT_FALSE(sandbox_.exists("x.jsonl.zst"));
    EXPECT_FALSE(sandbox_.exists("x.jsonl.zst.partial"));
  }
}

TEST_F(Failures, NeverShowASecret) {
  const DeadPort port;
  Variables keys = keys_;
  keys["AWS_SECRET_ACCESS_KEY"] = "sEcReTkEyOfThIsTeSt";
  keys["AWS_SESSION_TOKEN"] = "tOkEnOfThIsTeSt";
  const RunResult result = sandbox_.bulk(
      {"backup", "dynamodb://items?endpoint=" + port.endpoint(), "--to", "x.jsonl.zst", "-v", "--json"}, keys);
  EXPECT_EQ(result.status, 5);
  for (const std::string& text : {result.out, result.err}) {
    EXPECT_THAT(text, testing::Not(HasSubstr("sEcReT")));
    EXPECT_THAT(text, testing::Not(HasSubstr("tOkEn")));
  }
}

}  // namespace
}  // namespace bulk::test
