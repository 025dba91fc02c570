// The shipped Node program that runs migration modules: `{ shouldMigrate, transform, rollback }` over plain values, as
// a filter co-process (src/filter_program.h). Its source, src/filter_helper.mjs, says what a module may look like and
// which value becomes what; CMake puts it into this program, so that nothing has to be installed beside it. Needs a
// `node` of version 18 or later in PATH. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/filter_program.h"

namespace bulk {

enum class ModuleMode {
  transform,  // transform(item) of the items that shouldMigrate(item) wants; the others come back as they were
  rollback,   // rollback(item) of every item
};

// The command for `module`, a path seen from `directory` (the folder of the job file; empty: ours). `keys` are the
// names of the table's key attributes: errors then name the item by its key instead of showing the line.
FilterCommand module_command(const std::string& module, const std::string& directory, ModuleMode mode,
                             const std::vector<std::string>& keys = {});

// The text of src/filter_helper.mjs.
std::string_view filter_helper_text() noexcept;

}  // namespace bulk
