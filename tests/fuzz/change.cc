// A change line up to a NUL, then an item. What is accepted is the same when it is written again, and whatever the item
// is, carrying the change out leads to where it says; of a legal item that is what the change was computed from,
// turning it around leads back.
#include "codecs/change.h"

#include "codecs/item.h"
#include "codecs/json_check.h"
#include "tests/fuzz/target.h"

using namespace bulk;

namespace {

bool same(const Change& a, const Change& b) {
  if (a.key != b.key || a.touched.size() != b.touched.size() || a.given.size() != b.given.size() ||
      a.void_before != b.void_before) {
    return false;
  }
  for (std::size_t i = 0; i < a.touched.size(); ++i) {
    const ChangedAttribute& one = a.touched[i];
    const ChangedAttribute& other = b.touched[i];
    if (one.name != other.name || one.name_json != other.name_json || one.before != other.before ||
        one.after != other.after) {
      return false;
    }
  }
  for (std::size_t i = 0; i < a.given.size(); ++i) {
    const GivenAttribute& one = a.given[i];
    const GivenAttribute& other = b.given[i];
    if (one.name != other.name || one.name_json != other.name_json || one.value != other.value) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view line = input.part();
  const std::string_view item = input.rest();
  ChangeReader reader;
  Change change;
  if (!reader.read(line, change)) {
    HOLDS(!reader.problem().empty());
    return 0;
  }
  HOLDS(!change.key.empty() && (change.void_before || !change.touched.empty()));
  for (const ChangedAttribute& attribute : change.touched) HOLDS(!attribute.before.empty() || !attribute.after.empty());

  std::string written, again;
  append_change_line(written, change);
  HOLDS(check_json(written).text.empty());
  ChangeReader second;
  Change reread;
  HOLDS(second.read(written, reread));
  // Before is read first there: attributes that are only made may have stood in front.
  HOLDS(reread.touched.size() == change.touched.size() && reread.given.size() == change.given.size());
  append_change_line(again, reread);
  ChangeReader third;
  Change last;
  HOLDS(third.read(again, last) && same(reread, last));

  ItemView view;
  view.reset(item);
  ItemScanner scanner;
  ItemFacts facts;
  if (!scanner.scan(item, facts) || facts.length != item.size()) {
    still_as_read(change, view);
    is_carried_out(change, view);
    return 0;
  }
  std::string after;
  append_changed_item(change, view, after);
  ItemFacts after_facts;
  HOLDS(scanner.scan(after, after_facts) && after_facts.length == after.size());
  ItemView after_view;
  after_view.reset(after);
  HOLDS(is_carried_out(change, after_view));
  if (!still_as_read(change, view)) return 0;
  for (ChangedAttribute& attribute : change.touched) std::swap(attribute.before, attribute.after);
  std::string back;
  append_changed_item(change, after_view, back);
  ItemFacts back_facts;
  HOLDS(scanner.scan(back, back_facts) && back_facts.digest == facts.digest);
  return 0;
}
