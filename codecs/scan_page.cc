// A reply as services write it is cut into its items by item_split.h, and only what is around them is parsed. Any other
// is parsed as a whole: the on-demand parser indexes it first (which checks its UTF-8 and its strings) and then walks
// only what it is asked for. Either way the insides of items are skipped, and checked later by whoever scans them
// (codecs/item.h). The parser alone costs three times as much (bench/micro).
#include "codecs/scan_page.h"

#include <simdjson.h>

#include <cmath>
#include <cstring>

#include "codecs/item_split.h"
#include "codecs/json_check.h"
#include "codecs/json_text.h"
#include "io/error.h"

namespace bulk {

namespace {

namespace ondemand = simdjson::ondemand;

static_assert(Buffer::kPadding >= simdjson::SIMDJSON_PADDING);

// A page holds about 1 MB of items, whose JSON may be several times that. simdjson keeps up to 4 bytes of index a byte.
constexpr std::size_t kMaxReplyBytes = 128u << 20;

[[noreturn]] void malformed(const std::string& what) {
  throw Error(ErrorKind::failed, "malformed Scan reply: " + what, "check what answers at the endpoint");
}

void check(simdjson::error_code error) {
  if (error != simdjson::SUCCESS) malformed(simdjson::error_message(error));
}

template <typename T>
T checked(simdjson::simdjson_result<T> result, const char* what) {
  T value{};
  const simdjson::error_code error = std::move(result).get(value);
  if (error == simdjson::INCORRECT_TYPE) malformed(std::string(what) + " is of the wrong type");
  check(error);
  return value;
}

bool has_line_break(std::string_view text) {
  return std::memchr(text.data(), '\n', text.size()) != nullptr ||
         std::memchr(text.data(), '\r', text.size()) != nullptr;
}

// A line break can only stand between tokens, where it means nothing: the parser's first pass refuses control
// characters in strings.
void append_on_one_line(std::string_view json, Buffer& out) {
  if (has_line_break(json)) {
    append_compact(json, out);
  } else {
    out.append(json);
  }
}

// The parser's raw text of an object goes on to the next token: without the white space behind its end.
std::string_view raw_object(ondemand::object& object, const char* what) {
  std::string_view json = checked(object.raw_json(), what);
  while (!json.empty() && is_json_space(json.back())) json.remove_suffix(1);
  return json;
}

bool is_null(ondemand::value& value) {
  bool null = false;
  check(value.is_null().get(null));
  return null;
}

double read_units(ondemand::value& value) {
  ondemand::object capacity = checked(value.get_object(), "ConsumedCapacity");
  double units = 0;
  for (auto field_result : capacity) {
    ondemand::field field = checked(std::move(field_result), "ConsumedCapacity");
    if (checked(field.unescaped_key(), "a name") != "CapacityUnits") continue;
    units = checked(field.value().get_double(), "CapacityUnits");
    if (!std::isfinite(units) || units < 0) malformed("CapacityUnits is negative");
  }
  return units;
}

}  // namespace

struct ScanPageParser::Impl {
  ondemand::parser parser{kMaxReplyBytes};
  ItemArray array;
  Buffer around;  // the reply without its items

  // The items of a reply that is regular; false: out is as it was.
  bool read_regular(const Buffer& reply, Buffer& out, ScanPage& page) {
    if (!split_items(reply.view(), array)) return false;
    const std::size_t before = out.size();
    for (const ItemSpan& item : array.items) append_line(reply.view(item.offset, item.length), out, page);
    around.clear();
    around.append(reply.view(0, array.begin));
    around.append(reply.view(array.end, reply.size() - array.end));
    try {
      read_members(around, out, page);
      if (page.count == page.lines.size() && page.lines.size() == array.items.size()) return true;
    } catch (const Error&) {
      // What is wrong with the whole is for the parser to say, as it sees it.
    }
    out.resize(before);
    return false;
  }

