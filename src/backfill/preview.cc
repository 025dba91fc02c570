#include "src/backfill/preview.h"

#include <algorithm>

#include "codecs/change.h"
#include "io/error.h"

namespace bulk {
namespace {

constexpr std::size_t kMaxShownBytes = 400;  // of a value

class PreviewSession : public BlockingSession {
 public:
  PreviewSession(const Sink& real, Preview& preview, std::mutex& mutex, std::size_t samples)
      : real_(real), preview_(preview), mutex_(mutex), samples_(samples) {}

  WriteResult write(std::span<const RecordRef> records) override {
    double units = 0;
    for (const RecordRef& record : records) units += real_.estimate_units(record.record());
    const std::lock_guard lock(mutex_);
    preview_.changes += records.size();
    preview_.units += units;
    for (const RecordRef& record : records) {
      if (preview_.samples.size() >= samples_) break;
      preview_.samples.emplace_back(record.line());
    }
    return {};
  }

 private:
  const Sink& real_;
  Preview& preview_;
  std::mutex& mutex_;
  const std::size_t samples_;
};

class PreviewSink : public Sink {
 public:
  PreviewSink(const Sink& real, Preview& preview, std::size_t samples)
      : real_(real), preview_(preview), samples_(samples) {}
  SinkLimits limits() const override { return {.records = 1000, .bytes = 16u << 20}; }
  std::unique_ptr<SinkSession> open() override {
    return std::make_unique<PreviewSession>(real_, preview_, mutex_, samples_);
  }
  void finish() override {}

 private:
  const Sink& real_;
  Preview& preview_;
  std::mutex mutex_;  // of the preview
  const std::size_t samples_;
};

void append_value_line(std::string& out, char sign, const ChangedAttribute& attribute, std::string_view value,
                       const char* colour) {
  if (value.empty()) return;
  out += colour;
  out += "  ";
  out += sign;
  out += ' ';
  out += printable(attribute.name_json);
  out += ": ";
  std::size_t shown = std::min(value.size(), kMaxShownBytes);
  while (shown < value.size() && (static_cast<unsigned char>(value[shown]) & 0xc0) == 0x80) --shown;
  out += printable(value.substr(0, shown));
  if (shown < value.size()) out += "...";
  if (*colour != '\0') out += "\x1b[0m";
  out += '\n';
}

}  // namespace

std::unique_ptr<Sink> make_preview_sink(const Sink& real, Preview& preview, std::size_t samples) {
  return std::make_unique<PreviewSink>(real, preview, samples);
}

std::string change_as_text(const std::string& line, bool colour) {
  ChangeReader reader;
  Change change;
  if (!reader.read(line, change)) return reader.problem() + "\n";
  std::string out = printable(change.key);
  out += '\n';
  for (const ChangedAttribute& attribute : change.touched) {
    append_value_line(out, '-', attribute, attribute.before, colour ? "\x1b[31m" : "");
    append_value_line(out, '+', attribute, attribute.after, colour ? "\x1b[32m" : "");
  }
  return out;
}

}  // namespace bulk
