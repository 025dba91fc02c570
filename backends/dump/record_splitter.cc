#include "backends/dump/record_splitter.h"

#include <charconv>
#include <optional>

#include "codecs/lines.h"
#include "io/error.h"

namespace bulk {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool is_structural(char c) {
  return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':';
}

[[noreturn]] void too_long(const std::string& name, const std::string& where, std::size_t limit) {
  throw Error(ErrorKind::failed,
              name + ", " + where + ": longer than " + std::to_string(limit) + " bytes, more than the buffers allow",
              "raise --memory");
}

class LineSplitter : public RecordSplitter {
 public:
  LineSplitter(std::string name, std::size_t limit) : name_(std::move(name)), limit_(limit) {}

  bool next(std::string_view& text, std::string_view& record) override {
    if (given_) carry_.clear();
    given_ = false;
    const std::size_t newline = text.find('\n');
    const std::string_view piece = text.substr(0, newline);
    if (carry_.size() + piece.size() > limit_) too_long(name_, "line " + std::to_string(line_ + 1), limit_);
    text.remove_prefix(newline == std::string_view::npos ? piece.size() : piece.size() + 1);
    if (newline == std::string_view::npos) {
      carry_ += piece;
      return false;
    }
    if (carry_.empty()) {
      record = piece;
    } else {
      carry_ += piece;
      record = carry_;
    }
    ++line_;
    return given_ = true;
  }

  bool last(std::string_view& record) override {
    if (given_ || carry_.empty()) return false;
    record = carry_;
    ++line_;
    return given_ = true;
  }

  std::string where() const override { return "line " + std::to_string(line_); }
  std::uint64_t line() const override { return line_; }

 private:
  std::string name_;
  std::size_t limit_;
  std::string carry_;   // a line's beginning, from earlier texts
  bool given_ = false;  // carry_ was handed out
  std::uint64_t line_ = 0;
};

// A document is {"Items":[ITEM,...],...}; of the members beside Items only those matter that tell whether something is
// missing. Documents may follow one another, as when the pages of one scan were appended to one file.
class ItemsSplitter : public RecordSplitter {
 public:
  ItemsSplitter(std::string name, std::size_t limit) : name_(std::move(name)), limit_(limit) {}

  bool next(std::string_view& text, std::string_view& record) override {
    if (given_) item_.clear();
    given_ = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (!step(text[i])) continue;
      text.remove_prefix(i + 1);
      item_ += kItemLineSuffix;
      record = item_;
      ++items_;
      return given_ = true;
    }
    text = {};
    return false;
  }

  bool last(std::string_view&) override {
    if (state_ != State::outside) refuse("the text ends inside the document");
    if (!continued_by_.empty()) {
      throw Error(ErrorKind::corrupt, name_ + ": is one page of several: it ends with a " + continued_by_,
                  "scan the whole table");
    }
    return false;
  }

  std::string where() const override { return "item " + std::to_string(items_); }
  std::uint64_t line() const override { return 0; }

 private:
  // Of a member's name or value, no more than tells those apart that matter: the longest name has 16 characters, the
  // longest count 20.
  static constexpr std::size_t kKeptBytes = 24;

