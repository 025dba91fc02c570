// A reply to BatchWriteItem of three records: what it says is unprocessed are positions of these, each once, and
// anything else makes the attempt one of unknown outcome.
#include "backends/dynamodb/sink.h"
#include "tests/fuzz/target.h"

using namespace bulk;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view reply = fuzz::text_of(data, size);
  Batch batch;
  std::vector<RecordRef> records;
  for (const std::string_view line :
       {R"({"Item":{"pk":{"S":"a"},"sk":{"N":"1"}}})", R"({"Item":{"pk":{"S":"a"},"sk":{"N":"2"},"x":{"S":"y"}}})",
        R"({"Item":{"sk":{"N":"1.0"},"pk":{"S":"\u0062"}}})"}) {
    Record record;
    record.offset = static_cast<std::uint32_t>(batch.bytes.size());
    record.length = static_cast<std::uint32_t>(line.size());
    record.size_bytes = 10;
    batch.records.push_back(record);
    batch.bytes.append(line);
    batch.bytes.push_back('\n');
  }
  for (std::uint32_t i = 0; i < batch.records.size(); ++i) records.push_back({&batch, i});
  const KeySchema key{{"pk", 'S'}, KeyAttribute{"sk", 'N'}};
  const WriteResult result = read_batch_write_reply(reply, "table", key, records);

  HOLDS(result.outcome == WriteResult::Outcome::done || result.outcome == WriteResult::Outcome::unavailable);
  HOLDS((result.outcome == WriteResult::Outcome::done) == result.reason.empty());
  HOLDS(result.skipped.empty());
  if (result.outcome != WriteResult::Outcome::done) return 0;
  HOLDS(result.unprocessed.size() <= records.size() && result.units >= 0);
  for (std::size_t i = 0; i < result.unprocessed.size(); ++i) {
    HOLDS(result.unprocessed[i] < records.size());
    HOLDS(i == 0 || result.unprocessed[i] > result.unprocessed[i - 1]);
  }
  return 0;
}
