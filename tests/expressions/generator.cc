#include "tests/expressions/generator.h"

#include <vector>

#include "codecs/expression_lexer.h"
#include "codecs/json_check.h"

namespace bulk::test {

void ExpressionGenerator::begin(unsigned first) {
  expression_ = {};
  next_ = first;
}

std::string ExpressionGenerator::name(std::string_view attribute) {
  const bool plain = attribute != "with.dot" && attribute != "status";
  if (plain && !once_in(5)) return std::string(attribute);
  for (const auto& [key, known] : expression_.placeholders.names) {
    if (known == attribute) return key;
  }
  const std::string key = "#n" + std::to_string(next_++);
  expression_.placeholders.names[key] = attribute;
  return key;
}

std::string ExpressionGenerator::attribute_of(const std::string& name) const {
  const auto found = expression_.placeholders.names.find(name);
  return found == expression_.placeholders.names.end() ? name : found->second;
}

std::string ExpressionGenerator::attribute() {
  if (once_in(15)) return "gone1";
  return std::string(kGeneratedAttributes[below(std::size(kGeneratedAttributes))].name);
}

std::string ExpressionGenerator::path() {
  if (!once_in(4)) return name(attribute());
  std::string text = name(one_of({"l1", "m1", "m2", "m1", "any1"}));
  for (std::size_t steps = 1 + below(2); steps > 0; --steps) {
    text += once_in(2) ? "[" + std::to_string(below(4)) + "]" : "." + name(one_of({"x", "y", "z"}));
  }
  return text;
}

std::string ExpressionGenerator::placeholder(const std::string& value) {
  const std::string key = ":v" + std::to_string(next_++);
  if (value.starts_with("{\"L\"") || value.starts_with("{\"M\"")) expression_.tags.insert("document");
  expression_.placeholders.values[key] = value;
  return key;
}

std::string ExpressionGenerator::operand(char& type) {
  if (once_in(8)) {
    type = 'N';
    return "size(" + path() + ")";
  }
  if (once_in(2)) {
    type = '?';
    return path();
  }
  // Mostly of the type of what stands on the other side.
  if (type == '?' || once_in(4)) type = kGeneratedTypes[below(kGeneratedTypes.size())];
  return placeholder(value(type, 0));
}

std::string ExpressionGenerator::comparison() {
  const GeneratedAttribute& attribute = kGeneratedAttributes[below(std::size(kGeneratedAttributes))];
  const std::string left = once_in(3) ? path() : name(attribute.name);
  char type = attribute.type;
  if (once_in(8)) {
    std::string text = left + " IN (";
    for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) {
      char one = type;
      const std::string operand_text = operand(one);
      if (operand_text[0] != ':') expression_.tags.insert("list of paths");
      text += (i == 0 ? "" : ", ") + operand_text;
    }
    return text + ")";
  }
  if (once_in(6)) {
    char low = once_in(5) ? '?' : one_of({"S", "N", "B"})[0];
    char high = low;
    const std::string low_text = operand(low);
    const std::string high_text = operand(high);
    if (low_text[0] != ':' || high_text[0] != ':') expression_.tags.insert("list of paths");
    return left + " BETWEEN " + low_text + " AND " + high_text;
  }
  const std::string symbol = one_of({"=", "=", "<>", "<", "<=", ">", ">="});
  const std::string right = operand(type);
  if (right[0] != ':') expression_.tags.insert("two paths");
  return once_in(4) ? right + symbol + left : left + " " + symbol + " " + right;
}

