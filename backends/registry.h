// From the text of an endpoint (SOURCE, TARGET, DEST on the command line) to a Store: one line per scheme.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "io/aws_config.h"
#include "io/http.h"
#include "io/retry.h"

namespace bulk {

// What opening any store may need. Outlives the stores.
struct StoreContext {
  Stop& stop;
  RequestStats& stats;
  Environment environment;
  std::string user_agent;
  // From flags; empty: not given. A URL's own parameters win.
  std::string profile, region, endpoint_url;
  // How patient a remote store is.
  RetryPolicy retry{};
  HttpTimeouts timeouts{};
};

// Throws Error(usage) for text that is no endpoint. Opens lazily: no store is asked anything here (a region
// that nothing names is looked up at the instance's metadata service).
//   dynamodb://TABLE[?region=R&endpoint=URL&profile=P]   postgresql://[USER@]HOST[:PORT]/DATABASE[#[SCHEMA.]TABLE]
//   sqlite:PATH[#table]   PATH.jsonl[.zst|.gz]   PATH.json   a folder   -
std::unique_ptr<Store> open_store(const std::string& endpoint, StoreContext& context);

}  // namespace bulk
