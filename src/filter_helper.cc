#include "src/filter_helper.h"

#include <filesystem>

namespace bulk {

FilterCommand module_command(const std::string& module, const std::string& directory, ModuleMode mode,
                             const std::vector<std::string>& keys) {
  FilterCommand command;
  command.arguments = {"node", "--input-type=module", "--eval", std::string(filter_helper_text()), "--", module};
  command.arguments.emplace_back(mode == ModuleMode::rollback ? "rollback" : "transform");
  command.arguments.insert(command.arguments.end(), keys.begin(), keys.end());
  command.directory = directory;
  command.name = "module " + std::filesystem::path(module).filename().string();
  return command;
}

}  // namespace bulk
