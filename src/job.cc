#include "src/job.h"

#include <algorithm>
#include <thread>

#include "backends/schema.h"
#include "io/error.h"
#include "src/pipeline.h"

namespace bulk {
namespace {

// Half of a table in use is left to those who use it.
constexpr double kShareOfATableInUse = 0.5;

// What a table says about itself in one direction, in units per second; 0: unknown.
struct Capacity {
  double provisioned = 0;
  double most = 0;  // on demand: what its owner allows
  double warm = 0;  // on demand: what it takes at once
};

// Provisioned capacity is a start and, for a table of our own, no bound: what it has saved up for bursts may be spent,
// and more is found by the rate controller when there is more. Warm throughput is no bound either, for a table on
// demand grows. A share is kept even while nothing is refused: of the provisioned capacity, of the owner's limit, of
// the warm throughput; where the table tells none of them, of the ceiling found.
RateLimits rate_limits(const Capacity& capacity, double most, std::optional<int> percent, bool own) {
  const auto least = [](double a, double b) { return a > 0 && b > 0 ? std::min(a, b) : std::max(a, b); };
  RateLimits limits;
  limits.share = percent ? *percent / 100.0 : own ? 1.0 : kShareOfATableInUse;
  limits.start_units =
      limits.share * (capacity.provisioned > 0 ? capacity.provisioned : least(capacity.warm, capacity.most));
  const double bound =
      limits.share < 1 && capacity.most <= 0 ? std::max(capacity.provisioned, capacity.warm) : capacity.most;
  limits.max_units = least(most, limits.share * bound);
  return limits;
}

}  // namespace

unsigned effective_jobs(const Options& options) {
  if (options.jobs > 0) return options.jobs;
  return std::max(1u, std::thread::hardware_concurrency());
}

std::string temporary_directory(const Environment& environment) {
  return environment("TMPDIR").value_or("/tmp");
}

RateLimits read_rate_limits(const Options& options, const TableFacts& facts, bool own) {
  return rate_limits({facts.read_units, facts.most_read_units, facts.warm_read_units}, options.max_rcu,
                     options.capacity_percent, own);
}

RateLimits write_rate_limits(const Options& options, const TableFacts& facts, bool own) {
  return rate_limits({facts.write_units, facts.most_write_units, facts.warm_write_units}, options.max_wcu,
                     options.capacity_percent, own);
}

Totals run_transfer(AppContext& context, const Transfer& transfer,
                    const std::function<Sink&(const Source&)>& make_sink) {
  const Options& options = context.options;
  PipelineOptions pipeline;
  pipeline.jobs = effective_jobs(options);
  pipeline.memory_bytes = options.memory_bytes;
  pipeline.writers = transfer.writers;
  pipeline.trust_proven_lines = transfer.trust_proven_lines;
  pipeline.retry = context.stores.retry;
  pipeline.read_bytes_per_second = options.bwlimit_bytes;
  pipeline.temporary_directory = temporary_directory(context.stores.environment);
  pipeline.source_name = transfer.from.url() == "-" ? "standard input" : transfer.from.url();
  if (transfer.with_rejects) {
    pipeline.rejects_file = options.rejects_file;
    pipeline.add_to_rejects = transfer.resumed;
    pipeline.max_rejects = options.max_rejects.value_or(pipeline.max_rejects);
  }

  RateLimiter reads(transfer.reads);
  RateLimiter writes(transfer.writes);
  ReadOptions read;
  read.consistent = transfer.consistent;
  read.segments = options.segments;
  read.jobs = pipeline.jobs;
  read.batch_bytes = plan_memory(options.memory_bytes, pipeline.jobs).batch_bytes;
  read.max_record_bytes = static_cast<std::size_t>(options.memory_bytes / 8);
  read.rate = &reads;
  pipeline.stall = stall_limits(options, transfer.from.url(), context.summary.target);
  pipeline.stall.paced_by = {&reads};
  read.key = transfer.key;
  read.pass_bad_records = !pipeline.rejects_file.empty();
  read.rows = transfer.rows;
  pipeline.rows = transfer.is_rows;

  pipeline.step = transfer.step;
  pipeline.log = transfer.log;
  pipeline.conflicts = transfer.conflicts;
  pipeline.enough = transfer.enough;
  const std::unique_ptr<Source> source = transfer.open_source ? transfer.open_source() : transfer.from.source(read);
  Sink& sink = make_sink(*source);
  // What may hold a key twice is written in order from its beginning.
  Checkpoint* checkpoint = source->distinct_keys() ? transfer.checkpoint : nullptr;
  return run_pipeline(*source, sink, transfer.key, pipeline, writes, context.stats, context.progress.counters(),
                      context.stop, checkpoint);
}

void await_first_bytes(AppContext& context, Store& source) {
  if (!source.is_dump()) return;
  StallLimits limits = stall_limits(context.options, source.url(), "");
  limits.one_segment = true;
  ActivityBoard board(1);
  ActivityBoard::Seat seat(&board);
  const StallWatch watch(std::move(limits), board, context.progress.counters(), context.stats, context.stop);
  seat.doing(Doing::reading);
  source.rereadable();  // looks at what it is
}

Common common_of(AppContext& context, Store& first, Store& second) {
  const TableFacts one = first.describe();
  const TableFacts other = second.describe();
  if (one.dialect != other.dialect) {
    const bool rows_first = one.dialect == kRowsDialect;
    throw Error(ErrorKind::usage, first.url() + (rows_first ? " holds rows, " : " holds items, ") + second.url() +
                                      (rows_first ? " holds items" : " holds rows"));
  }
  if (one.dialect != kRowsDialect) return {common_key(context.options, one, first.url(), other, second.url()), nullptr};
  auto rows = std::make_shared<const RowSchema>(decode_row_schema(one.schema.value().json));
  const RowSchema others = decode_row_schema(other.schema.value().json);
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::refused, first.url() + " and " + second.url() + " cannot be compared: " + what);
  };
  const bool single = rows->tables.size() == 1 && others.tables.size() == 1;
  for (const RowTable& table : rows->tables) {
    const auto same = std::find_if(others.tables.begin(), others.tables.end(), [&](const RowTable& candidate) {
      return single || candidate.full_name() == table.full_name();
    });
    if (same == others.tables.end()) refuse("the second has no table " + table.full_name());
    if (same->columns != table.columns) refuse("the columns of " + table.full_name() + " differ");
  }
  return {std::nullopt, std::move(rows)};
}

