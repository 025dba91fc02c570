// bulk verify DUMP [--against TARGET]: proves that a dump is whole; proves that a table holds exactly its records.
#include "io/error.h"
#include "src/commands/commands.h"
#include "src/job.h"
#include "src/models.h"
#include "src/text.h"

namespace bulk {
namespace {

constexpr int kSample = 10;  // differing keys that are named

void verify_alone(AppContext& context, Store& dump) {
  const TableFacts facts = dump.describe();
  context.progress.phase("verifying", facts.records);
  Fingerprint fingerprint;
  const std::unique_ptr<Sink> sink = make_fingerprint_sink(fingerprint);
  const bool rows = context.summary.rows = facts.dialect == kRowsDialect;
  Transfer transfer{.from = dump, .key = facts.schema && !rows ? &facts.schema->key : nullptr};
  transfer.is_rows = rows;
  const Totals totals = run_transfer(context, transfer, [&](const Source& source) -> Sink& {
    context.summary.consistent = source.consistent();
    return *sink;
  });
  context.summary.take(totals);
  if (facts.origin.empty()) {
    throw Error(ErrorKind::corrupt,
                "'" + dump.url() + "' holds " + counted(totals.all().read.records, "legal record") +
                    " but neither counts nor digest: it cannot be proven whole",
                "--against TARGET compares it with a table");
  }
  context.summary.verified = Verified::content;
}

void verify_against(AppContext& context, Store& dump, Store& table) {
  const Common common = common_of(context, dump, table);
  std::string sample;
  int shown = 0;
  const Comparison result =
      compare_stores(context, dump, table, common, [&](Difference difference, std::string_view key_text) {
        if (++shown > kSample) return;
        const char* what = difference == Difference::only_in_first    ? "missing from the table"
                           : difference == Difference::only_in_second ? "not in the dump"
                                                                      : "content differs";
        context.progress.note(std::string(what) + ": " + std::string(key_text));
        if (sample.empty()) sample = key_text;
      });
  context.summary.read = result.first.records;
  context.summary.written = result.second.records;
  context.summary.digest = result.first.digest;
  if (result.same()) {
    context.summary.verified = Verified::content;
    return;
  }
  throw Error(ErrorKind::corrupt,
              table.url() + " does not hold what '" + dump.url() + "' holds: " +
                  counted(result.only_in_first, "record") + " missing, " + with_separators(result.only_in_second) +
                  " not in the dump, " + with_separators(result.different) + " with other content; keys: " + sample,
              "bulk diff lists every key");
}

}  // namespace

void run_verify(AppContext& context) {
  std::unique_ptr<Store> dump = context.open(context.dump_argument(context.argument(0)));
  context.summary.source = dump->url();
  await_first_bytes(context, *dump);
  if (context.options.against.empty()) {
    verify_alone(context, *dump);
    return;
  }
  std::unique_ptr<Store> table = context.open(context.endpoint(context.options.against, "TARGET"));
  context.summary.target = table->url();
  agree_on_model(dump, table);
  verify_against(context, *dump, *table);
}

}  // namespace bulk
