#include "tests/conformance/conformance.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "backends/schema.h"
#include "codecs/item.h"
#include "codecs/lines.h"
#include "io/error.h"

namespace bulk::test {
namespace {

constexpr int kAttempts = 200;

void add_record(Batch& batch, std::string_view line, ItemScanner& scanner) {
  Record record;
  record.offset = static_cast<std::uint32_t>(batch.bytes.size());
  record.length = static_cast<std::uint32_t>(line.size());
  ItemFacts facts;
  if (scanner.scan(item_of_line(line), facts)) {
    record.digest = facts.digest;
    record.key_hash = facts.key_hash;
    record.size_bytes = static_cast<std::uint32_t>(facts.size_bytes);
  }
  batch.bytes.append(line);
  batch.bytes.push_back('\n');
  batch.records.push_back(record);
}

void add_content(Content& content, std::string_view line, ItemScanner& scanner) {
  const std::string_view item = item_of_line(line);
  ItemFacts facts;
  ASSERT_TRUE(scanner.scan(item, facts)) << scanner.problem().text << " in " << line;
  ASSERT_EQ(facts.length, item.size());
  const std::string key(scanner.key_text());
  content.items[key] = scanner.canonical(item);
  content.digest += facts.digest;
  ++content.records;
}

// Writes all of `pending`, trying again what was not done.
std::size_t write_slice(SinkSession& session, std::vector<RecordRef> pending) {
  std::size_t skipped = 0;
  for (int attempt = 0; !pending.empty() && attempt < kAttempts; ++attempt) {
    const WriteResult result = session.write(pending);
    if (result.outcome == WriteResult::Outcome::invalid) {
      ADD_FAILURE() << "refused: " << result.reason;
      return skipped;
    }
    if (result.outcome == WriteResult::Outcome::done) {
      skipped += result.skipped.size();
      std::vector<RecordRef> rest;
      for (const std::uint32_t position : result.unprocessed) rest.push_back(pending.at(position));
      pending = std::move(rest);
    }
    if (!pending.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(pending.empty()) << "gave up after " << kAttempts << " attempts";
  return skipped;
}

}  // namespace

void Conformance::SetUp() {
  place_ = GetParam().make();
  if (!place_) GTEST_SKIP() << GetParam().name << " is not available here";
}

const KeySchema& Conformance::key() {
  static const KeySchema kKey{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};
  return kKey;
}

void Conformance::create() {
  store()->create(schema_from_key(key()));
}

std::vector<std::string> Conformance::lines(std::size_t count) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; ++i) {
    lines.push_back(fmt::format(
        R"({{"Item":{{"pk":{{"S":"customer {}"}},"sk":{{"N":"{}"}},"name":{{"S":"record {}, with \"quotes\""}},)"
        R"("tags":{{"SS":["a","b"]}}}}}})",
        i % 97, i, i));
  }
  return lines;
}

Content Conformance::content_of(const std::vector<std::string>& lines) {
  Content content;
  ItemScanner scanner(&key());
  for (const std::string& line : lines) add_content(content, line, scanner);
  return content;
}

WriteOptions Conformance::write_options() {
  WriteOptions options;
  options.header.schema_json = schema_from_key(key()).json;
  return options;
}

std::size_t Conformance::write(const std::vector<std::string>& lines, bool only_missing, std::size_t per_batch) {
  const auto target = store();
  WriteOptions options = write_options();
  options.only_missing = only_missing;
  const auto sink = target->sink(options);
  const std::size_t skipped = write_to(*sink, lines, per_batch);
  sink->finish();
  return skipped;
}

