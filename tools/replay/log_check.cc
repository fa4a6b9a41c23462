#include "tools/replay/log_check.h"

#include <filesystem>
#include <functional>
#include <system_error>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/check.h"
#include "common/evidence/statement_kind.h"

namespace nakadachi::replay {
namespace {

namespace fs = std::filesystem;

using evidence::BodyState;
using evidence::FileKind;
using evidence::FileName;
using evidence::kWidth;

// A checkpoint may promise any number of entries, and a file may have any name: so many bundles are
// tried for each file that is there.
constexpr uint64_t kTriedAFile = 256;
constexpr size_t kMaxDiffering = 4096;
// How many bundles that are not the signed ones are looked at closely.
constexpr size_t kMaxCompared = 64;

bool IsSorted(const StructureFinding& a, const StructureFinding& b) {
  return std::make_tuple(!a.has_index, a.index, a.kind) <
         std::make_tuple(!b.has_index, b.index, b.kind);
}

// Calls `visit` for what lies in a folder of a log, by its name there, while it returns true.
void Walk(const std::string& log, absl::string_view folder,
          const std::function<bool(const std::string& name)>& visit) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(absl::StrCat(log, "/", folder), error), end;
       !error && it != end; it.increment(error)) {
    if (!visit(it->path().string().substr(log.size() + 1))) return;
  }
}

// Of all kinds, up to `enough`.
uint64_t CountFiles(const std::string& log, uint64_t enough) {
  uint64_t files = 0;
  const auto count = [&](const std::string&) { return ++files < enough; };
  Walk(log, "tile", count);
  Walk(log, "statements", count);
  return std::min(files, enough);
}

}  // namespace

uint64_t BundlesToRead(const evidence::LogReader& reader, FileKind kind) {
  const uint64_t bundles = reader.bundles();
  if (bundles == 0) return 0;
  const uint64_t most = kTriedAFile * CountFiles(reader.folder(), bundles / kTriedAFile + 1);
  const uint64_t last = bundles - 1;
  const FileName last_name{kind, 0, last, evidence::WidthOf(reader.size(), 0, last)};
  std::error_code error;
  if (most >= bundles &&
      fs::exists(absl::StrCat(reader.folder(), "/", last_name.ToString()), error))
    return bundles;
  uint64_t found = 0;
  Walk(reader.folder(), kind == FileKind::kEntries ? "tile/entries" : "statements",
       [&](const std::string& path) {
         const absl::StatusOr<FileName> name = FileName::Parse(path);
         if (name.ok() && name->index < std::min(last, most))
           found = std::max(found, name->index + 1);
         return true;
       });
  return found + 1;
}

LogCheck::LogCheck(const StructureOptions& options, evidence::LogReader reader, uint64_t bundles)
    : options_(options),
      reader_(std::move(reader)),
      bundles_(bundles),
      judge_(reader_, options_.author) {
  NAKADACHI_CHECK(options_.directory != nullptr);
  if (options_.author.IsBroker() && options_.directory->sequence() == 0) {
    const std::vector<Ed25519PublicKey> keys = options_.directory->KeysAt(Author::Broker(), 0);
    if (!keys.empty()) trust_anchor_ = keys.front();
  }
  report_.author = options_.author;
  report_.readable = true;
  report_.size = reader_.size();
  report_.checkpoint = reader_.checkpoint().note;
  report_.checkpoint_ms = reader_.checkpoint().parsed.checkpoint.time_ms;
  judge_.Collect(options_.seen_checkpoints, &sure_);
  report_.checkpoints = judge_.count();
  sizes_ = judge_.Sizes();
  if (reader_.size() == 0) entry_roots_[0] = tile_roots_[0] = merkle::EmptyRoot();
  if (!sizes_.empty() && sizes_.front() == 0) entry_roots_[0] = merkle::EmptyRoot();
  broken_ = bundles_ < reader_.bundles();
}

StructureReport LogCheck::End() {
  CompareUpperTiles(edge_.LastTiles());
  Conclude();
  return std::move(report_);
}

void LogCheck::Make(uint64_t piece, Bundles& bundles) const {
  for (uint64_t n = piece * kBundlesAPiece; n < EndOf(piece); ++n) {
    BundleCheck& bundle = bundles[n % kBundlesAPiece];
    bundle.Check(reader_, options_.author, n, EndsWithin(n));
    if (options_.consumer != nullptr)
      bundle.prepared() = options_.consumer->Prepare(options_.author, bundle.run());
  }
}

