// bulk backfill create NAME: writes a commented job file into migrations/. The other verbs are in src/backfill.
#include <filesystem>

#include "io/error.h"
#include "io/file.h"
#include "src/backfill/job.h"
#include "src/commands/commands.h"

namespace bulk {

void create_backfill(AppContext& context) {
  const std::string name = context.argument(0);
  const std::string text = new_job_text(name);
  const std::filesystem::path folder = context.options.to.empty() ? "migrations" : context.options.to;
  const std::string path = (folder / (name + ".toml")).string();
  make_folder_of(path);
  {
    File file = File::create_new(path);
    file.write(text);
    file.sync();
  }
  sync_folder_of(path);
  context.summary.target = path;
  if (!context.options.json) context.out.write(path + "\n");
}

}  // namespace bulk