  enum class State {
    outside,
    before_name,
    in_name,
    before_colon,
    before_value,
    in_value,
    before_item,
    in_item,
    after_item
  };

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::failed, name_ + ", after item " + std::to_string(items_) + ": " + what,
                "a dump is lines of {\"Item\":{...}} or what `aws dynamodb scan` prints");
  }

  // True when `c` ends an item.
  bool step(char c) {
    switch (state_) {
      case State::in_name:
        return name_step(c);
      case State::in_value:
        return value_step(c);
      case State::in_item:
        return item_step(c);
      default:
        if (!is_space(c)) between_step(c);
        return false;
    }
  }

  void between_step(char c) {
    if (state_ == State::outside && c == '{') {
      state_ = State::before_name;
      has_items_ = false;
      before_document_ = items_;
      count_.reset();
      continues_another_ = !continued_by_.empty();
      continued_by_.clear();
    } else if (state_ == State::before_name && c == '"') {
      state_ = State::in_name;
      member_.clear();
    } else if (state_ == State::before_name && c == '}') {
      end_document();
    } else if (state_ == State::before_colon && c == ':') {
      state_ = State::before_value;
    } else if (state_ == State::before_value) {
      begin_value(c);
    } else if ((state_ == State::before_item || state_ == State::after_item) && c == ']') {
      state_ = State::in_value;  // which ends with the comma or brace that follows
    } else if (state_ == State::before_item && c == '{') {
      state_ = State::in_item;
      depth_ = 0;
      item_ = kItemLinePrefix;
      item_step(c);
    } else if (state_ == State::after_item && c == ',') {
      state_ = State::before_item;
    } else if (state_ == State::outside && items_ == 0 && static_cast<unsigned char>(c) >= 0x80) {
      // A byte order mark before the first document.
    } else {
      refuse(std::string("unexpected '") + c + "'");
    }
  }

  bool name_step(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      state_ = State::before_colon;
      return false;
    }
    if (member_.size() < kKeptBytes) member_ += c;
    return false;
  }

  void begin_value(char c) {
    depth_ = 0;
    if (member_ != "Items") {
      state_ = State::in_value;
      value_.clear();
      value_step(c);
      return;
    }
    if (c != '[') refuse("\"Items\" is no list");
    has_items_ = true;
    state_ = State::before_item;
  }

  bool value_step(char c) {
    if (!in_string_ && depth_ == 0 && (c == ',' || c == '}')) {
      end_member();
      state_ = State::before_name;
      if (c == '}') end_document();
      return false;
    }
    if (value_.size() < kKeptBytes && (in_string_ || !is_space(c))) value_ += c;
    if (in_string_) {
      string_step(c);
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (depth_ > 0 && (c == '}' || c == ']')) {
      --depth_;
    }
    return false;
  }

  void end_member() {
    if (value_ == "null") return;
    if ((member_ == "NextToken" || member_ == "LastEvaluatedKey") && value_ != "{}") continued_by_ = member_;
    if (member_ != "Count") return;
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(value_.data(), value_.data() + value_.size(), count);
    if (error != std::errc() || end != value_.data() + value_.size()) refuse("\"Count\" is no number");
    count_ = count;
  }

  // Copies the item without the white space between its tokens; what would join two tokens into one stays apart.
  bool item_step(char c) {
    if (in_string_) {
      string_step(c);
      put(c);
      return false;
    }
    if (is_space(c)) {
      space_ = true;
      return false;
    }
    if (space_ && !is_structural(c) && !is_structural(item_.back())) put(' ');
    space_ = false;
    put(c);
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    if (depth_ > 0) return false;
    state_ = State::after_item;
    return true;
  }

  void string_step(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
    }
  }

  void put(char c) {
    if (item_.size() >= limit_) too_long(name_, "item " + std::to_string(items_ + 1), limit_);
    item_ += c;
  }

  void end_document() {
    if (!has_items_) refuse("an object without \"Items\"");
    state_ = State::outside;
    // The AWS CLI cuts pages with --max-items and goes on with --starting-token; it does not adapt the Count of either.
    const bool cut = continues_another_ || !continued_by_.empty();
    const std::uint64_t held = items_ - before_document_;
    if (!cut && count_ && *count_ != held) {
      throw Error(ErrorKind::corrupt,
                  name_ + ", after item " + std::to_string(items_) + ": \"Count\" is " + std::to_string(*count_) +
                      ", but " + std::to_string(held) + " items are there",
                  "scan the whole table");
    }
  }

  std::string name_;
  std::size_t limit_;
  State state_ = State::outside;
  bool has_items_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
  bool space_ = false;
  std::size_t depth_ = 0;
  std::string member_;
  std::string value_;
  std::optional<std::uint64_t> count_;
  std::string continued_by_;        // the member that says so
  bool continues_another_ = false;  // the document before said that it is continued
  std::uint64_t before_document_ = 0;
  std::string item_;
  bool given_ = false;  // item_ was handed out
  std::uint64_t items_ = 0;
};

}  // namespace

bool begins_items_file(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto skip_space = [&] {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  };
  skip_space();
  if (!text.starts_with('{')) return false;
  text.remove_prefix(1);
  skip_space();
  return text.starts_with('"') && !text.starts_with("\"Item\"");
}

std::unique_ptr<RecordSplitter> make_line_splitter(std::string name, std::size_t max_record_bytes) {
  return std::make_unique<LineSplitter>(std::move(name), max_record_bytes);
}

std::unique_ptr<RecordSplitter> make_items_splitter(std::string name, std::size_t max_record_bytes) {
  return std::make_unique<ItemsSplitter>(std::move(name), max_record_bytes);
}

}  // namespace bulk