std::size_t Conformance::write_to(Sink& sink, std::span<const std::string> lines, std::size_t per_batch) {
  const SinkLimits limits = sink.limits();
  const auto session = sink.open();
  ItemScanner scanner(&key());
  std::size_t skipped = 0;
  for (std::size_t begin = 0; begin < lines.size(); begin += per_batch) {
    Batch batch;
    batch.segment = static_cast<std::uint32_t>(begin / per_batch % 3);
    for (std::size_t i = begin; i < std::min(lines.size(), begin + per_batch); ++i) {
      add_record(batch, lines[i], scanner);
    }
    sink.encode(batch);
    std::vector<RecordRef> slice;
    std::size_t bytes = 0;
    for (std::uint32_t i = 0; i < batch.records.size(); ++i) {
      const std::size_t length = batch.records[i].length + 1;
      if (!limits.whole_batches && !slice.empty() &&
          (slice.size() == limits.records || bytes + length > limits.bytes)) {
        skipped += write_slice(*session, std::move(slice));
        slice.clear();
        bytes = 0;
      }
      slice.push_back({&batch, i});
      bytes += length;
    }
    skipped += write_slice(*session, std::move(slice));
  }
  return skipped;
}

WriteResult Conformance::one_attempt(Sink& sink, const std::string& line) {
  const auto session = sink.open();
  Batch batch;
  ItemScanner scanner(&key());
  add_record(batch, line, scanner);
  const RecordRef record{&batch, 0};
  WriteResult result;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    result = session->write({&record, 1});
    const bool again = result.outcome == WriteResult::Outcome::throttled ||
                       result.outcome == WriteResult::Outcome::unavailable || !result.unprocessed.empty();
    if (!again) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return result;
}

WriteResult Conformance::write_one(const std::string& line) {
  const auto target = store();
  return one_attempt(*target->sink({}), line);
}

WriteResult Conformance::change_one(const std::string& line) {
  const auto target = store();
  return one_attempt(*target->updater({}), line);
}

Content Conformance::read_segment(Source& source, const Segment& segment, const Cursor& cursor) {
  Content content;
  ItemScanner scanner(&key());
  const auto reader = source.open(segment, cursor);
  Batch batch;
  while (reader->read(batch)) {
    EXPECT_FALSE(batch.records.empty());
    // The lines tile the bytes: nothing before, between or behind them.
    std::size_t end = 0;
    for (const Record& record : batch.records) {
      EXPECT_EQ(record.offset, end);
      end = std::size_t{record.offset} + record.length + 1;
      EXPECT_LE(end, batch.bytes.size());
      EXPECT_EQ(batch.bytes.view()[end - 1], '\n');
      add_content(content, batch.line(record), scanner);
    }
    EXPECT_EQ(end, batch.bytes.size());
    batch.reset();
  }
  EXPECT_TRUE(batch.records.empty());
  EXPECT_FALSE(reader->read(batch)) << "the end stays the end";
  return content;
}

Content Conformance::read_batches(Source& source, const Segment& segment, std::size_t batches, Cursor& after) {
  Content content;
  ItemScanner scanner(&key());
  const auto reader = source.open(segment, {});
  Batch batch;
  after.clear();
  for (; batches > 0 && reader->read(batch); --batches) {
    for (const Record& record : batch.records) add_content(content, batch.line(record), scanner);
    after = batch.after;
    EXPECT_FALSE(after.empty()) << "that would be the beginning";
    batch.reset();
  }
  return content;
}

void Conformance::add(Content& all, const Content& part) {
  for (const auto& [key, item] : part.items) {
    EXPECT_TRUE(all.items.emplace(key, item).second) << "read twice: " << key;
  }
  all.records += part.records;
  all.digest += part.digest;
}

Content Conformance::read(const ReadOptions& options) {
  Content all;
  const auto from = store();
  const auto source = from->source(options);
  std::uint64_t count = 0;
  for (const Segment& segment : source->plan()) {
    EXPECT_EQ(segment.index, count++);
    add(all, read_segment(*source, segment, {}));
  }
  if (const auto expected = source->expected()) {
    EXPECT_EQ(expected->records, all.records);
    EXPECT_EQ(expected->digest, all.digest);
  }
  return all;
}

std::string backend_name(const ::testing::TestParamInfo<Backend>& info) {
  return info.param.name;
}

}  // namespace bulk::test
