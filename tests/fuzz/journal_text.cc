// A journal. With the first byte's lowest bit each line of the input gets its check digits, so that what stands in it
// is reached; else the bytes stand for themselves. Only what is sound counts: the sound beginning alone says the same
// as the whole text, a torn end adds nothing, and what was read is the same when it is written again.
#include "src/journal_text.h"

#include <fmt/format.h>

#include "codecs/zstd_frame.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

// Everything that a journal says, as text.
std::string spelled(const JournalContent& content) {
  std::string text = header_entry(content.header);
  if (!content.segments.empty()) text += segments_entry(content.segments);
  text += checkpoint_entry(content.progress, "");
  for (const std::string& sink : content.sink) text += checkpoint_entry({}, sink);
  if (content.verified) text += verified_entry();
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  std::string text;
  if ((input.byte() & 1) != 0) {
    for (std::string_view rest = input.rest(); !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      text += fmt::format("{:08x} {}\n", xxh64_low32(line), line);
    }
  } else {
    text = input.rest();
  }
  std::optional<JournalContent> content;
  if (!fuzz::accepted({ErrorKind::usage}, [&] { content = decode_journal(text); }) || !content) return 0;
  HOLDS(content->sound_bytes > 0 && content->sound_bytes <= text.size() && text[content->sound_bytes - 1] == '\n');
  HOLDS(content->segments.empty() || content->progress.empty() ||
        content->progress.rbegin()->first < content->segments.size());
  HOLDS(!content->segments.empty() || content->progress.empty());
  const std::string said = spelled(*content);

  const std::string sound = text.substr(0, content->sound_bytes);
  const auto alone = decode_journal(sound);
  HOLDS(alone && alone->sound_bytes == sound.size() && spelled(*alone) == said);
  const auto torn = decode_journal(sound + "01234567 {\"verified\":tr");
  HOLDS(torn && torn->sound_bytes == sound.size() && spelled(*torn) == said);

  const auto again = decode_journal(said);
  HOLDS(again && again->sound_bytes == said.size() && spelled(*again) == said);
  return 0;
}
