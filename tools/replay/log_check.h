// One log's part in a structure check: its pieces are read by any thread and taken in order.
#ifndef NAKADACHI_TOOLS_REPLAY_LOG_CHECK_H_
#define NAKADACHI_TOOLS_REPLAY_LOG_CHECK_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/evidence/log_reader.h"
#include "common/ledger/tree_edge.h"
#include "tools/replay/bundle_check.h"
#include "tools/replay/checkpoint_judge.h"
#include "tools/replay/peaks.h"
#include "tools/replay/structure.h"
#include "tools/replay/tampering.h"

namespace nakadachi::replay {

// A piece: what a thread reads at once.
constexpr uint64_t kBundlesAPiece = 4;
using Bundles = std::array<BundleCheck, kBundlesAPiece>;

// How many bundles of a log there are to read, by its files of entries or of statements: all,
// unless the last ones are not there: then up to the first behind the last that is. What lies
// beyond 256 bundles for each file that the log has counts as not there.
uint64_t BundlesToRead(const evidence::LogReader& reader, evidence::FileKind kind);

class LogCheck {
 public:
  static uint64_t PiecesOf(uint64_t bundles) {
    return (bundles + kBundlesAPiece - 1) / kBundlesAPiece;
  }

  // Reads the checkpoints. `bundles` as BundlesToRead says. The options outlive it.
  LogCheck(const StructureOptions& options, evidence::LogReader reader, uint64_t bundles);

  // Reads and hashes. By several threads at once, also while other pieces are taken.
  void Make(uint64_t piece, Bundles& bundles) const;
  // In order. Returns how many entries were read so far.
  uint64_t Take(uint64_t piece, Bundles& bundles);
  // After the last piece.
  StructureReport End();

 private:
  // Streaming.
  uint64_t EndOf(uint64_t piece) const { return std::min(bundles_, (piece + 1) * kBundlesAPiece); }
  bool EndsWithin(uint64_t bundle) const;
  void TakeBundle(BundleCheck& bundle);
  void NoteFiles(const BundleCheck& bundle);
  void NoteBodies(const BundleCheck& bundle);
  void NoteRoots(const BundleCheck& bundle);
  void Grow(const BundleCheck& bundle);
  void GrowDirectory(absl::Span<const Entry> run);
  void CompareUpperTiles(const std::vector<ledger::PlacedTile>& tiles);
  void Differs(int level, uint64_t index, uint64_t place);

  // The end.
  void Conclude();
  void ExplainEntries(bool tiles_are_signed);
  void CompareDamaged();
  void FindSwaps(std::vector<Comparison>* changed);
  void ReportChangedTiles();
  void Finish();

  void Add(StructureKind kind, const std::string& file, std::string reason);
  void AddAt(StructureKind kind, uint64_t index, std::string reason);
  void AddStreamed(StructureFinding finding);
  void AddSure(StructureFinding finding);
  void BadFile(const evidence::FileName& name, const absl::Status& status);

  const StructureOptions& options_;
  const evidence::LogReader reader_;
  const uint64_t bundles_;
  CheckpointJudge judge_;
  Ed25519PublicKey trust_anchor_{};
  StructureReport report_;
  std::vector<StructureFinding> streamed_;
  std::vector<StructureFinding> sure_;
  std::vector<uint64_t> sizes_;

  // Two trees: by the entries, and by the lowest tiles; where one is unreadable, by the other.
  Peaks entry_peaks_;
  Peaks tile_peaks_;
  CheckpointJudge::Roots entry_roots_;
  CheckpointJudge::Roots tile_roots_;
  // By the entries, a leaf for a bundle: its tile level L is the log's level L + 1.
  ledger::TreeEdge edge_;
  bool broken_ = false;          // neither could be read: no roots from here on
  bool entries_whole_ = true;    // all entries were read
  bool runs_are_signed_ = true;  // what was handed on is what the tiles say was signed
  // The first hash of a tile, by its place there, that the entries do not lead to.
  std::map<std::pair<int, uint64_t>, uint64_t> differing_;
  std::vector<uint64_t> damaged_;       // bundles whose entries are not of the form or number
  uint64_t missing_from_ = UINT64_MAX;  // the bundles from here on have no entries, so far
  std::vector<std::pair<evidence::FileName, absl::Status>> missing_;  // files of those
  CheckpointJudge::Changes changes_;
};

}  // namespace nakadachi::replay

#endif  // NAKADACHI_TOOLS_REPLAY_LOG_CHECK_H_
