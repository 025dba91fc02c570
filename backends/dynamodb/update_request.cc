#include "backends/dynamodb/update_request.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "codecs/item.h"

namespace bulk {
namespace {

// The developer guide's limits of an expression. How it counts operators in a condition is not said: here comparisons,
// functions and ANDs all count.
constexpr std::size_t kMostExpressionBytes = 4096;
constexpr std::size_t kMostOperators = 300;
constexpr std::size_t kMostSubstitutionBytes = 2u << 20;

// `#7`, `:a7`: what stands for a name or a value.
class Placeholder {
 public:
  Placeholder(std::string_view kind, std::size_t number) {
    kind.copy(text_, kind.size());
    end_ = std::to_chars(text_ + kind.size(), text_ + sizeof text_, number).ptr;
  }
  operator std::string_view() const { return {text_, end_}; }  // NOLINT: it is its text

 private:
  char text_[24];
  char* end_;
};

class RequestText {
 public:
  RequestText(Buffer& body, const Change& change) : body_(body), change_(change) {}

  void update_expression() {
    const std::size_t begin = body_.size();
    std::size_t listed = 0;
    for (std::size_t i = 0; i < change_.touched.size(); ++i) {
      if (change_.touched[i].after.empty()) continue;
      body_.append(listed++ == 0 ? "SET " : ",");
      append({Placeholder("#", i), "=", Placeholder(":a", i)});
    }
    const bool sets = listed > 0;
    listed = 0;
    for (std::size_t i = 0; i < change_.touched.size(); ++i) {
      if (!change_.touched[i].after.empty()) continue;
      body_.append(listed++ > 0 ? "," : sets ? " REMOVE " : "REMOVE ");
      body_.append(Placeholder("#", i));
    }
    longest_ = std::max(longest_, body_.size() - begin);
  }

  void condition() {
    const std::size_t begin = body_.size();
    body_.append("attribute_exists(#k)");
    for_each_compared([&](std::size_t i, std::string_view, std::string_view value) {
      if (value.empty()) {
        append({" AND attribute_not_exists(", Placeholder("#", i), ")"});
      } else {
        append({" AND ", Placeholder("#", i), "=", Placeholder(":b", i)});
      }
    });
    longest_ = std::max(longest_, body_.size() - begin);
  }

  void names(std::string_view partition_name_json) {
    append({"\"#k\":", partition_name_json});
    for_each_compared([&](std::size_t i, std::string_view name_json, std::string_view) {
      append({",\"", Placeholder("#", i), "\":", name_json});
    });
  }

  // Nothing where there are none: an empty map is refused.
  void values() {
    std::size_t listed = 0;
    const auto value = [&](std::string_view kind, std::size_t i, std::string_view text) {
      if (text.empty()) return;
      append({listed++ == 0 ? ",\"ExpressionAttributeValues\":{\"" : ",\"", Placeholder(kind, i), "\":", text});
    };
    for (std::size_t i = 0; i < change_.touched.size(); ++i) value(":a", i, change_.touched[i].after);
    for_each_compared([&](std::size_t i, std::string_view, std::string_view text) { value(":b", i, text); });
    if (listed > 0) body_.push_back('}');
  }

  // Why it is too much for one request; empty: it is not.
  std::string problem() const {
    const std::size_t compared = change_.touched.size() + change_.given.size();
    const std::string begin =
        "a change of " + std::to_string(change_.touched.size()) + " attributes" +
        (change_.given.empty() ? std::string()
                               : " on condition of " + std::to_string(change_.given.size()) + " others") +
        " does not fit into one UpdateItem: ";
    const auto says = [&](const char* what, std::size_t have, std::size_t most) {
      return begin + what + std::to_string(have) + ", the service takes " + std::to_string(most);
    };
    if (const std::size_t operators = 2 * compared + 1; operators > kMostOperators) {
      return says("operators in its condition: ", operators, kMostOperators);
    }
    if (longest_ > kMostExpressionBytes)
      return says("bytes of its longest expression: ", longest_, kMostExpressionBytes);
    if (const std::size_t bytes = substitution_bytes(); bytes > kMostSubstitutionBytes) {
      return says("bytes of its names and values: ", bytes, kMostSubstitutionBytes);
    }
    return {};
  }

 private:
  template <typename Visit>
  void for_each_compared(const Visit& visit) const {
    std::size_t i = 0;
    for (const ChangedAttribute& one : change_.touched) visit(i++, one.name_json, one.before);
    for (const GivenAttribute& one : change_.given) visit(i++, one.name_json, one.value);
  }

  // Text is never shorter than what it stands for, so mostly nothing need be measured.
  std::size_t substitution_bytes() const {
    std::size_t text = 0;
    for (const ChangedAttribute& one : change_.touched)
      text += one.name_json.size() + one.before.size() + one.after.size();
    for (const GivenAttribute& one : change_.given) text += one.name_json.size() + one.value.size();
    if (text <= kMostSubstitutionBytes) return text;
    ItemScanner scanner;
    std::size_t bytes = 0;
    const auto add = [&](std::string_view value) {
      if (value.empty()) return;
      ItemFacts facts;
      const std::string item = "{\"x\":" + std::string(value) + "}";
      bytes += scanner.scan(item, facts) ? facts.size_bytes - 1 : value.size();
    };
    for (const ChangedAttribute& one : change_.touched) {
      bytes += one.name.size();
      add(one.before);
      add(one.after);
    }
    for (const GivenAttribute& one : change_.given) {
      bytes += one.name.size();
      add(one.value);
    }
    return bytes;
  }

  void append(std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts) body_.append(text);
  }

  Buffer& body_;
  const Change& change_;
  std::size_t longest_ = 0;
};

}  // namespace

std::string append_update_request(Buffer& body, std::string_view table_json, std::string_view partition_name_json,
                                  const Change& change) {
  RequestText text(body, change);
  body.append("{\"TableName\":");
  body.append(table_json);
  body.append(",\"Key\":");
  body.append(change.key);
  body.append(",\"UpdateExpression\":\"");
  text.update_expression();
  body.append("\",\"ConditionExpression\":\"");
  text.condition();
  body.append("\",\"ExpressionAttributeNames\":{");
  text.names(partition_name_json);
  body.append("}");
  text.values();
  body.append(",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\",\"ReturnConsumedCapacity\":\"TOTAL\"}");
  return text.problem();
}

}  // namespace bulk
