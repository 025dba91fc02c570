// Text of a stranger: as the content of a JSON string it comes back the same; as part of a message it is short and
// without control characters.
#include "codecs/json_text.h"

#include <rapidjson/document.h>

#include "codecs/json_check.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

bool is_control(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const bool c1 = byte == 0xC2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
  return byte < 0x20 || byte == 0x7F || c1;
}

std::size_t plain_stop(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && text[at] != '"' && text[at] != '\\' && static_cast<unsigned char>(text[at]) >= 0x20) ++at;
  return at;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);

  // The vector code and the plain loop, at every alignment.
  for (std::size_t skip = 0; skip < 16 && skip <= text.size(); ++skip) {
    const std::string_view rest = text.substr(skip);
    bool non_ascii = false;
    const std::size_t stop = plain_stop(rest);
    HOLDS(find_string_stop(rest.data(), rest.data() + rest.size(), non_ascii) == rest.data() + stop);
    bool expected = false;
    for (const char c : rest.substr(0, stop)) expected |= (c & 0x80) != 0;
    HOLDS(non_ascii == expected);
  }

  const std::string message = shown(text);
  HOLDS(message.size() <= 64 + 3);
  HOLDS(valid_utf8(message));
  for (std::size_t i = 0; i < message.size(); ++i) HOLDS(!is_control(message, i));

  const std::string quoted = json_quoted(text);
  HOLDS(check_json(quoted).text.empty() == valid_utf8(text));
  if (!valid_utf8(text)) return 0;
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(quoted.data(), quoted.size());
  HOLDS(!document.HasParseError() && document.IsString());
  HOLDS(std::string_view(document.GetString(), document.GetStringLength()) == text);
  return 0;
}
