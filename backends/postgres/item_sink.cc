#include "backends/postgres/item_sink.h"

#include <algorithm>
#include <charconv>

#include "backends/item_gate.h"
#include "backends/postgres/connection.h"
#include "backends/postgres/item_table.h"
#include "backends/postgres/table_load.h"
#include "codecs/attribute_value.h"
#include "io/error.h"

namespace bulk {
namespace {

// A transaction waits for the server's disk once: large enough to make that small, small enough that of a write with an
// item that is refused little is done again.
constexpr std::size_t kRecordsPerWrite = 2'000;
constexpr std::size_t kBytesPerWrite = 4u << 20;
// One message each: the server keeps a message in memory whole, and what the socket does not take at once is moved.
constexpr std::size_t kMessageBytes = 64u << 10;
// Waiting for a lock that others hold is worth another attempt, and in between the stop is looked at. A database may
// have been told not to wait for its disk; whoever is told that an item is written has to be able to rely on it.
const char* const kSettings =
    "SET lock_timeout = '30s'; SELECT pg_catalog.set_config('synchronous_commit', 'on', false) "
    "WHERE pg_catalog.current_setting('synchronous_commit') = 'off'";

constexpr int kFirstWithLooseCollations = 120'000;

// What the sessions of a sink share; outlives them.
struct ItemContext {
  PgUrl url;
  std::string what;
  const Stop& stop;
  KeySchema key;
  bool only_missing;
  TableLoad load;
};

// A connection that writes.
struct ItemConnection {
  // `before` is what `process` was of the connection whose place it takes.
  ItemConnection(const ItemContext& context, const std::string& before)
      : connection(context.url, context.what, context.stop) {
    const std::string doing = "prepare a connection for writing";
    if (!before.empty()) {
      // It may hold locks on the very rows; of a role that may not end it, its transaction is waited for.
      PgResult ignored;
      connection.try_run("SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE " + before,
                         ignored);
    }
    connection.run(kSettings, doing);
    connection.run(context.load.prepare, doing);
    const PgResult self = connection.run(
        "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()", doing);
    if (self.rows() == 1) {
      process = "pid = " + std::string(self.text(0, 0)) + " AND backend_start = " + pg_literal(self.text(0, 1));
    }
  }

  PgConnection connection;
  std::string process;  // which server process it is, as a condition on pg_stat_activity
};

void append_copy_text(std::string_view text, Buffer& out) {
  const char* begin = text.data();
  const char* const end = begin + text.size();
  for (const char* at = begin; at < end; ++at) {
    const char letter = *at == '\\' ? '\\' : *at == '\t' ? 't' : *at == '\n' ? 'n' : *at == '\r' ? 'r' : '\0';
    if (letter == '\0') continue;
    out.append({begin, static_cast<std::size_t>(at - begin)});
    out.push_back('\\');
    out.push_back(letter);
    begin = at + 1;
  }
  out.append({begin, static_cast<std::size_t>(end - begin)});
}

// `value` as ItemGate gives it.
void append_key(const KeyAttribute& attribute, const std::string& value, Buffer& out) {
  if (attribute.type != 'B') return append_copy_text(value, out);
  constexpr const char* kHex = "0123456789abcdef";
  out.append("\\\\x");
  for (const char byte : decoded_binary(value)) {
    out.push_back(kHex[static_cast<unsigned char>(byte) >> 4]);
    out.push_back(kHex[static_cast<unsigned char>(byte) & 15]);
  }
}

WriteResult not_written(WriteResult::Outcome outcome, std::string reason) {
  WriteResult result;
  result.outcome = outcome;
  result.reason = std::move(reason);
  return result;
}

class ItemSession : public BlockingSession {
 public:
  ItemSession(const ItemContext& context, std::unique_ptr<ItemConnection> ready)
      : context_(context), gate_(context.key), link_(std::move(ready)) {}

