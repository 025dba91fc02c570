// Whatever the service does within its permitted faults, a backup, restore or copy ends with equal content, or it ends
// with an honest error and --resume then completes it with equal content.
//
// Each seed draws a job, a table and a mix of faults (fault_server_mix.h); the commands run in this process against the
// fault-injecting server, and the server judges the result. Variables for long runs and for repeating a failure:
// BULK_FAULT_SEEDS (number of mixes), BULK_FAULT_FIRST_SEED.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "src/app_context.h"
#include "src/commands/commands.h"
#include "src/exit_status.h"
#include "src/resume.h"
#include "tests/fault_server.h"
#include "tests/fault_server_mix.h"
#include "tests/support/dump_files.h"
#include "tests/support/temp_dir.h"

namespace bulk::test {
namespace {

using testing::IsEmpty;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Outcome {
  std::optional<Error> error;
  Summary summary;
  int status() const { return error ? exit_status(*error) : 0; }
};

// What many runs came to.
struct Tally {
  std::map<std::string, std::uint64_t> faults, statuses;
  std::uint64_t mixes = 0, injected = 0, resumed = 0, records_resumed = 0;

  void print(const char* title) const {
    std::cout << title << ": " << mixes << " mixes, " << injected << " faults (";
    const char* separator = "";
    for (const auto& [name, count] : faults) std::cout << std::exchange(separator, ", ") << name << ' ' << count;
    std::cout << "); first runs by status:";
    for (const auto& [status, count] : statuses) std::cout << ' ' << status << " x" << count;
    std::cout << "; " << resumed << " runs resumed, with " << records_resumed << " records done before" << std::endl;
  }
};

class MixRun {
 public:
  MixRun(const Mix& mix, Tally& tally) : mix_(mix), tally_(tally), lines_(mix_lines(mix)) {
    std::ofstream(folder_.file("fetch.sh"))
        << "echo >> '" << folder_.file("fetched") << "'; n=$(wc -l < '" << folder_.file("fetched") << "'); "
        << R"(echo '{"Version":1,"AccessKeyId":"AKID'$n'","SecretAccessKey":"s"}')";
    std::ofstream(folder_.file("config"))
        << "[default]\ncredential_process = /bin/sh " << folder_.file("fetch.sh") << "\n";
    options_.quiet = true;
    options_.progress = ProgressMode::none;
    options_.jobs = 6;
    options_.memory_bytes = 8u << 20;  // batches of about 70 KB, and the largest item still fits
    options_.segments = mix.segments;
  }

  void operator()() {
    prepare();
    server_.set(mix_.faults);
    Outcome outcome = run(false);
    ++tally_.mixes;
    ++tally_.statuses[std::to_string(outcome.status())];
    if (outcome.status() == 0 && !mix_.silences()) {
      // With timeouts so long that no good reply comes too late.
      EXPECT_THAT(server_.put_again("target"), IsEmpty());
    }
    if (outcome.status() != 0) outcome = resume_after(outcome);
    for (const auto& fault : server_.injected()) {
      ++tally_.injected;
      ++tally_.faults[fault_name(fault.kind)];
    }
    ASSERT_EQ(outcome.status(), 0) << outcome.error->line();
    EXPECT_EQ(content_problem(), "");
    EXPECT_EQ(outcome.summary.verified,
              mix_.job == MixJob::restore_missing ? Verified::acknowledged : Verified::content);
  }

 private:
  bool from_table() const {
    return mix_.job == MixJob::backup || mix_.job == MixJob::copy_tables || mix_.job == MixJob::copy_out;
  }
  bool into_table() const { return mix_.job != MixJob::backup && mix_.job != MixJob::copy_out; }
  std::string dump() const { return folder_.file("source.jsonl.zst"); }
  std::string sqlite() const { return "sqlite:" + folder_.file("store.db") + "#t"; }

