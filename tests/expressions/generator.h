// Seeded items and expressions over them, for comparing our evaluator with others. Names and values come from small
// sets, so that operands often meet their like; some attributes are missing, some paths lead nowhere, some operands are
// of the wrong type. Each expression says what is special about it (tags), so that known deviations can be recognised.
// One thread.
#pragma once

#include <random>
#include <set>
#include <string>
#include <string_view>

#include "codecs/expression.h"

namespace bulk::test {

// That items may have.
struct GeneratedAttribute {
  std::string_view name;
  char type;  // S N B T(rue or false) U(ndefined: NULL) s n b (sets) L M, or '?': any
};
inline constexpr GeneratedAttribute kGeneratedAttributes[] = {
    {"s1", 'S'}, {"s2", 'S'},   {"n1", 'N'},       {"n2", 'N'},    {"b1", 'B'}, {"t1", 'T'},
    {"u1", 'U'}, {"ss1", 's'},  {"ns1", 'n'},      {"bs1", 'b'},   {"l1", 'L'}, {"m1", 'M'},
    {"m2", 'M'}, {"any1", '?'}, {"with.dot", '?'}, {"status", 'S'}};
// Of values, as GeneratedAttribute::type.
inline constexpr std::string_view kGeneratedTypes = "SNBTUsnbLM";

struct GeneratedExpression {
  std::string text;
  Placeholders placeholders;  // all used
  // "two paths": a comparison or contains() without a :value; "list of paths": IN and BETWEEN with others than :values;
  // "prefix path": begins_with() likewise; "document": a value that is a list or a map; "other contained": contains()
  // of another type than S, N and B; "twice negated"; "changes what it copies".
  std::set<std::string> tags;
};

class ExpressionGenerator {
 public:
  // `without_empty`: no value is an empty string or false.
  explicit ExpressionGenerator(unsigned seed, bool without_empty = false)
      : random_(seed), without_empty_(without_empty) {}

  // With the key {"S":`key`} under "pk".
  std::string item(const std::string& key);
  // Placeholders are numbered from `first`, so that two expressions can be sent together.
  GeneratedExpression condition(unsigned first = 0);
  GeneratedExpression update(unsigned first = 0);
  // One with a token left out, doubled, put elsewhere or replaced; placeholders that it no longer uses are gone.
  GeneratedExpression damaged(const GeneratedExpression& expression);

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool once_in(std::size_t n) { return below(n) == 0; }
  std::string one_of(std::initializer_list<std::string_view> texts);

  // Values as DynamoDB JSON.
  std::string value(char type, int depth);
  std::string any_value(int depth);
  std::string set_of(char element_type);
  std::string map_value(int depth);

  // Parts of the expression under way.
  std::string name(std::string_view attribute);
  std::string attribute_of(const std::string& name) const;  // that name() has written so
  std::string attribute();
  std::string path();
  std::string placeholder(const std::string& value);
  std::string operand(char& type);  // '?' where the type is not known
  std::string test(int depth);
  std::string negated(const std::string& test);
  std::string comparison();
  std::string function();
  std::string target(std::set<std::string>& taken);
  std::string right_side();
  void begin(unsigned first);

  std::mt19937 random_;
  bool without_empty_;
  GeneratedExpression expression_;
  unsigned next_ = 0;
  std::set<std::string> read_;     // names or placeholders of the attributes that an update's right sides read
  std::set<std::string> changed_;  // attributes that it changes otherwise than by setting them whole
};

}  // namespace bulk::test