  WriteResult write(std::span<const RecordRef> records) override {
    WriteResult result;
    if (records.empty()) return result;
    if (!convert(records)) {
      result = not_written(WriteResult::Outcome::invalid, gate_.reason());
      result.sent = false;
      return result;
    }
    try {
      if (!link_) link_ = std::make_unique<ItemConnection>(context_, process_before_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::remote) throw;
      return not_written(WriteResult::Outcome::unavailable, error.what());
    }
    if (const auto failure = attempt(records.size(), result)) return judge(*failure);
    return result;
  }

 private:
  // Into rows of COPY text: position, key, item.
  bool convert(std::span<const RecordRef> records) {
    rows_.clear();
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (!gate_.admit(records[i].line())) return false;
      rows_.append(std::to_string(i));
      rows_.push_back('\t');
      append_key(context_.key.partition, gate_.key_values().partition, rows_);
      rows_.push_back('\t');
      if (context_.key.sort) {
        append_key(*context_.key.sort, gate_.key_values().sort, rows_);
        rows_.push_back('\t');
      }
      append_copy_text(gate_.item(), rows_);
      rows_.push_back('\n');
    }
    return true;
  }

  // One transaction. A failure leaves it open, or the connection lost. COMMIT is sent when the INSERT has ended: what
  // was lost before that is never carried out late, over something newer.
  std::optional<PgFailure> attempt(std::size_t count, WriteResult& result) {
    PgConnection& connection = link_->connection;
    if (const auto failure =
            connection.try_begin_copy_in("BEGIN ISOLATION LEVEL READ COMMITTED; " + context_.load.copy))
      return failure;
    for (std::string_view rows = rows_.view(); !rows.empty();
         rows.remove_prefix(std::min(kMessageBytes, rows.size()))) {
      if (const auto failure = connection.try_copy_in(rows.substr(0, kMessageBytes))) return failure;
    }
    std::uint64_t taken = 0;
    if (const auto failure = connection.try_end_copy_in(taken)) return failure;
    PgResult reply;
    if (const auto failure = connection.try_run(context_.load.move, reply, PgConnection::kUnlimited)) return failure;
    std::uint64_t settled = reply.affected();
    if (context_.only_missing) settled = read_skipped(reply, result.skipped);
    if (settled != count) refuse_short(count, settled);
    return connection.try_run("COMMIT", reply, PgConnection::kUnlimited);
  }

  // Returns how many were either inserted or skipped.
  static std::uint64_t read_skipped(const PgResult& reply, std::vector<std::uint32_t>& skipped) {
    std::uint64_t inserted = 0;
    const std::string_view count = reply.text(0, 0);
    std::from_chars(count.data(), count.data() + count.size(), inserted);
    const std::string_view positions = reply.text(0, 1);
    for (const char* at = positions.data(); at < positions.data() + positions.size(); ++at) {
      std::uint32_t position = 0;
      at = std::from_chars(at, positions.data() + positions.size(), position).ptr;
      skipped.push_back(position);
    }
    return inserted + skipped.size();
  }

  [[noreturn]] void refuse_short(std::size_t given, std::uint64_t taken) {
    PgResult ignored;
    link_->connection.try_run("ROLLBACK", ignored);
    throw Error(ErrorKind::failed,
                context_.what + ": of " + std::to_string(given) + " items given to " + context_.load.name +
                    " the server took " + std::to_string(taken),
                "a trigger or rule of the table leaves rows out: switch it off for the load");
  }

  WriteResult judge(const PgFailure& failure) {
    PgResult ignored;
    if (failure.lost() || link_->connection.try_run("ROLLBACK", ignored)) {
      process_before_ = link_->process;
      link_.reset();
      if (failure.lost()) return not_written(WriteResult::Outcome::unavailable, failure.message);
    }
    const bool full = failure.sqlstate == "53100";
    if (!full && failure.transient()) return not_written(WriteResult::Outcome::unavailable, failure.message);
    if (failure.by_content()) return not_written(WriteResult::Outcome::invalid, failure.message);
    const Error error = pg_error(failure, context_.what, "write items into " + context_.load.name);
    if (full) throw error.with_next_action("make room on the server");
    if (failure.sqlstate == "42501") {
      throw error.with_next_action("grant the role SELECT, INSERT and UPDATE on " + context_.load.name +
                                   ", and BYPASSRLS where policies apply to it");
    }
    throw error;
  }