uint64_t LogCheck::Take(uint64_t piece, Bundles& bundles) {
  for (uint64_t n = piece * kBundlesAPiece; n < EndOf(piece); ++n)
    TakeBundle(bundles[n % kBundlesAPiece]);
  return report_.entries;
}

bool LogCheck::EndsWithin(uint64_t bundle) const {
  const auto next = std::upper_bound(sizes_.begin(), sizes_.end(), bundle * kWidth);
  return next != sizes_.end() && *next < (bundle + 1) * kWidth;
}

void LogCheck::TakeBundle(BundleCheck& bundle) {
  NoteFiles(bundle);
  NoteBodies(bundle);
  Grow(bundle);
  if (options_.author.IsBroker()) GrowDirectory(bundle.run());
  if (options_.consumer != nullptr)
    options_.consumer->Take(options_.author, bundle.run(), std::move(bundle.prepared()));
}

void LogCheck::NoteFiles(const BundleCheck& bundle) {
  const uint64_t n = bundle.first() / kWidth;
  const auto name = [&](FileKind kind) { return FileName{kind, 0, n, bundle.width()}; };
  const std::pair<FileKind, const absl::Status&> files[] = {
      {FileKind::kEntries, bundle.entries_status()},
      {FileKind::kTile, bundle.tile_status()},
      {FileKind::kStatements, bundle.statements_status()}};
  if (!bundle.has_entries()) {
    entries_whole_ = false;
    if (!absl::IsNotFound(bundle.entries_status()) && damaged_.size() < kMaxCompared)
      damaged_.push_back(n);
  }
  if (absl::IsNotFound(bundle.entries_status())) {
    if (missing_from_ == UINT64_MAX) missing_from_ = n;
    // Whether they are missing or the log ends here will be seen.
    for (const auto& [kind, status] : files) {
      if (!status.ok() && missing_.size() < 3 * options_.max_findings)
        missing_.emplace_back(name(kind), status);
    }
    return;
  }
  for (const auto& [file, status] : missing_) BadFile(file, status);
  missing_.clear();
  missing_from_ = UINT64_MAX;
  for (const auto& [kind, status] : files) {
    if (!status.ok()) BadFile(name(kind), status);
  }
}

void LogCheck::NoteBodies(const BundleCheck& bundle) {
  for (const uint64_t index : bundle.changed_bodies())
    AddAt(StructureKind::kChangedBody, index, "Salt and statement do not fit the commitment.");
  for (const uint64_t index : bundle.foreign_statements())
    AddAt(StructureKind::kForeignStatement, index,
          "It is no statement of a known kind by the log's author.");
  for (const Entry& entry : bundle.run()) {
    if (entry.commitment.empty()) continue;
    ++report_.entries;
    switch (entry.body.state) {
      case BodyState::kPresent:
        ++report_.present;
        break;
      case BodyState::kErased:
        ++report_.erased;
        break;
      case BodyState::kWithheld:
        ++report_.withheld;
        break;
      case BodyState::kAbsent:
        ++report_.absent;
        break;
      case BodyState::kUnreadable:
        ++report_.unreadable;
        break;
    }
  }
  // They are handed on without their bodies.
  report_.changed += bundle.changed_bodies().size();
  report_.absent -= bundle.changed_bodies().size();
}

// The roots at the sizes of checkpoints that end within a bundle, or with a last, partial one.
void LogCheck::NoteRoots(const BundleCheck& bundle) {
  auto size = std::upper_bound(sizes_.begin(), sizes_.end(), bundle.first());
  if (bundle.entry_leaves().empty()) return;
  Peaks entries = entry_peaks_;
  Peaks tiles = tile_peaks_;
  for (uint64_t i = 0; i < bundle.width() && i + 1 < kWidth && size != sizes_.end(); ++i) {
    entries.Add(0, bundle.entry_leaves()[i]);
    tiles.Add(0, bundle.tile_leaves()[i]);
    if (bundle.first() + i + 1 != *size) continue;
    entry_roots_[*size] = entries.Root();
    tile_roots_[*size] = tiles.Root();
    ++size;
  }
}

void LogCheck::Grow(const BundleCheck& bundle) {
  broken_ |= !bundle.usable();
  runs_are_signed_ &= bundle.run_is_signed();
  if (bundle.differs()) {
    const uint64_t place = bundle.first_difference() - bundle.first();
    Differs(0, bundle.first() / kWidth, place);
  }
  if (broken_) return;
  NoteRoots(bundle);
  if (bundle.width() < kWidth) return;
  entry_peaks_.Add(8, bundle.entries_root());
  tile_peaks_.Add(8, bundle.tile_root());
  const uint64_t end = bundle.first() + kWidth;
  if (std::binary_search(sizes_.begin(), sizes_.end(), end)) {
    entry_roots_[end] = entry_peaks_.Root();
    tile_roots_[end] = tile_peaks_.Root();
  }
  edge_.Append(bundle.entries_root());
  if (edge_.FullTiles().empty()) return;
  CompareUpperTiles(edge_.FullTiles());
  edge_.Settle();
}