std::string ExpressionGenerator::function() {
  char type = 'S';
  switch (below(6)) {
    case 0:
      return "attribute_exists(" + path() + ")";
    case 1:
      return "attribute_not_exists(" + path() + ")";
    case 2:
      return "attribute_type(" + path() + ", " +
             placeholder("{\"S\":\"" + one_of({"S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"}) + "\"}") +
             ")";
    case 3: {
      type = one_of({"S", "S", "B"})[0];
      const std::string whole = path();
      const std::string prefix = operand(type);
      if (prefix[0] != ':') expression_.tags.insert("prefix path");
      return "begins_with(" + whole + ", " + prefix + ")";
    }
    default: {
      type = one_of({"S", "N", "B", "?"})[0];
      const std::string whole = once_in(3) ? path() : name(one_of({"s1", "ss1", "ns1", "bs1", "b1", "l1"}));
      const std::string part = operand(type);
      if (part[0] != ':') expression_.tags.insert("two paths");
      if (type != 'S' && type != 'N' && type != 'B') expression_.tags.insert("other contained");
      return "contains(" + whole + ", " + part + ")";
    }
  }
}

std::string ExpressionGenerator::negated(const std::string& test) {
  if (test.starts_with("NOT ")) expression_.tags.insert("twice negated");
  return test;
}

std::string ExpressionGenerator::test(int depth) {
  if (depth < 3 && once_in(2)) {
    switch (below(5)) {
      case 0:
        return "NOT " + negated(test(depth + 1));
      case 1:
        return "(" + test(depth + 1) + ")";
      case 2:
        return test(depth + 1) + " or " + test(depth + 1);
      default:
        return test(depth + 1) + " AND " + test(depth + 1);
    }
  }
  return once_in(3) ? function() : comparison();
}

GeneratedExpression ExpressionGenerator::condition(unsigned first) {
  begin(first);
  expression_.text = test(0);
  return std::move(expression_);
}

std::string ExpressionGenerator::right_side() {
  const auto read = [this](const std::string& path) {
    read_.insert(attribute_of(path.substr(0, path.find_first_of(".["))));
    return path;
  };
  const auto path = [&] { return read(this->path()); };
  const auto name = [&](std::string_view attribute) { return read(this->name(attribute)); };
  switch (below(8)) {
    case 0:
    case 1:
      return placeholder(any_value(0));
    case 2:
    case 3:
      return path();
    case 4: {
      const std::string list = once_in(4) ? path() : name("l1");
      const std::string other = once_in(4) ? path() : placeholder(value('L', 0));
      return once_in(2) ? "list_append(" + list + ", " + other + ")" : "list_append(" + other + "," + list + ")";
    }
    case 5:
      return "if_not_exists(" + path() + ", " + (once_in(3) ? path() : placeholder(any_value(0))) + ")";
    case 6: {
      const std::string zero = placeholder(value('N', 0));
      return "if_not_exists(" + name("n1") + ", " + zero + ")" + one_of({" + ", " - "}) + placeholder(value('N', 0));
    }
    default: {
      const std::string left = once_in(4) ? path() : name(one_of({"n1", "n2"}));
      return left + one_of({" + ", "-"}) + (once_in(4) ? path() : placeholder(value('N', 0)));
    }
  }
}

// Usually another top-level attribute each time, so that paths seldom overlap.
std::string ExpressionGenerator::target(std::set<std::string>& taken) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    const std::string attribute = once_in(6) ? "new" + std::to_string(below(3)) : once_in(6) ? "l1" : this->attribute();
    if (!taken.insert(attribute).second && !once_in(30)) continue;
    std::string text = name(attribute);
    changed_.insert(attribute);
    const bool document = attribute[0] == 'm' || attribute[0] == 'l' || attribute[0] == 'a';
    if (document && !once_in(3)) {
      for (std::size_t steps = once_in(3) ? 2 : 1; steps > 0; --steps) {
        text += (attribute[0] == 'l') != once_in(5) ? "[" + std::to_string(below(6)) + "]"
                                                    : "." + name(one_of({"x", "y", "z"}));
      }
    }
    return text;
  }
  return name("gone1");
}

