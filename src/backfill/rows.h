// `bulk backfill` of a table of rows (docs/postgresql.md, "Backfill of rows"): what the commands of run.h do when the
// store holds rows. The work itself is in backends/postgres/row_*; here are options, summary, reports and the order of
// things. Used by the command's thread.
#pragma once

#include <memory>
#include <string>

#include "backends/postgres/row_backfill.h"
#include "src/app_context.h"
#include "src/backfill/job.h"
#include "src/backfill/rows_program.h"
#include "src/backfill/target.h"

namespace bulk {

void run_rows(AppContext& context, BackfillTarget& target);
void preview_rows(AppContext& context, BackfillTarget& target);
void verify_rows(AppContext& context, BackfillTarget& target);
void roll_back_rows(AppContext& context, BackfillTarget& target);
void show_rows(AppContext& context, BackfillTarget& target);
// All jobs in the ledger of the stage's database. False: there is no stage, or it is none of rows.
bool show_all_rows(AppContext& context);

// The table and, where the file is more than a name, what the job means for it.
struct RowsJob {
  std::unique_ptr<RowSession> session;
  std::unique_ptr<RowsProgram> program;
  std::unique_ptr<RowSql> sql;

  RowProgram asked() const;  // of a job without a program nothing
};

// Connects, and fills the summary's places. Error(usage) with the file's name for what is wrong with the job.
RowsJob open_rows_session(AppContext& context, BackfillTarget& target);
RowsJob open_rows(AppContext& context, BackfillTarget& target);

// Steps as assignments, carried out in turn. Error(usage).
RowJob make_row_job(const BackfillJob& job, const RowTarget& table, const std::string& where);

}  // namespace bulk
