#include "tests/fault_server.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "tests/fault_server_replies.h"

namespace bulk::test {
namespace {

using Reply = TinyHttpServer::Reply;

constexpr std::size_t kMostRequestBytes = 16u << 20;
constexpr std::uint64_t kFreshRequests = 20;  // so long no access key expires

// {"Item":{...}} or the item alone.
std::string item_of(const std::string& line) {
  constexpr std::string_view kPrefix = "{\"Item\":";
  return line.starts_with(kPrefix) ? line.substr(kPrefix.size(), line.size() - kPrefix.size() - 1) : line;
}

}  // namespace

FaultServer::FaultServer(Faults faults)
    : faults_(std::move(faults)), http_([this](const Request& request) { return handle(request); }, false) {}

void FaultServer::set(Faults faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
}

void FaultServer::create_table(const std::string& create_table_body) {
  const std::lock_guard lock(mutex_);
  tables_.create_table(create_table_body);
}

void FaultServer::put(const std::string& table, const std::string& item) {
  const std::lock_guard lock(mutex_);
  tables_.put(table, item);
}

std::vector<std::string> FaultServer::items(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> texts;
  for (const auto& [key, item] : tables_.items(table)) texts.push_back(item.text);
  return texts;
}

bool FaultServer::has_table(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  return tables_.has(table);
}

std::string FaultServer::differences(const std::string& table, const std::vector<std::string>& expected,
                                     Held held) const {
  const std::lock_guard lock(mutex_);
  if (!tables_.has(table)) return "there is no table " + table;
  constexpr std::size_t kShown = 5;
  std::size_t found = 0;
  std::string text;
  const auto differs = [&](const std::string& what, std::string key) {
    if (++found > kShown) return;
    std::replace(key.begin(), key.end(), '\n', ' ');
    text += "; " + what + ": " + key;
  };
  std::map<std::string, std::string> wanted;
  for (const std::string& line : expected) {
    rapidjson::Document document;
    const std::string item = item_of(line);
    document.Parse<rapidjson::kParseIterativeFlag>(item.c_str(), item.size());
    std::string key;
    const std::string problem = document.HasParseError() ? "no JSON" : item_problem(tables_.key(table), document, key);
    if (!problem.empty()) {
      differs("no item (" + problem + ")", item.substr(0, 100));
    } else if (!wanted.emplace(key, item).second) {
      differs("expected twice", key);
    }
  }
  const auto& items = tables_.items(table);
  for (const auto& [key, item] : wanted) {
    const auto there = items.find(key);
    if (there == items.end()) {
      if (held == Held::all) differs("missing", key);
    } else if (!same_item(there->second.text, item)) {
      differs("other content", key);
    }
  }
  for (const auto& [key, item] : items) {
    if (!wanted.contains(key)) differs("not expected", key);
  }
  return found == 0 ? std::string() : table + ": " + std::to_string(found) + " items differ" + text;
}

std::vector<std::string> FaultServer::put_again(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, item] : tables_.items(table)) {
    if (item.acknowledged > 1) keys.push_back(key);
  }
  return keys;
}

std::uint64_t FaultServer::requests(const std::string& operation) const {
  const std::lock_guard lock(mutex_);
  const auto found = received_.find(operation);
  return found == received_.end() ? 0 : found->second;
}

std::uint64_t FaultServer::puts() const {
  const std::lock_guard lock(mutex_);
  return tables_.puts();
}

std::uint64_t FaultServer::updates() const {
  const std::lock_guard lock(mutex_);
  return tables_.updates();
}

std::map<std::string, std::uint64_t> FaultServer::updates(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> updates;
  for (const auto& [key, item] : tables_.items(table)) {
    if (item.updates > 0) updates[key_json(tables_.key(table), key)] = item.updates;
  }
  return updates;
}

std::vector<FaultServer::Injected> FaultServer::injected() const {
  const std::lock_guard lock(mutex_);
  return injected_;
}

