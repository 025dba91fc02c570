#include "tests/fault_server_items.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <set>

#include "codecs/item.h"

namespace bulk::test {
namespace {

using rapidjson::Value;

constexpr std::size_t kMostItemBytes = 409'600;
constexpr std::size_t kMostPartitionKeyBytes = 2'048;
constexpr std::size_t kMostSortKeyBytes = 1'024;
constexpr int kMostLevels = 32;

std::size_t base64_bytes(const Value& text) {
  std::size_t bytes = text.GetStringLength() / 4 * 3;
  for (std::size_t i = text.GetStringLength(); i > 0 && text.GetString()[i - 1] == '='; --i) --bytes;
  return bytes;
}

class Measure {
 public:
  explicit Measure(std::string& problem) : problem_(problem) {}

  std::size_t value(const Value& typed, int level) {
    if (!typed.IsObject() || typed.MemberCount() == 0) {
      return fail("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
    }
    if (typed.MemberCount() > 1) {
      return fail(
          "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
          "datatypes");
    }
    if (level > kMostLevels) return fail("Nesting Levels have exceeded supported limits");
    const std::string type = typed.MemberBegin()->name.GetString();
    const Value& content = typed.MemberBegin()->value;
    if (type == "L" && content.IsArray()) {
      std::size_t bytes = 3;
      for (const Value& element : content.GetArray()) bytes += 1 + value(element, level + 1);
      return bytes;
    }
    if (type == "M" && content.IsObject()) {
      std::size_t bytes = 3;
      for (const auto& member : content.GetObject()) {
        bytes += 1 + member.name.GetStringLength() + value(member.value, level + 1);
      }
      return bytes;
    }
    if ((type == "SS" || type == "NS" || type == "BS") && content.IsArray()) return set(type[0], content);
    if (type == "BOOL" && content.IsBool()) return 1;
    if (type == "NULL" && content.IsBool()) {
      return content.IsTrue() ? 1
                              : fail(
                                    "One or more parameter values were invalid: Null attribute value types must have "
                                    "the value of true");
    }
    if (type.size() == 1) return scalar(type[0], content);
    return fail("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  }

 private:
  std::size_t fail(const std::string& text) {
    if (problem_.empty()) problem_ = text;
    return 0;
  }

  std::size_t scalar(char type, const Value& content) {
    if (!content.IsString()) return fail("Supplied AttributeValue is not of the type that it names");
    if (type == 'S') return content.GetStringLength();
    if (type == 'B') return base64_bytes(content);
    std::string reason;
    if (type != 'N' || canonical_number(content.GetString(), &reason).empty()) return fail(reason);
    return number_size(content.GetString());
  }

  std::size_t set(char type, const Value& elements) {
    if (elements.Empty()) return fail("One or more parameter values were invalid: An set may not be empty");
    std::set<std::string> seen;
    std::size_t bytes = 0;
    for (const Value& element : elements.GetArray()) {
      bytes += scalar(type, element);
      if (!element.IsString()) return 0;
      const std::string text(element.GetString(), element.GetStringLength());
      if (!seen.insert(type == 'N' ? canonical_number(text) : text).second) {
        return fail("One or more parameter values were invalid: Input collection " + json_text_of(elements) +
                    " contains duplicates.");
      }
    }
    return bytes;
  }

  std::string& problem_;
};

}  // namespace

std::string json_text_of(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string key_problem(const TableKey& table_key, const Value& attributes, std::string& key) {
  const std::string invalid = "One or more parameter values were invalid: ";
  if (!attributes.IsObject()) return "an item must be an object";
  for (std::size_t i = 0; i < table_key.size(); ++i) {
    const auto& [name, type] = table_key[i];
    const auto found = attributes.FindMember(name.c_str());
    if (found == attributes.MemberEnd()) {
      return std::string(invalid).append("Missing the key ").append(name).append(" in the item");
    }
    const std::string type_text(1, type);
    if (!found->value.IsObject() || found->value.MemberCount() != 1 || !found->value.HasMember(type_text.c_str()) ||
        !found->value[type_text.c_str()].IsString()) {
      const bool any = found->value.IsObject() && found->value.MemberCount() > 0;
      return std::string(invalid)
          .append("Type mismatch for key ")
          .append(name)
          .append(" expected: ")
          .append(type_text)
          .append(" actual: ")
          .append(any ? found->value.MemberBegin()->name.GetString() : "NULL");
    }
    const Value& value = found->value[type_text.c_str()];
    if (value.GetStringLength() == 0) {
      return "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
             "empty " +
             std::string(type == 'B' ? "binary" : "string") + " value. Key: " + name;
    }
    const std::size_t bytes = type == 'B' ? base64_bytes(value) : value.GetStringLength();
    if (type != 'N' && i == 0 && bytes > kMostPartitionKeyBytes) {
      return invalid + "Size of hashkey has exceeded the maximum size limit of2048 bytes";
    }
    if (type != 'N' && i == 1 && bytes > kMostSortKeyBytes) {
      return invalid + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes";
    }
    // Numbers are equal by value: 1000 and 1e3 are one key.
    std::string reason;
    const std::string number = type == 'N' ? canonical_number(value.GetString(), &reason) : std::string();
    if (!reason.empty()) return reason;
    key += type == 'N' ? "{\"N\":\"" + number + "\"}" : json_text_of(found->value);
    key += '\n';
  }
  return {};
}

std::string key_json(const TableKey& table_key, const std::string& key) {
  std::string json;
  std::size_t begin = 0;
  for (const auto& [name, type] : table_key) {
    const std::size_t end = key.find('\n', begin);
    json += (json.empty() ? "{\"" : ",\"") + name + "\":" + key.substr(begin, end - begin);
    begin = end + 1;
  }
  return json + "}";
}

std::size_t item_bytes(const Value& item, std::string& problem) {
  Measure measure(problem);
  std::size_t bytes = 0;
  for (const auto& member : item.GetObject()) bytes += member.name.GetStringLength() + measure.value(member.value, 1);
  return bytes;
}

std::string item_problem(const TableKey& table_key, const Value& item, std::string& key) {
  if (std::string problem = key_problem(table_key, item, key); !problem.empty()) return problem;
  std::string problem;
  const std::size_t bytes = item_bytes(item, problem);
  if (problem.empty() && bytes > kMostItemBytes) return "Item size has exceeded the maximum allowed size";
  return problem;
}

bool same_item(const std::string& one, const std::string& other) {
  if (one == other) return true;
  rapidjson::Document first;
  rapidjson::Document second;
  first.Parse<rapidjson::kParseIterativeFlag>(one.c_str(), one.size());
  second.Parse<rapidjson::kParseIterativeFlag>(other.c_str(), other.size());
  return !first.HasParseError() && !second.HasParseError() && first == second;
}

}  // namespace bulk::test
