// Values and the JSON form; the lines for people are in summary_text.cc.
#include "src/summary.h"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>

#include "src/exit_status.h"

namespace bulk {

namespace {

constexpr int kSchemaVersion = 1;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void text(Writer& json, const char* name, const std::string& value) {
  json.Key(name);
  json.String(value);
}

void number(Writer& json, const char* name, std::uint64_t value) {
  json.Key(name);
  json.Uint64(value);
}

// As short as it can be read: 0, 361.5, 0.41.
void decimal(Writer& json, const char* name, double value, double steps) {
  const std::string digits = fmt::format("{}", std::isfinite(value) ? std::round(value * steps) / steps : 0.0);
  json.Key(name);
  json.RawValue(digits.data(), digits.size(), rapidjson::kNumberType);
}

void texts(Writer& json, const char* name, const std::vector<std::string>& values) {
  if (values.empty()) return;
  json.Key(name);
  json.StartArray();
  for (const std::string& value : values) json.String(value);
  json.EndArray();
}

void differences(Writer& json, const Differences& found) {
  json.Key("differences");
  json.StartObject();
  number(json, "equal", found.equal);
  number(json, "only_in_source", found.only_in_source);
  number(json, "only_in_target", found.only_in_target);
  number(json, "different", found.different);
  json.EndObject();
}

void backfill(Writer& json, const BackfillSummary& found) {
  const auto known = [&](const char* name, const std::string& value) {
    if (!value.empty()) text(json, name, value);
  };
  json.Key("backfill");
  json.StartObject();
  text(json, "job", found.job);
  known("status", found.status);
  number(json, "conflicts", found.conflicts);
  if (found.would_change) number(json, "would_change", *found.would_change);
  if (found.cannot_change > 0) number(json, "cannot_change", found.cannot_change);
  known("where", found.where);
  if (found.units > 0) decimal(json, "write_units", found.units, 100);
  if (found.as_before > 0) number(json, "as_before", found.as_before);
  if (found.changed_since > 0) number(json, "changed_since", found.changed_since);
  known("undo", found.undo);
  known("backup", found.backup);
  known("changed_since_file", found.report);
  json.EndObject();
}

void error(Writer& json, const Error& error) {
  json.Key("error");
  json.StartObject();
  text(json, "kind", kind_name(error.kind()));
  text(json, "message", error.what());
  if (!error.next_action().empty()) text(json, "next", error.next_action());
  json.Key("exit_status");
  json.Int(exit_status(error));
  json.EndObject();
}

}  // namespace

void Summary::take(const Totals& totals) {
  const Tally all = totals.all();
  read = all.read.records;
  written = all.written.records;
  filtered = all.filtered.records;
  rejected = all.rejected.records;
  superseded = totals.superseded.records;
  raw_bytes = all.raw_bytes;
  digest = totals.net().digest;
}

void Summary::take(const RequestStats& stats) {
  constexpr double kCenti = 100;
  requests_sent = stats.sent.load();
  requests_throttled = stats.throttled.load();
  requests_retried = stats.retried.load();
  capacity_read = static_cast<double>(stats.read_centiunits.load()) / kCenti;
  capacity_write = static_cast<double>(stats.write_centiunits.load()) / kCenti;
}

std::string summary_status(const Summary& summary) {
  if (!summary.error) return "ok";
  return summary.error->kind() == ErrorKind::rejected ? "rejected" : "failed";
}

std::string summary_json(const Summary& summary) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  text(json, "message_type", "summary");
  json.Key("schema_version");
  json.Int(kSchemaVersion);
  text(json, "command", summary.command);
  text(json, "status", summary_status(summary));
  if (summary.dry_run) {
    json.Key("dry_run");
    json.Bool(true);
  }
  text(json, "source", summary.source);
  text(json, "target", summary.target);
  if (!summary.table.empty()) text(json, "table", summary.table);
  json.Key("records");
  json.StartObject();
  number(json, "read", summary.read);
  number(json, "written", summary.written);
  number(json, "filtered", summary.filtered);
  number(json, "rejected", summary.rejected);
  number(json, "superseded", summary.superseded);
  if (summary.resumed > 0) number(json, "resumed", summary.resumed);
  json.EndObject();
  json.Key("bytes");
  json.StartObject();
  number(json, "raw", summary.raw_bytes);
  number(json, "stored", summary.stored_bytes);
  json.EndObject();
  json.Key("digest");
  summary.digest ? json.String(summary.digest->hex()) : json.Null();
  json.Key("verified");
  switch (summary.verified) {
    case Verified::no:
      json.Bool(false);
      break;
    case Verified::acknowledged:
      json.String("acknowledged");
      break;
    case Verified::content:
      json.String("content");
      break;
  }
  json.Key("consistent");
  json.Bool(summary.consistent);
  if (summary.source_unproven) {
    json.Key("source_unproven");
    json.Bool(true);
  }
  json.Key("requests");
  json.StartObject();
  number(json, "sent", summary.requests_sent);
  number(json, "throttled", summary.requests_throttled);
  number(json, "retried", summary.requests_retried);
  json.EndObject();
  json.Key("capacity");
  json.StartObject();
  decimal(json, "read", summary.capacity_read, 100);
  decimal(json, "write", summary.capacity_write, 100);
  json.EndObject();
  decimal(json, "seconds", summary.seconds, 1000);
  if (summary.differences) differences(json, *summary.differences);
  if (summary.dumps) number(json, "dumps", *summary.dumps);
  if (summary.runs) number(json, "runs", *summary.runs);
  if (summary.backfill) backfill(json, *summary.backfill);
  texts(json, "not_copied", summary.not_copied);
  texts(json, "warnings", summary.warnings);
  if (summary.error) error(json, *summary.error);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace bulk