  const ItemContext& context_;
  ItemGate gate_;
  std::unique_ptr<ItemConnection> link_;  // null: lost, or not made yet
  std::string process_before_;            // of the last connection that was lost
  Buffer rows_;
};

// Where 'a' and 'A' are equal, two items would be one.
void refuse_loose_collations(PgConnection& connection, const std::string& what, const TargetTable& table) {
  if (connection.server_version() < kFirstWithLooseCollations) return;
  const PgResult found = connection.run(
      "SELECT a.attname, c.collname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_collation c "
      "ON c.oid = a.attcollation WHERE NOT c.collisdeterministic AND a.attnum > 0 AND a.attrelid = " +
          std::to_string(table.oid) + " ORDER BY a.attnum",
      "look at the columns' collations");
  for (std::size_t i = 0; i < found.rows(); ++i) {
    const std::string column(found.text(i, 0));
    if (std::find(table.primary_key.begin(), table.primary_key.end(), column) == table.primary_key.end()) continue;
    throw Error(ErrorKind::refused,
                what + ": column '" + column + "' has collation " + std::string(found.text(i, 1)) +
                    ", in which different keys are equal",
                "give it COLLATE \"C\"");
  }
}

class ItemSink : public Sink {
 public:
  ItemSink(const PgUrl& url, const std::string& what, const PgName& table, const KeySchema& key,
           const WriteOptions& options, const Stop& stop)
      : context_{url, what, stop, key, options.only_missing, {}} {
    PgConnection connection(url, what, stop);
    const std::optional<TargetTable> target = look_at_targets(connection, {table}).front();
    if (!target) throw Error(ErrorKind::not_found, what + ": no table " + table.full(), "add --create to make it");
    refuse_loose_collations(connection, what, *target);
    RowTable rows{table.schema, table.name, {{key.partition.name, {}, RowKind::text}}, target->primary_key};
    if (key.sort) rows.columns.push_back({key.sort->name, {}, RowKind::text});
    rows.columns.push_back(kItemColumn);
    context_.load =
        plan_table_load(*target, rows, options.only_missing ? LoadMode::only_missing : LoadMode::replace, 0);
    connect(std::max(1u, options.jobs));
  }

  SinkLimits limits() const override {
    return {.records = kRecordsPerWrite,
            .bytes = kBytesPerWrite,
            .whole_batches = false,
            .sessions = sessions_,
            .under_way = 1,
            .attempt_bytes = 2 * kBytesPerWrite};
  }

  std::unique_ptr<SinkSession> open() override {
    std::unique_ptr<ItemConnection> ready;
    if (!ready_.empty()) {
      ready = std::move(ready_.back());
      ready_.pop_back();
    }
    return std::make_unique<ItemSession>(context_, std::move(ready));
  }

  void finish() override {}

 private:
  // Now rather than at the first write: a server may have room for some of them only, and a session that never gets a
  // connection would end the load in the end.
  void connect(unsigned wanted) {
    for (sessions_ = 0; sessions_ < wanted; ++sessions_) {
      try {
        ready_.push_back(std::make_unique<ItemConnection>(context_, ""));
      } catch (const Error& error) {
        if (sessions_ == 0 || error.kind() != ErrorKind::remote) throw;
        return;
      }
    }
  }

  ItemContext context_;
  unsigned sessions_ = 0;
  std::vector<std::unique_ptr<ItemConnection>> ready_;
};

}  // namespace

std::unique_ptr<Sink> make_item_sink(const PgUrl& url, const std::string& what, const PgName& table,
                                     const KeySchema& key, const WriteOptions& options, const Stop& stop) {
  return std::make_unique<ItemSink>(url, what, table, key, options, stop);
}

}  // namespace bulk
