#include "backends/dynamodb/table.h"

#include "backends/dynamodb/control.h"
#include "backends/dynamodb/sink.h"
#include "backends/dynamodb/source.h"
#include "backends/dynamodb/table_schema.h"

namespace bulk {
namespace {

DynamoDbUrl with_defaults(DynamoDbUrl url, const StoreContext& context) {
  if (url.region.empty()) url.region = context.region;
  if (url.endpoint.empty()) url.endpoint = context.endpoint_url;
  if (url.profile.empty()) url.profile = context.profile;
  return url;
}

rapidjson::Document description_of(DynamoDbClient& client) {
  auto reply = describe_table(client);
  if (!reply) {
    DynamoDbReply missing;
    missing.code = "ResourceNotFoundException";
    throw client.refusal("DescribeTable", missing);
  }
  return std::move(*reply);
}

CreateTarget target_of(DynamoDbClient& client) {
  return {client.table().name, client.region(), client.account()};
}

}  // namespace

DynamoDbTable::DynamoDbTable(const DynamoDbUrl& url, const StoreContext& context)
    : client_(std::make_shared<DynamoDbClient>(with_defaults(url, context), context.environment, context.user_agent,
                                               context.stop, context.stats)) {}

std::string DynamoDbTable::url() const {
  return format_dynamodb_url(client_->resolved_url());
}

std::string DynamoDbTable::identity_text() const {
  const std::string& name = client_->table().name;
  if (const std::string& endpoint = client_->resolved_url().endpoint; !endpoint.empty()) {
    const HttpOrigin origin = parse_origin(endpoint);
    if (!origin.aws) {
      const std::size_t colon = origin.host.rfind(':');
      const bool has_port = colon != std::string::npos && origin.host.back() != ']';
      const std::string port = has_port ? origin.host.substr(colon) : std::string();
      return "dynamodb table " + name + " at " + (origin.loopback ? "this machine" + port : origin.host);
    }
  }
  std::string account;
  try {
    account = client_->account();
  } catch (const Error&) {
    // Whatever needs the credentials will say what is wrong with them; a name to compare does without.
  }
  return "dynamodb table " + name + " in " + client_->region() + (account.empty() ? "" : " of account " + account);
}

bool DynamoDbTable::exists() {
  return describe_table(*client_).has_value();
}

TableFacts DynamoDbTable::describe() {
  const rapidjson::Document reply = description_of(*client_);
  const TableDescription description = read_description(reply);
  TableFacts facts;
  facts.identity = description.identity;
  facts.schema = read_schema(reply, read_side_settings(*client_, description.identity.arn));
  // The service counts about every six hours: zero says nothing.
  if (description.records > 0) facts.records = description.records;
  if (description.bytes > 0) facts.bytes = description.bytes;
  facts.read_units = description.read_units;
  facts.write_units = description.write_units;
  facts.deletion_protected = description.deletion_protected;
  return facts;
}

bool DynamoDbTable::is_empty() {
  const std::string name = json_quoted(client_->table_text());
  std::string start;
  while (true) {
    std::string body = "{\"TableName\":" + name + ",\"Limit\":1,\"ConsistentRead\":true";
    if (!start.empty()) body += ",\"ExclusiveStartKey\":" + start;
    const rapidjson::Document reply = client_->call("Scan", body + "}");
    const rapidjson::Value* items = json_member(&reply, "Items");
    if (items == nullptr || !items->IsArray()) {
      throw Error(ErrorKind::failed, "malformed Scan reply: table '" + client_->table().name + "': it has no Items");
    }
    if (!items->Empty()) return false;
    // An empty page is no end: deleted records leave such pages behind.
    const rapidjson::Value* last = json_member(&reply, "LastEvaluatedKey");
    if (last == nullptr) return true;
    std::string next = json_write(*last);
    if (next == start) {
      throw Error(ErrorKind::failed,
                  "malformed Scan reply: table '" + client_->table().name + "': the scan does not advance");
    }
    start = std::move(next);
  }
}

void DynamoDbTable::create(const TableSchema& schema) {
  const CreateRequest request = make_create_request(schema, target_of(*client_));
  rapidjson::Document document;
  const DynamoDbReply reply = client_->try_call("CreateTable", request.body, document);
  if (reply.kind == DynamoDbReply::Kind::refused) {
    if (reply.code == "ResourceInUseException") {
      throw Error(ErrorKind::refused, "table '" + client_->table().name + "' exists or is being deleted",
                  "restore into it without --create, or choose another name");
    }
    throw client_->refusal("CreateTable", reply);
  }
  wait_until_active(*client_);
}

std::vector<std::string> DynamoDbTable::finish_create(const TableSchema& schema) {
  const rapidjson::Document made = description_of(*client_);
  const std::string arn = read_description(made).identity.arn;
  std::vector<std::string> missing = apply_late_settings(*client_, arn, read_late_settings(schema));
  for (std::string& phrase : ignored_members(schema, read_schema(made, {}))) missing.push_back(std::move(phrase));
  for (std::string& phrase : make_create_request(schema, target_of(*client_)).not_copied) {
    missing.push_back(std::move(phrase));
  }
  missing.emplace_back("auto-scaling and alarms: they belong to other services and are never copied");
  return missing;
}

void DynamoDbTable::drop() {
  const std::string& name = client_->table().name;
  rapidjson::Document document;
  const DynamoDbReply reply =
      client_->try_call("DeleteTable", "{\"TableName\":" + json_quoted(client_->table_text()) + "}", document);
  if (reply.kind == DynamoDbReply::Kind::refused) {
    if (reply.code == "ValidationException" && reply.message.find("protected against deletion") != std::string::npos) {
      throw Error(ErrorKind::refused, "table '" + name + "' is protected against deletion",
                  "turn its deletion protection off first");
    }
    throw client_->refusal("DeleteTable", reply);
  }
  wait_until_gone(*client_);
}

std::unique_ptr<Source> DynamoDbTable::source(const ReadOptions& options) {
  return std::make_unique<DynamoDbSource>(client_, options);
}

std::unique_ptr<Sink> DynamoDbTable::sink(const WriteOptions& options) {
  return std::make_unique<DynamoDbSink>(client_, read_schema(description_of(*client_), {}).key, options);
}

}  // namespace bulk