  // The source, made by sound runs, and what is in the target before.
  void prepare() {
    server_.create_table(create_body(mix_, "source"));
    for (const std::string& line : lines_) server_.put("source", std::string(item_of_line(line)));
    expected_ = lines_;
    Options sound = options_;
    if (into_table() && mix_.job != MixJob::copy_tables) {
      sound.arguments = {server_.url("source")};
      if (mix_.job == MixJob::copy_in) {
        sound.command = "copy";
        sound.arguments.push_back(sqlite());
        sound.create = true;
      } else {
        sound.command = "backup";
        sound.to = dump();
      }
      const Outcome made = run_command(sound);
      ASSERT_EQ(made.status(), 0) << made.error->line();
    }
    if (mix_.job == MixJob::restore_empty || mix_.job == MixJob::restore_missing) {
      server_.create_table(create_body(mix_, "target"));
    }
    if (mix_.job != MixJob::restore_missing) return;
    for (std::size_t i = 0; i < mix_.items + 10; i += 3) {
      const std::string old = other_content(mix_, i);
      server_.put("target", old);
      if (i < expected_.size()) {
        expected_[i] = old;
      } else {
        expected_.push_back(old);
      }
    }
  }

  Options options_of_job() const {
    Options options = options_;
    options.command = mix_.job == MixJob::backup ? "backup" : mix_.job >= MixJob::copy_tables ? "copy" : "restore";
    options.arguments = {from_table() ? server_.url("source") : mix_.job == MixJob::copy_in ? sqlite() : dump()};
    if (mix_.job == MixJob::backup) options.to = dump();
    if (options.command == "restore") options.to = server_.url("target");
    if (options.command == "copy")
      options.arguments.push_back(mix_.job == MixJob::copy_out ? sqlite() : server_.url("target"));
    options.create = mix_.job == MixJob::restore_created || options.command == "copy";
    options.only_missing = mix_.job == MixJob::restore_missing;
    return options;
  }

  Outcome run(bool resume) {
    Options options = options_of_job();
    options.resume = resume;
    return run_command(options);
  }

