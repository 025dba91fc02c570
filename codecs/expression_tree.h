// What expressions are parsed into: the same paths and operands for conditions and updates, then a tree of tests or a
// list of actions. Placeholders are resolved. Data only.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "codecs/attribute_value.h"

namespace bulk {

// One step of a document path: into a map by name, or into a list by index.
struct PathStep {
  std::string name;  // empty: by index
  std::size_t index = 0;

  bool by_index() const { return name.empty(); }
  friend bool operator==(const PathStep&, const PathStep&) = default;
};

struct DocumentPath {
  std::size_t head = 0;         // the top-level attribute: its place in ExpressionNames::heads
  std::vector<PathStep> steps;  // from there on; empty: the attribute itself
};

struct Operand {
  enum class Kind : unsigned char { path, literal, size, if_not_exists, list_append, plus, minus };

  Kind kind = Kind::path;
  DocumentPath path;              // of a path
  AttributeValue value;           // of a literal
  std::string text;               // the literal as compact DynamoDB JSON
  std::vector<Operand> operands;  // of the others: one or two
  std::size_t at = 0;             // where it begins in the expression
};

struct ConditionNode {
  enum class Kind : unsigned char {
    all,      // of tests
    any,      // of tests
    negated,  // the one test
    equal,
    not_equal,
    less,
    less_or_equal,
    greater,
    greater_or_equal,
    between,
    in,
    exists,
    not_exists,
    has_type,
    begins_with,
    contains
  };

  Kind kind = Kind::all;
  std::vector<ConditionNode> tests;
  std::vector<Operand> operands;
  AttributeValue::Type type = AttributeValue::Type::null;  // that has_type asks for
};

struct UpdateAction {
  enum class Kind : unsigned char { set, remove, add, take_away };  // the last one is written DELETE

  Kind kind = Kind::set;
  DocumentPath path;
  Operand operand;  // not of a remove
};

// What an expression mentions.
struct ExpressionNames {
  std::vector<std::string> heads;      // top-level attributes, each once
  std::set<std::string> attributes;    // the same, sorted
  std::set<std::string> placeholders;  // that it uses
};

}  // namespace bulk