ComparedSide compared_side(AppContext& context, Store& store, const Common& common, const std::string& name) {
  ComparedSide side;
  side.name = name;
  side.rereadable = store.rereadable();
  side.run = [&context, &store, &common, name](Sink& sink) {
    const TableFacts facts = store.describe();
    context.progress.phase("reading " + name, facts.records);
    Transfer transfer{.from = store, .key = common.key ? &*common.key : nullptr, .consistent = true};
    transfer.is_rows = common.rows != nullptr;
    transfer.rows = common.rows;
    transfer.reads = read_rate_limits(context.options, facts, false);
    return run_transfer(context, transfer, [&sink](const Source&) -> Sink& { return sink; });
  };
  return side;
}

KeySchema common_key(const Options& options, const TableFacts& first, const std::string& first_name,
                     const TableFacts& second, const std::string& second_name) {
  if (first.schema && second.schema && !(first.schema->key == second.schema->key)) {
    throw Error(ErrorKind::refused, "the key schema differs: " + first_name + " has " + first.schema->key.text() +
                                        ", " + second_name + " has " + second.schema->key.text());
  }
  const auto& known = first.schema ? first.schema : second.schema;
  if (!options.key.empty()) {
    KeySchema given = KeySchema::parse(options.key);
    if (known && !(known->key == given)) {
      throw Error(ErrorKind::refused,
                  (first.schema ? first_name : second_name) + " has the key " + known->key.text() + ", --key says " +
                      options.key,
                  "leave --key out");
    }
    return given;
  }
  if (known) return known->key;
  throw Error(ErrorKind::usage, "neither " + first_name + " nor " + second_name + " says what its key is",
              "give it, for example --key pk:S,sk:S");
}

Comparison compare_stores(AppContext& context, Store& first, Store& second, const Common& common,
                          const std::function<void(Difference, std::string_view)>& show) {
  context.summary.rows = common.rows != nullptr;
  const std::unique_ptr<RecordKeys> keys = common.rows ? keys_of_rows(common.rows) : keys_of_items(*common.key);
  const Comparison result = compare(
      compared_side(context, first, common, first.url()), compared_side(context, second, common, second.url()), *keys,
      temporary_directory(context.stores.environment), context.options.memory_bytes / 4, show, &context.stop);
  context.summary.differences =
      Differences{result.equal, result.only_in_first, result.only_in_second, result.different};
  return result;
}

}  // namespace bulk
