#include "backends/dynamodb/url.h"

#include "io/error.h"

namespace bulk {
namespace {

constexpr const char* kForm = "the form is dynamodb://TABLE[?region=R&endpoint=URL&profile=P]";

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::usage, what, kForm);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode(std::string_view text, const std::string& part) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) refuse("dynamodb URL: '%' without two hex digits in " + part);
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  for (const char c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) refuse("dynamodb URL: a control character in " + part);
  }
  return out;
}

// Leaves ':' and '/' alone: they end nothing here, and endpoints and ARNs stay readable.
std::string encode(std::string_view text) {
  constexpr std::string_view kPlain = "-._~:/";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric || kPlain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace

DynamoDbUrl parse_dynamodb_url(std::string_view text) {
  if (!text.starts_with(kDynamoDbScheme)) refuse("not a dynamodb URL");
  text.remove_prefix(kDynamoDbScheme.size());
  if (text.find('#') != std::string_view::npos) refuse("dynamodb URL: a fragment ('#') has no meaning");
  const std::size_t mark = text.find('?');
  DynamoDbUrl url;
  url.table = decode(text.substr(0, mark), "the table's name");
  if (url.table.empty()) refuse("dynamodb URL: no table is named");
  if (mark == std::string_view::npos) return url;

  std::string_view rest = text.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(pair.size() == rest.size() ? rest.size() : pair.size() + 1);
    const std::size_t equals = pair.find('=');
    const std::string name = decode(pair.substr(0, equals), "a parameter's name");
    std::string* into = name == "region"     ? &url.region
                        : name == "endpoint" ? &url.endpoint
                        : name == "profile"  ? &url.profile
                                             : nullptr;
    if (into == nullptr) refuse("dynamodb URL: unknown parameter '" + name + "'");
    if (!into->empty()) refuse("dynamodb URL: parameter '" + name + "' stands twice");
    if (equals != std::string_view::npos) *into = decode(pair.substr(equals + 1), "parameter '" + name + "'");
    if (into->empty()) refuse("dynamodb URL: parameter '" + name + "' has no value");
  }
  return url;
}

std::string format_dynamodb_url(const DynamoDbUrl& url) {
  std::string text(kDynamoDbScheme);
  text += encode(url.table);
  char separator = '?';
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    text += separator;
    text += name;
    text += '=';
    text += encode(value);
    separator = '&';
  };
  add("region", url.region);
  add("endpoint", url.endpoint);
  add("profile", url.profile);
  return text;
}

}  // namespace bulk
