// bulk drop TARGET --backed-up-by DUMP: deletes a table, only when the dump is whole and holds exactly what the table
// holds now. Between the comparison and the deletion others could still write; nothing can be done about that from
// outside.
#include <poll.h>
#include <unistd.h>

#include <iostream>

#include "io/error.h"
#include "src/commands/commands.h"
#include "src/job.h"
#include "src/models.h"
#include "src/text.h"

namespace bulk {
namespace {

// A line from the terminal; a Ctrl-C ends the wait with its error.
std::string typed_line(const Stop& stop) {
  constexpr int kPollMs = 100;
  while (true) {
    stop.check();
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, kPollMs) > 0) break;
  }
  std::string line;
  std::getline(std::cin, line);
  return line;
}

void require_consent(AppContext& context, const Store& table, std::uint64_t records) {
  if (context.options.yes) return;
  if (isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) {
    throw Error(ErrorKind::refused, "'" + table.url() + "' is backed up by the dump and was not deleted",
                "add --yes to delete it");
  }
  std::cerr << "Delete " << table.url() << " with " << counted(records, "record") << "? Type yes: " << std::flush;
  if (typed_line(context.stop) != "yes") throw Error(ErrorKind::refused, "'" + table.url() + "' was not deleted");
}

}  // namespace

void run_drop(AppContext& context) {
  if (context.options.backed_up_by.empty()) {
    throw Error(ErrorKind::usage, "drop needs a dump that holds the table's records", "add --backed-up-by DUMP");
  }
  std::unique_ptr<Store> table = context.open(context.endpoint(context.argument(0), "TARGET"));
  context.summary.target = table->url();
  if (table->is_dump()) throw Error(ErrorKind::usage, "'" + table->url() + "' is a file, not a table");
  std::unique_ptr<Store> dump = context.open(context.dump_argument(context.options.backed_up_by));
  context.summary.source = dump->url();
  agree_on_model(table, dump);
  if (table->rows() != nullptr) {
    throw Error(ErrorKind::usage, "'" + table->url() + "': this version deletes no rows of PostgreSQL, only items",
                "bulk verify DUMP --against it, then DROP TABLE");
  }
  context.require_confirmation(*table, "delete it");
  const TableFacts facts = table->describe();
  context.summary.table = facts.identity.name;
  if (facts.deletion_protected) {
    throw Error(ErrorKind::refused, "'" + table->url() + "' has deletion protection",
                "switch it off first, if you mean it");
  }
  const TableFacts dumped = dump->describe();
  if (dumped.origin.empty()) {
    throw Error(ErrorKind::refused, "'" + dump->url() + "' carries neither counts nor digest: it proves nothing",
                "take one with bulk backup");
  }
  const Common common = common_of(context, *dump, *table);
  std::string sample;
  const Comparison result = compare_stores(context, *dump, *table, common, [&](Difference, std::string_view key_text) {
    if (sample.empty()) sample = key_text;
  });
  context.summary.read = result.first.records;
  context.summary.digest = result.first.digest;
  if (!result.same()) {
    throw Error(ErrorKind::refused,
                "'" + table->url() + "' holds " + counted(result.only_in_second + result.different, "record") +
                    " that '" + dump->url() + "' does not hold, and lacks " + with_separators(result.only_in_first) +
                    ", for example " + sample,
                "take a new backup");
  }
  context.summary.verified = Verified::content;
  if (context.options.dry_run) {
    context.progress.note("would delete " + table->url());
    return;
  }
  require_consent(context, *table, result.second.records);
  context.stop.check();
  table->drop();
}

}  // namespace bulk
