// Rows or items: a table of PostgreSQL can be taken for either (docs/postgresql.md, "Items in a table"), and what
// stands at the other end of a command decides. Every command that reads or writes two stores asks here, before
// anything else is asked of them.
#pragma once

#include <memory>

#include "backends/backend.h"

namespace bulk {

// Makes a table of PostgreSQL on one side a store of items when the other side is a table of items, or a dump of them
// that is there to be read. Error(usage) for a whole database.
void agree_on_model(std::unique_ptr<Store>& first, std::unique_ptr<Store>& second);

}  // namespace bulk
