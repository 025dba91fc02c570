#include "codecs/key_schema.h"

#include "io/error.h"

namespace bulk {

namespace {

// DynamoDB's limit for the name of a key attribute.
constexpr std::size_t kMaxKeyNameBytes = 255;

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw Error(ErrorKind::usage, "key '" + std::string(text) + "': " + why,
              "give it as NAME:TYPE or NAME:TYPE,NAME:TYPE where TYPE is S, N or B, for example pk:S,sk:N");
}

KeyAttribute parse_attribute(std::string_view whole, std::string_view part) {
  std::size_t colon = part.rfind(':');
  if (colon == std::string_view::npos) refuse(whole, "'" + std::string(part) + "' has no type");
  KeyAttribute attribute;
  attribute.name = part.substr(0, colon);
  std::string_view type = part.substr(colon + 1);
  if (attribute.name.empty()) refuse(whole, "a name is empty");
  if (attribute.name.size() > kMaxKeyNameBytes) refuse(whole, "a name is longer than 255 bytes");
  if (type != "S" && type != "N" && type != "B") refuse(whole, "'" + std::string(type) + "' is no key type");
  attribute.type = type[0];
  return attribute;
}

}  // namespace

std::string KeySchema::text() const {
  std::string out = partition.name + ':' + partition.type;
  if (sort) out += ',' + sort->name + ':' + sort->type;
  return out;
}

KeySchema KeySchema::parse(std::string_view text) {
  KeySchema schema;
  std::size_t comma = text.find(',');
  schema.partition = parse_attribute(text, text.substr(0, comma));
  if (comma == std::string_view::npos) return schema;
  std::string_view rest = text.substr(comma + 1);
  if (rest.find(',') != std::string_view::npos) refuse(text, "there are more than two attributes");
  schema.sort = parse_attribute(text, rest);
  if (schema.sort->name == schema.partition.name) refuse(text, "both attributes have the same name");
  return schema;
}

}  // namespace bulk
