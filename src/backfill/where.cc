#include "src/backfill/where.h"

#include <fmt/format.h>

#include <array>
#include <utility>
#include <vector>

#include "codecs/attribute_value.h"
#include "codecs/json_text.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::array<std::string_view, 5> kKeywords = {"AND", "OR", "NOT", "IN", "BETWEEN"};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

std::string upper(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

// Values and names become placeholders; what is left is the service's own language.
class Rewriter {
 public:
  explicit Rewriter(std::string_view text) : text_(text) {}

  Condition parse() {
    while (at_ < text_.size()) step();
    try {
      return Condition::parse(out_, placeholders_);
    } catch (const Error& error) {
      throw Error(error.kind(), "--where: " + in_their_words(error.what()), "correct the condition");
    }
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\'') {
      value(AttributeValue::string(quoted('\'')));
    } else if (c == '"') {
      name(quoted('"'));
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0 && !in_index()) {
      number();
    } else if ((c == '-' || c == '+') && at_ + 1 < text_.size() &&
               std::isdigit(static_cast<unsigned char>(text_[at_ + 1])) != 0) {
      number();
    } else if (is_word(c) && std::isdigit(static_cast<unsigned char>(c)) == 0) {
      word();
    } else {
      out_ += c;
      ++at_;
    }
  }

  // `a[1]`: the number is no value.
  bool in_index() const {
    const std::size_t last = out_.find_last_not_of(kSpace);
    return last != std::string::npos &&
           (out_[last] == '[' || std::isdigit(static_cast<unsigned char>(out_[last])) != 0);
  }

  std::string quoted(char quote) {
    const std::size_t begin = at_;
    std::string found;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != quote) {
        found += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
        found += text_[++at_];
      } else {
        ++at_;
        return found;
      }
    }
    throw Error(ErrorKind::usage, fmt::format("--where: the quote at character {} is not closed", begin + 1));
  }

  void number() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '.' ||
                                  ((text_[at_] == '-' || text_[at_] == '+') && (text_[at_ - 1] | 0x20) == 'e'))) {
      ++at_;
    }
    value(AttributeValue::number(std::string(text_.substr(begin, at_ - begin))));
  }

  void word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    const std::string as_keyword = upper(word);
    const std::size_t next = text_.find_first_not_of(kSpace, at_);
    const bool called = next != std::string_view::npos && text_[next] == '(';
    const bool member = !out_.empty() && out_.back() == '.';
    for (const std::string_view keyword : kKeywords) {
      if (!member && as_keyword == keyword) {
        out_ += word;
        return;
      }
    }
    if (called) {
      out_ += word;
    } else if (!member && (as_keyword == "TRUE" || as_keyword == "FALSE" || as_keyword == "NULL")) {
      AttributeValue constant;
      constant.type = as_keyword == "NULL" ? AttributeValue::Type::null : AttributeValue::Type::boolean;
      constant.truth = as_keyword != "FALSE";
      value(constant);
    } else {
      name(std::string(word));
    }
  }

  void value(const AttributeValue& value) {
    std::string json;
    append_value(json, value);
    AttributeValue checked;
    std::string problem;
    if (!parse_value(json, checked, problem)) throw Error(ErrorKind::usage, "--where: " + problem);
    const std::string placeholder = fmt::format(":v{}", placeholders_.values.size());
    placeholders_.values[placeholder] = json;
    originals_.emplace_back(placeholder, value.text.empty() ? json : value.text);
    out_ += placeholder;
  }

  void name(const std::string& name) {
    if (name.empty()) throw Error(ErrorKind::usage, "--where: a name in quotes is empty");
    const std::string placeholder = fmt::format("#n{}", placeholders_.names.size());
    placeholders_.names[placeholder] = name;
    originals_.emplace_back(placeholder, name);
    out_ += placeholder;
  }

  // An error of the rewritten text, as one of the text that was given.
  std::string in_their_words(std::string what) const {
    constexpr std::string_view kWhere = "condition, character ";
    if (what.starts_with(kWhere)) what.erase(0, what.find(": ") + 2);
    for (auto one = originals_.rbegin(); one != originals_.rend(); ++one) {
      for (std::size_t at = what.find(one->first); at != std::string::npos;
           at = what.find(one->first, at + one->second.size())) {
        what.replace(at, one->first.size(), one->second);
      }
    }
    return what;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  Placeholders placeholders_;
  std::vector<std::pair<std::string, std::string>> originals_;  // of placeholders, in their order
};

}  // namespace

Condition parse_where(const std::string& text) {
  if (!valid_utf8(text)) throw Error(ErrorKind::usage, "--where: it is not UTF-8");
  return Rewriter(text).parse();
}

}  // namespace bulk
