// A DynamoDB table as a Store. The client is shared with the sources and sinks that the table hands out, so these may
// outlive it; the context's Stop and RequestStats outlive all of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/dynamodb/client.h"
#include "backends/registry.h"

namespace bulk {

class DynamoDbTable : public Store {
 public:
  // The URL's own parameters win over the context's. Sends nothing. Throws Error(usage).
  DynamoDbTable(const DynamoDbUrl& url, const StoreContext& context);
  explicit DynamoDbTable(std::shared_ptr<DynamoDbClient> client) : client_(std::move(client)) {}

  std::string url() const override;
  // Region, account (where the credentials say it) and name; for a server of one's own its host instead of region and
  // account, which such servers ignore or make up. All names of this machine count as one.
  std::string identity_text() const override;
  bool exists() override;
  TableFacts describe() override;
  bool is_empty() override;
  void create(const TableSchema& schema) override;
  std::vector<std::string> finish_create(const TableSchema& schema) override;
  void drop() override;
  std::unique_ptr<Source> source(const ReadOptions& options) override;
  std::unique_ptr<Sink> sink(const WriteOptions& options) override;
  std::unique_ptr<Sink> updater(const WriteOptions& options) override;

 private:
  std::shared_ptr<DynamoDbClient> client_;
};

}  // namespace bulk
