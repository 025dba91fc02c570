#include "src/backfill/selection.h"

#include <fmt/format.h>

#include "codecs/json_check.h"
#include "io/error.h"
#include "src/backfill/where.h"

namespace bulk {
namespace {

// One step after another.
class StepChain : public RecordStep {
 public:
  explicit StepChain(std::vector<std::unique_ptr<RecordStep>>& steps) : steps_(steps) {}

  bool waits() const override {
    for (const auto& step : steps_) {
      if (step->waits()) return true;
    }
    return false;
  }

  std::unique_ptr<RecordWorker> worker() override {
    auto chain = std::make_unique<Workers>();
    for (const auto& step : steps_) chain->workers.push_back(step->worker());
    return chain;
  }

 private:
  struct Workers : RecordWorker {
    void apply(Batch& batch, Tally& tally, Rejects& rejects) override {
      for (const auto& worker : workers) worker->apply(batch, tally, rejects);
    }
    void finish() override {
      for (const auto& worker : workers) worker->finish();
    }
    std::vector<std::unique_ptr<RecordWorker>> workers;
  };

  std::vector<std::unique_ptr<RecordStep>>& steps_;
};

}  // namespace

Selection::Selection(AppContext& context, bool wanted)
    : context_(context), where_(wanted ? context.options.where : std::string()) {
  if (!where_.empty()) parse_where(where_);
  if (wanted && !context.options.transform.empty()) job_ = read_job(context.options.transform);
}

std::string Selection::json(const std::string& before) const {
  if (!any()) return before;
  std::string text = "{";
  const auto add = [&](const char* name, const std::string& json) {
    text += fmt::format("{}\"{}\":{}", text.size() > 1 ? "," : "", name, json);
  };
  if (!where_.empty()) add("where", json_quoted(where_));
  if (job_) {
    add("transform", json_quoted(job_->name));
    add("checksum", json_quoted(job_->checksum));
  }
  if (!before.empty()) add("of", before);
  return text + "}";
}

RecordStep* Selection::step(const KeySchema* key) {
  if (!any()) return nullptr;
  if (job_ && key == nullptr) {
    throw Error(ErrorKind::usage, "--transform needs to know the key of the records, and the source does not say it",
                "give it, for example --key pk:S,sk:S");
  }
  steps_.clear();
  if (!where_.empty()) steps_.push_back(std::make_unique<WhereStep>(where_));
  if (job_) {
    rules_.emplace(*job_, *key, "", true, context_.options.memory_bytes / kBatchShare);
    steps_.push_back(std::make_unique<ChangeStep>(*rules_, ChangeMode::rewrite, 0, none_, context_.stop));
  }
  all_ = std::make_unique<StepChain>(steps_);
  return all_.get();
}

}  // namespace bulk
