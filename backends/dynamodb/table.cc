#include "backends/dynamodb/table.h"

#include "backends/dynamodb/control.h"
#include "backends/dynamodb/late_settings.h"
#include "backends/dynamodb/sink.h"
#include "backends/dynamodb/source.h"
#include "backends/dynamodb/table_schema.h"
#include "backends/dynamodb/update_sink.h"
#include "backends/schema.h"

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

// CreateTable makes tables in the account in force alone, while everything else goes where the ARN points.
void check_account(DynamoDbClient& client) {
  const TableAddress& table = client.table();
  if (table.account.empty()) return;
  const std::string account = client.credentials_account();
  if (account.empty() || account == table.account) return;
  throw Error(ErrorKind::refused,
              "table '" + table.name + "' cannot be created: its ARN is of account " + table.account +
                  ", the credentials are of account " + account,
              "use credentials of that account");
}

// The same where the account in force was not known before.
void check_made_arn(DynamoDbClient& client, const rapidjson::Document& reply) {
  const TableAddress& table = client.table();
  const std::string arn(json_text(json_member(&reply, "TableDescription"), "TableArn"));
  if (table.account.empty() || arn.empty() || arn == client.table_text()) return;
  throw Error(ErrorKind::refused,
              "table '" + table.name + "' was created as " + presentable(arn) + " and not as " + client.table_text(),
              "nothing was written to it: delete it, and use credentials of account " + table.account);
}

// Whether an earlier CreateTable, whose reply was lost, has made the table that is there.
bool is_made(DynamoDbClient& client, const TableSchema& wanted) {
  const auto reply = describe_table(client);
  if (!reply) return false;
  return read_description(*reply).status != "DELETING" &&
         read_schema(*reply, {}).key == schema_from_json(with_json(wanted).json).key;
}

bool is_going(DynamoDbClient& client) {
  const auto reply = describe_table(client);
  return !reply || read_description(*reply).status == "DELETING";
}

}  // namespace

DynamoDbTable::DynamoDbTable(const DynamoDbUrl& url, const StoreContext& context)
    : client_(std::make_shared<DynamoDbClient>(with_defaults(url, context), context.environment, context.user_agent,
                                               context.stop, context.stats, context.retry, context.timeouts)) {}

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

// One that is still being made is waited for: a run that was killed behind its CreateTable leaves such a table.
bool DynamoDbTable::exists() {
  const auto reply = describe_table(*client_);
  if (reply && read_description(*reply).status == "CREATING") wait_until_active(*client_);
  return reply.has_value();
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
  facts.most_read_units = description.most_read_units;
  facts.most_write_units = description.most_write_units;
  facts.warm_read_units = description.warm_read_units;
  facts.warm_write_units = description.warm_write_units;
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
  check_account(*client_);
  const CreateRequest request = make_create_request(schema, target_of(*client_));
  rapidjson::Document document;
  const DynamoDbReply reply = client_->try_call("CreateTable", request.body, document, control_policy(*client_));
  if (reply.kind == DynamoDbReply::Kind::ok) {
    check_made_arn(*client_, document);
  } else if (reply.code != "ResourceInUseException" || reply.unanswered == 0 || !is_made(*client_, schema)) {
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
  const DynamoDbReply reply = client_->try_call(
      "DeleteTable", "{\"TableName\":" + json_quoted(client_->table_text()) + "}", document, control_policy(*client_));
  // A reply was lost: the refusal may be of what an earlier attempt has done.
  const bool done_before = reply.unanswered > 0 && (reply.code == "ResourceNotFoundException" ||
                                                    (reply.code == "ResourceInUseException" && is_going(*client_)));
  if (reply.kind == DynamoDbReply::Kind::refused && !done_before) {
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

std::unique_ptr<Sink> DynamoDbTable::updater(const WriteOptions& options) {
  return std::make_unique<DynamoDbUpdateSink>(client_, read_schema(description_of(*client_), {}).key, options);
}

}  // namespace bulk
