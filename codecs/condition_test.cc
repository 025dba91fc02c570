// Which conditions hold for which items.
#include <gtest/gtest.h>

#include "codecs/expression.h"
#include "io/error.h"

namespace bulk {
namespace {

const Placeholders kPlaceholders = {{{"#d", "with.dot"}, {"#s", "status"}},
                                    {{":zero", R"({"N":"0"})"},
                                     {":one", R"({"N":"1"})"},
                                     {":two", R"({"N":"2.0"})"},
                                     {":three", R"({"N":"3"})"},
                                     {":five", R"({"N":"5"})"},
                                     {":ten", R"({"N":"10"})"},
                                     {":a", R"({"S":"a"})"},
                                     {":b", R"({"S":"b"})"},
                                     {":hel", R"({"S":"hel"})"},
                                     {":clef", R"({"S":"é𝄞"})"},
                                     {":ell", R"({"S":"ell"})"},
                                     {":empty", R"({"S":""})"},
                                     {":ff", R"({"B":"/w=="})"},
                                     {":cat", R"({"B":"Y2F0"})"},
                                     {":ca", R"({"B":"Y2E="})"},
                                     {":at", R"({"B":"YXQ="})"},
                                     {":true", R"({"BOOL":true})"},
                                     {":null", R"({"NULL":true})"},
                                     {":set", R"({"SS":["b","a"]})"},
                                     {":numbers", R"({"NS":["2","1"]})"},
                                     {":list", R"({"L":[{"N":"1"},{"S":"x"}]})"},
                                     {":inner", R"({"M":{"x":{"NS":["2","1"]}}})"},
                                     {":S", R"({"S":"S"})"},
                                     {":N", R"({"S":"N"})"},
                                     {":L", R"({"S":"L"})"},
                                     {":BOOL", R"({"S":"BOOL"})"}}};

const char* const kItem =
    R"({"pk":{"S":"key"},"s":{"S":"hello"},"e":{"S":""},"u":{"S":"äöü😀"},"n":{"N":"2"},"m":{"N":"-1.50"},)"
    R"("b":{"B":"Y2F0"},"z":{"B":"fw=="},"t":{"BOOL":true},"f":{"BOOL":false},"x":{"NULL":true},)"
    R"("ss":{"SS":["a","b"]},"ns":{"NS":["1","2"]},"bs":{"BS":["Y2F0"]},"l":{"L":[{"N":"1"},{"S":"x"},{"L":[{"N":"7"}]}]},)"
    R"("doc":{"M":{"x":{"N":"1"},"y":{"L":[{"N":"-1"},{"M":{"z":{"S":"deep"}}}]},"n":{"M":{"x":{"NS":["1","2"]}}}}},)"
    R"("with.dot":{"S":"dot"},"status":{"S":"new"}})";

bool holds(const std::string& text, const char* item = kItem) {
  ItemView view;
  view.reset(item);
  return Condition::parse(text, kPlaceholders).holds(view);
}

TEST(Condition, ComparesNumbersByValue) {
  EXPECT_TRUE(holds("n = :two"));
  EXPECT_FALSE(holds("n <> :two"));
  EXPECT_TRUE(holds("n < :ten AND n > :one AND n <= :two AND n >= :two"));
  EXPECT_TRUE(holds("m < :zero AND m < n AND :one < n"));
}

TEST(Condition, ComparesStringsAndBinariesByBytes) {
  EXPECT_TRUE(holds("s > :hel AND s > :a AND e < :a AND e = :empty"));
  EXPECT_TRUE(holds("s < u"));  // UTF-8: above all of ASCII
  EXPECT_TRUE(holds("z < :ff AND b < z OR z < :ff"));
  EXPECT_TRUE(holds("b = :cat AND b > :ca"));
}

TEST(Condition, ComparesDifferentTypesAsUnequalAndNothingElse) {
  EXPECT_TRUE(holds("n <> :a AND s <> :one"));
  for (const char* symbol : {"=", "<", "<=", ">", ">="}) {
    EXPECT_FALSE(holds(std::string("n ") + symbol + " :a"));
    EXPECT_FALSE(holds(std::string("n ") + symbol + " s"));
  }
  // Of one type that has no order.
  EXPECT_FALSE(holds("l < doc"));
  EXPECT_FALSE(holds("t < f OR t > f OR ss <= bs"));
}

TEST(Condition, MissingAttributesAreUnequalToEverything) {
  for (const char* symbol : {"=", "<", "<=", ">", ">="}) {
    EXPECT_FALSE(holds(std::string("gone ") + symbol + " :one"));
    EXPECT_FALSE(holds(std::string(":one ") + symbol + " gone"));
    EXPECT_FALSE(holds(std::string("gone ") + symbol + " gone2"));
    EXPECT_TRUE(holds(std::string("NOT gone ") + symbol + " gone2"));
  }
  EXPECT_TRUE(holds("gone <> :one AND :one <> gone AND gone <> gone2"));
  EXPECT_FALSE(holds("gone BETWEEN :one AND :two OR :one BETWEEN gone AND n OR :one BETWEEN m AND gone"));
  EXPECT_FALSE(holds("gone IN (:one, gone2)"));
  EXPECT_TRUE(holds("n IN (gone, :a, :two)"));
  EXPECT_FALSE(
      holds("contains(gone, :a) OR begins_with(gone, :a) OR attribute_type(gone, :S) OR begins_with(s, gone)"));
}

TEST(Condition, ComparesDocumentsByTheirContent) {
  EXPECT_TRUE(holds("ss = :set AND ns = :numbers AND t = :true AND x = :null"));
  EXPECT_TRUE(holds("doc.n = :inner AND l <> :list AND l IN (:list, l[0], l)"));
  EXPECT_FALSE(holds("ss <> :set OR f = :true"));
}

TEST(Condition, KnowsBetweenAndIn) {
  EXPECT_TRUE(holds("n BETWEEN :one AND :ten AND n BETWEEN :two AND :two AND n BETWEEN m AND n"));
  EXPECT_FALSE(holds("n BETWEEN :three AND :ten"));
  EXPECT_FALSE(holds("n BETWEEN :three AND m"));  // bounds of the item may be in the wrong order
  EXPECT_FALSE(holds("s BETWEEN :one AND :two OR n BETWEEN s AND e OR n BETWEEN :one AND s"));
  EXPECT_TRUE(holds("s BETWEEN :a AND u AND b BETWEEN :at AND :cat"));
  EXPECT_TRUE(holds("n IN (:one, :two)"));
  EXPECT_FALSE(holds("n IN (:one, :three, s)"));
}

TEST(Condition, FindsPaths) {
  EXPECT_TRUE(holds("attribute_exists(s) AND attribute_exists(doc.y[1].z) AND attribute_exists(l[2][0])"));
  EXPECT_TRUE(holds("attribute_exists(#d) AND attribute_not_exists(doc.#d) AND attribute_exists(#s)"));
  EXPECT_TRUE(holds("attribute_not_exists(gone) AND attribute_not_exists(doc.gone) AND attribute_not_exists(l[3])"));
  // Paths into what is of another type.
  EXPECT_TRUE(holds("attribute_not_exists(l.x) AND attribute_not_exists(doc[0]) AND attribute_not_exists(s[0])"));
  EXPECT_TRUE(holds("attribute_not_exists(gone.x.y) AND attribute_not_exists(ss[0])"));
  EXPECT_TRUE(holds("doc.x < l[2][0] AND doc.y[0] < :zero AND begins_with(doc.y[1].z, :a) OR doc.x = :one"));
}

TEST(Condition, TellsTypes) {
  EXPECT_TRUE(
      holds("attribute_type(s, :S) AND attribute_type(n, :N) AND attribute_type(l, :L) AND attribute_type(f, :BOOL)"));
  EXPECT_FALSE(holds("attribute_type(s, :N) OR attribute_type(ns, :N)"));
  EXPECT_TRUE(holds("attribute_type(l[2], :L) AND attribute_type(:one, :N) AND attribute_type(size(s), :N)"));
}

TEST(Condition, LooksForBeginningsAndParts) {
  EXPECT_TRUE(holds("begins_with(s, :hel) AND begins_with(b, :ca) AND begins_with(s, e) AND begins_with(s, :empty)"));
  EXPECT_FALSE(holds("begins_with(s, :ell) OR begins_with(b, :at) OR begins_with(s, :ca) OR begins_with(n, s)"));
  EXPECT_FALSE(holds("begins_with(ss, ns) OR begins_with(n, m)"));
  EXPECT_TRUE(holds(
      "contains(s, :ell) AND contains(b, :at) AND contains(ss, :a) AND contains(ns, :two) AND contains(bs, :cat)"));
  EXPECT_TRUE(holds("contains(l, :one) AND contains(l, l[2]) AND contains(doc.n.x, :one)"));
  EXPECT_FALSE(
      holds("contains(s, :one) OR contains(ss, :one) OR contains(ns, :a) OR contains(n, :two) OR contains(doc, :one)"));
  EXPECT_FALSE(holds("contains(ss, :set) OR contains(bs, :ca) OR contains(ss, :hel)"));
}

TEST(Condition, Measures) {
  EXPECT_TRUE(
      holds("size(s) = :five AND size(b) = :three AND size(ss) = :two AND size(l) = :three AND size(doc) = :three"));
  EXPECT_TRUE(holds("size(e) = :zero AND size(u) = :five AND size(:hel) = :three")) << "UTF-16 units";
  EXPECT_TRUE(holds("size(:clef) = :three"));
  EXPECT_TRUE(holds("size(s) > size(b) AND size(doc.n) = doc.x AND :ten > size(s)"));
  // Numbers, truth values and NULL have no size.
  EXPECT_FALSE(holds("size(n) = :one OR size(t) = :one OR size(x) < :ten OR size(gone) < :ten OR size(s) = :a"));
  EXPECT_TRUE(holds("size(n) <> :one"));
}

TEST(Condition, CombinesFromTheTightestToTheLoosest) {
  EXPECT_TRUE(holds("n = :two OR n = :one AND n = :three"));
  EXPECT_FALSE(holds("(n = :two OR n = :one) AND n = :three"));
  EXPECT_TRUE(holds("NOT n = :one AND n = :two"));
  EXPECT_FALSE(holds("NOT (n = :one OR n = :two)"));
  EXPECT_TRUE(holds("not NOT n = :two"));
  EXPECT_TRUE(holds("n BETWEEN :one AND :two AND s = s2 or n IN (:two) and NOT gone = :one"));
}

TEST(Condition, SaysWhatItMentions) {
  const Condition condition = Condition::parse(
      "attribute_exists(doc.x) AND #d = :one AND (a[1] IN (b, :two) OR size(#s) > :one)", kPlaceholders);
  EXPECT_EQ(condition.attributes(), (std::set<std::string>{"a", "b", "doc", "status", "with.dot"}));
  EXPECT_EQ(condition.placeholders(), (std::set<std::string>{"#d", "#s", ":one", ":two"}));
}

TEST(Condition, ReadsOnlyWhatItNeeds) {
  // "bad" is no legal value; nobody asks for it here ...
  const char* item = R"({"bad":{"N":"x"},"n":{"N":"2"}})";
  EXPECT_TRUE(holds("attribute_exists(bad) AND n = :two", item));
  EXPECT_TRUE(holds("n = :two OR bad = :one", item));
  // ... and here.
  try {
    holds("bad = :one", item);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::corrupt);
    EXPECT_EQ(error.line(),
              "attribute 'bad': The parameter cannot be converted to a numeric value: x; this is no legal DynamoDB "
              "item; look where it came from");
  }
}

}  // namespace
}  // namespace bulk
