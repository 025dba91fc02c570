#include "bench/null_server/item_text.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "bench/null_server/item_set.h"

namespace bulk::bench {
namespace {

constexpr std::array<std::string_view, 64> kWords = {
    "order",   "customer", "parcel",  "invoice", "street",  "warehouse", "delivery",  "return",   "credit",  "refund",
    "payment", "window",   "monday",  "express", "fragile", "signature", "neighbour", "doorbell", "pending", "shipped",
    "blue",    "green",    "cotton",  "leather", "size",    "medium",    "large",     "gift",     "wrapped", "voucher",
    "summer",  "winter",   "reduced", "article", "number",  "weight",    "grams",     "carton",   "pallet",  "tracking",
    "Straße",  "façade",   "naïve",   "smörgås", "über",    "café",      "Łódź",      "São",      "東京",    "注文",
    "Москва",  "заказ",    "αριθμός", "✓",       "🚚",       "the",       "of",        "and",      "to",      "with",
    "for",     "from",     "was",     "not"};
constexpr std::array<std::string_view, 8> kStates = {"new",       "paid",     "packed",   "shipped",
                                                     "delivered", "returned", "refunded", "cancelled"};
constexpr std::array<std::string_view, 8> kNames = {"Zoë Müller",   "Ana Souza",   "Li Wei (李伟)", "Jean-Luc Noël",
                                                    "Olga Иванова", "Pat O'Neill", "Amina Diallo",  "Søren Kjær"};
// In ascending order, as DynamoDB's canonical form has sets.
constexpr std::array<std::string_view, 6> kTags = {"b2b", "express", "fragile", "gift", "insured", "new"};
constexpr std::array<char, 65> kBase64 = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"};

// Appends attributes and counts: the bytes of names and values, 3 for a list or map and 1 for each of its members.
class ItemText {
 public:
  ItemText(std::string& out, Random& random) : out_(out), random_(random) {}
  std::uint32_t size() const { return size_; }

