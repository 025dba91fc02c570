// bulk cat DUMP|SOURCE [--limit N] [--key K]: records as JSON lines on standard output, of several tables one after
// another. One reader, in the source's order: looking at records needs no parallelism, and `| head` ends it at once.
#include <algorithm>

#include "codecs/item.h"
#include "codecs/json_check.h"
#include "codecs/lines.h"
#include "io/error.h"
#include "src/commands/commands.h"
#include "src/job.h"
#include "src/pipeline.h"
#include "src/stall_watch.h"

namespace bulk {
namespace {

// Which records --key names: all of a partition key's (`--key CUSTOMER#1`), or one (`--key
// '{"pk":{"S":"a"},"sk":{"N":"1"}}'`).
class KeyFilter {
 public:
  KeyFilter(const std::string& wanted, const KeySchema& key) : scanner_(&key) {
    ItemFacts facts;
    if (wanted.starts_with('{')) {
      whole_ = true;
    }
    const std::string item = whole_ ? wanted
                                    : "{" + json_quoted(key.partition.name) + ":{\"" + key.partition.type +
                                          "\":" + json_quoted(wanted) + "}}";
    KeySchema partition_only{key.partition, std::nullopt};
    ItemScanner partition(&partition_only);
    ItemScanner& scanner = whole_ ? scanner_ : partition;
    if (!scanner.scan(item, facts) || facts.length != item.size()) {
      throw Error(ErrorKind::usage, "--key " + wanted + ": " + scanner.problem().text,
                  "the table's key is " + key.text() + "; give the partition key's value, or the key as DynamoDB JSON");
    }
    text_ = scanner.key_text();
    if (!whole_) text_.pop_back();  // the closing brace: a sort key may follow
  }

  bool matches(std::string_view line) {
    ItemFacts facts;
    if (!scanner_.scan(item_of_line(line), facts)) return false;
    const std::string_view key = scanner_.key_text();
    if (whole_) return key == text_;
    return key.starts_with(text_) && (key[text_.size()] == ',' || key[text_.size()] == '}');
  }

 private:
  ItemScanner scanner_;
  bool whole_ = false;
  std::string text_;
};

}  // namespace

void run_cat(AppContext& context) {
  const std::unique_ptr<Store> store = context.open(context.endpoint(context.argument(0), "SOURCE"));
  await_first_bytes(context, *store);
  const TableFacts facts = store->describe();
  context.summary.source = store->url();
  std::optional<KeySchema> key;
  const bool rows = facts.dialect == kRowsDialect;
  if (facts.schema && !rows) key = facts.schema->key;
  std::optional<KeyFilter> filter;
  if (!context.options.cat_key.empty()) {
    if (rows) {
      throw Error(ErrorKind::usage, "'" + store->url() + "' holds rows, and --key is for items",
                  "pick rows with jq: bulk cat DUMP | jq -c 'select(.id == 1)'");
    }
    if (!key)
      throw Error(ErrorKind::usage, "'" + store->url() + "' does not say what its key is, so --key cannot be used");
    filter.emplace(context.options.cat_key, *key);
  }

  const MemoryPlan memory = plan_memory(context.options.memory_bytes, 1);
  RateLimiter rate(read_rate_limits(context.options, facts, false));
  ReadOptions read;
  read.segments = 1;
  read.jobs = 1;
  read.consistent = context.options.consistent_read;
  read.batch_bytes = memory.batch_bytes;
  read.max_record_bytes = static_cast<std::size_t>(context.options.memory_bytes / 8);
  read.rate = &rate;
  read.key = key ? &*key : nullptr;
  const std::unique_ptr<Source> source = store->source(read);

  StallLimits patience = stall_limits(context.options, store->url(), "");
  patience.one_segment = true;
  patience.paced_by = {&rate};
  ActivityBoard board(1);
  ActivityBoard::Seat seat(&board);
  // Who reads what is printed may take any time.
  seat.doing(Doing::working);
  const StallWatch watch(std::move(patience), board, context.progress.counters(), context.stats, context.stop);

  const std::uint64_t limit = context.options.limit;
  Batch batch;
  std::vector<Segment> segments = source->plan();
  std::stable_sort(segments.begin(), segments.end(),
                   [](const Segment& a, const Segment& b) { return a.table < b.table; });
  for (const Segment& segment : segments) {
    if (limit != 0 && context.summary.written >= limit) break;
    const std::unique_ptr<Reader> reader = source->open(segment, Cursor{});
    while (limit == 0 || context.summary.written < limit) {
      context.stop.check();
      batch.reset();
      seat.doing(Doing::reading, segment.index, context.summary.read);
      if (!reader->read(batch)) break;
      seat.doing(Doing::working);
      for (const Record& record : batch.records) {
        ++context.summary.read;
        const std::string_view line = batch.line(record);
        if (filter && !filter->matches(line)) continue;
        context.out.write(batch.bytes.view(record.offset, record.length + 1));
        if (++context.summary.written == limit) break;
      }
    }
  }
  context.out.flush();
}

}  // namespace bulk
