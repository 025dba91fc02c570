#include "backends/registry.h"

#include <gtest/gtest.h>

#include "tests/support/dump_files.h"
#include "tests/support/temp_dir.h"

namespace bulk {
namespace {

class RegistryTest : public ::testing::Test {
 protected:
  std::string url(const std::string& endpoint) { return open_store(endpoint, context_)->url(); }
  std::string refusal(const std::string& endpoint) {
    return test::error_line([&] { open_store(endpoint, context_); }, ErrorKind::usage);
  }

  test::TempDir folder_;
  Stop stop_;
  RequestStats stats_;
  StoreContext context_{stop_, stats_, [](const std::string&) { return std::optional<std::string>(); }, "bulk-test", "",
                        "",    ""};
};

constexpr const char* kForms =
    "; an endpoint is dynamodb://TABLE[?region=R&endpoint=URL&profile=P], "
    "postgresql://[USER@]HOST[:PORT]/DATABASE[#[SCHEMA.]TABLE], sqlite:PATH[#table], PATH.jsonl.zst (.jsonl, "
    ".jsonl.gz, .json), a folder of them or -";

TEST_F(RegistryTest, OpensEveryScheme) {
  const std::string folder = folder_.path().string();
  EXPECT_EQ(url("-"), "-");
  EXPECT_EQ(url("sqlite:" + folder + "/a#b.db#shop"), "sqlite:" + folder + "/a#b.db#shop");
  EXPECT_EQ(url("sqlite:" + folder + "/t.db"), "sqlite:" + folder + "/t.db");
  for (const char* name : {"/a.jsonl.zst", "/a.jsonl", "/a.jsonl.gz", "/a.json"})
    EXPECT_EQ(url(folder + name), folder + name);
  test::write_file(folder_.file("any.name"), "");
  EXPECT_EQ(url(folder + "/any.name"), folder + "/any.name");
  EXPECT_EQ(url(folder + "/"), folder);
  const auto table = open_store("dynamodb://shop?region=us-east-1&endpoint=http://127.0.0.1:9", context_);
  EXPECT_TRUE(table->url().starts_with("dynamodb://shop?")) << table->url();
  EXPECT_EQ(url("postgres://me@db.example:5433/shop#public.orders"),
            "postgresql://me@db.example:5433/shop#public.orders");
  EXPECT_NE(open_store("postgresql://db.example/shop", context_)->rows(), nullptr);
}

TEST_F(RegistryTest, ListsTheFormsForWhatIsNone) {
  EXPECT_EQ(refusal(""), std::string("an endpoint is empty") + kForms);
  EXPECT_EQ(refusal("my-table"), std::string("'my-table' is no endpoint") + kForms);
  EXPECT_EQ(refusal("mysql://user:secret@host/db"), std::string("unknown scheme 'mysql://'") + kForms);
  EXPECT_EQ(refusal("postgresql://user:secret@host/db"),
            "postgresql URL: it holds a password, and everybody on this machine can read a command line; put the "
            "password into PGPASSWORD, ~/.pgpass or a service file");
  EXPECT_EQ(refusal("sqlite:"), "'sqlite:' names no file; the form is sqlite:PATH[#table]");
  EXPECT_EQ(refusal("sqlite:a.db#"), "'sqlite:a.db#' names no table behind '#'; the form is sqlite:PATH[#table]");
  EXPECT_EQ(refusal("dynamodb://t?x=1"),
            "dynamodb URL: unknown parameter 'x'; the form is dynamodb://TABLE[?region=R&endpoint=URL&profile=P]");
}

TEST_F(RegistryTest, SaysWhatThisVersionDoesNotRead) {
  EXPECT_EQ(refusal("s3://bucket/key"),
            "s3://bucket/key: this version does not read S3; copy the object here first: aws s3 cp s3://bucket/key .");
  EXPECT_EQ(
      refusal("x.jsonl.zst.age"),
      "x.jsonl.zst.age: this version does not read encrypted dumps; decrypt it first: age -d -o PLAIN x.jsonl.zst.age");
}

}  // namespace
}  // namespace bulk
