// Properties of the content digest over random items: all spellings of a content agree, every change of it shows.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "codecs/item.h"
#include "codecs/json_text.h"

namespace bulk {
namespace {

// A value as a tree, written down anew in a random spelling each time.
struct Node {
  std::string type;
  std::u32string text;                // S
  std::string digits;                 // N: significant digits, first and last not 0; empty: zero
  int exponent = 0;                   // N: of the last digit
  bool flag = false;                  // N: negative; BOOL
  std::string base64;                 // B
  std::vector<std::u32string> names;  // M
  std::vector<Node> children;         // L, M, sets
};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }

  std::u32string text(std::size_t most) {
    static constexpr char32_t kOdd[] = {0,   8,    9,      10,     13,     0x1F,   '"',     '\\',    '/',
                                        127, 0x80, 0x20AC, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF};
    std::u32string out;
    for (std::size_t length = below(most + 1); length > 0; --length) {
      out += below(4) == 0 ? kOdd[below(std::size(kOdd))] : static_cast<char32_t>('a' + below(4));
    }
    return out;
  }

  Node scalar(const std::string& type) {
    Node node;
    node.type = type;
    if (type == "S") node.text = text(20);
    if (type == "N" && below(10) != 0) {
      node.digits = static_cast<char>('1' + below(9));
      for (std::size_t more = below(5) == 0 ? below(37) : below(3); more > 0; --more) {
        node.digits.insert(node.digits.begin() + 1, static_cast<char>('0' + below(10)));
      }
      if (node.digits.size() > 1) node.digits.back() = static_cast<char>('1' + below(9));
      node.exponent = static_cast<int>(below(40)) - 20;
      node.flag = below(2) == 0;
    }
    if (type == "B") {
      static constexpr const char* kTails[] = {"", "AA==", "/w==", "AAA=", "//8="};
      for (std::size_t more = below(4); more > 0; --more) node.base64 += below(2) == 0 ? "ab/+" : "0Z9z";
      node.base64 += kTails[below(5)];
    }
    if (type == "BOOL") node.flag = below(2) == 0;
    return node;
  }

  Node value(int depth) {
    static constexpr const char* kTypes[] = {"S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"};
    Node node;
    node.type = kTypes[below(depth < 4 ? 10 : 5)];
    if (node.type == "M") {
      fill_map(node, depth);
    } else if (node.type == "L") {
      for (std::size_t more = below(4); more > 0; --more) node.children.push_back(value(depth + 1));
    } else if (node.type.back() == 'S' && node.type.size() == 2) {
      std::set<std::string> seen;
      for (std::size_t more = 1 + below(4); more > 0; --more) {
        Node element = scalar(node.type.substr(0, 1));
        if (seen.insert(identity(element)).second) node.children.push_back(element);
      }
    } else {
      node = scalar(node.type);
    }
    return node;
  }

  void fill_map(Node& node, int depth) {
    for (std::size_t more = below(depth == 0 ? 8 : 4); more > 0; --more) {
      const std::u32string name = U"n" + text(10);
      if (std::find(node.names.begin(), node.names.end(), name) != node.names.end()) continue;
      node.names.push_back(name);
      node.children.push_back(value(depth + 1));
    }
  }

  Node item() {
    Node node;
    node.type = "M";
    fill_map(node, 0);
    return node;
  }

