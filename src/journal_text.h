// What a journal says, as values, as text and back: docs/journal.md. Pure; the file is src/journal.h's business. The
// text is hostile input like any other: whatever cannot be relied on ends the reading, as a torn end does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"
#include "src/totals.h"

namespace bulk {

// Which work it is: what a journal may be gone on with for.
struct JournalWork {
  std::string command;
  std::string source, source_id;  // Store::identity_text() and Store::incarnation()
  std::string target, target_id;  // of a dump: its path and nothing
  std::map<std::string, std::string> options;
};

struct JournalHeader {
  std::string tool;
  std::string started;  // UTC, ISO 8601
  std::int64_t pid = 0;
  JournalWork work;
  // Of a load: what the run found and did before it wrote its first record.
  bool was_empty = false;
  bool created = false;
};

// A segment up to its cursor. Everything before it is settled, and durable.
struct SegmentProgress {
  Cursor after;
  std::uint64_t batches = 0;
  Tally tally;  // written is what was read and neither filtered nor rejected
};

struct JournalContent {
  JournalHeader header;
  std::vector<Segment> segments;  // empty: the run died before it had planned
  std::map<std::uint32_t, SegmentProgress> progress;
  std::vector<std::string> sink;  // what Sink::checkpoint() returned, in order
  bool verified = false;
  std::size_t sound_bytes = 0;  // of the text: how far it can be relied on

  Tally total() const;
};

// Entries, each one line with its check digits and its newline.
std::string header_entry(const JournalHeader& header);
std::string segments_entry(std::span<const Segment> segments);
// `sink` is one JSON object or empty.
std::string checkpoint_entry(const std::map<std::uint32_t, SegmentProgress>& advanced, const std::string& sink);
std::string verified_entry();

// Nothing when the text does not begin with a sound header. Error(usage) for a format that is not known.
std::optional<JournalContent> decode_journal(std::string_view text);

}  // namespace bulk
