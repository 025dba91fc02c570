// Endpoints as people type them: dynamodb:// URLs (format(parse(x)) parses to the same), table names and ARNs, endpoint
// URLs, and the registry, which opens nothing but may look whether a file of that name is there.
#include "backends/dynamodb/address.h"
#include "backends/dynamodb/url.h"
#include "backends/registry.h"
#include "io/sigv4.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

void through_registry(const std::string& text) {
  Stop stop;
  RequestStats stats;
  StoreContext context{stop, stats, {}, "fuzz", {}, "eu-west-1", {}};
  context.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "AWS_EC2_METADATA_DISABLED") return "true";
    if (name == "AWS_CONFIG_FILE" || name == "AWS_SHARED_CREDENTIALS_FILE") return "/nowhere";
    return std::nullopt;
  };
  std::unique_ptr<Store> store;
  if (!fuzz::accepted({ErrorKind::usage}, [&] { store = open_store(text, context); })) return;
  HOLDS(!store->url().empty());
  if (!text.starts_with(kDynamoDbScheme)) return;
  // What a dump's header will say has to open the same table again.
  const std::string identity = store->identity_text();
  const auto again = open_store(store->url(), context);
  HOLDS(again->url() == store->url() && again->identity_text() == identity);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  DynamoDbUrl url;
  if (fuzz::accepted({ErrorKind::usage}, [&] { url = parse_dynamodb_url(text); })) {
    HOLDS(!url.table.empty());
    const std::string formatted = format_dynamodb_url(url);
    HOLDS(parse_dynamodb_url(formatted) == url);
    HOLDS(format_dynamodb_url(parse_dynamodb_url(formatted)) == formatted);
  }
  TableAddress address;
  if (fuzz::accepted({ErrorKind::usage}, [&] { address = TableAddress::parse(text); })) {
    HOLDS(TableAddress::parse(address.name).name == address.name);
  }
  HttpOrigin origin;
  if (fuzz::accepted({ErrorKind::usage}, [&] { origin = parse_origin(text); })) {
    HOLDS(!origin.host.empty() && origin.path.starts_with('/'));
    HOLDS(!origin.aws || !origin.loopback);
    split_url(text);
  }
  through_registry(text.substr(0, text.find('\0')));  // a command line holds no 0 byte
  return 0;
}
