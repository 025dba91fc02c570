#include "backends/dump/folder_source.h"

#include <algorithm>
#include <vector>

#include "backends/dump/folder_store.h"
#include "backends/dump/part_file.h"
#include "backends/dump/part_source.h"
#include "io/error.h"

namespace bulk {
namespace {

// A segment is a run of frames of one part: its bounds are the part's position in the manifest and, in the lower half,
// the number of a frame.
constexpr unsigned kFrameBits = 32;
constexpr std::uint64_t kFrameMask = (std::uint64_t{1} << kFrameBits) - 1;
constexpr std::uint64_t kLeastFrames = 4;  // of a segment, unless --segments says otherwise

class EmptyReader : public Reader {
 public:
  bool read(Batch&) override { return false; }
};

class FolderSource : public Source {
 public:
  FolderSource(const std::string& folder, std::shared_ptr<const DumpManifest> manifest,
               std::shared_ptr<const RowSchema> tables, const ReadOptions& options, const Stop& stop)
      : folder_(folder), manifest_(std::move(manifest)), tables_(std::move(tables)), options_(options) {
    choose();
    open_.resize(manifest_->parts.size());
    frames_.resize(manifest_->parts.size());
    for (const Chosen& chosen : chosen_) {
      stop.check();
      const auto part = open_part(chosen.part);
      frames_[chosen.part] = part->frames().size();
      for (const PartFrame& frame : part->frames()) {
        largest_ = std::max<std::size_t>(largest_, frame.plain_bytes);
      }
    }
  }

  // The biggest first, so that the last ones to be read are small.
  std::vector<Segment> plan() override {
    std::vector<const Chosen*> order;
    for (const Chosen& chosen : chosen_) order.push_back(&chosen);
    std::stable_sort(order.begin(), order.end(), [&](const Chosen* a, const Chosen* b) {
      return manifest_->parts[a->part].raw_bytes > manifest_->parts[b->part].raw_bytes;
    });
    std::vector<Segment> segments;
    for (const Chosen* chosen : order) add_segments(*chosen, segments);
    if (segments.empty()) segments.emplace_back();  // nothing to read is no reason to have nothing to show for it
    for (std::uint32_t i = 0; i < segments.size(); ++i) {
      segments[i].index = i;
      segments[i].count = static_cast<std::uint32_t>(segments.size());
    }
    return segments;
  }

  std::unique_ptr<Reader> open(const Segment& segment, const Cursor& from) override {
    if (segment.begin == segment.end) return std::make_unique<EmptyReader>();
    const std::uint64_t part = segment.begin >> kFrameBits;
    const std::uint64_t end = segment.end & kFrameMask;
    if (part >= frames_.size() || segment.end >> kFrameBits != part || end > frames_[part]) {
      throw Error(ErrorKind::failed, folder_ + ": no segment of this dump");
    }
    return open_frames(open_part(part), segment.begin & kFrameMask, end, from, options_);
  }

  std::size_t largest_batch_bytes() const override { return largest_; }
  // As of a single part.
  bool proven_lines() const override { return true; }
  bool consistent() const override { return manifest_->consistent; }
  std::optional<ExpectedTotals> expected() const override {
    ExpectedTotals totals;
    for (const Chosen& chosen : chosen_) {
      const ManifestPart& part = manifest_->parts[chosen.part];
      totals.records += part.records;
      totals.raw_bytes += part.raw_bytes;
      totals.digest += part.digest;
    }
    return totals;
  }

 private:
  struct Chosen {
    std::size_t part;     // position in the manifest
    std::uint32_t table;  // Segment::table
  };

  void choose() {
    TablePositions wanted(options_.rows.get(), folder_);
    std::vector<std::optional<std::uint32_t>> positions;
    for (std::uint32_t i = 0; tables_ && i < tables_->tables.size(); ++i) {
      positions.push_back(wanted.find(tables_->tables[i], i));
    }
    if (tables_) wanted.check_all_found();
    for (std::size_t i = 0; i < manifest_->parts.size(); ++i) {
      const std::optional<std::uint32_t> position = tables_ ? positions[manifest_->parts[i].table] : 0;
      if (position) chosen_.push_back({i, *position});
    }
  }

  void add_segments(const Chosen& chosen, std::vector<Segment>& segments) const {
    const std::uint64_t frames = frames_[chosen.part];
    const std::uint64_t wanted =
        options_.segments ? *options_.segments : std::min<std::uint64_t>(options_.jobs * 2, frames / kLeastFrames);
    const std::uint64_t count = std::min(std::max<std::uint64_t>(wanted, 1), frames);
    const std::uint64_t base = std::uint64_t{chosen.part} << kFrameBits;
    for (std::uint64_t i = 0; i < count; ++i) {
      segments.push_back({0, 0, base | frames * i / count, base | frames * (i + 1) / count, chosen.table});
    }
  }

  // Compared with the manifest each time: it may have been replaced in between.
  std::shared_ptr<const PartFile> open_part(std::size_t position) {
    if (auto part = open_[position].lock()) return part;
    const ManifestPart& expected = manifest_->parts[position];
    auto part = open_manifest_part(folder_, expected);
    const std::string& table = tables_ ? tables_->tables[expected.table].full_name() : manifest_->header.table.name;
    if (part->header().dialect != manifest_->header.dialect || part->header().table.name != table) {
      throw corrupt_part(folder_, "part '" + expected.name + "' is of table '" + part->header().table.name +
                                      "', not of '" + table + "'");
    }
    open_[position] = part;
    return part;
  }

  const std::string folder_;
  const std::shared_ptr<const DumpManifest> manifest_;
  const std::shared_ptr<const RowSchema> tables_;
  const ReadOptions options_;
  std::vector<Chosen> chosen_;  // the parts that are read
  // By position in the manifest: how many frames a part that is read has; the part, while somebody reads it.
  std::vector<std::uint64_t> frames_;
  std::vector<std::weak_ptr<const PartFile>> open_;
  std::size_t largest_ = 0;  // frame
};

}  // namespace

TablePositions::TablePositions(const RowSchema* wanted, std::string dump) : wanted_(wanted), dump_(std::move(dump)) {
  for (std::uint32_t i = 0; wanted != nullptr && i < wanted->tables.size(); ++i) {
    positions_[{wanted->tables[i].schema, wanted->tables[i].name}] = i;
  }
}

std::optional<std::uint32_t> TablePositions::find(const RowTable& table, std::uint32_t own) {
  if (wanted_ == nullptr) return own;
  const auto found = positions_.find({table.schema, table.name});
  if (found == positions_.end()) return std::nullopt;
  const std::vector<RowColumn>& columns = wanted_->tables[found->second].columns;
  const bool same = std::equal(columns.begin(), columns.end(), table.columns.begin(), table.columns.end(),
                               [](const RowColumn& a, const RowColumn& b) { return a.name == b.name; });
  if (!same) throw Error(ErrorKind::refused, dump_ + ": table " + table.full_name() + " has other columns");
  ++found_;
  return found->second;
}

void TablePositions::check_all_found() const {
  if (found_ == positions_.size()) return;
  throw Error(ErrorKind::not_found, dump_ + " does not hold all of the tables that are to be read",
              "bulk inspect " + dump_ + " lists those that it holds");
}

std::unique_ptr<Source> make_folder_source(const std::string& folder, std::shared_ptr<const DumpManifest> manifest,
                                           std::shared_ptr<const RowSchema> tables, const ReadOptions& options,
                                           const Stop& stop) {
  return std::make_unique<FolderSource>(folder, std::move(manifest), std::move(tables), options, stop);
}

}  // namespace bulk
