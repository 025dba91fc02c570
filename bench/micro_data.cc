#include "bench/micro_data.h"

#include <fmt/format.h>

#include <iterator>
#include <random>

#include "bench/null_server/item_text.h"
#include "codecs/lines.h"

namespace bulk::bench {
namespace {

constexpr std::string_view kWords[] = {"order",   "customer", "shipped", "warehouse", "invoice",
                                       "pending", "blue",     "large",   "refund",    "delivery",
                                       "summer",  "wireless", "cotton",  "payment",   "north"};
constexpr std::string_view kUnicodeWords[] = {"Grüße",   "naïve",   "東京都",     "Ελλάδα",
                                              "čeština", "русский", "emoji 🙂", "café"};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string line(Kind kind, std::size_t number) {
    if (kind == Kind::mixed) {
      std::string item(kItemLinePrefix);
      append_item_text(42, number, 380, item);
      return item.append(kItemLineSuffix);
    }
    std::string item =
        fmt::format(R"({{"Item":{{"sk":{{"S":"ORDER#{:06}"}},"pk":{{"S":"CUSTOMER#{:07}"}})", number % 50, number / 50);
    switch (kind) {
      case Kind::mixed:
        break;
      case Kind::shorts:
        for (int i = 0; i < 22; ++i)
          item += attribute(fmt::format("a{}", i * 7 % 22), i % 3 == 0 ? integer(100) : word());
        break;
      case Kind::text:
        item += attribute("body", string(words(180)));
        break;
      case Kind::numbers:
        for (int i = 0; i < 20; ++i) {
          item += attribute(fmt::format("metric_{}", i * 7 % 20), i % 2 == 0 ? integer(1'000'000'000) : decimal());
        }
        break;
      case Kind::unicode:
        item += attribute("title", string(unicode_words(6)));
        item += attribute("comment", string(unicode_words(12) + "\\n\\\"" + unicode_words(8) + "\\\""));
        item += attribute("city", string(unicode_words(1)));
        break;
      case Kind::nested:
        item += attribute("profile", map(3));
        item += attribute("history", "{\"L\":[" + map(1) + ',' + map(1) + ',' + map(1) + "]}");
        break;
    }
    return item + "}}";
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }

  static std::string attribute(std::string_view name, std::string_view value) {
    return fmt::format(R"(,"{}":{})", name, value);
  }
  static std::string string(std::string_view content) { return fmt::format(R"({{"S":"{}"}})", content); }
  std::string integer(std::size_t most) { return fmt::format(R"({{"N":"{}"}})", below(most)); }
  std::string decimal() { return fmt::format(R"({{"N":"{}.{}"}})", below(10'000), below(10) * 10 + 1 + below(9)); }
  std::string word() { return string(kWords[below(std::size(kWords))]); }
  std::string words(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text.append(i == 0 ? "" : " ").append(kWords[below(std::size(kWords))]);
    return text;
  }
  std::string unicode_words(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text.append(kUnicodeWords[below(std::size(kUnicodeWords))]).append(" ");
    return text;
  }
  std::string map(int depth) {
    std::string members = "\"name\":" + word() + ",\"id\":" + integer(100'000) + ",\"active\":{\"BOOL\":true}";
    if (depth > 1) members += ",\"detail\":" + map(depth - 1) + ",\"colour\":" + word();
    return "{\"M\":{" + members + "}}";
  }

  std::mt19937 random_;
};

}  // namespace

std::string_view name_of(Kind kind) {
  constexpr std::string_view kNames[] = {"mixed", "shorts", "text", "numbers", "unicode", "nested"};
  return kNames[static_cast<std::size_t>(kind)];
}

Lines make_lines(Kind kind, std::size_t bytes, unsigned seed) {
  Generator generator(seed);
  Lines made;
  std::vector<std::size_t> ends;
  while (made.bytes.size() < bytes) {
    made.bytes.append(generator.line(kind, ends.size()));
    ends.push_back(made.bytes.size());
    made.bytes.push_back('\n');
  }
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    made.lines.push_back(made.bytes.view(begin, end - begin));
    made.items.push_back(item_of_line(made.lines.back()));
    begin = end + 1;
  }
  return made;
}

const KeySchema& key_schema() {
  static const KeySchema kSchema{{"pk", 'S'}, KeyAttribute{"sk", 'S'}};
  return kSchema;
}

std::string make_scan_reply(const Lines& lines) {
  std::string reply = "{\"Items\":[";
  for (const std::string_view item : lines.items) {
    if (reply.back() != '[') reply += ',';
    reply += item;
  }
  return reply +
         fmt::format(
             R"(],"Count":{0},"ScannedCount":{0},"ConsumedCapacity":{{"TableName":"t","CapacityUnits":128.5}}}})",
             lines.items.size());
}

}  // namespace bulk::bench