  // Changes the content in exactly one place.
  void change(Node& node) {
    if (!node.children.empty() && below(4) != 0) {
      const std::size_t i = below(node.children.size());
      if (node.type.size() == 2) {  // a set: without one element, or with another one
        if (node.children.size() > 1) {
          node.children.erase(node.children.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
          grow(node.children[i]);
        }
      } else {
        change(node.children[i]);
      }
    } else if (node.type == "M") {
      if (!node.names.empty() && below(2) == 0) {
        node.names.back() += U"\u00E9";
      } else {
        node.names.push_back(U"new");
        node.children.push_back(scalar("NULL"));
      }
    } else if (node.type == "L") {
      node.children.push_back(scalar("NULL"));
    } else if (node.type.size() == 2) {
      node.children.push_back(node.children.front());
      grow(node.children.back());
    } else if (node.type == "NULL") {
      node = scalar("BOOL");
    } else if (node.type == "BOOL") {
      node.flag = !node.flag;
    } else {
      grow(node);
    }
  }

  // `plain`: as the service would write it, but for the order.
  std::string spell_members(const Node& node, bool plain) {
    std::vector<std::size_t> order(node.children.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    std::string out = "{" + space(plain);
    for (std::size_t i : order) {
      if (out.back() == '}') out += "," + space(plain);
      out += quoted(node.names[i], plain) + space(plain) + ":" + space(plain) + spell(node.children[i], plain);
    }
    return out + space(plain) + "}";
  }

  std::string spell(const Node& node, bool plain) {
    std::string content;
    if (node.type == "M") {
      content = spell_members(node, plain);
    } else if (node.type == "L" || (node.type.size() == 2 && node.type != "BO")) {
      std::vector<Node> elements = node.children;
      if (node.type != "L") std::shuffle(elements.begin(), elements.end(), random_);
      content = "[" + space(plain);
      for (const Node& element : elements) {
        if (&element != elements.data()) content += space(plain) + "," + space(plain);
        content += node.type == "L" ? spell(element, plain) : spell_scalar(element, plain);
      }
      content += space(plain) + "]";
    } else {
      content = spell_scalar(node, plain);
    }
    return "{" + space(plain) + quoted_ascii(node.type, plain) + space(plain) + ":" + space(plain) + content +
           space(plain) + "}";
  }

 private:
  // Longer than all that scalar() makes, and so another value than any of them.
  static void grow(Node& node) {
    if (node.type == "S") node.text += std::u32string(21, U'z');
    if (node.type == "B") node.base64.insert(0, "zzzzzzzzzzzzzzzzzzzzzzzz");
    if (node.type == "N") {
      node.exponent = 60;
      if (node.digits.empty()) node.digits = "7";
    }
  }

  static std::string identity(const Node& node) {
    std::string out = node.base64 + "|" + node.digits + "|" + std::to_string(node.exponent) + (node.flag ? "-" : "+");
    for (char32_t c : node.text) out += std::to_string(static_cast<unsigned>(c)) + " ";
    return out;
  }

  std::string space(bool plain) {
    static constexpr const char* kSpaces[] = {" ", "\n", "\t\r", "  "};
    return plain || below(4) != 0 ? "" : kSpaces[below(4)];
  }

  std::string quoted_ascii(const std::string& ascii, bool plain) {
    return quoted(std::u32string(ascii.begin(), ascii.end()), plain);
  }

  std::string quoted(const std::u32string& text, bool plain) {
    std::string out = "\"";
    for (char32_t c : text) {
      char escape[16];
      if (plain || below(4) != 0) {
        append_canonical_character(out, c);
      } else if (c == '/') {
        out += "\\/";
      } else if (c < 0x10000) {
        std::snprintf(escape, sizeof(escape), below(2) == 0 ? "\\u%04x" : "\\u%04X", static_cast<unsigned>(c));
        out += escape;
      } else {
        const unsigned high = 0xD800 + ((static_cast<unsigned>(c) - 0x10000) >> 10);
        const unsigned low = 0xDC00 + ((static_cast<unsigned>(c) - 0x10000) & 0x3FF);
        std::snprintf(escape, sizeof(escape), "\\u%04x\\u%04X", high, low);
        out += escape;
      }
    }
    return out + "\"";
  }

  std::string spell_scalar(const Node& node, bool plain) {
    if (node.type == "S") return quoted(node.text, plain);
    if (node.type == "B") return quoted_ascii(node.base64, plain);
    if (node.type == "BOOL") return node.flag ? "true" : "false";
    if (node.type == "NULL") return "true";
    std::string number = node.digits.empty() ? "0" : (node.flag ? "-" : "") + node.digits;
    if (!node.digits.empty()) {
      number += "e" + std::to_string(node.exponent);
      if (plain || below(3) == 0) return "\"" + canonical_number(number) + "\"";
    }
    if (plain) return "\"" + number + "\"";
    switch (below(3)) {
      case 0:
        number.insert(number[0] == '-' ? 1 : 0, "00");
        break;
      case 1:
        number.insert(std::min(number.find('e'), number.size()), ".000");
        break;
      default:
        if (number[0] != '-') number.insert(0, "+");
    }
    return quoted_ascii(number, plain);
  }

  std::mt19937 random_;
};

TEST(ItemProperty, AllSpellingsOfAnItemAgree) {
  Generator generator(23);
  ItemScanner scanner;
  for (int round = 0; round < 3000; ++round) {
    const Node item = generator.item();
    const std::string plain = generator.spell_members(item, true);
    ItemFacts first;
    ASSERT_TRUE(scanner.scan(plain, first)) << plain << ": " << scanner.problem().text;
    const std::string canonical = scanner.canonical(plain);
    ASSERT_EQ(scanner.canonical(canonical), canonical) << plain;
    ItemFacts facts;
    ASSERT_TRUE(scanner.scan(canonical, facts)) << canonical << ": " << scanner.problem().text;
    ASSERT_EQ(facts.digest, first.digest) << plain;
    ASSERT_EQ(facts.length, canonical.size());
    for (int again = 0; again < 3; ++again) {
      const std::string other = generator.spell_members(item, false);
      ASSERT_TRUE(scanner.scan(other, facts)) << other << ": " << scanner.problem().text;
      ASSERT_EQ(facts.digest, first.digest) << plain << "\n" << other;
      ASSERT_EQ(facts.size_bytes, first.size_bytes) << other;
      ASSERT_EQ(facts.length, other.size());
      ASSERT_EQ(scanner.canonical(other), canonical) << other;
    }
  }
}

TEST(ItemProperty, DifferentItemsDiffer) {
  Generator generator(29);
  ItemScanner scanner;
  std::set<std::string> texts;
  std::set<std::string> digests;
  for (int round = 0; round < 5000; ++round) {
    const std::string text = generator.spell_members(generator.item(), false);
    ItemFacts facts;
    ASSERT_TRUE(scanner.scan(text, facts));
    texts.insert(scanner.canonical(text));
    digests.insert(facts.digest.hex());
  }
  EXPECT_EQ(texts.size(), digests.size());
  EXPECT_GT(texts.size(), 3000u);
}

TEST(ItemProperty, OneChangedValueShowsInTextAndDigest) {
  Generator generator(37);
  ItemScanner scanner;
  for (int round = 0; round < 10'000; ++round) {
    const Node item = generator.item();
    Node other = item;
    generator.change(other);
    const std::string before = generator.spell_members(item, false);
    const std::string after = generator.spell_members(other, false);
    ItemFacts facts_before;
    ItemFacts facts_after;
    ASSERT_TRUE(scanner.scan(before, facts_before)) << before << ": " << scanner.problem().text;
    ASSERT_TRUE(scanner.scan(after, facts_after)) << after << ": " << scanner.problem().text;
    ASSERT_NE(facts_before.digest, facts_after.digest) << before << "\n" << after;
    ASSERT_NE(scanner.canonical(before), scanner.canonical(after));
  }
}

// Any byte changed: the item is refused, or the digest differs exactly when the canonical text does.
TEST(ItemProperty, EveryChangeIsNoticed) {
  Generator generator(31);
  ItemScanner scanner;
  int refused = 0;
  int changed = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = generator.spell_members(generator.item(), round % 2 == 0);
    ItemFacts before;
    ASSERT_TRUE(scanner.scan(text, before));
    const std::string canonical = scanner.canonical(text);
    std::vector<char> bytes(text.begin(), text.end());
    const char odd[] = {static_cast<char>(generator.below(256)), "{}[]\",:\\ 10e"[generator.below(12)]};
    bytes[generator.below(bytes.size())] = odd[generator.below(2)];
    const std::string_view damaged(bytes.data(), bytes.size());
    ItemFacts after;
    if (!scanner.scan(damaged, after)) {
      EXPECT_NE(scanner.problem().text, "");
      EXPECT_LE(scanner.problem().offset, damaged.size());
      ++refused;
    } else {
      ASSERT_EQ(after.digest == before.digest, scanner.canonical(damaged) == canonical) << text << "\n" << damaged;
      changed += after.digest != before.digest ? 1 : 0;
    }
  }
  EXPECT_GT(refused, 5000);
  EXPECT_GT(changed, 1000);
}

}  // namespace
}  // namespace bulk
