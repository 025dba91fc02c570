// What the tests of this folder share: a client with made-up credentials and little patience, and whole reads and
// writes. Tests only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/dynamodb/client.h"
#include "backends/dynamodb/table.h"
#include "codecs/item.h"
#include "codecs/lines.h"

namespace bulk::test {

inline Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

inline RetryPolicy impatient() {
  RetryPolicy policy;
  policy.transient_base = policy.throttled_base = std::chrono::milliseconds(1);
  policy.cap = std::chrono::milliseconds(5);
  policy.give_up_after = policy.throttled_give_up_after = std::chrono::milliseconds(100);
  return policy;
}

// A job: its Stop, its counters, its environment.
struct Job {
  Stop stop;
  RequestStats stats;
  Environment environment = environment_of({{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                            {"AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"},
                                            {"AWS_SESSION_TOKEN", "the-session-token"}});

  std::shared_ptr<DynamoDbClient> client(const std::string& url, const RetryPolicy& policy = impatient()) {
    return std::make_shared<DynamoDbClient>(parse_dynamodb_url(url), environment, "bulk-test", stop, stats, policy);
  }
};

inline const KeySchema kStringKey{{"pk", 'S'}, std::nullopt};

inline std::string create_table_body(const std::string& name, const KeySchema& key = kStringKey) {
  std::string body = "{\"TableName\":\"" + name + "\",\"KeySchema\":[{\"AttributeName\":\"" + key.partition.name +
                     "\",\"KeyType\":\"HASH\"}";
  std::string definitions =
      "{\"AttributeName\":\"" + key.partition.name + "\",\"AttributeType\":\"" + key.partition.type + "\"}";
  if (key.sort) {
    body += ",{\"AttributeName\":\"" + key.sort->name + "\",\"KeyType\":\"RANGE\"}";
    definitions += ",{\"AttributeName\":\"" + key.sort->name + "\",\"AttributeType\":\"" + key.sort->type + "\"}";
  }
  return body + "],\"AttributeDefinitions\":[" + definitions + "],\"BillingMode\":\"PAY_PER_REQUEST\"}";
}

inline std::string simple_item(int number, std::size_t padding = 0) {
  return "{\"pk\":{\"S\":\"k" + std::to_string(number) + "\"},\"v\":{\"S\":\"" + std::string(padding, 'x') + "\"}}";
}

// A batch of these items, scanned as the transform stage does.
inline Batch batch_of(const std::vector<std::string>& items) {
  Batch batch;
  ItemScanner scanner;
  for (const std::string& item : items) {
    Record record;
    record.offset = static_cast<std::uint32_t>(batch.bytes.size());
    record.length = static_cast<std::uint32_t>(item.size() + kItemLinePrefix.size() + kItemLineSuffix.size());
    batch.bytes.append(kItemLinePrefix);
    batch.bytes.append(item);
    batch.bytes.append(kItemLineSuffix);
    batch.bytes.push_back('\n');
    if (ItemFacts facts; scanner.scan(item, facts)) {
      record.size_bytes = static_cast<std::uint32_t>(facts.size_bytes);
      record.digest = facts.digest;
    }
    batch.records.push_back(record);
  }
  return batch;
}

inline std::vector<RecordRef> refs_of(const Batch& batch) {
  std::vector<RecordRef> refs;
  for (std::uint32_t i = 0; i < batch.records.size(); ++i) refs.push_back({&batch, i});
  return refs;
}

// All items of a source as texts, and the greatest size of a batch.
struct Everything {
  std::vector<std::string> items;
  std::size_t greatest_batch = 0;
  Digest digest;
};

inline void read_segment(Reader& reader, Everything& into) {
  ItemScanner scanner;
  Batch batch;
  for (batch.reset(); reader.read(batch); batch.reset()) {
    into.greatest_batch = std::max(into.greatest_batch, batch.bytes.size());
    for (const Record& record : batch.records) {
      const std::string_view item = item_of_line(batch.line(record));
      into.items.emplace_back(item);
      if (ItemFacts facts; scanner.scan(item, facts)) into.digest += facts.digest;
    }
  }
}

inline Everything read_all(Source& source) {
  Everything everything;
  for (const Segment& segment : source.plan()) read_segment(*source.open(segment, {}), everything);
  return everything;
}

}  // namespace bulk::test