void LogCheck::GrowDirectory(absl::Span<const Entry> run) {
  for (const Entry& entry : run) {
    if (entry.body.state != BodyState::kPresent ||
        evidence::KindOf(entry.body.statement) != v1::Statement::kDirectory)
      continue;
    v1::Statement statement;
    if (!statement.ParseFromArray(entry.body.statement.data(),
                                  static_cast<int>(entry.body.statement.size())))
      continue;
    if (options_.directory->Apply(statement).ok()) ++report_.directory_statements;
    changes_.emplace_back(entry.index, std::move(statement));
  }
}

void LogCheck::CompareUpperTiles(const std::vector<ledger::PlacedTile>& tiles) {
  evidence::HashTile file;
  for (const ledger::PlacedTile& placed : tiles) {
    const absl::Span<const Hash> computed = placed.tile->Hashes();
    const int level = placed.id.level + 1;
    const uint64_t width = evidence::WidthOf(reader_.size(), level, placed.id.index);
    // After a break the edge is shorter than the tree.
    if (width == 0 || computed.size() != width) continue;
    const absl::Status status = reader_.ReadTile(level, placed.id.index, &file);
    if (!status.ok()) {
      BadFile({FileKind::kTile, level, placed.id.index, width}, status);
      continue;
    }
    size_t i = 0;
    while (i < width && file.view(i) == AsView(computed[i])) ++i;
    if (i < width) Differs(level, placed.id.index, i);
  }
}

void LogCheck::Conclude() {
  const ledger::Checkpoint& newest = reader_.checkpoint().parsed.checkpoint;
  const auto leads_to_root = [&newest](const CheckpointJudge::Roots& roots) {
    const auto root = roots.find(newest.size);
    return root != roots.end() && root->second == newest.root;
  };
  const bool entries_hold = leads_to_root(entry_roots_);
  const bool tiles_hold = leads_to_root(tile_roots_);
  const auto root = entry_roots_.find(newest.size);
  if (root != entry_roots_.end()) report_.root = std::string(AsView(root->second));

  if (options_.author.IsBroker()) {
    judge_.JudgeBroker(*options_.directory, trust_anchor_, changes_, entry_roots_);
  } else {
    judge_.JudgeMember(*options_.directory);
  }
  const auto& may_lack = options_.directory_may_lack;
  const uint64_t unseen =
      reader_.size() - report_.entries + report_.absent + report_.changed + report_.unreadable;
  if (options_.author.IsBroker() ? unseen > 0 : may_lack && may_lack()) judge_.MayLackKeys();
  if (missing_from_ != UINT64_MAX) {
    StructureFinding finding;
    finding.kind = StructureKind::kTruncated;
    finding.has_index = true;
    finding.index = missing_from_ * kWidth;
    finding.other = newest.size;
    finding.reason = absl::StrCat("The checkpoint is of ", newest.size, " entries; those from ",
                                  finding.index, " on are not there.");
    AddSure(std::move(finding));
  }
  if (entries_hold) {
    ReportChangedTiles();
    CompareDamaged();
  } else {
    ExplainEntries(tiles_hold);
  }
  judge_.Report(entry_roots_, entries_hold, &sure_);
  report_.verifier_key = judge_.verifier_key();
  CheckpointJudge::Cosigned cosigned = judge_.FindCosigned(*options_.directory);
  report_.cosigned_size = cosigned.size;
  report_.cosigned_by = std::move(cosigned.by);
  report_.rooted = entries_hold || (tiles_hold && runs_are_signed_);
  report_.proven = entries_hold && entries_whole_ && judge_.newest_signed();
  Finish();
}

// The entries lead to the signed root, so where a tile differs it is the tile that was changed.
void LogCheck::ReportChangedTiles() {
  for (const auto& [tile, place] : differing_) {
    const auto [level, index] = tile;
    const FileName name{FileKind::kTile, level, index,
                        evidence::WidthOf(reader_.size(), level, index)};
    StructureFinding finding;
    finding.kind = StructureKind::kChangedTile;
    finding.author = options_.author;
    finding.file = absl::StrCat(options_.author.ToString(), "/", name.ToString());
    finding.has_index = true;
    finding.index = (index * kWidth + place) << (8 * level);
    finding.other = finding.index + (uint64_t{1} << (8 * level)) - 1;
    finding.reason = absl::StrCat("Hash ", place, " is not that of the signed entries.");
    AddStreamed(std::move(finding));
  }
}