  void name(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_.append("\"").append(name).append("\":");
    size_ += static_cast<std::uint32_t>(name.size());
  }
  void string(std::string_view text) {  // nothing in it needs an escape
    out_.append("{\"S\":\"").append(text).append("\"}");
    size_ += static_cast<std::uint32_t>(text.size());
  }
  void number(std::uint64_t whole, unsigned cents) {
    out_ += "{\"N\":\"";
    number_text(whole, cents);
    out_ += "\"}";
  }
  // A number of at least 1 in the one spelling that the service gives back.
  void number_text(std::uint64_t whole, unsigned cents) {
    std::string text = std::to_string(whole);
    if (cents > 0) {
      text += cents < 10 ? ".0" : ".";
      text += std::to_string(cents);
      if (text.back() == '0') text.pop_back();
    }
    out_ += text;
    // Two digits to a byte, in pairs that the decimal point does not split.
    const std::size_t before_point = std::min(text.find('.'), text.size());
    std::size_t digits = text.size() - (before_point < text.size() ? 1 : 0);
    if (before_point == text.size()) {
      while (digits > 1 && text[digits - 1] == '0') --digits;
    }
    size_ += static_cast<std::uint32_t>(before_point % 2 == 0 ? (digits + 1) / 2 : 1 + digits / 2) + 1;
  }
  void binary(std::size_t groups) {  // of three bytes, four characters
    out_ += "{\"B\":\"";
    for (std::size_t i = 0; i < groups; ++i) {
      std::uint64_t bits = random_.next();
      for (int k = 0; k < 4; ++k, bits >>= 6) out_ += kBase64[bits & 63];
    }
    out_ += "\"}";
    size_ += static_cast<std::uint32_t>(groups * 3);
  }
  void boolean(bool value) {
    out_ += value ? "{\"BOOL\":true}" : "{\"BOOL\":false}";
    ++size_;
  }
  void null() {
    out_ += "{\"NULL\":true}";
    ++size_;
  }
  void words(std::size_t bytes) {
    out_ += "{\"S\":\"";
    const std::size_t begin = out_.size();
    std::size_t escapes = 0;
    while (out_.size() - begin < bytes) {
      const std::uint64_t draw = random_.next();
      if (out_.size() > begin) out_ += ' ';
      out_ += kWords[draw & 63];
      if ((draw >> 6) % 4 == 0) out_.append(" ").append(std::to_string((draw >> 16) % 100'000));
      if ((draw >> 6) % 32 == 1) {
        out_ += (draw >> 12) % 2 == 0 ? "\\n" : "\\\"";
        ++escapes;
      }
    }
    size_ += static_cast<std::uint32_t>(out_.size() - begin - escapes);
    out_ += "\"}";
  }
  void tags() {
    const std::size_t first = random_.below(3);
    const std::size_t second = first + 1 + random_.below(3);
    const bool ascending = !random_.one_in(4);
    const std::string_view one = kTags[ascending ? first : second];
    const std::string_view two = kTags[ascending ? second : first];
    out_.append("{\"SS\":[\"").append(one).append("\",\"").append(two).append("\"]}");
    size_ += static_cast<std::uint32_t>(one.size() + two.size());
  }
  void sizes() {
    const std::uint64_t least = 1 + random_.below(9);
    out_ += "{\"NS\":[\"";
    number_text(least, static_cast<unsigned>(random_.below(100)));
    out_ += "\",\"";
    number_text(10 + random_.below(80), 0);
    out_ += "\"]}";
  }
  void lines() {
    out_ += "{\"L\":[";
    size_ += 3;
    const std::size_t count = 1 + random_.below(2);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out_ += ',';
      out_ += "{\"M\":{";
      size_ += 1 + 3;
      name("sku");
      string("AB-" + std::to_string(1000 + random_.below(9000)));
      name("n");
      number(1 + random_.below(12), 0);
      size_ += 2;
      out_ += "}}";
    }
    out_ += "]}";
  }
  void place() {
    out_ += "{\"M\":{";
    size_ += 3 + 2;
    name("zip");
    string(std::to_string(10000 + random_.below(90000)));
    name("city");
    string("Malmö");
    out_ += "}}";
  }

 private:
  std::string& out_;
  Random& random_;
  std::uint32_t size_ = 0;
};

void append_key(std::uint64_t index, ItemText& item, Random& random) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "CUSTOMER#%010u", ItemSet::partition(index));
  item.name("pk");
  item.string(digits);
  char order[48];
  std::snprintf(order, sizeof order, "ORDER#20%02u-%02u-%02u#%u", static_cast<unsigned>(20 + random.below(6)),
                static_cast<unsigned>(1 + random.below(12)), static_cast<unsigned>(1 + random.below(28)),
                static_cast<unsigned>(index % kItemsPerPartition));
  item.name("sk");
  item.string(order);
}

void append_mixed(ItemText& item, Random& random) {
  item.name("state");
  item.string(kStates[random.below(kStates.size())]);
  item.name("total");
  item.number(1 + random.below(2000), static_cast<unsigned>(random.below(100)));
  item.name("paid");
  item.boolean(random.one_in(2));
  item.name("vip");
  item.boolean(random.one_in(8));
  if (random.one_in(2)) {
    item.name("name");
    item.string(kNames[random.below(kNames.size())]);
  }
  if (random.one_in(4)) {
    item.name("note");
    item.null();
  }
  item.name("tags");
  item.tags();
  if (random.one_in(2)) {
    item.name("sizes");
    item.sizes();
  }
  item.name("hash");
  item.binary(4);
  item.name("lines");
  item.lines();
  if (random.one_in(5)) {
    item.name("place");
    item.place();
  }
}

}  // namespace

std::uint32_t append_item_text(std::uint64_t seed, std::uint64_t index, std::size_t item_bytes, std::string& out) {
  constexpr std::size_t kLeastForMixed = 250;
  constexpr std::size_t kAroundText = sizeof(R"(,"text":{"S":""})") - 1;
  constexpr std::size_t kMixedBytes = 352;  // what append_mixed makes on average, key included
  Random random(seed * 0xD1B54A32D192ED03u + index);
  ItemText item(out, random);
  const std::size_t begin = out.size();
  out += '{';
  append_key(index, item, random);
  if (item_bytes < kLeastForMixed) {
    item.name("n");
    item.number(1 + random.below(100'000), 0);
    item.name("ok");
    item.boolean(random.one_in(2));
  } else {
    append_mixed(item, random);
  }
  const std::size_t made = item_bytes < kLeastForMixed ? out.size() - begin : kMixedBytes;
  if (made + kAroundText < item_bytes) {
    // Small texts vary by all of their length, large ones so little that the largest item stays legal.
    const std::size_t mean = item_bytes - made - kAroundText;
    const std::size_t spread = mean < 4000 ? mean : mean / 50;
    item.name("text");
    item.words(mean - spread + random.below(2 * spread + 1));
  }
  out += '}';
  return item.size();
}

}  // namespace bulk::bench
