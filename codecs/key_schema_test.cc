#include "codecs/key_schema.h"

#include <gtest/gtest.h>

#include "io/error.h"

namespace bulk {
namespace {

std::string problem(const std::string& text) {
  try {
    KeySchema::parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(error.next_action(),
              "give it as NAME:TYPE or NAME:TYPE,NAME:TYPE where TYPE is S, N or B, for example pk:S,sk:N");
    return error.what();
  }
  return "accepted";
}

TEST(KeySchema, ReadsOneOrTwoAttributes) {
  EXPECT_EQ(KeySchema::parse("pk:S"), (KeySchema{{"pk", 'S'}, std::nullopt}));
  EXPECT_EQ(KeySchema::parse("pk:B,sk:N"), (KeySchema{{"pk", 'B'}, KeyAttribute{"sk", 'N'}}));
}

TEST(KeySchema, ANameEndsAtItsLastColon) {
  EXPECT_EQ(KeySchema::parse("a:b:S").partition.name, "a:b");
  EXPECT_EQ(KeySchema::parse("a b.\"ü\":S").partition.name, "a b.\"ü\"");
}

TEST(KeySchema, WritesWhatItReads) {
  for (const char* text : {"pk:S", "pk:S,sk:N", "a:b:B,c:S"}) EXPECT_EQ(KeySchema::parse(text).text(), text);
}

TEST(KeySchema, SaysWhatIsWrong) {
  EXPECT_EQ(problem(""), "key '': '' has no type");
  EXPECT_EQ(problem("pk"), "key 'pk': 'pk' has no type");
  EXPECT_EQ(problem("pk:S,"), "key 'pk:S,': '' has no type");
  EXPECT_EQ(problem(":S"), "key ':S': a name is empty");
  EXPECT_EQ(problem("pk:SS"), "key 'pk:SS': 'SS' is no key type");
  EXPECT_EQ(problem("pk:s"), "key 'pk:s': 's' is no key type");
  EXPECT_EQ(problem("a:S,b:S,c:S"), "key 'a:S,b:S,c:S': there are more than two attributes");
  EXPECT_EQ(problem("a:S,a:N"), "key 'a:S,a:N': both attributes have the same name");
  EXPECT_NE(problem(std::string(256, 'x') + ":S").find("a name is longer than 255 bytes"), std::string::npos);
  EXPECT_EQ(problem(std::string(255, 'x') + ":S"), "accepted");
}

}  // namespace
}  // namespace bulk