// Files of entries that are too short or too long, beside tiles that are the signed ones.
void LogCheck::CompareDamaged() {
  for (const uint64_t bundle : damaged_) AddSure(CompareBundle(reader_, bundle).finding);
}

void LogCheck::ExplainEntries(bool tiles_are_signed) {
  if (!tiles_are_signed && !broken_) {
    AddSure(FindRewritten(reader_, differing_, judge_.ProvenSize(entry_roots_)));
    return;
  }
  std::vector<uint64_t> bundles = damaged_;
  for (const auto& [tile, place] : differing_) {
    if (tile.first == 0 && bundles.size() < kMaxCompared) bundles.push_back(tile.second);
  }
  std::sort(bundles.begin(), bundles.end());
  std::vector<Comparison> changed;
  for (const uint64_t bundle : bundles) {
    Comparison comparison = CompareBundle(reader_, bundle);
    const StructureKind kind = comparison.finding.kind;
    const uint64_t index = comparison.finding.index;
    if (kind == StructureKind::kChangedEntry) {
      changed.push_back(std::move(comparison));
      continue;
    }
    AddSure(std::move(comparison.finding));
    if (kind != StructureKind::kRemovedEntry && kind != StructureKind::kInsertedEntry) continue;
    // All that follows moved: nothing more can be told apart.
    streamed_.erase(std::remove_if(streamed_.begin(), streamed_.end(),
                                   [index](const StructureFinding& finding) {
                                     return finding.has_index && finding.index >= index;
                                   }),
                    streamed_.end());
    report_.more_findings = 0;
    break;
  }
  FindSwaps(&changed);
}

// Two changed entries of different files may be each other's.
void LogCheck::FindSwaps(std::vector<Comparison>* changed) {
  for (size_t i = 0; i < changed->size(); ++i) {
    Comparison& one = (*changed)[i];
    const auto other = std::find_if(
        changed->begin() + static_cast<ptrdiff_t>(i) + 1, changed->end(),
        [&one](const Comparison& c) { return c.expected == one.found && c.found == one.expected; });
    if (other != changed->end()) {
      one.finding.kind = StructureKind::kSwappedEntries;
      one.finding.other = other->finding.index;
      one.finding.reason = absl::StrCat("It and entry ", one.finding.other, " changed places.");
      changed->erase(other);
    }
    AddSure(one.finding);
  }
}

void LogCheck::Finish() {
  std::vector<StructureFinding>& findings = report_.findings;
  findings = std::move(sure_);
  findings.insert(findings.end(), std::make_move_iterator(streamed_.begin()),
                  std::make_move_iterator(streamed_.end()));
  std::stable_sort(findings.begin(), findings.end(), IsSorted);
  const size_t most = std::max<size_t>(1, options_.max_findings);
  if (findings.size() <= most) return;
  report_.more_findings += findings.size() - most;
  findings.resize(most);
}

void LogCheck::Add(StructureKind kind, const std::string& file, std::string reason) {
  StructureFinding finding;
  finding.kind = kind;
  finding.file = file.empty() ? "" : absl::StrCat(options_.author.ToString(), "/", file);
  finding.reason = std::move(reason);
  AddStreamed(std::move(finding));
}

void LogCheck::AddAt(StructureKind kind, uint64_t index, std::string reason) {
  StructureFinding finding;
  finding.kind = kind;
  finding.has_index = true;
  finding.index = finding.other = index;
  finding.reason = std::move(reason);
  AddStreamed(std::move(finding));
}

// Of these there may be as many as entries.
void LogCheck::AddStreamed(StructureFinding finding) {
  finding.author = options_.author;
  if (streamed_.size() < options_.max_findings) {
    streamed_.push_back(std::move(finding));
  } else {
    ++report_.more_findings;
  }
}

void LogCheck::AddSure(StructureFinding finding) {
  finding.author = options_.author;
  sure_.push_back(std::move(finding));
}

void LogCheck::BadFile(const FileName& name, const absl::Status& status) {
  const bool missing = absl::IsNotFound(status);
  Add(missing ? StructureKind::kMissingFile : StructureKind::kUnreadable, name.ToString(),
      missing ? "The tree has this file; it is not there." : std::string(status.message()));
}

void LogCheck::Differs(int level, uint64_t index, uint64_t place) {
  if (differing_.size() < kMaxDiffering) differing_.emplace(std::make_pair(level, index), place);
}

}  // namespace nakadachi::replay
