#include "src/record_keys.h"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "codecs/item.h"
#include "codecs/json_check.h"
#include "codecs/lines.h"
#include "io/error.h"

namespace bulk {
namespace {

class ItemKeys : public RecordKeys {
 public:
  explicit ItemKeys(const KeySchema& key) : scanner_(&key) {}

  Key of(const RecordRef& record) override {
    ItemFacts facts;
    scanner_.scan(item_of_line(record.line()), facts);
    return {record.record().key_hash, scanner_.key_text()};
  }

 private:
  ItemScanner scanner_;
};

class RowKeys : public RecordKeys {
 public:
  explicit RowKeys(std::shared_ptr<const RowSchema> rows) : rows_(std::move(rows)) {}

  Key of(const RecordRef& record) override {
    const RowTable& table = rows_->tables.at(record.batch->table);
    const std::string_view line = record.line();
    const std::string name = R"({"table":)" + json_quoted(table.full_name());
    if (!table.primary_key.empty()) {
      text_ = name + R"(,"key":)" + key_of(table, line) + "}";
      return {hash128(text_), text_};
    }
    // Rows without a key are told apart by all they hold; what is too long to be shown is named by its hash.
    constexpr std::size_t kMostShown = 2000;
    const Digest hash = hash128(name + std::string(line));
    text_ = name + (line.size() <= kMostShown ? R"(,"row":)" + std::string(line) + "}"
                                              : R"(,"row_hash":")" + record.record().digest.hex() + "\"}");
    return {hash, text_};
  }

 private:
  static std::string key_of(const RowTable& table, std::string_view line) {
    rapidjson::Document row;
    // Numbers keep their spelling.
    row.Parse<rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag>(line.data(), line.size());
    if (row.HasParseError() || !row.IsObject()) throw Error(ErrorKind::corrupt, "a row's line is no JSON object");
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> json(text);
    json.StartObject();
    for (const std::string& column : table.primary_key) {
      const auto value = row.FindMember(rapidjson::Value(rapidjson::StringRef(column.data(), column.size())));
      if (value == row.MemberEnd()) continue;
      json.Key(column.data(), static_cast<rapidjson::SizeType>(column.size()));
      if (value->value.IsString() && is_number(table, column, value->value.GetString())) {
        json.RawValue(value->value.GetString(), value->value.GetStringLength(), rapidjson::kNumberType);
      } else {
        value->value.Accept(json);
      }
    }
    json.EndObject();
    return {text.GetString(), text.GetSize()};
  }

  // Not NaN and the infinities, which stand in quotes.
  static bool is_number(const RowTable& table, const std::string& column, std::string_view text) {
    const bool digits = !text.empty() && (text[0] == '-' ? text.size() > 1 && text[1] != 'I' : text[0] <= '9');
    for (const RowColumn& known : table.columns) {
      if (known.name == column) return digits && known.kind == RowKind::number;
    }
    return false;
  }

  std::shared_ptr<const RowSchema> rows_;
  std::string text_;
};

}  // namespace

std::unique_ptr<RecordKeys> keys_of_items(const KeySchema& key) {
  return std::make_unique<ItemKeys>(key);
}

std::unique_ptr<RecordKeys> keys_of_rows(std::shared_ptr<const RowSchema> rows) {
  return std::make_unique<RowKeys>(std::move(rows));
}

}  // namespace bulk
