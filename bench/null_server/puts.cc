#include "bench/null_server/puts.h"

#include <algorithm>

namespace bulk::bench {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
// What most clients write between two items; anything else is looked for.
constexpr std::string_view kUsualBetween = R"(}},{"PutRequest":{"Item":)";
// Of the key where nothing stands between its tokens, without the brace at its end.
constexpr std::size_t kKeyLength = sizeof R"({"pk":{"S":"CUSTOMER#0123456789"},"sk":{"S":"ORDER#2025-01-31#0"})" - 1;

// Length of the object that begins at text[0]; 0 when it does not end.
std::size_t object_length(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\') ++at;
      }
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return at + 1;
    }
  }
  return 0;
}

std::size_t skip(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(kSpace, at), text.size());
}

// The value behind `"name":`, as a position; size() when there is none.
std::size_t value_of(std::string_view text, std::string_view quoted_name, std::size_t from) {
  const std::size_t name = text.find(quoted_name, from);
  if (name == std::string_view::npos) return text.size();
  std::size_t at = skip(text, name + quoted_name.size());
  if (at >= text.size() || text[at] != ':') return text.size();
  return skip(text, at + 1);
}

std::string_view string_at(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '"') return {};
  return text.substr(at + 1, text.substr(at + 1).find('"'));
}

bool asks_for_capacity(std::string_view text) {
  const std::string_view value = string_at(text, value_of(text, "\"ReturnConsumedCapacity\"", 0));
  return value == "TOTAL" || value == "INDEXES";
}

Puts refused(std::string_view problem) {
  Puts puts;
  puts.problem = problem;
  return puts;
}

}  // namespace

Puts find_puts(std::string_view body, const ItemSet& set) {
  Puts puts;
  std::size_t at = value_of(body, "\"RequestItems\"", 0);
  if (at < body.size()) {
    puts.table = string_at(body, skip(body, at + 1));
  } else {
    at = 0;
    puts.table = string_at(body, value_of(body, "\"TableName\"", 0));
  }
  if (puts.table.empty()) return refused("the request names no table");
  std::size_t behind = at;
  std::size_t first = body.size();
  while (true) {
    const bool usual = puts.count > 0 && body.substr(at).starts_with(kUsualBetween);
    at = usual ? at + kUsualBetween.size() : value_of(body, "\"Item\"", at);
    if (at >= body.size()) break;
    if (puts.count == kMostPuts) return refused("Too many items requested for the BatchWriteItem call");
    if (body[at] != '{') return refused("an Item is no object");
    first = std::min(first, at);
    Put& put = puts.put[puts.count++];
    const std::string_view rest = body.substr(at);
    put.index = set.index_of(rest.substr(0, kKeyLength));
    std::size_t length = put.index ? set.length(*put.index) : 0;
    const bool ends =
        length > 0 && length < rest.size() && rest[length - 1] == '}' && (rest[length] == '}' || rest[length] == ',');
    if (!ends) {
      length = object_length(rest);
      put.index = set.index_of(rest.substr(0, length));
    }
    if (length == 0) return refused("an Item does not end");
    put.text = rest.substr(0, length);
    at = behind = at + length;
  }
  if (puts.count == 0) return refused("the request holds no puts");
  for (std::size_t i = 0; i < puts.count; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (puts.put[i].index && puts.put[i].index == puts.put[k].index) {
        return refused("Provided list of item keys contains duplicates");
      }
    }
  }
  puts.wants_capacity = asks_for_capacity(body.substr(behind)) || asks_for_capacity(body.substr(0, first));
  return puts;
}

Update find_update(std::string_view body, const ItemSet& set) {
  Update update;
  update.table = string_at(body, value_of(body, "\"TableName\"", 0));
  if (update.table.empty()) {
    update.problem = "the request names no table";
    return update;
  }
  const std::size_t key = value_of(body, "\"Key\"", 0);
  const std::size_t length = key < body.size() && body[key] == '{' ? object_length(body.substr(key)) : 0;
  if (length == 0) {
    update.problem = "the request has no Key";
    return update;
  }
  if (string_at(body, value_of(body, "\"UpdateExpression\"", 0)).empty()) {
    update.problem = "the request has no UpdateExpression";
    return update;
  }
  update.index = set.index_of(body.substr(key, length));
  update.conditional = value_of(body, "\"ConditionExpression\"", 0) < body.size();
  update.wants_capacity = asks_for_capacity(body);
  return update;
}

}  // namespace bulk::bench