  Outcome run_command(const Options& options) {
    std::map<std::string, std::string> variables = {{"HOME", folder_.path().string()},
                                                    {"TMPDIR", folder_.path().string()},
                                                    {"AWS_EC2_METADATA_DISABLED", "true"},
                                                    {"AWS_CONFIG_FILE", folder_.file("config")}};
    if (mix_.keys_fixed) {
      variables["AWS_ACCESS_KEY_ID"] = "FIXED" + std::to_string(signed_in_);
      variables["AWS_SECRET_ACCESS_KEY"] = "s";
    }
    const Environment environment = [&variables](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
    Stop stop;
    StandardOutput out;
    Outcome outcome;
    try {
      AppContext context(options, stop, environment, outcome.summary, out);
      set_patience(context.stores);
      (options.command == "backup" ? run_backup : options.command == "copy" ? run_copy : run_restore)(context);
      // As main does when the run has been reported.
      if (context.resume) context.resume->end();
    } catch (const Error& error) {
      outcome.error = error;
    } catch (const std::exception& error) {
      outcome.error = Error(ErrorKind::failed, error.what());
    }
    return outcome;
  }

  void set_patience(StoreContext& stores) const {
    using std::chrono::milliseconds;
    stores.retry.transient_base = milliseconds(2);
    stores.retry.throttled_base = milliseconds(4);
    stores.retry.cap = milliseconds(100);
    if (mix_.silences()) stores.timeouts.stall_ms = 200;
    if (!mix_.gives_up || patient_) return;
    stores.retry.give_up_after = stores.retry.throttled_give_up_after = milliseconds(0);
    stores.retry.min_attempts = 2;
  }

  // The run has failed: honestly? Then it is resumed until it is done.
  Outcome resume_after(Outcome outcome) {
    constexpr int kRuns = 10;  // the last ones against a server without faults, and with patience
    for (int number = 1; number <= kRuns && outcome.status() != 0; ++number) {
      // A key that stays expired, or keys that expire faster than sixteen writers can have new ones.
      const bool expired = mix_.faults.expire > 0 && outcome.status() == 2;
      EXPECT_TRUE(outcome.status() == 5 || expired) << outcome.error->line();
      if (mix_.job == MixJob::backup) {
        EXPECT_FALSE(std::filesystem::exists(dump())) << "a dump under its final name after a failure";
      } else if (into_table() && server_.has_table("target")) {
        EXPECT_EQ(server_.differences("target", expected_, FaultServer::Held::some), "");
      }
      if (testing::Test::HasFailure()) return outcome;
      ++signed_in_;
      ++tally_.resumed;
      patient_ = number > 6;
      if (patient_ || mix_.heals) server_.set(mix_.sound());
      outcome = run(true);
      tally_.records_resumed += outcome.summary.resumed;
    }
    return outcome;
  }

  // Compares what the job has made with the truth, both ways. Empty: equal.
  std::string content_problem() {
    if (std::string problem = server_.differences("source", lines_); !problem.empty()) return problem;
    if (into_table()) return server_.differences("target", expected_);
    Stop stop;
    RequestStats stats;
    StoreContext context{stop, stats, [](const std::string&) { return std::nullopt; }, "", "", "", ""};
    const auto store = open_store(mix_.job == MixJob::backup ? dump() : sqlite(), context);
    return server_.differences("source", read_lines(*store));
  }

  Mix mix_;
  Tally& tally_;
  TempDir folder_;
  std::vector<std::string> lines_, expected_;
  FaultServer server_{mix_.sound()};
  Options options_;
  int signed_in_ = 1;
  bool patient_ = false;
};

void run_mixes(const char* title, std::uint64_t count, bool gives_up) {
  Tally tally;
  const std::uint64_t first = setting("BULK_FAULT_FIRST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + setting("BULK_FAULT_SEEDS", count); ++seed) {
    const Mix mix = draw_mix(seed, gives_up);
    SCOPED_TRACE(mix.text());
    MixRun(mix, tally)();
    if (testing::Test::HasFailure()) break;
  }
  tally.print(title);
}

TEST(FaultProperty, AnyMixEndsWithEqualContentOrHonestlyAndIsResumed) {
  run_mixes("fault mixes", 28, false);
}

TEST(FaultProperty, AnyMixThatMakesTheProgramGiveUpIsResumed) {
  run_mixes("fault mixes with early giving up", 12, true);
}

TEST(FaultProperty, RepeatsItselfWithOneThread) {
  const auto faults_of = [](std::uint64_t seed) {
    Mix mix;
    mix.key = {{"pk", 'S'}};
    mix.items = 300;
    mix.faults.seed = seed;
    mix.faults.page_items = 5;
    mix.faults.throttle = mix.faults.unavailable = mix.faults.cut_json = mix.faults.empty_page = 0.1;
    FaultServer server(mix.faults);
    server.create_table(create_body(mix, "source"));
    for (const std::string& line : mix_lines(mix)) server.put("source", std::string(item_of_line(line)));
    Stop stop;
    RequestStats stats;
    const auto environment = [](const std::string& name) -> std::optional<std::string> {
      return name == "AWS_ACCESS_KEY_ID" || name == "AWS_SECRET_ACCESS_KEY" ? std::optional<std::string>("x")
                                                                            : std::nullopt;
    };
    StoreContext context{stop, stats, environment, "bulk-test", "", "", ""};
    context.retry.transient_base = context.retry.throttled_base = std::chrono::milliseconds(1);
    ReadOptions one_segment;
    one_segment.segments = 1;
    const auto store = open_store(server.url("source"), context);
    EXPECT_EQ(server.differences("source", read_lines(*store, one_segment)), "");
    return server.injected();
  };
  const auto once = faults_of(1);
  EXPECT_GT(once.size(), 10u);
  EXPECT_TRUE(once == faults_of(1));
  EXPECT_FALSE(once == faults_of(2));
}

}  // namespace
}  // namespace bulk::test
