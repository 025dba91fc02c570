// Cuts text that arrives in pieces into records: lines, or the elements of the "Items" list of what `aws dynamodb scan`
// prints. Nothing is parsed beyond what finding the ends of records needs; memory is bounded by the largest record.
// One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bulk {

class RecordSplitter {
 public:
  virtual ~RecordSplitter() = default;
  // Takes bytes off the front of `text` until a record is complete (true) or `text` is used up (false). `record` is a
  // line as it stands, or `{"Item":...}` on one line; valid until the next call, and as long as `text` is.
  virtual bool next(std::string_view& text, std::string_view& record) = 0;
  // After the last text: what was left without its end. False: nothing. Throws Error(failed) when it cannot end here,
  // Error(corrupt) when it says itself that more was to follow.
  virtual bool last(std::string_view& record) = 0;
  // "line 7" or "item 7": the record given last.
  virtual std::string where() const = 0;
  // Number of the line given last, from 1; 0 where records are not lines.
  virtual std::uint64_t line() const = 0;
};

// Which one a text's beginning calls for: an object whose first member is not "Item" is an Items file.
bool begins_items_file(std::string_view text);
// A record over `max_record_bytes` is an Error that names it; `name` is the file's.
std::unique_ptr<RecordSplitter> make_line_splitter(std::string name, std::size_t max_record_bytes);
std::unique_ptr<RecordSplitter> make_items_splitter(std::string name, std::size_t max_record_bytes);

}  // namespace bulk