GeneratedExpression ExpressionGenerator::update(unsigned first) {
  begin(first);
  read_.clear();
  changed_.clear();
  std::set<std::string> taken;
  std::string text;
  const std::size_t sections = 1 + below(15);  // a bit each
  const auto parts = [&](std::size_t bit, std::string_view keyword, auto make) {
    if ((sections & bit) == 0) return;
    text += (text.empty() ? "" : " ") + std::string(keyword);
    for (std::size_t i = 0, count = 1 + below(2); i < count; ++i) text += (i == 0 ? " " : ", ") + make();
  };
  const std::size_t order = below(2);
  const auto set = [&] { return target(taken) + " = " + right_side(); };
  if (order == 0) parts(1, "SET", set);
  parts(2, "REMOVE", [&] { return target(taken); });
  if (order == 1) parts(1, "set", set);
  parts(once_in(2) ? 4 : 16, "ADD", [&] {
    if (once_in(3)) return target(taken) + " " + placeholder(value(one_of({"N", "s", "n", "b"})[0], 0));
    const bool number = once_in(2);
    const std::string attribute = number ? "n2" : "ss1";
    taken.insert(attribute);
    return name(attribute) + " " + placeholder(value(number ? 'N' : 's', 0));
  });
  parts(once_in(2) ? 8 : 16, "DELETE", [&] {
    if (once_in(3)) return target(taken) + " " + placeholder(value(one_of({"s", "n", "b"})[0], 0));
    const bool number = once_in(2);
    taken.insert(number ? "ns1" : "bs1");
    return name(number ? "ns1" : "bs1") + " " + placeholder(value(number ? 'n' : 'b', 0));
  });
  if (text.empty()) text = "REMOVE " + name("s2");
  changed_.insert({"n2", "ss1", "ns1", "bs1"});
  for (const std::string& read : read_) {
    if (changed_.contains(read)) expression_.tags.insert("changes what it copies");
  }
  expression_.text = text;
  return std::move(expression_);
}

GeneratedExpression ExpressionGenerator::damaged(const GeneratedExpression& expression) {
  std::vector<std::string> tokens;
  for (const ExpressionToken& token : cut_expression(expression.text)) tokens.emplace_back(token.text);
  tokens.pop_back();
  const auto at = [&] { return tokens.begin() + static_cast<std::ptrdiff_t>(below(tokens.size())); };
  switch (below(7)) {
    case 5: {
      std::string& operand = *at();
      if (operand[0] == ':' || operand[0] == '#') operand = "( " + operand + " )";
      break;
    }
    case 6: {
      std::string& name = *at();
      if (name == "s1" || name == "n1" || name == "l1" || name == "m1") name = one_of({"_a", "begins_with"});
      break;
    }
    case 0:
      tokens.erase(at());
      break;
    case 1:
      tokens.insert(at(), *at());
      break;
    case 2:
      std::swap(*at(), *at());
      break;
    default:
      *at() = one_of({"(",   ")",      ",",    "=",    "<",        ".",           "[",
                      "]",   "[1]",    "+",    "-",    "AND",      "or",          "NOT",
                      "SET", "status", "s1",   "size", "contains", "begins_with", "if_not_exists",
                      "_a",  "1",      "name", "#",    ":",        "$",           "BETWEEN"});
  }
  GeneratedExpression damaged;
  for (const std::string& token : tokens) {
    // Which placeholders are left.
    const auto named = token.starts_with("( ") ? token.substr(2, token.size() - 4) : token;
    // No space within brackets, which not all servers take.
    const bool close = token == "[" || token == "]" || damaged.text.ends_with('[');
    damaged.text += (damaged.text.empty() || close ? "" : " ") + token;
    const auto keep = [&](const auto& from, auto& to) {
      const auto found = from.find(named);
      if (found != from.end()) to.insert(*found);
    };
    keep(expression.placeholders.names, damaged.placeholders.names);
    keep(expression.placeholders.values, damaged.placeholders.values);
  }
  damaged.tags = expression.tags;
  if (damaged.text.find("NOT NOT") != std::string::npos) damaged.tags.insert("twice negated");
  return damaged;
}

}  // namespace bulk::test
