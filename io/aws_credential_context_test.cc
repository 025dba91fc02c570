#include "io/aws_credential_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace bulk {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(JsonTexts, KeepsTextsAndWholeNumbers) {
  const char* json = R"({"a":"x\u0000y","b":-5,"c":1.5,"d":null,"e":{"f":"g"},"h":true})";
  EXPECT_THAT(json_texts(json, "it"), ElementsAre(Pair("a", std::string("x\0y", 3)), Pair("b", "-5")));
  EXPECT_THAT(json_texts(json, "it", "e"), ElementsAre(Pair("f", "g")));
}

TEST(JsonTexts, RefusesWhatIsNoObjectWithoutRepeatingIt) {
  for (const std::string& json :
       {std::string(), std::string("topsecret"), std::string("[]"), std::string("{\"a\":"), std::string("{} x"),
        std::string(200000, '['), "{\"a\":" + std::string(200000, '[')}) {
    try {
      json_texts(json, "it");
      FAIL() << json.substr(0, 20);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::remote);
      EXPECT_EQ(error.line(), "it sent no JSON object");
    }
  }
}

TEST(JsonTexts, SurvivesTruncationAndDamage) {
  const std::string good =
      R"({"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"2025-01-01T00:00:00Z","n":[1,{"x":"y"}]})";
  std::mt19937_64 random(3);
  int parsed = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string json = good.substr(0, random() % 4 == 0 ? random() % good.size() : good.size());
    for (int n = static_cast<int>(random() % 3); n > 0 && !json.empty(); --n) {
      json[random() % json.size()] = static_cast<char>(random());
    }
    try {
      credentials_from(json_texts(json, "it"), "Token", "it");
      ++parsed;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::remote);
    }
  }
  EXPECT_GT(parsed, 500);
}

TEST(Quotable, IsOneShortLineWithoutSecrets) {
  EXPECT_EQ(quotable("a\nb\tc\x7f", {}), "a b c ");
  EXPECT_EQ(quotable("key=topsecret&again=topsecret", {"", "topsecret"}), "key=***&again=***");
  // Cut before a character of two bytes, not within it.
  EXPECT_EQ(quotable(std::string(299, 'x') + "\xc3\xa9yz", {}), std::string(299, 'x') + "...");
}

}  // namespace
}  // namespace bulk
