// What a backfill of rows would do, without doing it: for dry runs and verification. Counting happens in a transaction
// that can only read; of a few rows the change is made and taken back, to show it as it would be. Used by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backends/postgres/row_backfill.h"

namespace bulk {

struct RowSample {
  struct Value {
    std::string column;
    std::optional<std::string> before, after;  // JSON, as in a dump's line; nothing: NULL
  };
  std::string key;
  std::vector<Value> values;  // those that change
};

class RowLook {
 public:
  // As RowBackfill; no lock is needed.
  RowLook(RowSession& session, const RowSql& sql, RowProgram program);

  struct Found {
    std::uint64_t looked = 0;
    std::uint64_t changes = 0;  // rows; of a job that cannot tell, at most
    std::vector<RowSample> samples;
    std::vector<std::string> keys;  // of rows that would be changed
  };
  // Looks at the first `rows` rows (0: all), and gives at most so many samples and keys. `looked_at` is told now and
  // then how far it is. Error(failed) when PostgreSQL refuses a row.
  Found look(std::uint64_t rows, std::size_t samples, std::size_t keys,
             const std::function<void(std::uint64_t)>& looked_at);

 private:
  std::optional<PgFailure> count(PgConnection& connection, const RowKey& last, std::size_t keys, Found& found);
  std::optional<PgFailure> show(PgConnection& connection, const RowKey& last, std::size_t samples, Found& found);
  void ask_program(std::uint64_t rows, std::size_t samples, std::size_t keys, Found& found,
                   const std::function<void(std::uint64_t)>& looked_at);
  std::optional<PgFailure> ask_about(PgConnection& connection, const RowKey& after, RowKey& last, std::uint64_t most,
                                     std::size_t samples, std::size_t keys, Found& found);
  void must(const std::optional<PgFailure>& failure) const;

  RowSession& session_;
  const RowSql& sql_;
  std::optional<RowAnswers> answers_;
};

}  // namespace bulk
