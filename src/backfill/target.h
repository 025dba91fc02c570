// A job and the table that it is for, as every `bulk backfill` command begins: the file is read, the table opened and
// described, and where the job's parts lie is known. Used by the command's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "src/app_context.h"
#include "src/backfill/job.h"
#include "src/backfill/ledger.h"
#include "src/journal_text.h"

namespace bulk {

struct BackfillTarget {
  BackfillJob job;
  std::unique_ptr<Store> store;
  TableFacts facts;
  std::string target_id;
  BackfillFiles files;
  const KeySchema& key() const { return facts.schema->key; }
  bool is_rows() const { return store->rows() != nullptr; }  // then facts and target_id are empty: see rows.h
};

// Of the first argument, a job file, and --stage. Fills summary.source, target and backfill.job. Error(not_found) when
// there is no such file, stage or table, Error(usage) otherwise.
BackfillTarget open_backfill(AppContext& context, JobUse use = JobUse::whole);

// The folder where ledger, logs and journals are, made if need be. Error(failed) when nothing says where.
void make_backfill_folder(AppContext& context);

// Refuses (13) what would touch a protected table unasked: without --confirm, and with `needs_backup` also without a
// backup, of this run (--backup-first) or an earlier one.
void check_protection(AppContext& context, Store& store, bool has_backup);

// Error(refused) unless the entry is of this table and of this version of the job.
void check_same_job(const BackfillTarget& target, const BackfillEntry& entry);

// Name of the user on whose behalf this process runs.
std::string applied_by();

}  // namespace bulk
