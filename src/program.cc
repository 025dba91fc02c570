#include "src/program.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <optional>

#include "io/error.h"
#include "src/app_context.h"
#include "src/backfill/run.h"
#include "src/cli.h"
#include "src/commands/commands.h"
#include "src/exit_status.h"
#include "src/resume.h"
#include "src/run_record.h"

namespace bulk {

namespace {

struct Command {
  const char* name;
  void (*run)(AppContext&);
};

constexpr Command kCommands[] = {
    {"backup", run_backup},
    {"restore", run_restore},
    {"copy", run_copy},
    {"verify", run_verify},
    {"diff", run_diff},
    {"list", run_list},
    {"history", run_history},
    {"inspect", run_inspect},
    {"cat", run_cat},
    {"drop", run_drop},
    {"backfill create", create_backfill},
    {"backfill run", run_backfill},
    {"backfill verify", verify_backfill},
    {"backfill rollback", roll_back_backfill},
    {"backfill status", show_backfills},
};

void to_standard_error(const std::string& text) {
  std::fputs(text.c_str(), stderr);
}

// The exception being handled.
Error current_error(const Stop& stop) {
  try {
    // What a thread threw because the job was stopping is not the cause.
    if (stop.stopped()) stop.check();
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ErrorKind::failed, "out of memory", "lower --memory, --jobs or --segments"};
  } catch (const std::exception& error) {
    return {ErrorKind::failed, error.what()};
  }
}

// The next command to type, where there is something to go on from.
Error with_way_on(const Error& error, const AppContext& context) {
  if (!context.resume || !context.resume->helps(error.kind())) return error;
  return error.with_next_action("go on with: " + context.options.resume_command);
}

// Wrong usage ends before there are Options.
int report_usage(const Error& error, const std::vector<std::string>& arguments) {
  to_standard_error("bulk: " + error.line() + "\n");
  if (std::find(arguments.begin(), arguments.end(), "--json") != arguments.end()) {
    Summary summary;
    summary.command = arguments.front().starts_with("-") ? "" : arguments.front();
    summary.error = error;
    std::puts(summary_json(summary).c_str());
    std::fflush(stdout);
  }
  return exit_status(error);
}

class Run {
 public:
  Run(const Options& options, Stop& stop) : options_(options), stop_(stop) {
    summary_.command = options.command;
    summary_.dry_run = options.dry_run;
  }

  int operator()(const Environment& environment) {
    const auto started = std::chrono::steady_clock::now();
    std::unique_ptr<AppContext> context;
    std::optional<RunRecord> record;
    try {
      context = std::make_unique<AppContext>(options_, stop_, environment, summary_, out_);
      record.emplace(*context);
      const auto* command = std::find_if(std::begin(kCommands), std::end(kCommands),
                                         [&](const Command& known) { return known.name == options_.command; });
      command->run(*context);
      out_.flush();
    } catch (...) {
      summary_.error = current_error(stop_);
      if (context) summary_.error = with_way_on(*summary_.error, *context);
    }
    summary_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    if (context) {
      context->progress.done();
      summary_.take(context->stats);
    }
    print();
    if (record) warn(record->end(summary_));
    const bool finished = !summary_.error || summary_.error->kind() == ErrorKind::rejected;
    if (finished && context && context->resume) end_work(*context->resume);
    return summary_.error ? exit_status(*summary_.error) : 0;
  }

 private:
  void print() {
    try {
      if (options_.json) out_.write(summary_json(summary_) + "\n");
      out_.flush();
    } catch (const Error& error) {
      // A result that nobody received is a failure; an earlier error stays the cause.
      if (!summary_.error) summary_.error = error;
    }
    if (!options_.json && !options_.quiet) to_standard_error(summary_text(summary_));
    // As other filters do when their reader goes away.
    if (!summary_.error || summary_.error->signal() == SIGPIPE) return;
    to_standard_error("bulk: " + summary_.error->line() + "\n");
  }

  // Only now that the result has been reported: whoever is killed before this is told it by the next run.
  void end_work(Resume& work) {
    try {
      work.end();
    } catch (const Error& error) {
      warn(error.line());
    }
  }

  // After the summary, where there is no other place for it.
  static void warn(const std::string& what) {
    if (!what.empty()) to_standard_error("bulk: warning: " + what + "\n");
  }

  const Options& options_;
  Stop& stop_;
  Summary summary_;
  StandardOutput out_;
};

// A request under way is a connection, and thousands of them may be; many systems begin with 1,024 descriptors.
void raise_descriptor_limit() {
  constexpr rlim_t kWanted = 8'192;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(kWanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int run_program(const std::vector<std::string>& arguments, const Environment& environment, Stop& stop) {
  CommandLine line;
  try {
    line = parse_command_line(arguments);
  } catch (const Error& error) {
    return report_usage(error, arguments);
  }
  if (!line.text.empty()) {
    std::FILE* to = line.asked_for ? stdout : stderr;
    const bool written = std::fputs(line.text.c_str(), to) >= 0 && std::fflush(to) == 0;
    return !line.asked_for ? exit_status(ErrorKind::usage, 0) : written ? 0 : exit_status(ErrorKind::failed, 0);
  }
  raise_descriptor_limit();
  return Run(line.options, stop)(environment);
}

}  // namespace bulk
