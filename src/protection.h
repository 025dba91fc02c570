// Which rules of bulk.toml apply to a table, however it was named (protection belongs to the table, not to the word on
// the command line). A table is compared, by Store::identity_text(), with the source of every stage that has the
// property in question. Sends nothing but what identity_text() itself asks for.
//
// - What a stage leaves open (region, endpoint, profile) is taken to be the table's own, because `--stage S --region R`
// would
//   name exactly that table.
// - Of a pattern, stages are derived from the table's URL: a piece of it that fits the piece of the source in which
// `{stage}`
//   stands.
// - A stage whose source is `S-main-table` also owns `S-NAME-table` (what --table NAME means), unless that is the main
// table
//   of a stage with a rule of its own.
// - Fail safe: a stage whose table's name fits but whose identity cannot be found out here (an unset variable, an
// unknown profile,
//   credentials that do not answer) counts as being that table. Variables of other stages need not be set.
#pragma once

#include <optional>
#include <string>

#include "backends/registry.h"
#include "src/config.h"

namespace bulk {

// The name of the protected stage whose table `table` is (a pattern where no stage's name can be derived), or nothing.
std::optional<std::string> protecting_stage(const Config& config, Store& table, const StoreContext& context);
// The same for stages with `encrypt_to`.
std::optional<std::string> encrypting_stage(const Config& config, Store& table, const StoreContext& context);

// Do two Store::identity_text() mean the same table? One that does not know its account, or an SQLite file's only table
// whose name was left out, is taken to be the same; a table of a PostgreSQL database belongs to the database.
bool same_identity(const std::string& a, const std::string& b);

}  // namespace bulk
