// bulk diff A B: which records differ between two tables or dumps, one line a key on standard output.
#include "io/error.h"
#include "src/commands/commands.h"
#include "src/job.h"
#include "src/models.h"
#include "src/text.h"

namespace bulk {
namespace {

// As people read it ("-" only in A, "+" only in B, "~" in both with other content), and as programs do.
std::string human_line(Difference difference, std::string_view key_text) {
  const char* mark = difference == Difference::only_in_first    ? "- "
                     : difference == Difference::only_in_second ? "+ "
                                                                : "~ ";
  return mark + std::string(key_text) + "\n";
}

std::string json_line(Difference difference, std::string_view key_text) {
  const char* state = difference == Difference::only_in_first    ? "only_in_source"
                      : difference == Difference::only_in_second ? "only_in_target"
                                                                 : "different";
  return std::string("{\"message_type\":\"difference\",\"state\":\"") + state + "\",\"key\":" + std::string(key_text) +
         "}\n";
}

}  // namespace

void run_diff(AppContext& context) {
  std::unique_ptr<Store> first = context.open(context.endpoint(context.argument(0), "A"));
  std::unique_ptr<Store> second = context.open(context.endpoint(context.argument(1), "B"));
  context.summary.source = first->url();
  context.summary.target = second->url();
  for (Store* side : {first.get(), second.get()}) await_first_bytes(context, *side);
  agree_on_model(first, second);
  const Common common = common_of(context, *first, *second);
  if (common.rows) common_of(context, *second, *first);  // a table that only one of them has is a difference
  const bool json = context.options.json;
  const Comparison result =
      compare_stores(context, *first, *second, common, [&](Difference difference, std::string_view key_text) {
        context.out.write(json ? json_line(difference, key_text) : human_line(difference, key_text));
      });
  context.out.flush();
  context.summary.read = result.first.records;
  context.summary.digest = result.first.digest;
  if (result.same()) {
    context.summary.verified = Verified::content;
    return;
  }
  throw Error(ErrorKind::corrupt, counted(result.only_in_first, "record") + " only in " + first->url() + ", " +
                                      with_separators(result.only_in_second) + " only in " + second->url() + ", " +
                                      with_separators(result.different) + " with other content");
}

}  // namespace bulk
