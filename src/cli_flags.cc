#include "src/cli_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "codecs/json_text.h"
#include "io/error.h"
#include "src/cli.h"
#include "src/text.h"

namespace bulk {

namespace {

constexpr unsigned kMaxJobs = 1024;
constexpr unsigned kMaxSegments = 1'000'000;  // DynamoDB's own limit of TotalSegments
constexpr std::uint64_t kMinMemoryBytes = 8u << 20;
constexpr unsigned kMaxStallSeconds = 86'400;
constexpr std::size_t kMaxReasonCharacters = 500;
constexpr std::uint64_t kMaxRecords = 1'000'000'000'000;

std::string variable_of(std::string_view flag) {
  std::string name = "BULK_";
  for (const char c : flag.substr(2))
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

[[noreturn]] void bad_value(const std::string& flag, const std::string& wanted, const std::string& given) {
  throw Error(ErrorKind::usage, fmt::format("{} wants {}, not \"{}\"", flag, wanted, given));
}

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size();
}

template <typename Number>
Number number_between(const std::string& flag, const std::string& given, Number least, Number most,
                      const char* also = "") {
  Number number{};
  if (!parse_number(given, number) || number < least || number > most) {
    bad_value(flag, fmt::format("a number from {} to {}{}", least, most, also), given);
  }
  return number;
}

std::string long_name(const std::string& names) {
  return names.substr(names.find("--"));
}

}  // namespace

void no_value(const std::string& flag) {
  throw Error(ErrorKind::usage, flag + " wants a value, not an empty one");
}

void Flags::argument(const char* name, const char* help, bool required) {
  app_.add_option_function<std::string>(
          name, [this](const std::string& given) { options_.arguments.push_back(given); }, help)
      ->required(required);
}

CLI::Option* Flags::text(const std::string& names, std::string Options::*field, const char* type, const char* help) {
  return value(names, type, help,
               [this, field](const std::string&, const std::string& given) { options_.*field = given; });
}

void Flags::shared() {
  text("--config", &Options::config_file, "FILE", "use this bulk.toml");
  text("--stage", &Options::stage, "STAGE", "a stage of bulk.toml");
  flag("--json", &Options::json, "JSON lines on standard output, the last one is the summary");
  flag("-q,--quiet", &Options::quiet, "nothing but errors and warnings");
  app_.add_flag("-v,--verbose", options_.verbose, "more often a line of progress")->envname("BULK_VERBOSE");
}

void Flags::progress() {
  value("--progress", "auto|bar|plain|none", "how progress is shown",
        [this](const std::string& name, const std::string& given) {
          if (given == "auto") {
            options_.progress = ProgressMode::automatic;
          } else if (given == "bar") {
            options_.progress = ProgressMode::bar;
          } else if (given == "plain") {
            options_.progress = ProgressMode::plain;
          } else if (given == "none") {
            options_.progress = ProgressMode::none;
          } else {
            bad_value(name, "auto, bar, plain or none", given);
          }
        });
}

void Flags::connection() {
  text("--profile", &Options::profile, "PROFILE", "AWS profile");
  text("--region", &Options::region, "REGION", "AWS region");
  text("--endpoint-url", &Options::endpoint_url, "URL", "where DynamoDB answers");
}

void Flags::table() {
  text("--table", &Options::table, "NAME", "table within the stage: S-NAME-table, or a full table name");
}

void Flags::tables() {
  app_.add_option_function<std::vector<std::string>>(
          "--table",
          [this](const std::vector<std::string>& given) {
            for (const std::string& table : given) {
              if (table.empty()) no_value(as_given("--table"));
            }
            options_.tables = given;
            options_.table = given.back();
          },
          "of a dump of rows: only these tables, such as public.orders or public.*; else the table within the stage")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->take_all()
      ->envname(variable_of("--table"));
}

void Flags::owners() {
  app_.add_flag_function(
          "--no-owner", [this](std::int64_t given) { options_.owners = given <= 0; },
          "with --create of a database: without its owners and privileges")
      ->envname("BULK_NO_OWNER");
}

void Flags::not_consistent() {
  flag("--not-consistent", &Options::not_consistent,
       "with --resume of a database's backup: the rest is of another point in time");
}

void Flags::work() {
  value("-j,--jobs", "N|auto", "parallel work on this machine",
        [this](const std::string& name, const std::string& given) {
          options_.jobs = given == "auto" ? 0 : number_between(name, given, 1u, kMaxJobs, ", or auto");
        });
  value("--bwlimit", "RATE", "read at most so many bytes of records per second, such as 20M",
        [this](const std::string& name, const std::string& given) {
          if (!parse_size(given, options_.bwlimit_bytes) || options_.bwlimit_bytes == 0) {
            bad_value(name, "a rate such as 20M", given);
          }
        });
  value("--memory", "SIZE", "hard bound of buffers (256M)", [this](const std::string& name, const std::string& given) {
    if (!parse_size(given, options_.memory_bytes)) bad_value(name, "a size such as 256M or 1GiB", given);
    if (options_.memory_bytes < kMinMemoryBytes) bad_value(name, "at least 8M", given);
  });
  value("--stall-timeout", "SECONDS", "give up when nothing has moved for so long (600; 0: never)",
        [this](const std::string& name, const std::string& given) {
          options_.stall_timeout_s = number_between(name, given, 0u, kMaxStallSeconds);
        });
}

void Flags::reading() {
  value("--segments", "N|auto", "segments of a table's scan",
        [this](const std::string& name, const std::string& given) {
          if (given == "auto") {
            options_.segments.reset();
          } else {
            options_.segments = number_between(name, given, 1u, kMaxSegments, ", or auto");
          }
        });
  units("--max-rcu", &Options::max_rcu, "at most so many read units per second");
  capacity();
}

void Flags::writing() {
  units("--max-wcu", &Options::max_wcu, "at most so many write units per second");
}
void Flags::capacity() {
  value("--capacity-percent", "P", "share of a table's capacity (50; 100 of a table made or found empty)",
        [this](const std::string& name, const std::string& given) {
          options_.capacity_percent = number_between(name, given, 1, 100);
        });
}

void Flags::level() {
  value("--level", "1..19", "zstd level (3)", [this](const std::string& name, const std::string& given) {
    options_.level = number_between(name, given, 1, 19);
  });
}

void Flags::consistent_read() {
  flag("--consistent-read", &Options::consistent_read, "strongly consistent reads, at twice the cost");
}

void Flags::resume() {
  flag("--resume", &Options::resume, "go on where an unfinished run of the same work stopped");
}

void Flags::reason() {
  value("--reason", "TEXT", "why, for bulk history", [this](const std::string& name, const std::string& given) {
    const auto characters = std::count_if(given.begin(), given.end(),
                                          [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    if (!valid_utf8(given) || printable(given) != given) {
      throw Error(ErrorKind::usage, name + " wants a text without control characters");
    }
    if (static_cast<std::size_t>(characters) > kMaxReasonCharacters) {
      throw Error(ErrorKind::usage,
                  fmt::format("{} wants at most {} characters, not {}", name, kMaxReasonCharacters, characters));
    }
    options_.reason = given;
  });
}

void Flags::dry_run() {
  flag("-n,--dry-run", &Options::dry_run, "say what would be done, change nothing");
}
void Flags::no_verify() {
  app_.add_flag_function(
          "--no-verify", [this](std::int64_t given) { options_.verify = given <= 0; },
          "do not read back what was written")
      ->envname("BULK_NO_VERIFY");
}

void Flags::consent() {
  flag("-y,--yes", &Options::yes, "do not ask");
  text("--confirm", &Options::confirm, "STAGE", "yes, the table of this protected stage");
}

void Flags::key() {
  text("--key", &Options::key, "PK:T,SK:T", "the table's key, where no schema says it (types S, N, B)");
}

void Flags::target() {
  flag("--create", &Options::create, "make the table, from the schema of the source");
  key();
  flag("--force", &Options::force, "the table holds data: records with the same key are replaced");
  flag("--only-missing", &Options::only_missing, "leave records alone whose key is there");
  rejects();
}

void Flags::rejects() {
  text("--rejects", &Options::rejects_file, "FILE", "write bad records here and go on");
  value("--max-rejects", "N", "give up after so many", [this](const std::string& name, const std::string& given) {
    options_.max_rejects = number_between<std::uint64_t>(name, given, 0, kMaxRecords);
  });
}

void Flags::where() {
  text("--where", &Options::where, "EXPR",
       "only records for which this condition holds (items: DynamoDB's; rows of a backfill: SQL): \"n > 3 AND stage = "
       "'a'\"");
}

void Flags::selection() {
  where();
  text("--transform", &Options::transform, "JOB.toml", "change records on the way, as this backfill job says");
}

void Flags::backfill() {
  limit("change at most so many records, the next run goes on");
  text("--until", &Options::until, "HH:MM", "stop at this time of day, the next run goes on");
  flag("--backup-first", &Options::backup_first, "take a dump of the table before, and verify it");
  value("--write", "update|put", "update: only what changes, where it is as it was read (default); put: whole records",
        [this](const std::string& name, const std::string& given) {
          if (given != "update" && given != "put") bad_value(name, "update or put", given);
          options_.write_put = given == "put";
        });
}

void Flags::sample() {
  value("--sample", "N", "with --dry-run: look at about so many records only",
        [this](const std::string& name, const std::string& given) {
          options_.sample = number_between<std::uint64_t>(name, given, 1, kMaxRecords);
        });
}

void Flags::limit(const char* help) {
  value("--limit", "N", help, [this](const std::string& name, const std::string& given) {
    options_.limit = number_between<std::uint64_t>(name, given, 1, kMaxRecords);
  });
}

void Flags::flag(const std::string& names, bool Options::*field, const char* help) {
  app_.add_flag(names, options_.*field, help)->envname(variable_of(long_name(names)));
}

CLI::Option* Flags::value(const std::string& names, const char* type, const char* help, Take take) {
  return app_
      .add_option_function<std::string>(
          names,
          [this, names, take = std::move(take)](const std::string& given) {
            const std::string name = as_given(names);
            // `--stage "$STAGE"` with an unset variable must not mean "no stage".
            if (given.empty()) no_value(name);
            take(name, given);
          },
          help)
      ->type_name(type)
      ->take_last()
      ->envname(variable_of(long_name(names)));
}

void Flags::units(const std::string& name, double Options::*field, const char* help) {
  value(name, "N", help, [this, field](const std::string& flag, const std::string& given) {
    double number = 0;
    if (!parse_number(given, number) || !std::isfinite(number) || number <= 0)
      bad_value(flag, "a number above 0", given);
    options_.*field = number;
  });
}

// The flag or, where it was not given, the variable that the value must have come from.
std::string Flags::as_given(const std::string& names) const {
  std::string name = long_name(names);
  const std::string brief = names.starts_with("--") ? name : names.substr(0, 2);
  for (const std::string& argument : arguments_) {
    const bool is_long = argument.starts_with("--");
    if (is_long ? argument == name || argument.starts_with(name + "=") : argument.starts_with(brief)) return name;
  }
  return variable_of(name);
}

bool parse_size(std::string_view text, std::uint64_t& bytes) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || number == 0) return false;
  std::string unit;
  for (const char c : text.substr(static_cast<std::size_t>(end - text.data()))) {
    unit += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  if (unit.ends_with("IB")) {
    unit.resize(unit.size() - 2);
    if (unit.empty()) return false;
  } else if (unit.ends_with("B")) {
    unit.pop_back();
  }
  static constexpr std::string_view kUnits = "KMGT";
  unsigned shift = 0;
  if (!unit.empty()) {
    const std::size_t power = kUnits.find(unit);
    if (unit.size() != 1 || power == std::string_view::npos) return false;
    shift = 10 * (static_cast<unsigned>(power) + 1);
  }
  if (number > (UINT64_MAX >> shift)) return false;
  bytes = number << shift;
  return true;
}

}  // namespace bulk
