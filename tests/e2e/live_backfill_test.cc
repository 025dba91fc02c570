// A backfill of a table that others write to meanwhile: 8 writers count up in the items that it changes, and not one
// of their increments may be lost. The job moves the very counter that they count in, so every write of theirs between
// its read and its write is a conflict.
#include <curl/curl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "tests/e2e/expect.h"
#include "tests/e2e/json.h"
#include "tests/e2e/place.h"
#include "tests/e2e/program.h"

namespace bulk::test {
namespace {

// Under a sanitizer everything takes ten times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kItems = 3'000;
#else
constexpr std::size_t kItems = 20'000;
#endif
constexpr int kWriters = 8;

// Sends `body` as UpdateItem; true when it was answered with 200.
class Incrementer {
 public:
  explicit Incrementer(const std::string& endpoint) : curl_(curl_easy_init()) {
    for (const char* header : {"X-Amz-Target: DynamoDB_20120810.UpdateItem", "Content-Type: application/x-amz-json-1.0",
                               "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250125/us-east-1/dynamodb/"
                               "aws4_request, SignedHeaders=host, Signature=00",
                               "X-Amz-Date: 20250125T120000Z"}) {
      headers_.reset(curl_slist_append(headers_.release(), header));
    }
    curl_easy_setopt(curl_.get(), CURLOPT_URL, endpoint.c_str());
    curl_easy_setopt(curl_.get(), CURLOPT_HTTPHEADER, headers_.get());
    curl_easy_setopt(curl_.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(
        curl_.get(), CURLOPT_WRITEFUNCTION,
        +[](char*, std::size_t size, std::size_t count, void*) { return size * count; });
  }
  bool increment(std::size_t number) {
    const std::string body =
        R"({"TableName":"counters","Key":{"pk":{"S":"item )" + std::to_string(number) +
        R"("}},"UpdateExpression":"ADD hits :one","ExpressionAttributeValues":{":one":{"N":"1"}}})";
    curl_easy_setopt(curl_.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(curl_.get(), CURLOPT_COPYPOSTFIELDS, body.c_str());
    long status = 0;
    const bool sent = curl_easy_perform(curl_.get()) == CURLE_OK;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    return sent && status == 200;
  }

 private:
  struct Cleanup {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  std::unique_ptr<curl_slist, Cleanup> headers_;
  std::unique_ptr<CURL, Cleanup> curl_;
};

std::uint64_t sum_of(const std::string& lines, const std::string& attribute) {
  std::uint64_t sum = 0;
  const std::string begin = "\"" + attribute + R"(":{"N":")";
  for (std::size_t at = 0; (at = lines.find(begin, at)) != std::string::npos;) {
    at += begin.size();
    sum += std::stoull(lines.substr(at, 20));
  }
  return sum;
}

TEST(LiveBackfill, LosesNoIncrementOfEightWriters) {
  const std::unique_ptr<Place> place = open_place("dynoxide");
  if (!place) GTEST_SKIP() << "dynoxide is not installed";
  Sandbox sandbox;
  for (const auto& [name, value] : place->environment) sandbox.environment[name] = value;
  std::string lines;
  for (std::size_t i = 0; i < kItems; ++i) {
    lines += R"({"Item":{"pk":{"S":"item )" + std::to_string(i) +
             R"("},"hits":{"N":"5"},"text":{"S":"abcdefghij"}}})"
             "\n";
  }
  sandbox.write("in.jsonl", lines);
  const std::string url = place->url("counters");
  expect_ok(sandbox.bulk({"restore", "in.jsonl", "--to", url, "--create", "--key", "pk:S", "--no-verify"}));
  sandbox.write("move.toml", "name = \"move\"\ntable = \"" + url + R"toml("
when = "attribute_exists(hits)"
update = "SET visits = if_not_exists(visits, :none) + hits REMOVE hits"
[values]
":none" = { N = "0" }
)toml");

  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> increments{0}, failures{0};
  std::vector<std::jthread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      Incrementer incrementer(place->endpoint());
      // All writers in a small window of items that moves on, so that they meet each other and the backfill.
      for (std::size_t i = static_cast<std::size_t>(w); !over; i += 7) {
        (incrementer.increment(i % kItems) ? increments : failures).fetch_add(1);
      }
    });
  }
  const RunResult run = sandbox.bulk({"backfill", "run", "move.toml", "--capacity-percent", "100", "--json"});
  over = true;
  writers.clear();
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(failures, 0u);
  EXPECT_GT(increments, 0u);
  const rapidjson::Document summary = parse_json(last_line(run.out));
  EXPECT_EQ(member(summary, "records", "written").GetUint64(), kItems);
  std::cout << "[ counted  ] " << increments << " increments meanwhile, "
            << member(summary, "backfill", "conflicts").GetUint64() << " conflicts\n";

  const std::string after = sandbox.bulk({"cat", url}).out;
  EXPECT_EQ(sum_of(after, "visits") + sum_of(after, "hits"), 5 * kItems + increments);

  // The way back takes only what nobody has touched since, and it too loses no increment.
  expect_ok(sandbox.bulk({"backfill", "rollback", "move.toml"}));
  const std::string back = sandbox.bulk({"cat", url}).out;
  EXPECT_EQ(sum_of(back, "visits") + sum_of(back, "hits"), 5 * kItems + increments);
}

}  // namespace
}  // namespace bulk::test