std::int64_t FaultServer::now_s() const {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()) + faults_.clock_offset_s;
}

Reply FaultServer::handle(const Request& request) {
  const std::string target = request.header("x-amz-target");
  const std::string operation = target.substr(target.find('.') + 1);
  std::unique_lock lock(mutex_);
  ++received_[operation];
  const std::uint64_t number = ++number_;
  Dice dice(faults_.seed, number);
  if (const auto given = faults_.reply) {
    lock.unlock();
    if (auto reply = given(operation, request.body)) return *reply;
    lock.lock();
  }
  if (const auto latency = faults_.latency; latency.count() > 0) {
    lock.unlock();
    std::this_thread::sleep_for(latency);
    lock.lock();
  }
  Reply reply = answer(operation, request, dice);
  reply.headers.emplace_back("Date", http_date(now_s()));
  for (const FaultKind kind : dice.happened()) injected_.push_back({number, operation, kind});
  return reply;
}

FaultTables::Outcome FaultServer::perform(const std::string& operation, const Request& request, Dice& dice,
                                          bool partial) {
  if (request.body.size() > kMostRequestBytes) return {Reply{413, "", {}}, {}};
  rapidjson::Document body;
  body.Parse<rapidjson::kParseIterativeFlag>(request.body.c_str(), request.body.size());
  if (body.HasParseError() || !body.IsObject()) return {error_reply(400, "SerializationException", "not JSON"), {}};
  return tables_.run(operation, body, dice, partial);
}

Reply FaultServer::answer(const std::string& operation, const Request& request, Dice& dice) {
  const Faults& faults = faults_;
  const bool may_fail = faults.operations.empty() || faults.operations.contains(operation);
  const auto happens = [&](FaultKind kind) {
    return may_fail && dice.happens(kind, faults.*Faults::probability_of(kind));
  };
  if (happens(FaultKind::drop_before)) return dropped(dice, FaultKind::drop_before);
  if (happens(FaultKind::hang)) {
    if (dice.pick(FaultKind::hang, 2) == 1) perform(operation, request, dice, false);
    Reply reply;
    reply.fault = Reply::Fault::hang;
    return reply;
  }

  const std::string signer = access_key(request);
  if (++signed_by_[signer] > kFreshRequests && happens(FaultKind::expire)) expired_.insert(signer);
  FaultTables::Outcome outcome;
  bool flawless = true;
  if (std::string problem = skew_problem(request.header("x-amz-date"), now_s()); !problem.empty()) {
    dice.note(FaultKind::skew);
    outcome.reply = error_reply(400, "InvalidSignatureException", problem);
  } else if (expired_.contains(signer)) {
    outcome.reply = error_reply(400, "ExpiredTokenException", "The security token included in the request is expired");
  } else if (happens(FaultKind::throttle)) {
    outcome.reply = throttling_error(faults, operation, dice);
  } else if (happens(FaultKind::internal_error)) {
    outcome.reply = error_reply(500, "InternalServerError", "the server has stumbled");
  } else if (happens(FaultKind::unavailable)) {
    outcome.reply = unavailable(dice);
  } else {
    const bool partial = operation == "BatchWriteItem" && happens(FaultKind::partial_write);
    outcome = perform(operation, request, dice, partial);
    if (partial) {
      outcome.reply.fault = Reply::Fault::abort;
      return outcome.reply;
    }
  }

  if (happens(FaultKind::drop_after)) return dropped(dice, FaultKind::drop_after);
  const bool lost = may_fail && faults_.lost_replies > 0 && faults_.lost_replies-- > 0;
  if (happens(FaultKind::error_after) || lost) {
    flawless = false;
    outcome.reply = error_reply(500, "InternalServerError", "the reply is lost");
  }
  Reply reply = damaged(std::move(outcome.reply), may_fail ? faults : Faults(), dice, flawless);
  if (flawless) {
    for (StoredItem* item : outcome.written) ++item->acknowledged;
  }
  return reply;
}

}  // namespace bulk::test
