#include "codecs/item.h"

#include "codecs/item_walk.h"

namespace bulk {

ItemScanner::ItemScanner(const KeySchema* keys) : walk_(std::make_unique<ItemWalk>(keys)) {}
ItemScanner::~ItemScanner() = default;
ItemScanner::ItemScanner(ItemScanner&&) noexcept = default;
ItemScanner& ItemScanner::operator=(ItemScanner&&) noexcept = default;

bool ItemScanner::scan(std::string_view text, ItemFacts& facts) {
  return walk_->scan(text, facts, key_text_);
}

const ItemProblem& ItemScanner::problem() const noexcept {
  return walk_->problem();
}

std::string ItemScanner::canonical(std::string_view text) {
  ItemFacts facts;
  std::string out;
  if (scan(text, facts)) walk_->canonical(text, out);
  return out;
}

}  // namespace bulk
