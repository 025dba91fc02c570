// JSON or not: check_json() and RapidJSON agree, but for what RapidJSON is known to do otherwise. It takes a 0 byte for
// the end of its text, skips each byte of a byte order mark, lets a lone low surrogate pass, has no limit of nesting,
// and refuses numbers that are too big for it.
#include "codecs/json_check.h"

#include <rapidjson/document.h>
#include <rapidjson/reader.h>

#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

// Every event is taken; nothing is built.
struct Ignore : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Ignore> {};

rapidjson::ParseErrorCode rapidjson_error(std::string_view text) {
  rapidjson::MemoryStream bytes(text.data(), text.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream(bytes);
  rapidjson::Reader reader;
  Ignore handler;
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  return reader.Parse<kFlags>(stream, handler).Code();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const JsonProblem problem = check_json(text);
  HOLDS(problem.offset <= text.size());
  if (text.find('\0') != std::string_view::npos || (!text.empty() && static_cast<unsigned char>(text[0]) >= 0x80)) {
    HOLDS(!problem.text.empty());
    return 0;
  }
  if (problem.text == "lone surrogate" || problem.text == "nested deeper than 512 levels") return 0;
  const rapidjson::ParseErrorCode error = rapidjson_error(text);
  if (error == rapidjson::kParseErrorNumberTooBig) return 0;
  HOLDS(problem.text.empty() == (error == rapidjson::kParseErrorNone));
  return 0;
}
