#include "src/backfill/rows_program.h"

#include <rapidjson/document.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdlib>

#include "io/error.h"
#include "src/backfill/job_program.h"

namespace bulk {
namespace {

using Output = rapidjson::Writer<rapidjson::StringBuffer>;
using Length = rapidjson::SizeType;

// Numbers keep their text, and documents may be nested deeply.
constexpr unsigned kParse =
    rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

std::string text_of(const rapidjson::StringBuffer& buffer) {
  return {buffer.GetString(), buffer.GetSize()};
}

bool is_json(std::span<const RowColumn> columns, std::string_view name) {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const RowColumn& one) { return one.name == name; });
  return found != columns.end() && found->kind == RowKind::json;
}

// What all handlers of JSON texts have in common: numbers come as RawNumber() alone.
struct Handler {
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
};

// Writes each value with its type around it; the outermost object as the item.
class Typing : public Handler {
 public:
  explicit Typing(rapidjson::StringBuffer& buffer) : out_(buffer) {}

  bool Null() {
    return typed("NULL", [&] { out_.Bool(true); });
  }
  bool Bool(bool value) {
    return typed("BOOL", [&] { out_.Bool(value); });
  }
  bool RawNumber(const char* text, Length length, bool) {
    return typed("N", [&] { out_.String(text, length); });
  }
  bool String(const char* text, Length length, bool) {
    return typed("S", [&] { out_.String(text, length); });
  }
  bool Key(const char* text, Length length, bool) { return out_.Key(text, length); }
  bool StartObject() {
    out_.StartObject();
    out_.Key(depth_++ == 0 ? "Item" : "M");
    return out_.StartObject();
  }
  bool EndObject(Length) {
    --depth_;
    return out_.EndObject() && out_.EndObject();
  }
  bool StartArray() {
    ++depth_;
    out_.StartObject();
    out_.Key("L");
    return out_.StartArray();
  }
  bool EndArray(Length) {
    --depth_;
    return out_.EndArray() && out_.EndObject();
  }

 private:
  template <typename Write>
  bool typed(const char* type, const Write& write) {
    out_.StartObject();
    out_.Key(type);
    write();
    return out_.EndObject();
  }

  Output out_;
  int depth_ = 0;
};

// Copies an object but for members that are null and none of jsonb.
class Dropping : public Handler {
 public:
  Dropping(rapidjson::StringBuffer& buffer, std::span<const RowColumn> columns) : out_(buffer), columns_(columns) {}

  bool Null() {
    if (depth_ == 1 && !is_json(columns_, key_)) return true;
    return begun() && out_.Null();
  }
  bool Bool(bool value) { return begun() && out_.Bool(value); }
  bool RawNumber(const char* text, Length length, bool) {
    return begun() && out_.RawValue(text, length, rapidjson::kNumberType);
  }
  bool String(const char* text, Length length, bool) { return begun() && out_.String(text, length); }
  bool Key(const char* text, Length length, bool) {
    if (depth_ > 1) return out_.Key(text, length);
    key_.assign(text, length);
    return true;
  }
  bool StartObject() {
    const bool sound = begun() && out_.StartObject();
    ++depth_;
    return sound;
  }
  bool EndObject(Length) {
    --depth_;
    return out_.EndObject();
  }
  bool StartArray() {
    const bool sound = begun() && out_.StartArray();
    ++depth_;
    return sound;
  }
  bool EndArray(Length) {
    --depth_;
    return out_.EndArray();
  }

 private:
  // A value of the outermost object begins: its name stands before it.
  bool begun() { return depth_ != 1 || out_.Key(key_.data(), static_cast<Length>(key_.size())); }

  Output out_;
  std::span<const RowColumn> columns_;
  std::string key_;
  int depth_ = 0;
};

// Collects numbers.
class Numbers : public Handler {
 public:
  std::vector<std::string> all;
  bool Null() { return true; }
  bool Bool(bool) { return true; }
  bool RawNumber(const char* text, Length length, bool) {
    all.emplace_back(text, length);
    return true;
  }
  bool String(const char*, Length, bool) { return true; }
  bool Key(const char*, Length, bool) { return true; }
  bool StartObject() { return true; }
  bool EndObject(Length) { return true; }
  bool StartArray() { return true; }
  bool EndArray(Length) { return true; }
};

// More digits than every double keeps.
bool is_long(const std::string& number) {
  constexpr auto kSafeDigits = 15;
  return std::count_if(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; }) > kSafeDigits;
}

template <typename Sink>
bool convert(std::string_view line, Sink& sink) {
  rapidjson::MemoryStream stream(line.data(), line.size());
  rapidjson::Reader reader;
  return !reader.Parse<kParse>(stream, sink).IsError();
}

// From DynamoDB JSON to plain JSON.
class Untyping {
 public:
  Untyping(rapidjson::StringBuffer& buffer, const std::string& program) : out_(buffer), program_(program) {}

