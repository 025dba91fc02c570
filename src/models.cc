#include "src/models.h"

#include "io/error.h"

namespace bulk {

void agree_on_model(std::unique_ptr<Store>& first, std::unique_ptr<Store>& second) {
  const bool is_first = first->rows() != nullptr;
  if (is_first == (second->rows() != nullptr)) return;
  std::unique_ptr<Store>& database = is_first ? first : second;
  Store& other = is_first ? *second : *first;
  if (other.is_dump() && other.describe().dialect == kRowsDialect) return;
  std::unique_ptr<Store> items = database->rows()->items();
  if (!items) {
    throw Error(ErrorKind::usage, other.url() + " holds items, and " + database->url() + " is a database of rows",
                "name the table of items in it: " + database->url() + "#TABLE");
  }
  database = std::move(items);
}

}  // namespace bulk
