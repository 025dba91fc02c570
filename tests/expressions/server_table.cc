#include "tests/expressions/server_table.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <stdexcept>

#include "codecs/json_check.h"

namespace bulk::test {

namespace {

std::string text_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

ServerTable::ServerTable(std::string endpoint, std::string name)
    : endpoint_(std::move(endpoint)), name_(std::move(name)), client_(stop_, "bulk-test") {
  Outcome outcome;
  call("CreateTable",
       "\"AttributeDefinitions\":[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"}],"
       "\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\"",
       outcome);
  if (!outcome.error.empty()) throw std::runtime_error("cannot create a table: " + outcome.message);
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (call("DescribeTable", "", outcome).find("\"ACTIVE\"") != std::string::npos) return;
    stop_.wait_for(std::chrono::milliseconds(10));
  }
  throw std::runtime_error("the table does not become active");
}

std::string ServerTable::call(const std::string& operation, const std::string& body, Outcome& outcome) {
  HttpRequest request;
  request.url = endpoint_ + "/";
  request.headers = {{"Content-Type", "application/x-amz-json-1.0"},
                     {"X-Amz-Target", "DynamoDB_20120810." + operation},
                     {"X-Amz-Date", "20250101T000000Z"},
                     {"Authorization",
                      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250101/us-east-1/dynamodb/aws4_request, "
                      "SignedHeaders=host;x-amz-date;x-amz-target, Signature=0"}};
  const std::string table = "{\"TableName\":" + json_quoted(name_) + (body.empty() ? "" : ",") + body + "}";
  request.body = operation == "BatchWriteItem" ? std::string_view(body) : std::string_view(table);
  HttpResult result = client_.send(request);
  if (result.failure != HttpFailure::none) throw std::runtime_error(operation + ": " + result.detail + ": " + table);
  const std::string reply(result.reply.body.view());
  rapidjson::Document document;
  document.Parse(reply.data(), reply.size());
  if (document.HasParseError() || !document.IsObject()) throw std::runtime_error(operation + ": not JSON: " + reply);
  if (result.reply.status == 200) return reply;
  const std::string type = document.HasMember("__type") ? document["__type"].GetString() : reply;
  outcome.error = type.substr(type.find('#') + 1);
  for (const char* member : {"message", "Message"}) {
    if (document.HasMember(member)) outcome.message = document[member].GetString();
  }
  return reply;
}

void ServerTable::put(const std::vector<std::string>& items) {
  constexpr std::size_t kMost = 25;
  for (std::size_t first = 0; first < items.size(); first += kMost) {
    std::string body = "{\"RequestItems\":{" + json_quoted(name_) + ":[";
    for (std::size_t i = first; i < std::min(first + kMost, items.size()); ++i) {
      body += (i == first ? "" : ",") + std::string("{\"PutRequest\":{\"Item\":") + items[i] + "}}";
    }
    Outcome outcome;
    const std::string reply = call("BatchWriteItem", body + "]}}", outcome);
    if (!outcome.error.empty()) throw std::runtime_error("BatchWriteItem: " + outcome.message);
    if (reply.find("PutRequest") != std::string::npos) throw std::runtime_error("BatchWriteItem left items: " + reply);
  }
}

std::string ServerTable::expressions(const Placeholders& placeholders) const {
  std::string text;
  const auto object = [&](const char* member, const auto& map, auto write) {
    if (map.empty()) return;
    text += std::string(",\"") + member + "\":{";
    const char* separator = "";
    for (const auto& [key, value] : map) {
      text += separator + json_quoted(key) + ":" + write(value);
      separator = ",";
    }
    text += "}";
  };
  object("ExpressionAttributeNames", placeholders.names, [](const std::string& name) { return json_quoted(name); });
  object("ExpressionAttributeValues", placeholders.values, [](const std::string& value) { return value; });
  return text;
}

ServerTable::Outcome ServerTable::scan(const std::string& filter, const Placeholders& placeholders) {
  Outcome outcome;
  const std::string reply =
      call("Scan", "\"FilterExpression\":" + json_quoted(filter) + expressions(placeholders), outcome);
  if (!outcome.error.empty()) return outcome;
  rapidjson::Document document;
  document.Parse(reply.data(), reply.size());
  if (document.HasMember("LastEvaluatedKey")) throw std::runtime_error("the scan has more than one page");
  for (const auto& item : document["Items"].GetArray()) outcome.keys.insert(item["pk"]["S"].GetString());
  return outcome;
}

ServerTable::Outcome ServerTable::update(const std::string& key, const std::string& update,
                                         const std::string& condition, const Placeholders& placeholders) {
  std::string body = "\"Key\":{\"pk\":{\"S\":" + json_quoted(key) + "}},\"ReturnValues\":\"ALL_NEW\"";
  body += ",\"UpdateExpression\":" + json_quoted(update);
  if (!condition.empty()) body += ",\"ConditionExpression\":" + json_quoted(condition);
  Outcome outcome;
  const std::string reply = call("UpdateItem", body + expressions(placeholders), outcome);
  if (!outcome.error.empty()) return outcome;
  rapidjson::Document document;
  document.Parse(reply.data(), reply.size());
  outcome.item = text_of(document["Attributes"]);
  return outcome;
}

}  // namespace bulk::test