  void row(const rapidjson::Value& item, std::span<const RowColumn> columns) {
    out_.StartObject();
    for (const auto& member : item.GetObject()) {
      column_.assign(member.name.GetString(), member.name.GetStringLength());
      const bool is_null = member.value.IsObject() && member.value.HasMember("NULL");
      if (is_null && !is_json(columns, column_)) continue;
      out_.Key(member.name.GetString(), member.name.GetStringLength());
      value(member.value);
    }
    out_.EndObject();
  }

 private:
  void value(const rapidjson::Value& typed) {
    const auto& member = *typed.MemberBegin();
    const std::string_view type(member.name.GetString(), member.name.GetStringLength());
    const rapidjson::Value& content = member.value;
    if (type == "S") {
      out_.String(content.GetString(), content.GetStringLength());
    } else if (type == "N") {
      out_.RawValue(content.GetString(), content.GetStringLength(), rapidjson::kNumberType);
    } else if (type == "BOOL") {
      out_.Bool(content.GetBool());
    } else if (type == "NULL") {
      out_.Null();
    } else if (type == "L") {
      out_.StartArray();
      for (const auto& element : content.GetArray()) value(element);
      out_.EndArray();
    } else if (type == "M") {
      out_.StartObject();
      for (const auto& one : content.GetObject()) {
        out_.Key(one.name.GetString(), one.name.GetStringLength());
        value(one.value);
      }
      out_.EndObject();
    } else {
      throw Error(ErrorKind::failed,
                  program_ + " sets column \"" + column_ + "\" to a Set or binary value, which a row cannot hold",
                  "give an array, or a text as PostgreSQL reads it; nothing of this batch was written");
    }
  }

  Output out_;
  const std::string& program_;
  std::string column_;
};

}  // namespace

std::string row_as_item(std::string_view line) {
  rapidjson::StringBuffer buffer;
  Typing typing(buffer);
  if (!convert(line, typing)) throw Error(ErrorKind::corrupt, "a row that was read is no JSON");
  return text_of(buffer);
}

std::string item_as_row(std::string_view line, std::span<const RowColumn> columns, const std::string& name) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(line.data(), line.size());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("Item") || !document["Item"].IsObject()) {
    throw Error(ErrorKind::failed, name + " answered what is no row", "nothing of this batch was written");
  }
  rapidjson::StringBuffer buffer;
  Untyping(buffer, name).row(document["Item"], columns);
  return text_of(buffer);
}

std::string without_nulls(std::string_view line, std::span<const RowColumn> columns) {
  // Most lines hold none.
  if (line.find("null") == std::string_view::npos) return std::string(line);
  rapidjson::StringBuffer buffer;
  Dropping dropping(buffer, columns);
  // What is no JSON is refused by whoever reads it as a row, who says where.
  return convert(line, dropping) ? text_of(buffer) : std::string(line);
}

std::optional<std::string> rounded_number(std::string_view line, std::string_view answer) {
  Numbers before;
  convert(line, before);
  std::erase_if(before.all, [](const std::string& number) { return !is_long(number); });
  if (before.all.empty()) return std::nullopt;
  Numbers after;
  convert(answer, after);
  for (const std::string& number : before.all) {
    if (std::find(after.all.begin(), after.all.end(), number) != after.all.end()) continue;
    const double value = std::strtod(number.c_str(), nullptr);
    const bool rounded = std::any_of(after.all.begin(), after.all.end(), [&](const std::string& other) {
      return std::strtod(other.c_str(), nullptr) == value;
    });
    if (rounded) return number;
  }
  return std::nullopt;
}

RowsProgram::RowsProgram(const BackfillJob& job, std::vector<RowColumn> columns, const std::vector<std::string>& keys,
                         Stop& stop)
    : columns_(std::move(columns)),
      module_(!job.module.empty()),
      name_(job_program(job, keys).name),
      program_(job_program(job, keys), stop) {}

std::vector<std::string> RowsProgram::ask(std::span<const std::string> lines) {
  std::vector<std::string> items;
  if (module_) {
    for (const std::string& line : lines) items.push_back(row_as_item(line));
    lines = items;
  }
  const std::vector<std::string_view> asked(lines.begin(), lines.end());
  Buffer out;
  std::vector<FilterProgram::Answer> spans;
  program_.run(asked, out, spans);
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const std::string_view answer = out.view(spans[i].first, spans[i].second);
    if (const auto number = module_ ? std::nullopt : rounded_number(lines[i], answer)) {
      throw Error(ErrorKind::failed, name_ + " has rounded the number " + *number,
                  "use a program that keeps numbers as they are written (jq 1.7, Python), a module, or SQL; nothing of "
                  "this batch was written");
    }
    answers.push_back(module_ ? item_as_row(answer, columns_, name_) : without_nulls(answer, columns_));
  }
  return answers;
}

}  // namespace bulk
