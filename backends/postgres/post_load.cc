#include "backends/postgres/post_load.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "codecs/sql_script.h"
#include "io/error.h"

namespace bulk {
namespace {

// Runs of white space, which pg_dump and the server set differently, become one space each.
std::string in_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t';
    if (!space) line += c;
    if (space && !line.empty() && line.back() != ' ') line += ' ';
  }
  return line;
}

// What is there, as statements in one line: indexes, triggers, rules and statistics whole, constraints up to their
// name, which is their table's. A run that was cut short has made some of what its script says; everything else that
// can meet its like there says so itself.
std::set<std::string> definitions_there(PgConnection& connection) {
  const PgResult found = connection.run(
      "SELECT pg_catalog.pg_get_indexdef(i.indexrelid) || ';' FROM pg_catalog.pg_index i"
      " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " WHERE i.indisvalid AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'bulk_load')"
      " UNION ALL SELECT 'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || pg_catalog.quote_ident(conname)"
      " FROM pg_catalog.pg_constraint WHERE conrelid <> 0"
      " UNION ALL SELECT pg_catalog.pg_get_triggerdef(oid) || ';' FROM pg_catalog.pg_trigger WHERE NOT tgisinternal"
      " UNION ALL SELECT pg_catalog.pg_get_ruledef(r.oid) FROM pg_catalog.pg_rewrite r"
      " JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
      " WHERE r.rulename <> '_RETURN' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
      " UNION ALL SELECT pg_catalog.pg_get_statisticsobjdef(oid) || ';' FROM pg_catalog.pg_statistic_ext",
      "look at what the tables have", PgConnection::kUnlimited);
  std::set<std::string> definitions;
  for (std::size_t i = 0; i < found.rows(); ++i) definitions.insert(in_one_line(found.text(i, 0)));
  return definitions;
}

bool is_there(const std::set<std::string>& definitions, std::string_view statement) {
  if (definitions.empty()) return false;
  std::string text = in_one_line(statement);
  constexpr std::string_view kOnly = "ALTER TABLE ONLY ";
  if (text.starts_with(kOnly)) text.erase(kOnly.size() - 5, 5);
  if (!text.starts_with("ALTER TABLE ")) return definitions.contains(text);
  // The definition that sorts last before it is its beginning, if one is.
  auto place = definitions.upper_bound(text);
  if (place == definitions.begin()) return false;
  const std::string& before = *--place;
  return before.find(" ADD CONSTRAINT ") != std::string::npos && text.starts_with(before + " ");
}

class PostLoad {
 public:
  PostLoad(const PgLoadTarget& target, PgConnection& connection, unsigned jobs)
      : target_(target), jobs_(std::max(1u, jobs)) {
    links_.push_back({nullptr, &connection, 0});
  }

  // For every connection, before whatever it runs next.
  void set(std::string setting) { settings_.push_back(std::move(setting)); }

  void run(std::string_view statement, StatementKind kind) { run_on(links_.front(), std::string(statement), kind); }

  // Independent statements.
  void run_at_once(const std::vector<std::string>& statements) {
    const std::size_t workers = connect(std::min<std::size_t>(jobs_, statements.size()));
    std::atomic<std::size_t> next{0};
    std::exception_ptr first;
    const auto work = [&](Link& link) {
      try {
        for (std::size_t mine = next++; mine < statements.size(); mine = next++) {
          run_on(link, statements[mine], StatementKind::parallel);
        }
      } catch (...) {
        next = statements.size();
        const std::lock_guard lock(mutex_);
        if (!first) first = std::current_exception();
      }
    };
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 1; i < workers; ++i) threads.emplace_back([this, &work, i] { work(links_[i]); });
      work(links_.front());
    }
    if (first) std::rethrow_exception(first);
  }

  const std::vector<std::string>& phrases() const noexcept { return phrases_; }

 private:
  struct Link {
    std::unique_ptr<PgConnection> own;
    PgConnection* connection;
    std::size_t settings;  // how many it has
  };

  // How many connections there are for so many that are wanted: a server may have room for fewer.
  std::size_t connect(std::size_t wanted) {
    while (links_.size() < wanted) {
      try {
        auto own = std::make_unique<PgConnection>(target_.url, target_.what, target_.stop);
        PgConnection* const connection = own.get();
        links_.push_back({std::move(own), connection, 0});
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::remote) throw;
        break;
      }
    }
    return std::min(wanted, links_.size());
  }

  void run_on(Link& link, const std::string& statement, StatementKind kind) {
    for (; link.settings < settings_.size(); ++link.settings) {
      execute(*link.connection, settings_[link.settings], StatementKind::setting);
    }
    execute(*link.connection, statement, kind);
  }

  void execute(PgConnection& connection, const std::string& statement, StatementKind kind) {
    PgResult ignored;
    const auto failure = connection.try_run(statement, ignored, PgConnection::kUnlimited);
    if (!failure) return;
    const std::string& state = failure->sqlstate;
    // A setting of a newer server than this one.
    if (kind == StatementKind::setting && state == "42704") return;
    const bool duplicate = state == "42710" || state == "42P07" || state == "42723";
    if (duplicate && kind != StatementKind::parallel) {
      phrases_.push_back("it was there already: " + statement_in_brief(statement));
      return;
    }
    const Error error = pg_error(*failure, target_.what, "run " + statement_in_brief(statement));
    if (kind == StatementKind::ownership) throw error.with_next_action("--no-owner leaves owners and privileges out");
    throw error;
  }

  const PgLoadTarget& target_;
  const unsigned jobs_;
  std::vector<std::string> settings_;
  std::vector<Link> links_;
  std::vector<std::string> phrases_;
  std::mutex mutex_;  // guards the first error of statements that run at once
};

}  // namespace

std::string statement_in_brief(std::string_view statement) {
  constexpr std::size_t kLongest = 100;
  std::string text = in_one_line(statement);
  // What stands behind these may be a password.
  for (const char* word : {" OPTIONS ", " CONNECTION "}) {
    if (const std::size_t at = text.find(word); at != std::string::npos) text = text.substr(0, at + 1) + "...";
  }
  if (text.size() <= kLongest) return text;
  text.resize(kLongest);
  // Not within a character.
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
  if (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0) text.pop_back();
  return text + "...";
}

std::vector<std::string> run_post_data(const PgLoadTarget& target, PgConnection& connection, const std::string& script,
                                       bool owners, unsigned jobs) {
  const std::vector<Statement> statements = split_sql(script);
  const std::set<std::string> there = definitions_there(connection);
  PostLoad load(target, connection, jobs);
  std::vector<std::string> at_once;
  std::vector<std::string_view> comments;
  const auto flush = [&] {
    load.run_at_once(at_once);
    at_once.clear();
  };
  for (const Statement& statement : statements) {
    if (statement.kind == StatementKind::comment) {
      comments.push_back(statement.text);
      continue;
    }
    if ((statement.kind == StatementKind::ownership && !owners) || is_there(there, statement.text)) continue;
    if (statement.kind == StatementKind::parallel) {
      at_once.emplace_back(statement.text);
      continue;
    }
    flush();
    if (statement.kind == StatementKind::setting) {
      load.set(std::string(statement.text));
    } else {
      load.run(statement.text, statement.kind);
    }
  }
  flush();
  for (const std::string_view comment : comments) load.run(comment, StatementKind::comment);
  return load.phrases();
}

void run_at_once(const PgLoadTarget& target, PgConnection& connection, const std::vector<std::string>& statements,
                 unsigned jobs) {
  PostLoad(target, connection, jobs).run_at_once(statements);
}

}  // namespace bulk