  static void append_line(std::string_view item, Buffer& out, ScanPage& page) {
    const std::size_t begin = out.size();
    out.append(kItemLinePrefix);
    out.append(item);
    out.append(kItemLineSuffix);
    page.lines.push_back({begin, out.size() - begin});
    out.push_back('\n');
  }

  void read_members(const Buffer& reply, Buffer& out, ScanPage& page);

  void read_items(ondemand::value& value, Buffer& out, ScanPage& page) {
    ondemand::array items = checked(value.get_array(), "Items");
    for (auto item_result : items) {
      ondemand::value item = checked(item_result, "Items");
      ondemand::object object = checked(item.get_object(), "an item");
      const std::string_view json = raw_object(object, "an item");
      const std::size_t begin = out.size();
      out.append(kItemLinePrefix);
      append_on_one_line(json, out);
      out.append(kItemLineSuffix);
      page.lines.push_back({begin, out.size() - begin});
      out.push_back('\n');
    }
  }

  void read_last_key(ondemand::value& value, ScanPage& page) {
    if (is_null(value)) return;
    ondemand::object object = checked(value.get_object(), "LastEvaluatedKey");
    const std::string_view json = raw_object(object, "LastEvaluatedKey");
    // It goes into later requests as it is, so its inside has to be sound now.
    if (const JsonProblem problem = check_json(json); !problem.text.empty()) {
      malformed("LastEvaluatedKey: " + problem.text);
    }
    Buffer compact;
    append_compact(json, compact);
    page.last_evaluated_key = compact.view();
    if (page.last_evaluated_key == "{}") malformed("LastEvaluatedKey is empty");
  }
};

ScanPageParser::ScanPageParser() : impl_(std::make_unique<Impl>()) {}
ScanPageParser::~ScanPageParser() = default;

// Each member once, nothing behind the object.
void ScanPageParser::Impl::read_members(const Buffer& reply, Buffer& out, ScanPage& page) {
  bool has_items = false;
  bool has_count = false;
  bool has_last_key = false;
  const simdjson::padded_string_view text(reply.data(), reply.size(), reply.size() + Buffer::kPadding);
  ondemand::document document;
  check(parser.iterate(text).get(document));
  ondemand::object members = checked(document.get_object(), "it");
  for (auto field_result : members) {
    ondemand::field field = checked(std::move(field_result), "it");
    const std::string_view name = checked(field.unescaped_key(), "a name");
    ondemand::value value = field.value();
    const auto once = [](bool& seen, const char* what) {
      if (seen) malformed(std::string(what) + " stands twice");
      seen = true;
    };
    if (name == "Items") {
      once(has_items, "Items");
      read_items(value, out, page);
    } else if (name == "Count") {
      once(has_count, "Count");
      page.count = checked(value.get_uint64(), "Count");
    } else if (name == "LastEvaluatedKey") {
      once(has_last_key, "LastEvaluatedKey");
      read_last_key(value, page);
    } else if (name == "ConsumedCapacity" && !is_null(value)) {
      page.consumed_units = read_units(value);
    }
  }
  // Only at the very end is there no location any more.
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) malformed("text after its end");
  if (!has_items) malformed("no Items");
  if (!has_count) malformed("no Count");
}

void ScanPageParser::parse(const Buffer& reply, Buffer& out, ScanPage& page) {
  const auto reset = [&page] {
    page.lines.clear();
    page.last_evaluated_key.clear();
    page.consumed_units = 0;
    page.count = 0;
  };
  reset();
  if (reply.empty()) malformed("it is empty");
  if (impl_->read_regular(reply, out, page)) return;
  reset();
  impl_->read_members(reply, out, page);
  if (page.count != page.lines.size()) {
    malformed("Count is " + std::to_string(page.count) + " but there are " + std::to_string(page.lines.size()) +
              " items");
  }
}

}  // namespace bulk
